# What runs on a node of a cluster: the tasks of chunks, on the node's own workers.
#
# The node keeps parcels (engine-parcel.R) by their content. For every chunk it opens a job
# of its own. It answers when its workers have claimed everything that there is, so that the
# next chunk is there before they are idle, or when a chunk is done.

# The workers of a node that rustle has started stand by, as those of multisession. What counts
# is what a chunk costs: 2 to 3 ms with two workers, of forked ones 7 to 9; 4 to 8 against 12 to
# 17 where tasks use 40 MB; and each of them makes the `setup` of the plan once. Workers of a
# node of the user's are forked where that is safe, so that tasks find what clusterExport() and
# clusterEvalQ() have put there; they stand by too where forking is unsafe, and where the plan has
# a `setup`, as copies of a process must not share a connection.

# The record of what a node keeps between calls, written in this file only: `parcels`, a list
# by key, the one that was used last at the end; `jobs`, a list of chunks that are open; `task`,
# the seconds that a task took, NA until a chunk was claimed to its end: one that fails may not be;
# `desk`, list(key, desk, noted): the desk of the session as it was laid here, and what was
# here before; `setup`, list(key, keep): that of the plan (workers-keep.R); `plan`, list(asked,
# plan): the one that chunks run under, and what it was made from.
kept <- list2env(list(task = NA_real_), envir = new.env(parent = emptyenv()))

# Parcels that a node keeps: calls that alternate find theirs again.
most_parcels <- 8L

# key, parcel: the parcel of the job by key; serialized, or NULL where the node has it.
keep_parcel <- function(key, parcel) {
  found <- kept$parcels[[key]]
  if (is.null(found)) found <- unserialize(parcel)
  others <- kept$parcels[setdiff(names(kept$parcels), key)]
  kept$parcels <- c(utils::tail(others, most_parcels - 1L), stats::setNames(list(found), key))
  found
}

# One turn of a node. order: list(key, parcel, desk, setup, chunk, settings, more): `desk` and
# `setup` for lay_desk_here() and keep_setup(); `chunk` is NULL or what
# open_chunk() needs; `more`: has the session more tasks for us? The answer is
# list(done, hungry, task, told): records of the chunks that are done, whether more tasks are
# wanted, seconds that a task takes, and what could not be laid as on the desk of the session.
turn_here <- function(order) {
  parcel <- keep_parcel(order$key, order$parcel)
  said <- lay_desk_here(order$desk, order$settings$own)
  keep_setup(order$setup)
  master <- find_master()
  told <- seconds_now()
  # Says that this node is there.
  beat <- function() {
    now <- seconds_now()
    # Conditions that are relayed at once do not wait for the next sign.
    live <- unlist(lapply(kept$jobs, function(chunk) chunk$live), recursive = FALSE)
    if (is.null(master) || (now - told <= order$settings$beat && !length(live))) return()
    told <<- now
    for (chunk in kept$jobs) chunk$live <- NULL
    done <- sum(vapply(kept$jobs, function(chunk) chunk$count, 0))
    live <- do.call(c, lapply(live, `[[`, "object"))
    seen <- if (order$settings$progress) lapply(kept$jobs, function(chunk) c(list(tag = chunk$tag), rs_job_seen(chunk$handle)))
    serialize(list(type = "BEAT", done = done, live = live, seen = seen), master$con)
  }
  if (!is.null(order$chunk)) open_chunk(parcel, order, beat)
  repeat {
    # The newest chunk is the one that has most to say.
    last <- length(kept$jobs)
    for (k in seq_len(last)) watch_chunk(kept$jobs[[k]], if (k == last) 0.1 / last else 0)
    over <- vapply(kept$jobs, function(chunk) chunk$over, NA)
    left <- sum(vapply(kept$jobs, function(chunk) chunk$unclaimed, 0))
    hungry <- order$more && left == 0 && sum(!over) < 4L
    if (any(over) || hungry || !length(over)) break
    if (is.null(master)) next
    # A message that comes now means that nobody wants the tasks any more.
    if (socketSelect(list(master$con), FALSE, 0)) {
      rest_here()
      return(list(done = list(), hungry = FALSE, task = NA_real_, told = said))
    }
    beat()
  }
  finished <- kept$jobs[over]
  kept$jobs <- kept$jobs[!over]
  list(done = lapply(finished, close_chunk), hungry = hungry, task = kept$task, told = said)
}

