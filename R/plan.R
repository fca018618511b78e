# The plan: what kind of workers, how many, and how they behave.
#
# The strategies are future's own, and our plan() sets future's plan too, so
# future() and packages on top of it follow. Whoever sets a plan last wins: when
# future's stack is not the one that we set, it is adopted with default settings.

default_settings <- function() {
  list(
    schedule = "stealing", chunk_size = NULL, progress = NULL, timeout = Inf,
    retries = 1L, worker_threads = NULL, setup = NULL, idle_timeout = 600, rscript = NULL,
    memory_limit = NULL, cache = NULL, cores = NULL, heartbeat = 30, checkpoint = NULL,
    log = NULL, compiled = NULL
  )
}

#' Choose how tasks run
#'
#' @description
#' `plan()` is future's [future::plan()] with the settings of rustle's workers.
#' It says where the tasks of [future_lapply()] and its relatives run, how many
#' workers there are, how tasks are handed to them, and what happens when a
#' worker is lost. It also sets future's plan, so that `future()` and packages
#' built on future follow. The plan that was set last wins, whoever set it.
#'
#' Three recipes cover most uses:
#' * `plan(multicore, workers = 4)`: workers are forked for each call, and see the session as it is;
#' * `plan(multisession, workers = 4)`: workers that stay, where many calls are made or forking is
#'   not safe;
#' * `plan(sequential)`: back to one process.
#'
#' Each argument beyond these has a default that need not be touched.
#'
#' @param strategy [sequential] (the default of a session), [multicore] (workers that are
#'   forked for each call), [threads] (functions of numbers are compiled and run on threads of this
#'   process, others in the session), [multisession] (workers that outlive a call, copies of a clean R
#'   process), [cluster] (R sessions on this machine or others, each with workers on its
#'   cores), [slurm] (job arrays on a cluster that runs Slurm), all under the Rust scheduler; or any other strategy of future
#'   (tweaked ones, batchtools, ...), on which the
#'   chunks of a call run as futures. A function, a string, a list of them for
#'   nested levels, or a plan that `plan()` returned, which is restored with its
#'   settings. Where forking is unsafe or missing (RStudio, Positron, a session with a
#'   Java virtual machine, macOS with its own BLAS, Windows) `multicore` becomes `multisession`,
#'   with a message; `options(parallelly.fork.enable = TRUE)` says that it is safe.
#' @param workers Number of workers, a whole number of at least 1. Default: the
#'   cores that this session may use ([future::availableCores()]). For `cluster`: a number of
#'   nodes on this machine, with one core each; names of hosts, with all their cores, or with
#'   as many as a name is repeated; or a cluster object, as [parallel::makeCluster()] makes it;
#'   by default the nodes of the allocation of Slurm in which the session runs, else
#'   [parallelly::availableWorkers()].
#' @param schedule How tasks are handed to workers when a call names no chunks:
#'   `"stealing"` (default), `"static"`, `"cyclic"`, `"dynamic"` or `"guided"`.
#' @param chunk_size Tasks per claim of the dynamic schedule, least number of the
#'   guided one. Default 1.
#' @param progress `TRUE` shows the progress of calls; `NULL` (default) follows
#'   the option `rustle.progress`. Where there is no terminal (batch jobs, notebooks of Jupyter)
#'   it is a line after two seconds and then every ten (option `rustle.progress.seconds`); while
#'   knitr makes a document (R Markdown, Quarto), the lines go to the console and not into that. Calls
#'   that take less than two seconds (option `rustle.progress.after`) show nothing. Shown are tasks
#'   done, their rate, the time that is left, busy workers, the memory of workers and the task that
#'   has run longest (on local workers); a line remains at the end. Handlers that
#'   `progressr::handlers(global = TRUE)` has registered are used in place of these.
#' @param timeout Longest evaluation of one task in seconds; a task that exceeds
#'   it fails with `rustle_error_timeout`, whose field `trace` has the calls in which it was, where its
#'   worker could tell (see [worker_status()]). Default `Inf`.
#' @param retries How often a task is run again after its worker was lost
#'   (killed, crashed). Default 1. A task in flight when its worker dies may then
#'   run twice; with 0 it never does.
#' @param worker_threads BLAS and OpenMP threads, and threads of rustle's own linear
#'   algebra ([with_threads()]), in each worker. Default: an equal share of the cores.
#' @param setup What each new worker of `multisession`, or of a node of `cluster`, does before its first task, to open a
#'   database or to load a model, say: a function without arguments, or code in braces, which is
#'   evaluated in the worker's global environment. What it makes stays as long as the
#'   worker lives. Variables of the session and packages that it uses are found as
#'   those of tasks are. What it prints goes nowhere; an error in it ends the call
#'   (`rustle_error_setup`).
#' @param idle_timeout Seconds after which workers of `multisession` that had nothing to do
#'   end; the next call starts others. Default 600.
#' @param rscript How the R process is started of which the workers of `multisession` are
#'   copies: a character vector, the program and its first arguments, as
#'   `c("apptainer", "exec", "r.sif", "Rscript")`. It must be on this machine and have the
#'   version of rustle that the session has. Default: this R.
#' @param memory_limit Bytes, or a size such as `"500M"` or `"2G"` (in powers of 1024), by which a
#'   worker of `multisession` may grow over a call before another one replaces it. Default: no
#'   limit. A worker that
#'   takes more than its share of what the control group of the session may have is always
#'   replaced. Calls do not notice.
#' @param cache Bytes, or a size such as `"1G"`, of large vectors that workers of `multisession`
#'   keep in common, so that the next call does not send them again. Default: a quarter of the
#'   memory of the machine or the control group.
#' @param cores For `cluster` and `slurm`: how many cores of each node are used. Default (`NULL`): what
#'   the node says that it has, divided by the nodes that are on the same host.
#' @param heartbeat For `cluster`: seconds without a sign after which a node counts as lost.
#'   Default 30. Nodes give signs while tasks run, however long these
#'   take.
#' @param checkpoint A directory in which calls keep what they have finished
#'   ([with_checkpoint()]), or `NULL` (default): none.
#' @param log A directory for logs, or `NULL` (default): none. Each worker of `multicore`,
#'   `multisession`, `cluster` and `slurm` appends to a file of its own, `worker-<host>-<pid>.log`, in the
#'   directory of that name where it runs, as it goes: its start, each task with its time, what the task prints where that is relayed,
#'   messages, warnings and errors. `session-<pid>.log` has the calls, their times, and tasks, nodes
#'   and elements of job arrays that were lost. Each task costs a little more then.
#' @param compiled For `threads`, `multicore` and `multisession`. `"auto"`, which `NULL` (default) means:
#'   calls whose function uses little but numbers, so that it compiles, run on threads of this session, with the same
#'   values to the last bit ([threads] says what compiles); all others run on the workers of the plan (`threads` has none:
#'   in this session). `"never"`: all calls do. `"require"`: it is an error when a function does not compile. Calls are
#'   workers' in any case where their plan has a `timeout`, a `log` or a `setup`. `plan(sequential)`, with which all other plans are compared,
#'   `cluster`, `slurm` and future's strategies compile nothing.
#' @param ... Further arguments of the strategy, named, as for [future::plan()]; for `cluster`
#'   those of [parallelly::makeClusterPSOCK()] (`rshcmd`, `rscript`, ...), for `slurm` those in [slurm].
#' @param substitute,.skip,.call,.cleanup,.init As for [future::plan()]: `substitute = FALSE`
#'   takes `strategy` for its value, `.skip = TRUE` does nothing when the plan is that
#'   already, `.cleanup = FALSE` lets the workers of the plan before live on, and
#'   `.init = TRUE` starts the workers of future's strategies now. `.call` has no effect.
#' @details `plan(multisession(workers = 2))` is `plan(multisession, workers = 2)`, as in
#'   future.
#'
#'   `plan()` starts no worker: forked ones start with each call, those of
#'   `multisession` and `cluster` with the first call that needs them; of `multisession` it
#'   starts the process of which they are copies, and does not wait for it. What can be checked
#'   before is: names of hosts in `workers` for which ssh would find no address are an error.
#'
#'   A new strategy starts from the default settings; `plan(workers = 4)` or
#'   `plan(schedule = "static")` change the current plan and keep the rest.
#'
#'   `schedule`, `chunk_size`, `timeout`, `retries`, `progress` and `worker_threads` hold under
#'   `multicore`, `multisession` and `cluster` alike. On plans whose chunks run as futures `schedule` and
#'   `chunk_size` make the chunks, and the others have no effect. `setup`, `idle_timeout`,
#'   `rscript`, `memory_limit` and `cache` are for the workers of `multisession` alone. Threads that run what is
#'   `compiled` know `schedule`, `chunk_size` and `progress`; nothing of them can be lost.
#' @section Which plan: Workers of `multicore` see the session as it is at the call, which costs
#'   a fork for each worker and call; it must be safe to fork the session. Workers of
#'   `multisession` are told what a call needs: its function, the variables and packages that
#'   this uses, and when they have changed the session's options, directory, environment variables,
#'   attached packages, and the S3 methods and the classes and methods of S4 and of reference classes
#'   that the global environment has. Calls are cheaper, and large vectors are sent once; variables
#'   that no code names (`get(name)`) are not found unless `future.globals` names them. What
#'   tasks change in a worker (options, global variables) does not reach the next call. On
#'   Windows the workers of `multisession` are future's.
#' @section Workers of `multisession`: They are copies of a clean R process that has never run
#'   anything else, and stay from call to call until another strategy is set, the session
#'   ends, or `idle_timeout` is over. One that is lost is replaced.
#'
#'   At each call they have what the session has: its working directory, environment variables
#'   (those that have changed since rustle was loaded), options, locale, umask, library paths,
#'   kinds of random number generators, attached packages in their order, and the methods and classes
#'   that its global environment defines (of S3, of S4, and reference classes). They have not:
#'   options of the process itself (`device`, `prompt`, `continue`, `echo`, `error`,
#'   `topLevelEnvironment`, `mc.cores`), options that hold pointers, connections or tools of a
#'   front end, packages that are not installed (`load_all()` attaches such), and lists that were
#'   attached. What tasks need of the global environment is found and sent.
#'
#'   After each call its traces are removed: sinks, devices, connections, attached packages, and
#'   changes of the global environment, options, environment variables, locale, working
#'   directory, random state and plan. Packages that were loaded stay loaded, with the options
#'   that they have set: after a call that has loaded one, options and environment variables
#'   that are new stay, whoever set them. Changes inside of environments, and S4 classes and S3
#'   methods that a task has registered, stay too. What shall stay is made
#'   by `setup`, or by [clusterExport()] and its relatives with `cl = NULL`.
#'   [worker_status()] shows the workers, and [reset_workers()] replaces them.
#' @section Clusters: A node is one R session, which runs workers on its cores. Tasks
#'   go to nodes in chunks that shrink, sized by the measured times of tasks and the speeds
#'   of nodes; within a node, workers claim them one by one. Functions and globals go to a
#'   node once for each content. Values, random numbers, errors and what is relayed are those
#'   of every plan.
#'
#'   When a node is lost (its connection ends, or nothing is heard of it for `heartbeat`
#'   seconds), a message of class `rustle_message_node_lost` says which and why, and its
#'   unfinished tasks run elsewhere, with the same random numbers. Tasks that have been lost
#'   `retries` times run alone; if they are lost again, the call stops with
#'   `rustle_error_worker_lost`, with what arrived in `values`. Nodes that rustle has started
#'   are started again for the next call. [node_status()] shows nodes, [add_workers()] adds some.
#'
#'   Nodes are started by ssh, as [parallelly::makeClusterPSOCK()] does it; hosts of the allocation
#'   of Slurm in which the session runs are started by `srun`, without keys (`master =` is the
#'   name of this machine for them). Where R cannot be started, the error has ssh's own
#'   words. Other versions of R, of rustle and of attached packages are told at the start.
#'
#'   Workers of a node that rustle has started are those of `multisession` there: they stand by
#'   between calls, have run `setup`, have the session's desk (directory, options, environment
#'   variables, locale, attached packages, kinds of random number generators, methods and classes; libraries of the
#'   session in front of the node's), and what tasks change does not reach the next call. What a
#'   node cannot have so is told once. Nodes of a cluster object get that desk for the time
#'   of a call, and then have their own again; their workers are forked where that is safe and the
#'   plan has no `setup`, so tasks find what [clusterExport()] has put there.
#'
#'   Nodes without rustle, nodes on Windows and clusters of mirai, whose nodes keep nothing, run their tasks on
#'   processes of base R; output and conditions come chunk by chunk then, `timeout` has no
#'   effect, and of the desk they have the kinds of random number generators, and methods and classes, alone.
#'   Clusters whose connections are not sockets (MPI, mirai) are used without any recovery.
#' @return The plan: for `plan()` without arguments the current one, else
#'   (invisibly) the one before, which `plan()` takes back.
#'   With a list the first level is for calls in this session, the second for calls in
#'   their tasks, and so on; below the last level calls are sequential.
#' @section Errors: `rustle_error_argument` for a setting out of range or that does not
#'   exist; nothing has changed then. `rustle_warning_setting` (a warning, with field `settings`)
#'   for one that only workers of another strategy have, as in `plan(multicore, setup = )`.
#' @examples
#' oplan <- plan(multicore, workers = 2)
#' future_sapply(1:4, function(i) i^2)
#' #> [1]  1  4  9 16
#' plan(oplan)
#' @seealso [with_plan()], [future_lapply()], [mclapply()].
#' @export
plan <- function(strategy = NULL, ..., workers, schedule, chunk_size, progress, timeout,
                 retries, worker_threads, setup, idle_timeout, rscript, memory_limit, cache,
                 cores, heartbeat, checkpoint, log, compiled,
                 substitute = TRUE, .skip = FALSE, .call = TRUE, .cleanup = TRUE, .init = FALSE) {
  check_future_flags(substitute, .skip, .cleanup, .init)
  called <- if (substitute) called_strategy(base::substitute(strategy), parent.frame())
  if (!is.null(called)) {
    given <- as.list(match.call())[-1L]
    kept <- setdiff(names(given), c("strategy", ".call", "setup"))
    written <- base::substitute(setup)
    setup <- if (!missing(setup)) list(setup = if (stands_for_value(written)) setup else written)
    given <- c(lapply(given[kept], eval, parent.frame()), setup)
    return(invisible(with_call(sys.call(), do.call(plan, c(called, given)))))
  }
  written <- base::substitute(strategy)
  if (missing(rscript) && !isNamespaceLoaded("future") && (identical(written, quote(multisession)) || identical(written, "multisession"))) {
    ahead <- start_ahead()
    on.exit(if (ahead) close_pool())
  }
  changes <- list()
  if (!missing(schedule)) changes$schedule <- check_choice(schedule, schedules, "schedule")
  if (!missing(chunk_size)) {
    changes["chunk_size"] <- list(check_count(chunk_size, "chunk_size", null = TRUE))
  }
  if (!missing(progress)) {
    changes["progress"] <- list(check_flag(progress, "progress", null = TRUE))
  }
  if (!missing(timeout)) changes$timeout <- check_seconds(timeout, "timeout")
  if (!missing(retries)) changes$retries <- check_count(retries, "retries", min = 0)
  if (!missing(worker_threads)) {
    changes["worker_threads"] <- list(check_count(worker_threads, "worker_threads", null = TRUE))
  }
  if (!missing(setup)) {
    home <- user_frame()
    found <- read_setup(base::substitute(setup), function() setup, home, sys.call())
    changes["setup"] <- list(found$code)
    changes["keep"] <- list(keep_of_setup(found, sys.call()))
  }
  if (!missing(memory_limit)) changes["memory_limit"] <- list(check_bytes(memory_limit, "memory_limit"))
  if (!missing(cache)) changes["cache"] <- list(check_bytes(cache, "cache", min = 0))
  if (!missing(idle_timeout)) changes$idle_timeout <- check_seconds(idle_timeout, "idle_timeout")
  if (!missing(rscript)) changes["rscript"] <- list(check_command(rscript, "rscript"))
  if (!missing(cores)) changes["cores"] <- list(check_count(cores, "cores", null = TRUE))
  if (!missing(heartbeat)) changes$heartbeat <- check_seconds(heartbeat, "heartbeat")
  if (!missing(checkpoint)) {
    changes["checkpoint"] <- list(if (!is.null(checkpoint)) check_checkpoint(checkpoint, argument = "checkpoint"))
  }
  if (!missing(log)) changes["log"] <- list(if (!is.null(log)) check_checkpoint(log, argument = "log"))
  if (!missing(compiled)) changes["compiled"] <- list(if (!is.null(compiled)) check_choice(compiled, compiled_choices, "compiled"))
  if (!missing(workers)) check_workers(workers)
  old <- describe_plan()
  if (is.null(strategy) && missing(workers) && !...length()) {
    if (!length(changes)) return(as_rustle_plan(old))
    set_stack(old$stack, utils::modifyList(old$settings, changes, keep.null = TRUE), init = NA)
    warn_idle_settings(changes, old$stack)
    return(invisible(as_rustle_plan(old)))
  }
  if (is.character(strategy) && length(strategy) == 1L && strategy %in% future_actions) {
    return(do.call(future::plan, list(strategy, ...)))
  }
  check_named_arguments(substitute(list(...)), sys.call())
  settings <- if (is.null(strategy)) old$settings else default_settings()
  if (inherits(strategy, "rustle_plan")) {
    kept <- attr(strategy, "rustle")
    strategy <- kept$stack
    settings <- kept$settings
  }
  settings <- utils::modifyList(settings, changes, keep.null = TRUE)
  stack <- future_stack(strategy, if (missing(workers)) list(...) else list(..., workers = workers), old)
  check_slurm(stack, settings, sys.call())
  if (.skip && identical(stack, old$stack)) .init <- NA
  tryCatch(set_stack(stack, settings, .init, .cleanup), error = function(e) {
    set_stack(old$stack, old$settings, init = FALSE, cleanup = FALSE)
    stop(e)
  })
  if (.cleanup) release_workers(stack)
  if (!is.na(.init)) start_server()
  ahead <- FALSE
  warn_idle_settings(changes, stack)
  invisible(as_rustle_plan(old))
}

