# Jobs on workers that stand by (engine-server.R): the same engine as on forked workers, but
# what a job needs travels (engine-parcel.R), because these workers were made before it. What
# they do with it is in engine-standing.R.

run_multisession <- function(job, plan) {
  started <- start_standing(job, plan)
  on.exit(started$close())
  outcome <- attend(started$handle, job, plan)
  outcome$report[names(started$told)] <- started$told
  outcome
}

# list(handle, close, told) of a job whose workers have their orders; `told` is for its report. needs: what of the job travels
# (engine-parcel.R), where that is known already. waiting: see ensure_pool().
start_standing <- function(job, plan, needs = job_needs(job), waiting = NULL) {
  job <- logged_job(job, plan)
  for (package in job$packages) loadNamespace(package)
  # A server that is still on its way comes up while the order is written.
  up <- timed_opening(ask_pool(plan, job$origin))
  desk <- desk_number()
  terms <- terms_of(job, plan)
  order <- job_order(job, needs, desk, terms$number, last_step(plan$settings$keep))
  say_debug(
    "sent to workers that stand by: globals %s; packages %s",
    if (length(order$globals)) paste(names(order$globals), collapse = ", ") else "none",
    if (length(order$packages)) paste(order$packages, collapse = ", ") else "none"
  )
  packed <- pack_order(order, job$origin)
  code <- list(
    order = packed$handle, desk = sent$desk_parcel, terms = terms$parcel,
    steps = if (!is.null(plan$settings$keep)) parcel_of_steps(plan$settings$keep)
  )
  handle <- NULL
  close <- function() {
    # Workers are interrupted, and have half a second to leave their task.
    if (!is.null(handle)) rs_job_close(handle, if (job$cleanup$signal == 0) 0 else tools::SIGINT, 0.5)
    rs_parcel_close(code$order)
  }
  running <- FALSE
  on.exit(if (!running) close())
  spec <- terms$spec
  spec["seed"] <- list(job$streams$seed)
  if (!up) timed_opening(ensure_pool(plan, job$origin, waiting))
  handle <- unpack(rs_job_open(spec, code), job$origin)
  rs_job_start(handle)
  running <- TRUE
  sizes <- packed$sizes
  told <- list(sent = sizes$small + sum(sizes$bytes), copied = sizes$sent, largest = function() largest_sent(order))
  list(handle = handle, close = close, told = told)
}

# What a worker is sent of each job. What many jobs have in common is told by numbers.
job_order <- function(job, needs, desk, terms, last_step) {
  streams <- job$streams$streams
  list(
    FUN = needs$FUN, variables = needs$variables, dots = needs$dots, data = needs$data, check = needs$check,
    globals = needs$globals, packages = needs$packages, backend = needs$backend,
    desk = desk, terms = terms, last_step = last_step, seed = job$streams$seed,
    # A state has thousands of bytes.
    inherited = if (streams == "keep" || streams == "same") get_random_seed()
  )
}

# What is sent once, written here only: the `desk` of the session (engine-desk.R), its
# `number`, and `desk_parcel`; and of the last kinds of jobs their `terms`, each list(number,
# key, spec, parcel). A worker reads desk and terms of which it does not know the number.
sent <- list2env(list(number = 0, terms = list(), terms_number = 0), parent = emptyenv())
sent_terms_most <- 8L

desk_number <- function() {
  desk <- session_desk()
  if (!identical(desk, sent$desk)) {
    sent$desk_parcel <- pack_object(desk, 1)
    sent$desk <- desk
    sent$number <- sent$number + 1
  }
  sent$number
}

# The terms of a job: all that does not depend on its function and data. They are made anew
# when something has changed of what they are made from, the `key`: whatever job_spec() reads
# and what is packed below.
terms_of <- function(job, plan) {
  own_state <- isTRUE(job$streams$own)
  key <- list(
    job$n, job$forced, job$policy, job$shares, job$shape, job$streams$streams, job$streams$check, job$on_error,
    job$spans, wanted_spans(), job$memory, wants_memory(), job$silent, job$affinity, job$call, job$relay, own_state,
    plan, machine_cores(), memory_of_group(), serializers$own
  )
  for (terms in sent$terms) if (identical(terms$key, key)) return(terms)
  spec <- job_spec(job, plan)
  spec["seed"] <- list(NULL)
  nested <- nested_plan(plan)
  parcel <- pack_object(list(
    spec = spec, call = job$call, relay = job$relay, own_state = own_state, memory = memory_terms(plan),
    serializers = packed_serializers(),
    nested = list(
      levels = nested$levels, cores = nested$cores, threads = nested$threads,
      settings = plan$settings[names(plan$settings) != "keep"]
    )
  ), 1)
  sent$terms_number <- sent$terms_number + 1
  terms <- list(number = sent$terms_number, key = key, spec = spec, parcel = parcel)
  sent$terms <- c(list(terms), utils::head(sent$terms, sent_terms_most - 1L))
  terms
}
