# What to change about a call, and what that would gain: advice of a report (report.R) and of
# preview_job(). Every rule looks at a report and returns NULL or new_advice(). Gains are told as
# seconds of the call now and then, by simulation with the measured times.

# A gain below this is not worth a line.
worth_telling <- 0.9

new_advice <- function(kind, text, now = NA_real_, then = NA_real_) {
  data.frame(kind = kind, text = text, now = now, then = then)
}

# What is wrong comes first, then what gains most. NULL, of which nothing is known: no advice.
advise <- function(x) {
  rules <- list(
    advise_seeds, advise_memory, advise_drags, advise_small, advise_forks, advise_chunks, advise_longest, advise_fewer,
    advise_more, advise_threads
  )
  all <- NULL
  if (!is.null(x)) {
    x$times <- task_seconds(x)
    # What this call has started for those that follow.
    opening <- opening_of(x$facts)
    x$wall <- x$wall - opening
    x$parts[, "starting"] <- x$parts[, "starting"] - opening
    all <- do.call(rbind, lapply(rules, function(rule) rule(x)))
  }
  if (is.null(all)) return(new_advice(character(), character(), numeric(), numeric()))
  wrong <- all$kind %in% c("seeds", "memory")
  gain <- ifelse(is.na(all$then), 1, all$then / pmax(all$now, 1e-9))
  all <- all[order(!wrong, gain), ]
  rownames(all) <- NULL
  all
}

is_parallel <- function(x) x$plan != "sequential" && x$workers > 1L && !identical(x$facts$kind, "native")

# Seconds per worker that a part of a report takes.
part_seconds <- function(x, names) sum(x$parts[, names, drop = FALSE]) / x$workers

# What a call costs apart from its tasks: before the first one and after the last one.
fixed_seconds <- function(x) part_seconds(x, c("prepare", "starting", "first", "moving", "relay"))

simulated <- function(times, workers, schedule = "stealing", chunk = 1) {
  if (!length(times)) return(0)
  unpack(rs_simulate(as.double(times), schedule, as.double(chunk), as.double(min(workers, 1e4)), 0, 0, 1L))[[1L]]$makespan
}

# Seconds until the last task ends, with the chunks and the order of the call, by so many workers.
simulated_as_run <- function(x, workers = x$workers) {
  policy <- x$facts$policy
  times <- x$times
  if (is.null(policy)) return(simulated(times, workers))
  if (!is.null(policy$order) && length(policy$order) == length(times)) times <- times[policy$order]
  if (is.null(policy$ends)) return(simulated(times, workers, policy$schedule, policy$chunk))
  sums <- diff(c(0, cumsum(times)[pmin(policy$ends, length(times))]))
  # Every worker has one chunk, and the next round begins when all are done.
  if (policy$schedule == "rounds") return(sum(tapply(sums, (seq_along(sums) - 1L) %/% workers, max)))
  simulated(sums, workers, if (policy$schedule == "static") "static" else "dynamic")
}

advise_seeds <- function(x) {
  if (!isTRUE(x$facts$misuse > 0)) return(NULL)
  new_advice("seeds", paste(
    "Tasks drew random numbers without seeds of their own: they cannot be repeated, and streams may overlap.",
    "Use future.seed = TRUE."
  ))
}

# Workers whose memory is not that of this machine.
is_elsewhere <- function(x) x$plan %in% c("cluster", "future", "slurm")

# list(fit, each, room): how many workers have room, by bytes of each; NULL where that is not known.
# What forked workers have in common with the session is there once; the others have their own.
workers_with_room <- function(x) {
  if (is_elsewhere(x)) return(NULL)
  own <- if (x$plan == "multisession") x$memory$peak else x$memory$growth
  if (!length(own) || all(is.na(own))) return(NULL)
  each <- max(own, na.rm = TRUE)
  room <- min(memory_of_group(), memory_of_machine())
  needed <- if (x$plan == "multisession") each else each + worker_bytes
  list(fit = max(1L, as.integer(min(room * 0.9 / needed, 1e4))), each = each, room = room)
}

advise_memory <- function(x) {
  if (!is_parallel(x)) return(NULL)
  known <- workers_with_room(x)
  if (is.null(known) || known$fit >= x$workers) return(NULL)
  now <- simulated(x$times, x$workers)
  then <- simulated(x$times, known$fit)
  new_advice("memory", sprintf(
    "Workers %s %s each, and there are %s of memory: enough for %d, not %d. Use workers = %d (the tasks then take %s instead of %s, but the machine does not swap), or smaller pieces of data.",
    if (x$plan == "multisession") "had" else "grew by", format_bytes(known$each), format_bytes(known$room), known$fit, x$workers, known$fit,
    format_seconds(then), format_seconds(now)
  ))
}

