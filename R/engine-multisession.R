# Jobs on workers that stand by (engine-server.R): the same engine as on forked workers, but
# what a job needs travels (engine-parcel.R), because these workers were made before it.

run_multisession <- function(job, plan) {
  started <- start_standing(job, plan)
  on.exit(started$close())
  attend(started$handle, job, plan)
}

# list(handle, close) of a job whose workers have their orders. parcel: what of the job travels
# (engine-parcel.R), where that is known already. waiting: see ensure_pool().
start_standing <- function(job, plan, parcel = job_parcel(job), waiting = NULL) {
  for (package in job$packages) loadNamespace(package)
  read_random_kinds()
  ensure_pool(plan, job$origin, waiting)
  order <- job_order(job, plan, parcel)
  code <- list(order = pack_order(order, job$origin), desk = sent_desk$parcel, steps = plan$settings$keep$parcel)
  handle <- NULL
  close <- function() {
    # Workers are interrupted, and have half a second to leave their task.
    if (!is.null(handle)) rs_job_close(handle, if (job$cleanup$signal == 0) 0 else tools::SIGINT, 0.5)
    rs_parcel_close(code$order)
  }
  running <- FALSE
  on.exit(if (!running) close())
  handle <- unpack(rs_job_open(order$spec, code), job$origin)
  rs_job_start(handle)
  running <- TRUE
  list(handle = handle, close = close)
}

# What a worker is sent.
job_order <- function(job, plan, parcel) {
  worker <- parcel$worker
  nested <- nested_plan(plan)
  streams <- job$streams
  list(
    spec = job_spec(job, plan), call = job$call, FUN = worker$FUN, variables = worker$variables,
    dots = worker$dots, data = parcel$data, check = worker$check, globals = parcel$globals,
    packages = parcel$packages, backend = worker$backend, relay = job$relay, desk = desk_number(),
    last_step = last_step(plan$settings$keep), own_state = isTRUE(streams$own), memory = memory_terms(plan),
    serializers = packed_serializers(),
    nested = list(
      levels = nested$levels, cores = nested$cores, threads = nested$threads,
      settings = plan$settings[names(plan$settings) != "keep"]
    ),
    inherited = get_random_seed(), seeds = if (streams$streams == "list") streams$seed
  )
}

# The desk of the session (engine-desk.R) travels in a parcel of its own, which is made when
# the desk has changed, and which workers read when its number is another than that of the
# desk that they have. The record of it, written here only: `desk`, its `number`, and the
# `parcel`.
sent_desk <- new.env(parent = emptyenv())
sent_desk$number <- 0

desk_number <- function() {
  desk <- session_desk()
  if (!identical(desk, sent_desk$desk)) {
    sent_desk$parcel <- pack_object(desk, 1)
    sent_desk$desk <- desk
    sent_desk$number <- sent_desk$number + 1
  }
  sent_desk$number
}

# The record of the order that this worker carries out, written here only: `code`, which
# Rust evaluates and which lives as long as the job; `main`, the loop; the `desk` that was
# laid, its `number`, and what was `noted` of it; `made`, the number of the last step that was
# made (workers-keep.R); and of the job its `memory` (workers-memory.R), the number of the
# `connection` that takes the output, and `own_state`: does the random state stay?
standing <- list2env(list(made = 0L), parent = emptyenv())

# What a worker evaluates for an order; see task_loop() for `again`.
perform_order <- function(again) {
  if (!again) take_order(rs_worker_order(0))
  # The order could not be read.
  if (is.null(standing$main)) rs_worker_retire()
  standing$main(again)
}

take_order <- function(order) {
  set_serializers(unpacked_serializers(order$serializers))
  standing$code <- list(
    call = order$call, frame = parcel_frame(order, order$data), main = NULL, check = order$check,
    inherited = order$inherited, seeds = order$seeds
  )
  unpack(rs_worker_enlist(order$spec, standing$code))
  fresh <- TRUE
  # An interrupt that the session has sent ends the task in flight, with its on.exit(). One
  # that a task signals is a condition like others. NA: it was meant for the task before.
  end_task <- function(interrupt) {
    off <- rs_worker_called_off()
    if (isTRUE(off)) signalCondition(structure(class = c("called_off", "condition"), list()))
    if (is.na(off)) tryInvokeRestart("resume")
  }
  run <- function() {
    withCallingHandlers(interrupt = end_task, {
      if (fresh) {
        fresh <<- FALSE
        prepare_order(order)
      }
      rs_worker_run()
    })
    NULL
  }
  standing$main <- task_loop(order$relay, run, called_off = function(condition) {
    rs_worker_break_off()
    NULL
  })
}

# In a worker, before its first task.
prepare_order <- function(order) {
  setTimeLimit()
  setSessionTimeLimit()
  standing$memory <- start_memory(order$memory)
  standing$own_state <- order$own_state
  lay_order(order)
  if (order$last_step > standing$made) {
    standing$noted <- NULL
    make_steps(rs_worker_order(2))
    standing$noted <- note_desk()
  }
  standing$connection <- as.integer(redirect_output(order$relay))
  if (!order$own_state) set_random_seed(if (order$spec$streams == "keep") order$inherited)
  for (package in order$packages) library(package, character.only = TRUE)
  if (order$backend && !foreach::getDoParRegistered()) registerDoRustle()
  set_globals(order$globals)
}

# What a worker has as the session has it, and what its plan is; laid anew when it has changed.
lay_order <- function(order) {
  new_desk <- !identical(order$desk, standing$number)
  new_plan <- !identical(order$nested, standing$nested)
  if (!new_desk && !new_plan) return()
  # Until it is laid this worker cannot be cleared, and would be replaced.
  standing$noted <- standing$number <- standing$nested <- NULL
  if (new_desk) {
    options(worker_options)
    desk <- rs_worker_order(1)
    # No task runs yet to which a warning would belong: it goes where the session prints.
    withCallingHandlers(lay_desk(desk, standing$desk), warning = function(w) {
      message("Warning in a worker: ", conditionMessage(w))
      invokeRestart("muffleWarning")
    })
    standing$desk <- desk
  }
  # The options of a worker forbid what a nested level may need.
  if (new_plan || length(order$nested$levels)) enter_standing(order$nested)
  standing$number <- order$desk
  standing$nested <- order$nested
  standing$noted <- note_desk()
}

# The plan of calls in a task: the next level of the session's plan, or none.
enter_standing <- function(nested) {
  stack <- future::plan("list")
  put_in_force(stack, nested$settings)
  nested$plan <- new_plan(executor("sequential"), 1L, nested$settings, stack)
  set_thread_allotment(nested$threads)
  enter_worker(nested)
}

# After a job: the worker is as it was before, or it is replaced.
clear_order <- function(again) {
  # An interrupt that came too late.
  tryCatch(rs_check_interrupt(), interrupt = function(i) NULL)
  standing$code <- standing$main <- NULL
  if (is.null(standing$noted)) rs_worker_retire()
  end_redirection()
  if (standing$own_state) standing$noted <- with_state_now(standing$noted)
  if (!clear_desk(standing$noted) || has_grown(standing$memory)) rs_worker_retire()
}

# Where a job has left its output redirected as it was, this is all that has changed on most
# desks, and clear_desk() has nothing to do.
end_redirection <- function() {
  if (!length(standing$connection) || sink.number() != standing$noted$sinks + 1L) return()
  sink()
  close(getConnection(standing$connection))
}