# future::plan() gives these strings another meaning than a strategy.
future_actions <- c("list", "next", "reset", "pop", "tail", "default", "backend", "backends")

# A number of bytes, or NULL.
check_bytes <- function(x, argument, min = 1, call = sys.call(-1L)) {
  if (is.null(x)) return(NULL)
  bytes <- if (is.character(x)) bytes_of_size(x) else x
  good <- is.numeric(bytes) && length(bytes) == 1L && !is.na(bytes) && bytes >= min
  if (!good) stop_argument(argument, sprintf("a number of bytes of at least %d, a size such as \"500M\" or \"2G\", or NULL", min), x, call)
  as.double(bytes)
}

# Bytes of sizes as Slurm writes them, in powers of 1024; `NA` where it is none.
bytes_of_size <- function(x) {
  form <- "^ *([0-9]*[.]?[0-9]+) *([KMGT])(i?B)? *$"
  bytes <- rep(NA_real_, length(x))
  fits <- grepl(form, x, ignore.case = TRUE)
  power <- match(toupper(sub(form, "\\2", x[fits], ignore.case = TRUE)), c("K", "M", "G", "T"))
  bytes[fits] <- as.numeric(sub(form, "\\1", x[fits], ignore.case = TRUE)) * 1024^power
  bytes
}

