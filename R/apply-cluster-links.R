# Calls on a cluster of the user, so that a lost node loses nothing. parallel's own functions
# run them, on a cluster of links: what they send to a link goes to the node of that link, and
# when that node is lost, to another, with the random numbers of the first. So chunks, values,
# names, errors and random numbers are parallel's, in every version of R.
#
# A link is list(desk, k). The desk of a call is an environment:
#   nodes   list of environments, one per node: link, host, id (its number), lost, busy (the
#           unit that it works at, or NULL), owes (how many answers are to come), expects (what
#           the last of them is: "state" or "unit"), seed (the random state of the link of that
#           number, as of its last unit)
#   line    units that wait for a node
#   answers for every link the answers that have come, oldest first
#   retries how often a unit may run again
# A unit is an environment: k (of its link), fun, args, tag (parallel's), losses.

# Nodes that were lost, or that still work at a call that nobody waits for, by their
# connection; written in this file only.
known_links <- new.env(parent = emptyenv())

# The cluster that parallel's functions get for `cl`: one of links, or `cl` itself where option
# rustle.cluster says so or connections are not sockets.
linked_cluster <- function(cl) {
  # Code of parallel makes no report and keeps no inputs: those of the call before are not this call's.
  begin_call()
  keep_report(NULL)
  if (is.null(cl)) cl <- parallel::getDefaultCluster()
  sockets <- vapply(cl, function(node) inherits(node$con, "sockconn"), NA)
  if (!isTRUE(getOption("rustle.cluster", TRUE)) || !length(sockets) || !all(sockets)) return(cl)
  desk <- list2env(list(
    nodes = Map(known_link, cl, seq_along(cl)), line = list(), answers = vector("list", length(cl)),
    retries = current_plan()$settings$retries
  ), envir = new.env(parent = emptyenv()))
  read_states(desk)
  structure(
    lapply(seq_along(cl), function(k) structure(list(desk = desk, k = k), class = "rustle_link")),
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
    list(link = link, host = host, lost = NULL, busy = NULL, owes = 0L, seed = NULL, id = k, expects = NULL),
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

# Runs a unit on a node. seed: NULL, or the state of another node, which is put back after.
# Returns the value and the state afterwards where it has moved.
run_unit <- function(fun, args, seed) {
  before <- globalenv()[[".Random.seed"]]
  put <- function(state) {
    if (is.null(state)) suppressWarnings(rm(".Random.seed", envir = globalenv())) else assign(".Random.seed", state, envir = globalenv())
  }
  if (!is.null(seed)) {
    put(seed)
    on.exit(put(before))
    before_unit <- seed
  } else {
    before_unit <- before
  }
  value <- do.call(fun, args, quote = TRUE)
  after <- globalenv()[[".Random.seed"]]
  list(value = value, seed = if (!identical(after, before_unit)) after)
}
environment(run_unit) <- baseenv()

post <- function(node, fun, args, expects) {
  message <- list(type = "EXEC", data = list(fun = fun, args = args, return = TRUE, tag = expects))
  send_message(node$link, message)
  node$owes <- node$owes + 1L
  node$expects <- expects
}

await_links <- function(nodes, seconds) {
  connections <- lapply(nodes, function(node) node$link$con)
  tryCatch(
    socketSelect(connections, FALSE, if (is.finite(seconds)) seconds),
    error = function(e) vapply(connections, function(con) !is_open(con), NA)
  )
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
    if (!is.null(message$value$seed)) desk$nodes[[unit$k]]$seed <- message$value$seed
    message["value"] <- message$value["value"]
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
    node$busy <- unit
    tryCatch(
      post(node, without_source(run_unit), list(unit$fun, unit$args, if (!identical(node, own)) own$seed), "unit"),
      # It puts the unit in front again.
      error = function(e) { lose_link(desk, node, e); k <<- 1L }
    )
  }
}

# Waits until link `k` (NULL: any) has an answer, and takes it.
await_answer <- function(desk, k = NULL) {
  repeat {
    dispatch(desk)
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
  }
}

# Methods of parallel's generics, which .onLoad() registers.
send_by_link <- function(node, data) {
  desk <- node$desk
  unit <- list2env(list(
    desk = desk, k = node$k, fun = data$data$fun, args = data$data$args, tag = data$data$tag, losses = 0L
  ), envir = new.env(parent = emptyenv()))
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