# Ends all chunks, and puts back what the desk of the session has changed on a node of the user's.
rest_here <- function() {
  jobs <- kept$jobs
  kept$jobs <- list()
  for (chunk in jobs) chunk$close()
  if (!is.null(kept$desk$noted)) {
    lay_definitions(NULL, kept$desk$desk$definitions)
    clear_desk(kept$desk$noted)
    kept$desk <- NULL
  }
  NULL
}

# Lays the desk of the session (engine-desk.R), from which workers have theirs. desk: list(key,
# bytes); `bytes` is NULL where it lies here. own: has rustle started this node? Then it stays.
# Returns texts of warnings.
lay_desk_here <- function(desk, own) {
  if (identical(kept$desk$key, desk$key)) return(character())
  new <- unserialize(desk$bytes)
  noted <- if (!own && is.null(kept$desk$noted)) note_desk() else kept$desk$noted
  # Packages are where this machine has them; those of the session may be there too.
  if (is.null(kept$libraries)) kept$libraries <- .libPaths()
  new$libraries <- unique(c(new$libraries, if (own) kept$libraries else noted$libraries))
  last <- kept$desk$desk
  kept$desk <- list(key = NULL, desk = last, noted = noted)
  said <- character()
  withCallingHandlers(lay_desk(new, last), warning = function(w) {
    said <<- c(said, conditionMessage(w))
    invokeRestart("muffleWarning")
  })
  kept$desk <- list(key = desk$key, desk = new, noted = noted)
  said
}

# setup: NULL, or list(key, steps); `steps` is NULL where they are known here.
keep_setup <- function(setup) {
  if (identical(kept$setup$key, setup$key)) return()
  kept$setup <- NULL
  if (is.null(setup)) return()
  keep <- new_keep()
  keep$steps <- setup$steps
  keep$last <- last_step(keep)
  kept$setup <- list(key = setup$key, keep = keep)
}

# The connection to the session: the variable `master` of parallel's loop; NULL when that is no
# socket.
find_master <- function() {
  for (k in seq_len(sys.nframe())) {
    master <- get0("master", sys.frame(k), inherits = FALSE)
    if (is.list(master) && inherits(master$con, "sockconn") && identical(topenv(environment(sys.function(k))), asNamespace("parallel"))) {
      return(master)
    }
  }
}

# A chunk that is open is an environment: `job`, `handle`, `close` (a function), what
# watch_chunk() has heard of it, and `over`. dress: what else is done with the job.
open_chunk <- function(parcel, order, beat, dress = identity) {
  chunk <- order$chunk
  settings <- order$settings
  set_serializers(unpacked_serializers(parcel$serializers))
  job <- dress(job_of_parcel(parcel, chunk, settings))
  job$numbers <- chunk$numbers
  plan <- plan_of_node(settings, parcel$levels)
  open <- list2env(list(
    tag = chunk$tag, job = job, n = job$n, over = FALSE, unclaimed = Inf, count = 0, measured = FALSE, timed = settings$keep,
    events = list(), live = NULL, status = NULL, lost = NULL
  ), envir = new.env(parent = emptyenv()))
  if (plan$executor$name == "multisession") {
    needs <- c(
      parcel$worker[c("FUN", "variables", "dots", "check", "backend")], parcel[c("globals", "packages")],
      list(data = chunk$data)
    )
    list2env(start_standing(job, plan, needs, beat)[c("handle", "close")], envir = open)
    # Chunks overlap: the last tasks of one run while the next begins. Its workers stay.
    if (pool$size < 2L * plan$workers) resize_pool(2L * plan$workers)
  } else {
    if (parcel$worker$backend && !is_our_backend()) registerDoRustle()
    open$handle <- start_multicore(job, plan)
    open$close <- function() rs_job_close(open$handle, tools::SIGTERM, 0.2)
  }
  kept$jobs <- c(kept$jobs, list(open))
}

# Looks after a chunk for at most `seconds`.
watch_chunk <- function(chunk, seconds) {
  if (chunk$over) return()
  status <- rs_job_wait(chunk$handle, seconds)
  if (!is.null(status$events)) {
    at_once <- as.logical(mapply(is_immediate, status$events$event, status$events$object))
    part <- function(which) if (any(which)) list(lapply(status$events, `[`, which))
    chunk$live <- c(chunk$live, part(at_once))
    chunk$events <- c(chunk$events, part(!at_once))
  }
  chunk$count <- status$done
  chunk$unclaimed <- status$unclaimed
  chunk$over <- status$state != "running"
  chunk$status <- status
  if (status$unclaimed == 0 && !chunk$measured) {
    chunk$measured <- TRUE
    kept$task <- seconds_per_task(span_columns(rs_job_report(chunk$handle)))
  }
}

