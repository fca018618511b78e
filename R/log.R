# The log of a plan, `plan(..., log = dir)`: a file per worker, which the worker writes itself as
# things happen, and one of the session. And what option rustle.debug prints.

log_time <- function() format(Sys.time(), "%Y-%m-%d %H:%M:%OS3")

# In the session: a line for its own file. What cannot be written is left out.
log_session <- function(plan, ...) {
  dir <- plan$settings$log
  if (is.null(dir) || is_worker()) return(invisible())
  file <- file.path(dir, sprintf("session-%d.log", Sys.getpid()))
  try(suppressWarnings(cat(log_time(), " ", sprintf(...), "\n", file = file, sep = "", append = TRUE)), silent = TRUE)
  invisible()
}

# In a worker: a line for its file, if it has one.
log_line <- function(...) rs_worker_log(paste(log_time(), sprintf(...)))

# In a worker, before its first task: `dir` is the directory of the log, or NULL.
start_log <- function(dir) {
  if (is.null(dir)) return(invisible())
  dir.create(dir, showWarnings = FALSE, recursive = TRUE)
  rs_worker_log_to(file.path(dir, sprintf("worker-%s-%d.log", Sys.info()[["nodename"]], Sys.getpid())))
  log_line("worker takes part in a call, R %s", format(getRversion()))
}

# The job as workers run it: where there is a log, they write down each task. On a node a job is a chunk,
# whose tasks have `numbers` in the call of the user.
logged_job <- function(job, plan) {
  dir <- plan$settings$log
  if (is.null(dir)) return(job)
  number <- if (is.null(job$numbers)) quote(i) else call("[", job$numbers, quote(i))
  job$call <- as.call(list(logged_task, number, forced_call(job)))
  job$forced <- 0L
  job$relay$log <- dir
  job
}

# In a worker: evaluates `value`, the call of a task.
logged_task <- function(task, value) {
  log_line("task %.0f begins", task)
  begun <- seconds_now()
  ended <- "failed"
  on.exit(log_line("task %.0f %s after %.3f s", task, ended, seconds_now() - begun))
  force(value)
  ended <- "done"
  value
}

# In a worker: a condition of the task in flight.
log_condition <- function(condition) {
  text <- tryCatch(conditionMessage(condition), error = function(e) "")
  log_line("%s: %s", class(condition)[[1L]], trimws(paste(text, collapse = "\n")))
}

# What decisions the engine makes, with options(rustle.debug = TRUE): messages of a class of
# their own, on standard error unless somebody handles them.
say_debug <- function(...) {
  if (!isTRUE(getOption("rustle.debug")) || is_worker()) return(invisible())
  clear_progress()
  message(structure(
    class = c("rustle_message_debug", "rustle_message", "message", "condition"),
    list(message = paste0("rustle: ", sprintf(...), "\n"), call = NULL)
  ))
}

# A call begins.
tell_start <- function(job, plan) {
  if (is.null(plan$settings$log) && !isTRUE(getOption("rustle.debug"))) return(invisible())
  call <- deparse(job$origin, width.cutoff = 80L, nlines = 1L)[[1L]]
  log_session(plan, "call %.0f begins: %s, %.0f tasks, %.0f workers of %s", job$id, call, job$n, plan$workers, plan$executor$name)
  policy <- job$policy
  say_debug(
    "call %.0f, %s: %.0f tasks on %.0f worker(s) of %s, schedule %s%s, random numbers %s%s",
    job$id, call, job$n, min(plan$workers, job$n), plan$executor$name, policy$schedule,
    if (is.null(policy$ends)) sprintf(" (chunk %s)", format(policy$chunk)) else sprintf(" (%d chunks as they were cut)", length(policy$ends)),
    job$streams$streams, if (is.null(policy$order)) "" else ", in an order of its own"
  )
}

# It is over: `outcome`, or NULL where it was broken off.
tell_end <- function(job, plan, outcome, begun) {
  if (is.null(plan$settings$log) && !isTRUE(getOption("rustle.debug"))) return(invisible())
  spent <- as.numeric(Sys.time()) - as.numeric(begun)
  if (is.null(outcome)) {
    log_session(plan, "call %.0f was broken off after %.3f s", job$id, spent)
    return(say_debug("call %.0f was broken off after %.3f s", job$id, spent))
  }
  log_session(plan, "call %.0f is over after %.3f s, %d task(s) failed", job$id, spent, length(outcome$failed))
  report <- outcome$report
  counted <- c(
    `processes started` = report$forks, claims = report$claims, `of them stolen` = report$steals, `workers lost` = report$losses,
    `bytes received` = report$bytes, failed = length(outcome$failed)
  )
  counted <- counted[!is.na(counted)]
  numbers <- vapply(counted, format, "", scientific = FALSE)
  say_debug("call %.0f is over after %.3f s: %s", job$id, spent, paste(numbers, names(counted), collapse = ", "))
}

# Tasks whose worker was lost while it ran them: they run again.
tell_losses <- function(events, plan) {
  lost <- events$task[events$event == "discard"]
  for (task in lost) log_session(plan, "task %.0f was lost with its worker", task)
  if (length(lost)) say_debug("%s lost with a worker, and will run again if retries are left", enumerate_tasks(lost))
}
