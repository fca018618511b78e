# Runs a job on the executor of a plan. No other code calls an executor.

# called: when the user's call came here, on the monotonic clock.
run_job <- function(job, plan, called = rs_now()) {
  force(called)
  hand_over(job, plan)
  if (plan$own_workers) return(with_local_workers(plan, function(plan) run_job(job, plan, called)))
  reports$opening <- 0
  job$id <- begin_call()
  state <- get_random_seed()
  start <- Sys.time()
  on.exit(keep_call(job, plan, state, start))
  after <- job$streams$after
  if (!is.null(after)) on.exit(restore_random_state(after), add = TRUE)
  outcome <- NULL
  tell_start(job, plan)
  on.exit(tell_end(job, plan, outcome, start), add = TRUE)
  # That executor has journals of its own.
  checkpoint <- if (plan$executor$name != "slurm") checkpoint_in_force(plan)
  run <- run_of_plan(plan)
  outcome <- if (is.null(checkpoint)) run(job, plan) else run_checkpointed(job, plan, checkpoint, run)
  outcome$job <- job$id
  if (!is.null(outcome$report)) {
    outcome$report[c("start", "end", "called", "ended", "job")] <- list(start, Sys.time(), called, rs_now(), job$id)
    outcome$report$opening <- reports$opening
    # Some executors do not say when they start workers.
    if (is.na(outcome$report$launched)) outcome$report$launched <- called
  }
  keep_report(outcome$report)
  if (job$on_error == "stop" && length(outcome$failed)) {
    task <- outcome$failed[[1L]]
    raise_of_task(outcome$values[[task]], task, job)
  }
  outcome
}

# Raises the first error of tasks whose errors did not end the job.
stop_first_failure <- function(outcome, what = "task") {
  failed <- outcome$failed
  if (!length(failed)) return(invisible())
  error <- outcome$values[[failed[[1L]]]]
  if (is.list(error)) error$failed <- failed
  more <- if (length(failed) > 1L) sprintf("; %d of them failed", length(failed)) else ""
  raise_of_task(error, failed[[1L]], list(n = length(outcome$values), id = outcome$job), what, more)
}
