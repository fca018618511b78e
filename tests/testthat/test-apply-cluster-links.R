# Calls on a cluster of the user: parallel's results, and a lost node loses nothing.

links_cases <- function() {
  draw <- function(i, ...) c(i, stats::rnorm(1))
  fail <- function(i) if (i > 4L) stop("no ", i) else i
  list(
    list("parLapply", 1:10, draw), list("parLapply", 1:10, draw, chunk.size = 3), list("parLapply", list(), draw),
    list("parLapplyLB", 1:10, function(i) i), list("parSapply", letters, toupper), list("parLapply", 1:10, fail),
    list("parSapplyLB", c(a = 1, b = 2), function(x, y) x + y, y = 2), list("clusterApply", 1:7, draw),
    list("clusterApply", 1:7, fail), list("clusterApplyLB", 1:7, identity), list("parApply", matrix(1:6, 2), 1, sum),
    list("parRapply", matrix(1:6, 2), range), list("parCapply", matrix(1:6, 2), range), list("clusterApply", list(), draw),
    list("clusterMap", function(x, y) x + y + stats::runif(1), 1:5, 1), list("parLapply", 1:3, function(i, x) x, x = 1)
  )
}

test_that("values, names, errors and random numbers are parallel's", {
  cl <- test_cluster()
  for (case in links_cases()) {
    run <- function(package) {
      parallel::clusterSetRNGStream(cl, 5)
      seen <- observe(do.call(getExportedValue(package, case[[1L]]), c(list(cl), case[-1L])))
      # The states of the workers move as with parallel.
      list(seen[c("value", "message", "warnings", "output")], parallel::clusterCall(cl, stats::runif, 1))
    }
    expect_identical(run("rustle"), run("parallel"), info = case[[1L]])
  }
})

test_that("what tasks leave in a worker is there in the next call", {
  cl <- test_cluster()
  parLapply(cl, 1:2, function(i) assign("rustle_left", i, envir = globalenv()))
  expect_identical(clusterEvalQ(cl, rustle_left), list(1L, 2L))
})

test_that("the report and the inputs of the call before are not those of a call on a cluster", {
  with_plan(sequential, future_lapply(1:3, sqrt))
  expect_s3_class(job_report(), "rustle_report")
  parLapply(test_cluster(), 1:5, sqrt)
  expect_equal(job_report()$tasks, 5)
  expect_identical(rerun_task(task = 4), 2)
})

test_that("option rustle.cluster = FALSE and other connections mean parallel's own code", {
  cl <- test_cluster()
  expect_s3_class(linked_cluster(cl), "rustle_cluster")
  withr::with_options(list(rustle.cluster = FALSE), expect_identical(linked_cluster(cl), cl))
  other <- structure(list(list(rank = 1), list(rank = 2)), class = c("MPIcluster", "cluster"))
  expect_identical(linked_cluster(other), other)
})

test_that("a node that is killed loses nothing: its units run elsewhere with its random numbers", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(timeout = 60, {
    cl <- parallel::makePSOCKcluster(2)
    draw <- function(i) c(i, rnorm(1))
    environment(draw) <- globalenv()
    parallel::clusterSetRNGStream(cl, 5)
    expected <- list(parallel::clusterApply(cl, 1:7, draw), parallel::parLapply(cl, 1:9, draw))
    told <- list()
    flag <- file.path(scratch, "killed")
    parallel::clusterSetRNGStream(cl, 5)
    got <- withCallingHandlers(
      list(clusterApply(cl, 1:7, function(i, flag) {
        if (i == 4L && dir.create(flag, showWarnings = FALSE)) { tools::pskill(Sys.getpid(), 9L); Sys.sleep(5) }
        c(i, rnorm(1))
      }, flag), parLapply(cl, 1:9, draw)),
      rustle_message_node_lost = function(m) { told[[length(told) + 1L]] <<- m; invokeRestart("muffleMessage") }
    )
    out <- list(same = identical(got, expected), once = length(told) == 1L, node = identical(told[[1L]]$node, 2L))
    error <- tryCatch(suppressMessages(parLapply(cl, 1:3, function(i) tools::pskill(Sys.getpid(), 9L))), error = identity)
    out$error <- inherits(error, "rustle_error_worker_lost")
    error <- tryCatch(parLapply(cl, 1:3, identity), error = identity)
    out$all_gone <- inherits(error, "rustle_error_no_node")
  })
  expect_all_true(run$value)
})

test_that("answers to a call that was interrupted are not taken for those of the next", {
  skip_unless_faults()
  run <- run_r(timeout = 60, {
    cl <- parallel::makePSOCKcluster(2)
    interrupt_when("begun-*", 2L)
    slow <- function(i, scratch) { cat("x", file = file.path(scratch, paste0("begun-", i))); Sys.sleep(2); -i }
    got <- tryCatch(parLapply(cl, 1:4, slow, scratch), interrupt = function(c) "interrupted")
    out <- list(interrupted = identical(got, "interrupted"))
    out$next_call <- identical(parLapply(cl, 1:9, identity), as.list(1:9))
    out$after <- identical(parLapplyLB(cl, 1:9, identity), as.list(1:9))
    parallel::stopCluster(cl)
  })
  expect_all_true(run$value)
})
