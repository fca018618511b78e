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

test_that("every future_*() follows the plan's schedule unless the call names chunks", {
  skip_without_fork()
  withr::local_options(rustle.timings = TRUE)
  e <- list2env(as.list(stats::setNames(1:6, letters[1:6])))
  m <- matrix(1:6, 6)
  d <- data.frame(x = 1:6, g = letters[1:6])
  calls <- list(
    future_lapply = function(...) future_lapply(1:6, identity, ...),
    future_sapply = function(...) future_sapply(1:6, identity, ...),
    future_vapply = function(...) future_vapply(1:6, identity, 1L, ...),
    future_eapply = function(...) future_eapply(e, identity, ...),
    future_apply = function(...) future_apply(m, 1L, identity, ...),
    future_mapply = function(...) future_mapply(identity, 1:6, ...),
    future_Map = function(...) future_Map(identity, 1:6, ...),
    future_.mapply = function(...) future_.mapply(identity, list(1:6), NULL, ...),
    future_Filter = function(...) future_Filter(function(x) TRUE, 1:6, ...),
    future_tapply = function(...) future_tapply(d$x, d$g, identity, ...),
    future_by = function(...) future_by(d, d$g, function(x) x$x, ...),
    future_replicate = function(...) future_replicate(6L, 1, ...)
  )
  expect_setequal(names(calls), setdiff(grep("^future_", getNamespaceExports("rustle"), value = TRUE), "future_kernapply"))
  claims <- function(run) {
    run()
    reports$last$claims
  }
  local_plan("multicore", workers = 1L, schedule = "dynamic", chunk_size = 1L)
  for (name in names(calls)) {
    expect_equal(claims(function() calls[[name]]()), 6, info = name)
    expect_equal(claims(function() calls[[name]](future.scheduling = 1)), 1, info = name)
    expect_equal(claims(function() calls[[name]](future.chunk.size = 3)), 2, info = name)
  }
  # An operator of future's leaves the argument in this option.
  expect_equal(claims(function() {
    options(future.disposable = list(scheduling = 2))
    future_lapply(1:6, identity, future.chunk.size = NULL)
  }), 2)
})
