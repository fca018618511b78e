# The number of threads that a call gets, in fresh sessions: the answer is kept there.
count <- quote(count <- function(...) rustle:::thread_count(...))

test_that("the argument comes before with_threads(), the option, the variable and the share", {
  skip_on_cran()
  got <- run_r({
    Sys.unsetenv(c("OMP_THREAD_LIMIT", "_R_CHECK_LIMIT_CORES_", "RUSTLE_THREADS"))
    share <- count()
    Sys.setenv(RUSTLE_THREADS = "7")
    variable <- count()
    options(rustle.threads = 6)
    option <- count()
    out <- list(
      share = share == rustle:::available_workers(), variable = variable == 7L, option = option == 6L,
      with = with_threads(5, count()) == 5L, inner = with_threads(5, with_threads(4, count())) == 4L,
      argument = with_threads(5, count(3)) == 3L, restored = count() == 6L,
      value = identical(with_threads(2, "value"), "value")
    )
    try(with_threads(5, stop("no")), silent = TRUE)
    out$restored_after_error <- count() == 6L
  }, before = count)
  expect_all_true(got$value)
})

test_that("OMP_THREAD_LIMIT and _R_CHECK_LIMIT_CORES_ limit whatever was asked for", {
  skip_on_cran()
  got <- run_r({
    Sys.unsetenv("_R_CHECK_LIMIT_CORES_")
    Sys.setenv(OMP_THREAD_LIMIT = "3")
    three <- count(8)
    Sys.setenv(`_R_CHECK_LIMIT_CORES_` = "TRUE")
    two <- c(count(8), with_threads(8, count()))
    Sys.setenv(OMP_THREAD_LIMIT = "1")
    one <- count(8)
    Sys.unsetenv("OMP_THREAD_LIMIT")
    Sys.setenv(`_R_CHECK_LIMIT_CORES_` = "false")
    available <- rustle:::machine_cores()
    out <- list(three = three == 3L, two = all(two == 2L), one = one == 1L, free = count(8) == 8L,
      sane = count(1e9) == max(64L, available))
  }, before = count)
  expect_all_true(got$value)
})

test_that("workers have their share, whatever was chosen in the session", {
  skip_unless_faults()
  got <- run_r({
    Sys.unsetenv(c("OMP_THREAD_LIMIT", "_R_CHECK_LIMIT_CORES_", "RUSTLE_THREADS"))
    rustle:::set_machine_cores(8L)
    counts <- function() list(c(count(), count(64), with_threads(64, count())))
    plan(multicore, workers = 2)
    options(rustle.threads = 64)
    share <- unlist(future_lapply(1:2, function(i) counts()))
    plan(multicore, workers = 2, worker_threads = 3)
    set <- unlist(future_lapply(1:2, function(i) counts()))
    options(rustle.threads = 2)
    below <- unlist(with_threads(1, future_lapply(1:2, function(i) count())))
    foreign <- unlist(parallel::mclapply(1:2, function(i) count(), mc.cores = 2))
    asked <- unlist(parallel::mclapply(1:2, function(i) c(count(2), with_threads(3, count())), mc.cores = 2))
    inside <- unlist(future_lapply(1:2, function(i) {
      unlist(parallel::mclapply(1:2, function(j) count(), mc.cores = 2, mc.preschedule = FALSE))
    }))
    out <- list(
      share = all(share == 4L), set = all(set == 3L), below = all(below == 1L),
      foreign = all(foreign == 1L), asked = identical(asked, c(2L, 3L, 2L, 3L)), inside = all(inside == 1L)
    )
  }, before = count)
  expect_all_true(got$value)
})

test_that("what cannot be a number of threads is named", {
  expect_argument_error(with_threads(0, 1), "n")
  expect_argument_error(with_threads("2", 1), "n")
  withr::with_options(list(rustle.threads = "many"), {
    expect_argument_error(mt_crossprod(diag(30)), "option rustle.threads")
  })
  withr::with_envvar(c(RUSTLE_THREADS = "all"), withr::with_options(list(rustle.threads = NULL), {
    expect_argument_error(mt_crossprod(diag(30)), "variable RUSTLE_THREADS")
  }))
})

