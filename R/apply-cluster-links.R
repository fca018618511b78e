# Calls on a cluster of the user, so that a lost node loses nothing. parallel's own functions
# run them, on a cluster of links: what they send to a link goes to the node of that link, and
# when that node is lost, to another, with the random numbers of the first. So chunks, values,
# names, errors and random numbers are parallel's, in every version of R.
#
# A link is list(desk, k). The desk of a call is an environment:
#   nodes   list of environments, one per node: link, host, id (its number), lost, busy (the
#           unit that it works at, or NULL), owes (how many answers are to come), expects (what
#           the last of them is: "state" or "unit"), seed (the random state of the link of that
#           number, as of its last unit), place (its number in this call), peak (bytes of memory, -Inf
#           where it is not known), kept (has it run_unit()?), sockets (for hasten())
#   line    units that wait for a node
#   answers for every link the answers that have come, oldest first
#   retries how often a unit may run again
#   told    the record of the call (apply-cluster-units.R)
#   progress  what progress_of_links() returns
#   dry     a function that takes units in place of nodes; else NULL
# A unit is an environment: k (of its link), fun, args, tag (parallel's), losses, state (the random
# state that it begins with, NULL where only its node knows), and what the record notes.

# Nodes that were lost, or that still work at a call that nobody waits for, by their
# connection; written in this file only.
known_links <- new.env(parent = emptyenv())

# The cluster that parallel's functions get for `cl`: one of links, or `cl` itself where option
# rustle.cluster says so or connections are not sockets.
linked_cluster <- function(cl) {
  if (is.null(cl)) cl <- parallel::getDefaultCluster()
  sockets <- vapply(cl, function(node) inherits(node$con, "sockconn"), NA)
  if (!isTRUE(getOption("rustle.cluster", TRUE)) || !length(sockets) || !all(sockets)) return(cl)
  desk <- list2env(list(
    nodes = Map(known_link, cl, seq_along(cl)), line = list(), answers = vector("list", length(cl)),
    retries = current_plan()$settings$retries
  ), envir = new.env(parent = emptyenv()))
  for (k in seq_along(cl)) list2env(list(place = k, peak = -Inf), envir = desk$nodes[[k]])
  read_states(desk)
  links_of(desk, length(cl))
}

# The cluster that parallel's functions get.
links_of <- function(desk, width) {
  structure(
    lapply(seq_len(width), function(k) structure(list(desk = desk, k = k), class = "rustle_link")),
    class = c("rustle_cluster", "cluster")
  )
}

# The record of a node of the user, which lives as long as its connection; k: its number.
known_link <- function(link, k) {
  id <- attr(link$con, "conn_id")
  known_links$all <- Filter(function(node) is_open(node$link$con), known_links$all)
  for (node in known_links$all) if (identical(attr(node$link$con, "conn_id"), id)) return(node)
  host <- if (is.null(link$host)) "?" else link$host
  node <- list2env(
    list(
      link = link, host = host, lost = NULL, busy = NULL, owes = 0L, seed = NULL, id = k, expects = NULL,
      sockets = sockets_of(link)
    ),
    envir = new.env(parent = emptyenv())
  )
  known_links$all <- c(known_links$all, list(node))
  node
}

# Random states of all nodes, before the first unit. A node that still works at an earlier call
# says it later: then its units, if they must run elsewhere, draw other numbers.
read_states <- function(desk) {
  ask <- without_source(random_state_there)
  for (node in desk$nodes) {
    # The state of a link whose node was lost is that of its last unit.
    if (!is.null(node$lost) || node$owes) next
    node$seed <- NULL
    tryCatch(post(node, ask, list(), "state"), error = function(e) lose_link(desk, node, e))
  }
  while (length(waiting <- Filter(function(node) is.null(node$lost) && identical(node$expects, "state"), desk$nodes))) {
    for (node in waiting[await_links(waiting, Inf)]) take_value(desk, node)
  }
}

random_state_there <- function() globalenv()[[".Random.seed"]]
environment(random_state_there) <- baseenv()

