# The plan in force, and the plans of calls and of workers that follow from it.
#
# A plan is a list:
#   executor     how jobs run, and what that can do (engine-executors.R)
#   workers      how many
#   settings     those of plan()
#   stack        future's strategies: this level and the nested ones
#   limit        how many workers a call uses of a plan that has more; NULL: all
#   own_workers  TRUE: the plan has no workers, and the call starts some for itself

new_plan <- function(executor, workers, settings, stack, limit = NULL, own_workers = FALSE) {
  list(
    executor = executor, workers = workers, settings = settings, stack = stack,
    limit = limit, own_workers = own_workers
  )
}

# The record of the plan in force, written here only: future's `stack` when it was made,
# our `settings`, and the `plan`, NULL until it is asked for; `home`: see frame_of_stack(); `here`, the executor in this session. In a worker that stands by also
# `late`, TRUE as long as future is not loaded, and the stack that it had `first`.
in_force <- new.env(parent = emptyenv())

# Future's plan. Workers that stand by have none until a task loads future.
stack_of_future <- function() {
  if (isTRUE(in_force$late)) return(in_force$stack)
  frame <- frame_of_stack()
  if (is.null(frame)) future::plan("list") else frame$stack
}

# The frame of future's in which the variable `stack` is what plan("list") returns, which takes longer to
# say so than all else that is asked here; NULL where it is not.
frame_of_stack <- function() {
  frame <- environment(future::plan)
  if (identical(frame, in_force$home)) return(frame)
  stack <- get0("stack", envir = frame, inherits = FALSE)
  if (is.null(stack) || !rs_compiled_same(list(stack), list(future::plan("list")))) return(NULL)
  in_force$home <- frame
}

# In the server: its workers load future when they need it, and have a plan without workers then, as
# future's own workers have.
do_without_future <- function() {
  begin <- function() {
    future::plan(future::sequential)
    in_force$first <- future::plan("list")
  }
  # A package of the session has loaded it.
  if (isNamespaceLoaded("future")) return(begin())
  in_force$late <- TRUE
  setHook(packageEvent("future", "onLoad"), function(...) {
    in_force$late <- FALSE
    begin()
    if (!is.null(in_force$stack)) return()
    in_force$stack <- in_force$first
    if (!is.null(in_force$plan)) in_force$plan$stack <- in_force$first
  })
}

# What is noted of the stack of a worker: NULL is the first.
noted_stack <- function() {
  stack <- stack_of_future()
  if (!identical(stack, in_force$first)) stack
}

put_back_stack <- function(stack, settings) {
  if (is.null(stack)) stack <- in_force$first
  set_stack(stack, settings, init = FALSE)
  release_workers(stack)
}

# Notes `stack`, which is future's plan already.
put_in_force <- function(stack, settings) {
  in_force$stack <- stack
  in_force$settings <- settings
  in_force$plan <- NULL
}

# Makes `stack` future's plan and ours. init: FALSE never starts future's
# workers, NA leaves future's plan alone.
set_stack <- function(stack, settings, init, cleanup = TRUE) {
  if (!is.na(init)) {
    # Workers start with forking disabled, so that calls nested in a task do not fork by
    # default. A task that sets a plan has asked for it: forking is allowed again.
    if (is_worker()) options(parallelly.fork.enable = NULL)
    future::plan(stack, substitute = FALSE, .init = init, .cleanup = cleanup)
    if (cleanup) stop_nodes_of_plan()
  }
  put_in_force(future::plan("list"), settings)
}

# The number of workers is known better now.
count_again <- function() in_force$plan <- NULL

current_plan <- function() {
  stack <- stack_of_future()
  # Future's plan is not the one that we set: somebody else has changed it.
  if (!identical(stack, in_force$stack)) {
    put_in_force(stack, default_settings())
    release_workers(stack)
  }
  if (is.null(in_force$plan)) {
    executor <- executor_of(stack[[1L]])
    in_force$plan <- new_plan(
      executor, plan_workers(stack, executor, in_force$settings), in_force$settings, stack
    )
  }
  in_force$plan
}

# The same for plan(), which must be able to replace a plan whose workers cannot be
# counted because they cannot be started.
describe_plan <- function() {
  loadNamespace("future")
  tryCatch(current_plan(), error = function(e) {
    new_plan(executor("future"), NA_integer_, in_force$settings, in_force$stack)
  })
}

plan_workers <- function(stack, executor, settings = in_force$settings) {
  if (!is.null(executor$count)) return(executor$count(stack, settings))
  if (executor$in_session) return(1L)
  strategy <- stack[[1L]]
  # The workers are future's own.
  if (!executor$any_number) {
    return(max(1L, as.integer(min(future::nbrOfWorkers(), .Machine$integer.max))))
  }
  workers <- formals(strategy)$workers
  if (is.symbol(workers) || is.call(workers)) workers <- eval(workers, environment(strategy))
  if (is.function(workers)) workers <- workers()
  if (!is.numeric(workers)) return(available_workers())
  max(1L, as.integer(workers))
}

