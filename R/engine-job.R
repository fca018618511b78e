# A job: one call of a family, described without regard to where it will run.

# The frame in which lapply() would evaluate FUN(X[[i]], ...). As in lapply()'s own frame,
# FUN must find no variables of this package there.
lapply_frame <- function(X, FUN, ...) environment()
environment(lapply_frame) <- .BaseNamespaceEnv

# The same frame, with the arguments in `...` alone: whatever their names, they are
# evaluated here, once. The other variables are added later. An argument that cannot be
# evaluated here stays as it was written, because FUN may evaluate it elsewhere, as with()
# does, or not at all. The error is kept as attribute "unforced" of the frame.
open_frame <- function(...) {
  frame <- dots_frame(...)
  for (k in seq_len(...length())) {
    failure <- tryCatch(
      {
        if (!eval(missing_dots(k))) ...elt(k)
        NULL
      },
      error = identity
    )
    if (is.null(failure) || !is.null(attr(frame, "unforced"))) next
    # Without this, an error of stop() in an argument would show a call of tryCatch().
    if (identical(conditionCall(failure)[[1L]], quote(doTryCatch))) failure["call"] <- list(NULL)
    attr(frame, "unforced") <- failure
  }
  frame
}

dots_frame <- function(...) environment()
environment(dots_frame) <- .BaseNamespaceEnv

# Is argument k in `...` left out? The code that tells so, to be evaluated where `...` is.
missing_dots <- function(k) if (k <= length(missing_first)) missing_first[[k]] else call("missing", as.name(paste0("..", k)))
missing_first <- lapply(1:9, function(k) call("missing", as.name(paste0("..", k))))

# The arguments in `...` as a list; a missing one is the empty symbol.
list_dots <- function(...) {
  out <- vector("list", ...length())
  for (k in seq_along(out)) {
    if (eval(missing_dots(k))) {
      out[[k]] <- quote(expr = )
    } else {
      value <- ...elt(k)
      if (!is.null(value)) out[[k]] <- value
    }
  }
  names(out) <- ...names()
  out
}

lapply_call <- quote(FUN(X[[i]], ...))

# call, frame: the expression of a task and where it is evaluated; it uses `i`.
# forced: how many arguments of the call are forced before it is made. over: the
# variables of the frame that hold the data of tasks, and how task i finds its own:
# "elements" (of a vector: x[[i]]), "vectors" (of each in a list: x[[k]][[i]]) or "columns"
# (of a matrix: x[, i]). n: number of tasks.
# policy: engine-policy.R. streams: engine-streams.R. relay: engine-relay.R. on_error: "stop" (cancel
# later tasks, raise) or "keep" (errors are results). shares: TRUE when the tasks are dealt
# out beforehand; then all tasks of one worker, its share, have one random number stream,
# and run again together when the worker is lost. shape: what is known of the values: NULL
# (nothing), "scalar" (they may be scalars), or list(template =, check =): the template of
# vapply(), and a function of value and task number that raises an error where a value does
# not fit. `packages`, `globals` and `envir` are those of future; packages are attached
# where tasks run. code: NULL, or list(export, noexport) where FUN is code of its caller's
# frame, as in a loop: such code needs the variables that it names, but not the frame.
# ours: do tasks call functions of this package? See engine-parcel.R.
new_job <- function(call, frame, n, policy, streams = no_streams(), relay = no_relay(),
                    on_error = "stop", shares = FALSE, packages = character(),
                    globals = TRUE, envir = NULL, silent = FALSE, affinity = NULL,
                    cleanup = list(signal = tools::SIGTERM, grace = 0.2), label = NULL,
                    origin = NULL, forced = 1L, shape = NULL, over = c(X = "elements"),
                    code = NULL, ours = FALSE) {
  relay$traces <- wants_traces()
  relay$fatal <- getOption("warn") >= 2
  relay$unforced <- !is.null(attr(frame, "unforced"))
  list(
    call = call, frame = frame, n = n, policy = policy, streams = streams, relay = relay,
    on_error = on_error, shares = shares, packages = packages, globals = globals,
    envir = envir, silent = silent, affinity = affinity, cleanup = cleanup, label = label,
    origin = origin, forced = forced, shape = shape, over = over, code = code, ours = ours
  )
}

# The arguments in `...` of the frame of a job, as list_dots() has them, for workers that
# share no memory: an argument that cannot be evaluated here is an error.
frame_dots <- function(frame) {
  failure <- attr(frame, "unforced")
  if (!is.null(failure)) stop(failure)
  if (!exists("...", envir = frame, inherits = FALSE) || eval(quote(...length()), frame) == 0L) return(list())
  eval(as.call(list(list_dots, quote(...))), frame)
}

# What Rust needs to know of it; see src/rust/src/jobs/rules.rs.
job_spec <- function(job, plan) {
  workers <- min(plan$workers, job$n)
  settings <- plan$settings
  standing <- plan$executor$name == "multisession"
  list(
    tasks = as.double(job$n), workers = as.double(workers),
    forced = as.double(job$forced), schedule = job$policy$schedule, chunk = as.double(job$policy$chunk),
    ends = job$policy$ends, order = job$policy$order,
    retries = as.double(settings$retries), timeout = as.double(settings$timeout),
    shares = job$shares, eager = job$shares, shape = shape_spec(job$shape),
    streams = job$streams$streams, seed = job$streams$seed, check_rng = job$streams$check,
    stop_on_error = job$on_error == "stop", spans = if (is.null(job$spans)) wanted_spans() else job$spans,
    memory = if (is.null(job$memory)) wants_memory() else job$memory,
    silent = job$silent, affinity = job$affinity, standing = standing,
    patience = as.double(settings$idle_timeout),
    threads = as.double(threads_per_worker(workers, settings$worker_threads))
  )
}

# What workers evaluate: R objects, which forked workers inherit.
job_code <- function(job, main) {
  streams <- job$streams
  list(
    call = job$call, frame = job$frame, main = main, check = job_check(job),
    inherited = get_random_seed(), seeds = if (streams$streams == "list") streams$seed
  )
}

# The function that checks each value, or NULL.
job_check <- function(job) if (is.list(job$shape)) job$shape$check

# A shape as Rust takes it. Only vectors of numbers have a template: vapply() looks
# at the dimensions of values when the template is an array.
shape_spec <- function(shape) {
  if (is.null(shape) || identical(shape, "scalar")) return(shape)
  shape <- shape$template
  plain <- typeof(shape) %in% c("logical", "integer", "double") && length(shape) > 0L &&
    is.null(dim(shape)) && !is.object(shape)
  if (plain) list(type = typeof(shape), length = as.double(length(shape)))
}

# An outcome: `values` (list; the condition where a task failed) and `failed`
# (indices). Where the values have the shape that the job expects, an executor may
# give them as one `vector` instead, with the `first` value if it has attributes.
# `report`: engine-report.R; NULL where no task ran.
new_outcome <- function(values, failed = integer(), vector = NULL, first = NULL, report = NULL) {
  list(values = values, failed = failed, vector = vector, first = first, report = report)
}

# `future.label` is a format for sprintf() with the number of the chunk.
format_label <- function(label, k) {
  tryCatch(sprintf(label, k), error = function(e) label, warning = function(w) label)
}
