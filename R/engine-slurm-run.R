# A run: the tasks of one call on Slurm, as files that the session and the elements of job
# arrays share. Whoever writes a file writes it under another name and renames it, so a file
# that is there is whole; and whoever takes one renames it, which only one process can do.
#
# The run is the directory `slurm` of the call's checkpoint (checkpoint-journal.R), where
# the journals are that workers write task by task:
#   order.rds              what is common to all tasks, written once
#   TAG                    an empty file, named by the tag of the order: elements of an earlier run in this
#                          directory, which Slurm starts late, do not find theirs and end
#   todo/, taken/          chunks of tasks that wait, and that an element has
#   done/                  records of chunks (what close_slurm_chunk() makes)
#   said/                  output and conditions of tasks, as they come
#   arrays/N.rds           a job array, counted on from those of the run before in this directory: list(number, name, id, count, level, journalled); `id` is
#                          NA before Slurm has answered
#   elements/N.K.start     element K of array N has started; N.K.end: why it has ended;
#                          N.K.stop: Slurm asks it to stop; N.K.status: that of R at its end;
#                          N.K.seen: what its workers do, every two seconds where progress is shown
#   log/, scripts/         what Slurm and R said, and was submitted
#   closed                 how the call has ended; nobody submits or takes anything any more
#
# The name of a chunk says what happened to it: number-level-times-lost. `level` is the
# memory that it needs, as an index of `memory` of the plan; `times` how often it was put
# back, and `lost` how often an element died of it, perhaps. What of it is done, the
# journals know.

run_folders <- c("todo", "taken", "done", "said", "arrays", "elements", "log", "scripts")

write_whole <- function(object, file) {
  part <- tempfile(".part-", dirname(file))
  written <- tryCatch(
    {
      saveRDS(object, part, compress = FALSE)
      file.rename(part, file)
    },
    error = function(e) conditionMessage(e), warning = function(w) conditionMessage(w)
  )
  if (isTRUE(written)) return(invisible())
  unlink(part)
  abort_rustle(sprintf("The file %s cannot be written: %s.", file, sub("[.]$", "", written)), "rustle_error_checkpoint")
}

# NULL where it is not there any more.
read_whole <- function(file) {
  tryCatch(suppressWarnings(readRDS(file)), error = function(e) NULL)
}

# The only process for which this is TRUE has moved it.
move_file <- function(from, to) suppressWarnings(file.rename(from, to))

is_closed <- function(run) file.exists(file.path(run, "closed"))

close_run <- function(run, how) {
  if (dir.exists(run) && !is_closed(run)) write_whole(how, file.path(run, "closed"))
}

# Chunks ------------------------------------------------------------------------------------

chunk_name <- function(chunk) sprintf("%07d-%d-%d-%d", chunk$number, chunk$level, chunk$times, chunk$lost)

# list(number, level, times, lost, array, element, file) of the files of a directory; array and
# element of those that are taken.
chunks_in <- function(run, folder) {
  files <- sort(list.files(file.path(run, folder), "^[0-9]{7}-"))
  lapply(files, function(file) {
    words <- strsplit(file, ".", fixed = TRUE)[[1L]]
    numbers <- as.integer(strsplit(words[[1L]], "-", fixed = TRUE)[[1L]])
    list(
      number = numbers[[1L]], level = numbers[[2L]], times = numbers[[3L]], lost = numbers[[4L]],
      array = if (length(words) > 2L) as.integer(words[[2L]]), element = if (length(words) > 2L) as.integer(words[[3L]]),
      file = file.path(run, folder, file)
    )
  })
}

# Sizes of chunks: they shrink, so that nodes end together, and fill a node.
chunk_sizes <- function(n, elements, cores, static) {
  if (static) return(lengths(parallel::splitIndices(n, min(n, elements))))
  most <- ceiling(n / elements)
  sizes <- integer()
  left <- n
  while (left > 0) {
    size <- min(left, most, max(ceiling(left / (2 * elements)), 2L * cores))
    sizes[[length(sizes) + 1L]] <- as.integer(size)
    left <- left - size
  }
  sizes
}

# Puts a chunk that is taken back, for whoever comes next; `more`: what has become of it.
put_back <- function(run, chunk, more) {
  fresh <- utils::modifyList(chunk, more)
  fresh$times <- chunk$times + 1L
  move_file(chunk$file, file.path(run, "todo", chunk_name(fresh)))
}

# Elements and arrays -----------------------------------------------------------------------

array_file <- function(run, number) file.path(run, "arrays", sprintf("%04d.rds", number))

read_arrays <- function(run) {
  files <- sort(list.files(file.path(run, "arrays"), "^[0-9]+[.]rds$", full.names = TRUE))
  Filter(Negate(is.null), lapply(files, read_whole))
}

