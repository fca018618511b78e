# Kinds of plans without an executor of ours: the chunks run as futures.

test_that("multisession gives the values, numbers, output, conditions and errors of the original", {
  skip_on_cran()
  local_plan("multisession", workers = 2)
  offset <- 10
  FUN <- function(i, k) i + k + offset
  expect_identical(future_lapply(c(a = 1, b = 2, c = 3), FUN, k = 5), lapply(c(a = 1, b = 2, c = 3), FUN, k = 5))
  expect_identical(future_lapply(1:4, function(i) if (i == 2L) NULL else i), lapply(1:4, function(i) if (i == 2L) NULL else i))
  expect_false(Sys.getpid() %in% unlist(future_lapply(1:2, function(i) Sys.getpid())))

  for (state in test_seeds()[1:2]) {
    for (seed in list(TRUE, 42L)) {
      oracle <- observe(under_future(future.apply::future_lapply(1:5, rnorm, future.seed = seed)), state)
      ours <- observe(future_lapply(1:5, rnorm, future.seed = seed), state)
      expect_identical(ours[c("value", "seed")], oracle[c("value", "seed")])
    }
  }

  for (chunking in test_chunkings(5L)[c("size_1", "scheduling_0.6", "reversed")]) {
    expect_identical(do.call(future_lapply, c(list(1:5, sqrt), chunking)), lapply(1:5, sqrt))
  }

  error <- tryCatch(future_lapply(1:4, function(i) {
    if (i >= 2L) stop(structure(class = c("my_error", "error", "condition"), list(message = paste("bad", i), call = NULL)))
  }), error = identity)
  expect_s3_class(error, "my_error")
  expect_identical(conditionMessage(error), "bad 2")
  expect_identical(error$task, 2L)

  got <- observe(future_lapply(1:2, function(i) { message("m", i); warning("w", i); i }))
  expect_identical(got$messages, c("m1\n", "m2\n"))
  expect_identical(got$warnings, c("w1", "w2"))
  expect_output(future_lapply(1:2, function(i) cat("out", i, "\n")), "out 1 \nout 2")
  suppressWarnings(
    expect_warning(future_lapply(1:2, function(i) runif(1)), class = "RngFutureWarning")
  )
  functions <- future_lapply(1:3, function(x) function() x)
  expect_identical(lapply(functions, function(f) f()), list(1L, 2L, 3L))
  bang <- function(f) f()
  helper <- function() offset * 2
  expect_identical(future_lapply(list(function() helper(), function() offset), bang), list(20, 10))

  matrices <- list(matrix(1:4, 2), matrix(5:8, 2))
  expect_identical(future_lapply(matrices, "[", , 1), lapply(matrices, "[", , 1))
})

chunks <- function(n, workers, ...) future_chunks(list(n = n, policy = new_policy(...)), workers)

test_that("the chunks of a job hold every task once, for every schedule", {
  for (n in c(1L, 5L, 12L)) {
    for (workers in 1:5) {
      for (schedule in test_schedules()) {
        expect_identical(sort(unlist(chunks(n, workers, schedule))), seq_len(n))
      }
      expect_identical(unlist(chunks(n, workers, "dynamic", 3L)), seq_len(n))
      expect_identical(unlist(chunks(n, workers, "static", order = rev(seq_len(n)))), rev(seq_len(n)))
    }
  }
})

test_that("cyclic chunks are every w-th task, explicit ones as they were cut", {
  expect_identical(chunks(5L, 2L, "cyclic"), list(c(1L, 3L, 5L), c(2L, 4L)))
  expect_identical(chunks(5L, 2L, "dynamic", ends = c(2L, 2L, 5L)), list(1:2, 3:5))
})