# Runs a unit on a node. seed: NULL, or the state of another node, which is put back after. known:
# does the session know the state in which it begins? size: how many tasks it is; elements: is the first argument cut in pieces
# of some half a millisecond, of which the clock is read? memory: is memory measured each time?
# Returns the value, or the text of the error as parallel has it (`failed`, with `at`, the task in the
# unit, and `calls`), the state afterwards where it has moved, and when tasks ended.
run_unit <- function(fun, args, seed, known, size, elements, memory, traces) {
  random <- function() globalenv()[[".Random.seed"]]
  put <- function(state) {
    if (is.null(state)) suppressWarnings(rm(".Random.seed", envir = globalenv())) else assign(".Random.seed", state, envir = globalenv())
  }
  clock <- function() as.numeric(Sys.time())
  most <- function() {
    lines <- tryCatch(readLines("/proc/self/status"), error = function(e) character(), warning = function(w) character())
    line <- grep("^VmHWM:", lines, value = TRUE)
    if (length(line)) 1024 * as.numeric(gsub("[^0-9]", "", line[[1L]])) else NA_real_
  }
  before <- random()
  if (!is.null(seed)) {
    put(seed)
    on.exit(put(before))
  } else if (is.null(before)) {
    # As R does it when a number is drawn first: so the state is known.
    set.seed(NULL)
  }
  began <- random()
  had <- if (memory) most() else NA_real_
  counts <- ends <- numeric()
  done <- 0
  at <- NULL
  begun <- clock()
  note <- function(count) {
    counts[[length(counts) + 1L]] <<- count
    ends[[length(ends) + 1L]] <<- clock()
    done <<- done + count
  }
  run <- function() {
    if (!elements || length(args[[1L]]) < 2L) {
      value <- do.call(fun, args, quote = TRUE)
      note(size)
      return(value)
    }
    X <- args[[1L]]
    if (!is.vector(X) || is.object(X)) X <- as.list(X)
    n <- length(X)
    out <- vector("list", n)
    names(out) <- names(X)
    width <- 1
    while (done < n) {
      piece <- seq.int(done + 1, min(n, done + width))
      args[[1L]] <- X[piece]
      out[piece] <- do.call(fun, args, quote = TRUE)
      from <- if (length(ends)) ends[[length(ends)]] else begun
      note(length(piece))
      took <- (ends[[length(ends)]] - from) / length(piece)
      width <- max(1, min(floor(5e-4 / max(took, 1e-9)), done))
    }
    out
  }
  failed <- function(e) structure(conditionMessage(e), class = c("snow-try-error", "try-error"))
  # handler: its frame; what is on the stack from there on is not the task's.
  look <- function(handler) {
    last <- handler - 1L
    functions <- lapply(seq_len(last), sys.function)
    if (identical(functions[[last]], .handleSimpleError)) last <- last - 1L
    # lapply() and apply() count in `i`.
    for (k in seq_len(last)) {
      if (!identical(functions[[k]], fun)) next
      i <- get0("i", sys.frame(k), mode = "numeric", inherits = FALSE)
      if (length(i) == 1L) at <<- done + i
      break
    }
    if (is.null(at)) at <<- done + 1
    first <- max(which(vapply(functions, identical, NA, run)))
    shown <- if (traces && first < last) seq.int(first + 1L, last)
    # Data may be in a call, as do.call() makes it.
    small <- function(call) {
      head <- call[[1L]]
      if (is.call(head)) head <- quote(FUN)
      if (utils::object.size(call) > 2e4) as.call(list(if (is.function(head)) quote(FUN) else head, quote(...))) else call
    }
    stack <<- list(
      calls = lapply(sys.calls()[shown], small),
      home = vapply(functions[shown], function(f) if (is.primitive(f)) "base" else environmentName(topenv(environment(f))), "")
    )
  }
  stack <- NULL
  error <- NULL
  value <- tryCatch(
    withCallingHandlers(run(), error = function(e) {
      handler <- sys.nframe()
      tryCatch(look(handler), error = function(e) NULL)
    }),
    error = function(e) error <<- failed(e)
  )
  if (!is.null(error)) {
    if (is.null(at)) at <- done + 1
    note(max(1, at - done))
  }
  after <- random()
  drew <- !identical(after, began)
  if (is.null(before) && is.null(seed) && !drew) put(NULL)
  peak <- if (memory || clock() - begun > 0.005) most() else NA_real_
  list(
    value = if (is.null(error)) value, failed = error, at = at, stack = stack, seed = if (drew) after,
    began = if (drew && !known) began, drew = drew, begun = begun, ends = ends, counts = counts, peak = peak,
    growth = if (memory) max(0, peak - had, na.rm = TRUE) else 0
  )
}
environment(run_unit) <- baseenv()

# Runs a unit by run_unit(), which a node is sent once: it is larger than most units, and lies in the
# frame of parallel's loop, where user's code does not look. run: the function, or NULL. Base R alone.
run_kept <- function(run, ...) {
  home <- NULL
  for (k in seq_len(sys.nframe())) {
    if (is.list(get0("master", sys.frame(k), inherits = FALSE))) {
      home <- sys.frame(k)
      break
    }
  }
  if (is.null(run)) {
    run <- home$.rustle_unit
  } else if (!is.null(home)) {
    assign(".rustle_unit", run, envir = home)
  }
  c(run(...), list(kept = !is.null(home)))
}
environment(run_kept) <- baseenv()

post <- function(node, fun, args, expects) {
  message <- list(type = "EXEC", data = list(fun = fun, args = args, return = TRUE, tag = expects))
  size <- send_message(node$link, message)
  node$owes <- node$owes + 1L
  node$expects <- expects
  size
}

await_links <- function(nodes, seconds) {
  connections <- lapply(nodes, function(node) node$link$con)
  ready <- tryCatch(
    socketSelect(connections, FALSE, if (is.finite(seconds)) seconds),
    error = function(e) vapply(connections, function(con) !is_open(con), NA)
  )
  hasten(nodes[ready])
  ready
}

