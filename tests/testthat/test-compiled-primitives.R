# The functions that compiled closures call, against R's functions of the same names: values
# with their bits and types, and the random state afterwards.

# The primitive has R's value and leaves R's random state, or gives up; it gives up where R
# warns or fails, and where the value has NaN that R may call NA.
expect_never_wrong <- function(name, arguments) {
  force(arguments)
  entry <- primitive_table[[name]]
  if (is.null(get_random_seed())) set.seed(1)
  seed <- get_random_seed()
  want <- call_reference(entry, arguments)
  set_random_seed(seed)
  got <- call_primitive(name, arguments)
  if (!is.null(got) && !same_bits(want, got)) {
    fail(sprintf("%s(%s) is not R's", name, paste(vapply(arguments, deparse1, ""), collapse = ", ")))
  }
  if (!is.null(want)) set_random_seed(want$seed)
  !is.null(got)
}

# The same, and it does not give up.
expect_same <- function(name, ...) {
  arguments <- list(...)
  if (!expect_never_wrong(name, arguments)) {
    fail(sprintf("%s(%s) gives up", name, paste(vapply(arguments, deparse1, ""), collapse = ", ")))
  }
  succeed()
}

# On both kinds of generators, with R's other defaults.
with_generators <- function(code) {
  state <- random_state()
  on.exit(restore_random_state(state))
  for (kind in c("Mersenne-Twister", "L'Ecuyer-CMRG")) {
    RNGkind(kind, "Inversion", "Rejection")
    set.seed(some_or(20, sample.int(1e6, 1L)))
    code()
  }
}

numbers <- function(n) {
  switch(sample.int(6L, 1L),
    rnorm(n), round(rnorm(n), 1) + 0, 10^runif(n, -15, 15) * sample(c(-1, 1), n, TRUE),
    rep_len(1e8 + runif(3L), n), sample(-3:3, n, TRUE) + 0, runif(n)
  )
}

test_that("every primitive is R's function here", {
  expect_length(primitives_refused(names(primitive_table)), 0L)
})

test_that("the comparison leaves the random state as it was", {
  state <- random_state()
  on.exit(restore_random_state(state))
  set.seed(4, kind = "Mersenne-Twister")
  before <- get_random_seed()
  expect_identical(compare_primitive("rnorm"), "")
  expect_identical(get_random_seed(), before)
  rm(".Random.seed", envir = globalenv())
  expect_identical(compare_primitive("rnorm"), "")
  expect_null(get_random_seed())
  expect_identical(RNGkind()[[1L]], "Mersenne-Twister")
})

test_that("a primitive that differs is switched off, with the reason", {
  other <- primitive_table$sum
  other$reference <- function(x) sum(x) + 1
  expect_match(compare_primitive("sum", other), "^sum[(][)] gives other numbers here than R's own function$")
  # One that draws other numbers of the same value.
  other <- list(reference = function(n, min, max) { runif(1); rep(1, n) }, cases = function() list(list(5, 1, 1)))
  expect_match(compare_primitive("runif", other), "runif")
  # One whose value has another type.
  other <- list(reference = function(x) as.double(sum(x)), cases = function() list(list(1:3)))
  expect_match(compare_primitive("sum", other), "sum")

  kept <- primitive_verdicts$sum
  on.exit(if (is.null(kept)) rm("sum", envir = primitive_verdicts) else assign("sum", kept, primitive_verdicts))
  primitive_verdicts$sum <- "a reason"
  expect_identical(primitives_refused(c("mean", "sum", "no primitive")), c(sum = "a reason"))
})