# A command with its first arguments, or NULL.
check_command <- function(x, argument, call = sys.call(-1L)) {
  if (is.null(x) || (is.character(x) && length(x) && !anyNA(x) && nzchar(x[[1L]]))) return(x)
  stop_argument(argument, "a command as a character vector: the program and its first arguments", x, call)
}

check_workers <- function(workers, call = sys.call(-1L)) {
  if (is.function(workers) || is.character(workers) || inherits(workers, "cluster")) return()
  check_count(workers, "workers", call = call)
}

# Refuses arguments that future would take for something else, as in plan(multicore, 2).
check_named_arguments <- function(given, call) {
  given <- as.list(given)[-1L]
  named <- if (is.null(names(given))) logical(length(given)) else nzchar(names(given))
  if (all(named)) return()
  one <- deparse1(given[!named][[1L]])
  abort_rustle(
    sprintf("Arguments after the strategy must be named: `workers = %s`, not `%s`.", one, one),
    "rustle_error_argument", argument = "workers", value = given[!named][[1L]], call = call
  )
}

# A stack of strategies as future keeps it: functions of class "future".
future_stack <- function(strategy, arguments, old, call = sys.call(-1L)) {
  if (is.null(strategy)) strategy <- old$stack[[1L]]
  if (is.list(strategy)) {
    if (!length(strategy)) stop_argument("strategy", strategy_forms, strategy, call)
    if (length(arguments) && length(strategy) > 1L) {
      must <- "part of a level, as in tweak(multicore, workers = 2), when `strategy` is a list"
      stop_argument(names(arguments)[[1L]], must, arguments[[1L]], call)
    }
    return(lapply(unclass(strategy), as_strategy, arguments, call))
  }
  list(as_strategy(strategy, arguments, call))
}

