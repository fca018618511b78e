# The executor of plan(slurm): a call is a run (engine-slurm-run.R), whose chunks the elements
# of job arrays take (engine-slurm-element.R). The session lays the chunks down, submits,
# relays what comes, mends what is lost, and makes the outcome. It may end meanwhile: the
# elements go on, and the next session that makes the same call takes its place.

run_on_slurm <- function(job, plan) {
  settings <- slurm_settings(plan, job$origin)
  collected <- take_collected()
  if (!is.null(collected)) return(attend_run(collected$run, job, collected$identity))
  identity <- identity_of_job(job)
  call <- open_checkpointed_call(settings$dir, identity)
  run <- run_of_call(call)
  stored <- stored_values(call, identity, FALSE)
  left <- which(lengths(stored$values) == 0L)
  top <- if (!settings$wait) family_frame()
  envelope <- if (!settings$wait) envelope_of_call(top)
  with_run_lock(run, {
    open <- dir.exists(run) && !is_closed(run)
    if (open) {
      check_same_tasks(run, identity, job$origin)
      tell_checkpoint(sprintf("Goes on with what is under way in %s.", call), "resumed")
    } else {
      tell_stored(stored, identity)
      if (length(left)) lay_run(run, job, plan, settings, identity, left, envelope)
    }
  })
  if (!settings$wait) {
    if (open || length(left)) submit_first(run, job, identity)
    do.call("return", list(new_run_handle(call, envelope)), envir = sys.frame(top))
  }
  if (!open && !length(left)) {
    return(new_outcome(lapply(stored$values, `[[`, 1L), report = new_report(job, plan)))
  }
  attend_run(run, job, identity)
}

# A run of the same function with other elements goes on: its tasks must not run twice.
check_same_tasks <- function(run, identity, call) {
  order <- read_whole(file.path(run, "order.rds"))
  if (is.null(order)) stop_internal("a run has no order")
  if (identical(order$keys, identity$keys)) return()
  stop_slurm(sprintf(
    "A call of the same function with other elements is under way in %s: collect() or cancel() it first.", dirname(run)
  ), call)
}

submit_first <- function(run, job, identity) {
  watch <- new_watch(run, job, identity)
  submitted <- FALSE
  on.exit(if (!submitted) watch$abandon())
  watch$mend()
  submitted <- TRUE
}

# Looks after a run until it is over: the outcome. If it is left before that, by an error or an
# interrupt, nothing goes on.
attend_run <- function(run, job, identity) {
  watch <- new_watch(run, job, identity)
  progress <- new_progress(job, watch$workers, current_plan())
  on.exit(progress$close())
  over <- FALSE
  on.exit(if (!over) watch$abandon(), add = TRUE)
  begun <- seconds_now()
  asked <- -Inf
  repeat {
    watch$look()
    if (watch$is_over()) break
    now <- seconds_now()
    if (now - asked >= slurm_pace(now - begun)) {
      watch$mend()
      asked <- seconds_now()
    }
    progress$update(watch$finished(), watch$busy(), watch$seen)
    Sys.sleep(min(1, 0.1 + (now - begun) / 60))
  }
  progress$clear()
  outcome <- watch$outcome()
  over <- TRUE
  progress$close(if (job$on_error != "stop" || !length(outcome$failed)) job$n)
  outcome
}

# Seconds between questions to Slurm, by those that have gone by.
slurm_pace <- function(elapsed) if (elapsed < 5) 1 else if (elapsed < 120) 2 else 5

