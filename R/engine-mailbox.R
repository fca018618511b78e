# Events of tasks between their arrival and their turn.

is_immediate <- function(event, object) {
  event == "condition" && inherits(object, "immediateCondition")
}

# Events that wait for the tasks before theirs. `add()` takes what arrived: list(task,
# event, object), vectors of one length; an event is "condition" or "output", which have
# an object and are relayed, or "misuse" (of random numbers), "discard" (what the task
# said is void: it runs again) or "timeout". `flush(prefix)` relays what belongs to the
# first `prefix` tasks in relay order.
new_mailbox <- function(order, n, quiet = FALSE) {
  position <- if (is.null(order)) NULL else { p <- integer(n); p[order] <- seq_len(n); p }
  place <- function(tasks) if (is.null(position)) tasks else position[tasks]
  tasks <- integer(); events <- character(); objects <- list()
  misuse <- timeouts <- integer()
  # Batches of tasks whose events were relayed: a share that runs again says the
  # same again, which is not told twice.
  told <- list()
  again <- FALSE

  add <- function(arrived) {
    if (is.null(arrived)) return()
    new_tasks <- arrived$task; new_events <- arrived$event; new_objects <- arrived$object
    for (k in which(!new_events %in% relayed_events)) {
      task <- new_tasks[[k]]
      switch(new_events[[k]],
        misuse = misuse <<- c(misuse, task),
        timeout = timeouts <<- c(timeouts, task),
        discard = {
          again <<- TRUE
          keep <- tasks != task
          tasks <<- tasks[keep]; events <<- events[keep]; objects <<- objects[keep]
          stale <- seq_along(new_tasks) < k & new_tasks == task
          new_events[stale & new_events %in% relayed_events] <- "discard"
        }
      )
    }
    if (again) new_events[new_tasks %in% unlist(told)] <- "discard"
    for (k in which(new_events %in% relayed_events)) {
      if (is_immediate(new_events[[k]], new_objects[[k]])) {
        relay_event(new_events[[k]], new_objects[[k]], quiet)
        new_events[[k]] <- "discard"
      }
    }
    kept <- new_events %in% relayed_events
    tasks <<- c(tasks, new_tasks[kept])
    events <<- c(events, new_events[kept])
    objects <<- c(objects, new_objects[kept])
  }

  flush <- function(prefix, last_task = n) {
    if (!length(tasks)) return()
    due <- which(place(tasks) <= prefix & tasks <= last_task)
    due <- due[order(place(tasks[due]))]
    now_events <- events[due]; now_objects <- objects[due]
    if (length(due)) {
      told[[length(told) + 1L]] <<- unique(tasks[due])
      tasks <<- tasks[-due]; events <<- events[-due]; objects <<- objects[-due]
    }
    for (k in seq_along(now_events)) relay_event(now_events[[k]], now_objects[[k]], quiet)
  }

  list(
    add = add, flush = flush,
    misuse = function() misuse, timeouts = function() timeouts
  )
}
