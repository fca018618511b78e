# Nodes of a cluster: R sessions, on this machine or others, that wait for calls as the
# workers of package parallel do. They are started by parallelly or belong to a cluster
# object of the user; messages are those of parallel, sent and received by its functions.
#
# A node is an environment:
#   id      its number in messages
#   link    the element of a cluster object that parallel's functions take
#   own     did we start it? Then we stop it, and may start it again by `start`, a function
#           that returns another link
#   host, pid, version (of R), package (version of rustle there, or NA), cores, standing (can
#           workers of ours stand by there?)
#   here    does it run on this machine?
#   lost    NULL, or why it can no longer be used
#   owes    tags of calls whose answers have not come, oldest first
#   tried   when it was last started again in vain
#   heard   when it was heard of last, in seconds
#   has     keys of parcels that it keeps (engine-cluster-node.R)
#   task    seconds that a task takes there, NA before anything is known
#   chunks  what it works at: engine-cluster.R
#   waits   the tag of the call whose answer the job in hand waits for; hungry: does it want
#           more tasks? beat: how many tasks it has done of what it works at; timed: the key
#           of the parcel of which `task` was measured
#   desk, setup  keys of the session's desk that lies there and of the setup that it knows
#   sockets  numbers for hasten()
#   tasks   how many it has finished for this plan; losses: how many times it was lost
#   kind    the class of the cluster object it came in; early: a message that has been read

# The record of nodes, written in this file only: `pid` of the process that they belong to;
# `nodes`, a list, for the plan whose `workers` and `cores` these are; `made`, the number of
# tags so far; `desk`, list(desk, key, bytes), the last one that was made for nodes.
crew <- new.env(parent = emptyenv())

# Seconds that a node is given to say what it is, or to answer a call that takes no time.
patience <- 10

new_node <- function(id, link, own = FALSE, start = NULL, limit = NULL, kind = "cluster") {
  list2env(list(
    id = id, link = link, own = own, start = start, limit = limit, kind = kind, early = NULL, host = NA_character_,
    pid = NA_integer_, version = NA_character_, package = NA_character_, cores = 1L,
    standing = FALSE, desk = NULL, setup = NULL, here = FALSE, lost = NULL, owes = character(), heard = seconds_now(),
    has = character(), task = NA_real_, chunks = list(), sockets = sockets_of(link), tasks = 0, losses = 0L
  ), envir = new.env(parent = emptyenv()))
}

seconds_now <- function() proc.time()[["elapsed"]]

of_parallel <- function(name) utils::getFromNamespace(name, "parallel")

# Nodes behind sockets can be waited for together, and their loss is noticed.
is_socket <- function(node) inherits(node$link$con, "sockconn")

# Asks the node to evaluate fun(args). Its answer has the tag that is returned. An error means
# that the node is lost.
ask_node <- function(node, fun, args = list()) {
  crew$made <- if (is.null(crew$made)) 1 else crew$made + 1
  tag <- sprintf("rustle-%d-%.0f", Sys.getpid(), crew$made)
  message <- list(type = "EXEC", data = list(fun = fun, args = args, return = TRUE, tag = tag))
  send_message(node$link, message)
  node$owes <- c(node$owes, tag)
  node$heard <- seconds_now()
  tag
}

# link: an element of a cluster object. A message to a socket goes out in one piece: of two,
# the second would wait 40 ms for the receipt of the first. Half a message would make the
# connection useless, so interrupts wait. Returns its size in bytes, NA where that is not known.
send_message <- function(link, message) {
  suspendInterrupts(if (inherits(link$con, "sockconn")) {
    bytes <- serialize(message, NULL)
    writeBin(bytes, link$con)
    length(bytes)
  } else {
    of_parallel("sendData")(link, message)
    NA_real_
  })
}

# The next message of a node that has one: list(type, tag, value). An error means that the
# node is lost.
hear_node <- function(node) {
  message <- node$early
  node$early <- NULL
  if (is.null(message)) message <- suspendInterrupts(of_parallel("recvData")(node$link))
  node$heard <- seconds_now()
  # Those of mirai have no type; a number in place of a value is an error of the connection.
  if (is.null(message$type)) {
    if (inherits(message$value, c("errorValue", "miraiError"))) stop(sprintf("mirai's error %s", format(unclass(message$value))[[1L]]))
    message <- list(type = "VALUE", value = message$value, tag = node$owes[[1L]])
  }
  if (identical(message$type, "VALUE")) node$owes <- node$owes[-1L]
  message
}

