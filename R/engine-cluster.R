# The executor of plan(cluster): chunks of tasks go to nodes, whose own workers claim the
# tasks one by one (engine-cluster-node.R). The sizes of chunks are those of
# crates/schedule/src/nodes.rs. When a node is lost, its unfinished tasks go to others.
#
# What runs where is known here alone: nodes are told what to do and asked for nothing else.

# Seconds that a chunk should take at least and at most. What a hand-out costs, a fork of the
# node's workers most of all, must be little beside the first; the second may be lost with a
# node. With a checkpoint the session keeps what has come back, and should not lose more than the
# work of half a second.
chunk_seconds <- c(0.1, 30)
kept_chunk_seconds <- c(0.1, 0.5)

run_on_nodes <- function(job, plan) {
  nodes <- limit_nodes(timed_opening(nodes_of_plan(plan, job$origin)), plan$limit)
  parcel <- parcel_for_nodes(job, plan, !any(vapply(nodes, runs_plainly, NA)))
  desk <- new_desk(job, plan, nodes, parcel)
  progress <- new_progress(job, min(total_cores(nodes), job$n), plan)
  on.exit(progress$close())
  on.exit(rest_nodes(nodes), add = TRUE)
  repeat {
    desk$hand_out()
    if (desk$is_over()) break
    desk$listen(longest_wait)
    desk$relay()
    progress$update(desk$finished(), desk$busy(), desk$seen)
  }
  progress$clear()
  outcome <- desk$outcome()
  progress$close(if (job$on_error != "stop" || !length(outcome$failed)) job$n)
  outcome
}

total_cores <- function(nodes) {
  sum(vapply(nodes, function(node) if (is.null(node$lost)) node$cores else 0L, 1L))
}

# The first nodes that have `limit` cores together; NULL: all.
limit_nodes <- function(nodes, limit) {
  if (is.null(limit)) return(nodes)
  before <- cumsum(c(0L, vapply(nodes, function(node) if (is.null(node$lost)) node$cores else 0L, 1L)))
  nodes[before[seq_along(nodes)] < limit]
}

# What every node gets once: list(key, data, requires, bytes). `data` is that of all tasks, `bytes`
# a function. desks: do all nodes lay the session's desk?
parcel_for_nodes <- function(job, plan, desks = TRUE) {
  parcel <- job_parcel(job, desks)
  check_references(parcel, job$origin)
  streams <- job$streams$streams
  if (!streams %in% c("clear", "substream", "stream", "list")) {
    stop_internal(sprintf("streams \"%s\" on a cluster", streams))
  }
  shape <- if (is.list(job$shape)) list(template = NULL, check = parcel$worker$check)
  policy <- job$policy
  schedule <- if (is.null(policy$ends)) policy$schedule else "dynamic"
  common <- list(
    worker = parcel$worker, globals = parcel$globals, packages = parcel$packages, call = job$call,
    forced = job$forced, shape = shape, over = job$over, on_error = job$on_error, relay = job$relay,
    check = job$streams$check, policy = new_policy(schedule, policy$chunk), levels = unclass(plan$stack)[-1L],
    serializers = packed_serializers()
  )
  # Nodes that have it already know it by its key: then nobody needs the bytes. What is code of
  # ours, and large, is always the same.
  bytes <- NULL
  told <- common
  told$worker$trace <- NULL
  list(
    key = rs_hash_object(told), data = parcel$data, requires = parcel$worker$requires, parts = common,
    bytes = function() {
      if (is.null(bytes)) bytes <<- serialize(common, NULL, xdr = FALSE)
      bytes
    }
  )
}

