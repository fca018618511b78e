# The workers of multisession: copies of a clean R process, the server, which is started for
# them and has loaded this package. They stand by between jobs. Rust keeps the pool of them
# (src/rust/src/jobs/pool.rs) and drives server and workers (jobs/stand.rs); here is the R
# code that these run, and how the session starts them.

# Are there such workers on this system?
has_standing_workers <- function() .Platform$OS.type != "windows"

# The record of the pool of this process, written here only: `pid` of the process that
# opened it, what decides of its `command`, by which the server is started, its `size`, and
# the `keep` of the plan that has used it last (workers-keep.R).
pool <- new.env(parent = emptyenv())

has_pool <- function() identical(pool$pid, Sys.getpid())

# Makes sure that the workers of the plan can be asked for, and waits for the server if need
# be. Workers themselves start when they get their first order. waiting: NULL, or a function
# that is called from time to time until the server is there.
ensure_pool <- function(plan, call = NULL, waiting = NULL) {
  deadline <- NULL
  while (!ask_pool(plan, call, 0.05)) {
    if (is.null(deadline)) deadline <- proc.time()[["elapsed"]] + server_patience
    if (proc.time()[["elapsed"]] > deadline) {
      stop_no_server("", call, sprintf("which had not answered after %d s.", server_patience))
    }
    rs_check_interrupt()
    if (!is.null(waiting)) waiting()
  }
}

# Starts the server if there is none. Is it up, or within so many seconds?
ask_pool <- function(plan, call, seconds = 0) {
  open_pool(plan, call)
  told <- rs_pool_prepare(seconds)
  if (is.null(told)) return(FALSE)
  if (is.list(told)) stop_no_server(told$printed, call)
  if (told != server_greeting()) {
    stop_no_server(told, call, sprintf("which runs %s; this session runs %s.", told, server_greeting()))
  }
  TRUE
}

# Makes the pool of the plan, if it is not there; starts nothing.
open_pool <- function(plan, call = NULL) {
  basis <- list(plan$settings$rscript, .libPaths())
  if (!has_pool() || !identical(pool$basis, basis)) {
    close_pool()
    make_pool(basis, plan$workers, call)
    tell_memory(plan)
  } else if (!is.null(pool$keep) && !identical(pool$keep, plan$settings$keep)) {
    # Workers that keep things of another plan.
    rs_pool_dismiss()
  }
  pool$keep <- plan$settings$keep
  set_cache(plan$settings$cache)
  if (plan$workers > pool$size) {
    resize_pool(plan$workers)
    tell_memory(plan)
  }
}

make_pool <- function(basis, size, call = NULL) {
  command <- server_command(basis[[1L]])
  unpack(rs_pool_open(c(command, list(size = as.double(size)))), call)
  pool$pid <- Sys.getpid()
  pool$basis <- basis
  pool$command <- command
  pool$size <- size
}

# The same before anything is known of the plan but its strategy: the server comes up while the session
# loads future. Was there none?
start_ahead <- function() {
  if (is_worker() || has_pool() || !has_standing_workers()) return(FALSE)
  make_pool(list(NULL, .libPaths()), 1L)
  rs_pool_prepare(0)
  TRUE
}

# Starts the server of a plan that was just set: it comes up while the session does other
# things. What goes wrong is told by the first call that needs it.
start_server <- function() {
  plan <- current_plan()
  if (plan$executor$name != "multisession" || is_worker()) return()
  open_pool(plan)
  # A call may have had more.
  if (plan$workers < pool$size) resize_pool(plan$workers)
  rs_pool_prepare(0)
}

# Seconds that the server may take: a container or a module on a slow file system takes many.
server_patience <- 120L

resize_pool <- function(size) {
  rs_pool_resize(as.double(size))
  pool$size <- size
}

# Workers end with the plan: no level of `stack`, the new one, is multisession.
release_workers <- function(stack) {
  if (has_pool() && !any(vapply(unclass(stack), inherits, NA, "multisession"))) close_pool()
}

close_pool <- function() {
  if (has_pool()) {
    rs_pool_close()
    set_cache(0)
  }
  pool$pid <- pool$basis <- pool$command <- pool$size <- pool$keep <- NULL
}

# Rscript is two shell scripts that end in this program. Where the session has in its environment what
# they put there, and so all of R's libraries are found, they are left out.
r_itself <- function() {
  program <- file.path(R.home("bin"), "exec", "R")
  set <- Sys.getenv(c("R_HOME", "R_SHARE_DIR", "R_INCLUDE_DIR", "R_DOC_DIR"))
  libraries <- strsplit(Sys.getenv("LD_LIBRARY_PATH"), ":", fixed = TRUE)[[1L]]
  finds_all <- set[["R_HOME"]] == R.home() && all(nzchar(set)) && file.path(R.home(), "lib") %in% libraries
  as_linux <- startsWith(R.version$os, "linux") && !nzchar(.Platform$r_arch)
  if (as_linux && finds_all && file.access(program, 1L) == 0L) program
}

