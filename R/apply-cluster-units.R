# What a call on a cluster of the user has cost, and the inputs of its tasks. parallel's functions
# cut the call in units, which links send to nodes (apply-cluster-links.R); a unit is one task, or a
# piece of X. Nothing of a unit is kept but when it ran and the random state that it began with:
# for rerun_task() the same function runs once more, on links that only count.

# The record of a call is a list of functions, in the desk of the call as `told`: `sent(unit, bytes)`,
# `done(unit, node, answer)`, `lost(unit, node)`, and `all()`, a list of what they have noted.
new_unit_record <- function(pieces) {
  number <- tasks <- bytes <- 0
  launched <- NA_real_
  claims <- losses <- kept <- finished <- 0
  spans <- states <- sizes <- failures <- list()
  drew <- logical()
  first <- NULL
  list(
    cut = pieces == "elements",
    # A unit is about to be sent, for the first time or, after a loss, once more.
    sent = function(unit) {
      if (is.na(launched)) launched <<- rs_now()
      if (is.null(unit$number)) {
        number <<- number + 1
        unit$number <- number
        unit$first <- tasks + 1
        unit$size <- tasks_in_unit(pieces, unit$args)
        tasks <<- tasks + unit$size
        if (pieces != "one") sizes[[number]] <<- unit$size
        if (number == 1) first <<- unit
      }
      unit$posted <- rs_now()
      claims <<- claims + 1
    },
    finished = function() finished,
    bytes = function(size) bytes <<- bytes + size,
    done = function(unit, node, answer) {
      finished <<- finished + unit$size
      # States take memory; that of a unit which draws nothing does not matter.
      if (answer$drew) {
        state <- if (is.null(unit$state)) answer$began else unit$state
        kept <<- kept + 4 * length(state)
        if (kept < most_states) states[[unit$number]] <<- state
        drew[[unit$number]] <<- TRUE
      }
      node$peak <- max(node$peak, answer$peak, na.rm = TRUE)
      if (!is.null(answer$failed)) {
        failures[[length(failures) + 1L]] <<- list(
          task = unit$first + answer$at - 1, last = unit$first + unit$size - 1, trace = answer$trace
        )
      }
      if (wants_report()) spans[[length(spans) + 1L]] <<- spans_of_unit(unit, node, answer, rs_now())
    },
    lost = function(unit, node) {
      losses <<- losses + 1
      if (wants_report()) spans[[length(spans) + 1L]] <<- span_columns_of(unit$first, unit$size, node$place, unit$posted, rs_now(), lost = TRUE)
    },
    all = function() {
      list(
        tasks = tasks, units = number, bytes = bytes, launched = launched, claims = claims, losses = losses, spans = spans,
        states = states, drew = drew, failures = failures, first = first,
        # The last task of each unit.
        ends = as.integer(if (pieces == "one") seq_len(number) else cumsum(unlist(sizes)))
      )
    }
  )
}

# Bytes of random states that are kept of a call.
most_states <- 2^26

# How many tasks a unit is: `pieces` says what it has.
tasks_in_unit <- function(pieces, args) {
  switch(pieces,
    one = 1,
    elements = length(args[[1L]]),
    slices = dim(args[[1L]])[[args$MARGIN]]
  )
}

span_columns_of <- function(task, count, worker, start, end, growth = 0, lost = FALSE) {
  n <- length(task)
  list(
    task = as.numeric(task), count = as.numeric(count), worker = rep(as.integer(worker), n), start = start, end = end,
    growth = rep(growth, length.out = n), lost = rep(lost, n), stolen = rep(FALSE, n)
  )
}

