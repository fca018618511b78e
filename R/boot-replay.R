# boot's own code draws the resamples, in its order, in this session; the statistic
# is a recorder that keeps what it is called with, and workers call the real one.
# So indices, simulated data and the caller's random state are boot's by construction.
# Ordinary resamples have the same numbers at less cost from boot-resamples.R.
#
# A replay is a list: `call` (boot's function with the arguments that the user gave),
# `envir` (where it is evaluated: `statistic` is looked up there), `statistic` (the
# user's), `data` (passed before what varies; NULL and `leading` 0: nothing is),
# `dots` (number of further arguments), `before` (calls that are no replicates),
# `origin` (the user's call) and `seed` (the random state when it began).

# frame: of our function, whose arguments have boot's names. given: those to pass on.
new_replay <- function(original, frame, given, leading, before, origin) {
  if (is.null(get_random_seed())) stats::runif(1L)
  note_state()
  envir <- new.env(parent = frame)
  arguments <- lapply(stats::setNames(nm = given), as.name)
  call <- as.call(c(
    call("::", quote(boot), as.name(original)), arguments,
    list(statistic = quote(statistic), quote(...), parallel = "no")
  ))
  list(
    call = call, envir = envir, statistic = frame$statistic, leading = leading,
    data = if (leading) frame$data, dots = eval(quote(...length()), frame), before = before,
    origin = origin, seed = get_random_seed(), frame = frame
  )
}

# The names of the arguments that the user gave, without those that we decide.
given_arguments <- function(call) {
  setdiff(names(call), c("", "statistic", "...", "parallel", "ncpus", "cl"))
}

run_replay <- function(replay, plan) {
  if (compiles(plan)) {
    replay$compiled <- compile_replayed(replay, plan)
    on.exit(let_go(replay$compiled, replay$statistic, replay$compiled$key))
    if (is.null(replay$compiled$program)) {
      if (compiled_setting(plan) == "require") stop_not_compiled(replay$compiled, replay$statistic, replay$origin)
      if (plan$executor$in_session) note_run(replay$statistic, new_told(0L, why = replay$compiled$why))
    }
  }
  if (plan$executor$in_session && is.null(replay$compiled$program)) return(replay_here(replay))
  tryCatch(replay_on_workers(replay, plan), rustle_random_statistic = function(e) {
    tell_serial()
    set_random_seed(replay$seed)
    replay_here(replay)
  })
}

tell_serial <- function() {
  text <- paste(
    "The statistic draws random numbers: its replicates run again in this session,",
    "one after another, as boot's own functions run them.\n"
  )
  message(structure(
    class = c("rustle_message_serial", "message", "condition"), list(message = text, call = NULL)
  ))
}

replay_on_workers <- function(replay, plan) {
  replay <- with_influence(replay)
  task <- replicate_of(replay)
  waiting <- list()
  values <- list()
  reported <- list()
  limit <- Inf
  size <- NULL
  calls <- 0L
  recorded <- 0L
  blank <- 0
  varies <- replay$leading + 1L
  most <- varies + replay$dots
  on_threads <- !is.null(replay$compiled$program)
  run_waiting <- function() {
    if (!recorded) return()
    machine <- if (on_threads) calls_of_statistic(replay, waiting)
    first <- length(values) + 1L
    on.exit(keep_part(replay, first, max(size, 1L)))
    new <- run_replicates(waiting, task, first - 1L, plan, replay$origin, machine, replay$compiled)
    reported[[length(reported) + 1L]] <<- reports$last
    if (is.null(size)) size <<- check_value(new[[1L]], NULL, length(values) + 1, replay$origin)
    flat <- unlist(new, recursive = FALSE)
    if (!is_numbers(flat) || any(lengths(new) != size)) {
      for (k in seq_along(new)) check_value(new[[k]], size, length(values) + k, replay$origin)
    }
    values <<- c(values, new)
    waiting <<- list()
    recorded <<- 0L
    blank <<- numeric(max(size, 1L))
  }
  # Of calls that are no replicates.
  first_value <- function(...) {
    value <- watch_random_state(replay$statistic(...))
    size <<- check_value(value, size, 0L, replay$origin)
    blank <<- numeric(size)
    value
  }
  drawn <- draw_resamples(replay)
  if (is.null(drawn)) {
    replay$envir$statistic <- function(...) {
      calls <<- calls + 1L
      if (calls <= replay$before) return(first_value(...))
      # One argument varies, or two. A statistic may take no longer than these lines.
      arguments <- if (...length() == most) list(...elt(varies)) else list(...elt(varies), ...elt(varies + 1L))
      recorded <<- recorded + 1L
      waiting[[recorded]] <<- arguments
      if (recorded == 1L) limit <<- replay_bytes() / as.double(utils::object.size(arguments))
      if (recorded >= limit) run_waiting()
      blank
    }
    out <- eval(replay$call, replay$envir)
    run_waiting()
  } else {
    out <- object_of_boot(replay, drawn, first_value, function(...) blank)
    # Forked workers share the session's memory.
    shared <- plan$executor$name == "multicore" && !on_threads
    while (!is.null(drawn)) {
      row <- drawn$row
      recorded <- drawn$count
      if (shared) task <- replicate_of(replay, row)
      waiting <- if (shared) seq_len(recorded) else lapply(seq_len(recorded), function(k) list(row(k)))
      run_waiting()
      drawn$free()
      drawn <- draw_more(drawn)
    }
  }
  if (length(reported) > 1L) {
    keep_report(joined_reports(reported))
    amend_call(start = reports$last$start)
  }
  if (!length(values)) forget_call(without_tasks)
  if (length(values)) out$t <- matrix(unlist(values), nrow = length(values), byrow = TRUE)
  as_original(out, replay)
}