# Which of these nodes have a message, or have ended, after at most `seconds`?
await_nodes <- function(nodes, seconds) {
  if (!length(nodes)) return(logical())
  sockets <- vapply(nodes, is_socket, NA)
  ready <- logical(length(nodes))
  # The others can only be waited for one by one: parallel has no other way.
  if (!any(sockets)) {
    links <- structure(lapply(nodes, `[[`, "link"), class = nodes[[1L]]$kind)
    got <- of_parallel("recvOneData")(links)
    nodes[[got$node]]$early <- got$value
    ready[[got$node]] <- TRUE
    return(ready)
  }
  connections <- lapply(nodes[sockets], function(node) node$link$con)
  # A connection that somebody has closed is an error here, and not said which one.
  ready[sockets] <- tryCatch(
    socketSelect(connections, FALSE, seconds),
    error = function(e) vapply(connections, function(con) !is_open(con), NA)
  )
  hasten(nodes[ready])
  ready
}

# A node writes what is longer than 4 KB in pieces. Where its socket is as parallel makes it, each
# piece waits until the one before is known to have come, and the system takes 40 ms to say so.
hasten <- function(nodes) rs_acknowledge(as.integer(unique(unlist(lapply(nodes, `[[`, "sockets")))))

# All sockets of the cluster of a link: they have one port here, and are not told apart.
sockets_of <- function(link) {
  if (!inherits(link$con, "sockconn")) return(integer())
  port <- suppressWarnings(as.integer(sub("^.*:", "", summary(link$con)$description)))
  if (is.na(port)) integer() else rs_sockets_at(port)
}

is_open <- function(connection) tryCatch(isOpen(connection), error = function(e) FALSE)

# The answer of a node to the call `tag`; answers that nobody waits for any more are dropped.
answer_of <- function(node, tag, seconds = patience) {
  until <- seconds_now() + seconds
  repeat {
    if (!any(await_nodes(list(node), max(0, until - seconds_now())))) {
      stop(sprintf("it did not answer within %g s", seconds))
    }
    message <- hear_node(node)
    if (!identical(message$type, "VALUE") || !identical(message$tag, tag)) next
    if (inherits(message$value, "snow-try-error")) stop(unclass(message$value)[[1L]])
    return(message$value)
  }
}

# Does a node keep what it was given? A node of mirai is a place in a line: any of its processes
# may take what is sent there.
is_bound <- function(node) !inherits(node$link, "miraiNode")

# Do its tasks run on processes of base R?
runs_plainly <- function(node) is.na(node$package) || !node$standing || !is_bound(node)

# What a node says of itself. Base R alone: rustle may not be there. packages: names, of which
# it tells the versions.
introduce <- function(packages) {
  for (k in seq_len(sys.nframe())) {
    master <- get0("master", sys.frame(k), inherits = FALSE)
    # A node waits for the next call as long as it takes.
    if (is.list(master) && inherits(master$con, "sockconn")) socketTimeout(master$con, 30L * 86400L)
  }
  # Loaded now: in the first call the node would be silent for that time.
  version <- tryCatch(as.character(getNamespaceVersion(loadNamespace("rustle"))), error = function(e) NA_character_)
  cores <- tryCatch(parallelly::availableCores(), error = function(e) {
    tryCatch(max(1L, parallel::detectCores(), na.rm = TRUE), error = function(e) 1L)
  })
  version_of <- function(package) tryCatch(as.character(utils::packageVersion(package)), error = function(e) NA_character_)
  list(
    host = unname(Sys.info()[["nodename"]]), pid = Sys.getpid(),
    version = as.character(getRversion()), package = version, cores = as.integer(cores),
    standing = !is.na(version) && .Platform$OS.type != "windows", versions = vapply(packages, version_of, "")
  )
}
environment(introduce) <- baseenv()

# Asks nodes what they are. Those that do not answer are lost.
meet_nodes <- function(nodes) {
  introduce <- without_source(introduce)
  packages <- setdiff(names(attached_packages()), c(base_packages, "rustle"))
  tags <- lapply(nodes, function(node) {
    tryCatch(ask_node(node, introduce, list(packages)), error = function(e) lose_node(node, conditionMessage(e)))
  })
  for (k in seq_along(nodes)) {
    node <- nodes[[k]]
    if (!is.null(node$lost)) next
    said <- tryCatch(answer_of(node, tags[[k]]), error = function(e) lose_node(node, conditionMessage(e)))
    if (is.null(said)) next
    list2env(said, envir = node)
    node$all_cores <- said$cores
    node$here <- identical(said$host, unname(Sys.info()[["nodename"]]))
  }
  good <- Filter(function(node) is.null(node$lost), nodes)
  for (node in good) {
    beside <- sum(vapply(good, function(other) identical(other$host, node$host), NA))
    share <- max(1L, node$all_cores %/% beside)
    node$cores <- if (!is_bound(node)) 1L else if (is.null(node$limit)) share else as.integer(node$limit)
  }
  tell_differences(good)
  nodes
}