# The session's side of a job on nodes.
new_desk <- function(job, plan, nodes, parcel) {
  n <- job$n
  order <- job$policy$order
  line <- if (is.null(order)) seq_len(n) else order
  place <- integer(n)
  place[line] <- seq_len(n)
  queue <- new_queue(line, plan$settings$retries)
  mailbox <- new_mailbox(order, n, job$relay$quiet)
  values <- vector("list", n)
  done <- logical(n)
  prefix <- 0
  failed <- misuse <- integer()
  spans <- list()
  wants_spans <- wanted_spans() != "none"
  launched <- NA_real_
  copied <- 0
  peak <- numeric(sum(vapply(nodes, function(node) node$cores, 1L)))
  counted <- list(done = 0, forks = 0, claims = 0, steals = 0, losses = 0, bytes = 0)
  stop_early <- job$on_error == "stop"
  shows <- wants_progress(plan)
  seats <- cumsum(c(0, vapply(nodes, function(node) node$cores, 1L)))
  settings <- plan$settings
  needs_package <- !is.null(parcel$requires)
  seconds <- if (is.null(job$save)) chunk_seconds else kept_chunk_seconds
  lies_here <- desk_for_nodes()
  setup <- setup_for_nodes(settings$keep)

  usable <- function() Filter(function(node) {
    is.null(node$lost) && !(needs_package && is.na(node$package))
  }, nodes)
  last_needed <- function() if (stop_early && length(failed)) min(failed) else Inf

  hand_out <- function() {
    if (is.na(launched)) launched <<- rs_now()
    here <- usable()
    if (!length(here) && !is_over()) {
      revive_nodes(nodes, now = TRUE)
      here <- usable()
      if (!length(here)) {
        if (needs_package && total_cores(nodes) > 0L) stop_needs_package(job$origin)
        stop_no_node(sprintf(": %s", nodes[[length(nodes)]]$lost), job$origin, values)
      }
    }
    # A node that still owes answers to an earlier job takes no part until they have come.
    asking <- Filter(function(node) is.null(node$waits) && !length(node$owes), here)
    wanting <- Filter(function(node) !length(node$chunks) || isTRUE(node$hungry), asking)
    for (node in asking) {
      chunk <- if (any(vapply(wanting, identical, NA, node))) next_chunk(node, wanting, here)
      if (!is.null(chunk)) wanting <- setdiff_nodes(wanting, list(node))
      if (!is.null(chunk) || length(node$chunks)) send(node, chunk)
    }
  }

  next_chunk <- function(node, idle, all) {
    if (queue$has_suspects()) {
      # Whoever is ended by a suspect shall have nothing else to lose.
      if (length(node$chunks)) return(NULL)
      return(queue$take_suspect())
    }
    left <- queue$left()
    if (left == 0) return(NULL)
    speeds <- speeds_of(all)
    mine <- vapply(all, identical, NA, node)
    static <- job$policy$schedule %in% c("static", "cyclic") && is.null(job$policy$ends)
    cores <- vapply(idle, function(node) node$cores, 1L)
    size <- if (static) {
      ceiling(left * node$cores / max(sum(cores), node$cores))
    } else {
      rs_node_chunk(left, node$cores, sum(cores), speeds[mine] / sum(speeds), if (is.na(node$task)) -1 else node$task, seconds)
    }
    queue$take(size)
  }

  send <- function(node, tasks) {
    order <- list(
      key = parcel$key, parcel = if (!parcel$key %in% node$has || !is_bound(node)) parcel$bytes(),
      desk = list(key = lies_here$key, bytes = if (!identical(node$desk, lies_here$key)) lies_here$bytes),
      setup = if (!is.null(setup)) list(key = setup$key, steps = if (!identical(node$setup, setup$key) || !is_bound(node)) setup$steps),
      settings = list(
        cores = node$cores, own = node$own, spans = if (wants_spans) wanted_spans() else "batches", keep = wants_spans,
        memory = wants_memory(), beat = min(max(0.5, settings$heartbeat / 4), if (shows) 1), progress = shows,
        plan = settings[c("timeout", "retries", "worker_threads", "log")]
      ),
      # A node that has a suspect must get nothing else.
      more = queue$left() > 0 && !isTRUE(attr(tasks, "suspect"))
    )
    copied <<- copied + length(order$parcel)
    if (!is.null(tasks)) {
      tag <- paste0("chunk-", tasks[[1L]], "-", length(tasks))
      node$chunks[[tag]] <- c(tasks)
      order$chunk <- chunk_of(tag, tasks, node)
    }
    plainly <- runs_plainly(node)
    fun <- if (plainly) without_source(turn_plainly) else without_source(on_node)
    args <- if (plainly) list(order, without_source(run_parcel)) else list("turn_here", order)
    node$hungry <- FALSE
    tryCatch({
      node$waits <- ask_node(node, fun, args)
      node$has <- utils::tail(unique(c(setdiff(node$has, parcel$key), parcel$key)), most_parcels)
      if (!plainly) node$desk <- lies_here$key
      node$setup <- setup$key
    }, error = function(e) mourn(node, conditionMessage(e)))
  }

  # What belongs to some tasks. Streams of neighbours are told by the stream of the first.
  chunk_of <- function(tag, tasks, node) {
    m <- length(tasks)
    out <- list(tag = tag, n = m, data = cut_data(parcel$data, job$over, tasks))
    streams <- job$streams
    if (!is.null(settings$log)) out$numbers <- c(tasks)
    if (runs_plainly(node)) {
      return(c(out, list(tasks = c(tasks), seeds = task_seeds(streams, tasks))))
    }
    out$streams <- streams_of_tasks(streams, tasks)
    out
  }

  listen <- function(seconds) {
    open <- Filter(function(node) is.null(node$lost) && length(node$owes), nodes)
    ready <- await_nodes(open, seconds)
    for (node in open[ready]) {
      message <- tryCatch(hear_node(node), error = function(e) mourn(node, conditionMessage(e)))
      if (is.null(message) || !identical(message$type, "VALUE")) {
        node$beat <- message$done
        node$seen <- message$seen
        # Conditions that are relayed at once, whichever task they are of.
        for (condition in message$live) relay_event("condition", condition, job$relay$quiet)
        next
      }
      if (!identical(message$tag, node$waits)) next
      node$waits <- NULL
      take(node, message$value)
    }
    now <- seconds_now()
    for (node in open) {
      silent <- now - node$heard
      if (is.null(node$lost) && gives_signs(node) && silent > settings$heartbeat) {
        mourn(node, sprintf("nothing was heard of it for %.0f s", silent))
      }
    }
  }

  # What nodes have told last of their workers, as rs_job_seen() has it: list(task, seconds, memory).
  seen <- function() {
    now <- seconds_now()
    rows <- list()
    for (node in usable()) {
      for (part in node$seen) {
        tasks <- node$chunks[[part$tag]]
        if (is.null(tasks)) next
        part$task <- c(0, tasks)[part$task + 1]
        part$seconds <- part$seconds + (now - node$heard)
        rows[[length(rows) + 1L]] <- part[c("task", "seconds", "memory")]
      }
    }
    bound_spans(rows)
  }

  # Only a node that runs our own loop says from time to time that it is there.
  gives_signs <- function(node) is_socket(node) && !runs_plainly(node) && !is.null(node$waits)

  take <- function(node, answer) {
    if (inherits(answer, "snow-try-error")) {
      abort_rustle(
        sprintf("Node %d (%s) could not run its tasks: %s", node$id, node$host, unclass(answer)[[1L]]),
        "rustle_error_worker_lost", tasks = unlist(node$chunks, use.names = FALSE), values = values, call = job$origin
      )
    }
    if (!is.null(answer$error)) {
      # Nobody knows how far it came.
      node$desk <- node$setup <- NULL
      stop(answer$error)
    }
    tell_desk(node, answer$told)
    node$hungry <- answer$hungry
    node$beat <- 0
    node$seen <- NULL
    if (!is.na(answer$task)) node$task <- if (is.na(node$task)) answer$task else (node$task + answer$task) / 2
    for (record in answer$done) settle(node, record)
  }

  settle <- function(node, record) {
    tasks <- node$chunks[[record$tag]]
    node$chunks[[record$tag]] <- NULL
    if (!is.null(record$events)) {
      events <- record$events
      events$task <- tasks[events$task]
      tell_losses(events, plan)
      mailbox$add(events)
    }
    # A chunk of a node that was given up may have been computed elsewhere: the first counts.
    fresh <- !done[tasks]
    # Scalars of one type come as a vector.
    got <- as.list(record$values)
    for (k in record$failed) {
      task <- tasks[[k]]
      timed_out <- inherits(got[[k]], "rustle_error_timeout") || task %in% mailbox$timeouts()
      if (timed_out) got[[k]] <- new_timeout_error(task, settings$timeout, job$origin, mailbox$calls(task))
    }
    values[tasks[fresh]] <<- got[fresh]
    failed <<- union(failed, tasks[record$failed])
    if (!is.null(job$save)) {
      broken <- seq_along(tasks) %in% record$failed
      # After an error or a loss tasks may be without a value.
      cut <- if (length(record$failed) && stop_early) min(record$failed) - 1L else length(tasks)
      some <- if (!is.null(record$failure)) lengths(got) > 0L else seq_along(tasks) <= cut | broken
      job$save(tasks[some], got[some], broken[some])
    }
    if (!is.null(record$failure)) {
      record$failure$tasks <- tasks[record$failure$tasks]
      relay()
      stop_worker_lost(record$failure, values, job$origin)
    }
    unfinished <- logical(length(tasks))
    if (stop_early && length(record$failed)) {
      # What comes later in the chunk did not run; with an order of its own there may be
      # tasks that come before in X.
      unfinished <- seq_along(tasks) > min(record$failed) & tasks < min(failed)
      queue$give_back(tasks[unfinished])
      queue$drop_after(min(failed))
    }
    done[tasks[!unfinished]] <<- TRUE
    node$tasks <- node$tasks + sum(!unfinished)
    counted$done <<- counted$done + length(tasks)
    for (what in names(record$report)) counted[[what]] <<- counted[[what]] + record$report[[what]]
    own <- record$spans
    if (wants_spans && length(own$end)) {
      # Clocks of nodes differ: the record was made there not long before it came here. What one
      # worker did does not overlap.
      shift <- rs_now() - record$now
      own$task <- as.numeric(tasks[own$task])
      own$worker <- own$worker + seats[[match_node(node)]]
      own$start <- own$start + shift
      own$end <- own$end + shift
      spans[[length(spans) + 1L]] <<- own
      at <- seats[[match_node(node)]] + seq_along(record$peak)
      peak[at] <<- pmax(peak[at], record$peak)
    }
  }

  match_node <- function(node) which(vapply(nodes, identical, NA, node))[[1L]]

  # A node is lost: what it had not finished goes to others.
  mourn <- function(node, why) {
    lose_node(node, why)
    tasks <- unlist(node$chunks, use.names = FALSE)
    tasks <- tasks[!done[tasks]]
    node$chunks <- list()
    node$waits <- NULL
    counted$losses <<- counted$losses + 1
    tell_node_lost(node, length(tasks))
    log_session(plan, "node %d (%s) was lost: %s; %d unfinished tasks", node$id, node$host, node$lost, length(tasks))
    if (length(tasks)) {
      dead <- queue$take_back(tasks)
      if (length(dead)) {
        relay()
        stop_worker_lost(list(tasks = dead, cause = "node", number = NA, memory = FALSE, reason = node$lost), values, job$origin)
      }
      queue$drop_after(last_needed())
    }
    NULL
  }

  relay <- function() {
    prefix <<- done_in_line(done, line, prefix)
    mailbox$flush(prefix, min(last_needed(), n))
  }

  is_over <- function() {
    if (queue$left() > 0 || queue$has_suspects()) return(FALSE)
    needed <- last_needed()
    for (node in nodes) {
      for (tasks in node$chunks) if (any(tasks < needed)) return(FALSE)
    }
    TRUE
  }

  outcome <- function() {
    failed <- sort(failed)
    stopping <- stop_early && length(failed) > 0L
    # Values with pointers and the like travel in a form of their own.
    arrived <- arrive_values(values, mailbox$travelled(), job$origin)
    mailbox$flush(Inf, if (stopping) failed[[1L]] else n)
    misuse <- mailbox$misuse()
    if (length(misuse) && !stopping) warn_rng_misuse(job, min(misuse))
    if (!is.null(arrived$dead) && !stopping) warn_dead(arrived$dead)
    all <- bound_spans(spans)
    plan$workers <- total_cores(nodes)
    report <- new_report(
      job, plan, c(counted, list(spans = all, launched = launched)),
      sent = copied + as.numeric(utils::object.size(parcel$data)), copied = copied, nodes = vapply(nodes, function(node) node$cores, 1L),
      hosts = vapply(nodes, function(node) node$host, ""), peak = peak,
      largest = function() largest_sent(c(parcel$parts$worker[c("FUN", "variables", "dots")], parcel$parts["globals"], parcel["data"]))
    )
    new_outcome(arrived$values, failed, report = report)
  }

  for (node in nodes) {
    node$chunks <- list()
    node$waits <- NULL
    node$hungry <- FALSE
    node$beat <- 0
    # Tasks of another job take another time.
    if (!identical(node$timed, parcel$key)) node$task <- NA_real_
    node$timed <- parcel$key
  }
  list(
    hand_out = hand_out, listen = listen, relay = relay, is_over = is_over, outcome = outcome, seen = seen,
    finished = function() counted$done + sum(vapply(nodes, function(node) max(0, node$beat), 0)),
    busy = function() sum(vapply(nodes, function(node) if (length(node$chunks)) node$cores else 0L, 1L))
  )
}

