# What reports cost: a call with a report against the same call without, whose clocks are read
# once per claim.

with_report <- function(call, report = TRUE, memory = FALSE) {
  function() {
    old <- options(rustle.report = report, rustle.memory = memory)
    on.exit(options(old))
    call()
  }
}
# What it costs that an error could say where it happened.
with_trace <- function(call, trace = TRUE) {
  function() {
    old <- options(rustle.traceback = trace)
    on.exit(options(old))
    call()
  }
}
trivial <- function() future_lapply(1:1e5, function(i) NULL)
quick <- function() future_lapply(1:4000, task25)
on_sessions <- function() plan(multisession, workers = workers, compiled = "never")
in_session <- function() plan(sequential)

cases <- list(
  case("1e5 trivial tasks, report", "without", 1.01, with_report(trivial), with_report(trivial, FALSE), 31L),
  case("4000 tasks of 25 us, report", "without", 1.01, with_report(quick), with_report(quick, FALSE), 31L),
  case("1e5 trivial tasks, report, multisession", "without", 1.01, with_report(trivial), with_report(trivial, FALSE), 31L, prepare = on_sessions),
  case("4000 tasks of 25 us, report, multisession", "without", 1.01, with_report(quick), with_report(quick, FALSE), 31L, prepare = on_sessions),
  case("1e5 trivial tasks, report, sequential", "without", 1.01, with_report(trivial), with_report(trivial, FALSE), 31L, prepare = in_session),
  case("1e5 trivial tasks, report of errors' calls", "without", 1.01, with_trace(trivial), with_trace(trivial, FALSE), 31L),
  case("4000 tasks of 25 us, report of errors' calls", "without", 1.01, with_trace(quick), with_trace(quick, FALSE), 31L),
  case("1e5 trivial tasks, report with memory of tasks", "without", 1.05, with_report(trivial, TRUE, TRUE), with_report(trivial, FALSE), 31L),
  case("4000 tasks of 25 us, report with memory of tasks", "without", 1.05, with_report(quick, TRUE, TRUE), with_report(quick, FALSE), 31L)
)
