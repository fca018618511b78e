# The one door to every executor.

run_job <- function(job, plan) {
  if (plan$own_workers) return(with_local_workers(plan, function(plan) run_job(job, plan)))
  # A call that fails before it has a report leaves none.
  keep_report(NULL)
  after <- job$streams$after
  if (!is.null(after)) on.exit(restore_random_state(after))
  start <- Sys.time()
  outcome <- plan$executor$run(job, plan)
  outcome$report[c("start", "end")] <- list(start, Sys.time())
  keep_report(outcome$report)
  if (job$on_error == "stop" && length(outcome$failed)) {
    task <- outcome$failed[[1L]]
    stop(with_task(outcome$values[[task]], task))
  }
  outcome
}

# When tasks failed whose errors did not end the job: raises the first.
stop_first_failure <- function(outcome) {
  failed <- outcome$failed
  if (!length(failed)) return(invisible())
  error <- with_task(outcome$values[[failed[[1L]]]], failed[[1L]])
  if (is.list(error)) error$failed <- failed
  stop(error)
}
