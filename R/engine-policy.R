# From the arguments of a call to a schedule: the one table of DESIGN.md.
#
# A policy is a list: `schedule`, `chunk` (tasks per claim of dynamic, least of
# guided), `ends` (explicit chunks: last position of each; of the static schedule the blocks of
# the workers) and `order` (task at each position).

schedules <- c("stealing", "static", "cyclic", "dynamic", "guided")

new_policy <- function(schedule = "stealing", chunk = 1L, ends = NULL, order = NULL) {
  list(schedule = schedule, chunk = chunk, ends = ends, order = order)
}

# The policy of a call that names no schedule: the plan's.
policy_of_plan <- function(plan) {
  settings <- plan$settings
  new_policy(settings$schedule, if (is.null(settings$chunk_size)) 1L else settings$chunk_size)
}

# `future.chunk.size`, else `future.scheduling`, as future.apply reads them;
# `given` says whether the call named either.
policy_of_future <- function(n, workers, scheduling, chunk_size, given, plan,
                             call = sys.call(-1L)) {
  # What most calls leave as it is.
  if (!given && identical(scheduling, 1)) return(policy_of_plan(plan))
  by_size <- !is.null(chunk_size)
  argument <- if (by_size) "future.chunk.size" else "future.scheduling"
  rule <- if (by_size) chunk_size else scheduling
  check_chunk_rule(rule, argument, by_size, call)
  order <- resolve_ordering(attr(rule, "ordering"), n, argument, call)
  if (!given) {
    policy <- policy_of_plan(plan)
    policy$order <- order
    return(policy)
  }
  count <- chunk_count(n, workers, rule, by_size)
  ends <- cumsum(lengths(parallel::splitIndices(n, count)))
  new_policy("dynamic", 1L, ends = as.integer(ends), order = order)
}

check_chunk_rule <- function(rule, argument, by_size, call) {
  good <- length(rule) == 1L && !is.na(rule) &&
    (is.numeric(rule) || (is.logical(rule) && !by_size)) &&
    (if (by_size) rule > 0 else rule >= 0)
  if (!good) {
    must <- if (by_size) "a positive number" else "TRUE, FALSE or a number of at least 0"
    stop_argument(argument, must, rule, call)
  }
}

# The number of chunks (not rounded: parallel::splitIndices() takes it as it is).
chunk_count <- function(n, workers, rule, by_size) {
  if (by_size) return(max(1, ceiling(n / as.numeric(rule))))
  workers <- min(workers, n)
  if (is.logical(rule)) return(if (rule) workers else n)
  if (is.infinite(rule)) return(n)
  if (rule == 0) return(1)
  min(max(rule * workers, 1), n)
}

# Attribute "ordering" as a permutation of 1:n, or NULL.
resolve_ordering <- function(ordering, n, argument, call) {
  if (is.null(ordering)) return(NULL)
  where <- sprintf("%s attribute \"ordering\"", argument)
  if (identical(ordering, "random")) {
    ordering <- keep_random_seed(sample.int(n))
  } else if (is.function(ordering)) {
    ordering <- ordering(n)
  }
  if (!is.numeric(ordering) || !identical(sort(as.integer(ordering)), seq_len(n))) {
    must <- sprintf("a permutation of 1:%d, a function that returns one, or \"random\"", n)
    stop_argument(where, must, ordering, call)
  }
  as.integer(ordering)
}

# mclapply(): prescheduled tasks are dealt out cyclically; others are handed out one by one.
policy_of_mclapply <- function(preschedule) {
  if (preschedule) new_policy("cyclic") else new_policy("dynamic", 1L)
}

# parLapply(): contiguous blocks, fixed; with a chunk size, chunks as parallel cuts
# them, without its rounds. `balance` (parLapplyLB() and similar): one task at a time, or
# two chunks per worker where each claim costs a message.
policy_of_cluster <- function(n, plan, chunk_size, balance, call = sys.call(-1L)) {
  good <- is.null(chunk_size) || (is.numeric(chunk_size) && length(chunk_size) == 1L && !is.na(chunk_size))
  if (!good) stop_argument("chunk.size", "a number or NULL", chunk_size, call)
  if (is.null(chunk_size) || chunk_size <= 0) {
    if (!balance) return(new_policy("static"))
    if (!is.null(chunk_size) || plan$executor$cheap_claims) return(new_policy("dynamic", 1L))
    count <- min(n, 2L * plan$workers)
  } else {
    count <- max(1, ceiling(n / chunk_size))
  }
  ends <- cumsum(lengths(parallel::splitIndices(n, count)))
  new_policy("dynamic", 1L, ends = as.integer(ends))
}
