# Where the time of workers has gone: the parts of a report (engine-report.R).

# The parts, in the order in which they are told, and what users read.
report_parts <- c(
  tasks = "tasks", prepare = "preparing, sending globals", starting = "starting workers",
  first = "waiting for the first task", claims = "claims, between tasks", moving = "moving results",
  relay = "relay of output and conditions", last = "waiting for the last worker", lost = "losses and reruns",
  unused = "workers that were not started"
)

# Seconds of each worker (rows) by part (columns). Each row is the time from `called` to `ended`
# cut into pieces that touch: before `launched` (with `opening`, of which nobody knows when
# in it); to the worker's last sign of life (seats); to that
# of the last worker; and the rest, when all wait for the session.
parts_of <- function(report) {
  seats <- if (is.null(report$seats)) seats_of_spans(report) else report$seats
  workers <- length(seats$mark)
  parts <- matrix(0, workers, length(report_parts), dimnames = list(NULL, names(report_parts)))
  if (!workers) return(parts)
  sums <- c("tasks", "starting", "first", "claims", "moving", "lost")
  for (name in sums) parts[, name] <- seats[[name]]
  idle <- rowSums(parts) == 0
  over <- if (all(idle)) report$launched else max(seats$mark[!idle])
  # Threads wait for each other in every slice, not at the end alone.
  if (identical(report$kind, "native")) over <- report$ended
  opening <- min(opening_of(report), report$launched - report$called)
  parts[, "prepare"] <- report$launched - report$called - opening
  parts[, "starting"] <- parts[, "starting"] + opening
  parts[, "last"] <- ifelse(idle, 0, over - seats$mark)
  parts[, "unused"] <- ifelse(idle, over - report$launched, 0)
  relay <- relayed_after(report$relayed, over)
  parts[, "relay"] <- relay
  parts[, "moving"] <- parts[, "moving"] + report$ended - over - relay
  # Nodes of the user's are there; until their first task they are sent functions and data.
  if (identical(report$kind, "links")) {
    parts[, "prepare"] <- parts[, "prepare"] + parts[, "starting"]
    parts[, "starting"] <- 0
  }
  again <- reruns_of(report)
  parts[, "tasks"] <- parts[, "tasks"] - again
  parts[, "lost"] <- parts[, "lost"] + again
  parts
}

# Native jobs open nothing.
opening_of <- function(report) if (is.null(report$opening)) 0 else report$opening

# Seconds that relaying took after a moment.
relayed_after <- function(relayed, from) {
  if (is.null(relayed)) return(0)
  sum(pmax(0, relayed[2L, ] - pmax(relayed[1L, ], from)))
}

# Seconds of each worker for tasks that ran again afterwards, or whose worker was lost.
reruns_of <- function(report) {
  workers <- report$workers
  if (!isTRUE(report$losses > 0)) return(numeric(workers))
  spans <- span_columns(report)
  if (is.null(report$seats)) workers <- max(workers, spans$worker)
  if (is.null(spans)) return(numeric(workers))
  order <- order(spans$start)
  again <- order[duplicated(spans$task[order], fromLast = TRUE)]
  # Where workers account for their time, that of a task in flight is a loss already.
  again <- if (is.null(report$seats)) union(again, which(spans$lost)) else again[!spans$lost[again]]
  sums <- tapply(spans$end[again] - spans$start[again], factor(spans$worker[again], seq_len(workers)), sum, default = 0)
  tasks <- if (is.null(report$seats)) sums else pmin(sums, report$seats$tasks)
  as.vector(tasks)
}

# The same for executors that tell no more than spans.
seats_of_spans <- function(report) {
  spans <- span_columns(report)
  workers <- max(report$workers, spans$worker)
  zero <- numeric(workers)
  out <- list(starting = zero, first = zero, claims = zero, tasks = zero, moving = zero, lost = zero, mark = zero + report$launched)
  for (w in unique(spans$worker)) {
    own <- which(spans$worker == w)
    own <- own[order(spans$start[own])]
    start <- spans$start[own]
    end <- spans$end[own]
    # Clocks of nodes are put right from chunk to chunk: a moment may be counted twice.
    start <- pmin(pmax(start, c(report$launched, utils::head(cummax(end), -1L))), report$ended)
    end <- pmin(pmax(end, start), report$ended)
    out$starting[[w]] <- start[[1L]] - report$launched
    out$tasks[[w]] <- sum(end - start)
    out$claims[[w]] <- sum(start[-1L] - utils::head(end, -1L))
    out$mark[[w]] <- max(end)
  }
  out
}