strategy_forms <- paste(
  "a strategy of future (sequential, multicore, multisession, cluster, ...),",
  "the name of one, or a list of them"
)

as_strategy <- function(strategy, arguments, call) {
  named <- is.character(strategy) && length(strategy) == 1L && !is.na(strategy)
  if (!named && !inherits(strategy, "future")) {
    stop_argument("strategy", strategy_forms, strategy, call)
  }
  if (is_multicore(strategy) && !supports_fork()) {
    if (first_time("no_fork")) {
      message(
        "plan(multicore) makes workers by copying this R process (it forks), which is not safe ", where_not_to_fork(),
        ". Instead plan(multisession) is set: its workers are R processes of their own, and results are the same."
      )
    }
    workers <- if (inherits(strategy, "tweaked")) formals(strategy)["workers"]
    arguments <- c(arguments, workers[setdiff(names(workers), names(arguments))])
    strategy <- future::multisession
  }
  if (!named && !length(arguments)) return(strategy)
  if (named && strategy %in% c("slurm", "threads")) strategy <- list(slurm = slurm, threads = threads)[[strategy]]
  if (is_threads(strategy)) {
    arguments <- threads_again(arguments, call)
    if (!length(arguments)) return(strategy)
  }
  if (is_slurm(strategy)) {
    arguments <- slurm_again(strategy, arguments)
    strategy <- slurm
    if ("workers" %in% names(arguments)) stop_unknown_setting("workers", strategy, call)
  }
  if (identical(strategy, "sequential") || inherits(strategy, "sequential")) {
    # A script that leaves the strategy open says so of each.
    if (!is.null(arguments$workers) && !identical(arguments$workers, 1) && !identical(arguments$workers, 1L)) {
      warn_rustle("`workers` has no effect: plan(sequential) runs tasks in this session.", "rustle_warning_setting", settings = "workers")
    }
    arguments$workers <- NULL
    if (!length(arguments)) return(if (named) future::sequential else strategy)
  }
  by_number <- is_multicore(strategy) || inherits(strategy, "multisession") || identical(strategy, "multisession")
  if (by_number && is.character(arguments$workers)) {
    stop_argument("workers", "a whole number of at least 1", arguments$workers, call)
  }
  # future takes it for an argument of parallelly::makeNodePSOCK(), and would start as many
  # workers as there are cores.
  if ("worker" %in% names(arguments)) stop_unknown_setting("worker", strategy, call)
  if (is.character(arguments[["workers"]])) check_hosts(arguments[["workers"]], call, arguments)
  tweaked <- tryCatch(
    withCallingHandlers(
      do.call(future::tweak, c(list(strategy), arguments)),
      warning = function(w) check_known_arguments(conditionMessage(w), names(arguments), strategy, call)
    ),
    error = function(e) {
      if (inherits(e, "rustle_error")) stop(e)
      stop_argument("strategy", strategy_forms, strategy, call)
    }
  )
  # New versions of future list an argument twice that was tweaked twice, and then
  # fail to make the backend.
  tweaks <- attr(tweaked, "tweaks")
  if (!is.null(tweaks)) attr(tweaked, "tweaks") <- tweaks[!duplicated(names(tweaks), fromLast = TRUE)]
  tweaked
}