# The clock of the node may be another: its record was made after the unit was posted and before
# the answer came.
spans_of_unit <- function(unit, node, answer, now) {
  m <- length(answer$ends)
  # A task that failed has ended too; those after it in the unit did not run.
  starts <- c(answer$begun, utils::head(answer$ends, -1L))
  shift <- now - as.numeric(Sys.time())
  start <- starts + shift
  end <- answer$ends + shift
  if (start[[1L]] < unit$posted || end[[m]] > now) {
    late <- min(end[[m]], now) - end[[m]]
    early <- max(0, unit$posted - (start[[1L]] + late))
    start <- pmin(now, start + late + early)
    end <- pmin(now, end + late + early)
  }
  tasks <- unit$first + c(0, cumsum(answer$counts)[-m])
  span_columns_of(tasks, answer$counts, node$place, start, end, c(numeric(m - 1L), answer$growth))
}

# Runs a call of parallel's on a cluster of links, and keeps its report and its inputs. call: a function
# of the cluster; pieces: what a unit has: "one" task, "elements" of X, or "slices" of an array;
# balance: do units go to whoever is idle? Else every node has one in each round.
# n: how many tasks the call will have, evaluated where progress is shown.
on_links <- function(cl, origin, pieces, balance, n, call) {
  called <- rs_now()
  start <- Sys.time()
  id <- begin_call()
  links <- linked_cluster(cl)
  if (!inherits(links, "rustle_cluster")) {
    forget_call(not_ours)
    return(call(links))
  }
  desk <- links[[1L]]$desk
  desk$told <- new_unit_record(pieces)
  desk$progress <- progress_of_links(desk, pieces, n)
  finished <- FALSE
  on.exit({
    told <- desk$told$all()
    desk$progress$close(if (finished) told$tasks)
    tell_links(told, origin, id, length(desk$nodes), called, finished)
    if (told$tasks == 0) {
      forget_call(if (finished) without_tasks else "the last call ended before it had tasks")
    } else {
      find <- function(task, replay) find_in_units(call, desk, pieces, told, task, replay)
      keep_call(list(id = id, n = told$tasks, find = find), serial_plan(), NULL, start)
      if (finished) keep_report(report_of_links(told, desk, origin, balance, called, start, id))
    }
  })
  value <- withCallingHandlers(call(links), error = function(e) {
    # parallel raises it when all units have been answered, whose texts it has.
    raised <- conditionCall(e)
    failures <- if (is.call(raised) && identical(raised[[1L]], quote(checkForRemoteErrors))) desk$told$all()$failures
    if (!length(failures)) return()
    tasks <- vapply(failures, `[[`, 0, "task")
    first <- which.min(tasks)
    finished <<- TRUE
    e$failed <- as.integer(sort(tasks))
    e <- with_trace(e, failures[[first]]$trace)
    stop(with_task(e, as.integer(tasks[[first]]), id))
  })
  finished <- TRUE
  value
}

# As new_progress(), with an `update()` that knows the desk.
progress_of_links <- function(desk, pieces, n) {
  plan <- plan_like_cluster(desk$nodes)
  n <- if (wants_progress(plan)) tryCatch(as.numeric(n), error = function(e) NULL)
  if (length(n) != 1L || is.na(n)) return(no_progress)
  progress <- new_progress(list(n = n), length(desk$nodes), plan)
  # Of a chunk nobody knows here which task is at work.
  look <- function() {
    now <- rs_now()
    units <- Filter(Negate(is.null), lapply(desk$nodes, function(node) node$busy))
    list(
      task = vapply(units, function(unit) if (pieces == "one") unit$first else 0, 0),
      seconds = vapply(units, function(unit) now - unit$posted, 0), memory = numeric(length(units))
    )
  }
  update <- progress$update
  progress$update <- function() {
    busy <- sum(vapply(desk$nodes, function(node) !is.null(node$busy), NA))
    update(desk$told$finished(), busy, look)
  }
  progress
}

# For option rustle.debug and the log of the plan.
tell_links <- function(told, origin, id, width, called, finished) {
  if (is.null(current_plan()$settings$log) && !isTRUE(getOption("rustle.debug"))) return(invisible())
  text <- sprintf(
    "call %.0f, %s, on %d nodes of a cluster object: %.0f tasks in %.0f units, %s after %.3f s, %.0f units failed, %.0f lost with their node, %.0f bytes sent",
    id, deparse(origin, width.cutoff = 80L, nlines = 1L)[[1L]], width, told$tasks, told$units, if (finished) "over" else "broken off",
    rs_now() - called, length(told$failures), told$losses, told$bytes
  )
  log_session(current_plan(), "%s", text)
  say_debug("%s", text)
}

