# What a call costs by its plan: what vignettes/plans.Rmd says of it, and README's "when to
# stay with lapply()". tools/bench reads this file after cases.R; cases-sessions.R has the same for
# multisession. No bars: the times are what is wanted.

on_nodes <- function() {
  plan(cluster, workers = workers)
  future_lapply(seq_len(workers), identity)
}

# Tasks that read a row of a matrix, of which `fresh` ones are not in the session before.
plan_matrix <- NULL
read_matrix <- function(fresh) {
  function() {
    if (fresh || is.null(plan_matrix)) plan_matrix <<- matrix(runif(sized(5e7, 5e5)), ncol = 100)
    task <- function(i) m[i, 1]
    environment(task) <- list2env(list(m = plan_matrix), parent = globalenv())
    clock <- Sys.time()
    future_lapply(1:20, task)
    structure(as.double(Sys.time() - clock, units = "secs"), class = "seconds")
  }
}
trivial <- function(apply) function() apply(1:10, identity)
no_call <- function() structure(1e-6, class = "seconds")

cases <- list(
  case("plans: multicore, 10 trivial tasks", "lapply", NA, trivial(future_lapply), trivial(lapply), 41L),
  case("plans: multisession, 10 trivial tasks", "lapply", NA, trivial(future_lapply), trivial(lapply), 41L,
    prepare = function() plan(multisession, workers = workers, compiled = "never")
  ),
  case("plans: cluster of nodes here, 10 trivial tasks", "lapply", NA, trivial(future_lapply), trivial(lapply), 21L, prepare = on_nodes),
  case("plans: multicore, a matrix of 400 MB, first call of 20 tasks", "nothing", NA, read_matrix(TRUE), no_call, 5L),
  case("plans: multicore, a matrix of 400 MB, second call of 20 tasks", "nothing", NA, read_matrix(FALSE), no_call, 5L)
)
cases <- c(
  cases,
  as_it_comes(cases, "plans: multisession, 10 trivial tasks", function() plan(multisession, workers = workers)),
  as_it_comes(cases, c(
    "plans: multicore, 10 trivial tasks", "plans: multicore, a matrix of 400 MB, first call of 20 tasks",
    "plans: multicore, a matrix of 400 MB, second call of 20 tasks"
  ))
)
