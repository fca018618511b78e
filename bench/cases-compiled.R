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

# The same in C, which has no bar but tells in the same run where bars can be: what the C library's sine
# and the chain of arithmetic take alone. Built when first asked for.
compiled_floors <- local({
  code <- c(
    "#include <math.h>",
    "void sines(int *n, double *out) {",
    "  for (int i = 1; i <= *n; i++) {",
    "    double s = 0;",
    "    for (int j = 1; j <= 1000; j++) { double x = sin((double)(i + j)); s += x * x; }",
    "    out[i - 1] = s;",
    "  }",
    "}",
    "void logistic(int *n, double *out) {",
    "  for (int i = 1; i <= *n; i++) {",
    "    double x = i / 5000.0;",
    "    for (int j = 1; j <= 1000; j++) x = 3.7 * x * (1 - x);",
    "    out[i - 1] = x;",
    "  }",
    "}"
  )
  library <- NULL
  build <- function() {
    at <- tempfile("floors")
    dir.create(at)
    writeLines(code, file.path(at, "floors.c"))
    built <- file.path(at, paste0("floors", .Platform$dynlib.ext))
    system2(file.path(R.home("bin"), "R"), c("CMD", "SHLIB", "-o", shQuote(built), shQuote(file.path(at, "floors.c"))), stdout = FALSE, stderr = FALSE)
    if (file.exists(built)) dyn.load(built) else NA
  }
  in_c <- function(name, n) {
    if (is.null(library)) library <<- build()
    if (identical(library, NA)) stop("there is nothing that builds C here")
    as.list(.C(getNativeSymbolInfo(name, library), n, numeric(n))[[2L]])
  }
  lapply(list(list("sum of sines", "sines"), list("logistic map", "logistic")), function(floor) {
    kernel <- Find(function(kernel) kernel[[1L]] == floor[[1L]], compiled_kernels)
    n <- kernel[[3L]]
    f <- kernel[[4L]]
    case(
      paste("compiled:", floor[[1L]]), "a loop in C", NA, function() future_lapply(seq_len(n), f, future.seed = 1),
      function() in_c(floor[[2L]], n), 9L, prepare = compiled_on(1L)
    )
  })
})

# Jobs of 1e6 tasks with two threads beside one: the plan is set within each call. The logistic map is the
# kernel above; of 200 steps what one thread does alone, R's list of a million numbers, is a fifth of the time.
compiled_pairs <- lapply(list(
  list("logistic map", function(i) {
    x <- i / 2e6
    for (j in 1:1000) x <- 3.7 * x * (1 - x)
    x
  }),
  list("logistic map of 200 steps", function(i) {
    x <- i / 2e6
    for (j in 1:200) x <- 3.7 * x * (1 - x)
    x
  }),
  list("bootstrap mean", function(i) mean(compiled_data[sample.int(100L, 100L, TRUE)]))
), function(pair) {
  f <- pair[[2L]]
  on <- function(workers) function() with_plan(threads, workers = workers, future_lapply(seq_len(1000000L), f, future.seed = 1))
  case(paste("compiled: 1e6 tasks on two threads,", pair[[1L]]), "one thread", 1 / 1.8, on(2L), on(1L), 3L, prepare = compiled_on(1L))
})

# Whole analyses as people write them (those of the vignette), on two threads, beside lapply(): told as they are.
compiled_analyses <- local({
  x <- c(3.2, 1.5, 4.75, -2, 8, 0.1, 5.5, 2.25)
  y <- c(1.1, 2.5, 3.0, 2.7, 9.5, 8.1, 7.7, 10.2)
  X <- matrix(c(rep(1, 8), 1:8), 8)
  all <- list(
    list("power of a test", 5000L, function(b) {
      a <- rnorm(20)
      c <- rnorm(20, 0.8)
      t <- (mean(c) - mean(a)) / sqrt((var(a) + var(c)) / 20)
      abs(t) > 2.02
    }),
    list("permutation test", 10000L, function(b) {
      z <- sample(y)
      sum(z[1:4]) / 4 - sum(z[5:8]) / 4
    }),
    list("chain of Metropolis", 500L, function(b) {
      at <- 0
      total <- 0
      for (k in 1:200) {
        to <- at + rnorm(1)
        if (log(runif(1)) < (at^2 - to^2) / 2) at <- to
        total <- total + at^2
      }
      total / 200
    }),
    list("branching process", 5000L, function(b) {
      n <- 1
      for (g in 1:10) {
        if (n == 0 || n > 1000) break
        n <- sum(rpois(n, 1.1))
      }
      n
    }),
    list("bootstrap of a trimmed mean", 5000L, function(b) mean(x[sample.int(8L, 8L, TRUE)], trim = 0.1)),
    list("random walk", 1000L, function(b) {
      s <- 0
      high <- 0
      for (t in 1:100) {
        s <- s + rnorm(1)
        if (s > high) high <- s
      }
      high
    }),
    list("bootstrap of a regression", 3000L, function(b) {
      rows <- sample.int(8, replace = TRUE)
      solve(crossprod(X[rows, ]), crossprod(X[rows, ], y[rows]))[2]
    })
  )
  lapply(all, function(analysis) {
    n <- analysis[[2L]]
    f <- analysis[[3L]]
    case(
      paste("compiled analysis:", analysis[[1L]]), "lapply", NA, function() future_lapply(seq_len(n), f, future.seed = 1),
      function() lapply(seq_len(n), f), 5L, prepare = compiled_on(2L)
    )
  })
})

# What it costs where there is nothing to gain: jobs of one task, beside plan(sequential). A hundred calls
# each, in turn on both plans, as one takes microseconds.
compiled_small <- lapply(list(
  list("a job of one task that compiles", function(i) i + 1),
  list("a job of one task that does not compile", function(i) nchar(i))
), function(small) {
  f <- small[[2L]]
  calls <- function(on_threads) {
    function() {
      oplan <- if (on_threads) plan(threads, workers = 1L) else plan(sequential)
      on.exit(plan(oplan))
      for (k in 1:100) future_lapply(1L, f)
    }
  }
  case(paste("compiled: 100 calls,", small[[1L]]), "plan(sequential)", 1.1, calls(TRUE), calls(FALSE), 9L, prepare = compiled_on(1L))
})

# The same beside compiled = "never", where a function is refused, or would be compiled anew at each call.
compiled_refused <- local({
  count <- 0
  big <- sin(1:5000)
  with_factor <- function(k) future_lapply(1:4, function(i) sum(sin(i * k + 1:20)))
  lapply(list(
    list("one task of paste()", function() future_lapply(1L, function(i) paste(i))),
    list("one task of paste() with an argument", function() future_lapply(1L, function(i, end) paste(i, end), end = "x")),
    list("one task of a primitive function", function() future_lapply(1L, is.null)),
    list("four tasks, another variable each time", function() with_factor(count <<- count + 1)),
    list("four tasks, a large variable", function() future_lapply(1:4, function(i) mean(big) + i))
  ), function(small) {
    calls <- function(compiled) {
      function() {
        oplan <- plan(threads, workers = 1L, compiled = compiled)
        on.exit(plan(oplan))
        for (k in 1:100) small[[2L]]()
      }
    }
    case(paste("compiled: 100 calls,", small[[1L]]), "compiled = \"never\"", 1.1, calls("auto"), calls("never"), 9L, prepare = compiled_on(1L))
  })
})

cases <- c(compiled_cases, compiled_floors, compiled_pairs, compiled_analyses, compiled_small, compiled_refused)
