# How a job runs on one kind of workers. Families ask an executor what it can do, never
# which one it is.
#
# An executor is a list:
#   name           the word for it, in messages and tests
#   run            function(job, plan): an outcome (engine-job.R)
#   in_session     do tasks run in this process?
#   shares_memory  do tasks find the session's objects as they are at the call? If not,
#                  what they need travels (engine-parcel.R)
#   cheap_claims   is a task claimed by a word in shared memory? If not, every chunk costs
#                  a message or a future
#   any_number     can a call have as many workers as it asks for, whatever the plan says?
#   keeps          do its workers keep between calls what they are given (workers-keep.R)?
#   count          NULL, or function(stack, settings): how many workers a plan of ours has
#                  that is not known from `workers` alone

new_executor <- function(name, run, in_session = FALSE, shares_memory = FALSE, cheap_claims = FALSE,
                         any_number = FALSE, keeps = FALSE, count = NULL) {
  list(
    name = name, run = run, in_session = in_session, shares_memory = shares_memory,
    cheap_claims = cheap_claims, any_number = any_number, keeps = keeps, count = count
  )
}

executor <- function(name) {
  switch(name,
    sequential = new_executor(
      name, run_sequential, in_session = TRUE, shares_memory = TRUE, cheap_claims = TRUE
    ),
    # What does not compile runs in the session, as under `sequential`.
    threads = new_executor(
      name, run_on_threads, in_session = TRUE, shares_memory = TRUE, cheap_claims = TRUE, count = count_threads
    ),
    multicore = new_executor(
      name, run_multicore, shares_memory = TRUE, cheap_claims = TRUE, any_number = TRUE
    ),
    # A claim costs no message: only chunks of nodes do, whose sizes are its own affair.
    cluster = new_executor(name, run_on_nodes, cheap_claims = TRUE, count = count_nodes),
    multisession = new_executor(name, run_multisession, cheap_claims = TRUE, any_number = TRUE, keeps = TRUE),
    slurm = new_executor(name, run_on_slurm, cheap_claims = TRUE, count = count_slurm),
    future = new_executor(name, run_future),
    stop_internal(sprintf("there is no executor \"%s\"", name), executor = name)
  )
}

# The executor for a strategy of future: one of ours if we have one for it, otherwise the
# executor that runs chunks as futures. No other place decides this.
executor_of <- function(strategy) {
  if (is_slurm(strategy)) return(executor("slurm"))
  if (is_threads(strategy)) return(executor("threads"))
  if (inherits(strategy, "sequential")) return(executor("sequential"))
  if (inherits(strategy, "multicore") && parallelly::supportsMulticore()) {
    return(executor(if (is_fork_hazardous() && has_standing_workers()) "multisession" else "multicore"))
  }
  if (inherits(strategy, "multisession") && has_standing_workers()) return(executor("multisession"))
  # future's multisession is a cluster too.
  if (inherits(strategy, "cluster") && !inherits(strategy, c("multisession", "remote"))) return(executor("cluster"))
  executor("future")
}
