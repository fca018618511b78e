# Compiled functions under plan(threads) with one thread, beside lapply(), which draws from one
# stream of random numbers where ours gives each task its own; and with two threads beside one.
# tools/bench reads this file after cases.R.

compiled_on <- function(workers) {
  force(workers)
  function() {
    future::plan(future::sequential)
    plan(threads, workers = workers)
  }
}

compiled_data <- c(3.2, 1.5, 4.75, -2, 8, 0.1, 5.5, 2.25, 7, -1, rep_len(c(0.5, 1.5, 2.5), 90L))

# The kernels, with what the time on one thread may be as a share of that of lapply(), and as many tasks
# as lapply() needs some tenths of a second for.
compiled_kernels <- list(
  list("sum of sines", 1 / 2.8, 2000L, function(i) {
    s <- 0
    for (j in 1:1000) s <- s + sin(i + j)^2
    s
  }),
  list("pi by Monte Carlo", 1 / 50, 100L, function(i) {
    inside <- 0
    for (j in 1:1000) if (runif(1)^2 + runif(1)^2 < 1) inside <- inside + 1
    4 * inside / 1000
  }),
  list("Mandelbrot", 1 / 5, 5000L, function(i) {
    a <- i / 2500 - 1.5
    x <- 0
    y <- 0
    n <- 0
    while (n < 200 && x * x + y * y < 4) {
      t <- x * x - y * y + a
      y <- 2 * x * y + 0.1
      x <- t
      n <- n + 1
    }
    n
  }),
  list("logistic map", 1 / 3, 2000L, function(i) {
    x <- i / 5000
    for (j in 1:1000) x <- 3.7 * x * (1 - x)
    x
  }),
  list("Collatz", 1 / 6, 5000L, function(i) {
    n <- i + 0
    steps <- 0
    while (n != 1) {
      n <- if (n %% 2 == 0) n / 2 else 3 * n + 1
      steps <- steps + 1
    }
    steps
  }),
  list("bootstrap mean", 1 / 8, 20000L, function(i) mean(compiled_data[sample.int(100L, 100L, TRUE)])),
  list("bootstrap mean, as a loop", 1 / 90, 1000L, function(i) {
    s <- 0
    for (j in 1:100) s <- s + compiled_data[sample.int(100L, 1L)]
    s / 100
  }),
  list("two-sample t", 1 / 10, 5000L, function(i) {
    x <- rnorm(50)
    y <- rnorm(50)
    (mean(x) - mean(y)) / sqrt(var(x) / 50 + var(y) / 50)
  }),
  list("AR(1)", 1 / 14, 500L, function(i) {
    y <- numeric(200)
    y[1] <- rnorm(1)
    for (t in 2:200) y[t] <- 0.6 * y[t - 1] + rnorm(1)
    var(y)
  }),
  list("permutation", 1 / 18, 20000L, function(i) {
    at <- sample.int(20L)
    s <- 0
    for (j in 1:10) s <- s + compiled_data[at[j]]
    s / 10
  })
)

compiled_cases <- unlist(lapply(compiled_kernels, function(kernel) {
  n <- kernel[[3L]]
  f <- kernel[[4L]]
  ours <- function() future_lapply(seq_len(n), f, future.seed = 1)
  list(case(
    paste("compiled:", kernel[[1L]]), "lapply", kernel[[2L]], ours, function() lapply(seq_len(n), f), 5L, prepare = compiled_on(1L)
  ))
}), recursive = FALSE)

cases <- compiled_cases