seconds_per_task <- function(spans) {
  if (length(spans$end)) max(1e-6, sum(spans$end - spans$start) / sum(spans$count)) else NA_real_
}

# The record of a chunk that is over: list(tag, values, failed, events, failure,
# report, spans).
# `failure` is NULL or how workers were lost (stop_worker_lost()).
close_chunk <- function(chunk) {
  on.exit(chunk$close())
  chunk$events <- c(chunk$events, chunk$live)
  collected <- rs_job_collect(chunk$handle)
  values <- if (is.null(collected$values)) collected$vector else as_scalars(collected$values)
  events <- list(
    task = unlist(lapply(chunk$events, `[[`, "task")), event = unlist(lapply(chunk$events, `[[`, "event")),
    object = do.call(c, lapply(chunk$events, `[[`, "object"))
  )
  report <- rs_job_report(chunk$handle)
  list(
    tag = chunk$tag, values = values, first = collected$first, failed = collected$failed,
    events = if (length(events$task)) events, failure = if (chunk$status$state == "failed") chunk$status$failure,
    report = report[c("forks", "claims", "steals", "losses", "bytes")], spans = if (chunk$timed) span_columns(report),
    # Its clock is not that of the session.
    now = rs_now(), peak = report$seats$peak
  )
}

# Values that are all bare scalars of one type, as a vector, which takes less time than a list
# on its way; others as they are.
as_scalars <- function(values) {
  if (!all(lengths(values) == 1L)) return(values)
  vector <- unlist(values, use.names = FALSE)
  if (is.atomic(vector) && is.null(attributes(vector)) && identical(as.list(vector), values)) vector else values
}

# A job of this session with the tasks of a chunk.
job_of_parcel <- function(parcel, chunk, settings) {
  job <- new_job(
    parcel$call, parcel_frame(parcel$worker, chunk$data), chunk$n, parcel$policy, streams = chunk$streams, relay = parcel$relay,
    on_error = parcel$on_error, packages = parcel$packages, globals = parcel$globals,
    forced = parcel$forced, shape = parcel$shape, over = parcel$over
  )
  # How long tasks take is always measured: it decides on the size of the next chunk.
  job$spans <- settings$spans
  job$memory <- settings$memory
  job
}

# The plan under which a node runs its chunks: as many workers as it has cores for us. Where
# tasks have a level of the plan of their own, that comes next.
plan_of_node <- function(settings, levels) {
  set_machine_cores(settings$cores)
  standing <- has_standing_workers() && (settings$own || !is.null(kept$setup) || !supports_fork())
  # Most chunks come under the plan of the last one.
  asked <- list(settings, levels, standing, kept$setup$key)
  if (!identical(asked, kept$plan$asked)) kept$plan <- list(asked = asked, plan = make_plan_of_node(settings, levels, standing))
  kept$plan$plan
}

make_plan_of_node <- function(settings, levels, standing) {
  strategy <- if (standing) future::multisession else future::multicore
  strategy <- future::tweak(strategy, workers = settings$cores)
  inner <- utils::modifyList(default_settings(), settings$plan, keep.null = TRUE)
  inner["keep"] <- list(kept$setup$keep)
  kind <- executor(if (standing) "multisession" else "multicore")
  new_plan(kind, settings$cores, inner, c(list(strategy), levels))
}