test_that("interrupts and time limits end a product between its slices, and the next one is right", {
  skip_unless_faults()
  got <- run_r({
    x <- matrix(rnorm(9e6), 3000)
    took <- function(threads) {
      interrupt_later(0.3)
      tryCatch({ for (i in 1:100) mt_matmul(x, x, threads = threads); "done" },
        interrupt = function(e) "interrupted")
    }
    one <- took(1)
    two <- took(2)
    limit <- tryCatch({
      setTimeLimit(elapsed = 0.3, transient = TRUE)
      for (i in 1:100) mt_crossprod(x, threads = 2)
    }, error = conditionMessage)
    setTimeLimit()
    small <- x[, 1:10]
    out <- list(
      one = one == "interrupted", two = two == "interrupted",
      limit = grepl("time limit", limit),
      right = isTRUE(all.equal(mt_crossprod(small, threads = 2), crossprod(small)))
    )
  }, timeout = 60)
  expect_all_true(got$value)
})

test_that("conditions show the user's call", {
  x <- random(40, 20)
  p <- positive_definite(20)
  calls <- alist(
    mt_matmul = mt_matmul(p, p, threads = 0), mt_crossprod = mt_crossprod(x, threads = 0),
    mt_tcrossprod = mt_tcrossprod(x, x, threads = 0), mt_chol = mt_chol(p, threads = 0),
    mt_chol2inv = mt_chol2inv(p, threads = 0), mt_solve = mt_solve(p, 1:20, threads = 0),
    mt_det = mt_det(p, threads = 0), mt_determinant = mt_determinant(p, threads = 0),
    mt_qr = mt_qr(x, threads = 0), mt_svd = mt_svd(x, threads = 0), mt_eigen = mt_eigen(p, threads = 0),
    mt_prcomp = mt_prcomp(x, threads = 0), mt_prcomp = mt_prcomp(~ mpg + wt, mtcars, threads = 0),
    mt_prcomp = mt_prcomp(x, rank. = 0), mt_lm_fit = mt_lm_fit(x, 1:40, threads = 0),
    mt_lm_fit = mt_lm_fit(x, 1:40, tol = -1), mt_lm = mt_lm(mpg ~ wt, mtcars, threads = 0),
    mt_lm = mt_lm(mpg ~ wt, mtcars, tol = -1), mt_lm = mt_lm(mpg ~ wt, mtcars, qr = NA),
    mt_dist = mt_dist(x, threads = 0), mt_cor = mt_cor(x, threads = 0), mt_cov = mt_cov(x, schedule = 1),
    mt_rowSums = mt_rowSums(x, threads = 0), mt_colMeans = mt_colMeans(x, threads = 0),
    mt_rowVars = mt_rowVars(x, threads = 0), mt_colMedians = mt_colMedians(x, threads = 0),
    mt_rowQuantiles = mt_rowQuantiles(x, threads = 0), mt_sort = mt_sort(x, threads = 0),
    mt_order = mt_order(x, threads = 0), mt_solve_batch = mt_solve_batch(array(1, c(2, 2, 2)), threads = 0),
    mt_chol_batch = mt_chol_batch(array(1, c(2, 2, 2)), threads = 0),
    mt_lm_batch = mt_lm_batch(x, x, tol = -1), linalg_info = linalg_info(threads = 0)
  )
  for (k in seq_along(calls)) {
    expect_identical(shown_call(eval(calls[[k]])), names(calls)[[k]], info = deparse(calls[[k]]))
    # Called by other functions, too.
    expect_identical(shown_call(lapply(1, function(i) eval(calls[[k]]))), names(calls)[[k]])
  }
})

test_that("a time limit is an error of the user's call", {
  skip_unless_faults()
  got <- run_r({
    x <- matrix(rnorm(9e6), 3000)
    shown <- tryCatch({
      setTimeLimit(elapsed = 0.3, transient = TRUE)
      for (i in 1:1000) mt_crossprod(x, threads = 2)
    }, error = function(e) list(conditionMessage(e), conditionCall(e)))
    setTimeLimit()
    inner <- c("rs_check_interrupt", "in_slices", "run_slices", "withCallingHandlers", "step", "product", "rs_product")
    out <- list(limit = grepl("time limit", shown[[1L]]), call = !as.character(shown[[2L]])[[1L]] %in% inner)
  }, timeout = 60)
  expect_all_true(got$value)
})