# program, arguments, and names and values of variables of the environment.
server_command <- function(rscript, itself = r_itself()) {
  if (is.null(rscript)) {
    rscript <- if (is.null(itself)) file.path(R.home("bin"), "Rscript") else c(itself, "--no-echo", "--no-restore")
  }
  home <- dirname(getNamespaceInfo(topenv(), "path"))
  variables <- c(
    R_LIBS = paste(unique(c(home, .libPaths())), collapse = .Platform$path.sep),
    # R CMD check sets it for the session, and no other process finds its file.
    R_TESTS = "",
    # OpenBLAS starts its threads when it is loaded, and every fork would end them first.
    OPENBLAS_NUM_THREADS = "1", RUSTLE_OPENBLAS = Sys.getenv("OPENBLAS_NUM_THREADS"),
    # Its temporary directory goes with the session's, even if it is killed.
    TMPDIR = tempdir(), RUSTLE_TMPDIR = Sys.getenv("TMPDIR"),
    # R takes longer to attach its own packages than serve() does.
    R_DEFAULT_PACKAGES = "NULL", RUSTLE_DEFAULT_PACKAGES = Sys.getenv("R_DEFAULT_PACKAGES"),
    # Attached once, in the server, they are there in every worker.
    RUSTLE_PACKAGES = paste(rev(setdiff(.packages(), base_packages)), collapse = "\n")
  )
  list(
    program = rscript[[1L]],
    # R would collect twice on its way to as many cells, which it has room for at the end anyway.
    arguments = c(rscript[-1L], "--vanilla", "--min-nsize=900k", "-e", "rustle:::serve()"),
    names = names(variables), values = unname(variables)
  )
}

stop_no_server <- function(printed, call, what = if (nzchar(printed)) paste0("and was told: ", printed) else "which printed nothing.") {
  words <- c(pool$command$program, pool$command$arguments)
  # As a shell takes it.
  special <- grepl("[^A-Za-z0-9_./:=+,@%-]", words)
  words[special] <- shQuote(words[special])
  ran <- paste(words, collapse = " ")
  advice <- if (is.null(pool$basis[[1L]])) {
    "Does this command start R in a terminal? Another one can be given as `rscript` of the plan."
  } else {
    "`rscript` of the plan must be a command that starts Rscript, for an R that has the package rustle."
  }
  close_pool()
  abort_rustle(
    sprintf(
      "plan(multisession) could not start the R process of which its workers are copies. It ran\n  %s\n%s\n%s",
      ran, what, advice
    ),
    "rustle_error_server", command = ran, printed = printed, call = call
  )
}

server_greeting <- function() {
  if (is.null(pool$greeting)) {
    pool$greeting <- sprintf("rustle %s, R %s", getNamespaceVersion(topenv()), getRversion())
  }
  pool$greeting
}

base_packages <- c("base", "methods", "datasets", "utils", "grDevices", "graphics", "stats")

# An empty variable counts as none.
variable_or_na <- function(name) {
  value <- Sys.getenv(name)
  if (nzchar(value)) value else NA_character_
}

# What every worker does before its first task is done here once, as far as it changes nothing: R
# reads a function of a package when it is first used, and copies of this process need not.
rehearse <- function() {
  lay_desk(desk_seen())
  noted <- note_desk()
  glance_desk()
  clear_desk(noted)
  for (name in order_functions) get(name, topenv(), inherits = FALSE)
}

order_functions <- c(
  "perform_order", "take_order", "known_terms", "prepare_order", "lay_order", "note_standing", "enter_standing",
  "clear_order", "clear_standing", "remove_globals", "end_redirection", "end_task", "break_off", "task_loop",
  "recording", "take_noted", "redirect_output", "parcel_frame", "dots_frame", "start_memory", "has_grown",
  "put_in_force", "new_plan", "executor", "new_executor", "enter_worker", "set_machine_cores", "set_thread_allotment",
  "set_random_seed", "set_globals", "unpack", "make_steps", "standing", "in_force", "process", "budget",
  "worker_options", "rs_worker_order", "start_log", "sent_terms_most", "make_step", "step_content", "tracing", "keep_on_desk", "serializers", "with_state_now", "run_sequential", "rs_worker_enlist", "rs_worker_run", "rs_worker_fail", "rs_output_connection"
)

# What is loaded is attached without a look for conflicts, which nobody would see.
attach_again <- function(package) {
  if (isNamespaceLoaded(package)) attachNamespace(package) else library(package, character.only = TRUE)
}

# The whole life of a server. A copy of it is a worker, and never comes back.
serve <- function() {
  for (package in setdiff(base_packages, c("base", .packages()))) attachNamespace(package)
  # What cannot be loaded here is an error or a warning in the worker that needs it.
  packages <- strsplit(Sys.getenv("RUSTLE_PACKAGES"), "\n", fixed = TRUE)[[1L]]
  for (package in packages) {
    try(suppressPackageStartupMessages(attach_again(package)), silent = TRUE)
  }
  do_without_future()
  set_variables(c(
    OPENBLAS_NUM_THREADS = variable_or_na("RUSTLE_OPENBLAS"), TMPDIR = variable_or_na("RUSTLE_TMPDIR"),
    R_DEFAULT_PACKAGES = variable_or_na("RUSTLE_DEFAULT_PACKAGES"),
    RUSTLE_PACKAGES = NA, RUSTLE_OPENBLAS = NA, RUSTLE_TMPDIR = NA, RUSTLE_DEFAULT_PACKAGES = NA
  ))
  rehearse()
  # What is old now is left alone by the quick collections of workers, and its pages stay shared.
  gc(full = FALSE)
  if (!rs_server_open(server_greeting())) {
    stop_internal("serve() is called by a session that has started this process, and by nobody else")
  }
  # A worker stands by for good; NULL is the end of the session.
  if (isTRUE(rs_server_next())) rs_worker_stand(perform_order, clear_order)
  quit("no", runLast = FALSE)
}