# The calls statistic(data, i, ...) of waiting replicates for compiled code; NULL where calls have
# another form. waiting: lists of the arguments that vary.
calls_of_statistic <- function(replay, waiting) {
  first <- names(formals(replay$statistic))[1L]
  plain <- replay$leading == 1L && all(lengths(waiting) == 1L) && !is.null(first) && !first %in% c(NA, "...")
  if (!plain) return(NULL)
  dots <- eval(quote(list(...)), replay$frame)
  if (any(names(dots) %in% c("X", "FUN"))) return(NULL)
  X <- lapply(waiting, `[[`, 1L)
  do.call(lapply_frame, c(list(X = X, FUN = replay$statistic), stats::setNames(list(replay$data), first), dots), quote = TRUE)
}

# What compile_closure() makes of the statistic, or as not_compiled(). One that draws is for boot's own
# loop.
compile_replayed <- function(replay, plan) {
  if (!is.numeric(replay$data) && !is_list_of_data(replay$data)) return(not_compiled("the data are neither numbers nor a data frame"))
  why <- why_for_workers(list(globals = TRUE), plan)
  if (!is.null(why)) return(not_compiled(why))
  frame <- calls_of_statistic(replay, list(list(seq_along(replay$data))))
  if (is.null(frame)) return(not_compiled("the calls of the statistic have another form than `statistic(data, i, ...)`"))
  dots <- frame_dots(frame)
  key <- key_of_call(frame$FUN, dots, NULL)
  compiled <- compile_closure(frame$FUN, frame$X, dots, key = key)
  if (is.null(compiled$program)) return(compiled)
  compiled$key <- key
  why <- if (compiled$draws) "the statistic draws random numbers" else why_blas_waits(compiled$products, plan)
  if (is.null(why)) return(compiled)
  let_go(compiled, frame$FUN, key)
  not_compiled(why)
}

# How many bytes of arguments are recorded before their replicates run.
replay_bytes <- function() getOption("rustle.boot_bytes", 2^28)

# Runs replicates as a job. before: how many replicates ran earlier. machine: NULL, or the same
# calls for compiled code (compiled-run.R), of which `compiled` was compiled before.
run_replicates <- function(X, task, before, plan, origin, machine = NULL, compiled = NULL) {
  job <- new_job(
    lapply_call, lapply_frame(X, task), length(X), policy_of_plan(plan),
    relay = new_relay(TRUE, list(classes = "condition")), label = "boot-%d", origin = origin
  )
  job[c("machine", "compiled")] <- list(machine, compiled)
  keep_random_seed(tryCatch(run_job(job, plan)$values, error = function(e) {
    if (is.null(e[["task"]]) || inherits(e, "rustle_random_statistic")) stop(e)
    # Tasks are counted as replicates.
    e$task <- before + e[["task"]]
    stop_replicate(e$task, e)
  }))
}

# What a worker calls for a replicate: with its arguments, or where `row` is a function with the
# number that this takes.
replicate_of <- function(replay, row = NULL) {
  of <- list(statistic = replay$statistic, data = replay$data, leading = replay$leading, row = row)
  eval(as.call(list(make_replicate, quote(...), .of = of)), replay$frame)
}

# Computes a replicate on a worker, which may not have rustle: base R only. The worker sends
# back what the statistic returned; the session checks values that are not plain numbers. `.of`
# is behind `...`, or names in that would be taken for it.
make_replicate <- function(..., .of) {
  list(...)
  statistic <- .of$statistic
  data <- .of$data
  leading <- .of$leading
  row <- .of$row
  function(args) {
    if (!is.null(row)) args <- list(row(args))
    before <- globalenv()[[".Random.seed"]]
    value <- if (leading == 0L) {
      if (length(args) == 1L) statistic(args[[1L]], ...) else statistic(args[[1L]], args[[2L]], ...)
    } else if (length(args) == 1L) {
      statistic(data, args[[1L]], ...)
    } else {
      statistic(data, args[[1L]], args[[2L]], ...)
    }
    if (!identical(before, globalenv()[[".Random.seed"]])) {
      stop(structure(
        class = c("rustle_random_statistic", "error", "condition"),
        list(message = "The statistic draws random numbers.", call = NULL)
      ))
    }
    if (is.numeric(value) || is.logical(value) || is.complex(value)) as.vector(value) else value
  }
}
environment(make_replicate) <- baseenv()