advise_drags <- function(x) {
  if (!is_parallel(x) || is.null(x$largest)) return(NULL)
  large <- x$largest[!x$largest$needed & x$largest$bytes >= 1e6, , drop = FALSE]
  if (!nrow(large)) return(NULL)
  share <- min(1, sum(large$bytes) / max(x$sent, sum(large$bytes), na.rm = TRUE))
  then <- x$wall - share * part_seconds(x, c("prepare", "first"))
  if (then > worth_telling * x$wall) return(NULL)
  new_advice("drags", sprintf(
    "%s travels with the function, which does not use it: make the function where %s not, or remove it first; the call takes %s instead of %s.",
    paste(sprintf("%s (%s)", large$place, vapply(large$bytes, format_bytes, "")), collapse = ", "),
    if (nrow(large) == 1L) "it is" else "they are", format_seconds(then), format_seconds(x$wall)
  ), x$wall, then)
}

advise_small <- function(x) {
  if (!is_parallel(x) || x$busy > 0.8 * x$wall || !is.null(advise_forks(x))) return(NULL)
  # Tasks that themselves wait for something that only workers have are not known here.
  each <- x$busy / max(1, x$tasks)
  new_advice("small", sprintf(
    "Tasks of %s each take less, together, than %d workers cost: use lapply() or plan(sequential), which takes %s instead of %s%s.",
    format_seconds(each), x$workers, format_seconds(x$busy), format_seconds(x$wall),
    if (x$plan == "multicore") ", or plan(multisession), whose workers are started once" else ""
  ), x$wall, x$busy)
}

# What an order costs a worker that stands by (ORDER_PRICE in src/rust/crates/workers/src/limits.rs),
# with what the session does for it.
order_seconds <- 1e-3

advise_forks <- function(x) {
  if (x$plan != "multicore" || !is_parallel(x) || !has_standing_workers()) return(NULL)
  # A fork that takes long may come when the others have done all tasks. Chunks that force imbalance
  # do so on workers that stand by, too.
  begun <- x$wall - part_seconds(x, c("starting", "first"))
  at_once <- if (length(x$times)) simulated_as_run(x) + part_seconds(x, c("prepare", "moving", "relay")) else Inf
  then <- min(begun, at_once) + order_seconds
  # Where the tasks themselves take less, advise_small() says so.
  if (then > worth_telling * x$wall || then >= x$busy) return(NULL)
  new_advice("forks", sprintf(
    "Forking takes %s of %s. plan(multisession) has workers that stand by: %s for the second call and those after it.",
    format_seconds(x$wall - then), format_seconds(x$wall), format_seconds(then)
  ), x$wall, then)
}

advise_chunks <- function(x) {
  policy <- x$facts$policy
  if (!is_parallel(x) || is.null(policy)) return(NULL)
  fixed <- is.null(policy$ends) && policy$schedule %in% c("static", "cyclic")
  large <- is.null(policy$ends) && policy$schedule %in% c("dynamic", "guided") && policy$chunk > 1
  if (is.null(policy$ends) && !fixed && !large) return(NULL)
  # Where chunks are timed as a whole, nothing is known of the tasks in them.
  if (any(x$spans$count > 1) && max(x$spans$count) > x$tasks / (4 * x$workers)) return(NULL)
  now <- simulated_as_run(x)
  then <- simulated(x$times, x$workers)
  more <- fixed_seconds(x)
  if (then + more > worth_telling * (now + more)) return(NULL)
  change <- if (policy$schedule == "rounds") {
    "use clusterApplyLB(), parLapplyLB() or clusterMap(.scheduling = \"dynamic\")"
  } else if (!is.null(policy$ends) && policy$schedule != "static") {
    "drop `future.chunk.size`, `future.scheduling` or `chunk.size`"
  } else if (policy$schedule == "cyclic") {
    "use mc.preschedule = FALSE, or schedule = \"stealing\" of the plan"
  } else if (fixed) {
    # The schedule of the plan does not hold for parallel's functions.
    if (is_of_parallel(x$call)) "use parLapplyLB() or parSapplyLB()" else "use schedule = \"stealing\" of the plan"
  } else {
    "drop `chunk_size` of the plan"
  }
  new_advice("chunks", sprintf(
    "The chunks force imbalance: %s, and the call takes %s instead of %s.", change, format_seconds(then + more), format_seconds(now + more)
  ), now + more, then + more)
}

# Is this a call of a function that package parallel has, too?
is_of_parallel <- function(call) {
  is.call(call) && grepl("^(.*:)?(par[A-Z]*[a-z]+|cluster[A-Z][A-Za-z]+)$", paste(deparse(call[[1L]]), collapse = ""))
}

advise_longest <- function(x) {
  if (!is_parallel(x) || length(x$times) < 2L || any(x$spans$count > 1 & x$spans$end - x$spans$start > 0.1 * x$wall)) return(NULL)
  longest <- max(x$times)
  now <- simulated_as_run(x)
  if (longest < 0.5 * now) return(NULL)
  more <- fixed_seconds(x)
  which <- which.max(x$times)
  # Started first, one task at a time.
  first <- simulated(sort(x$times, decreasing = TRUE), x$workers, "dynamic")
  if (first + more <= worth_telling * (now + more)) {
    return(new_advice("longest", sprintf(
      "Task %d takes %s of the %s of the call. Start the longest tasks first (attribute \"ordering\" of `future.scheduling`, or sort X): %s instead of %s.",
      which, format_seconds(longest), format_seconds(x$wall), format_seconds(first + more), format_seconds(now + more)
    ), now + more, first + more))
  }
  if (longest < 0.8 * now) return(NULL)
  split <- simulated(sort(c(x$times[-which], rep(longest / x$workers, x$workers)), decreasing = TRUE), x$workers, "dynamic")
  if (split + more > worth_telling * (now + more)) return(NULL)
  new_advice("longest", sprintf(
    "Task %d takes %s, and no number of workers makes the call shorter. Split it: in %d pieces, %s instead of %s.",
    which, format_seconds(longest), x$workers, format_seconds(split + more), format_seconds(now + more)
  ), now + more, split + more)
}