# Takes the message of a node. Answers to calls that were left are dropped.
take_value <- function(desk, node) {
  message <- tryCatch(suspendInterrupts(of_parallel("recvData")(node$link)), error = function(e) lose_link(desk, node, e))
  if (is.null(message)) return(invisible())
  node$owes <- max(0L, node$owes - 1L)
  if (node$owes) return(invisible())
  expects <- node$expects
  node$expects <- NULL
  if (identical(expects, "state")) {
    node$seed <- message$value
    return(invisible())
  }
  unit <- node$busy
  node$busy <- NULL
  if (is.null(unit) || !identical(unit$desk, desk)) return(invisible())
  if (isTRUE(message$success)) {
    answer <- message$value
    node$kept <- answer$kept
    if (!is.null(answer$seed)) desk$nodes[[unit$k]]$seed <- answer$seed
    if (is.null(answer$failed)) {
      message["value"] <- answer["value"]
    } else {
      message$value <- answer$failed
      message$success <- FALSE
    }
    answer$trace <- if (length(answer$stack$calls)) calls_of_task(given = answer$stack)
    desk$told$done(unit, node, answer)
  }
  message["tag"] <- list(unit$tag)
  desk$answers[[unit$k]] <- c(desk$answers[[unit$k]], list(message))
}

lose_link <- function(desk, node, error) {
  node$lost <- reason_of_loss(conditionMessage(error))
  node$owes <- 0L
  node$expects <- NULL
  unit <- node$busy
  node$busy <- NULL
  mine <- !is.null(unit) && identical(unit$desk, desk)
  tell_node_lost(node, mine, "unit of work", "units of work")
  if (mine) {
    desk$told$lost(unit, node)
    unit$losses <- unit$losses + 1L
    if (unit$losses > desk$retries) {
      abort_rustle(
        sprintf("A node of the cluster (%s) was lost while it ran a call of this function, for the %s time: %s.", node$host, if (unit$losses == 1L) "first" else "last", node$lost),
        "rustle_error_worker_lost"
      )
    }
    desk$line <- c(list(unit), desk$line)
  }
  NULL
}

# Gives units to nodes that are idle: those of a link to its own node while there is one.
dispatch <- function(desk) {
  idle <- function(node) is.null(node$lost) && !node$owes
  node_for <- function(unit) {
    own <- desk$nodes[[unit$k]]
    if (is.null(own$lost)) (if (idle(own)) own) else Find(idle, desk$nodes)
  }
  k <- 1L
  while (k <= length(desk$line)) {
    unit <- desk$line[[k]]
    node <- node_for(unit)
    if (is.null(node)) {
      k <- k + 1L
      next
    }
    desk$line <- desk$line[-k]
    own <- desk$nodes[[unit$k]]
    unit$state <- own$seed
    node$busy <- unit
    desk$told$sent(unit)
    tryCatch(
      desk$told$bytes(post(node, without_source(run_kept), list(
        if (!isTRUE(node$kept)) without_source(run_unit), unit$fun, unit$args, if (!identical(node, own)) own$seed, !is.null(own$seed), unit$size, desk$told$cut, wants_memory(), wants_traces()
      ), "unit")),
      # It puts the unit in front again.
      error = function(e) { lose_link(desk, node, e); k <<- 1L }
    )
  }
}

# Waits until link `k` (NULL: any) has an answer, and takes it.
await_answer <- function(desk, k = NULL) {
  repeat {
    if (is.null(desk$dry)) dispatch(desk)
    there <- if (is.null(k)) which(lengths(desk$answers) > 0L) else if (length(desk$answers[[k]])) k
    if (length(there)) {
      from <- there[[1L]]
      answer <- desk$answers[[from]][[1L]]
      desk$answers[from] <- list(desk$answers[[from]][-1L])
      return(list(node = from, value = answer))
    }
    alive <- Filter(function(node) is.null(node$lost), desk$nodes)
    if (!length(alive)) stop_no_node(sprintf(": %s", desk$nodes[[1L]]$lost), NULL, list())
    waiting <- Filter(function(node) node$owes > 0L, alive)
    for (node in waiting[await_links(waiting, longest_wait)]) take_value(desk, node)
    desk$progress$update()
  }
}

# Methods of parallel's generics, which .onLoad() registers.
send_by_link <- function(node, data) {
  desk <- node$desk
  unit <- list2env(list(
    desk = desk, k = node$k, fun = data$data$fun, args = data$data$args, tag = data$data$tag, losses = 0L
  ), envir = new.env(parent = emptyenv()))
  if (!is.null(desk$dry)) return(desk$dry(unit))
  desk$line <- c(desk$line, list(unit))
  dispatch(desk)
}

receive_by_link <- function(node) await_answer(node$desk, node$k)$value

receive_by_any_link <- function(cl) await_answer(cl[[1L]]$desk)

register_links <- function() {
  generics <- list(sendData = send_by_link, recvData = receive_by_link)
  for (name in names(generics)) {
    registerS3method(name, "rustle_link", generics[[name]], envir = asNamespace("parallel"))
  }
  registerS3method("recvOneData", "rustle_cluster", receive_by_any_link, envir = asNamespace("parallel"))
}