not_ours <- paste(
  "the last call ran by parallel's own code, on a cluster whose connections are not sockets or under",
  "options(rustle.cluster = FALSE), which tells nothing of its tasks"
)

report_of_links <- function(told, desk, origin, balance, called, start, id) {
  width <- length(desk$nodes)
  policy <- if (balance) {
    new_policy("dynamic", ends = told$ends)
  } else if (told$units <= width) {
    new_policy("static")
  } else {
    new_policy("rounds", ends = told$ends)
  }
  first <- told$first
  list(
    executor = "cluster", kind = "links", call = origin, tasks = told$tasks, workers = width, policy = policy, threads = 1L,
    settings = list(), streams = "keep", done = told$tasks, spans = bound_spans(told$spans), seats = NULL,
    peak = vapply(desk$nodes, function(node) if (is.finite(node$peak)) node$peak else NA_real_, 0),
    forks = 0, claims = told$claims, steals = 0, losses = told$losses, bytes = NA_real_, receiving = NA_real_,
    sent = told$bytes, copied = told$bytes, largest = function() largest_sent(parts_of_unit(first)),
    nodes = rep(1L, width), hosts = vapply(desk$nodes, function(node) node$host, ""),
    called = called, launched = told$launched, ended = rs_now(), opening = 0, start = start, end = Sys.time(), job = id
  )
}

# What a unit has, by the names that plan(cluster) has for it. lapply() and apply() have the user's
# function among their arguments.
parts_of_unit <- function(unit) {
  own <- is.function(unit$args$FUN) && (identical(unit$fun, base::lapply) || identical(unit$fun, base::apply))
  list(
    FUN = if (own) unit$args$FUN else unit$fun, data = unit$args[1L],
    dots = unit$args[setdiff(seq_along(unit$args), c(1L, if (own) match(c("FUN", "MARGIN"), names(unit$args))))]
  )
}

# A task of the call as evaluate_again() takes it. call: that of on_links(), which runs once more on
# links that hand their units over, here.
find_in_units <- function(call, desk, pieces, told, task, replay) {
  unit <- unit_of_task(call, length(desk$nodes), pieces, task)
  at <- task - unit$first + 1
  for (failure in told$failures) {
    if (failure$task < task && failure$last >= task) {
      stop_not_there(sprintf("task %.0f did not run, since task %.0f of its chunk had failed", task, failure$task))
    }
  }
  drew <- length(told$drew) >= unit$number && isTRUE(told$drew[[unit$number]])
  state <- if (length(told$states) >= unit$number) told$states[[unit$number]]
  if (drew && is.null(state)) stop_not_there("the call has drawn random numbers in more units than are kept")
  job <- job_of_unit(unit, pieces)
  there <- found_there(desk$nodes[[unit$k]], parts_of_unit(unit)$FUN, unit$args)
  list(
    job = c(job, list(packages = there$packages, globals = there$globals)), hidden = there$hidden, task = at,
    start = function(run) {
      set_random_seed(state)
      if (drew) for (earlier in seq_len(at - 1)) replay(run, earlier)
      # A unit that was not answered may have drawn.
      !is.null(state)
    }
  )
}

unit_of_task <- function(call, width, pieces, task) {
  seen <- 0
  number <- 0
  desk <- new.env(parent = emptyenv())
  desk$answers <- vector("list", width)
  desk$dry <- function(unit) {
    number <<- number + 1
    size <- tasks_in_unit(pieces, unit$args)
    if (seen + size >= task) {
      unit$number <- number
      unit$first <- seen + 1
      invokeRestart("rustle_unit", unit)
    }
    seen <<- seen + size
    answer <- list(type = "VALUE", value = NULL, success = TRUE, tag = unit$tag)
    desk$answers[[unit$k]] <- c(desk$answers[[unit$k]], list(answer))
  }
  withRestarts(
    {
      call(links_of(desk, width))
      stop_internal("a task of no unit")
    },
    rustle_unit = function(unit) unit
  )
}

