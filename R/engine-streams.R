# Which random numbers tasks draw, and how the caller's state moves.
#
# A stream plan is a list: `streams` (see src/rust/src/seeds.rs), `seed` (the
# seven integers of the base seed, or a list with one per task) and `after`: the
# caller's random state when the call is over, as random_state() has it; NULL leaves it
# alone.

get_random_seed <- function() {
  globalenv()[[".Random.seed"]]
}

set_random_seed <- function(seed) {
  if (is.null(seed)) {
    if (exists(".Random.seed", globalenv(), inherits = FALSE)) {
      rm(".Random.seed", envir = globalenv())
    }
  } else {
    assign(".Random.seed", seed, envir = globalenv())
    read_random_kinds()
  }
}

# Makes R read the kinds of generators from `.Random.seed`. R does this by itself only when
# it next draws; until then it may still have the kinds of an earlier state. A worker starts
# without a state and would keep these: set.seed() in a task would seed another generator.
read_random_kinds <- function() {
  ignore <- function(condition) NULL
  tryCatch(RNGkind(), error = ignore, warning = ignore)
}

# What is needed to put the random state back: the state, or where there is none the kinds
# of generators, because R would keep those that were set meanwhile.
random_state <- function() {
  seed <- get_random_seed()
  list(seed = seed, kinds = if (is.null(seed)) random_kinds())
}

# RNGkind(), which takes longer to find the names than a small call may. What was seen last, written
# here only: the `numbers` of the kinds, and the `names` that R has for them.
kinds_seen <- new.env(parent = emptyenv())

random_kinds <- function() {
  numbers <- rs_random_kinds()
  if (!identical(numbers, kinds_seen$numbers)) {
    kinds_seen$names <- RNGkind()
    kinds_seen$numbers <- numbers
  }
  kinds_seen$names
}

restore_random_state <- function(state) {
  # To set the kinds seeds a generator, which takes longer than all that a small call does.
  if (identical(random_state(), state)) return(invisible())
  if (is.null(state$seed)) set_random_kinds(state$kinds)
  set_random_seed(state$seed)
}

# R warns when sample.kind "Rounding" is set. The user was warned when they chose it.
set_random_kinds <- function(kinds) suppressWarnings(RNGkind(kinds[[1L]], kinds[[2L]], kinds[[3L]]))

# Evaluates `expr` and puts the random state back.
keep_random_seed <- function(expr) {
  before <- random_state()
  on.exit(restore_random_state(before))
  expr
}

# The state after `n` draws of sample.int(1), without moving the state.
forwarded_state <- function(n) {
  keep_random_seed({
    for (k in seq_len(n)) sample.int(1L)
    random_state()
  })
}

is_lecuyer <- function(seed) {
  is.numeric(seed) && length(seed) == 7L && all(is.finite(seed)) && seed[[1L]] %% 10000L == 407L
}

no_streams <- function(check = FALSE, after = NULL) {
  list(streams = "clear", seed = NULL, after = after, check = check)
}

# `future.seed` as future.apply reads it: its streams (substream of stream i)
# and its movement of the caller's state (two draws; one for a list).
streams_of_future <- function(seed, n, argument = "future.seed", call = sys.call(-1L)) {
  # Tasks in the session, too, leave the caller's state as it is.
  if (is.null(seed)) return(no_streams(after = random_state()))
  if (is.list(seed)) return(streams_of_list(seed, n, argument, call))
  if (is.logical(seed) && length(seed) == 1L) {
    if (isFALSE(seed)) return(no_streams(check = TRUE, after = random_state()))
    base <- keep_random_seed(lecuyer_of_state(reuse = !is.na(seed)))
  } else {
    base <- lecuyer_of_number(seed, argument, call)
  }
  streams <- if (is.logical(seed) && is.na(seed)) "clear" else "substream"
  list(streams = streams, seed = base, after = forwarded_state(2L), check = FALSE)
}

# A L'Ecuyer seed from the current state: the state itself, or what R makes of
# it when the kind is changed.
lecuyer_of_state <- function(reuse) {
  current <- get_random_seed()
  if (reuse && is_lecuyer(current)) return(current)
  RNGkind("L'Ecuyer-CMRG")
  get_random_seed()
}

seed_forms <- paste(
  "TRUE, FALSE, NULL, a whole number, a L'Ecuyer-CMRG seed of seven integers,",
  "or a list with a seed for each element"
)

lecuyer_of_number <- function(seed, argument, call) {
  good <- is.numeric(seed) && all(is.finite(seed)) && (length(seed) == 1L || is_lecuyer(seed)) &&
    all(abs(seed) <= .Machine$integer.max)
  if (!good) stop_argument(argument, seed_forms, seed, call)
  seed <- as.integer(seed)
  if (length(seed) == 7L) return(seed)
  keep_random_seed({
    RNGkind("L'Ecuyer-CMRG")
    set.seed(seed)
    get_random_seed()
  })
}