new_watch <- function(run, job, identity) {
  call <- dirname(run)
  order <- read_whole(file.path(run, "order.rds"))
  if (is.null(order)) stop_slurm(sprintf("There is no run in %s.", call), job$origin)
  settings <- order$slurm
  n <- job$n
  line <- if (is.null(job$policy$order)) seq_len(n) else job$policy$order
  prefix <- 0
  mailbox <- new_mailbox(job$policy$order, n, job$relay$quiet)
  values <- vector("list", n)
  # What is in no chunk was stored before.
  done <- !seq_len(n) %in% unlist(order$chunks)
  settled <- logical(length(order$chunks))
  failed <- kept <- integer()
  failure <- NULL
  heard <- ends <- character()
  turn <- integer(n)
  counted <- list(done = 0, forks = 0, claims = 0, steals = 0, losses = 0, bytes = 0)
  spans <- list()
  alive <- data.frame(id = character(), element = integer(), level = integer(), state = character())
  silent <- list()
  silence <- new_silence()

  last_needed <- function() if (order$stop_early && length(failed)) min(failed) else Inf

  look <- function() {
    records <- setdiff(list.files(file.path(run, "done"), "[.]rds$"), sprintf("%07d.rds", which(settled)))
    hear()
    for (name in sort(records)) {
      record <- read_whole(file.path(run, "done", name))
      if (!is.null(record)) settle(as.integer(sub("[.]rds$", "", name)), record)
    }
    relay()
    if (!is.null(failure)) stop_worker_lost(failure, all_values(), job$origin)
  }

  hear <- function() {
    for (name in setdiff(sort(list.files(file.path(run, "said"), "[.]rds$")), heard)) {
      events <- read_whole(file.path(run, "said", name))
      if (is.null(events)) next
      heard <<- c(heard, name)
      # A task that runs once more says everything once more.
      now <- as.integer(strsplit(name, "-", fixed = TRUE)[[1L]][[2L]]) + 1L
      tasks <- unique(events$task)
      again <- tasks[turn[tasks] > 0L & turn[tasks] < now]
      turn[tasks] <<- now
      if (length(again)) {
        mailbox$add(list(task = again, event = rep("discard", length(again)), object = vector("list", length(again))))
      }
      mailbox$add(events)
    }
  }

  settle <- function(number, record) {
    settled[[number]] <<- TRUE
    done[record$tasks] <<- TRUE
    values[record$kept] <<- record$values
    # An element knows no call of the session.
    if (is.finite(order$settings$timeout)) {
      for (k in which(vapply(record$values, inherits, NA, "rustle_error_timeout"))) {
        task <- record$kept[[k]]
        values[[task]] <<- new_timeout_error(task, order$settings$timeout, job$origin, record$values[[k]]$trace)
      }
    }
    kept <<- c(kept, record$kept)
    failed <<- union(failed, record$failed)
    if (!is.null(record$failure)) failure <<- record$failure
    counted$done <<- counted$done + length(record$tasks)
    for (what in names(record$report)) counted[[what]] <<- counted[[what]] + record$report[[what]]
    if (length(record$spans$end)) spans[[length(spans) + 1L]] <<- record$spans
  }

  relay <- function() {
    prefix <<- done_in_line(done, line, prefix)
    mailbox$flush(prefix, min(last_needed(), n))
  }

  is_over <- function() {
    needed <- last_needed()
    if (is.infinite(needed)) return(all(settled))
    all(settled | vapply(order$chunks, function(tasks) all(tasks > needed), NA))
  }

  # Values from the journals and the records: a list, and where there are none.
  all_values <- function() {
    stored <- stored_values(call, identity, FALSE)$values
    there <- setdiff(which(lengths(stored) > 0L), kept)
    out <- values
    out[there] <- lapply(stored[there], `[[`, 1L)
    attr(out, "missing") <- setdiff(seq_len(n), c(there, kept))
    out
  }

  outcome <- function() {
    failed <- sort(failed)
    stopping <- order$stop_early && length(failed) > 0L
    out <- all_values()
    # A file system of a network may show what a node has written some seconds later.
    until <- seconds_now() + 30
    while (!stopping && length(attr(out, "missing")) && seconds_now() < until) {
      Sys.sleep(0.5)
      out <- all_values()
    }
    if (!stopping && length(attr(out, "missing"))) {
      stop_internal(sprintf("%s has no value in %s", enumerate_tasks(attr(out, "missing")), call), call = job$origin)
    }
    attr(out, "missing") <- NULL
    arrived <- arrive_values(out, mailbox$travelled(), job$origin)
    mailbox$flush(Inf, if (stopping) failed[[1L]] else n)
    misuse <- mailbox$misuse()
    if (length(misuse) && !stopping) warn_rng_misuse(job, min(misuse))
    if (!is.null(arrived$dead) && !stopping) warn_dead(arrived$dead)
    end_arrays(all = stopping)
    close_run(run, if (stopping) "error" else "finished")
    all <- bound_spans(spans)
    # Elements tell the time of day.
    if (!is.null(all)) all[c("start", "end")] <- lapply(all[c("start", "end")], `-`, as.numeric(Sys.time()) - rs_now())
    plan <- list(workers = order$nodes * order$cores, executor = list(name = "slurm"))
    new_outcome(arrived$values, failed, report = new_report(job, plan, c(counted, list(spans = all))))
  }

  # What elements have told last of the chunks that they have: a list of seen_of_chunk(). The files
  # are looked at every two seconds.
  told <- list()
  looked <- -Inf
  chunks_seen <- function() {
    if (isTRUE(order$progress) && seconds_now() - looked >= 2) {
      looked <<- seconds_now()
      files <- list.files(file.path(run, "elements"), "[.]seen$", full.names = TRUE)
      files <- files[!file.exists(sub("seen$", "end", files))]
      told <<- unlist(lapply(files, read_whole), recursive = FALSE)
    }
    Filter(function(part) !settled[[part$chunk]], told)
  }
  seen <- function() bound_spans(lapply(chunks_seen(), `[[`, "seen"))

  # Elements that are not known to have ended: a data frame (array, id, element, level).
  open_elements <- function() {
    rows <- lapply(read_arrays(run), function(array) {
      elements <- seq_len(array$count)
      ended <- file.exists(element_file(run, array$number, elements, "end"))
      if (all(ended)) return(NULL)
      data.frame(
        array = array$number, id = array$id, count = array$count, element = elements[!ended], level = array$level,
        age = as.numeric(difftime(Sys.time(), array$time, units = "secs"))
      )
    })
    do.call(rbind, rows)
  }

  # Asks Slurm, gives back what dead elements had, and submits for what waits.
  mend <- function() {
    adopt_arrays(run)
    # Slurm does not answer, and may have what would be submitted again.
    if (any(vapply(read_arrays(run), function(array) is.na(array$id), NA))) return(silence$silent())
    open <- open_elements()
    states <- if (!is.null(open)) slurm_states(unique(open$id), silence$silent)
    if (!is.null(open) && is.null(states)) return()
    if (!is.null(open)) silence$answers()
    dead <- NULL
    if (!is.null(open)) {
      at <- match(paste(open$id, open$element), paste(states$id, states$element))
      open$state <- ifelse(is.na(at), ifelse(open$age < 10, "PENDING", "GONE"), states$state[at])
      open$reason <- ifelse(is.na(at), "Slurm knows nothing of it any more", states$reason[at])
      open$node <- ifelse(is.na(at), "", states$node[at])
      hopeless <- open$state == "PENDING" & is_hopeless(open$reason)
      if (any(hopeless)) {
        stop_slurm(sprintf(
          "Slurm will not start the job array %s: %s. The plan asks for more than the partition or the account may have.",
          open$id[hopeless][[1L]], open$reason[hopeless][[1L]]
        ), job$origin, reason = open$reason[hopeless][[1L]])
      }
      living <- is_alive_state(open$state)
      alive <<- open[living, names(alive)]
      dead <- open[!living, ]
    } else {
      alive <<- alive[0L, ]
    }
    tell_nodes(run)
    with_run_lock(run, {
      if (is_closed(run)) {
        # Another session has seen the end, which look() will find too.
        if (!identical(read_whole(file.path(run, "closed")), "cancelled")) return()
        stop_slurm(sprintf("The run in %s was cancelled.", call), job$origin, values = all_values())
      }
      read_ends()
      for (k in seq_len(NROW(dead))) bury(dead[k, ])
      for (chunk in chunks_in(run, "taken")) if (has_ended(chunk)) put_back(run, chunk, list())
      submit_for_chunks()
    })
  }

  # Elements tell why they end, unless they are killed. What they wrote may come late.
  bury <- function(element) {
    file <- element_file(run, element$array, element$element, "end")
    if (file.exists(file)) return()
    name <- paste(element$array, element$element)
    if (is.null(silent[[name]])) silent[[name]] <<- seconds_now()
    if (element$state == "COMPLETED" && seconds_now() - silent[[name]] < 30) return()
    told <- tail_of_log(run, element$array, element$element)
    started <- file.exists(element_file(run, element$array, element$element, "start"))
    fate <- fate_of(element, told, started, log_file(run, element$array, element$element), read_status(run, element))
    counted$losses <<- counted$losses + 1
    if (fate == "unseen") {
      stop_slurm(
        sprintf("The node %s does not see the directory %s: it must be one that all nodes share.", element$node, settings$dir),
        job$origin, node = element$node
      )
    }
    if (fate == "cancelled") stop_slurm(sprintf("The job array %s was cancelled.", element$id), job$origin, values = all_values())
    if (fate == "start") {
      said <- if (nzchar(told)) paste0(": ", told) else "."
      stop_slurm(
        sprintf("R did not start on node %s (%s, %s)%s", element$node, element$state, element$reason, said),
        job$origin, node = element$node
      )
    }
    write_whole(list(why = "dead", state = element$state, reason = element$reason, node = element$node), file)
    mine <- Filter(function(chunk) chunk$array == element$array && chunk$element == element$element, chunks_in(run, "taken"))
    tell_element_lost(element, fate, length(mine))
    log_session(
      list(settings = order$settings), "element %d of job array %s on node %s has ended (%s): %s", element$element, element$id,
      element$node, element$state, fate
    )
    for (chunk in mine) {
      levels <- length(settings$memory)
      if (fate == "memory" && element$level < levels) {
        put_back(run, chunk, list(level = element$level + 1L))
      } else if (fate %in% c("time", "node")) {
        put_back(run, chunk, list())
      } else if (chunk$lost < order$settings$retries) {
        put_back(run, chunk, list(lost = chunk$lost + 1L))
      } else {
        got <- all_values()
        tasks <- intersect(order$chunks[[chunk$number]], attr(got, "missing"))
        if (is_suspect(chunk, order)) tasks <- utils::head(tasks, 1L)
        attr(got, "missing") <- NULL
        stop_worker_lost(list(
          tasks = tasks, cause = "element", number = NA, memory = FALSE,
          reason = sprintf("%s on %s, job %s_%d", element$state, element$node, element$id, element$element)
        ), got, job$origin)
      }
    }
  }

  # An error of an element itself, not of a task: the setup of the plan or a package, say.
  read_ends <- function() {
    for (name in setdiff(list.files(file.path(run, "elements"), "[.]end$"), ends)) {
      end <- read_whole(file.path(run, "elements", name))
      if (is.null(end)) next
      ends <<- c(ends, name)
      if (end$why != "error") next
      if (inherits(end$error, "rustle_error")) stop(end$error)
      stop_slurm(sprintf("An element of the job array could not run its tasks: %s", conditionMessage(end$error)), job$origin, parent = end$error)
    }
  }

  # Elements that have told their end and still have a chunk were ended in the middle of that.
  has_ended <- function(chunk) file.exists(element_file(run, chunk$array, chunk$element, "end"))

  submit_for_chunks <- function() {
    todo <- chunks_in(run, "todo")
    if (!length(todo) || is_over()) return()
    levels <- vapply(todo, `[[`, 1L, "level")
    busy <- length(chunks_in(run, "taken"))
    for (level in sort(unique(levels), decreasing = TRUE)) {
      live <- sum(alive$level >= level)
      want <- min(order$nodes, sum(levels == level) + min(busy, live))
      if (want <= live) next
      array <- submit_array(run, order, settings, want - live, level, call, job$origin)
      # Slurm does not answer: the next round looks again.
      if (is.null(array)) return()
      alive <<- rbind(alive, data.frame(id = array$id, element = seq_len(array$count), level = level, state = "PENDING"))
    }
  }

  # all: those that run as well. Who has begun ends by itself when nothing is left.
  end_arrays <- function(all) {
    open <- open_elements()
    if (is.null(open)) return()
    if (!all) open <- open[!file.exists(element_file(run, open$array, open$element, "start")), ]
    for (id in unique(open$id[!is.na(open$id)])) {
      rows <- open$id == id
      cancel_job(id, if (sum(rows) < open$count[rows][[1L]]) open$element[rows])
    }
  }

  abandon <- function() {
    adopt_arrays(run)
    end_arrays(all = TRUE)
    close_run(run, "cancelled")
  }

  list(
    look = look, mend = mend, is_over = is_over, outcome = outcome, abandon = abandon, workers = order$nodes * order$cores,
    finished = function() counted$done + sum(vapply(chunks_seen(), `[[`, 0, "done")), seen = seen, busy = function() sum(alive$state == "RUNNING") * order$cores
  )
}