# Speeds of nodes: cores by time of a task; by cores alone until all have been measured.
speeds_of <- function(nodes) {
  cores <- vapply(nodes, function(node) node$cores, 1L)
  task <- vapply(nodes, function(node) node$task, 0)
  if (anyNA(task)) cores else cores / pmax(task, 1e-9)
}

# Tasks that no node has. line: all tasks in the order in which they are to run. A task that was
# lost with its node more than `retries` times is given up; one that was lost `retries` times is
# a suspect, and runs alone.
new_queue <- function(line, retries) {
  at <- 0L
  back <- integer()
  suspects <- integer()
  losses <- integer()
  list(
    left = function() length(back) + length(line) - at,
    has_suspects = function() length(suspects) > 0L,
    take = function(size) {
      if (length(back)) {
        out <- utils::head(back, size)
        back <<- back[-seq_along(out)]
        return(out)
      }
      size <- min(size, length(line) - at)
      out <- line[at + seq_len(size)]
      at <<- at + as.integer(size)
      out
    },
    take_suspect = function() {
      out <- suspects[[1L]]
      suspects <<- suspects[-1L]
      structure(out, suspect = TRUE)
    },
    give_back = function(tasks) back <<- c(back, tasks),
    # After a loss. Returns the tasks that are given up.
    take_back = function(tasks) {
      names <- as.character(tasks)
      before <- losses[names]
      before[is.na(before)] <- 0L
      losses[names] <<- before + 1L
      now <- before + 1L
      dead <- tasks[now > retries]
      suspects <<- c(suspects, tasks[now <= retries & now == retries])
      back <<- c(back, tasks[now < retries])
      dead
    },
    drop_after = function(task) {
      if (!is.finite(task)) return(invisible())
      back <<- back[back < task]
      suspects <<- suspects[suspects < task]
      rest <- line[seq_along(line) > at]
      line <<- rest[rest < task]
      at <<- 0L
    }
  )
}

stop_needs_package <- function(call) {
  abort_rustle(
    "The nodes of the cluster need the package 'rustle' for this call, which is not installed there.",
    "rustle_error_package", package = "rustle", call = call
  )
}

# A message that is not an error: what was lost runs again elsewhere.
tell_node_lost <- function(node, tasks, one = "task", many = "tasks") {
  clear_progress()
  text <- sprintf(
    "Node %d (%s) was lost: %s. %s\n", node$id, node$host, node$lost,
    if (tasks == 0L) {
      sprintf("It had no %s.", many)
    } else {
      sprintf("Its %d unfinished %s elsewhere.", tasks, if (tasks == 1L) paste(one, "runs") else paste(many, "run"))
    }
  )
  message(structure(
    class = c("rustle_message_node_lost", "rustle_message", "message", "condition"),
    list(message = text, call = NULL, node = node$id, host = node$host, reason = node$lost, tasks = as.integer(tasks))
  ))
}
