# Jobs on workers that stand by (engine-server.R): the same engine as on forked workers, but
# what a job needs travels (engine-parcel.R), because these workers were made before it. What
# they do with it is in engine-standing.R.

run_multisession <- function(job, plan) {
  for (package in job$packages) loadNamespace(package)
  ensure_pool(plan, job$origin)
  desk <- desk_number()
  terms <- terms_of(job, plan)
  order <- job_order(job, desk, terms$number, last_step(plan$settings$keep))
  code <- list(
    order = pack_order(order, job$origin), desk = sent$desk_parcel, terms = terms$parcel,
    steps = plan$settings$keep$parcel
  )
  on.exit(rs_parcel_close(code$order))
  spec <- terms$spec
  spec["seed"] <- list(job$streams$seed)
  handle <- unpack(rs_job_open(spec, code), job$origin)
  # Workers are interrupted, and have half a second to leave their task.
  on.exit(add = TRUE, after = FALSE, rs_job_close(handle, if (job$cleanup$signal == 0) 0 else tools::SIGINT, 0.5))
  rs_job_start(handle)
  attend(handle, job, plan)
}

# What a worker is sent of each job. What many jobs have in common is told by numbers.
job_order <- function(job, desk, terms, last_step) {
  parcel <- job_needs(job)
  streams <- job$streams$streams
  list(
    FUN = parcel$FUN, variables = parcel$variables, dots = parcel$dots, data = parcel$data,
    check = without_source(job_check(job)), globals = parcel$globals, packages = parcel$packages,
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
# when something has changed of what they are made from, the `key`.
terms_of <- function(job, plan) {
  streams <- job$streams
  key <- list(
    plan, job$n, job$call, job$forced, job$policy, job$relay, job$on_error, job$shares, shape_spec(job$shape),
    streams$streams, streams$check, streams$own, job$silent, job$affinity, wants_timings(), machine_cores(),
    memory_of_group(), serializers$own, is_our_backend()
  )
  for (terms in sent$terms) if (identical(terms$key, key)) return(terms)
  spec <- job_spec(job, plan)
  nested <- nested_plan(plan)
  parcel <- pack_object(list(
    spec = spec, call = job$call, relay = job$relay, own_state = isTRUE(streams$own), memory = memory_terms(plan),
    serializers = packed_serializers(), backend = is_our_backend(),
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
