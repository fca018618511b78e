# How many workers a session may start, and how many threads each of them may use.

# Cores that this session may use: control groups, Slurm, affinity, options and
# _R_CHECK_LIMIT_CORES_ by parallelly, and OMP_THREAD_LIMIT.
available_workers <- function() {
  limit <- suppressWarnings(as.integer(Sys.getenv("OMP_THREAD_LIMIT", "")))
  # availableCores() may have to start a process, and the system may refuse that.
  cores <- tryCatch(parallelly::availableCores(), error = otherwise(rs_cores()$logical))
  max(1L, as.integer(min(cores, limit, na.rm = TRUE)))
}

# The record of the budget, written here and in workers-memory.R: `cores` is the number of
# cores for all workers and their threads together, `memory` what the control group may have,
# `cache` the share of it for large vectors, and `kept` what was set of that; NULL until
# somebody asks.
budget <- new.env(parent = emptyenv())

# Looked up once, because that reads files.
machine_cores <- function() {
  if (is.null(budget$cores)) budget$cores <- max(available_workers(), 1L)
  budget$cores
}

# Returns the number that was there before.
set_machine_cores <- function(cores) {
  before <- budget$cores
  budget$cores <- cores
  before
}

# BLAS and OpenMP threads in each of `workers` workers.
threads_per_worker <- function(workers, worker_threads) {
  if (!is.null(worker_threads)) return(worker_threads)
  max(1L, machine_cores() %/% workers)
}

# Threads of our kernels in this process when nobody says how many: in the session as many
# as there are cores, in a worker of ours its allotment. In a process that somebody else
# forked one, because we do not know how many more such processes there are.
thread_allotment <- function() {
  if (!is_worker()) return(machine_cores())
  own <- process$allotment
  if (is.null(own) || own$pid != Sys.getpid()) 1L else own$threads
}

# The most threads that a call can have: OMP_THREAD_LIMIT; 2 where R CMD check limits
# cores; and otherwise 64 or the number of cores, so that a typing error starts no thousands.
thread_limit <- function() {
  limit <- suppressWarnings(as.integer(Sys.getenv("OMP_THREAD_LIMIT", "")))
  check <- tolower(Sys.getenv("_R_CHECK_LIMIT_CORES_", ""))
  if (nzchar(check) && check != "false") limit <- min(limit, 2L, na.rm = TRUE)
  max(1L, min(limit, max(64L, machine_cores()), na.rm = TRUE))
}