test_that("random numbers have R's bits and leave R's random state", {
  with_generators(function() {
    n <- some_or(2000, 20000)
    for (round in seq_len(some_or(1L, 30L))) {
      expect_same("runif", n, -runif(3), runif(2))
      expect_same("rnorm", n, rnorm(7), rexp(5))
      expect_same("rexp", n, 10^runif(9, -5, 5))
      expect_same("rlnorm", n, rnorm(3), runif(2))
      expect_same("rlogis", n, rnorm(3), runif(2))
      expect_same("rcauchy", n, rnorm(3), runif(2))
      expect_same("rweibull", n, 10^runif(9, -1, 2), runif(2))
      expect_same("rgamma", n, 10^runif(17, -3, 5), c(1, runif(1)))
      expect_same("rgamma", n, 1 + 14 * runif(17), 1)
      expect_same("rchisq", n, 10^runif(9, -2, 4))
      expect_same("rt", n, 10^runif(9, -1, 4))
      expect_same("rf", n, 10^runif(9, -1, 4), 10^runif(7, -1, 4))
      expect_same("rbeta", n, 10^runif(9, -3, 4), 10^runif(7, -3, 4))
      expect_same("rbeta", n, c(0.2, 1, 7), c(0.2, 1, 7))
      expect_same("rpois", n, 10^runif(17, -3, 8))
      expect_same("rpois", n, 20 * runif(17))
      expect_same("rgeom", n, 10^-runif(9, 0, 6))
      expect_same("rnbinom", n, 10^runif(9, -3, 4), runif(7))
      expect_same("rbinom", n, floor(10^runif(17, 0, 6)), runif(11))
      expect_same("rbinom", n, 10, runif(11))
    }
  })
})

test_that("samples are R's, with and without replacement and weights", {
  with_generators(function() {
    for (round in seq_len(some_or(1L, 30L))) {
      for (n in c(1, 2, 3, 16, 17, 199:202, 255:257, 65535:65537, floor(10^runif(5, 0, 6)))) {
        expect_same("sample.int", n, some_or(50, 5000), TRUE)
        expect_same("sample.int", n, min(n, 3000), FALSE)
        expect_same("sample.int", n, 1, FALSE)
        if (n > 3000) next
        for (p in list(runif(n), rep_len(c(1, 2, 2, 0, 0.5), n), rexp(n)^4, rep(1, n), c(1, rep(1e-9, n - 1)))) {
          expect_same("sample.int", n, 300, TRUE, p)
          expect_same("sample.int", n, sum(p > 0), FALSE, p)
        }
      }
    }
    expect_same("sample.int", .Machine$integer.max, 1000, TRUE)
    expect_same("sample.int", 5, 0, FALSE)
  })
})

test_that("parameters at the edge give R's numbers or give up", {
  edges <- c(-Inf, -1, -1e-300, 0, 1e-300, 1e-10, 0.5, 1, 31, 1e10, 1e300, Inf, NaN)
  pairs <- expand.grid(edges, edges)
  for (name in c("runif", "rnorm", "rlnorm", "rlogis", "rcauchy", "rweibull", "rgamma", "rf", "rbeta", "rnbinom", "rbinom")) {
    for (k in seq_len(nrow(pairs))) expect_never_wrong(name, list(3, pairs[[1L]][[k]], pairs[[2L]][[k]]))
  }
  for (name in c("rexp", "rchisq", "rt", "rpois", "rgeom")) {
    for (edge in edges) expect_never_wrong(name, list(3, edge))
  }
  expect_never_wrong("sample.int", list(3, 4, FALSE))
  expect_never_wrong("sample.int", list(0, 1, TRUE))
  expect_never_wrong("sample.int", list(0, 0, TRUE))
  for (p in list(c(0, 0, 0), c(-1, 1, 1), c(NA, 1, 1), c(Inf, 1, 1), c(0, 0, 1))) {
    expect_never_wrong("sample.int", list(3, 2, FALSE, p))
    expect_never_wrong("sample.int", list(3, 2, TRUE, p))
  }
  succeed()
})

one_vector <- c(
  "sum", "mean", "var", "sd", "prod", "min", "max", "which.min", "which.max", "cumsum", "cumprod", "cummax", "cummin",
  "rev", "median"
)
also_integers <- setdiff(one_vector, c("var", "sd", "prod", "which.min", "which.max", "cumprod"))

