# Chunks as future.apply cuts them: tasks of one chunk follow one another in one
# process, so what it makes is what makeChunks() says.

chunks_of <- function(n, workers, ...) {
  policy <- list(...)
  future.apply:::makeChunks(
    nbrOfElements = n, nbrOfWorkers = workers,
    future.scheduling = if (is.null(policy$scheduling)) 1 else policy$scheduling,
    future.chunk.size = policy$chunk_size
  )
}

ours_of <- function(n, workers, scheduling = 1, chunk_size = NULL) {
  policy <- policy_of_future(n, workers, scheduling, chunk_size, TRUE, NULL)
  ends <- policy$ends
  starts <- c(0L, utils::head(ends, -1L))
  Map(function(from, to) seq.int(from + 1L, length.out = to - from), starts, ends)
}

test_that("future.scheduling and future.chunk.size cut chunks as future.apply does", {
  for (n in c(1L, 2L, 5L, 10L, 17L, 100L)) {
    for (workers in 1:5) {
      for (scheduling in list(0, 0.3, 0.5, 0.6, 1, 1.5, 2, 2.5, 10, Inf, TRUE, FALSE)) {
        expect_equal(
          lengths(ours_of(n, workers, scheduling)), lengths(chunks_of(n, workers, scheduling = scheduling)),
          ignore_attr = TRUE
        )
      }
      for (size in c(0.5, 1, 2, 3, 4, 7, 10, 1000, Inf)) {
        expect_equal(
          lengths(ours_of(n, workers, chunk_size = size)), lengths(chunks_of(n, workers, chunk_size = size)),
          ignore_attr = TRUE
        )
      }
    }
  }
})

test_that("chunks are contiguous and hold every task once", {
  for (n in c(1L, 10L, 23L)) {
    for (scheduling in list(0.6, 1, 2, Inf)) {
      expect_identical(unlist(ours_of(n, 3, scheduling)), seq_len(n))
    }
  }
})

test_that("a call that names no chunks follows the plan's schedule", {
  plan <- list(settings = list(schedule = "guided", chunk_size = 3L))
  policy <- policy_of_future(10L, 2L, 1, NULL, FALSE, plan)
  expect_identical(policy$schedule, "guided")
  expect_identical(policy$chunk, 3L)
  expect_null(policy$ends)
})

test_that("an ordering alone keeps the plan's rule and is a permutation", {
  for (ordering in list(5:1, function(n) n:1, as.numeric(5:1))) {
    policy <- policy_of_future(5L, 2L, structure(1, ordering = ordering), NULL, TRUE, NULL)
    expect_identical(policy$order, 5:1)
  }
})

test_that("ordering = \"random\" leaves the random state alone", {
  for (state in c(test_seeds(), list(NULL))) {
    got <- observe(
      policy_of_future(20L, 2L, structure(1, ordering = "random"), NULL, TRUE, NULL)$order, state
    )
    expect_identical(sort(got$value), 1:20)
    expect_identical(got$seed, state)
  }
})

test_that("wrong chunk rules stop before anything has started", {
  ran <- FALSE
  FUN <- function(i) ran <<- TRUE
  for (plan in list(list("sequential"), list("multicore", workers = 2))) {
    under_plan(plan, {
      for (size in list(0, -1, NA, "2", c(1, 2), TRUE, NaN, list(1))) {
        expect_argument_error(future_lapply(1:3, FUN, future.chunk.size = size), "future.chunk.size")
      }
      for (scheduling in list(-1, NA, "2", c(1, 2), NULL, NaN, list(1))) {
        expect_argument_error(future_lapply(1:3, FUN, future.scheduling = scheduling), "future.scheduling")
      }
      for (ordering in list(1:2, c(1, 1, 2), "shuffled", 0:2, c(1, NA, 3), function(n) 1L, list(1, 2, 3))) {
        expect_argument_error(
          future_lapply(1:3, FUN, future.scheduling = structure(1, ordering = ordering)),
          "future.scheduling attribute \"ordering\""
        )
      }
    })
  }
  expect_false(ran)
})

test_that("with dynamic and chunk_size = 1 tasks are processed in order, by one worker", {
  skip_without_fork()
  seen <- with_plan("multicore", workers = 1, schedule = "dynamic", utils::capture.output(
    invisible(future_lapply(1:4, function(i) cat(i, ""), future.scheduling = structure(TRUE, ordering = c(4, 2, 1, 3))))
  ))
  expect_identical(seen, "4 2 1 3 ")
})
