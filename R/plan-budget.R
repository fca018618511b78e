# How many workers, and how many threads for each: one place decides.

# Cores that this session may use: control groups, Slurm, affinity, options and
# _R_CHECK_LIMIT_CORES_ by parallelly, and OMP_THREAD_LIMIT.
available_workers <- function() {
  limit <- suppressWarnings(as.integer(Sys.getenv("OMP_THREAD_LIMIT", "")))
  # It may start a process to look, which the system may refuse.
  cores <- tryCatch(parallelly::availableCores(), error = function(e) rs_cores()$logical)
  max(1L, as.integer(min(cores, limit, na.rm = TRUE)))
}

# The record of the budget, written here only: `cores` of the machine that workers and
# their threads share, NULL until they are asked for.
budget <- new.env(parent = emptyenv())

# Asked once: it reads files.
machine_cores <- function() {
  if (is.null(budget$cores)) budget$cores <- max(available_workers(), 1L)
  budget$cores
}

# Returns what was there.
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

# Threads of our kernels in this process when nobody says how many. In a worker of
# ours its share; in a process that somebody else forked, whose siblings we do not
# know, one.
thread_share <- function() {
  if (!is_worker()) return(machine_cores())
  share <- process$share
  if (is.null(share) || share$pid != Sys.getpid()) 1L else share$threads
}

# Threads at most: OMP_THREAD_LIMIT, 2 where R CMD check limits cores, and a number
# that no typing error exceeds.
thread_limit <- function() {
  limit <- suppressWarnings(as.integer(Sys.getenv("OMP_THREAD_LIMIT", "")))
  check <- tolower(Sys.getenv("_R_CHECK_LIMIT_CORES_", ""))
  if (nzchar(check) && check != "false") limit <- min(limit, 2L, na.rm = TRUE)
  max(1L, min(limit, max(64L, machine_cores()), na.rm = TRUE))
}
