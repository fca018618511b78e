# Help pages that answer a question, not of a function.

#' Plans: where tasks run
#'
#' Which plan to choose, what its workers see, and what it costs. [plan()] is the reference.
#'
#' | You have | Plan |
#' |---|---|
#' | a session where forking is safe, few calls, or tasks that see most of a large session | `multicore` |
#' | many calls in one session, short tasks, RStudio, Positron, threads, Java, Windows | `multisession` |
#' | a function of numbers alone, with loops | any of `multisession`, `multicore` and [threads], if [explain_compiled()] says that it compiles |
#' | several machines | `cluster` |
#' | a login node of Slurm, hours of work, a session that may end meanwhile | [slurm] |
#' | a batch system that runs whole jobs | a strategy of \pkg{future}: the chunks run as futures |
#' | something to debug | `sequential`: `traceback()` and `browser()` see the task |
#'
#' @section What workers see:
#' Those of `multicore` are forked at each call: they see the session as it is then, without
#' copies. Those of `multisession` and `cluster` are R processes that are sent what the
#' code of the function names: globals, packages, and at each call options and the
#' directory of the session (on nodes those of the nodes). What a task changes stays in its worker.
#' Connections and external pointers of the session must not be used by workers;
#' [register_serializer()] tells how objects travel.
#' @section How many workers:
#' The first that is given decides: `mc.cores` of a call of the `mclapply()` family, and without it
#' the option `mc.cores`, else 2, as in \pkg{parallel}; for other calls `workers` of the plan; then
#' [availableCores()], which knows control groups, Slurm, CPU affinity and `R CMD check`.
#' @section Nested calls:
#' In a worker, calls are sequential, unless the plan has another level:
#' `plan(list(sequential, tweak(multicore, workers = 4)))` keeps the outer call in the session.
#' @seealso [plan()] and its settings, [with_plan()] and [local_plan()]; [worker_status()];
#'   [with_checkpoint()] for runs that may be killed; `vignette("plans")` for tables of what holds
#'   under which plan and of costs.
#' @examples
#' oplan <- plan(multicore, workers = 2)
#' plan()
#' #> plan: multicore, 2 workers
#' #> schedule: stealing; retries: 1; timeout: none; progress: option rustle.progress;
#' #>   threads per worker: an equal part of the cores; compiled: auto
#' # plan: multicore, 2 workers
#' # schedule: stealing; retries: 1; timeout: none; ...
#' future_sapply(1:4, function(i) i^2)
#' #> [1]  1  4  9 16
#' # [1]  1  4  9 16
#' with_plan(sequential, future_sapply(1:4, function(i) i^2))
#' #> [1]  1  4  9 16
#' # [1]  1  4  9 16
#' plan(oplan)
#' @name rustle-plans
NULL

#' Schedules: who runs which task
#'
#' A schedule is the rule by which tasks go to workers. It changes the time that a call takes, never
#' its result (prescheduled `mclapply()` with random numbers excepted, as in \pkg{parallel}).
#'
#' | Schedule | Rule | For |
#' |---|---|---|
#' | `stealing`, the default | a block for each worker; who has finished takes half of the largest block left | times that you do not know |
#' | `dynamic` | one task (or `chunk_size`) at a time to whoever is idle | few tasks of very different times, longest first |
#' | `guided` | as dynamic, in shares that shrink | many tasks, few claims |
#' | `static` | one block for each worker | equal times, neighbours that share data |
#' | `cyclic` | worker w gets w, w + workers, ... | times that rise or fall along `X`, a fixed assignment |
#'
#' Set it by `plan(schedule = )` and `chunk_size`. `future.chunk.size` and `future.scheduling` of a
#' call override it: they make the chunks of \pkg{future.apply}, which go to whoever is idle, in
#' an order that the attribute `ordering` permutes. `mclapply()` is cyclic with `mc.preschedule =
#' TRUE`, else dynamic; `parLapply()` on the plan is static, `parLapplyLB()` dynamic; `%dopar%`
#' takes `.options.rustle = list(schedule =, chunk_size =)`.
#' @seealso [simulate_schedule()] and [compare_schedules()] before you ask for many cores;
#'   [job_timings()] for what a call really did; [plan()].
#' @examples
#' times <- seq(0.05, 0.7, length.out = 16)
#' compare_schedules(times, workers = 2, schedule = c("static", "stealing"))
#' #>  schedule workers makespan speedup efficiency imbalance
#' #>    static       2     4.39    1.37      0.684     0.462
#' #>  stealing       2     3.03    1.98      0.990     0.010
#' #  schedule workers makespan speedup efficiency imbalance
#' #    static       2     4.39    1.37      0.683   0.46444
#' #  stealing       2     3.02    1.98      0.992   0.00794
#' plot(simulate_schedule(times, workers = 2, schedule = "static"))
#' @name rustle-schedules
NULL