# Versions that are not those of the session, once for each kind of difference.
tell_differences <- function(nodes) {
  tell <- function(nodes, what, field, here) {
    other <- Filter(function(node) !identical(node[[field]], here), nodes)
    if (!length(other) || !first_time(paste("node", field, other[[1L]][[field]]))) return()
    message(sprintf(
      "Node %d (%s) has %s %s, and this session %s.", other[[1L]]$id, other[[1L]]$host, what, other[[1L]][[field]], here
    ))
  }
  tell(nodes, "R", "version", as.character(getRversion()))
  without <- Filter(function(node) is.na(node$package), nodes)
  tell(setdiff_nodes(nodes, without), "rustle", "package", as.character(utils::packageVersion("rustle")))
  if (length(without) && first_time("node without rustle")) {
    message(sprintf(
      "Node %d (%s) has no package rustle: its tasks run on processes of base R, and what they say comes chunk by chunk.",
      without[[1L]]$id, without[[1L]]$host
    ))
  }
  for (node in nodes) {
    there <- node$versions
    here <- vapply(names(there), function(package) tryCatch(as.character(utils::packageVersion(package)), error = function(e) NA_character_), "")
    other <- names(there)[!is.na(here) & (is.na(there) | there != here)]
    said <- sprintf("%s %s (here %s)", other, ifelse(is.na(there[other]), "is missing", there[other]), here[other])
    if (!length(other) || !first_time(paste(c("packages of node", said), collapse = " "))) next
    message(sprintf(
      "Node %d (%s) has other packages than this session: %s.", node$id, node$host, paste(said, collapse = ", ")
    ))
  }
}

# What a node could not lay as on the desk of the session, once for each host.
tell_desk <- function(node, said) {
  for (text in said) {
    if (first_time(paste("desk of", node$host, text))) message(sprintf("Node %d (%s): %s", node$id, node$host, text))
  }
}

# The desk of the session as nodes get it: list(key, bytes).
desk_for_nodes <- function() {
  desk <- session_desk()
  if (!identical(desk, crew$desk$desk)) {
    bytes <- serialize(desk, NULL, xdr = FALSE)
    crew$desk <- list(desk = desk, key = rs_hash(bytes), bytes = bytes)
  }
  crew$desk
}

# The setup of a plan as nodes get it: NULL, or list(key, steps).
setup_for_nodes <- function(keep) {
  if (is.null(keep) || !length(keep$steps)) return(NULL)
  if (is.null(keep$key)) keep$key <- rs_hash(serialize(keep$steps, NULL, xdr = FALSE))
  list(key = keep$key, steps = keep$steps)
}

setdiff_nodes <- function(nodes, without) {
  Filter(function(node) !any(vapply(without, identical, NA, node)), nodes)
}

# Notes that a node can no longer be used; returns NULL.
lose_node <- function(node, why) {
  if (is.null(node$lost)) node$losses <- node$losses + 1L
  node$lost <- reason_of_loss(why)
  if (node$own) close_node(node)
  NULL
}

# R says in several ways, and in the language of the session, that a connection has ended.
reason_of_loss <- function(why) {
  why <- sub("[.]$", "", sub("^Error.*: ", "", trimws(why)))
  ended <- gettext(c("error reading from connection", "error writing to connection", "connection is not open"), domain = "R")
  if (why %in% c(ended, "invalid connection")) "its connection has ended" else why
}

# Ends a node of ours. One that does not read its connection any more is killed where we can.
close_node <- function(node) {
  if (is.null(node$lost)) try(of_parallel("sendData")(node$link, list(type = "DONE")), silent = TRUE)
  try(close(node$link$con), silent = TRUE)
  if (is.na(node$pid) || (is.null(node$lost) && !length(node$owes))) return()
  if (node$here) tools::pskill(node$pid, tools::SIGKILL)
  if (!is.null(node$link$kill)) node$link$kill(node$pid)
}

