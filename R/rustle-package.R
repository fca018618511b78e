#' rustle: parallel apply functions under a scheduler written in Rust
#'
#' Replace `library(future.apply)` or `library(parallel)` by `library(rustle)`, say
#' `plan(multicore)`, and the same calls run on all cores with the same results.
#'
#' @section Options:
#' * `rustle.progress`: `TRUE` shows the progress of calls ([plan()]), from
#'   `rustle.progress.after` seconds on (2), in lines every `rustle.progress.seconds` (10).
#' * `rustle.traceback`: `FALSE` leaves out the calls of tasks that have failed ([task_trace()]).
#' * `rustle.rerun`: `FALSE` keeps nothing of the last call for [rerun_task()].
#' * `rustle.debug`: `TRUE` prints what the engine decides.
#' * `rustle.boot_bytes`: how many bytes of resamples [boot()] keeps for its workers at
#'   a time; 256 MB by default.
#' * `rustle.threads`: threads of the `mt_` functions ([with_threads()]).
#' * `rustle.timings`: `TRUE` keeps when each task ran ([job_timings()]).
#' * `rustle.size.warning`: bytes; sending more to workers for the first time is told, once in a
#'   session; 500 MB by default.
#' * `future.globals.maxSize`: bytes that the globals of a call may have; 500 MiB by default, as
#'   in future. `future.globals.onReference`: `"ignore"`, `"warning"` or `"error"` for pointers
#'   among them ([register_serializer()]).
#' * `future.rng.onMisuse`: `"warning"`, `"error"` or `"ignore"`, as in future.
#' @seealso `?"rustle-plans"`, `?"rustle-schedules"`, `?"rustle-seeds"`, `?"rustle-
#'   errors"`; `vignette("rustle")`.
#' @importFrom stats coef confint quantile vcov
#' @useDynLib rustle, .registration = TRUE
"_PACKAGE"