advise_fewer <- function(x) {
  if (!is_parallel(x) || x$busy <= 0.8 * x$wall || !length(x$times)) return(NULL)
  more <- fixed_seconds(x)
  now <- simulated_as_run(x) + more
  few <- seq_len(x$workers - 1L)
  if (length(few) > 20L) few <- unique(round(seq(1, x$workers - 1L, length.out = 20L)))
  took <- vapply(few, function(w) simulated_as_run(x, w), 0) + more
  enough <- few[took <= 1.05 * now]
  if (!length(enough) || enough[[1L]] > 0.75 * x$workers) return(NULL)
  then <- took[match(enough[[1L]], few)]
  new_advice("fewer", sprintf(
    "%s as long as %d (%s and %s): use workers = %d and have the others for something else.",
    if (enough[[1L]] == 1L) "1 worker takes" else sprintf("%d workers take", enough[[1L]]), x$workers, format_seconds(then), format_seconds(now), enough[[1L]]
  ), now, then)
}

advise_more <- function(x) {
  if (identical(x$facts$kind, "native") || is_elsewhere(x) || !length(x$times)) return(NULL)
  could <- min(available_workers(), x$tasks, if (x$plan != "sequential") workers_with_room(x)$fit)
  if (could <= x$workers) return(NULL)
  more <- fixed_seconds(x)
  now <- simulated_as_run(x) + more
  # Workers of a plan without any must be started.
  start <- if (x$plan == "sequential") 0.01 else part_seconds(x, c("starting", "first"))
  counts <- unique(pmin(could, c(2^(0:13), could)))
  counts <- counts[counts > x$workers]
  took <- vapply(counts, function(w) simulated_as_run(x, w), 0) + more + start
  best <- counts[[which(took <= 1.05 * min(took))[[1L]]]]
  then <- took[[match(best, counts)]]
  if (then > 0.8 * now) return(NULL)
  new_advice("more", sprintf(
    "This session may use %d cores: %s takes %s instead of %s.", available_workers(),
    if (x$plan == "sequential") sprintf("plan(multicore, workers = %d)", best) else sprintf("workers = %d", best),
    format_seconds(then), format_seconds(now)
  ), now, then)
}

advise_threads <- function(x) {
  if (!is_parallel(x) || is_elsewhere(x)) return(NULL)
  cores <- machine_cores()
  if (x$threads <= 1L || x$threads * x$workers <= cores) return(NULL)
  fit <- max(1L, cores %/% x$workers)
  new_advice("threads", sprintf(
    "%d workers with %d threads each have %d cores between them: BLAS and the mt_ functions wait for each other. Leave `worker_threads` out, or use worker_threads = %d.",
    x$workers, x$threads, cores, fit
  ))
}

# The largest objects that are sent (engine-packing.R), and whether the code of FUN may need them.
largest_sent <- function(sent) {
  out <- largest_objects(sent)
  needed <- names_needed(sent$FUN)
  name_of <- function(place) {
    if (!grepl("environment(FUN)", place, fixed = TRUE)) return(NA_character_)
    sub("[`$@[].*$", "", sub("^`?(parent\\.env\\()*environment\\(FUN\\)\\)*\\$`?", "", place))
  }
  names <- vapply(out$place, name_of, "", USE.NAMES = FALSE)
  out$needed <- is.null(needed) | is.na(names) | names %in% needed
  out
}

# The variables that a function may look up, by its own code and that of functions which it finds
# in its environment. NULL: its code computes names, so that nobody knows.
names_needed <- function(f) {
  names <- character()
  seen <- list()
  visit <- function(f) {
    if (!is.function(f) || is.primitive(f) || any(vapply(seen, identical, NA, f))) return()
    seen <<- c(seen, list(f))
    new <- setdiff(unique(c(all.names(body(f)), unlist(lapply(formals(f), all.names)))), names)
    names <<- c(names, new)
    envir <- environment(f)
    while (is.environment(envir) && !identical(envir, globalenv()) && !isNamespace(envir) && !identical(envir, emptyenv()) && !identical(envir, baseenv())) {
      for (name in new) {
        value <- get0(name, envir, mode = "function", inherits = FALSE)
        if (!is.null(value)) visit(value)
      }
      envir <- parent.env(envir)
    }
  }
  visit(f)
  computing <- c("get", "get0", "mget", "eval", "evalq", "environment", "sys.function", "parent.frame", "ls", "exists", "as.list", "do.call")
  if (any(computing %in% names)) NULL else names
}
