# What an element of a job array does on its node: it takes chunks, runs their tasks on our
# workers on all of its cores, and ends when there is nothing left to take, or when its time
# is nearly over. Its workers journal each task; it writes what else there is to tell.

# Called by the script of the array: directory of the run, number of the array, level of
# memory, number of the element.
run_element <- function(arguments = commandArgs(trailingOnly = TRUE)) {
  run <- arguments[[1L]]
  array <- as.integer(arguments[[2L]])
  level <- as.integer(arguments[[3L]])
  element <- as.integer(arguments[[4L]])
  order <- read_whole(file.path(run, "order.rds"))
  end <- tryCatch(
    run_chunks(run, array, level, element, order),
    error = function(e) list(why = "error", error = e)
  )
  if (is_run_of(run, order)) write_whole(end, element_file(run, array, element, "end"))
  if (end$why == "error") stop(end$error)
  invisible()
}

# Is the run in this directory still that of `order`? Another may have taken its place while an element
# of a call that was interrupted is about to end.
is_run_of <- function(run, order) is.null(order) || file.exists(file.path(run, order$tag))

# list(why): "empty" (there is nothing left), "time" or "closed".
run_chunks <- function(run, array, level, element, order) {
  cores <- parallelly::availableCores()
  node <- Sys.getenv("SLURMD_NODENAME", Sys.info()[["nodename"]])
  write_whole(
    list(
      node = node, pid = Sys.getpid(), cores = cores, time = Sys.time(), version = as.character(getRversion()),
      package = as.character(utils::packageVersion("rustle"))
    ), element_file(run, array, element, "start")
  )
  if (is.null(order)) stop_internal("the order of a run is not there")
  # What this node has not, and the session has, is told in the log.
  writeLines(lay_desk_here(order$desk, own = TRUE), stderr())
  stopping <- clock_of_element(order, run, array, element)
  for (step in order$setup) make_setup(step)
  parcel <- unserialize(order$bytes)
  # Where tasks do not run in the order of their numbers, one that comes first may run last.
  if (order$ordered) parcel$on_error <- "keep"
  seen <- new_seat(run, array, element, cores, order)
  on.exit(rest_here())
  repeat {
    why <- stopping()
    if (!is.null(why)) {
      open <- kept$jobs
      seen$flush(now = TRUE)
      # Nobody may have the tasks before they have stopped here.
      rest_here()
      sync_journals(dirname(run))
      for (chunk in open) put_back(run, chunk$ticket, list())
      return(list(why = why))
    }
    running <- length(kept$jobs)
    unclaimed <- sum(vapply(kept$jobs, function(chunk) chunk$unclaimed, 0))
    alone <- any(vapply(kept$jobs, function(chunk) chunk$alone, NA))
    busy <- sum(vapply(kept$jobs, function(chunk) if (is.null(chunk$status)) cores else chunk$status$busy, 0))
    # A chunk has workers of its own. The memory of a job is made for as many as it has cores: a
    # quarter more of them, for a while, is the price for cores that do not wait for the last task.
    if (unclaimed == 0 && busy <= cores %/% 4L && !alone) {
      ticket <- take_chunk(run, array, level, element, suspects = running == 0L, order)
      if (is.null(ticket) && running == 0L) return(list(why = "empty"))
      if (!is.null(ticket)) open_slurm_chunk(run, ticket, parcel, order, cores)
    }
    running <- length(kept$jobs)
    for (k in seq_len(running)) watch_chunk(kept$jobs[[k]], if (k == running) 0.1 / running else 0)
    seen$flush()
    over <- vapply(kept$jobs, function(chunk) chunk$over, NA)
    finished <- kept$jobs[over]
    kept$jobs <- kept$jobs[!over]
    for (chunk in finished) seen$finish(chunk, length(order$slurm$memory), level)
  }
}

# A function that says why the element must stop now: "time", "closed", or NULL.
clock_of_element <- function(order, run, array, element) {
  margin <- stop_margin(order$slurm$time)
  job <- Sys.getenv("SLURM_JOB_ID")
  left <- Inf
  if (nzchar(job) && nzchar(Sys.which("squeue"))) {
    said <- ask_slurm("squeue", c("-h", "-j", job, "-o", "%L"), 10)
    if (length(said$out)) left <- seconds_of_left(said$out[[1L]])
  } else if (!is.null(order$slurm$time)) {
    left <- seconds_of_time(order$slurm$time)
  }
  until <- if (is.na(left)) Inf else seconds_now() + left - margin
  stop <- element_file(run, array, element, "stop")
  looked <- 0
  function() {
    now <- seconds_now()
    if (now > until) return("time")
    if (now - looked < 0.5) return(NULL)
    looked <<- now
    if (file.exists(stop)) return("time")
    if (is_closed(run) || !is_run_of(run, order)) "closed"
  }
}

# squeue writes the time that is left with its units from the right: "30" are seconds.
seconds_of_left <- function(text) {
  text <- trimws(text)
  if (!grepl("^([0-9]+-)?[0-9]+(:[0-9]+){0,2}$", text)) return(Inf)
  days <- if (grepl("-", text)) as.double(sub("-.*", "", text)) else 0
  parts <- rev(as.double(strsplit(sub("^.*-", "", text), ":", fixed = TRUE)[[1L]]))
  sum(parts * c(1, 60, 3600)[seq_along(parts)]) + days * 86400
}

