# plan(threads) beside plan(sequential), its oracle.

test_that("the kernels of the design give the interpreter's bits on 1, 2 and 3 threads", {
  expect_same_on_threads(1:100, function(i) {
    s <- 0
    for (j in 1:100) s <- s + sin(i + j)^2
    s
  })
  expect_same_on_threads(1:100, function(i) {
    inside <- 0
    for (j in 1:100) if (runif(1)^2 + runif(1)^2 < 1) inside <- inside + 1
    4 * inside / 100
  })
  expect_same_on_threads(1:100 / 50 - 1, function(x) {
    zr <- 0; zi <- 0; n <- 0L
    while (n < 200L && zr * zr + zi * zi < 4) {
      t <- zr * zr - zi * zi + x
      zi <- 2 * zr * zi + 0.1
      zr <- t
      n <- n + 1L
    }
    n
  })
  expect_same_on_threads(1:100, function(n) {
    steps <- 0L
    while (n != 1) {
      n <- if (n %% 2 == 0) n / 2 else 3 * n + 1
      steps <- steps + 1L
    }
    steps
  })
  data <- c(3.2, 1.5, 4.75, -2, 8, 0.1, 5.5)
  expect_same_on_threads(1:100, function(i) mean(data[sample.int(length(data), replace = TRUE)]))
  expect_same_on_threads(1:100, function(i) {
    x <- rnorm(50)
    y <- rnorm(50, 0.5)
    (mean(x) - mean(y)) / sqrt(var(x) / 50 + var(y) / 50)
  })
  expect_same_on_threads(1:50, function(i) {
    y <- numeric(100)
    y[1] <- rnorm(1)
    for (t in 2:100) y[t] <- 0.7 * y[t - 1] + rnorm(1)
    c(var = var(y), last = y[100])
  })
  expect_same_on_threads(1:50, function(i) list(order = sample(10L), draw = sample(data, 3)))
})

test_that("several steps of arithmetic that are one instruction are rounded as R's", {
  signs <- c("+", "-", "*", "/")
  steps <- expand.grid(signs, signs, signs)
  forms <- c("(a %s b) %s (d %s e)", "((a %s b) %s d) %s e", "a %s (b %s (d %s e))")
  lines <- unlist(lapply(forms, function(form) do.call(sprintf, c(list(form), lapply(steps, as.character)))))
  fun <- eval(parse(text = c(
    "function(a) {", "b <- 1 - a", "d <- a * 1.1", "e <- a / 3", "out <- numeric(192)",
    sprintf("out[%dL] <- %s", seq_along(lines), lines), "out }"
  )))
  expect_same_on_threads(c(0.3, 1.7, -2.2, 1e-5, 123456.789), fun)
  # In loops, where the result is an operand of the next turn.
  expect_same_on_threads(1:50 / 51, function(x) {
    for (j in 1:100) x <- 3.7 * x * (1 - x)
    y <- 0
    for (j in 1:100) y <- y + (x - y) * (j - x) / 100
    c(x, y)
  })
  data <- c(3.2, 1.5, 4.75, -2, 8, 0.1, 5.5)
  expect_same_on_threads(1:9, kept = 7L, function(i) {
    at <- c(3L, 1L, i)
    s <- 0
    for (j in 1:3) s <- s + data[at[j]]
    s
  })
  # One instruction is the whole body: with more turns than are made at once, downwards, and out of bounds.
  expect_same_on_threads(1:8, kept = 7L, function(i) {
    x <- i / 9
    j <- k <- l <- m <- n <- 0L
    for (j in 1:10000) x <- 3.7 * x * (1 - x)
    for (k in seq_len(9000)) x <- (x - 0.5) * (0.1 * x)
    long <- rep_len(data, 10000)
    at <- rev(seq_along(long))
    s <- u <- 0
    for (l in 1:10000) s <- s + long[l]
    for (m in 10000:i) u <- u + long[at[m]]
    for (n in i:1) x <- x + data[n]
    c(x, s, u, j, k, l, m, n)
  })
})