# The nodes of the plan in force, started when they are not there yet. Those of ours that
# were lost are started again.
nodes_of_plan <- function(plan, call) {
  wanted <- wanted_nodes(plan)
  if (!length(nodes_there())) forget_nodes()
  if (!identical(crew$wanted, wanted)) {
    stop_nodes_of_plan()
    crew$pid <- Sys.getpid()
    crew$nodes <- meet_nodes(open_nodes(wanted, 0L, call))
    crew$wanted <- wanted
    count_again()
  } else {
    revive_nodes(crew$nodes)
  }
  limit_silence(crew$nodes, plan$settings$heartbeat)
  bad <- Filter(function(node) !is.null(node$lost), crew$nodes)
  if (length(bad) == length(crew$nodes)) {
    why <- if (length(bad)) sprintf(": %s", bad[[1L]]$lost) else ""
    if (!length(bad) || bad[[1L]]$own) stop_nodes_of_plan()
    stop_no_node(why, call)
  }
  crew$nodes
}

stop_no_node <- function(why, call, values = NULL) {
  abort_rustle(
    sprintf("No node of the cluster can be used%s.", sub("[.]$", "", why)),
    c("rustle_error_no_node", if (!is.null(values)) "rustle_error_worker_lost"), values = values, call = call
  )
}

# Half a message, or one that cannot be sent, must not hold up the session for ever. The
# connections of the user's clusters are left as they are.
limit_silence <- function(nodes, heartbeat) {
  for (node in nodes) {
    if (node$own && is.null(node$lost) && is_socket(node)) {
      socketTimeout(node$link$con, as.integer(min(max(1, heartbeat), 1e6)))
    }
  }
}

# The cores of the nodes that are there; before they are, as many as the plan names.
count_nodes <- function(plan_stack, settings) {
  wanted <- wanted_nodes(list(stack = plan_stack, settings = settings))
  nodes <- nodes_there()
  if (length(nodes) && identical(crew$wanted, wanted)) {
    return(max(1L, sum(vapply(nodes, function(node) if (is.null(node$lost)) node$cores else 0L, 1L))))
  }
  workers <- wanted$workers
  count <- if (is.numeric(workers)) workers else length(workers)
  cores <- if (is.null(wanted$cores)) 1L else wanted$cores
  if (is.character(workers) && !is.null(wanted$cores)) count <- length(unique(workers))
  max(1L, as.integer(count * cores))
}

# What the plan says of its nodes: list(workers, cores, options); options are further
# arguments of parallelly's makeClusterPSOCK().
wanted_nodes <- function(plan) {
  strategy <- plan$stack[[1L]]
  arguments <- as.list(formals(strategy))
  known <- c("...", "persistent", "workers", "envir", "earlySignal", "gc", "label", "lazy", "globals", "interrupts")
  evaluate <- function(code) if (is.language(code)) eval(code, environment(strategy)) else code
  workers <- evaluate(arguments$workers)
  # Where the user names none, an allocation counts before options of the session do.
  if (identical(arguments$workers, formals(future::cluster)$workers) && length(allocated_hosts())) {
    workers <- allocated_workers()
  }
  if (is.function(workers)) workers <- workers()
  if (is.numeric(workers)) workers <- as.integer(workers)
  options <- lapply(arguments[setdiff(names(arguments), known)], evaluate)
  # With the plan's own settings plan() takes this for one of multisession.
  options$rscript <- plan$settings$rscript
  list(workers = workers, cores = plan$settings$cores, options = options)
}

# Nodes as a plan wants them; `before` is how many there are already, `links` a function of
# hosts, options and the call.
open_nodes <- function(wanted, before, call, links = start_links) {
  workers <- wanted$workers
  if (inherits(workers, "cluster")) {
    return(lapply(seq_along(workers), function(k) {
      new_node(before + k, workers[[k]], limit = wanted$cores, kind = class(workers))
    }))
  }
  if (is.numeric(workers)) {
    hosts <- rep("localhost", workers)
    limits <- rep(if (is.null(wanted$cores)) 1L else wanted$cores, workers)
  } else {
    hosts <- unique(workers)
    times <- as.integer(table(factor(workers, hosts)))
    limits <- if (!is.null(wanted$cores)) rep(wanted$cores, length(hosts)) else if (any(times > 1L)) times
  }
  start <- function(hosts) links(hosts, wanted$options, call)
  started <- start(hosts)
  lapply(seq_along(hosts), function(k) {
    new_node(before + k, started[[k]], TRUE, function() links(hosts[[k]], utils::modifyList(wanted$options, list(connectTimeout = 5, timeout = 5)), call)[[1L]], limits[k])
  })
}

