# Parts of tests of jobs on nodes.

# In scripts: draws of tasks with a stream each, and messages of lost nodes as the list `told`.
node_watch <- quote({
  told <- list()
  watched <- function(expr) withCallingHandlers(expr, rustle_message_node_lost = function(m) {
    told[[length(told) + 1L]] <<- m
    invokeRestart("muffleMessage")
  })
  draw <- function(i) c(i, stats::runif(1))
  # Under another plan, which ends the nodes of that in force.
  expected_draws <- function(n) with_plan(sequential, future_lapply(seq_len(n), draw, future.seed = 1))
})

# Expressions in braces as one.
joined <- function(...) as.call(c(as.name("{"), unlist(lapply(list(...), function(code) as.list(code)[-1L]))))
