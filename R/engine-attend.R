# What a session does while workers run its job, whoever they are: it receives, relays,
# shows progress and answers interrupts until the job has ended; then makes the outcome.

# Seconds after which a session looks for interrupts and shows progress again though
# nothing has arrived: no user notices them.
longest_wait <- 0.1

# handle: the handle of a job whose workers were started (src/rust/src/jobs/job.rs). The
# loss of workers is raised as an error here; errors of tasks are values of the outcome.
attend <- function(handle, job, plan) {
  # Made here, while the workers come up.
  report <- new_report(job, plan)
  mailbox <- new_mailbox(job$policy$order, job$n, job$relay$quiet)
  progress <- new_progress(job, min(plan$workers, job$n), plan)
  on.exit(progress$close())
  # See `relayed` of a report: the last time within the loop, and after it.
  relayed <- matrix(0, 2L, 2L)
  repeat {
    # It returns as soon as there is something to relay.
    status <- rs_job_wait(handle, longest_wait)
    relayed[, 1L] <- rs_now()
    withCallingHandlers(rs_check_interrupt(), interrupt = function(i) tell_running(rs_job_seen(handle), plan))
    mailbox$add(status$events)
    tell_losses(status$events, plan)
    if (status$state != "running") break
    mailbox$flush(status$prefix)
    relayed[2L, 1L] <- rs_now()
    progress$update(status$done, status$busy, function() rs_job_seen(handle))
  }
  collected <- rs_job_collect(handle)
  arrived <- arrive_values(collected$values, mailbox$travelled(), job$origin)
  values <- arrived$values
  failed <- collected$failed
  timeouts <- mailbox$timeouts()
  for (task in timeouts[timeouts %in% failed]) {
    values[[task]] <- new_timeout_error(task, plan$settings$timeout, job$origin, mailbox$calls(task))
  }
  if (status$state == "failed") {
    mailbox$flush(status$prefix)
    stop_worker_lost(status$failure, values, job$origin)
  }
  counted <- rs_job_report(handle)
  report[names(counted)] <- counted
  progress$clear()
  stopping <- job$on_error == "stop" && length(failed)
  relayed[1L, 2L] <- rs_now()
  mailbox$flush(Inf, if (stopping) failed[[1L]] else job$n)
  relayed[2L, 2L] <- rs_now()
  # Its last line comes after what tasks have printed.
  progress$close(if (!stopping) job$n)
  report$relayed <- relayed
  report$misuse <- length(mailbox$misuse())
  misuse <- mailbox$misuse()
  if (length(misuse) && !stopping) warn_rng_misuse(job, min(misuse))
  if (!is.null(arrived$dead) && !stopping) warn_dead(arrived$dead)
  new_outcome(values, failed, collected$vector, collected$first, report)
}