# The tasks of a unit as a job, of which evaluate_again() runs one.
job_of_unit <- function(unit, pieces) {
  args <- unit$args
  if (pieces == "one") {
    frame <- list2env(list(FUN = unit$fun, args = args), parent = globalenv())
    return(list(call = quote(do.call(FUN, args, quote = TRUE)), forced = 0L, frame = frame))
  }
  FUN <- args$FUN
  if (pieces == "elements") {
    X <- args[[1L]]
    if (!is.vector(X) || is.object(X)) X <- as.list(X)
    frame <- do.call(open_frame, args[setdiff(seq_along(args), c(1L, match("FUN", names(args))))], quote = TRUE)
    list2env(list(X = X, FUN = FUN), frame)
    return(list(call = lapply_call, forced = 1L, frame = frame))
  }
  slices <- margin_slices(args[[1L]], args$MARGIN)
  frame <- do.call(open_frame, args[setdiff(seq_along(args), c(1L, match(c("FUN", "MARGIN", "simplify"), names(args))))], quote = TRUE)
  list2env(list(FUN = FUN, newX = slices$newX, d = slices$dim, dn = slices$dimnames), frame)
  list(call = slices$call, forced = 1L, frame = frame)
}

# What a function finds in the global environment of a node, that is not in the session's:
# list(globals, hidden, packages); `hidden` are names that the node has not. Where the node is not
# there any more, variables are those of the session, and a warning says so.
found_there <- function(node, fun, args) {
  todo <- Filter(function(f) is.function(f) && !is.primitive(f), c(list(fun), args))
  names <- character()
  globals <- list()
  packages <- character()
  while (length(todo)) {
    new <- unique(unlist(lapply(todo, names_beyond)))
    new <- setdiff(new, names)
    names <- c(names, new)
    if (!length(new)) break
    said <- ask_link(node, without_source(globals_there), list(new))
    if (is.null(said)) {
      here <- new[vapply(new, exists, NA, envir = globalenv(), inherits = FALSE)]
      if (length(here)) warn_rustle(
        sprintf("The node that ran the task cannot be asked: its variables %s are those of this session.", paste(here, collapse = ", ")),
        "rustle_warning_rerun", names = here
      )
      return(list(globals = list(), hidden = character(), packages = character()))
    }
    packages <- said$packages
    globals <- c(globals, said$globals)
    todo <- Filter(function(f) is.function(f) && !is.primitive(f), said$globals)
  }
  list(globals = globals, hidden = setdiff(names, names(globals)), packages = setdiff(rev(packages), .packages()))
}

# The names that a function looks up in the global environment, or beyond.
names_beyond <- function(f) {
  names <- know_code(f, environment(f))$names
  homes <- rs_locate(names, environment(f))
  names[vapply(homes, function(home) is.null(home) || identical(home, globalenv()) || !is.null(package_of(home)), NA)]
}

# Base R alone.
globals_there <- function(names) {
  there <- names[vapply(names, exists, NA, envir = globalenv(), inherits = FALSE)]
  list(globals = mget(there, envir = globalenv()), packages = .packages())
}
environment(globals_there) <- baseenv()

# The answer of a node that has nothing else to do; NULL where there is none.
ask_link <- function(node, fun, args) {
  if (!is.null(node$lost) || node$owes || !is_open(node$link$con)) return(NULL)
  tryCatch({
    post(node, fun, args, "question")
    if (!any(await_links(list(node), patience))) return(NULL)
    message <- suspendInterrupts(of_parallel("recvData")(node$link))
    node$owes <- node$owes - 1L
    node$expects <- NULL
    if (isTRUE(message$success)) message$value
  }, error = function(e) NULL)
}
