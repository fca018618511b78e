# Threads, forks and signals around the mt_ functions, in R processes of their own.

# Calls that use every path with threads: results as a list.
every_call <- quote({
  set.seed(1)
  a <- matrix(rnorm(300 * 300), 300)
  p <- crossprod(a)
  tall <- matrix(rnorm(5000 * 20), 5000)
  big <- crossprod(matrix(rnorm(1000 * 1000), 1000))
  every <- function(threads = NULL, large = FALSE) {
    out <- list(
      mt_matmul(a, a, threads = threads), mt_crossprod(tall, threads = threads),
      mt_tcrossprod(a, threads = threads), mt_chol(p, threads = threads),
      mt_chol2inv(p, threads = threads), mt_solve(a, threads = threads),
      mt_det(a, threads = threads), mt_qr(a, threads = threads), mt_svd(a, threads = threads),
      mt_eigen(p, threads = threads), mt_eigen(a, threads = threads),
      mt_prcomp(tall, threads = threads),
      mt_lm_fit(tall, tall[, 1], threads = threads), mt_lm_fit(tall, tall[, 1], qr = TRUE, threads = threads)
    )
    if (large) out <- c(out, list(mt_eigen(big, only.values = TRUE, threads = threads)$values))
    out
  }
})

test_that("after threads were used, forked processes use them and do not hang", {
  skip_unless_faults()
  got <- run_r({
    here <- every(2)
    in_fork <- parallel::mclapply(1:2, function(i) every(2), mc.cores = 2)
    by_default <- parallel::mclapply(1:2, function(i) every(), mc.cores = 2)
    nested <- parallel::mclapply(1:2, function(i) {
      parallel::mclapply(1:2, function(j) every(2), mc.cores = 2)
    }, mc.cores = 2)
    out <- list(
      in_fork = identical(in_fork, list(here, here)), by_default = identical(by_default, list(here, here)),
      nested = identical(nested, list(list(here, here), list(here, here))),
      still = identical(every(2), here)
    )
  }, before = every_call, timeout = 120)
  expect_all_true(got$value)
})

test_that("the parallel eigenvalues of large matrices survive a fork, and agree with one thread", {
  skip_unless_faults()
  got <- run_r({
    here <- every(2, large = TRUE)
    there <- parallel::mclapply(1:2, function(i) every(2, large = TRUE), mc.cores = 2)
    one <- every(1, large = TRUE)
    n <- length(here)
    out <- list(
      fork = identical(there, list(here, here)), others = identical(one[-n], here[-n]),
      large = isTRUE(all.equal(one[[n]], here[[n]], tolerance = 1e-12))
    )
  }, before = every_call, timeout = 120)
  expect_all_true(got$value)
})

test_that("workers of a plan have their share of threads, nested or not", {
  skip_unless_faults()
  got <- run_r({
    Sys.unsetenv(c("OMP_THREAD_LIMIT", "_R_CHECK_LIMIT_CORES_", "RUSTLE_THREADS"))
    threads_of_process <- function() length(list.files("/proc/self/task"))
    here <- every(2)
    plan(multicore, workers = 2, worker_threads = 1)
    one <- future_lapply(1:2, function(i) {
      before <- threads_of_process()
      list(every(), threads_of_process() - before)
    })
    plan(multicore, workers = 2, worker_threads = 2)
    two <- future_lapply(1:2, function(i) {
      before <- threads_of_process()
      list(every(), threads_of_process() - before)
    })
    nested <- future_lapply(1:2, function(i) parallel::mclapply(1:2, function(j) every(2), mc.cores = 2))
    linux <- dir.exists("/proc/self/task")
    out <- list(
      one = identical(lapply(one, `[[`, 1L), list(here, here)),
      two = identical(lapply(two, `[[`, 1L), list(here, here)),
      none_started = !linux || all(vapply(one, function(x) x[[2L]] == 0L, NA)),
      # One worker may have run both tasks: it starts its threads once.
      started = !linux || identical(sort(unique(c(0L, vapply(two, `[[`, 1L, 2L)))), c(0L, 2L)),
      nested = identical(nested, list(list(here, here), list(here, here)))
    )
  }, before = every_call, timeout = 120)
  expect_all_true(got$value)
})

test_that("one thread starts none, and a pool is made once per process", {
  skip_unless_faults()
  skip_unless_linux()
  got <- run_r({
    Sys.unsetenv(c("OMP_THREAD_LIMIT", "_R_CHECK_LIMIT_CORES_"))
    tasks <- function() length(list.files("/proc/self/task"))
    start <- tasks()
    every(1)
    alone <- tasks() - start
    every(2)
    pair <- tasks() - start
    every(2)
    again <- tasks() - start
    out <- list(alone = alone == 0L, pair = pair == 2L, again = again == 2L)
  }, before = every_call, timeout = 60)
  expect_all_true(got$value)
})

test_that("where threads cannot be started the calling thread does the work", {
  skip_unless_faults()
  skip_unless_linux()
  user <- nobody()
  before <- as.call(c(as.name("{"), as.list(limit_processes)[-1L], as.list(every_call)[-1L]))
  got <- run_r(wrap = user$wrap, before = before, directory = user$home, timeout = 60, {
    Sys.setenv(OPENBLAS_NUM_THREADS = "1")
    one <- every(1)
    limit_processes(0L)
    tasks <- length(list.files("/proc/self/task"))
    out <- list(same = identical(every(2), one), none = length(list.files("/proc/self/task")) == tasks)
  })
  expect_all_true(got$value)
})