# future only warns of arguments that a strategy does not have.
check_known_arguments <- function(warned, given, strategy, call) {
  named <- function(name) grepl(sQuote(name), warned, fixed = TRUE)
  unknown <- Filter(named, setdiff(given, names(formals(future::plan))))
  if (grepl("unknown", warned) && length(unknown)) stop_unknown_setting(unknown[[1L]], strategy, call)
}

stop_unknown_setting <- function(name, strategy, call) {
  # A strategy that runs in the session, or on what Slurm has, takes no number of workers.
  without <- name == "workers" || is_slurm(strategy) || identical(strategy, "sequential") || inherits(strategy, "sequential")
  settings <- c(if (!without) "workers", names(default_settings()))
  own <- if (is.function(strategy)) setdiff(names(formals(strategy)), c("...", "envir", settings))
  nearest <- intersect(nearest_name(name, c("workers", settings, own)), c(settings, own))
  abort_rustle(
    sprintf(
      "`%s` is no setting of a plan%s: these are %s%s.", name, if (length(nearest)) sprintf(" (the nearest is `%s`)", nearest) else "",
      paste0("`", settings, "`", collapse = ", "),
      if (length(own)) sprintf(", and for this strategy %s", paste0("`", own, "`", collapse = ", ")) else ""
    ),
    "rustle_error_argument", argument = name, settings = settings, call = call
  )
}