test_that("a loop that is left in its first turn, where a variable has another type, is R's", {
  expect_same_on_threads(1:100, kept = 99L, function(i) {
    n <- 1
    for (g in 1:10) {
      if (n == 0 || i == 50) break
      n <- sum(rpois(n, 1.1))
    }
    n
  })
})

test_that("a variable that changes its type, an argument more, and lists of vectors compile", {
  # Of an empty vector `n` stays an integer: that task is R's.
  expect_same_on_threads(list(c(1, 2, 3), 4, numeric()), function(x, k) {
    n <- 0L
    for (v in x) n <- n + v * k
    n
  }, k = 2, kept = 2L)
  expect_same_on_threads(1:20, function(i) if (i > 10L) i else i / 2)
  expect_same_on_threads(c(TRUE, FALSE), function(b) !b)
  # The end of the first branch is reached, though its last statement may return.
  expect_same_on_threads(c(1, 6, -1), function(x) {
    if (x > 0) {
      if (x > 5) return(9)
    } else {
      x <- 100
    }
    x
  })
})

test_that("what is unusual is run again by R: values, warnings and errors are its own", {
  observe <- function(plan, X, fun) observe_program(fun, X, plan)
  same <- function(X, fun, bailed) {
    ours <- observe(list("threads", workers = 2), X, fun)
    expect_identical(ours, observe(list("sequential"), X, fun))
    expect_null(last_compiled$told$why)
    expect_identical(last_compiled$told$bailed, bailed)
  }
  tens <- as.list(c(1:9, -1))
  same(tens, function(x) sqrt(x), 1L)
  same(tens, function(x) c(1, 2, 3, 4, 5, 6, 7, 8, 9)[x + 1L], 1L + 1L)
  same(as.list(c(1:9, 2147483647L)), function(x) x + 1L, 1L)
  same(tens, function(x) if (x < 0) stop("negative") else x + rnorm(1), 1L)
  same(as.list(c(1:9, NA)), function(x) x * 2L, 1L)
  same(as.list(c(1:9, NaN)), function(x) x > 2, 1L)
  same(as.list(c(1:9, 0.5)), function(x) sum(1:x), 1L)
  same(as.list(c(1:8, 0, 0)), function(x) x %/% x, 2L)
  same(c(as.list(1:9), "a"), function(x) x, 1L)
})

test_that("R's functions that are masked, methods for numbers, and variables that are not plain are seen", {
  why <- function(fun, X = 1) explain_compiled(fun, X)$why
  local({
    sum <- function(x) nchar(x)
    expect_match(why(function(i) sum(i)), "in `sum[(][)]`")
  })
  local({
    sum <- base::nargs
    expect_match(why(function(i) sum(i)), "not R's own")
  })
  # A closure of the user's in its place is what is called.
  local({
    sum <- function(x) 42
    expect_same_on_threads(1:3, function(i) sum(i))
  })
  local({
    mean.default <- function(x, ...) 42
    expect_match(why(function(i) mean(c(i, 2))), "method")
  })
  local({
    mean.numeric <- function(x, ...) 42
    expect_match(why(function(i) mean(c(i, 2))), "method")
  })
  day <- Sys.Date()
  expect_match(why(function(i) day + i), "attributes")
  expect_match(why(function(i) letters[i]), "strings that is computed")
  missing <- c(1L, NA)
  expect_match(why(function(i) missing[i]), "missing values")
  makeActiveBinding("active", function() 1, environment())
  expect_match(why(function(i) active + i), "active")
  lazy <- function(x) explain_compiled(function(i) x + i, 1)
  expect_match(lazy(rnorm(1))$why, "evaluated")
  expect_true(lazy(2)$compiled)
  value <- 3
  expect_true(lazy(value)$compiled)
})