element_file <- function(run, array, element, what) {
  file.path(run, "elements", sprintf("%d.%d.%s", array, element, what))
}

# One process at a time decides what is submitted. `expr` is evaluated while we are it.
with_run_lock <- function(run, expr, seconds = 120) {
  lock <- paste0(run, ".lock")
  host <- Sys.info()[["nodename"]]
  until <- seconds_now() + seconds
  repeat {
    if (dir.create(lock, showWarnings = FALSE)) break
    owner <- read_whole(file.path(lock, "owner.rds"))
    age <- as.numeric(difftime(Sys.time(), file.mtime(lock), units = "secs"))
    gone <- !is.null(owner) && identical(owner$host, host) && !pid_exists(owner$pid)
    if (gone || (!is.na(age) && age > seconds)) {
      # The name that it gets is ours alone: of two processes that see this only one goes on.
      if (move_file(lock, stale <- tempfile("stale-", dirname(lock)))) unlink(stale, recursive = TRUE)
      next
    }
    if (seconds_now() > until) {
      abort_rustle(
        sprintf("Another session holds %s: process %s on %s.", lock, format(owner$pid), format(owner$host)), "rustle_error_checkpoint"
      )
    }
    Sys.sleep(0.1)
  }
  on.exit(unlink(lock, recursive = TRUE))
  saveRDS(list(host = host, pid = Sys.getpid()), file.path(lock, "owner.rds"))
  expr
}

pid_exists <- function(pid) isTRUE(tools::pskill(pid, 0L)) || dir.exists(file.path("/proc", pid))

# The directory of the run of a call ----------------------------------------------------------

run_of_call <- function(call) file.path(call, "slurm")

# Lays down a run: its common part, and the tasks `which` in chunks.
lay_run <- function(run, job, plan, settings, identity, which, envelope) {
  parcel <- parcel_for_nodes(job, plan)
  # Elements of a run before may not have ended yet: what they still write is under other numbers.
  before <- max(0L, vapply(read_arrays(run), `[[`, 1L, "number"))
  unlink(run, recursive = TRUE)
  part <- tempfile("run-", dirname(run))
  dir.create(part)
  for (folder in run_folders) dir.create(file.path(part, folder))
  order <- job$policy$order
  line <- if (is.null(order)) which else order[order %in% which]
  shape <- slurm_shape(settings, length(line))
  static <- job$policy$schedule %in% c("static", "cyclic") && is.null(job$policy$ends)
  sizes <- chunk_sizes(length(line), shape$nodes, shape$cores, static)
  ends <- cumsum(sizes)
  chunks <- lapply(seq_along(sizes), function(k) line[(ends[[k]] - sizes[[k]] + 1L):ends[[k]]])
  for (k in seq_along(chunks)) {
    tasks <- chunks[[k]]
    chunk <- list(
      tag = k, n = length(tasks), tasks = tasks, data = cut_data(parcel$data, job$over, tasks),
      streams = streams_of_tasks(job$streams, tasks), keys = identity$keys[, tasks, drop = FALSE]
    )
    write_whole(chunk, file.path(part, "todo", chunk_name(list(number = k, level = 1L, times = 0L, lost = 0L))))
  }
  tag <- paste0(substr(identity$key, 1L, 8L), sub(".*-", "", basename(part)))
  file.create(file.path(part, tag))
  setup <- settings$setup$steps
  settings["setup"] <- list(NULL)
  plan$settings["keep"] <- list(NULL)
  write_whole(list(
    bytes = parcel$bytes(), desk = desk_for_nodes()[c("key", "bytes")], chunks = chunks, n = job$n, keys = identity$keys,
    tag = tag, before = before,
    stop_early = job$on_error == "stop", ordered = !is.null(order), timings = wants_timings(), progress = wants_progress(plan), nodes = shape$nodes, cores = shape$cores,
    settings = plan$settings[c("timeout", "retries", "worker_threads", "log")], slurm = settings, setup = setup,
    plan = as_rustle_plan(plan), envelope = envelope[c("fun", "arguments", "state", "call")]
  ), file.path(part, "order.rds"))
  if (!file.rename(part, run)) {
    abort_rustle(sprintf("The directory %s cannot be made.", run), "rustle_error_checkpoint", call = job$origin)
  }
}

# Elements of a first array, and cores of each.
slurm_shape <- function(settings, tasks) {
  known <- partition_shape(settings$partition)
  list(
    nodes = max(1L, min(tasks, if (is.null(settings$nodes)) min(known$nodes, most_elements) else settings$nodes)),
    cores = if (is.null(settings$cores)) known$cores else settings$cores
  )
}

# Entries in the journals of a call.
count_journalled <- function(call) unpack(rs_journal_read(journal_files(call), raw()))$count
