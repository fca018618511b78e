# The report of native work on threads (in_slices() in plan-threads.R): how long it took, and how
# much of that its threads had a processor.

# Begins a report of native work; returns a function that ends it. units: how many of what.
start_native <- function(call, threads, units = NA_real_, unit = "slice") {
  begin_call()
  if (!wants_report()) return(function() NULL)
  start <- Sys.time()
  called <- rs_now()
  before <- sum(proc.time()[1:2])
  function() {
    ended <- rs_now()
    spent <- sum(proc.time()[1:2]) - before
    keep_native(call, threads, units, unit, start, called, ended, spent)
  }
}

keep_native <- function(call, threads, units, unit, start, called, ended, spent) {
  wall <- ended - called
  # Clocks of processors tick more slowly.
  each <- rep(min(wall, spent / threads), threads)
  zero <- numeric(threads)
  keep_report(list(
    executor = "threads", kind = "native", unit = unit, call = call, tasks = units, workers = threads, policy = NULL, threads = 1L,
    settings = list(), streams = "none", done = units, spans = NULL,
    seats = list(
      starting = zero, first = zero, claims = zero, tasks = each, moving = zero, lost = zero, mark = rep(called, threads) + each,
      peak = rep(rs_peak_memory(), threads), base = rep(NA_real_, threads)
    ),
    forks = 0, claims = NA_real_, steals = NA_real_, losses = 0, bytes = NA_real_, receiving = NA_real_, sent = 0,
    called = called, launched = called, ended = ended, start = start, end = Sys.time()
  ))
}

# The number of threads of a step, which its maker has as `threads`.
threads_of_step <- function(step) {
  threads <- get0("threads", environment(step), mode = "numeric")
  if (length(threads) == 1L && !is.na(threads)) as.integer(threads) else thread_count()
}
