# Kinds of plans without an executor of ours: the chunks run as futures.

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
