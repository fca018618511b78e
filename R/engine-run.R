# The one door to every executor.

run_job <- function(job, plan) {
  if (plan$own_workers) return(with_local_workers(plan, function(plan) run_job(job, plan)))
  # A call that fails before it has a report leaves none.
  keep_report(NULL)
  after <- job$streams$after
  if (!is.null(after)) on.exit(set_random_seed(after[[1L]]))
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
