# What this process is: the session, or one that was forked from it. The record `process`
# is written here only:
#   pid        of the process that loaded the package
#   as_worker  TRUE while the session has the state of a worker, in order to fork some
#   allotment  list(pid, threads): how many threads this worker may use. A process that a
#              task forks has another pid, so this does not hold for it.

process <- new.env(parent = emptyenv())

remember_session <- function() {
  process$pid <- Sys.getpid()
  process$as_worker <- FALSE
}

# Is this a forked process, whoever forked it?
is_worker <- function() Sys.getpid() != process$pid

set_as_worker <- function(on) process$as_worker <- on

set_thread_allotment <- function(threads) {
  process$allotment <- list(pid = Sys.getpid(), threads = threads)
}

# Can this process fork? Workers have an option that disables forking by default. It is
# put aside here, since it does not say what the system allows.
supports_fork <- function() {
  if (is_worker()) {
    old <- options(parallelly.fork.enable = NULL)
    on.exit(options(old))
  }
  parallelly::supportsMulticore()
}