is_multicore <- function(strategy) identical(strategy, "multicore") || inherits(strategy, "multicore")

#' Number of workers of the current plan
#'
#' [future::nbrOfWorkers()], which in a worker of rustle says 1 unless the plan has
#' another level.
#'
#' @param evaluator A strategy; the current plan by default.
#' @return A whole number; of class `AsIs` where `workers = I(n)` made the plan and
#'   future's has that class.
#' @seealso [plan()], [availableCores()].
#' @examples
#' nbrOfWorkers()
#' #> [1] 1
#' @export
nbrOfWorkers <- function(evaluator = NULL) {
  if (!is.null(evaluator)) return(future::nbrOfWorkers(evaluator))
  plan <- current_plan()
  # Versions of future differ in this. It is asked only where I() was used: elsewhere new ones warn
  # of more workers than cores.
  as_is <- inherits(formals(plan$stack[[1L]])$workers, "AsIs") &&
    inherits(future::nbrOfWorkers(), "AsIs")
  if (as_is) I(plan$workers) else plan$workers
}

as_rustle_plan <- function(plan) {
  top <- plan$stack[[1L]]
  structure(
    top, class = c("rustle_plan", class(top)),
    rustle = c(plan[c("stack", "settings", "workers")], list(kind = plan$executor$name))
  )
}

