# Relays beyond the claims of helper-conformance-claims.R, which every executor keeps.

expect_log <- function(ours, oracle, plans = test_plans(), arguments = list(list())) {
  skip_without_fork()
  for (plan in plans) {
    for (further in arguments) {
      got <- under_plan(plan, log_of(do.call(ours, further)))
      expect_identical(got$all, oracle$all, info = paste(deparse(c(plan, further)), collapse = ""))
    }
  }
}

test_that("output and conditions come interleaved and in the order of the tasks for all chunks", {
  chunkings <- test_chunkings(7L)
  expect_log(
    function(...) future_lapply(1:7, chatty, ...), log_of(lapply(1:7, chatty)),
    plans = test_plans(c(2, 3))[c(2, 3)], arguments = chunkings[1:10]
  )
})

test_that("what a task says stays together when there is no time to receive all of it", {
  skip_without_fork()
  run <- run_multicore
  environment(run) <- list2env(
    list(rs_job_wait = function(handle, seconds) { Sys.sleep(0.01); rs_job_wait(handle, 0) }), parent = environment(run_multicore)
  )
  FUN <- function(i) { if (i > 2L) Sys.sleep(0.3); for (k in 1:5) message(i, " ", k); i }
  for (round in 1:4) {
    job <- new_job(
      lapply_call, lapply_frame(1:4, FUN), 4L, new_policy("dynamic"), relay = new_relay(TRUE, list(classes = "condition"))
    )
    said <- observe(run(job, plan_of_processes(2L)))$messages
    expect_identical(said, paste0(rep(1:4, each = 5), " ", 1:5, "\n"))
  }
})

test_that("with an ordering they come in its order", {
  order <- c(3L, 1L, 5L, 2L, 4L)
  for (further in list(
    list(future.scheduling = structure(1, ordering = order)),
    list(future.chunk.size = structure(1, ordering = order)),
    list(future.chunk.size = structure(2, ordering = function(n) order))
  )) {
    expect_log(
      function(...) future_lapply(1:5, chatty, ...), log_of(lapply(order, chatty)),
      plans = test_plans(c(1, 3)), arguments = list(further)
    )
  }
  tell <- function(i) cat("task", i, "\n")
  oracle <- under_future(log_of(
    future.apply::future_lapply(1:5, tell, future.scheduling = structure(1, ordering = order))
  ))
  expect_identical(
    with_plan("multicore", workers = 2, log_of(
      future_lapply(1:5, tell, future.scheduling = structure(1, ordering = order))
    )), oracle
  )
})

test_that("a megabyte of output and thousands of messages arrive", {
  skip_on_cran()
  FUN <- function(i) { cat(strrep("abcdefghij", 1e5L), "\n"); for (k in 1:300) message(k); i }
  expect_log(
    function(...) future_lapply(1:4, FUN, ...), log_of(lapply(1:4, FUN)), plans = few_plans()[c(3, 5)]
  )
})

test_that("future.stdout = NA leaves output alone: it goes where the worker's output goes", {
  skip_on_cran()
  skip_without_fork()
  code <- paste(
    "library(rustle); plan(multicore, workers = 2);",
    "x <- future_lapply(1:4, function(i) cat(sprintf('<%d>', i)), future.stdout = NA)"
  )
  out <- system2(file.path(R.home("bin"), "Rscript"), c("-e", shQuote(code)), stdout = TRUE, stderr = FALSE)
  for (i in 1:4) expect_match(paste(out, collapse = ""), sprintf("<%d>", i), fixed = TRUE)
})

test_that("future.conditions names conditions without a restart too", {
  skip_without_fork()
  FUN <- function(i) { signalCondition(custom(paste("c", i))); warning("w ", i) }
  for (conditions in list(c("warning", "custom"), structure("condition", exclude = "warning"))) {
    keep <- function(i) { signalCondition(custom(paste("c", i))); if ("warning" %in% conditions) warning("w ", i) }
    expect_log(
      function(...) future_lapply(1:4, FUN, future.conditions = conditions, ...), log_of(lapply(1:4, keep)),
      plans = few_plans()
    )
  }
})
