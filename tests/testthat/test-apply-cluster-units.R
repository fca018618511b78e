# Calls on a cluster of the user have a report and can be rerun, as those of plans.

draw_there <- function(i, ...) c(i, stats::rnorm(1))

units_cases <- function() {
  m <- matrix(as.double(1:12), 4, dimnames = list(NULL, c("a", "b", "c")))
  f <- function(...) sum(...) + stats::rnorm(1)
  list(
    list(quote(parLapply(cl, 1:9, draw_there)), 9), list(quote(parLapply(cl, 1:9, draw_there, chunk.size = 2)), 9),
    list(quote(parLapplyLB(cl, 1:9, draw_there)), 9), list(quote(parSapply(cl, c(a = 1, b = 4), function(x) stats::runif(1))), 2),
    list(quote(parSapplyLB(cl, 1:5, function(x) stats::runif(1))), 5), list(quote(clusterApply(cl, 1:7, draw_there)), 7),
    list(quote(clusterApplyLB(cl, 1:7, draw_there)), 7), list(quote(clusterMap(cl, f, 1:5, 6:10)), 5),
    list(quote(clusterMap(cl, f, 1:5, MoreArgs = list(2), .scheduling = "dynamic")), 5),
    list(quote(parApply(cl, m, 1, f)), 4), list(quote(parRapply(cl, m, f)), 4), list(quote(parCapply(cl, m, f)), 3)
  ) |> lapply(function(case) list(eval(call("substitute", case[[1L]], list(f = f, m = m))), case[[2L]]))
}

test_that("every task has the value that its node computed, bit for bit, and the parts are the whole", {
  cl <- test_cluster()
  for (case in units_cases()) {
    clusterSetRNGStream(cl, 5)
    withr::local_seed(3)
    before <- get_random_seed()
    value <- eval(case[[1L]])
    info <- paste(deparse(case[[1L]]), collapse = "")
    r <- job_report()
    expect_identical(r$plan, "cluster", info = info)
    expect_equal(r$tasks, case[[2L]], info = info)
    expect_equal(sum(as.data.frame(r)$count), case[[2L]], info = info)
    expect_equal(sum(r$parts), r$workers * r$wall, info = info)
    expect_true(all(r$parts > -1e-6), info = info)
    expect_identical(nrow(r$nodes), 2L)
    # Two reruns: one does not disturb the other.
    for (k in seq_len(case[[2L]])) for (times in 1:2) {
      expect_identical(rerun_task(r, k), unname(value)[[k]], info = info)
    }
    expect_identical(get_random_seed(), before)
  }
})

test_that("nodes without a random state have one that can be told", {
  skip_on_cran()
  cl <- parallel::makePSOCKcluster(2)
  withr::defer(parallel::stopCluster(cl))
  value <- parLapply(cl, 1:6, draw_there)
  for (k in 1:6) expect_identical(rerun_task(task = k), value[[k]])
  expect_identical(unlist(clusterCall(cl, function() exists(".Random.seed", globalenv()))), c(TRUE, TRUE))
  cl2 <- parallel::makePSOCKcluster(1)
  withr::defer(parallel::stopCluster(cl2))
  parLapply(cl2, 1:6, identity)
  expect_false(clusterCall(cl2, function() exists(".Random.seed", globalenv()))[[1L]])
})

test_that("an error of a task tells the task, its calls and can be rerun", {
  cl <- test_cluster()
  clusterSetRNGStream(cl, 5)
  # The calls of the user's code are told, and the tests' environment is that of the package.
  f <- local({
    g <- function(x) log(x)
    function(x) if (x %in% c(3, 7)) g("a") else x + stats::rnorm(1)
  }, envir = new.env(parent = globalenv()))
  calls <- list(
    quote(parLapply(cl, 1:8, f)), quote(clusterApply(cl, 1:8, f)), quote(parLapplyLB(cl, 1:8, f)),
    quote(clusterMap(cl, f, 1:8)), quote(parRapply(cl, matrix(1:8, 8), f)), quote(clusterApplyLB(cl, 1:8, f))
  )
  for (call in calls) {
    e <- tryCatch(eval(call), error = identity)
    theirs <- tryCatch(eval(as.call(c(call("::", quote(parallel), call[[1L]]), as.list(call)[-1L]))), error = identity)
    info <- deparse(call)
    expect_identical(conditionMessage(e), conditionMessage(theirs), info = info)
    expect_identical(conditionCall(e), conditionCall(theirs))
    expect_identical(class(e), class(theirs))
    expect_identical(e$task, 3L, info = info)
    expect_identical(e$failed, c(3L, 7L), info = info)
    expect_identical(task_trace(e)$call[[length(task_trace(e)$call)]], quote(g("a")), info = info)
    expect_error(rerun_task(e), "non-numeric argument", info = info)
    expect_error(rerun_task(), "non-numeric argument")
    expect_error(rerun_task(task = 7), "non-numeric argument")
    expect_s3_class(job_report(), "rustle_report")
  }
  # In a chunk the others do not run after an error.
  tryCatch(parLapply(cl, 1:8, f), error = identity)
  expect_error(rerun_task(task = 4), "did not run", class = "rustle_error_rerun")
  expect_error(rerun_task(task = 8), "did not run", class = "rustle_error_rerun")
  expect_error(rerun_task(task = 9), "at most 8", class = "rustle_error_argument")
})

