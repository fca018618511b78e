# How R sessions of nodes are started: on hosts by ssh, and in an allocation of Slurm by srun.

# list of links, elements of a cluster object of parallelly. hosts: names; options: further
# arguments of parallelly::makeClusterPSOCK().
start_links <- function(hosts, options, call) {
  local <- all(is_this_host(hosts))
  patience <- if (is.null(options[["connectTimeout"]])) getOption("rustle.connect.timeout", 30) else options[["connectTimeout"]]
  # `connectTimeout` is not enough: R looks at time limits only when it runs code. `timeout` also
  # holds for the connection, until both ends change it: introduce(), limit_silence().
  defaults <- list(
    connectTimeout = patience, timeout = patience, tries = 1L, rscript_libs = if (local) .libPaths()
  )
  by_step <- uses_ssh(options) && is.null(options[["rshcmd"]]) && all(hosts %in% allocated_hosts())
  if (by_step) {
    steps <- srun_as_ssh()
    defaults <- c(defaults[names(defaults) != "rscript_libs"], list(
      rshcmd = steps, rshopts = character(), revtunnel = FALSE, master = Sys.info()[["nodename"]],
      homogeneous = TRUE, rscript_libs = .libPaths()
    ))
  } else if (!local && .Platform$OS.type != "windows") {
    if (uses_ssh(options)) options$rshopts <- c(options[["rshopts"]], ssh_alive)
    refused <- refusals_of_hosts(hosts[!is_this_host(hosts)], options, patience)
    if (length(refused)) stop_no_start(names(refused), refused[[1L]], call)
  }
  arguments <- utils::modifyList(Filter(Negate(is.null), defaults), options)
  links <- tryCatch(
    suppressWarnings(do.call(parallelly::makeClusterPSOCK, c(list(hosts), arguments))),
    error = function(e) stop_no_start(hosts, trimws(conditionMessage(e)), call)
  )
  lapply(seq_along(hosts), function(k) {
    link <- links[[k]]
    if (by_step) {
      link$kill <- function(pid) end_step(steps, hosts[[k]])
    } else if (!is_this_host(hosts[[k]])) {
      link$kill <- function(pid) kill_there(hosts[[k]], options, pid)
    }
    link
  })
}

stop_no_start <- function(hosts, why, call) {
  abort_rustle(
    sprintf("R could not be started on %s: %s", paste(unique(hosts), collapse = ", "), why),
    "rustle_error_no_node", hosts = hosts, call = call
  )
}

is_this_host <- function(hosts) hosts %in% c("localhost", "127.0.0.1", "::1", Sys.info()[["nodename"]])

# By ssh -------------------------------------------------------------------------------------

# A client whose link was cut ends. Of two values of one option ssh takes the first, the user's.
ssh_alive <- c("-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3")

uses_ssh <- function(options) is.null(options[["rshcmd"]]) || identical(basename(options[["rshcmd"]][[1L]]), "ssh")

# The words of a shell that runs `command` (a text) on a host, as parallelly does it.
command_there <- function(host, options, command, patience) {
  rsh <- if (is.null(options[["rshcmd"]])) "ssh" else options[["rshcmd"]]
  own <- if (uses_ssh(options)) c("-o", sprintf("ConnectTimeout=%d", max(1L, as.integer(patience))), if (!interactive()) c("-o", "BatchMode=yes"))
  limit <- if (nzchar(Sys.which("timeout"))) c("timeout", patience)
  user <- if (!is.null(options[["user"]])) c("-l", options[["user"]])
  # A command with its arguments may be one string.
  words <- c(limit, if (length(rsh) == 1L) character() else rsh)
  paste(c(
    shQuote(words), if (length(rsh) == 1L) (if (file.exists(rsh)) shQuote(rsh) else rsh), shQuote(c(options[["rshopts"]], own, user, host, command))
  ), collapse = " ")
}