# Why an element has ended: "memory", "time", "node", "cancelled" (all of the array), "unseen"
# (the directory), "start" (of R), or "killed".
fate_of <- function(element, told, started, log, status) {
  state <- element$state
  if (!started && grepl(unseen_words, told, fixed = TRUE)) return("unseen")
  # Where Slurm cannot open the file of output, it starts nothing.
  if (!started && state == "FAILED" && !file.exists(log)) return("unseen")
  if (state == "OUT_OF_MEMORY" || grepl("oom.?kill|exceeded.*memory limit|out of memory", told, ignore.case = TRUE)) return("memory")
  if (state %in% c("TIMEOUT", "DEADLINE")) return("time")
  if (state %in% c("NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "REVOKED") || grepl("^Node", element$reason)) return("node")
  if (state == "CANCELLED" && all_cancelled(element)) return("cancelled")
  # The shell says 128 + n of what signal n has ended.
  if (state == "FAILED" && !started && !isTRUE(status > 128L)) return("start")
  "killed"
}

# The status with which R has ended, NA where nobody could write it down.
read_status <- function(run, element) {
  file <- element_file(run, element$array, element$element, "status")
  suppressWarnings(tryCatch(as.integer(readLines(file, warn = FALSE)[1L]), error = function(e) NA_integer_))
}

all_cancelled <- function(element) {
  states <- slurm_states(element$id)
  mine <- states$state[states$id == element$id]
  length(mine) > 0L && all(mine == "CANCELLED")
}

# The last lines that an element has written, in one text.
tail_of_log <- function(run, array, element) {
  lines <- tryCatch(readLines(log_file(run, array, element), warn = FALSE), error = function(e) character(), warning = function(w) character())
  paste(utils::tail(lines[nzchar(trimws(lines))], 8L), collapse = "\n")
}

log_file <- function(run, array, element) file.path(run, "log", sprintf("%s.%s.txt", array, element))

# Submits `count` elements: the array.
submit_array <- function(run, order, settings, count, level, call, origin) {
  before <- read_arrays(run)
  journalled <- count_journalled(call) + length(list.files(file.path(run, "done")))
  vain <- sum(vapply(before, function(array) array$journalled == journalled, NA))
  if (vain > order$settings$retries + 2L) {
    stop_slurm(sprintf(
      "No task was finished by the last %d job arrays. A task may need more than `time` or `memory` of the plan.%s", vain,
      if (nzchar(told <- tail_of_log(run, before[[length(before)]]$number, 1L))) paste0(" The last words of an element: ", told) else ""
    ), origin)
  }
  number <- order$before + length(before) + 1L
  name <- sprintf("rustle-%s-%d", order$tag, number)
  array <- list(number = number, name = name, id = NA_character_, count = count, level = level, journalled = journalled, time = Sys.time())
  script <- file.path(run, "scripts", sprintf("%d.sh", number))
  writeLines(slurm_script(settings, list(
    name = name, count = count, level = level, log = log_file(run, number, "%a"), check = file.path(run, order$tag),
    stop = file.path(run, "elements", number), arguments = c(run, number, level)
  )), script)
  write_whole(array, array_file(run, number))
  array$id <- tryCatch(submit_script(script, name, origin), error = function(e) {
    # What Slurm may have all the same is looked for later (adopt_arrays()).
    unknown <- isTRUE(e[["unanswered"]])
    if (!unknown) unlink(array_file(run, number))
    if (!unknown || !length(before)) stop(e)
    NA_character_
  })
  if (is.na(array$id)) return(NULL)
  write_whole(array, array_file(run, number))
  array
}

# Arrays of which Slurm's answer did not come, perhaps because the session had ended: taken over, or
# forgotten, when Slurm answers.
adopt_arrays <- function(run) {
  if (!any(vapply(read_arrays(run), function(array) is.na(array$id), NA))) return()
  with_run_lock(run, for (array in read_arrays(run)) {
    if (!is.na(array$id)) next
    id <- job_of_name(array$name)
    if (is.null(id)) {
      unlink(array_file(run, array$number))
    } else if (!is.na(id)) {
      array$id <- id
      write_whole(array, array_file(run, array$number))
    }
  })
}

# Versions on nodes that are not those of the session.
tell_nodes <- function(run) {
  for (file in list.files(file.path(run, "elements"), "[.]start$", full.names = TRUE)) {
    start <- read_whole(file)
    tell <- function(what, there, here) {
      if (identical(there, here) || is.null(there) || !first_time(paste("node", what, there))) return()
      message(sprintf("Node %s has %s %s, and this session %s.", start$node, what, there, here))
    }
    tell("R", start$version, as.character(getRversion()))
    tell("rustle", start$package, as.character(utils::packageVersion("rustle")))
  }
}

tell_element_lost <- function(element, fate, chunks) {
  why <- switch(fate, memory = "memory was short", time = "its time was over", node = "its node was lost", "it was ended")
  message(structure(
    class = c("rustle_message_node_lost", "rustle_message", "message", "condition"),
    list(
      message = sprintf(
        "Element %d of job array %s on node %s has ended (%s): %s. %s\n", element$element, element$id, element$node,
        element$state, why, if (chunks) "What it had not finished runs again." else "It had nothing to do."
      ),
      call = NULL, host = element$node, reason = element$state, tasks = NA_integer_
    )
  ))
}