test_that("functions of vectors have R's bits and types", {
  with_generators(function() {
    for (round in seq_len(some_or(10L, 2000L))) {
      n <- sample(c(2:12, 100L, 101L), 1L)
      x <- numbers(n)
      for (name in one_vector) expect_same(name, x)
      expect_never_wrong("cor", list(x, numbers(n)))
      expect_never_wrong("cor", list(x, 2 * x + 1))
      expect_same("diff", x, sample(n, 1L))
      expect_same("rep", x, sample(0:3, 1L), sample(0:3, 1L))
      expect_same("rep_len", x, sample(0:30, 1L))
      for (decreasing in c(TRUE, FALSE)) {
        expect_same("sort", x, decreasing)
        expect_same("order", x, decreasing)
      }
      p <- c(0, 1, runif(4), sample(0:n, 4L, TRUE) / n, sample(0:(n - 1L), 4L, TRUE) / (n - 1), 0.1, 0.5, 0.9)
      expect_same("quantile", x, p, 7L)
      for (type in 1:9) for (one in p) expect_never_wrong("quantile", list(x, one, type))
      for (type in 1:9) expect_same("quantile", x, c(0, 1, 0.12345), type)
      for (name in c("colSums", "colMeans", "rowSums", "rowMeans", "t")) expect_same(name, numbers(n * 7L), n)
      i <- switch(sample.int(3L, 1L), sample(-5:5, n, TRUE), sample(.Machine$integer.max %/% n, n, TRUE), sample(1e6L, n, TRUE))
      for (name in also_integers) expect_same(name, i)
      expect_same("diff", i, sample(n, 1L))
      expect_same("tabulate", i %% 7L, 5L)
      for (decreasing in c(TRUE, FALSE)) {
        expect_same("sort", i, decreasing)
        expect_same("order", i, decreasing)
      }
      for (name in c("which", "any", "all", "sum", "mean")) expect_same(name, i > 0L)
    }
  })
})

test_that("vectors at the edge give R's values or give up", {
  edges <- list(
    double(), 1, -0, c(0, -0), c(-0, 0), c(-0, 0, 1), c(1, NA), c(NaN, 1), c(NA, NaN), c(Inf, 1), c(-Inf, Inf), c(Inf, Inf),
    c(1e308, 1e308), c(-1e308, -1e308), c(1e308, 1e308, -1e308), c(5e-324, 5e-324), c(1e-320, 1e-5), rep(7, 5), c(3, 3),
    2^53 + c(0, 2, 4), c(1e16, 1, -1e16)
  )
  for (x in edges) {
    for (name in one_vector) expect_never_wrong(name, list(x))
    expect_never_wrong("cor", list(x, rev(x)))
    for (k in 0:2) expect_never_wrong("diff", list(x, k))
    for (k in 0:3) expect_never_wrong("rep_len", list(x, k))
    for (decreasing in c(TRUE, FALSE)) {
      expect_never_wrong("sort", list(x, decreasing))
      expect_never_wrong("order", list(x, decreasing))
    }
    for (type in 1:9) for (p in list(c(0, 0.5, 1), -0.1, 1 + 1e-14, NA_real_)) expect_never_wrong("quantile", list(x, p, type))
    for (name in c("colSums", "colMeans", "rowSums", "rowMeans", "t")) expect_never_wrong(name, list(x, length(x)))
  }
  top <- .Machine$integer.max
  for (x in list(integer(), 5L, c(top, 1L), c(top, -1L), c(-top, -1L), c(-top, top), c(top, top, top))) {
    for (name in also_integers) expect_never_wrong(name, list(x))
    expect_never_wrong("diff", list(x, 1L))
    expect_never_wrong("tabulate", list(x, 3L))
  }
  for (x in list(logical(), TRUE, FALSE)) for (name in c("which", "any", "all", "sum", "mean")) expect_never_wrong(name, list(x))
  succeed()
})