# Where our own workers cannot run, or rustle is missing: the chunk in this session, or on
# processes of base R. Base R alone; the answer is that of turn_here(). Output and conditions
# come as those of the first task of a piece. memory: the environment in which parcels, and the
# key of the setup that was made, are kept.
turn_plainly <- function(order, run_parcel) {
  memory <- get0(".rustle_parcels", globalenv(), inherits = FALSE)
  # On a node whose session is ours alone, what it keeps between orders has no other home: this
  # function runs there without the package.
  home <- globalenv()
  if (is.null(memory)) memory <- assign(".rustle_parcels", new.env(), envir = home)
  if (is.null(memory[[order$key]])) {
    if (length(ls(memory)) >= 8L) rm(list = ls(memory), envir = memory)
    assign(order$key, unserialize(order$parcel), envir = memory)
  }
  if (!identical(memory$.setup, order$setup$key)) {
    prepare <- function(step) {
      if (inherits(step, "rustle_travelled")) {
        stop("variables of `setup` travel by functions of register_serializer(), for which the node needs the package rustle.")
      }
      for (package in step$packages) library(package, character.only = TRUE)
      list2env(step$globals, envir = globalenv())
      if (is.function(step$setup)) step$setup() else eval(step$setup, globalenv())
    }
    for (step in order$setup$steps) {
      failed <- tryCatch({
        utils::capture.output(suppressMessages(suppressWarnings(prepare(step$content))))
        NULL
      }, error = function(e) {
        structure(class = c("rustle_error_setup", "rustle_error", "error", "condition"), list(
          message = sprintf("The `setup` of the plan failed in a node: %s", conditionMessage(e)), call = NULL, parent = e
        ))
      })
      if (!is.null(failed)) return(list(error = failed))
    }
    memory$.setup <- order$setup$key
  }
  none <- list(done = list(), hungry = TRUE, task = NA_real_)
  if (is.null(order$chunk)) return(none)
  parcel <- memory[[order$key]]
  chunk <- order$chunk
  begun <- proc.time()[["elapsed"]]
  list2env(parcel$globals, envir = globalenv())
  for (package in parcel$packages) library(package, character.only = TRUE)
  run <- function(piece) {
    said <- list()
    note <- function(event, object) said[[length(said) + 1L]] <<- list(event, object)
    printed <- rawConnection(raw(0L), "w")
    sink(printed)
    seed <- globalenv()[[".Random.seed"]]
    result <- tryCatch(
      withCallingHandlers(
        run_parcel(parcel$worker, piece$load),
        condition = function(c) {
          classes <- parcel$relay$classes
          if (is.null(classes) || inherits(c, "error") || !inherits(c, classes)) return()
          if (!is.null(parcel$relay$exclude) && inherits(c, parcel$relay$exclude)) return()
          note("condition", c)
          if (inherits(c, "message")) invokeRestart("muffleMessage")
          if (inherits(c, "warning")) invokeRestart("muffleWarning")
        }
      ),
      finally = sink()
    )
    text <- rawToChar(rawConnectionValue(printed))
    close(printed)
    if (isTRUE(parcel$relay$stdout) && nzchar(text)) said <- c(list(list("output", text)), said)
    if (is.null(piece$load$seeds) && parcel$check && !identical(seed, globalenv()[[".Random.seed"]])) {
      said <- c(said, list(list("misuse", NULL)))
    }
    list(result = result, said = said, at = piece$at)
  }
  n <- length(chunk$tasks)
  width <- if (.Platform$OS.type == "windows") 1L else min(order$settings$cores, n)
  at <- parallel::splitIndices(n, width)
  pieces <- lapply(at, function(at) {
    data <- Map(function(x, how) {
      switch(how, elements = x[at], vectors = lapply(x, function(v) v[at]), columns = x[, at, drop = FALSE])
    }, chunk$data, parcel$over[names(chunk$data)])
    list(at = at, load = list(tasks = chunk$tasks[at], data = data, seeds = chunk$seeds[at]))
  })
  out <- if (width > 1L) parallel::mclapply(pieces, run, mc.cores = width, mc.preschedule = FALSE) else lapply(pieces, run)
  broken <- vapply(out, function(o) is.null(o) || inherits(o, "try-error"), NA)
  if (any(broken)) stop(if (is.null(out[broken][[1L]])) "a process of the node was lost" else attr(out[broken][[1L]], "condition"))
  values <- vector("list", n)
  failed <- integer()
  events <- list(task = integer(), event = character(), object = list())
  for (o in out) {
    values[o$at] <- o$result$values
    failed <- c(failed, o$at[o$result$failed])
    for (e in o$said) {
      events$task <- c(events$task, o$at[[1L]])
      events$event <- c(events$event, e[[1L]])
      events$object <- c(events$object, list(e[[2L]]))
    }
  }
  spent <- proc.time()[["elapsed"]] - begun
  record <- list(
    tag = chunk$tag, values = values, failed = sort(failed), events = if (length(events$task)) events
  )
  list(done = list(record), hungry = TRUE, task = spent * width / n)
}
environment(turn_plainly) <- baseenv()
