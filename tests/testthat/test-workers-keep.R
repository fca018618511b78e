# What workers of plan(multisession) keep between calls.

standing_plan <- function(workers = 2L, ..., .local_envir = parent.frame()) {
  skip_without_fork()
  local_plan("multisession", workers = workers, ..., .local_envir = .local_envir)
}

test_that("workers of the plan keep what they are given, as those of a cluster", {
  standing_plan()
  cl <- test_cluster()
  here <- environment()
  given <- 42
  steps <- function(cl) {
    list(
      clusterExport(cl, "given", here), clusterEvalQ(cl, given + 1),
      clusterEvalQ(cl, { later <- given * 2; NULL }), clusterCall(cl, function(k) later + k, 1),
      clusterCall(cl, "sum", 1, 2), clusterCall(cl, function(...) ..2, x = 1, i = 2),
      lapply(clusterEvalQ(cl, suppressWarnings(library(splines))), is.element, el = "splines"),
      clusterEvalQ(cl, "package:splines" %in% search()), clusterCall(cl, function() exists("never_given"))
    )
  }
  expect_identical(steps(NULL), steps(cl))
  pids <- unlist(clusterCall(NULL, Sys.getpid))
  expect_length(unique(pids), 2L)
  expect_false(Sys.getpid() %in% pids)
  # As on a cluster, later changes in the session do not count.
  given <- 43
  expect_identical(clusterEvalQ(NULL, given), list(42, 42))
  clusterExport(NULL, "given", here)
  expect_identical(clusterEvalQ(NULL, given), list(43, 43))
})

test_that("tasks find what is kept, and what they change of it is put back", {
  standing_plan()
  kept <- list(1, "a")
  clusterExport(NULL, "kept", environment())
  find <- function(i) {
    x <- get("kept", globalenv())
    assign("kept", i, globalenv())
    assign("new_of_task", i, globalenv())
    x
  }
  environment(find) <- globalenv()
  for (k in 1:3) expect_identical(future_lapply(1:4, find)[[1L]], kept)
  expect_identical(clusterEvalQ(NULL, exists("new_of_task")), list(FALSE, FALSE))
})

test_that("a worker that replaces another, or is added, has all of it", {
  skip_unless_faults()
  run <- run_r(timeout = 60, {
    plan(multisession, workers = 2L, setup = { count <- 1 })
    x <- 5
    clusterExport(NULL, "x")
    invisible(clusterEvalQ(NULL, { y <- x + count; library(stats4) }))
    x <- 6
    clusterExport(NULL, "x")
    value <- quote(c(x, y, count, "package:stats4" %in% search()))
    pids <- unlist(clusterCall(NULL, Sys.getpid))
    expected <- list(c(6, 6, 1, 1))
    before <- clusterCall(NULL, eval, value, globalenv())
    tools::pskill(pids[[1L]], 9L)
    killed <- clusterCall(NULL, eval, value, globalenv())
    in_task <- future_lapply(1:4, function(i) {
      if (i == 2L && first_time("killed")) die(9L)
      eval(quote(c(get("x"), get("y"), get("count"))), globalenv())
    }, future.globals = c("first_time", "die", "scratch"))
    plan(workers = 3L)
    added <- clusterCall(NULL, eval, value, globalenv())
    reset_workers()
    reset <- clusterCall(NULL, eval, value, globalenv())
    new <- !any(unlist(clusterCall(NULL, Sys.getpid)) %in% pids)
    old <- plan(multisession, workers = 2L)
    ended <- clusterEvalQ(NULL, exists("x", inherits = FALSE))
    plan(old)
    back <- clusterEvalQ(NULL, c(x, y))
    out <- list(
      before = identical(before, rep(expected, 2L)), killed = identical(killed, rep(expected, 2L)),
      in_task = identical(in_task, rep(list(c(6, 6, 1)), 4L)), added = identical(added, rep(expected, 3L)),
      reset = identical(reset, rep(expected, 3L)), new = new, ended = identical(ended, list(FALSE, FALSE)),
      back = identical(back, rep(list(c(6, 6)), 3L)), losses = sum(worker_status()$losses) >= 2L
    )
  })
  expect_all_true(run$value)
})

