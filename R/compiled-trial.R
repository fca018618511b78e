# Where the interpreter is faster: functions of long vectors, which R's own C code works through,
# may be quicker there than on the machine. A task or two are timed in R, where workers would run the job.

# A function with one of these is a matter of the interpreter, which is slow at them. Without, R takes for a
# task little longer than the machine, at worst.
loops <- c("for", "while", "repeat", "lapply", "sapply", "vapply", "mapply", "apply", "replicate", "Reduce")

# Fewer tasks for each worker are not worth the time, nor are those for which a thread takes no longer. `two`: of so
# many tasks two are tried, as tasks differ.
least_for_trial <- list(tasks = 6L, two = 16L, seconds = 5e-5)

# Below this share of the time on a thread R is faster: it was alone.
faster_share <- 0.85

# What trials have said, by key_of_call(): `slower` (on threads), for some more calls: `left` of `span`. Written
# here only.
trials_known <- new.env(parent = emptyenv())

# How many tasks are tried.
tasks_of_trial <- function(compiled, job, plan) {
  if (plan$executor$in_session || job$n < least_for_trial$tasks * plan$workers || isTRUE(machine$eager)) return(0L)
  if (isTRUE(frame_for_machine(job)$several) || calls_some(compiled$from[[2L]], loops)) return(0L)
  known <- if (!is.null(compiled$key)) trials_known[[compiled$key]]
  if (!is.null(known) && known$left > 0L) return(0L)
  if (job$n < least_for_trial$two * plan$workers) 1L else 2L
}

# part: of the first tasks, as of run_program(). Is R faster? What it does for the first time may take it twice as long.
is_slower <- function(part, compiled, job) {
  if (part$given_up > 0 || part$seconds < least_for_trial$seconds * part$ended) return(FALSE)
  ratio <- seconds_in_r(job, part$ended) / part$seconds
  if (ratio >= faster_share && ratio < 2.5) ratio <- seconds_in_r(job, part$ended) / part$seconds
  slower <- ratio < faster_share
  keep_trial(compiled$key, frame_for_machine(job)$FUN, slower)
  slower
}

# For the first tasks, which neither signal anything nor leave anything behind, as the machine has seen.
seconds_in_r <- function(job, count) {
  frame <- frame_for_machine(job)
  dots <- frame_dots(frame)
  seeds <- task_seeds(job$streams, seq_len(count))
  tryCatch(keep_random_seed(sum(vapply(seq_len(count), function(k) {
    call <- as.call(c(list(frame$FUN, frame$X[[k]]), dots))
    if (!is.null(seeds)) set_random_seed(seeds[[k]])
    begun <- rs_now()
    eval(call, globalenv())
    rs_now() - begun
  }, 0))), error = otherwise(Inf))
}

keep_trial <- function(key, fun, slower) {
  before <- if (!is.null(key)) trials_known[[key]]$span
  span <- next_span(before)
  note_known(trials_known, key, list(slower = slower, span = span, left = span, held = held_by_key(fun)))
}

# Why a function is left to R after a trial; NULL where it is not. A call counts.
why_slower <- function(key, plan) {
  known <- if (!is.null(key) && !plan$executor$in_session) trials_known[[key]]
  if (is.null(known) || known$left == 0L) return(NULL)
  known$left <- known$left - 1L
  trials_known[[key]] <- known
  if (known$slower) r_faster$why
}