test_that("reasons name the expression", {
  found <- explain_compiled(function(x) {
    y <- x + 1
    paste(y)
  }, 1)
  expect_false(found$compiled)
  expect_identical(found$expression, quote(paste(y)))
  expect_match(found$why, "paste")
  expect_output(print(found), "paste(y)", fixed = TRUE)
  expect_output(print(explain_compiled(function(x) x + 1L, 1L)), "Compiled")
  expect_match(explain_compiled(sum)$why, "primitive")
  expect_error(explain_compiled(1), class = "rustle_error_argument")
})

test_that("settings: never compiles nothing, require is an error where nothing compiles", {
  expect_identical(on_threads(future_sapply(1:3, function(i) i + 1L), compiled = "never"), 2:4)
  expect_match(last_compiled$told$why, "plan")
  expect_error(
    on_threads(future_sapply(1:3, function(i) paste(i)), compiled = "require"), class = "rustle_error_not_compiled"
  )
  expect_error(plan(threads, compiled = "maybe"), class = "rustle_error_argument")
  expect_identical(on_threads(nbrOfWorkers(), 3), 3L)
  expect_error(plan(threads, workers = 0), class = "rustle_error_argument")
})

test_that("random numbers without streams are R's affair, and give its warning", {
  expect_warning(on_threads(future_sapply(1:3, function(i) runif(1))), "UNRELIABLE")
  expect_match(last_compiled$told$why, "streams")
})

test_that("when too many of the first tasks are given up R runs the rest, and the report says so", {
  out <- on_threads(future_sapply(c(rep(-1, 30), 1:200), function(x) if (x < 0) sqrt(-x) + sum(1:(x + 0.5)) else x))
  expect_identical(out, sapply(c(rep(-1, 30), 1:200), function(x) if (x < 0) sqrt(-x) + sum(1:(x + 0.5)) else x))
  report <- job_report()
  expect_identical(report$plan, "threads")
  expect_true(report$compiled$stopped)
  expect_output(print(report), "Compiled: ")
})

test_that("future_vapply() and the parallel family give what they give in the session", {
  square <- function(i) i^2
  expect_identical(on_threads(future_vapply(1:5, square, 0)), vapply(1:5, square, 0))
  expect_error(on_threads(future_vapply(1:5, square, 0L)), "type")
  expect_identical(on_threads(parSapply(NULL, c(a = 1, b = 2), square)), sapply(c(a = 1, b = 2), square))
  expect_identical(on_threads(parLapply(NULL, 1:3, function(x, y) x + y, y = 1)), lapply(1:3, function(x) x + 1))
})

test_that("conditions are R's, however they are put together", {
  truths <- list(
    function(x) if (x > 1 && x < 3) 1 else 2,
    function(x) if (x > 1 || x < -3) 1 else 2,
    function(x) if ((x > 1 && x < 3) || x == 0) 1 else 2,
    function(x) if ((x > 1 || x < -3) && x != 2) 1 else 2,
    function(x) if (x > 1 && (x < 3 || x > 4) && !(x == 5)) 1 else 2,
    function(x) if (!(x > 1 && x < 3)) 1 else 2,
    function(x) if (x > 1 && x / 0 > 0 || is.na(0 / x)) 1 else 2,
    function(x) {
      both <- x >= 1 && x <= 3
      if (both) if (x == 2 || both) x + 10 else x
    },
    function(x) {
      n <- 0L
      while ((x < 10 && n < 20L) || n == 3L) {
        x <- if (x > 0 && x %% 2 == 0) x / 2 + 3 else x + 2
        if (n == 7L && x > 0 || n > 15L) break
        n <- n + 1L
      }
      c(x, n)
    },
    function(x) {
      s <- 0
      repeat {
        s <- s + 1
        if (s >= 3 || (x < 0 && s == 2)) return(s * x)
      }
    },
    function(x) {
      s <- 0
      for (j in 3:-2) for (k in seq_len(2)) if (j == x || k > x && j < 1) s <- s + j * k
      s
    }
  )
  values <- c(-5:6, 0.5, 2.5, 1e10, -1e10)
  for (f in truths) {
    expect_same_on_threads(values, f)
    expect_null(last_compiled$told$why)
    # Where a comparison finds nothing to compare R says so.
    told <- tryCatch(on_threads(future_sapply(c(1, NaN), f)), error = conditionMessage)
    expect_identical(told, tryCatch(sapply(c(1, NaN), f), error = conditionMessage))
  }
})