watch_random_state <- function(expr) {
  before <- get_random_seed()
  expr
  if (!identical(before, get_random_seed())) {
    stop(structure(
      class = c("rustle_random_statistic", "error", "condition"),
      list(message = "The statistic draws random numbers.", call = NULL)
    ))
  }
  expr
}

# The antithetic bootstrap needs influence values, for which boot calls the statistic:
# a run of two replicates gets them first. Then all further calls but one are replicates.
with_influence <- function(replay) {
  frame <- replay$frame
  if (!identical(frame[["sim"]], "antithetic")) return(replay)
  if (is.null(frame$L)) {
    replay$envir$statistic <- function(...) watch_random_state(replay$statistic(...))
    short <- replay$call
    short$R <- 2L
    replay$envir$L <- keep_random_seed(eval(short, replay$envir))$L
    replay$call$L <- quote(L)
  }
  replay$before <- 1L
  replay
}

as_original <- function(out, replay) {
  out$statistic <- replay$statistic
  out$call <- replay$origin
  out
}

is_numbers <- function(x) is.numeric(x) || is.logical(x) || is.complex(x)

# Checks a value of the statistic and returns how many numbers it has. Replicate 0 is the
# statistic of the data.
check_value <- function(value, size, replicate, call) {
  where <- if (replicate > 0L) sprintf("in replicate %d", replicate) else "of the data"
  good <- is_numbers(value) && length(value)
  if (!good) {
    abort_rustle(
      sprintf("`statistic` must return numbers, not %s (%s).", describe(value), where),
      class = "rustle_error_statistic", replicate = replicate, value = value, call = call
    )
  }
  if (!is.null(size) && length(value) != size) {
    abort_rustle(
      sprintf(
        "`statistic` must return as many values each time: %d before, %d %s.",
        size, length(value), where
      ),
      class = "rustle_error_statistic", replicate = replicate, value = value, call = call
    )
  }
  length(value)
}

# The statistic's own error, with its replicate; its classes are kept.
stop_replicate <- function(replicate, e) {
  own <- setdiff(class(e), c("simpleError", "rustle_error", "error", "condition"))
  abort_rustle(
    sprintf("Replicate %d failed: %s", replicate, conditionMessage(e)),
    class = c("rustle_error_statistic", own), replicate = replicate, parent = e,
    call = conditionCall(e)
  )
}

# `parallel`, `ncpus` and `cl` of boot: the plan that runs the replicates. given:
# names of the arguments that the user gave.
plan_of_boot <- function(parallel, ncpus, given, frame, call = sys.call(-1L)) {
  kinds <- c("no", "multicore", "snow")
  asked <- "parallel" %in% given
  if (asked) {
    parallel <- check_choice(parallel, kinds, "parallel", call)
    if (parallel == "no") return(serial_plan())
  } else {
    parallel <- getOption("boot.parallel", "no")
  }
  cores <- if ("ncpus" %in% given) {
    check_count(ncpus, "ncpus", call = call)
  } else if (!identical(parallel, "no") && !is.null(getOption("boot.ncpus"))) {
    check_count(getOption("boot.ncpus"), "boot.ncpus", call = call)
  }
  if (is.null(cores)) return(current_plan())
  if (cores == 1L) return(serial_plan())
  plan_of_number(cores, frame)
}

# A cluster that the user gave runs boot's own code.
uses_cluster <- function(parallel, cl, given) {
  "cl" %in% given && !is.null(cl) && (!"parallel" %in% given || identical(parallel, "snow"))
}

run_on_cluster <- function(replay) {
  replay$call$parallel <- "snow"
  # boot looks at the cluster only when there is more than one process.
  replay$call$ncpus <- max(2L, length(replay$frame$cl))
  replay$call$cl <- quote(cl)
  replay$envir$statistic <- replay$statistic
  # boot calls parLapply(). For a rerun it must draw the same resamples.
  out <- on_links(replay$frame$cl, replay$origin, "elements", FALSE, sum(replay$frame$R), function(cl) {
    if (!is.null(cl[[1L]]$desk$dry)) set_random_seed(replay$seed)
    replay$envir$cl <- cl
    eval(replay$call, replay$envir)
  })
  as_original(out, replay)
}
