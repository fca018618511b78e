# What this process is: the session, or one that was forked from it. The record `process`
# is written here only:
#   pid        of the process that loaded the package
#   as_worker  is the session in the state of a worker, to fork some?
#   share      list(pid, threads): the threads that are a worker's share. What a task
#              forks is another process, and has none.

process <- new.env(parent = emptyenv())

remember_session <- function() {
  process$pid <- Sys.getpid()
  process$as_worker <- FALSE
}

# Are we in a forked process, ours or anybody's?
is_worker <- function() Sys.getpid() != process$pid

set_as_worker <- function(on) process$as_worker <- on

set_thread_share <- function(threads) {
  process$share <- list(pid = Sys.getpid(), threads = threads)
}

# May this process fork? In a worker we said that it should not by itself; that
# is not the system's answer.
supports_fork <- function() {
  if (is_worker()) {
    old <- options(parallelly.fork.enable = NULL)
    on.exit(options(old))
  }
  parallelly::supportsMulticore()
}