#' Seeds: random numbers in tasks
#'
#' How a call on workers gives the same random numbers whatever the workers, the schedule
#' and the machine.
#'
#' | Call | Seed | Streams |
#' |---|---|---|
#' | `future_*()` | `future.seed = TRUE` (from the session's state) or a number | one of L'Ecuyer-CMRG per task, those of \pkg{future.apply} |
#' | `mclapply()`, `mcmapply()` | `RNGkind("L'Ecuyer-CMRG"); set.seed(1)` | those of \pkg{parallel}: a stream per worker when prescheduled, else per task |
#' | `parLapply()` and others on the plan | the same | one per task |
#' | `%dorng%` of \pkg{doRNG} | `set.seed()` or `.options.RNG` | one per task |
#' | `boot()` | `set.seed()` | the numbers of a serial run |
#' | `bootstrap()`, `cv()`, `folds()`, `permutation_test()`, `wild_test()`, `study()` | `seed =` | one per replicate, fold or task; the session's state does not move |
#'
#' @section Traps:
#' * `set.seed()` before a call does not reach tasks on workers without `future.seed`: such a draw gives
#'   a warning of class `RngFutureWarning`.
#' * `set.seed(i)` *in* a task throws away the stream that `future.seed` gave it: tasks with one `i`
#'   draw the same numbers whatever the seed of the call. Use one or the other.
#' * Random numbers of prescheduled `mclapply()` depend on `mc.cores`.
#' * `RNGkind(normal.kind = "Box-Muller")` keeps half of a pair from task to task: with that kind
#'   numbers depend on the schedule.
#' @seealso [future_lapply()], [mclapply()], [bootstrap()], [study()]; [parallel::nextRNGStream()].
#' @examples
#' draw <- function(workers) {
#'   local_plan(multicore, workers = workers)
#'   future_sapply(1:3, function(i) rnorm(1), future.seed = 42)
#' }
#' identical(draw(1), draw(2))
#' #> [1] TRUE
#' # [1] TRUE
#' @name rustle-seeds
NULL

#' Errors: classes, and what to do
#'
#' Every error of this package has a class of its own above `rustle_error`, and fields: `argument` and
#' `value`, `task`, `tasks`, `values` and others. Wrong arguments stop before anything starts.
#'
#' | What happens | What you get | What to do |
#' |---|---|---|
#' | a task fails | in `future_*()` the error of the failing task with the lowest index, with its class, message and call, its index in `task`, and the calls of your code in `trace`; in `mclapply()` a `try-error` for that task | [task_trace()] shows the calls, [rerun_task()] runs the task again in the session |
#' | a worker is killed or crashes | its tasks run again, `retries` times; then `rustle_error_worker_lost` with `tasks`, `signal`, `values` (what arrived), `printed` (the last output of the task), `used` and `limit` (bytes of memory that it had, and that the control group may have) and `memory` (has the kernel killed for want of it?) | is memory the reason? Fewer workers |
#' | a task takes longer than `timeout` | `rustle_error_timeout`, with the calls in which it was in `trace` | `plan(timeout = )` |
#' | a wrong argument | `rustle_error_argument` with `argument` and `value` | the message says what may be given |
#' | Slurm refuses a job, or there is none | `rustle_error_slurm`, with Slurm's words | [slurm] |
#' | the statistic of a bootstrap fails | `rustle_error_statistic` with `replicate` | `on_error`, see [bootstrap()] |
#' | an interval is not valid for a scheme | `rustle_error_interval` | [bootstrap_validity()] |
#' | a fold of [cv()] fails | `rustle_error_fold` with `fold` and `rep` | `on_error = "na"` |
#' | Ctrl-C, `setTimeLimit()` | the workers end or leave their tasks; the prompt is back. Tasks that have run for two seconds or more are told | |
#'
#' @section A report of a fault:
#' Give the call, `sessionInfo()`, `plan()`, and the output with the environment variable
#' `EXTENDR_BACKTRACE=1`, which shows where Rust code panicked (a panic is always a fault).
#' @seealso [plan()] for `retries` and `timeout`; [with_checkpoint()] keeps what was finished;
#'   `vignette("plans")`.
#' @examples
#' e <- tryCatch(future_sapply(list(1, "a", 3), log), error = identity)
#' conditionMessage(e)
#' #> [1] "non-numeric argument to mathematical function"
#' # "non-numeric argument to mathematical function"
#' e$task
#' #> [1] 2
#' # [1] 2
#' tryCatch(plan(multicore, workers = 0), rustle_error_argument = function(e) e$argument)
#' #> [1] "workers"
#' # [1] "workers"
#' @name rustle-errors
NULL
