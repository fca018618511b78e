# Slurm's commands: jobs are submitted, looked at and cancelled here alone.

# The output of a command of Slurm: list(status, out, err), texts by line.
ask_slurm <- function(command, arguments, seconds = 30) {
  file <- tempfile("slurm-")
  on.exit(unlink(file))
  # R warns of a status that is not 0, and raises an error where there is no such command.
  out <- tryCatch(
    suppressWarnings(system2(command, shQuote(arguments), stdout = TRUE, stderr = file, timeout = seconds)),
    error = function(e) structure(character(), status = 127L, err = conditionMessage(e))
  )
  status <- attr(out, "status")
  err <- if (file.exists(file)) readLines(file, warn = FALSE)
  list(status = if (is.null(status)) 0L else status, out = as.character(out), err = c(err, attr(out, "err")))
}

slurm_words <- function(said) {
  words <- paste(trimws(sub("^((sbatch|squeue|srun|scontrol|sinfo|scancel): (error: |fatal: )?|slurm_[a-z_]+ error: )", "", said$err)), collapse = "; ")
  if (nzchar(words)) words else sprintf("it ended with status %d", said$status)
}

stop_slurm <- function(message, call, ...) abort_rustle(message, "rustle_error_slurm", ..., call = call)

# What sinfo says of a partition: list(nodes, cores); NULL: the default one. Asked once.
partition_shape <- function(partition) {
  name <- if (is.null(partition)) "*" else paste(partition, collapse = ",")
  known <- partitions[[name]]
  if (!is.null(known)) return(known)
  asked <- ask_slurm("sinfo", c("-h", "-e", if (!is.null(partition)) c("-p", name), "-o", "%P|%D|%c|%T"), 10)
  rows <- strsplit(asked$out, "|", fixed = TRUE)
  rows <- rows[lengths(rows) == 4L]
  usable <- function(row) !grepl("down|drain|fail|maint|\\*$", row[[4L]]) && (!is.null(partition) || grepl("*", row[[1L]], fixed = TRUE))
  rows <- Filter(usable, rows)
  if (!length(rows)) return(list(nodes = 1L, cores = 1L))
  shape <- list(
    nodes = sum(vapply(rows, function(row) as.integer(row[[2L]]), 1L)),
    cores = min(vapply(rows, function(row) as.integer(sub("[+]", "", row[[3L]])), 1L))
  )
  assign(name, shape, envir = partitions)
  shape
}

# The record of what sinfo has said of partitions, written here only.
partitions <- new.env(parent = emptyenv())

# The script of a job array. settings: slurm_settings(). at: list(name, count, level, log,
# check, stop, arguments).
slurm_script <- function(settings, at) {
  given <- list(
    partition = settings$partition, time = settings$time,
    mem = if (is.null(settings$memory)) { if (is.null(settings$cores)) "0" } else settings$memory[[at$level]],
    `cpus-per-task` = settings$cores
  )
  lines <- c(
    sprintf("--job-name=%s", at$name),
    sprintf("--array=1-%d%s", at$count, if (is.null(settings$array_limit)) "" else paste0("%", settings$array_limit)),
    "--nodes=1", "--ntasks=1", "--no-requeue", sprintf(if (grepl(" ", at$log)) "--output=\"%s\"" else "--output=%s", at$log),
    sprintf("--signal=B:USR1@%d", ceiling(stop_margin(settings$time))),
    if (is.null(settings$cores)) "--exclusive",
    unlist(lapply(names(given), function(name) if (!is.null(given[[name]])) sprintf("--%s=%s", name, given[[name]]))),
    further_options(settings$options)
  )
  rscript <- if (is.null(settings$rscript)) file.path(R.home("bin"), "Rscript") else settings$rscript
  libs <- paste(.libPaths(), collapse = .Platform$path.sep)
  start <- paste(c(
    shQuote(rscript), "--no-save", "--no-restore", "-e", shQuote("rustle:::run_element()"), shQuote(at$arguments),
    "\"$SLURM_ARRAY_TASK_ID\""
  ), collapse = " ")
  # The shell waits beside R, so that a signal reaches it.
  command <- c(
    sprintf("if [ ! -f %s ]; then echo \"%s: $(hostname)\" >&2; exit %d; fi", shQuote(at$check), unseen_words, unseen_status),
    sprintf("export R_LIBS=%s", shQuote(libs)),
    sprintf("rustle_stop=%s.\"$SLURM_ARRAY_TASK_ID\".stop", shQuote(at$stop)), "trap ': > \"$rustle_stop\"' USR1 TERM",
    sprintf("%s &", start), "rustle_pid=$!", "wait $rustle_pid", "rustle_status=$?",
    "while [ $rustle_status -gt 128 ] && kill -0 $rustle_pid 2>/dev/null; do wait $rustle_pid; rustle_status=$?; done",
    "echo $rustle_status > \"${rustle_stop%stop}status\"", "exit $rustle_status"
  )
  parts <- list(
    options = paste("#SBATCH", lines, collapse = "\n"),
    # Some versions of `module` end with status 0 in any case.
    modules = if (!is.null(settings$modules)) sprintf("module load %s || exit 1", paste(shQuote(settings$modules), collapse = " ")) else "",
    prologue = paste(settings$prologue, collapse = "\n"), command = paste(command, collapse = "\n")
  )
  text <- settings$template
  if (is.null(text)) text <- "#!/bin/bash\n{{options}}\n{{modules}}\n{{prologue}}\n{{command}}"
  for (name in names(parts)) text <- gsub(paste0("{{", name, "}}"), parts[[name]], text, fixed = TRUE)
  text
}