test_that("variables are those of the node", {
  cl <- test_cluster()
  f <- function(i) i + rustle_there
  environment(f) <- globalenv()
  withr::defer(rm(list = intersect(c("rustle_there", "rustle_missing"), ls(globalenv())), envir = globalenv()))
  assign("rustle_there", 1, envir = globalenv())
  clusterCall(cl, function() assign("rustle_there", 100, envir = globalenv()))
  value <- parLapply(cl, 1:4, f)
  expect_identical(rerun_task(task = 2), value[[2L]])
  expect_identical(rustle_there, 1)
  # What the session has and the node has not fails here, too.
  assign("rustle_missing", 1, envir = globalenv())
  h <- function(i) i + rustle_missing
  environment(h) <- globalenv()
  e <- tryCatch(parLapply(cl, 1:4, h), error = identity)
  expect_error(rerun_task(e), "rustle_missing")
  expect_identical(rustle_missing, 1)
  gone <- parallel::makePSOCKcluster(1)
  clusterCall(gone, function() assign("rustle_there", 100, envir = globalenv()))
  parLapply(gone, 1:2, f)
  parallel::stopCluster(gone)
  expect_warning(expect_identical(rerun_task(task = 2), 3), "cannot be asked", class = "rustle_warning_rerun")
})

test_that("boot() on a cluster has a report and can be rerun", {
  cl <- test_cluster()
  clusterSetRNGStream(cl, 2)
  set.seed(1)
  b <- boot(mtcars$mpg, function(d, i) mean(d[i]) + stats::rnorm(1), R = 20, parallel = "snow", ncpus = 2, cl = cl)
  expect_equal(job_report()$tasks, 20)
  for (k in c(1, 9, 20)) expect_identical(as.double(rerun_task(task = k)), b$t[k, ])
})

test_that("where there is nothing to tell, that is told, and no older report is shown", {
  cl <- test_cluster()
  silent <- list(
    function() withr::with_options(list(rustle.cluster = FALSE), parLapply(cl, 1:3, sqrt)), function() parLapply(cl, list(), sqrt),
    function() clusterApply(cl, list(), sqrt), function() future_lapply(list(), sqrt), function() future_sapply(NULL, sqrt),
    function() mclapply(list(), sqrt), function() mclapply(1:3, sqrt, mc.cores = 1), function() future_mapply(sum, 1, list()),
    function() with_plan("sequential", parLapply(NULL, list(), sqrt)), function() with_plan("sequential", clusterMap(NULL, sum, list())),
    function() pvec(1:3, sqrt, mc.cores = 1), function() mcmapply(sum, 1:3, mc.cores = 1),
    function() with_plan("sequential", boot(1:9, function(d, i) mean(d[i]), R = 0))
  )
  for (f in silent) {
    with_plan("sequential", future_lapply(1:3, sqrt))
    f()
    expect_message(expect_null(job_report()), class = "rustle_message_no_report", info = deparse(body(f)))
    expect_error(rerun_task(task = 1), class = "rustle_error_rerun", info = deparse(body(f)))
  }
})