test_that("an interrupt in any call leaves the next one right", {
  skip_unless_faults()
  got <- run_r({
    here <- every(2)
    big <- matrix(rnorm(1200^2), 1200)
    long <- matrix(rnorm(4e6), ncol = 40)
    y <- long[, 1]
    interrupted <- function(call) {
      interrupt_later(0.3)
      tryCatch({ repeat call(); "done" }, interrupt = function(e) "interrupted") == "interrupted"
    }
    positive <- crossprod(big)
    out <- list(
      product = interrupted(function() mt_matmul(big, big, threads = 2)),
      tall = interrupted(function() mt_crossprod(long, threads = 2)),
      chol = interrupted(function() mt_chol(positive, threads = 2)),
      inverse = interrupted(function() mt_chol2inv(positive, threads = 2)),
      solve = interrupted(function() mt_solve(big, threads = 2)),
      det = interrupted(function() mt_det(big, threads = 2)),
      qr = interrupted(function() mt_qr(big, threads = 2)),
      lm = interrupted(function() mt_lm_fit(long, y, threads = 2)),
      eigen = interrupted(function() mt_eigen(positive[1:200, 1:200], threads = 2)),
      after = identical(every(2), here)
    )
  }, before = every_call, timeout = 120)
  expect_all_true(got$value)
})

test_that("other signals are delivered while threads work", {
  skip_unless_faults()
  got <- run_r({
    big <- matrix(rnorm(1500^2), 1500)
    # R ignores it in moments when it has suspended interrupts: sent until R has ended.
    system(sprintf("(while sleep 0.3 && kill -s USR1 %d; do :; done) >/dev/null 2>&1 &", Sys.getpid()))
    repeat mt_matmul(big, big, threads = 2)
  }, timeout = 60, quietly = TRUE)
  # SIGUSR1 makes R save and quit.
  expect_false(got$timeout)
})

test_that("linalg_info() says what is used", {
  info <- linalg_info(threads = 2)
  expect_s3_class(info, "rustle_linalg_info")
  expect_identical(info$threads, 2L)
  expect_match(info$faer, "^0[.]24[.][0-9]+$")
  expect_identical(names(info$operations), c("operation", "path", "threads", "why"))
  listed <- paste(info$operations$operation, collapse = " ")
  names <- grep("^mt_col", grep("^mt_", getNamespaceExports("rustle"), value = TRUE), value = TRUE, invert = TRUE)
  for (name in setdiff(names, "mt_lm")) expect_match(listed, paste0(name, "\\b"))
  expect_output(print(info), "faer 0.24")
  expect_argument_error(linalg_info(threads = 0), "threads")
})

test_that("one thread is one thread, whatever the size and the options", {
  skip_unless_linux()
  run <- run_r({
    options(rustle.threads = "no number")
    x <- matrix(rnorm(4e5), 2e5)
    threads <- function() length(list.files("/proc/self/task"))
    before <- threads()
    mt_cor(x, threads = 1L)
    mt_cov(x, x, threads = 1L)
    mt_qr(x, threads = 1L)
    mt_lm_fit(x, x[, 1L], qr = TRUE, threads = 1L)
    mt_rowSums(x, threads = 1L)
    mt_dist(x[1:800, ], threads = 1L)
    mt_lm_batch(array(x, c(1e5, 2, 2)), x[1:1e5, ], threads = 1L)
    out <- identical(threads(), before)
  })
  expect_true(run$value)
})

test_that("tiny arguments give what base gives, to the bit", {
  set.seed(3)
  for (k in 1:20) {
    x <- matrix(rnorm(24), 8, dimnames = if (k %% 2L) list(letters[1:8], LETTERS[1:3]))
    p <- crossprod(x) + diag(3)
    v <- c(rnorm(6), if (k %% 3L == 0L) c(NA, NaN))
    expect_identical(mt_rowSums(x), rowSums(x))
    expect_identical(mt_colSums(x), colSums(x))
    expect_identical(mt_rowMeans(x), rowMeans(x))
    expect_identical(mt_colMeans(x), colMeans(x))
    expect_identical(mt_sort(v), sort(v))
    expect_identical(mt_order(v), order(v))
    expect_identical(mt_cor(x), cor(x))
    expect_identical(mt_cov(x), cov(x))
    expect_identical(mt_solve(p), solve(p))
    expect_identical(mt_chol(p), chol(p))
    expect_identical(mt_qr(x), qr(x))
    expect_identical(mt_prcomp(x), prcomp(x))
    expect_identical(`attr<-`(mt_dist(x), "call", NULL), `attr<-`(dist(x), "call", NULL))
    expect_identical(attr(mt_dist(x), "call"), quote(mt_dist(x = x)))
    expect_identical(mt_cov(x, threads = 1L), cov(x))
    expect_identical(mt_cor(x, threads = 1L), cor(x))
  }
  expect_identical(1 / mt_sort(c(0, -0)), c(-Inf, Inf))
  of_dots <- function(...) mt_dist(...)
  expect_identical(attr(of_dots(x), "call"), quote(mt_dist(x = ..1)))
  expect_identical(attr(lapply(list(x), mt_dist)[[1L]], "call"), quote(FUN(x = X[[i]])))
  constant <- cbind(1, 1:4)
  warned <- tryCatch(mt_cor(constant), warning = identity)
  expect_identical(conditionCall(warned), quote(mt_cor(constant)))
  expect_match(conditionMessage(warned), "standard deviation is zero")
})