streams_of_list <- function(seeds, n, argument, call) {
  good <- length(seeds) == n && all(vapply(seeds, is.integer, NA)) &&
    length(unique(lengths(seeds))) == 1L && length(seeds[[1L]]) > 1L &&
    is_random_seed(seeds[[1L]])
  if (!good) {
    must <- sprintf("a list of %d valid `.Random.seed` vectors of one kind, if a list", n)
    stop_argument(argument, must, seeds, call)
  }
  list(streams = "list", seed = seeds, after = forwarded_state(1L), check = FALSE)
}

is_random_seed <- function(seed) {
  keep_random_seed({
    set_random_seed(seed)
    tryCatch({ sample.int(1L); TRUE }, warning = function(w) FALSE, error = function(e) FALSE)
  })
}

# `mc.set.seed` as parallel reads it. With L'Ecuyer-CMRG, share or task k draws
# from the k-th next stream of the caller's state, which does not move; with
# other kinds workers start without a seed. FALSE: every worker starts from the
# caller's state.
streams_of_mclapply <- function(set_seed, preschedule) {
  if (!set_seed) {
    return(list(streams = if (preschedule) "keep" else "same", seed = NULL, after = NULL, check = FALSE))
  }
  if (RNGkind()[[1L]] != "L'Ecuyer-CMRG") return(no_streams())
  if (is.null(get_random_seed())) sample.int(1L)
  list(
    streams = if (preschedule) "share" else "stream",
    seed = get_random_seed(), after = NULL, check = FALSE
  )
}

# With L'Ecuyer-CMRG tasks have streams, and the caller's state moves, as with
# `future.seed = TRUE`; with other kinds workers start without a seed.
streams_of_cluster <- function(n) {
  if (RNGkind()[[1L]] == "L'Ecuyer-CMRG") streams_of_future(TRUE, n) else no_streams()
}

# The seeds of some tasks as a list, for workers without this package.
task_seeds <- function(streams, tasks) {
  switch(streams$streams,
    list = streams$seed[tasks],
    substream = , stream = unpack(rs_task_seeds(streams$seed, as.double(tasks), streams$streams)),
    NULL
  )
}

# The random-number check of future.apply: option future.rng.onMisuse.
warn_rng_misuse <- function(job, task) {
  action <- getOption("future.rng.onMisuse", "warning")
  if (action == "ignore") return()
  label <- if (is.character(job$label)) format_label(job$label, task) else "<none>"
  advice <- job$streams$advice
  if (is.null(advice)) advice <- future_advice
  text <- sprintf(
    paste0(
      "UNRELIABLE VALUE: One of the %s iterations (%s) unexpectedly generated random ",
      "numbers without declaring so. There is a risk that those random numbers are not ",
      "statistically sound and the overall results might be invalid. To fix this, %s. ",
      "This ensures that proper, parallel-safe random numbers are ",
      "produced via the L'Ecuyer-CMRG method. To disable this check, use ",
      "%s, or set option 'future.rng.onMisuse' to \"ignore\"."
    ),
    sQuote(advice$package), sQuote(label), advice$cure, advice$disable
  )
  kind <- if (action == "error") "error" else "warning"
  condition <- structure(
    class = c(
      paste0(c("RngFuture", "Future"), if (kind == "error") "Error" else "Warning"), kind,
      "RngFutureCondition", "FutureCondition", "condition"
    ),
    list(message = text, call = NULL, task = task)
  )
  if (kind == "error") stop(condition) else warning(condition)
}

future_advice <- list(
  package = "future.apply", cure = "specify 'future.seed=TRUE'", disable = "'future.seed = NULL'"
)

# The streams of a job that has some of the tasks of another, for another session. Those of
# neighbours are told by the stream of the first.
streams_of_tasks <- function(streams, tasks) {
  kind <- streams$streams
  m <- length(tasks)
  in_line <- m == tasks[[m]] - tasks[[1L]] + 1L && !is.unsorted(tasks)
  if (kind == "clear") return(list(streams = "clear", seed = NULL, check = streams$check, after = NULL))
  if (kind == "list" || !in_line) {
    return(list(streams = "list", seed = task_seeds(streams, tasks), check = FALSE, after = NULL))
  }
  first <- tasks[[1L]] - 1
  seed <- if (first == 0) streams$seed else unpack(rs_task_seeds(streams$seed, first, "stream"))[[1L]]
  list(streams = kind, seed = seed, check = FALSE, after = NULL)
}