# Of hosts where R does not start, why, by name. parallelly would wait for an answer of those until
# its time is up, and what ssh says would be lost.
refusals_of_hosts <- function(hosts, options, patience) {
  hosts <- unique(hosts)
  if (!length(hosts)) return(character())
  dir <- tempfile("hosts-")
  dir.create(dir)
  on.exit(unlink(dir, recursive = TRUE))
  rscript <- if (!is.null(options[["rscript"]])) {
    options[["rscript"]]
  } else if (isTRUE(options[["homogeneous"]])) {
    file.path(R.home("bin"), "Rscript")
  } else {
    "Rscript"
  }
  starts <- paste(c(shQuote(rscript), "--vanilla", "-e", "0"), collapse = " ")
  commands <- vapply(seq_along(hosts), function(k) {
    said <- shQuote(file.path(dir, k))
    sprintf("(%s >%s 2>&1 </dev/null; echo $? >%s.status) &", command_there(hosts[[k]], options, starts, patience), said, said)
  }, "")
  script <- file.path(dir, "script")
  writeLines(c(commands, "wait"), script)
  system2("sh", shQuote(script), stdout = FALSE, stderr = FALSE)
  why <- vapply(seq_along(hosts), function(k) {
    status <- tryCatch(suppressWarnings(as.integer(readLines(file.path(dir, paste0(k, ".status"))))), error = function(e) NA_integer_)
    if (identical(status, 0L)) return(NA_character_)
    said <- tryCatch(trimws(readLines(file.path(dir, k), warn = FALSE)), error = function(e) character(), warning = function(w) character())
    said <- said[nzchar(said)]
    if (length(said)) return(paste(utils::tail(said, 3L), collapse = "; "))
    if (identical(status, 124L)) return(sprintf("no answer within %g s", patience))
    sprintf("the command that starts it there said nothing; its status is %s", if (length(status) == 1L && !is.na(status)) status else "unknown")
  }, "")
  stats::setNames(why, hosts)[!is.na(why)]
}

# Ends the session of a node that cannot be reached by its connection; nobody waits for it. It
# may have ended, and its number may be another's.
kill_there <- function(host, options, pid) {
  command <- sprintf("case \"$(tr '\\0' ' ' </proc/%1$d/cmdline)\" in *workRSOCK*) kill -KILL %1$d;; esac", pid)
  system(sprintf("(%s) >/dev/null 2>&1 </dev/null &", command_there(host, options, command, 10)))
}

# By srun ------------------------------------------------------------------------------------

# The allocation of Slurm in which this session runs, written by these two functions only: `list`,
# the words of Slurm, and what they mean: `hosts`, and `workers`, a name for each core.
allocation <- new.env(parent = emptyenv())

# Names of the hosts of the allocation; none elsewhere.
allocated_hosts <- function() {
  list <- Sys.getenv("SLURM_JOB_NODELIST")
  if (!nzchar(list)) return(character())
  if (!identical(allocation$list, list)) {
    there <- all(nzchar(Sys.which(c("srun", "scontrol"))))
    allocation$hosts <- if (!there) character() else tryCatch(
      suppressWarnings(system2("scontrol", c("show", "hostnames", shQuote(list)), stdout = TRUE, stderr = FALSE, timeout = 10)),
      error = function(e) character()
    )
    allocation$workers <- NULL
    allocation$list <- list
  }
  allocation$hosts
}

allocated_workers <- function() {
  if (is.null(allocation$workers)) allocation$workers <- parallelly::availableWorkers(methods = "Slurm")
  allocation$workers
}

# A command that takes what ssh takes, a host and a command, and runs it as a step of the
# allocation. It notes the process of each host.
srun_as_ssh <- function() {
  dir <- tempfile("steps-")
  dir.create(dir)
  script <- file.path(dir, "srun-as-ssh")
  writeLines(c(
    "#!/bin/sh", "host=$1", "shift", sprintf("echo $$ >%s/\"$host\"", shQuote(dir)),
    "exec srun --overlap --nodes=1 --ntasks=1 --mem=0 --quiet --nodelist=\"$host\" sh -c \"$*\" </dev/null"
  ), script)
  Sys.chmod(script, "700")
  script
}

# srun would wait for the node for a while; at the second signal it does not.
end_step <- function(steps, host) {
  pid <- tryCatch(suppressWarnings(as.integer(readLines(file.path(dirname(steps), host)))), error = function(e) NA_integer_)
  if (length(pid) != 1L || is.na(pid)) return()
  system(sprintf("(kill -TERM %1$d; sleep 1; kill -KILL %1$d) >/dev/null 2>&1 &", pid))
}