test_that("what is known of a function's code holds for that code only", {
  make <- function(k) {
    k <- k
    function(x) mean(x + k)
  }
  for (k in list(1, 2L, c(1, 2, 4))) expect_same_on_threads(1:5, make(k))
  k <- "text"
  f <- function(x) mean(x + k)
  expect_match(explain_compiled(f)$why, "strings are not in the subset")
  k <- 3
  expect_true(explain_compiled(f)$compiled)
  mean <- function(x) x * 100
  expect_same_on_threads(1:5, f)
  rm(mean)
  mean.numeric <- function(x, ...) -1
  expect_match(explain_compiled(f)$why, "has a method")
  rm(mean.numeric)
  expect_same_on_threads(1:5, f)
  delayedAssign("k", stop("too early"))
  expect_false(explain_compiled(f)$compiled)
  rm(k)
  makeActiveBinding("k", function() 1, environment())
  expect_match(explain_compiled(f)$why, "active binding")
})

test_that("mclapply() has threads where the plan compiles, and forks for tasks that need R", {
  skip_if_not(parallelly::supportsMulticore())
  withr::local_preserve_seed()
  RNGkind("L'Ecuyer-CMRG")
  draw <- function(i) mean(rnorm(5)) + i
  in_turn <- function(code) {
    set.seed(3)
    list(code(), .Random.seed)
  }
  calls <- list(
    function() mclapply(c(a = 1, b = 2, c = 5), function(x, k) x^k, k = 2),
    function() mclapply(1:5, draw, mc.preschedule = FALSE), function() mclapply(1:5, draw),
    function() mclapply(1:5, draw, mc.set.seed = FALSE),
    function() lapply(suppressWarnings(mclapply(1:5, function(x) if (x == 3) stop("three") else x)), as.vector),
    function() suppressWarnings(mclapply(1:5, function(x) sqrt(3 - x)))
  )
  ran <- list(3, 5, 0, 0, 4, 3)
  for (k in seq_along(calls)) {
    want <- under_plan(list("sequential"), in_turn(calls[[k]]))
    expect_identical(on_threads(in_turn(calls[[k]])), want)
    expect_equal(on_threads({
      calls[[k]]()
      job_report()$compiled$tasks
    }), ran[[k]])
  }
})

test_that("a loop without end is interrupted by a time limit", {
  endless <- function(i) {
    s <- 0
    while (TRUE) s <- s + 1
    s
  }
  for (workers in 1:2) {
    started <- Sys.time()
    expect_error(on_threads({
      setTimeLimit(elapsed = 1, transient = TRUE)
      future_sapply(1:2, endless)
    }, workers), "time limit")
    expect_lt(as.numeric(Sys.time() - started, units = "secs"), 60)
  }
  setTimeLimit()
})

test_that("what goes to `...` counts only where code asks for it", {
  replicated <- lapply(list(list("sequential"), list("threads", workers = 2)), function(plan) {
    under_plan(plan, future_replicate(20, mean(rnorm(5)), future.seed = 3))
  })
  expect_identical(replicated[[2L]], replicated[[1L]])
  expect_null(last_compiled$told$why)
  expect_same_on_threads(1:5, function(...) 3)
  expect_same_on_threads(1:5, function(i, ...) i^2, more = "text")
  on_threads(expect_identical(future_sapply(1:5, function(...) sum(...)), 1:5))
  expect_match(last_compiled$told$why, "...", fixed = TRUE)
})

