# What workers that stand by keep between jobs: what the plan's `setup` has made in them, and
# what clusterCall(NULL, ...) and its relatives have done. Workers are replaced at any time,
# so each of these is a step that a new worker makes again before its first task.
#
# The keep of a plan is an environment under `settings$keep`, NULL until there is a step: a
# plan that comes back comes with it, and it ends with the last copy of its plan.
#   steps    list of list(number, what, content): what to do (workers-frozen.R)
#   piece    many of them in one piece; NULL where there are few (steps_to_send())
#   parcel   the steps as workers get them (parcel_of_steps())
#   key      their hash, for nodes, once it was asked for
#   last     the last number that was given
#   streams  TRUE after clusterSetRNGStream(): the random state of a worker goes on from call
#            to call

new_keep <- function() list2env(list(steps = list(), last = 0L, streams = FALSE), parent = emptyenv())

# The keep of the plan in force, made if need be.
keep_in_force <- function() {
  if (is.null(in_force$settings$keep)) {
    settings <- in_force$settings
    settings$keep <- new_keep()
    put_in_force(in_force$stack, settings)
  }
  in_force$settings$keep
}

keeps_streams <- function(plan) {
  plan$executor$keeps && !is.null(plan$settings$keep) && plan$settings$keep$streams
}

# what: "setup", "call", "eval", "export" or "seeds"; `...` is its content.
new_step <- function(keep, what, ..., call = NULL) {
  step <- freeze_step(list(number = keep$last + 1L, what = what, ...), call)
  keep$last <- step$number
  step
}

# Makes `step` a step of all workers to come. Two exports that follow one another become one.
keep_step <- function(keep, step) {
  n <- length(keep$steps)
  if (n && joins(keep$steps[[n]], step)) {
    before <- keep$steps[[n]]$content$values
    step$content$values <- c(before[setdiff(names(before), names(step$content$values))], step$content$values)
    step$large <- step$large + keep$steps[[n]]$large
    keep$steps[[n]] <- NULL
    # It may have been the last one of a piece.
    if (n <= max(0L, keep$piece$count)) keep$piece <- NULL
  }
  keep$steps[[length(keep$steps) + 1L]] <- step
  keep$parcel <- keep$key <- NULL
  # What is known of a plan without steps is over.
  count_again()
  invisible()
}

joins <- function(before, step) {
  plain <- function(step) step$what == "export" && !inherits(step$content, "rustle_travelled")
  plain(before) && plain(step)
}

last_step <- function(keep) {
  n <- length(keep$steps)
  if (n) keep$steps[[n]]$number else 0L
}

# In a worker ------------------------------------------------------------------------------

# Makes the steps that this worker has not made. What the steps of cluster calls print and
# signal was told when the call was made. Of the setup, which every worker makes, nothing is
# told but its error, which is that of the job.
make_steps <- function(steps) {
  for (step in steps) {
    if (step$number <= standing$made) next
    if (!is.null(step$steps)) {
      make_steps(from_bytes(step$steps))
    } else if (step$what == "setup") {
      quietly(make_setup(step))
    } else {
      try(quietly(make_step(step, rs_worker_seat())), silent = TRUE)
    }
    standing$made <- step$number
  }
}

quietly <- function(expr) {
  null <- file(nullfile(), "w")
  sink(null)
  depth <- sink.number()
  on.exit({
    while (sink.number() >= depth) sink()
    close(null)
  })
  suppressMessages(suppressWarnings(expr))
}

make_setup <- function(step) {
  tryCatch({
    step <- step_content(step)
    for (package in step$packages) library(package, character.only = TRUE)
    list2env(step$globals, envir = globalenv())
    if (is.function(step$setup)) step$setup() else eval(step$setup, globalenv())
  }, error = function(e) {
    abort_rustle(
      sprintf("The `setup` of the plan failed in a worker: %s", conditionMessage(e)),
      "rustle_error_setup", parent = e
    )
  })
}

# The value of the step for worker `number`.
make_step <- function(step, number) {
  x <- step_content(step)
  switch(step$what,
    call = do.call(x$fun, x$arguments, quote = TRUE),
    eval = eval(x$code, globalenv()),
    export = { list2env(x$values, envir = globalenv()); NULL },
    seeds = { set_random_seed(stream_of_worker(x$seeds, number)); NULL }
  )
}

