# Jobs on workers that stand by (engine-server.R): the same engine as on forked workers, but
# what a job needs travels (engine-parcel.R), because these workers were made before it.

run_multisession <- function(job, plan) {
  for (package in job$packages) loadNamespace(package)
  read_random_kinds()
  ensure_pool(plan, job$origin)
  order <- job_order(job, plan)
  code <- list(parcel = serialize(order, NULL, xdr = FALSE))
  handle <- unpack(rs_job_open(order$spec, code), job$origin)
  # Workers are interrupted, and have half a second to leave their task.
  on.exit(rs_job_close(handle, if (job$cleanup$signal == 0) 0 else tools::SIGINT, 0.5))
  rs_job_start(handle)
  attend(handle, job, plan)
}

# What a worker is sent.
job_order <- function(job, plan) {
  parcel <- job_parcel(job)
  worker <- parcel$worker
  nested <- nested_plan(plan)
  streams <- job$streams
  list(
    spec = job_spec(job, plan), call = job$call, FUN = worker$FUN, variables = worker$variables,
    dots = worker$dots, data = parcel$data, check = worker$check, globals = parcel$globals,
    packages = parcel$packages, kinds = worker$kinds, options = worker$options,
    backend = worker$backend, relay = job$relay,
    nested = list(
      levels = nested$levels, cores = nested$cores, threads = nested$threads,
      settings = plan$settings[names(plan$settings) != "keep"]
    ),
    desk = packed_desk(), steps = plan$settings$keep$steps, own_state = isTRUE(streams$own),
    memory = memory_terms(plan),
    inherited = get_random_seed(), seeds = if (streams$streams == "list") streams$seed
  )
}

# The record of the order that this worker carries out, written here only: `code`, which
# Rust evaluates and which lives as long as the job; `main`, the loop; `own_state`, does the
# random state stay, and `memory` (workers-memory.R), both of the order; `noted`, the desk
# before the job (engine-desk_clear.R), and `connection`, that of the output; and for the life
# of the worker `desk` and its `number`, the last that was laid, and `made`, the number of the
# last step (workers-keep.R).
standing <- list2env(list(made = 0L), parent = emptyenv())

# What a worker evaluates for an order; see task_loop() for `again`.
perform_order <- function(again) {

  if (!again) take_order(rs_worker_order())
  standing$main(again)
}

take_order <- function(order) {
  standing$code <- list(
    call = order$call, frame = order_frame(order), main = NULL, check = order$check,
    inherited = order$inherited, seeds = order$seeds
  )
  unpack(rs_worker_enlist(order$spec, standing$code))
  fresh <- TRUE
  run <- function() {
    if (fresh) {
      fresh <<- FALSE
      prepare_order(order)
    }
    rs_worker_run()
    NULL
  }
  standing$main <- task_loop(order$relay, run, interrupt = function(i) {
    rs_worker_interrupted()
    NULL
  })
}

# The frame in which tasks are evaluated, as it was in the session.
order_frame <- function(order) {
  # Names and calls among the arguments are data; a missing argument stays one.
  quoted <- lapply(order$dots, function(d) if (is.language(d) && !identical(d, quote(expr = ))) call("quote", d) else d)
  frame <- do.call(dots_frame, quoted)
  frame$FUN <- order$FUN
  list2env(order$variables, envir = frame)
  list2env(order$data, envir = frame)
}

# In a worker, before its first task.
prepare_order <- function(order) {
  setTimeLimit()
  setSessionTimeLimit()
  lay_packed_desk(order$desk)
  enter_standing(order$nested)
  make_steps(order$steps)
  standing$own_state <- order$own_state
  standing$memory <- start_memory(order$memory)
  standing$noted <- note_desk()
  options(order$options)
  standing$connection <- prepare_worker(order$relay)
  if (!order$own_state) set_random_seed(if (order$spec$streams == "keep") order$inherited)
  for (package in order$packages) library(package, character.only = TRUE)
  if (order$backend && !foreach::getDoParRegistered()) registerDoRustle()
  set_globals(order$globals)
}

# The plan of calls in a task: the next level of the session's plan, or none.
enter_standing <- function(nested) {
  set_machine_cores(nested$cores)
  set_thread_allotment(nested$threads)
  if (length(nested$levels)) {
    set_stack(nested$levels, nested$settings, init = FALSE, cleanup = FALSE)
  } else {
    stack <- future::plan("list")
    put_in_force(stack, nested$settings)
    in_force$plan <- new_plan(executor("sequential"), 1L, nested$settings, stack)
  }
}

# After a job: the worker is as it was before, or else there will be another one.
clear_order <- function(again) {
  tryCatch(rs_check_interrupt(), interrupt = function(i) NULL)
  noted <- standing$noted
  standing$code <- standing$main <- standing$noted <- standing$connection <- NULL
  # It was not prepared to its end.
  if (is.null(noted)) rs_worker_retire()
  if (standing$own_state) noted <- with_state_now(noted)
  if (!clear_desk(noted) || has_grown(standing$memory)) rs_worker_retire()
}

# The desk of a job, serialized once. A worker that has laid the one of this number does not
# read it again.
packed_desk <- function() {
  desk <- session_desk()
  if (!identical(desks$packed$desk, desk)) {
    number <- if (is.null(desks$packed)) 1L else desks$packed$number + 1L
    desks$packed <- list(desk = desk, number = number, bytes = serialize(desk, NULL, xdr = FALSE))
  }
  desks$packed[c("number", "bytes")]
}

lay_packed_desk <- function(packed) {
  if (identical(standing$number, packed$number)) return(invisible())
  desk <- unserialize(packed$bytes)
  lay_desk(desk, standing$desk)
  standing$desk <- desk
  standing$number <- packed$number
}