#' @export
print.rustle_plan <- function(x, ...) {
  plan <- attr(x, "rustle")
  level <- function(strategy, workers) {
    sprintf("%s, %d worker%s", strategy_name(strategy), workers, if (identical(workers, 1L)) "" else "s")
  }
  cat("plan: ", level(plan$stack[[1L]], plan$workers), "\n", sep = "")
  nested <- unclass(plan$stack)[-1L]
  if (length(nested)) {
    levels <- as.character(Map(level, nested, lapply(nested, level_workers)))
    levels[[1L]] <- paste("nested:", levels[[1L]])
    cat(fill_lines(levels), sep = "\n")
  }
  s <- plan$settings
  or <- function(x, other) if (is.null(x)) other else format(x)
  parts <- c(
    sprintf("schedule: %s%s", s$schedule, if (is.null(s$chunk_size)) "" else sprintf(" (chunk size %d)", s$chunk_size)),
    sprintf("retries: %d", s$retries),
    sprintf("timeout: %s", if (is.finite(s$timeout)) paste(format(s$timeout), "s") else "none"),
    sprintf("progress: %s", or(s$progress, "option rustle.progress")),
    sprintf("threads per worker: %s", or(s$worker_threads, "an equal part of the cores"))
  )
  compiled <- compiled_setting(list(executor = list(name = plan$kind), settings = s))
  if (compiled != "never") parts <- c(parts, sprintf("compiled: %s", compiled))
  cat(fill_lines(parts), sep = "\n")
  if (plan$kind == "multisession") {
    own <- c(
      if (s$idle_timeout != default_settings()$idle_timeout) {
        sprintf("idle_timeout: %s", if (is.finite(s$idle_timeout)) paste(format(s$idle_timeout), "s") else "none")
      },
      if (!is.null(s$memory_limit)) sprintf("memory_limit: %s", bytes_as_given(s$memory_limit)),
      if (!is.null(s$cache)) sprintf("cache: %s", bytes_as_given(s$cache)),
      if (!is.null(s$rscript)) sprintf("rscript: %s", paste(s$rscript, collapse = " "))
    )
    if (length(own)) cat("  ", paste(fill_lines(own), collapse = "\n"), "\n", sep = "")
    cat(sprintf("workers up: %d%s\n", workers_up(), if (is.null(s$setup)) "" else "; each runs `setup` when it starts"))
  }
  if (plan$kind == "cluster") cat("nodes up: ", nodes_up(), "\n", sep = "")
  if (plan$kind == "slurm") cat("runs in ", slurm_given(plan$stack[[1L]])$dir, "\n", sep = "")
  invisible(x)
}

# As sizes of settings are read: in powers of 1024.
bytes_as_given <- function(bytes) format(structure(bytes, class = "object_size"), units = "auto", standard = "IEC")

# Parts separated by semicolons, in lines that break between parts only.
fill_lines <- function(parts, width = min(80L, getOption("width"))) {
  lines <- parts[[1L]]
  for (part in parts[-1L]) {
    last <- length(lines)
    lines[[last]] <- paste0(lines[[last]], ";")
    joined <- paste(lines[[last]], part)
    if (nchar(joined) < width) lines[[last]] <- joined else lines <- c(lines, paste0("  ", part))
  }
  lines
}

level_workers <- function(strategy) {
  if (is_multicore(strategy)) return(plan_workers(list(strategy), executor("multicore")))
  # future may warn here of more workers than cores. The warning is left to the moment when
  # they are started.
  count <- function() suppressWarnings(as.integer(future::nbrOfWorkers(strategy)))
  tryCatch(count(), error = function(e) NA_integer_)
}

strategy_name <- function(strategy) {
  setdiff(class(strategy), c("FutureStrategy", "tweaked", "rustle_plan"))[[1L]]
}