# A worker of a number that nobody knew of has the next streams.
stream_of_worker <- function(seeds, number) {
  if (number <= length(seeds)) return(seeds[[number]])
  seed <- seeds[[length(seeds)]]
  for (k in seq_len(number - length(seeds))) seed <- parallel::nextRNGStream(seed)
  seed
}

# The task of a worker when a step is made for the first time.
first_step <- function(number, step) {
  on.exit({
    standing$made <- max(standing$made, step$number)
    keep_on_desk()
  })
  make_step(step, number)
}

# What has been done is to stay when the job is over, but for what belongs to the job.
keep_on_desk <- function() {
  now <- note_desk()
  own <- c("sinks", "messages", "output", "stack", "settings", "cluster", "mask")
  now[own] <- standing$noted[own]
  standing$noted <- now
  standing$glance <- NULL
}

# In the session ---------------------------------------------------------------------------

# Makes a step in each worker of the plan and returns the values. If it fails in one, no
# other worker will make it.
on_each_worker <- function(plan, what, origin, ...) {
  keep <- keep_in_force()
  plan <- current_plan()
  step <- new_step(keep, what, ..., call = origin)
  frame <- list2env(list(X = seq_len(plan$workers), FUN = first_step), open_frame(step))
  job <- new_job(
    lapply_call, frame, plan$workers, new_policy("cyclic"),
    own_streams(),
    relay = new_relay(TRUE, list(classes = "condition")), on_error = "keep", shares = TRUE,
    origin = origin, ours = TRUE, globals = list()
  )
  outcome <- run_job(job, plan)
  stop_first_failure(outcome, "worker")
  keep_step(keep, step)
  outcome$values
}

# Workers draw from the random state that they have.
own_streams <- function() list(streams = "keep", seed = NULL, after = NULL, check = FALSE, own = TRUE)

# A name, a function or a quotation stands for its value; other code is itself what workers run.
stands_for_value <- function(written) {
  constructs <- c("function", "quote", "bquote", "expression", "::", ":::", "$", "[[")
  !is.call(written) || (is.symbol(written[[1L]]) && as.character(written[[1L]]) %in% constructs)
}

# A keep whose first step is the setup; NULL without one.
keep_of_setup <- function(found, call = NULL) {
  if (is.null(found)) return(NULL)
  keep <- new_keep()
  keep_step(keep, new_step(keep, "setup", setup = found$code, globals = found$globals, packages = found$packages, call = call))
  keep
}

# The setup of a plan as it was written in a call: list(code, globals, packages).
read_setup <- function(written, value, envir, call) {
  code <- if (stands_for_value(written)) value() else written
  if (is.null(code)) return(NULL)
  if (is.expression(code)) code <- as.call(c(as.name("{"), as.list(code)))
  takes_none <- function(f) {
    needed <- vapply(formals(f), identical, NA, quote(expr = ))
    !any(needed[names(needed) != "..."])
  }
  if (!is.call(code) && !(is.function(code) && takes_none(code))) {
    stop_argument("setup", "a function without arguments, or code in braces", code, call)
  }
  found <- if (is.function(code)) {
    home <- list2env(list(FUN = code), parent = envir)
    globals <- globals_of_future(quote(FUN()), home)
    globals$globals$FUN <- NULL
    globals
  } else {
    globals_of_future(code, envir)
  }
  list(code = code, globals = as_plain_list(found$globals), packages = found$packages)
}

# The frame from which the user's code has called a function of ours, perhaps by do.call(), perhaps
# in an argument of another function.
user_frame <- function() {
  parents <- sys.parents()
  at <- parents[[sys.nframe()]]
  here <- topenv()
  # Of the frame, not of its function: eval() is a function of base.
  skipped <- function(frame) identical(topenv(frame), here) || identical(topenv(frame), .BaseNamespaceEnv)
  while (at > 0L && skipped(sys.frame(at))) {
    # R says that a function is its own parent where what has called it is no frame any more: in what was
    # evaluated late, or by C code in an environment.
    if (parents[[at]] >= at) return(do.call(parent.frame, list(), envir = sys.frame(at)))
    at <- parents[[at]]
  }
  if (at > 0L) sys.frame(at) else globalenv()
}