# An element that does not see the directory ends with this status.
unseen_status <- 66L
unseen_words <- "rustle: this node does not see the directory of the plan"

# Options of sbatch: c(account = "x", exclusive = NA, "--qos=high").
further_options <- function(options) {
  if (is.null(options)) return(NULL)
  names <- names(options)
  if (is.null(names)) names <- rep("", length(options))
  ifelse(nzchar(names), ifelse(is.na(options), paste0("--", names), paste0("--", names, "=", options)), options)
}

# Seconds before its walltime ends at which an element saves and stops. A time that is not
# known here counts as long.
stop_margin <- function(time) {
  given <- getOption("rustle.slurm.margin")
  if (!is.null(given)) return(as.double(given))
  seconds <- if (is.null(time)) Inf else seconds_of_time(time)
  if (is.na(seconds) || seconds > 600) 60 else max(5, seconds / 10)
}

# Seconds of a time as Slurm writes it: minutes, minutes:seconds, hours:minutes:seconds,
# days-hours, days-hours:minutes, days-hours:minutes:seconds. NA for what is no time.
seconds_of_time <- function(time) {
  time <- trimws(time)
  if (!grepl("^([0-9]+-)?[0-9]+(:[0-9]+){0,2}$", time)) return(NA_real_)
  days <- if (grepl("-", time)) as.double(sub("-.*", "", time))
  parts <- as.double(strsplit(sub("^.*-", "", time), ":", fixed = TRUE)[[1L]])
  units <- if (!is.null(days)) c(3600, 60, 1) else if (length(parts) == 3L) c(3600, 60, 1) else c(60, 1)
  sum(parts * units[seq_along(parts)]) + if (is.null(days)) 0 else days * 86400
}

# Submits a script: the number of the job. Slurm may have taken a job although the answer did not
# come, so it is looked for by its name, and not submitted again before Slurm has said that it is not there.
submit_script <- function(file, name, call) {
  for (try in 1:3) {
    said <- ask_slurm("sbatch", c("--parsable", file))
    id <- sub(";.*", "", grep("^[0-9]+(;.*)?$", said$out, value = TRUE))
    if (said$status == 0L && length(id)) return(id[[1L]])
    if (!is_unanswered(said)) break
    Sys.sleep(2)
    id <- job_of_name(name)
    if (is.null(id)) next
    if (!is.na(id)) return(id)
    stop_slurm(sprintf("Slurm does not answer: %s.", sub("[.]$", "", slurm_words(said))), call, status = said$status, unanswered = TRUE)
  }
  stop_slurm(sprintf("Slurm does not take the job array: %s.", sub("[.]$", "", slurm_words(said))), call, status = said$status)
}

# Has a command ended without a word of the controller? 124: its time was over.
is_unanswered <- function(said) {
  said$status == 124L || said$status != 0L && grepl("timed out|temporarily|unable to contact|connect failure", paste(said$err, collapse = " "), ignore.case = TRUE)
}

