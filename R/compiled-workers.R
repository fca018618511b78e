# Plans of processes, `multicore` and `multisession`, of which threads of the session run what
# compiles: which plans these are, and which jobs are their workers' all the same.

# The setting `compiled` as it holds for a plan: "auto", "never" or "require". Sequential plans, the
# oracle of all others, never compile; the workers of all others are elsewhere.
compiled_setting <- function(plan) {
  switch(plan$executor$name,
    threads = ,
    multicore = ,
    multisession = {
      setting <- plan$settings$compiled
      if (is.null(setting)) "auto" else setting
    },
    "never"
  )
}

# Does a plan run what compiles on threads?
compiles <- function(plan) compiled_setting(plan) != "never"

# The settings of a plan for forked workers, or such as stand by, that a call asks for by a number:
# where a plan compiles nothing, neither do its calls.
settings_of_processes <- function(plan) {
  settings <- plan$settings
  settings$compiled <- compiled_setting(plan)
  settings
}

# Why a job is left to the workers of its plan before anybody looks at its function; NULL where it is
# not. On workers it may mean something else than in this session, or they do what threads cannot.
why_for_workers <- function(job, plan) {
  if (plan$executor$in_session) return(NULL)
  settings <- plan$settings
  if (is.finite(settings$timeout) || !is.null(settings$log)) return("the plan has a timeout or a log, which are for workers")
  # R tells of a lack of memory; Rust ends the process.
  if (rs_space_is_limited()) return("the address space of this session is limited (`ulimit -v`)")
  if (wants_timings() || wants_memory()) return("the times or the memory of single tasks are wanted, which workers measure")
  if (plan$executor$keeps) {
    if (length(settings$keep$steps)) return("the plan's `setup`, or clusterExport() and its like, may have given workers what this session has not")
    if (!identical(getOption("future.globals.onReference", "ignore"), "ignore")) return("references are to be told of, which workers would lose")
    if (!identical(job$globals, TRUE) || says_exports(job)) return("the call says which variables workers get")
  }
  if (length(job$packages) && !all(paste0("package:", job$packages) %in% search())) {
    return("the call attaches packages where tasks run")
  }
  NULL
}

# A loop of foreach with `.noexport`, or with an `.export` that fails.
says_exports <- function(job) {
  code <- job$code
  if (is.null(code)) return(FALSE)
  length(code$noexport) > 0L || !all(vapply(code$export, exists, NA, envir = environment(job$frame$FUN)))
}

# Those that wait for each other where R's BLAS has threads of its own.
blas_functions <- c("%*%", "crossprod", "tcrossprod", "outer", "solve")

# Processes are faster then. calls: does the function call one of these? NULL where it is not so.
why_blas_waits <- function(calls, plan) {
  if (!calls || plan$executor$in_session || plan$workers == 1L || compiled_setting(plan) == "require" || !blas_waits()) return(NULL)
  "its products or equations of matrices would wait for each other on threads, as R's BLAS has threads of its own"
}

# Asked once, when a function first needs it: R loads LAPACK then.
blas_waits <- function() {
  if (is.null(machine$blas)) machine$blas <- unfit_blas()
  rs_compiled_blas_waits()
}

# Why a function is not compiled for a job that is seen from its own code at once; what that calls
# means something else perhaps, but then R runs it, which is right in any case.
why_at_once <- function(fun, job, plan) {
  if (typeof(fun) != "closure" || is.object(fun)) return(NULL)
  functions <- words_of_closure(fun, character())$functions
  why <- why_blas_waits(any(functions %in% blas_functions), plan)
  if (is.null(why) && any(functions %in% drawing_functions)) why <- why_no_draws(job)
  why
}

# Why a function that draws random numbers is not compiled for a job.
why_no_draws <- function(job) {
  streams <- job$streams
  if (job$shares) return("it draws random numbers, and tasks of one worker share a stream")
  if (!streams$streams %in% c("substream", "stream")) {
    return("it draws random numbers, and the tasks have no streams (`future.seed = TRUE` gives them some)")
  }
  if (streams$seed[[1L]] != 10407L) return("the kinds of random numbers are not R's defaults")
  NULL
}

drawing_functions <- c(
  "runif", "rnorm", "rexp", "rlnorm", "rlogis", "rcauchy", "rweibull", "rgamma", "rchisq", "rt", "rf", "rbeta",
  "rpois", "rgeom", "rnbinom", "rbinom", "sample", "sample.int"
)

# Does a function that was read (read_closures()) call some of `names`, by whatever name?
calls_some <- function(read, names) {
  any(vapply(read, function(one) any(one$functions %in% names) || any(unlist(one$same) %in% names), NA))
}

# Tasks `left`, which are all but those that `values` has, on the workers of the plan: `rest` runs
# the job there, in which the others do nothing. NULL where values do not fit the template of the
# call, which R must then tell.
run_left_on_workers <- function(job, plan, rest, values, left) {
  template <- if (is.list(job$shape)) job$shape$template
  if (!fit_template(values[-left], template)) return(NULL)
  frame <- job$frame
  wanted <- logical(job$n)
  wanted[left] <- TRUE
  own <- c(".rustle_left", ".rustle_blank")
  on.exit(rm(list = own, envir = frame))
  assign(own[[1L]], wanted, envir = frame)
  assign(own[[2L]], template, envir = frame)
  job$call <- call("if", quote(.rustle_left[[i]]), forced_call(job), quote(.rustle_blank))
  job$over <- c(job$over, .rustle_left = "elements")
  job$forced <- 0L
  # Values of different kinds, or one more check of those that have none.
  if (is.list(job$shape)) job$shape["template"] <- list(NULL) else job["shape"] <- list(NULL)
  outcome <- rest(job, plan)
  values[left] <- outcome$values[left]
  new_outcome(values, outcome$failed, report = outcome$report)
}

# May R run tasks in this session that workers would run? Not where a task may say something by itself,
# which differs here and there: stop() with a condition that is no error, output that nobody captures.
may_stay <- function(job, compiled) {
  !isTRUE(job$isolated) && !is.na(job$relay$stdout) && !calls_some(compiled$from[[2L]], c("stop", "warning", "message", "print", "cat"))
}

# So many times longer than on threads R may take, where it is slow.
slowness_of_r <- 100

# Few quick tasks that were given up are done in this session before a worker knows of them. They
# can neither leave anything behind nor end it: what they call is known. seconds: those that
# `done` tasks have taken on threads.
are_quick <- function(left, seconds, done) {
  done > 0 && length(left) * slowness_of_r * seconds / done < 0.05 && !isTRUE(machine$never_quick)
}

# The time that a job was on threads before its workers went on with it.
with_time_on_threads <- function(report, launched) {
  if (is.null(report$seats) || is.na(report$launched)) return(report)
  # What starts once for many calls may have started in between, but is told as before all tasks.
  launched <- launched + reports$opening
  # As parts_of() has it, one without a task may have been up, too.
  used <- Reduce(`+`, report$seats[c("tasks", "starting", "first", "claims", "moving", "lost")]) > 0
  report$seats$tasks[used] <- report$seats$tasks[used] + report$launched - launched
  report$launched <- launched
  report
}
