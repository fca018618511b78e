# The one door to every executor.

run_job <- function(job, plan) {
  # Those of the last job are no longer those of the last job.
  if (wants_timings()) state$timings <- NULL
  run <- switch(plan$kind,
    sequential = run_sequential,
    multicore = run_multicore,
    run_future
  )
  after <- job$streams$after
  if (!is.null(after)) on.exit(restore_random_state(after))
  outcome <- run(job, plan)
  if (job$on_error == "stop" && length(outcome$failed)) {
    task <- outcome$failed[[1L]]
    raise_of_task(outcome$values[[task]], task, job$n)
  }
  outcome
}