# The plan of a call that says how many workers it wants that can be had in any number: forked
# ones, or where forking is not safe those that stand by.
plan_of_processes <- function(workers) {
  plan <- current_plan()
  forked <- supports_fork() || !has_standing_workers()
  new_plan(executor(if (forked) "multicore" else "multisession"), workers, settings_of_processes(plan), plan$stack)
}

# That of mclapply() and its like.
plan_of_mclapply <- function(workers) {
  plan <- plan_of_processes(workers)
  if (plan$executor$name == "multisession" && first_time("mclapply_sessions")) {
    message(
      "mclapply() and its like make workers by copying this R process (they fork), which is not safe ", where_not_to_fork(),
      ". Instead their tasks run on the workers of plan(multisession), with the same results and random numbers. ",
      "(One after the other in this session: options(rustle.mclapply.sessions = FALSE).)"
    )
  }
  plan
}

# May mclapply() and its like have workers here?
may_fork_or_send <- function() {
  if (.Platform$OS.type == "windows") return(FALSE)
  supports_fork() || !isFALSE(getOption("rustle.mclapply.sessions", TRUE))
}

# The plan of a call that runs in the session, whatever the plan in force is.
serial_plan <- function() in_session(current_plan())

# A plan whose tasks run in this process instead.
in_session <- function(plan) {
  here <- in_force$here
  if (is.null(here)) here <- in_force$here <- executor("sequential")
  # As new_plan() makes it, which takes longer.
  list(executor = here, workers = 1L, settings = plan$settings, stack = plan$stack, limit = NULL, own_workers = FALSE)
}

# The plan of a call that says how many workers it wants, whatever the plan in force is:
# those of the plan if it can have any number of them, else forked ones, or where forking is
# not safe those that stand by; where there are none either, future's sessions until the
# function whose frame is `frame` returns.
plan_of_number <- function(workers, frame) {
  plan <- current_plan()
  if (plan$executor$any_number) return(new_plan(plan$executor, workers, plan$settings, plan$stack))
  if (supports_fork() || has_standing_workers()) return(plan_of_processes(workers))
  local_plan("multisession", workers = workers, .local_envir = frame)
  current_plan()
}

# `plan` with another number of workers for one call; NULL when the plan has fewer. For a
# plan without workers some are started for the call: forked ones, or else sessions.
resize_plan <- function(plan, workers) {
  can <- plan$executor
  if (can$any_number) return(new_plan(can, workers, plan$settings, plan$stack))
  if (can$in_session && workers > 1L && (supports_fork() || has_standing_workers())) {
    return(plan_of_processes(workers))
  }
  if (workers == plan$workers) return(plan)
  # Workers of other kinds belong to future. A call may use fewer of them. For more of them
  # future would need another plan, which ends the workers and futures of this one.
  if (!can$in_session && workers > plan$workers) return(NULL)
  new_plan(
    if (can$in_session) executor("future") else can, workers, plan$settings, plan$stack, limit = workers,
    own_workers = can$in_session
  )
}

# A call in a task follows the next level of the plan. When there is none it is
# sequential, so that workers do not start workers of their own. These options are enough
# for that (future's multicore is sequential where forking is disabled); to set future's
# plan in a fresh worker would cost a millisecond of page faults.
worker_options <- list(mc.cores = 1L, parallelly.fork.enable = FALSE)

# What a worker gets, as list(plan, levels, cores, threads): its plan; the nested levels of
# the session's plan, which replace it if there are any; the cores that its own workers may
# use; and its threads.
nested_plan <- function(plan) {
  list(
    plan = in_session(plan),
    levels = unclass(plan$stack)[-1L], cores = max(1L, machine_cores() %/% plan$workers),
    threads = threads_per_worker(plan$workers, plan$settings$worker_threads)
  )
}

# Puts the plan of a worker in force. Returns a function that undoes this; it works only
# where there are no nested levels.
enter_worker <- function(nested) {
  cores <- set_machine_cores(nested$cores)
  before <- in_force$plan
  if (length(nested$levels)) {
    set_stack(nested$levels, nested$plan$settings, init = FALSE, cleanup = FALSE)
  } else {
    in_force$plan <- nested$plan
  }
  function() {
    set_machine_cores(cores)
    in_force$plan <- before
  }
}

# Tasks in this process find the next level too, as those of future's sequential do.
with_next_level <- function(plan, expr) {
  below <- unclass(plan$stack)[-1L]
  if (!length(below)) return(expr)
  on.exit(set_stack(plan$stack, plan$settings, init = FALSE, cleanup = FALSE))
  set_stack(below, plan$settings, init = FALSE, cleanup = FALSE)
  expr
}
