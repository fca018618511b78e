# Journals of a call: a directory named by its key, with a file per process that wrote
# (src/rust/crates/journal) and meta.rds, which says what the call was.

checkpoint_calls <- function(dir) {
  names <- list.files(dir, "^[0-9a-f]{32}$")
  file.path(dir, names)[dir.exists(file.path(dir, names))]
}

journal_files <- function(call) list.files(call, "[.]journal$", full.names = TRUE)

read_meta <- function(call) {
  tryCatch(readRDS(file.path(call, "meta.rds")), error = function(e) NULL, warning = function(w) NULL)
}

# Two processes may do this at once: the file is whole under its name.
write_meta <- function(call, identity) {
  old <- read_meta(call)
  if (!is.null(old) && old$tasks >= identity$n) return()
  part <- tempfile("meta-", call)
  tryCatch(
    {
      saveRDS(list(call = identity$call, tasks = identity$n, parts = identity$parts), part)
      file.rename(part, file.path(call, "meta.rds"))
    },
    error = function(e) {
      unlink(part)
      abort_rustle(
        sprintf("The checkpoint %s cannot be written: %s", call, conditionMessage(e)), "rustle_error_checkpoint"
      )
    }
  )
}

# What the journals have of the tasks with these keys: list(values), whose elements are list()
# where there is nothing, else an entry: list(value, state, failed), without names, which cost
# time; `state` is NULL or the random state after the task, `failed` says that `value` is an
# error.
stored_values <- function(call, identity, errors) {
  read <- unpack(rs_journal_read(journal_files(call), identity$keys))
  values <- rep(list(list()), identity$n)
  there <- which(lengths(read$bodies) > 0L)
  entries <- tryCatch(lapply(read$bodies[there], unserialize), error = function(e) {
    # One that this R cannot read, as it needs a package that is gone, is computed again.
    lapply(read$bodies[there], function(body) tryCatch(unserialize(body), error = function(e) list(NULL, NULL, TRUE)))
  })
  if (!errors) {
    good <- !vapply(entries, `[[`, NA, 3L)
    there <- there[good]
    entries <- entries[good]
  }
  values[there] <- entries
  list(values = values)
}

# What gives the name of the journal of the process that calls it, unique among machines and
# over time. The names of later runs come later, and of two entries the later counts.
journal_names <- function(call) {
  now <- as.double(Sys.time())
  start <- sprintf("%.0f-%06.0f", floor(now), floor(now %% 1 * 1e6))
  host <- gsub("[^A-Za-z0-9]", "-", Sys.info()[["nodename"]])
  pid <- name <- NULL
  function() {
    if (!identical(pid, here <- Sys.getpid())) {
      pid <<- here
      name <<- file.path(call, sprintf("%s-%s-%d.journal", start, host, pid))
    }
    name
  }
}

# The job with a call of keep_task() around that of the task. What that needs is in the frame,
# under names that no function looks for.
job_with_journal <- function(job, keys, stored, call, errors, by_session) {
  frame <- job$frame
  shared <- job$streams$streams %in% c("share", "keep", "same")
  journal <- journal_names(call)
  assign(".rustle_keep", keep_task(journal, shared, errors, !by_session), envir = frame)
  assign(".rustle_keys", keys, envir = frame)
  assign(".rustle_stored", stored$values, envir = frame)
  job$over <- c(job$over, .rustle_keys = "columns", .rustle_stored = "elements")
  job$call <- as.call(list(
    quote(.rustle_keep), forced_call(job), quote(.rustle_keys[, i]), quote(.rustle_stored[[i]])
  ))
  job$forced <- 0L
  job$ours <- job$journal <- TRUE
  if (by_session) {
    done <- lengths(stored$values) > 0L
    # The session writes what has come back from a node: list(values) of some tasks.
    job$save <- function(tasks, values, failed) {
      for (k in which(!done[tasks])) {
        if ((failed[[k]] && !errors) || inherits(values[[k]], "rustle_travelled")) next
        write_entry(journal(), keys[, tasks[[k]]], list(values[[k]], NULL, failed[[k]]))
      }
    }
  }
  job
}

write_entry <- function(journal, key, entry) {
  written <- rs_journal_append(journal, key, entry)
  if (!is.null(written)) unpack(written)
}

# What evaluates a task. shared: do the tasks of a worker draw from one stream? Then the state
# after a task is kept with its value, and set where the task is skipped. A value that cannot be
# written is no error of the task: the call ends.
keep_task <- function(journal, shared, errors, write) {
  force(journal); force(shared); force(errors); force(write)
  computed <- FALSE
  function(value, key, stored) {
    # FUN may change what these are read from.
    force(key)
    # Behind a task that runs, the stream may be elsewhere than it was.
    if (length(stored) && !(shared && computed)) {
      if (!is.null(stored[[2L]])) assign(".Random.seed", stored[[2L]], envir = globalenv())
      if (stored[[3L]]) stop(stored[[1L]])
      return(stored[[1L]])
    }
    computed <<- TRUE
    if (!write) return(value)
    state <- function() if (shared) get_random_seed()
    if (errors) {
      withCallingHandlers(force(value), error = function(e) write_entry(journal(), key, list(e, state(), TRUE)))
    }
    write_entry(journal(), key, list(value, state(), FALSE))
    value
  }
}

# Journals that other processes have written: their workers are gone, the disk need not have
# all.
sync_journals <- function(call) invisible(rs_journal_sync(journal_files(call)))