#' Add nodes to a cluster plan
#'
#' Under `plan(cluster)`, starts further nodes, or takes those of a cluster object, beside the
#' nodes that are there. They take part from the next call on, until the plan changes.
#'
#' @param workers As for [plan()] with `cluster`: names of hosts, a number of sessions on this
#'   machine, or a cluster object.
#' @param cores Cores of each of them; `NULL` (default) as in [plan()].
#' @return The number of cores that the plan now has, invisibly.
#' @section Errors: `rustle_error_argument` when the plan is no cluster, or for wrong
#'   arguments; `rustle_error_no_node` when R cannot be started there.
#' @seealso [plan()] for `cluster`; `?"rustle-plans"`.
#' @examplesIf identical(Sys.getenv("NOT_CRAN"), "true")
#' oplan <- plan(cluster, workers = 1)
#' add_workers(1)
#' future_sapply(1:4, sqrt)
#' #> [1] 1.000000 1.414214 1.732051 2.000000
#' plan(oplan)
#' @export
add_workers <- function(workers, cores = NULL) {
  if (missing(workers)) stop_missing("workers", sys.call())
  check_workers(workers)
  cores <- check_count(cores, "cores", null = TRUE)
  plan <- current_plan()
  if (plan$executor$name != "cluster") {
    stop_argument("workers", "added to plan(cluster, workers = )", workers, sys.call(), was = sprintf("to a plan of kind \"%s\"", plan$executor$name))
  }
  wanted <- wanted_nodes(plan)
  if (is.character(workers)) check_hosts(workers, sys.call(), wanted$options)
  nodes <- nodes_of_plan(plan, sys.call())
  fresh <- open_nodes(list(workers = workers, cores = cores, options = wanted$options), length(nodes), sys.call())
  crew$nodes <- c(nodes, meet_nodes(fresh))
  count_again()
  invisible(count_nodes(plan$stack, plan$settings))
}

# Starts nodes of ours that were lost. Who cannot be started stays lost, and is tried again
# after a minute, because a host that is not there costs seconds. now: TRUE tries them all.
revive_nodes <- function(nodes, now = FALSE) {
  due <- function(node) now || is.null(node$tried) || seconds_now() - node$tried > 60
  for (node in Filter(function(node) !is.null(node$lost) && node$own && due(node), nodes)) {
    link <- tryCatch(node$start(), error = function(e) NULL)
    node$tried <- seconds_now()
    if (is.null(link)) next
    fresh <- new_node(node$id, link, TRUE, node$start, node$limit)
    for (what in c("tasks", "losses")) fresh[[what]] <- node[[what]]
    list2env(as.list(fresh, all.names = TRUE), envir = node)
    node$tried <- NULL
    meet_nodes(list(node))
  }
  nodes
}

# Ends the nodes of the plan before. Clusters of the user go on.
stop_nodes_of_plan <- function() {
  for (node in nodes_there()) {
    if (is.null(node$lost) && length(node$owes)) rest_nodes(list(node), 0)
    if (node$own && is.null(node$lost)) close_node(node)
  }
  forget_nodes()
}

# Those of this process; of one that was forked the parent's are none.
nodes_there <- function() if (identical(crew$pid, Sys.getpid())) crew$nodes else list()

forget_nodes <- function() crew$nodes <- crew$wanted <- crew$pid <- NULL

# Calls that nodes still work at end: a node looks whether there is a message while it waits
# for its workers, and then lets them go. Who answers within `seconds` can be used at once;
# from the others the answers are taken by the next job.
rest_nodes <- function(nodes, seconds = 1) {
  asked <- Filter(function(node) {
    is.null(node$lost) && (length(node$owes) || length(node$chunks) || (!node$own && !is.null(node$desk)))
  }, nodes)
  for (node in asked) {
    # mirai keeps one answer for a node: what is asked now would displace it.
    if (is_bound(node)) tryCatch(ask_node(node, without_source(on_node), list("rest_here")), error = function(e) lose_node(node, conditionMessage(e)))
    node$chunks <- list()
    if (!node$own) node$desk <- NULL
  }
  until <- seconds_now() + seconds
  repeat {
    asked <- Filter(owes_answers, asked)
    left <- until - seconds_now()
    if (!length(asked) || left <= 0) return(invisible())
    take_stale(asked[await_nodes(asked, left)])
  }
}

owes_answers <- function(node) is.null(node$lost) && length(node$owes) > 0L

# Takes answers that nobody waits for.
take_stale <- function(nodes) {
  for (node in nodes) tryCatch(hear_node(node), error = function(e) lose_node(node, conditionMessage(e)))
}

# Calls the function `name` of our namespace on a node. Base R alone.
on_node <- function(name, ...) {
  tryCatch(get(name, envir = asNamespace("rustle"))(...), error = function(e) list(error = e))
}
environment(on_node) <- baseenv()