test_that("what was given up is counted by reason", {
  on_threads(suppressWarnings(future_sapply(c(1:50, -1, -2, NA), function(x) if (x < 0) sqrt(x) else x)) |> try(silent = TRUE))
  told <- last_compiled$told
  expect_identical(told$bailed, 3L)
  expect_identical(sum(told$reasons), 3L)
  expect_identical(unname(told$reasons), sort(unname(told$reasons), decreasing = TRUE))
  expect_length(told$reasons, 2L)
  on_threads(future_sapply(1:5, function(i) i + 1))
  expect_length(last_compiled$told$reasons, 0L)
})

test_that("plans with workers use threads for what compiles unless they may not", {
  plans <- list(multisession = list("multisession", workers = 2))
  if (parallelly::supportsMulticore()) plans$multicore <- list("multicore", workers = 2)
  skip_on_os("windows")
  draw <- function(i) mean(rnorm(i))
  here <- function(i) Sys.getpid()
  stormy <- function(x) if (x > 0) sqrt(-x) else x
  oracle <- function(code) under_plan(list("sequential"), code)
  draws <- oracle(future_sapply(1:100, draw, future.seed = 5))
  storm <- suppressWarnings(oracle(future_sapply(1:100, stormy)))
  for (plan in plans) {
    under_plan(c(plan, compiled = "never"), {
      expect_identical(future_sapply(1:100, draw, future.seed = 5), draws)
      expect_null(job_report()$compiled)
    })
    under_plan(plan, {
      expect_identical(future_sapply(1:100, draw, future.seed = 5), draws)
      expect_identical(job_report()$compiled$tasks, 100L)
      expect_identical(job_report()$plan, plan[[1L]])
      expect_equal(sum(job_report()$parts), 2 * job_report()$wall, tolerance = 0.02)
      expect_false(any(future_sapply(1:4, here) == Sys.getpid()))
      expect_match(job_report()$compiled$why, "Sys.getpid")
      # A task that was given up fails as it does on a worker.
      expect_error(future_sapply(c(1, NA), function(x) if (x > 0) 1 else 2), "TRUE/FALSE")
      expect_identical(suppressWarnings(future_sapply(1:100, stormy)), storm)
      expect_match(job_report()$compiled$why, "first tasks")
      expect_identical(future_vapply(1:3, function(i) TRUE, 0), c(1, 1, 1))
    })
    under_plan(c(plan, compiled = "require"), {
      expect_error(future_sapply(1:3, here), class = "rustle_error_not_compiled")
    })
    under_plan(c(plan, timeout = 50), {
      expect_identical(future_sapply(1:3, function(i) i^2), c(1, 4, 9))
      expect_match(job_report()$compiled$why, "timeout")
    })
  }
  expect_warning(under_plan(list("sequential", compiled = "auto"), 1), class = "rustle_warning_setting")
})

test_that("functions with many attributes are told apart", {
  local_plan("threads", workers = 2)
  marks <- stats::setNames(as.list(1:60), paste0("mark", 1:60))
  one <- do.call(structure, c(list(function(x) x + 1), marks))
  two <- do.call(structure, c(list(function(x) x * 10), marks))
  expect_true(explain_compiled(one, 1)$compiled)
  expect_identical(future_lapply(c(3, 4), one), list(4, 5))
  expect_identical(future_lapply(c(3, 4), two), list(30, 40))
})