# The next chunk that this element may have, or NULL. One whose tasks are suspected of having
# ended an element is taken only by one that runs nothing else.
take_chunk <- function(run, array, level, element, suspects, order) {
  if (!is_run_of(run, order)) return(NULL)
  for (chunk in chunks_in(run, "todo")) {
    if (chunk$level > level || (is_suspect(chunk, order) && !suspects)) next
    mine <- file.path(run, "taken", sprintf("%s.%d.%d", basename(chunk$file), array, element))
    if (!move_file(chunk$file, mine) || !file.exists(mine)) next
    chunk$file <- mine
    return(chunk)
  }
}

is_suspect <- function(chunk, order) chunk$lost > 0L && chunk$lost >= order$settings$retries

# Opens a chunk: of one that was put back the journals have a part, and where a run was before
# this one, its workers may have journalled tasks after the session had looked. The tasks of a
# suspect run one after another, so that the first without a value is the one.
open_slurm_chunk <- function(run, ticket, parcel, order, cores) {
  chunk <- read_whole(ticket$file)
  if (is.null(chunk)) stop_internal("a chunk cannot be read")
  call <- dirname(run)
  none <- list(values = rep(list(list()), chunk$n))
  stored <- if (ticket$times > 0L || order$before > 0L) stored_values(call, chunk, FALSE) else none
  settings <- list(
    cores = if (is_suspect(ticket, order)) 1L else cores, spans = if (order$timings) "tasks" else "batches", keep = TRUE,
    memory = FALSE, plan = order$settings, own = FALSE
  )
  chunk$numbers <- chunk$tasks
  open_chunk(parcel, list(chunk = chunk, settings = settings), beat = function() NULL, dress = function(job) {
    job_with_journal(job, chunk$keys, stored, call, FALSE, by_session = FALSE)
  })
  last <- kept$jobs[[length(kept$jobs)]]
  last$ticket <- ticket
  last$tasks <- chunk$tasks
  last$alone <- is_suspect(ticket, order)
  last$written <- 0L
}

# list(chunk, done, seen): how many of its tasks are done, and rs_job_seen() with their numbers in the
# call.
seen_of_chunk <- function(chunk) {
  seen <- rs_job_seen(chunk$handle)
  seen$task <- c(0, chunk$tasks)[seen$task + 1]
  list(chunk = chunk$ticket$number, done = chunk$count, seen = seen)
}

# What an element writes: events as they come, and a record when a chunk is done.
new_seat <- function(run, array, element, cores, order) {
  last <- shown <- seconds_now()
  write_said <- function(chunk) {
    events <- chunk$events
    if (!length(events) || !is_run_of(run, order)) return()
    chunk$events <- list()
    chunk$written <- chunk$written + 1L
    all <- list(
      task = chunk$tasks[unlist(lapply(events, `[[`, "task"))], event = unlist(lapply(events, `[[`, "event")),
      object = do.call(c, lapply(events, `[[`, "object"))
    )
    name <- sprintf("%07d-%d-%06d.rds", chunk$ticket$number, chunk$ticket$times, chunk$written)
    write_whole(all, file.path(run, "said", name))
    travelled <- chunk$tasks %in% all$task[all$event == "travelled"]
    chunk$travelled <- union(chunk$travelled, which(travelled))
  }
  list(
    flush = function(now = FALSE) {
      if (!now && seconds_now() - last < 1) return()
      last <<- seconds_now()
      for (chunk in kept$jobs) write_said(chunk)
      if (isTRUE(order$progress) && last - shown >= 2 && is_run_of(run, order)) {
        shown <<- last
        write_whole(lapply(kept$jobs, seen_of_chunk), element_file(run, array, element, "seen"))
      }
    },
    finish = function(chunk, levels, level) {
      write_said(chunk)
      record <- close_chunk(chunk)
      sync_journals(dirname(run))
      if (!is_run_of(run, order)) return()
      failure <- record$failure
      # The kernel ends one process where memory is short, not always the job.
      if (!is.null(failure) && level < levels && (isTRUE(failure$memory) || identical(as.integer(failure$number), tools::SIGKILL))) {
        put_back(run, chunk$ticket, list(level = level + 1L))
        return()
      }
      tasks <- chunk$tasks
      spans <- record$spans
      if (!is.null(spans)) {
        shift <- as.numeric(Sys.time()) - rs_now()
        spans$task <- as.numeric(tasks[spans$task])
        spans$worker <- spans$worker + (element - 1L) * cores
        spans[c("start", "end")] <- list(spans$start + shift, spans$end + shift)
      }
      keep <- union(record$failed, chunk$travelled)
      write_whole(list(
        tasks = tasks, failed = tasks[record$failed], kept = tasks[keep], values = lapply(keep, function(k) record$values[[k]]),
        failure = if (!is.null(failure)) c(list(tasks = tasks[failure$tasks]), failure[setdiff(names(failure), "tasks")]),
        report = record$report, spans = spans, array = array, element = element
      ), file.path(run, "done", sprintf("%07d.rds", chunk$ticket$number)))
      unlink(chunk$ticket$file)
    }
  )
}