test_that("arithmetic of two numbers has R's bits, or gives up", {
  edges <- c(-0, 0, 5e-324, 1e-17, 0.3, 0.5, 1, 2, 7, 255.5, 2^52, 1e17, 1e300, Inf, NaN, NA)
  edges <- unique(c(edges, -edges))
  pairs <- expand.grid(edges, edges)
  for (name in c("%%", "%/%", "^")) {
    for (k in seq_len(nrow(pairs))) expect_never_wrong(name, list(pairs[[1L]][[k]], pairs[[2L]][[k]]))
  }
  for (name in c("sin", "tan", "expm1", "log1p", "atan", "sqrt", "exp", "log", "floor", "round", "acos", "cosh")) {
    for (x in edges) expect_never_wrong(name, list(x))
  }
  for (x in edges) {
    for (digits in -3:12) {
      expect_never_wrong("round", list(x, digits))
      expect_never_wrong("signif", list(x, digits))
    }
  }
  with_generators(function() {
    for (round in seq_len(some_or(5L, 1000L))) {
      x <- c(numbers(500L), rnorm(500L, 0, 1000))
      y <- numbers(1000L)
      fine <- y != 0 & abs(x / y) < 1e15 & abs(y) < 1e15
      expect_same("%%", x[fine], y[fine])
      expect_same("%/%", x[fine], y[fine])
      expect_same("^", abs(x), pmin(abs(y), 9))
      expect_same("^", x, sample(-3:5, 1L) + 0)
      digits <- sample(0:10, 1L)
      expect_same("round", x, digits)
      expect_same("signif", x, digits + 1)
      top <- .Machine$integer.max
      i <- sample(c(-top, top, -10:10, sample.int(top, 50L)), 1000L, TRUE)
      j <- sample(c(-10:-1, 1:10, top, -top), 1000L, TRUE)
      expect_same("%%", i, j)
      expect_same("%/%", i, j)
    }
  })
})

test_that("compiled closures that call them give what R's interpreter gives", {
  tasks <- list(
    function(i) rlnorm(1, 0, i / 10) + rlogis(1) + rcauchy(1, i),
    function(i) rweibull(3, 2, i),
    function(i) c(rgamma(1, i / 3), rgamma(1, i, 2), rgamma(1, i, scale = 0.5)),
    function(i) rgamma(2, i, c(1, 3)),
    function(i) rchisq(1, i) + rt(1, i) + rf(1, i, 5) + rbeta(1, i, 0.5),
    function(i) rpois(1, i),
    function(i) rpois(5, c(0.5, i)) + rpois(2, 30)[2],
    function(i) rgeom(1, 1 / (i + 1)) + rnbinom(1, i, 0.4),
    function(i) rbinom(1, i, 0.3) + sum(rbinom(10, 1000, 0.4)),
    function(i) mean(rbinom(20, 1, 0.5) == 1L),
    function(i) quantile(rnorm(20), c(0.1, 0.5, 0.9), names = FALSE),
    function(i) quantile(rnorm(20), c(0.025, 0.35)), function(i) quantile(rnorm(20)), function(i) rnorm(70, i)^2,
    function(i) quantile(rnorm(21), 0.3, names = FALSE, type = 6) + i,
    function(i) { x <- rnorm(12); cor(x, x + rnorm(12)) },
    function(i) max(cummax(rnorm(9)) - cummin(rnorm(9)))
  )
  withr::local_preserve_seed()
  for (task in tasks) {
    set.seed(3, "L'Ecuyer-CMRG", "Inversion", "Rejection")
    expect_null(explain_compiled(task, 1L)$why)
    oracle <- under_plan(list("sequential"), future_lapply(1:40, task, future.seed = 7))
    ours <- under_plan(list("threads", workers = 2), future_lapply(1:40, task, future.seed = 7))
    expect_identical(ours, oracle)
    expect_identical(last_compiled$told$tasks, 40L)
  }
})

test_that("what they do not do like R is not compiled", {
  refused <- list(
    function(i) quantile(rnorm(20), i / 9), function(i) rgamma(1, 2, 3, scale = 4), function(i) rgamma(1),
    function(i) rt(1, 5, 2), function(i) rnbinom(1, 3, 0.5, mu = i), function(i) quantile(1:9, 0.5, names = FALSE, type = 6),
    function(i) cor(rnorm(5)), function(i) quantile(rnorm(5), 0.5, names = FALSE, type = 10)
  )
  for (task in refused) expect_type(explain_compiled(task, 1L)$why, "character")
})
