# What this process is: the session, or one that was forked from it. The record `process`
# is written here only:
#   pid        of the process that loaded the package
#   as_worker  TRUE while the session has the state of a worker, in order to fork some
#   java, libraries  was a Java virtual machine there when so many libraries were loaded?
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

# Can this process fork, and is that safe? Workers have an option that disables forking by
# default. It is put aside here, since it does not say what the system allows.
supports_fork <- function() {
  if (is_worker()) {
    old <- options(parallelly.fork.enable = NULL)
    on.exit(options(old))
  }
  parallelly::supportsMulticore() && !is_fork_hazardous()
}

# Where forking is out, in words that go behind "not safe".
where_not_to_fork <- function() {
  if (.Platform$OS.type == "windows") return("on Windows, which cannot do it")
  if (identical(Sys.getenv("POSITRON"), "1")) return("in Positron")
  if (identical(Sys.getenv("RSTUDIO"), "1")) return("in RStudio")
  if (has_java()) return("in a session with a Java virtual machine")
  if (has_accelerate()) return("on macOS with its own BLAS")
  "here, as parallelly::supportsMulticore() knows"
}

# Does this session have what a forked process cannot bear, of which parallelly does not know?
# The option by which users tell parallelly that forking is all right counts here too. Our
# workers come from a clean process, or else forking was safe already.
is_fork_hazardous <- function() {
  if (is_worker() || isTRUE(getOption("parallelly.fork.enable"))) return(FALSE)
  identical(Sys.getenv("POSITRON"), "1") || has_java() || has_accelerate()
}

# Has a Java virtual machine been loaded? Its threads are not there in a fork. It came with
# some other library, so we look again only when R has loaded one.
has_java <- function() {
  if (isNamespaceLoaded("rJava")) return(TRUE)
  libraries <- length(getLoadedDLLs())
  if (!identical(process$libraries, libraries)) {
    process$java <- maps_java()
    process$libraries <- libraries
  }
  process$java
}

maps_java <- function(file = "/proc/self/maps") {
  if (!file.exists(file)) return(FALSE)
  any(grepl("/libjvm[.]so", tryCatch(readLines(file), error = function(e) character())))
}

# On macOS the system's own BLAS has threads of Grand Central Dispatch once it has run, and a
# forked process crashes where it is used. It does not tell whether it has.
has_accelerate <- function(system = Sys.info()[["sysname"]], blas = extSoftVersion()[["BLAS"]]) {
  identical(system, "Darwin") && grepl("Accelerate|vecLib", blas)
}
