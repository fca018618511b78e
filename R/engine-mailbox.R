# Events of tasks, kept from their arrival until they may be relayed.

is_immediate <- function(event, object) {
  event == "condition" && inherits(object, "immediateCondition")
}

# How many tasks at the head of `line` are done, of which `prefix` are known to be. It looks at a
# piece at a time: the line may be long, and most of it open.
done_in_line <- function(done, line, prefix) {
  repeat {
    ahead <- line[prefix + seq_len(min(1000, length(line) - prefix))]
    ready <- match(FALSE, done[ahead], nomatch = length(ahead) + 1L) - 1L
    prefix <- prefix + ready
    if (ready < length(ahead) || prefix == length(line)) return(prefix)
  }
}

# Events are relayed in the order of tasks, so each waits for those of earlier tasks.
# `add()` takes what has arrived: list(task, event, object), vectors of one length. An event
# is "condition" or "output", which have an object and are relayed; "misuse" (of random
# numbers); "travelled" (the value did not travel as it is: engine-packing.R); "discard" (the task runs again, so its events so far do not count); or
# "timeout". `flush(prefix)` relays the events of the first `prefix` tasks in relay order.
new_mailbox <- function(order, n, quiet = FALSE) {
  position <- if (is.null(order)) NULL else { p <- integer(n); p[order] <- seq_len(n); p }
  place <- function(tasks) if (is.null(position)) tasks else position[tasks]
  tasks <- integer(); events <- character(); objects <- list()
  misuse <- timeouts <- travelled <- integer()
  # By task: the calls in which its time was over.
  stacks <- list()
  # Batches of tasks whose events were relayed. When the share of a lost worker runs again,
  # its tasks send the same events again; these are not relayed twice.
  told <- list()
  again <- FALSE

  add <- function(arrived) {
    if (is.null(arrived)) return()
    new_tasks <- arrived$task; new_events <- arrived$event; new_objects <- arrived$object
    for (k in which(vapply(new_objects, inherits, NA, "rustle_travelled"))) {
      new_objects[[k]] <- arrived_value(new_objects[[k]], new_tasks[[k]])
    }
    for (k in which(!new_events %in% relayed_events)) {
      task <- new_tasks[[k]]
      switch(new_events[[k]],
        misuse = misuse <<- c(misuse, task),
        timeout = {
          timeouts <<- c(timeouts, task)
          stacks[[as.character(task)]] <<- new_objects[[k]]
        },
        travelled = travelled <<- c(travelled, task),
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
    now_events <- events[due]; now_objects <- objects[due]; now_tasks <- tasks[due]
    if (length(due)) {
      told[[length(told) + 1L]] <<- unique(tasks[due])
      tasks <<- tasks[-due]; events <<- events[-due]; objects <<- objects[-due]
    }
    for (k in seq_along(now_events)) relay_event(now_events[[k]], now_objects[[k]], quiet, now_tasks[[k]])
  }

  list(
    add = add, flush = flush,
    calls = function(task) trace_of_text(stacks[[as.character(task)]]),
    misuse = function() misuse, timeouts = function() timeouts, travelled = function() travelled
  )
}