# The number of the job of this name; NULL where there is none, NA where nobody knows. Names are
# made once.
job_of_name <- function(name) {
  said <- ask_slurm("squeue", c("-h", "-a", "-t", "all", paste0("--name=", name), "-o", "%F"))
  if (said$status != 0L) return(NA_character_)
  found <- unique(trimws(said$out))
  if (length(found)) return(found[[1L]])
  if (!nzchar(Sys.which("sacct"))) return(NULL)
  said <- ask_slurm("sacct", c("-n", "-P", "-X", paste0("--name=", name), "-S", "now-7days", "-o", "JobID"))
  if (said$status == 0L && length(said$out)) sub("_.*", "", said$out[[1L]])
}

# What Slurm says of the elements of some arrays: a data frame (id, element, state, reason,
# node); NULL when it does not answer: then `unanswered` is called with what the command has said.
# Elements that it has forgotten are missing.
slurm_states <- function(ids, unanswered = function(said) NULL) {
  frame <- function(rows, width) {
    rows <- strsplit(paste0(rows, "|"), "|", fixed = TRUE)
    rows <- rows[lengths(rows) >= width]
    column <- function(k) vapply(rows, `[[`, "", k)
    element <- suppressWarnings(as.integer(column(2L)))
    out <- data.frame(id = column(1L), element = element, state = column(3L), reason = column(4L), node = column(5L))
    out[!is.na(element), ]
  }
  said <- ask_slurm("squeue", c("-h", "-r", "-a", "-t", "all", "-j", paste(ids, collapse = ","), "-o", "%F|%K|%T|%r|%N|."))
  unknown <- any(grepl("Invalid job id", said$err))
  if (said$status != 0L && !unknown) {
    unanswered(said)
    return(NULL)
  }
  out <- frame(said$out, 5L)
  lost <- setdiff(ids, out$id)
  if (!length(lost) || !nzchar(Sys.which("sacct"))) return(out)
  said <- ask_slurm("sacct", c("-n", "-P", "-X", "-j", paste(lost, collapse = ","), "-o", "JobID,State,NodeList"))
  if (said$status != 0L) return(out)
  rows <- strsplit(said$out, "|", fixed = TRUE)
  rows <- Filter(function(row) length(row) == 3L && grepl("_[0-9]+$", row[[1L]]), rows)
  more <- vapply(rows, function(row) {
    paste(sub("_.*", "", row[[1L]]), sub(".*_", "", row[[1L]]), sub(" .*", "", row[[2L]]), "None", row[[3L]], ".", sep = "|")
  }, "")
  rbind(out, frame(more, 5L))
}

# Tells that Slurm is silent, once, and that it answers again. list(silent, answers): functions, the
# first of what a command has said, or NULL.
new_silence <- function() {
  since <- NULL
  tell <- function(text, answers) {
    clear_progress()
    message(structure(
      class = c("rustle_message_slurm", "rustle_message", "message", "condition"),
      list(message = text, call = NULL, answers = answers)
    ))
  }
  list(
    silent = function(said = NULL) {
      if (!is.null(since)) return(invisible())
      since <<- seconds_now()
      words <- if (is.null(said)) "" else sprintf(" (%s)", sub("[.]$", "", slurm_words(said)))
      tell(sprintf("Slurm does not answer%s. What runs goes on; nothing is submitted until it answers.\n", words), FALSE)
    },
    answers = function() {
      if (is.null(since)) return(invisible())
      tell(sprintf("Slurm answers again, after %s.\n", duration(seconds_now() - since)), TRUE)
      since <<- NULL
    }
  )
}

# States in which an element is still to run, or runs.
is_alive_state <- function(state) {
  state %in% c(
    "PENDING", "RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED", "REQUEUED", "RESIZING", "STOPPED", "STAGE_OUT",
    "SIGNALING", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT"
  )
}

# Reasons for which a job waits for ever.
is_hopeless <- function(reason) {
  grepl(paste0(
    "^(PartitionTimeLimit|PartitionNodeLimit|PartitionConfig|BadConstraints|InvalidAccount|InvalidQOS|AccountNotAllowed|",
    "QOSNotAllowed|MaxMemPerLimit|(Assoc|QOS)Max.*PerJob(Limit)?|DependencyNeverSatisfied)$"
  ), reason)
}

# `elements`: NULL for all of the array.
cancel_job <- function(id, elements = NULL) {
  ask_slurm("scancel", if (is.null(elements)) id else sprintf("%s_%d", id, elements))
}