test_that("the setup of a plan is run once in each worker", {
  skip_unless_faults()
  run <- run_r(timeout = 60, {
    file <- file.path(scratch, "setup")
    setup <- function() { cat("x", file = file, append = TRUE); assign("made", Sys.getpid(), globalenv()) }
    made <- function() unlist(clusterCall(NULL, function() made == Sys.getpid()))
    plan(multisession, workers = 2L, setup = setup)
    by_name <- made()
    for (k in 1:3) future_lapply(1:10, identity)
    plan(retries = 2L)
    same_plan <- made()
    once <- file.size(file) == 2
    plan(multisession(workers = 2L), setup = function() setup())
    by_function <- made()
    plan(multisession, workers = 2L, setup = { setup(); con <- textConnection("a") })
    by_code <- made()
    kept <- future_sapply(1:4, function(i) isOpen(get("con")))
    in_function <- local({
      mine <- 7
      with_plan(multisession, unlist(clusterCall(NULL, function() kept_mine)), workers = 2L, setup = { kept_mine <- mine })
    })
    plan(multisession, workers = 2L, setup = quote({ kept_quoted <- 1 }))
    quoted <- unlist(clusterEvalQ(NULL, kept_quoted))
    plan(multisession, workers = 2L, setup = stop("no database"))
    failed <- tryCatch(future_lapply(1:3, identity), rustle_error_setup = conditionMessage)
    plan(setup = NULL)
    again <- future_sapply(1:3, identity)
    out <- list(
      by_name = all(by_name), once = once, same_plan = all(same_plan), by_function = all(by_function),
      by_code = all(by_code), kept = all(kept), in_function = identical(in_function, c(7, 7)),
      quoted = identical(quoted, c(1, 1)), failed = failed == "The `setup` of the plan failed in a worker: no database",
      again = identical(again, 1:3)
    )
  })
  expect_all_true(run$value)
})

test_that("random states of workers give the numbers of a cluster, from call to call", {
  standing_plan()
  cl <- test_cluster()
  draw <- function(i) runif(1L)
  environment(draw) <- globalenv()
  numbers <- function(cl, seed) {
    clusterSetRNGStream(cl, seed)
    list(
      parLapply(cl, 1:5, draw), clusterApply(cl, 1:5, draw), parSapply(cl, 1:3, draw),
      clusterMap(cl, function(i, j) rnorm(2L), 1:3, 4:6), clusterEvalQ(cl, rnorm(1L)), parApply(cl, diag(3), 1L, draw)
    )
  }
  before <- globalenv()[[".Random.seed"]]
  ours <- numbers(NULL, 11)
  expect_identical(globalenv()[[".Random.seed"]], before)
  expect_identical(ours, numbers(cl, 11))
  # Calls with streams of their own leave those of the workers alone.
  clusterSetRNGStream(NULL, 11)
  first <- parLapply(NULL, 1:5, draw)
  invisible(future_lapply(1:4, draw, future.seed = 3L))
  expect_identical(list(first, clusterApply(NULL, 1:5, draw)), ours[1:2])
  withr::with_seed(5, ours <- { clusterSetRNGStream(NULL); parLapply(NULL, 1:4, draw) })
  withr::with_seed(5, theirs <- { clusterSetRNGStream(cl); parLapply(cl, 1:4, draw) })
  expect_identical(ours, theirs)
})

test_that("errors and output of workers arrive, and what failed is not kept", {
  standing_plan()
  error <- expect_error(clusterCall(NULL, function() stop("in the worker")), "in the worker")
  expect_error(clusterEvalQ(NULL, { failed <- 1; stop("later") }), "later")
  seen <- observe(clusterEvalQ(NULL, { cat("said\n"); message("told"); 1 }))
  expect_identical(seen$value, list(1, 1))
  expect_identical(seen$output, c("said", "said"))
  expect_identical(seen$messages, c("told\n", "told\n"))
  expect_error(clusterExport(NULL, "no_such_variable", environment()), class = "rustle_error_argument")
  expect_error(clusterExport(NULL, 1), class = "rustle_error_argument")
  reset_workers()
  expect_identical(clusterEvalQ(NULL, exists("failed")), list(FALSE, FALSE))
})
