# Where the interpreter is faster: functions of long vectors, which R's own C code works through,
# may be quicker there than on the machine. One task is timed in R, where workers would run it.

# A function with one of these is a matter of the interpreter, which is slow at them. Without, R takes for a
# task little longer than the machine, at worst.
loops <- c("for", "while", "repeat", "lapply", "sapply", "vapply", "mapply", "apply", "replicate", "Reduce")

# Fewer tasks are not worth the time, nor are those for which a thread takes no longer.
least_for_trial <- list(tasks = 16L, seconds = 5e-5)

# Below this share of the time on a thread R is faster: it was alone.
faster_share <- 0.85

# What trials have said, by key_of_call(): `slower` (on threads), for some more calls: `left` of `span`. Written
# here only.
trials_known <- new.env(parent = emptyenv())

wants_trial <- function(compiled, job, plan) {
  if (plan$executor$in_session || job$n < least_for_trial$tasks || isTRUE(machine$eager)) return(FALSE)
  if (isTRUE(frame_for_machine(job)$several) || calls_some(compiled$from[[2L]], loops)) return(FALSE)
  known <- if (!is.null(compiled$key)) trials_known[[compiled$key]]
  is.null(known) || known$left == 0L
}

# part: of the first tasks, as of run_program(). Is R faster?
is_slower <- function(part, compiled, job) {
  pace <- part$seconds / max(1, part$ended)
  if (length(part$bailed) || pace < least_for_trial$seconds) return(FALSE)
  slower <- seconds_in_r(job) < faster_share * pace
  keep_trial(compiled$key, frame_for_machine(job)$FUN, slower)
  slower
}

# The first task, which neither signals anything nor leaves anything behind, as the machine has seen.
seconds_in_r <- function(job) {
  frame <- frame_for_machine(job)
  call <- as.call(c(list(frame$FUN, frame$X[[1L]]), frame_dots(frame)))
  seeds <- task_seeds(job$streams, 1L)
  tryCatch(keep_random_seed({
    if (!is.null(seeds)) set_random_seed(seeds[[1L]])
    begun <- rs_now()
    eval(call, globalenv())
    rs_now() - begun
  }), error = function(e) Inf)
}

keep_trial <- function(key, fun, slower) {
  before <- if (!is.null(key)) trials_known[[key]]$span
  span <- if (is.null(before)) first_span else min(most_span, 2L * before + 1L)
  note_known(trials_known, key, list(slower = slower, span = span, left = span, held = held_by_key(fun)))
}

# Why a function is left to R after a trial; NULL where it is not. A call counts.
why_slower <- function(key, plan) {
  known <- if (!is.null(key) && !plan$executor$in_session) trials_known[[key]]
  if (is.null(known) || known$left == 0L) return(NULL)
  known$left <- known$left - 1L
  trials_known[[key]] <- known
  if (known$slower) "R was faster at it, when both were timed"
}