test_that("%dopar% over variables, or none, runs on threads", {
  skip_if_not_installed("foreach")
  withr::defer(foreach::registerDoSEQ())
  registerDoRustle()
  `%dopar%` <- foreach::`%dopar%`
  factor <- 1.5
  loops <- list(
    quote(foreach::foreach(i = 1:20, .combine = c) %dopar% (i * factor)),
    quote(foreach::foreach(x = list(c(1, 2), c(3, 4)), .combine = rbind) %dopar% rev(x)),
    quote(foreach::foreach(i = 1:9, .options.rustle = list(seed = 7)) %dopar% { y <- rnorm(3); c(mean = mean(y), sd = sd(y)) }),
    quote(foreach::foreach(i = 1:3, j = 4:6, .combine = c) %dopar% (i + j)),
    quote(foreach::times(5) %dopar% factor)
  )
  for (loop in loops) {
    oracle <- under_plan(list("sequential"), eval(loop))
    for (workers in 1:3) expect_identical(on_threads(eval(loop), workers), oracle)
    expect_null(last_compiled$told$why)
    expect_identical(last_compiled$told$bailed, 0L)
  }
  # Tasks that fail are R's, with foreach's own error.
  fails <- quote(foreach::foreach(i = 1:3, .combine = c) %dopar% if (i == 2) stop("here") else i)
  expect_error(on_threads(eval(fails), 2), "task 2 failed - \"here\"")
  expect_identical(on_threads(foreach::foreach(i = 1:3, .errorhandling = "remove", .combine = c) %dopar% if (i == 2) stop("here") else i, 2), c(1L, 3L))
})

test_that("methods that R's own functions call, and options that make R warn, count", {
  withr::local_preserve_seed()
  oplan <- plan(threads, workers = 2)
  on.exit(plan(oplan))
  home <- globalenv()
  local_method <- function(name, method, expr) {
    assign(name, method, envir = home)
    on.exit(rm(list = name, envir = home))
    expr
  }
  middle <- as_user(function(x) median(c(x, 1, 2, 5)))
  for (k in 1:3) expect_identical(future_lapply(1:4, middle), lapply(1:4, middle))
  local_method("mean.numeric", function(x, ...) 42, expect_identical(future_lapply(1:4, middle), lapply(1:4, middle)))
  sums <- as_user(function(x) apply(matrix(1:6 + x, 2), 1, sum))
  expect_identical(future_lapply(1:2, sums), lapply(1:2, sums))
  local_method("aperm.matrix", function(a, ...) stop("mine"), expect_error(future_lapply(1:2, sums), "mine"))
  expect_identical(future_lapply(1:2, sums), lapply(1:2, sums))
  add <- function(value) value + 1
  partly <- function(i) add(val = i)
  future_lapply(1:2, partly)
  withr::local_options(warnPartialMatchArgs = TRUE)
  expect_warning(future_lapply(1:2, partly), "partial argument match")
})

test_that("sample() of a number below one is what R makes of it", {
  withr::local_preserve_seed()
  oplan <- plan(threads, workers = 2)
  on.exit(plan(oplan))
  draws <- list(
    function(i) sample(i), function(i) sample(c(i, 1)[1]), function(i) sample(i, 0), function(i) sample(i, 1),
    function(i) sample(i, 2, replace = TRUE), function(i) sample(0L), function(i) sample.int(i)
  )
  for (draw in draws) {
    for (X in list(c(2, 0, 1), 0:3, c(0.5, 3.7))) {
      call <- quote(future_lapply(X, draw, future.seed = 7))
      want <- under_plan(list("sequential"), tryCatch(eval(call), error = conditionMessage))
      for (k in 1:2) expect_identical(tryCatch(eval(call), error = conditionMessage), want, info = deparse(draw))
    }
  }
})

test_that("a time limit that strikes while a function is compiled is no fault of the compiler", {
  oplan <- plan(threads, workers = 1)
  eager <- machine$eager
  machine$eager <- FALSE
  on.exit({
    machine$eager <- eager
    plan(oplan)
  })
  struck <- function(text) {
    own <- compile_call
    utils::assignInNamespace("compile_call", function(...) stop(text), "rustle")
    on.exit(utils::assignInNamespace("compile_call", own, "rustle"))
    compile_job(new_job(lapply_call, lapply_frame(1:2, function(i) i), 2L, new_policy()), current_plan())
  }
  expect_error(struck("reached elapsed time limit"), "reached elapsed time limit")
  expect_match(struck("something else")$why, "a fault of the compiler.*something else")
})
