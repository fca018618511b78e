# Events of tasks between their arrival and their turn.

is_immediate <- function(code, object) {
  code == event_condition && inherits(object, "immediateCondition")
}

# Events that wait for the tasks before theirs. `add()` takes what arrived,
# `flush(prefix)` relays what belongs to the first `prefix` tasks in relay order.
new_mailbox <- function(order, n, quiet = FALSE) {
  position <- if (is.null(order)) NULL else { p <- integer(n); p[order] <- seq_len(n); p }
  place <- function(tasks) if (is.null(position)) tasks else position[tasks]
  tasks <- integer(); codes <- integer(); objects <- list()
  misuse <- timeouts <- integer()
  # Batches of tasks whose events were relayed: a share that runs again says the
  # same again, which is not told twice.
  told <- list()
  again <- FALSE

  add <- function(events) {
    if (is.null(events)) return()
    new_tasks <- events[[1L]]; new_codes <- events[[2L]]; new_objects <- events[[3L]]
    for (k in which(new_codes >= event_misuse)) {
      task <- new_tasks[[k]]
      if (new_codes[[k]] == event_misuse) misuse <<- c(misuse, task)
      if (new_codes[[k]] == event_timeout) timeouts <<- c(timeouts, task)
      if (new_codes[[k]] == event_discard) {
        again <<- TRUE
        keep <- tasks != task
        tasks <<- tasks[keep]; codes <<- codes[keep]; objects <<- objects[keep]
        stale <- seq_along(new_tasks) < k & new_tasks == task
        new_codes[stale & new_codes <= event_output] <- event_discard
      }
    }
    if (again) new_codes[new_tasks %in% unlist(told)] <- event_discard
    for (k in which(new_codes <= event_output)) {
      if (is_immediate(new_codes[[k]], new_objects[[k]])) {
        relay_event(new_codes[[k]], new_objects[[k]], quiet)
        new_codes[[k]] <- event_discard
      }
    }
    kept <- new_codes <= event_output
    tasks <<- c(tasks, new_tasks[kept])
    codes <<- c(codes, new_codes[kept])
    objects <<- c(objects, new_objects[kept])
  }

  flush <- function(prefix, last_task = n) {
    if (!length(tasks)) return()
    due <- which(place(tasks) <= prefix & tasks <= last_task)
    due <- due[order(place(tasks[due]))]
    now_codes <- codes[due]; now_objects <- objects[due]
    if (length(due)) {
      told[[length(told) + 1L]] <<- unique(tasks[due])
      tasks <<- tasks[-due]; codes <<- codes[-due]; objects <<- objects[-due]
    }
    for (k in seq_along(now_codes)) relay_event(now_codes[[k]], now_objects[[k]], quiet)
  }

  list(
    add = add, flush = flush,
    misuse = function() misuse, timeouts = function() timeouts
  )
}