test_that("rounds that force imbalance are told, and following the advice ends them", {
  x <- list(plan = "cluster", call = quote(clusterApply(cl, 1:8, f)), workers = 2L, tasks = 8, wall = 4.1, busy = 4.4, parts = matrix(0, 2, length(report_parts), dimnames = list(NULL, names(report_parts))),
    spans = data.frame(task = 1:8, count = 1, worker = 1, start = 0, end = c(1, .1, .1, 1, 1, .1, .1, 1), lost = FALSE, stolen = FALSE),
    facts = list(policy = new_policy("rounds", ends = 1:8)))
  x$times <- x$spans$end
  advice <- advise_chunks(x)
  expect_match(advice$text, "clusterApplyLB")
  expect_equal(advice$now, 4)
  expect_equal(advice$then, simulated(x$times, 2))
  x$times[] <- 1
  expect_null(advise_chunks(x))
  # A cluster that sleeps takes as long as said.
  cl <- test_cluster()
  f <- function(s) Sys.sleep(s)
  at <- c(0.5, 0, 0, 0.5, 0.5, 0, 0, 0.5)
  clusterApply(cl, at, f)
  slow <- job_report()
  expect_true("chunks" %in% slow$advice$kind)
  expect_in_some_try(function() {
    clusterApplyLB(cl, at, f)
    list(shorter = job_report()$wall < slow$wall)
  })
})

test_that("an environment that is dragged along is told, and is not sent when the advice is followed", {
  cl <- test_cluster()
  f <- local({ y <- numeric(3e6); function(i) i + 1 })
  parLapply(cl, 1:4, f)
  r <- job_report()
  expect_match(r$largest$place[[1L]], "$y", fixed = TRUE)
  expect_gt(r$sent, 4.8e7)
  expect_identical(advise_drags(utils::modifyList(unclass(r), list(wall = 1, parts = replace(r$parts, TRUE, 0) + (col(r$parts) == 2) * 0.9)))$kind, "drags")
  # Made where it is not.
  parLapply(cl, 1:4, local(function(i) i + 1, envir = new.env(parent = globalenv())))
  expect_lt(job_report()$sent, 1e6)
  expect_false("drags" %in% job_report()$advice$kind)
})

test_that("a loss is told, and the tasks of the lost node can be rerun", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(timeout = 60, {
    cl <- parallel::makePSOCKcluster(2)
    parallel::clusterSetRNGStream(cl, 5)
    flag <- file.path(scratch, "killed")
    value <- suppressMessages(clusterApply(cl, 1:7, function(i, flag) {
      if (i == 4L && dir.create(flag, showWarnings = FALSE)) { tools::pskill(Sys.getpid(), 9L); Sys.sleep(5) }
      c(i, rnorm(1))
    }, flag))
    r <- job_report()
    out <- list(losses = r$losses == 1, whole = abs(sum(r$parts) / (r$workers * r$wall) - 1) < 0.01, lost = any(as.data.frame(r)$lost))
    again <- suppressWarnings(lapply(1:7, function(k) rerun_task(r, k)))
    out$same <- identical(again, value)
  })
  expect_all_true(run$value)
})

test_that("a call that was interrupted has inputs and no report", {
  skip_unless_faults()
  run <- run_r(timeout = 60, {
    cl <- parallel::makePSOCKcluster(2)
    future_lapply(1:3, sqrt)
    interrupt_when("begun-*", 2L)
    slow <- function(i, scratch) { cat("x", file = file.path(scratch, paste0("begun-", i))); Sys.sleep(i); -i }
    got <- tryCatch(clusterApply(cl, 1:4, slow, scratch), interrupt = function(c) "interrupted")
    out <- list(interrupted = identical(got, "interrupted"), none = is.null(job_report()))
    out$again <- identical(suppressWarnings(rerun_task(task = 1)), -1L)
    parallel::stopCluster(cl)
  })
  expect_all_true(run$value)
})

test_that("a call can be previewed without running there", {
  cl <- test_cluster()
  clusterCall(cl, function() assign("rustle_ran", FALSE, envir = globalenv()))
  p <- preview_job(parLapply(cl, 1:20, function(i) assign("rustle_ran", i, envir = globalenv())), tasks = 0)
  expect_identical(unlist(clusterEvalQ(cl, rustle_ran)), c(FALSE, FALSE))
  expect_equal(p$tasks, 20)
  expect_identical(p$workers, 2L)
  expect_s3_class(preview_job(clusterApply(cl, 1:4, sqrt)), "rustle_preview")
  expect_s3_class(preview_job(clusterMap(cl, sum, 1:4, 2)), "rustle_preview")
})
