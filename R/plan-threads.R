# Threads of the mt_ functions: thread_count() says how many, in_slices() runs the work.

#' Choose the number of threads
#'
#' The `mt_` functions (multithreaded linear algebra) run on threads inside of R. How
#' many is decided by the first of these that is there: their argument `threads`;
#' `with_threads()`; the option `rustle.threads`; the environment variable
#' `RUSTLE_THREADS`; and else the cores that this session may use, as control groups,
#' Slurm and CPU affinity say ([parallelly::availableCores()]).
#'
#' Workers share the cores. In a worker of a [plan()] the default is the plan's
#' `worker_threads`, or else its share of the cores, and what was chosen in the session
#' before the worker was forked holds up to that number. In a process that another
#' package forked, such as `parallel::mclapply()`, it is one thread, unless `threads`
#' or `with_threads()` says otherwise there. The variables `OMP_THREAD_LIMIT`
#' and `_R_CHECK_LIMIT_CORES_` (2 threads) are limits to all of these; so are 64 threads, or
#' as many as there are cores.
#'
#' Results do not depend on the number of threads, to the last bit; where they do, the
#' page of the function says so.
#'
#' @param n Number of threads, a whole number of at least 1.
#' @param expr An expression.
#' @return The value of `expr`.
#' @section Errors: `rustle_error_argument` when `n`, the option or the variable is not
#'   a whole number of at least 1.
#' @examples
#' set.seed(1)
#' x <- matrix(rnorm(1e4), 100)
#' with_threads(2, mt_crossprod(x))[1:2, 1:2]
#' #>            [,1]       [,2]
#' #> [1,] 81.0550927 -0.4963746
#' #> [2,] -0.4963746 90.9786439
#' @seealso [mt_matmul()], [bootstrap()], which use them; [linalg_info()]; `vignette("linear-algebra")`.
#' @export
with_threads <- function(n, expr) {
  n <- check_count(n, "n")
  old <- chosen$threads
  on.exit(chosen$threads <- old)
  chosen$threads <- list(pid = Sys.getpid(), n = n)
  expr
}

# The record of what with_threads() chose, written there only: `threads`, NULL or
# list(pid, n).
chosen <- new.env(parent = emptyenv())

# The number of threads of a call whose argument `threads` is given.
thread_count <- function(threads = NULL, call = user_call()) {
  if (!is.null(threads)) {
    threads <- check_count(threads, "threads", call = call)
  } else {
    set <- chosen$threads
    here <- !is.null(set) && set$pid == Sys.getpid()
    threads <- if (here) set$n else min(ambient_threads(set, call), allotment_limit())
  }
  # A worker of ours never uses more than its allotment, even when a call asks for more.
  if (!is.null(process$allotment)) threads <- min(threads, allotment_limit(asked = TRUE))
  min(threads, thread_limit())
}

# A number of threads that was given is checked even where it is not needed.
threads_given <- function(threads, call = user_call()) {
  if (!is.null(threads)) thread_count(threads, call)
}

# The number that was chosen for the whole session, perhaps in the process that forked this
# one.
ambient_threads <- function(set, call) {
  if (!is.null(set)) return(set$n)
  option <- getOption("rustle.threads")
  if (!is.null(option)) return(check_count(option, "option rustle.threads", call = call))
  variable <- Sys.getenv("RUSTLE_THREADS", "")
  if (nzchar(variable)) {
    number <- suppressWarnings(as.numeric(variable))
    if (is.na(number)) number <- variable
    return(check_count(number, "variable RUSTLE_THREADS", call = call))
  }
  thread_allotment()
}

# The most threads that this process may use: no limit in the session (thread_limit() holds
# everywhere), in a worker its allotment. asked: the call has named a number.
allotment_limit <- function(asked = FALSE) {
  if (!is_worker()) return(.Machine$integer.max)
  if (asked && process$allotment$pid != Sys.getpid()) return(.Machine$integer.max)
  thread_allotment()
}

# The one way in which native work that may take long is done: in slices of about 50 ms
# (SLICE in src/rust/crates/threads/src/blocks.rs). `step(state)` works for one slice and
# returns list(value, state): what it has, and where to go on, NULL when the work is done.
# It is called with NULL first, then with what it left, and the last value is returned.
# Between slices nothing of Rust is on the stack, so R may jump away for an interrupt or a
# time limit (an error, of the user's call). note: NULL, or the function that start_native() has
# returned; without it the report of work that takes long begins with its second slice, because to
# read clocks would be dear beside the shortest.
in_slices <- function(step, note = NULL) {
  frame <- sys.nframe()
  # A time limit strikes wherever R looks at the clock next: in `step` as well.
  withCallingHandlers(run_slices(step, note, frame), error = function(e) {
    if (!is_time_limit(e)) return()
    e["call"] <- list(user_call(frame))
    stop(e)
  })
}

run_slices <- function(step, note, frame) {
  at <- step(NULL)
  if (!is.null(at$state) && is.null(note)) note <- start_native(user_call(frame), threads_of_step(step))
  while (!is.null(at$state)) {
    rs_check_interrupt()
    at <- step(at$state)
  }
  if (!is.null(note)) note()
  at$value
}

# Warnings of base R in `expr` become those of the user's call.
warned_as_user <- function(expr) {
  frame <- sys.nframe()
  withCallingHandlers(expr, warning = function(w) {
    warning(simpleWarning(conditionMessage(w), user_call(frame)))
    invokeRestart("muffleWarning")
  })
}

# The call by which the user's code came here. From frame `at` (by default the caller's) it
# goes down to the next frame of a function of ours, and from there as far as the frames
# below are of ours too. (The first step is needed because R evaluates arguments late:
# perhaps inside of a function of base R that ours called.)
user_call <- function(at = sys.nframe() - 1L) {
  here <- topenv()
  ours <- function(k) {
    if (k <= 0L) return(FALSE)
    fun <- sys.function(k)
    if (identical(fun, withCallingHandlers)) ours(k - 1L) else identical(topenv(environment(fun)), here)
  }
  while (at > 0L && !ours(at)) at <- at - 1L
  while (ours(at - 1L)) at <- at - 1L
  if (at > 0L) sys.call(at)
}
