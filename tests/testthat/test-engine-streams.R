draws <- function(i) list(rnorm(2), runif(1), sample(10L, 3L), rexp(1), RNGkind())

seed_forms_of <- function(n) {
  seeds <- test_seeds()
  lecuyer <- vector("list", n)
  seed <- seeds$lecuyer
  for (i in seq_len(n)) lecuyer[[i]] <- seed <- parallel::nextRNGStream(seed)
  mersenne <- lapply(seq_len(n), function(i) withr::with_seed(i, globalenv()[[".Random.seed"]]))
  list(
    yes = TRUE, whole = 42L, number = 43, negative = -7, lecuyer = seeds$lecuyer,
    as_double = as.numeric(seeds$lecuyer), list_lecuyer = lecuyer, list_mersenne = mersenne
  )
}

test_that("every form of future.seed gives future.apply's numbers and moves the state as it does", {
  skip_on_cran()
  for (state in test_seeds()) {
    for (seed in seed_forms_of(6L)) {
      oracle <- observe(under_future(future.apply::future_lapply(1:6, draws, future.seed = seed)), state)
      expect_null(oracle$message)
      expect_every_way(
        function(...) future_lapply(1:6, draws, future.seed = seed, ...), oracle, seed = state,
        plans = few_plans()[c(1, 3, 5)], chunkings = test_chunkings(6L)["at_random"]
      )
    }
  }
})

test_that("the numbers are the same for every schedule, chunking and number of workers", {
  state <- test_seeds()$mersenne
  oracle <- observe(under_future(future.apply::future_lapply(1:13, draws, future.seed = TRUE)), state)
  expect_every_way(function(...) future_lapply(1:13, draws, future.seed = TRUE, ...), oracle, seed = state)
})

test_that("task i draws from substream 1 of stream i", {
  skip_without_fork()
  seed <- test_seeds()$lecuyer
  ours <- with_plan("multicore", workers = 3, future_lapply(
    1:20, function(i) globalenv()[[".Random.seed"]], future.seed = seed
  ))
  for (i in 1:20) {
    expect_identical(ours[[i]], parallel::nextRNGSubStream(seed))
    seed <- parallel::nextRNGStream(seed)
  }
})

test_that("the numbers of 5000 tasks are future.apply's", {
  skip_on_cran()
  skip_without_fork()
  oracle <- under_future(future.apply::future_sapply(1:5000, function(i) runif(1), future.seed = 5))
  ours <- with_plan("multicore", workers = 2, future_sapply(1:5000, function(i) runif(1), future.seed = 5))
  expect_identical(ours, oracle)
})

test_that("without a random state the numbers of a given seed are future.apply's, and one exists afterwards or not, as there", {
  skip_without_fork()
  for (seed in c(seed_forms_of(4L)[-1L], list(TRUE, FALSE, NULL))) {
    oracle <- observe(under_future(future.apply::future_lapply(1:4, identity, future.seed = seed)), NULL)
    for (plan in list(list("sequential"), list("multicore", workers = 2))) {
      ours <- under_plan(plan, observe(future_lapply(1:4, identity, future.seed = seed), NULL))
      expect_identical(is.null(ours$seed), is.null(oracle$seed))
      # future.apply 1.10 leaves another kind of generator behind here.
      if (packageVersion("future.apply") >= "1.20.0") expect_identical(ours$seed[1L], oracle$seed[1L])
    }
  }
  oracle <- observe(under_future(future.apply::future_lapply(1:4, draws, future.seed = 42)), NULL)
  ours <- with_plan("multicore", workers = 2, observe(future_lapply(1:4, draws, future.seed = 42), NULL))
  expect_identical(ours$value, oracle$value)
})

test_that("an error moves the state as it does in future.apply", {
  FUN <- function(i) if (i == 3L) stop("no") else rnorm(1)
  for (state in test_seeds()) {
    for (seed in c(seed_forms_of(5L), list(NULL))) {
      oracle <- observe(under_future(future.apply::future_lapply(1:5, FUN, future.seed = seed)), state)
      if (is.null(seed)) oracle$seed <- state
      expect_every_way(
        function(...) future_lapply(1:5, FUN, future.seed = seed, ...), oracle, seed = state, n = 5L,
        plans = few_plans()["static 2"], chunkings = list(), parts = c("message", "seed")
      )
    }
  }
})

test_that("two calls in a row draw different numbers, the same as future.apply's two", {
  skip_without_fork()
  twice <- function(f) list(f(1:3, rnorm, future.seed = TRUE), f(1:3, rnorm, future.seed = TRUE))
  for (state in test_seeds()) {
    oracle <- observe(under_future(twice(future.apply::future_lapply)), state)
    ours <- with_plan("multicore", workers = 2, observe(twice(future_lapply), state))
    expect_identical(ours[c("value", "seed")], oracle[c("value", "seed")])
    expect_false(identical(ours$value[[1L]], ours$value[[2L]]))
  }
})

test_that("future.seed = NA moves the state and gives no streams, as in future.apply", {
  skip_without_fork()
  for (state in test_seeds()) {
    oracle <- observe(under_future(future.apply::future_lapply(1:3, identity, future.seed = NA)), state)
    ours <- with_plan("multicore", workers = 2, observe(future_lapply(1:3, identity, future.seed = NA), state))
    expect_identical(ours[c("value", "seed")], oracle[c("value", "seed")])
  }
})

test_that("a task that only sets a seed, or removes it, disturbs nobody", {
  skip_without_fork()
  state <- test_seeds()$mersenne
  FUN <- function(i) {
    if (i %% 2L) set.seed(i, kind = "Wichmann-Hill") else rm(".Random.seed", envir = globalenv())
    runif(1)
  }
  odd <- seq.int(1L, 7L, by = 2L)
  oracle <- observe(under_future(future.apply::future_lapply(1:8, FUN, future.seed = 1)), state)
  ours <- with_plan("multicore", workers = 2, observe(future_lapply(1:8, FUN, future.seed = 1), state))
  expect_identical(ours$value[odd], oracle$value[odd])
  expect_identical(ours$seed, oracle$seed)
})

test_that("wrong seeds stop before anything has started", {
  good <- seed_forms_of(3L)$list_mersenne
  short <- good
  short[[2L]] <- 1:3
  for (seed in list(
    "a", NA_integer_, NaN, Inf, c(1, 2), 1:7, 1e10, list(), good[1:2], short, list(1L, 2L, 3L),
    list(1:2, 1:2, 1:2), c(TRUE, FALSE), sum, lapply(good, as.numeric)
  )) {
    for (plan in list(list("sequential"), list("multicore", workers = 2))) {
      expect_argument_error(under_plan(plan, future_lapply(1:3, stop, future.seed = seed)), "future.seed")
    }
  }
})

test_that("without seeds the caller's state stays as it was, also where tasks run in the session", {
  for (seed in list(FALSE, NULL)) {
    for (before in c(list(NULL), test_seeds())) {
      draw <- function(apply) observe(suppressWarnings(apply(1:3, function(i) runif(1), future.seed = seed)), before)
      ours <- with_plan(sequential, draw(future_lapply))
      oracle <- under_future(draw(future.apply::future_lapply))
      expect_identical(ours$seed, before)
      if (!is.null(before)) expect_identical(ours[c("value", "seed")], oracle[c("value", "seed")])
    }
  }
})

test_that("set.seed() in a task gives lapply()'s numbers after every call that sets the random state", {
  skip_without_fork()
  skip_if_not_installed("foreach")
  withr::local_preserve_seed()
  `%dopar%` <- foreach::`%dopar%`
  registerDoRustle()
  withr::defer(foreach::registerDoSEQ())
  FUN <- function(i) { set.seed(i); list(rnorm(2), sample(10L, 2L), RNGkind()) }
  draw <- function(i) runif(1)
  seeded <- list(seed = 7)
  before <- list(
    future_lapply = function() future_lapply(1:2, draw, future.seed = 7),
    "a list of seeds" = function() future_lapply(1:2, draw, future.seed = rep(list(test_seeds()$wichmann), 2L)),
    mapply = function() future_mapply(draw, 1:2, future.seed = TRUE),
    replicate = function() future_replicate(2, runif(1)),
    foreach = function() foreach::foreach(i = 1:2, .options.rustle = seeded) %dopar% draw(i),
    "a kind of its own" = function() future_lapply(1, function(i) set.seed(1, "Wichmann-Hill", "Box-Muller"), future.seed = NULL),
    cv = function() cv(cars, function(train) lm(dist ~ speed, train), response = "dist", K = 3, seed = 1),
    bootstrap = function() bootstrap(cars, function(d, i) mean(d$dist[i]), 5, seed = 1),
    blb = function() blb(cars$dist, "mean", s = 2, R = 20, seed = 1),
    future.apply = function() future.apply::future_lapply(1:2, draw, future.seed = 7),
    withr = function() withr::with_seed(1, runif(1), .rng_kind = "Wichmann-Hill"),
    assignment = function() { RNGkind("L'Ecuyer-CMRG", "Ahrens-Dieter"); runif(1) }
  )
  for (state in c(test_seeds()[c("mersenne", "rounding")], list(NULL))) {
    suppressWarnings(RNGkind("default", "default", "default"))
    expected <- observe(lapply(1:2, FUN), state)$value
    for (name in names(before)) {
      if (is.null(state) && name %in% c("withr", "assignment", "future.apply")) next
      observe(before[[name]](), state)
      for (seed in list(FALSE, NULL)) {
        got <- observe(with_plan("multicore", workers = 2, future_lapply(1:2, FUN, future.seed = seed)), state)
        expect_identical(got$value, expected, info = name)
      }
      got <- observe(with_plan("multicore", workers = 2, foreach::foreach(i = 1:2) %dopar% FUN(i)), state)
      expect_identical(got$value, expected, info = name)
      for (schedule in c(TRUE, FALSE)) {
        got <- observe(mclapply(1:2, FUN, mc.cores = 2, mc.preschedule = schedule), state)
        expect_identical(got$value, expected, info = name)
      }
    }
  }
})
