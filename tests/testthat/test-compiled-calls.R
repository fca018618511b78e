# Calls of other closures in compiled ones: the interpreter is the oracle. Arguments are
# promises there, which are evaluated at their first use, once, or never.

square <- function(x) x^2
power <- function(x, n = 2) {
  y <- x
  for (i in seq_len(n)) y <- y * x
  y
}
never <- function(a, b) a
either <- function(a, b) if (a > 1) b else a

test_that("closures are compiled where they are called, with arguments by name, by its beginning and by position", {
  expect_called(function(x) square(x) + 1)
  expect_called(function(x) square(square(x)) - square(x))
  expect_called(function(x) power(x) + power(x, 3) + power(n = 1, x = x))
  scaled <- function(value, number = 1, nobody = 2) value * number - nobody
  expect_called(function(x) scaled(val = x, num = 3))
  expect_called(function(x) scaled(num = 3, x))
  expect_called(function(x) scaled(x, n = 3), "do not fit")
  expect_called(function(x) scaled(x, other = 3), "do not fit")
  expect_called(function(x) square(x, 1), "do not fit")
  behind <- function(x, ..., scale = 2) x * scale
  expect_called(function(x) behind(x, 5, sc = 4, scale = 3))
  expect_called(function(x) behind(x, sca = rnorm(1)) + runif(1))
  expect_called(function(x) x + `+`(x, 2))
  `%plus%` <- function(a, b) a * 10 + b
  expect_called(function(x) x %plus% 2)
})

test_that("arguments are evaluated when they are needed, once, or never", {
  expect_called(function(x) either(x, rnorm(1)) + runif(1))
  reversed <- function(a, b) {
    y <- b
    y - 2 * a
  }
  expect_called(function(x) reversed(rnorm(1), runif(1)))
  expect_called(function(x) never(x, rnorm(1)) + runif(1))
  expect_called(function(x) never(x, "text") + never(x, stop("no")))
  twice <- function(a) a + a
  expect_called(function(x) twice(rnorm(1)))
  repeated <- function(a) {
    s <- 0
    for (i in 1:3) s <- s + a
    s
  }
  expect_called(function(x) repeated(rnorm(1)) + runif(1))
  expect_called(function(x) never(x, (function() 1)()))
  handed <- function(y) never(2, y) + square(y) + never(y, 1)
  expect_called(function(x) handed(rnorm(1)) + runif(1))
  handed_on_a_way <- function(y) either(2, y) + either(0, y)
  expect_called(function(x) handed_on_a_way(rnorm(1)) + runif(1), "depends on the way")
  overwritten <- function(a, b) {
    a <- b * 2
    a
  }
  expect_called(function(x) overwritten(rnorm(1), x) + runif(1))
  endless <- function(x) {
    while (TRUE) x <- x + 1
    x
  }
  expect_called(function(x) never(x, endless(1)))
  # Read on one way only, and then again: which value it has is not known.
  maybe <- function(a, c) {
    s <- if (c > 0) a else 1
    s + a
  }
  expect_called(function(x) maybe(rnorm(1), x), "depends on the way")
  short <- function(a, b) {
    z <- a > 1 && b > 0.5
    if (z) b else runif(1)
  }
  expect_called(function(x) short(x, rnorm(1)), "depends on the way")
  cut_short <- function(a, b) {
    z <- a > 1 || b > 0.5
    runif(1) + z
  }
  expect_called(function(x) cut_short(x, rnorm(1)))
  one <- function() runif(1)
  expect_called(function(x) rnorm(1, one(), one()), "several of its arguments")
  expect_called(function(x) rnorm(1, one()))
  expect_called(function(x) ifelse(x > 1, one(), 2), "random numbers")
  expect_called(function(x) c(one(), rnorm(1), one()))
})

test_that("defaults see the variables of their function at the time of their use", {
  later <- function(x, n = length(x)) {
    x <- x[-1]
    n
  }
  expect_called(function(x) later(c(x, 1, 2)))
  inner <- function(x, m = k + 1) {
    k <- x * 2
    m
  }
  expect_called(function(x) inner(x))
  helper <- function(v) v + 1
  own <- function(x, m = helper(x)) {
    helper <- function(v) v * 100
    m
  }
  expect_called(function(x) own(x))
  itself <- function(x, m = m) m
  expect_called(function(x) itself(x), "needs itself")
  round_about <- function(x, a = b, b = a) a
  expect_called(function(x) round_about(x), "needs itself")
  drawn <- function(x, a = rnorm(1)) {
    y <- runif(1)
    y + a * x
  }
  expect_called(function(x) drawn(x))
  expect_called(function(x, n = length(x) + 1, z = n * 2) {
    x <- x + 1
    x + z
  })
  expect_called(function(x, n = rnorm(1)) runif(1) + n)
  expect_called(function(x) never(x) + never(x, b = ), "left out")
  needed <- function(a, b) if (a > 0) a else b
  expect_called(function(x) needed(x), "no value was given")
  asked <- function(a, b) if (missing(b)) a else b
  expect_called(function(x) asked(x))
})

test_that("each call has variables of its own, and the values of its caller stay", {
  changed <- function(v) {
    v[1] <- 100
    sum(v)
  }
  expect_called(function(x) {
    v <- c(x, 2, 3)
    a <- changed(v)
    c(a, v)
  })
  k <- 100
  uses <- function(x) x + k
  expect_called(function(x) {
    k <- 1
    uses(x) + k
  })
  over <- function(v) {
    for (e in v) v[1] <- v[1] + e
    v[1]
  }
  expect_called(function(x) over(c(x, 1, 2)) + over(x))
  add <- function(k) function(x) x + k
  add2 <- add(2)
  expect_called(function(x) add2(x))
  hidden <- local({
    values <- c(1, 2, 3)
    function(x) x * values
  })
  expect_called(function(x) sum(hidden(x)))
  value <- 3
  later <- add(value)
  expect_called(function(x) later(x), "may not have been evaluated")
})

test_that("functions return early, out of loops, and with names and lists at the end", {
  early <- function(x) {
    if (x > 1) return(x * 2)
    if (x < 0) return(-x)
    x + 0.25
  }
  expect_called(function(x) early(x) + early(x + 1))
  expect_called(function(x) {
    s <- 0
    for (j in 1:4) {
      s <- s + early(x + j)
      if (s > 20) break
    }
    s
  })
  in_loop <- function(x) {
    for (i in 1:10) {
      if (i > x) return(i / 2)
      x <- x - 0.5
    }
    99
  }
  expect_called(function(x) in_loop(x) + 1)
  grown <- function(x) if (x > 1) c(x, 1) else x
  expect_called(function(x) sum(grown(x)))
  mixed <- function(x) if (x > 1) 1L else 2.5
  expect_called(function(x) mixed(x) + 1, "its type depends")
  named <- function(x) c(a = x, b = x^2)
  expect_called(function(x) named(x))
  expect_called(function(x) if (x > 1) named(x) else list(named = x, v = c(x, 1)))
  out <- function(a) {
    break
    a
  }
  expect_called(function(x) {
    for (i in 1:2) out(x)
    x
  }, "in no loop")
})

test_that("functions that a closure defines, and functions as arguments, are compiled, too", {
  expect_called(function(x) {
    inner <- function(a) a * k
    k <- 3
    y <- inner(x)
    k <- 4
    y + inner(x)
  })
  expect_called(function(x) {
    draw <- function(n, m = 0) mean(rnorm(n, m))
    draw(5) - draw(4, x)
  })
  expect_called(function(x) {
    inner <- function(a) a + 1
    y <- inner(x)
    inner <- function(a) a - 1
    y * inner(x)
  })
  expect_called(function(x) {
    inner <- function(a) a + 1
    if (x > 1) inner <- function(a) a - 1
    inner(x)
  }, "which function")
  expect_called(function(x) {
    mean <- function(a) a + 1
    mean(x)
  }, "has the name")
  app <- function(v, f, ...) f(v)
  expect_called(function(x) app(c(x, 1), sum) + app(x, square) + app(x, function(z) z - x))
  as_mean <- function(v, mean) mean(v)
  expect_called(function(x) as_mean(c(x, 1), sum) + as_mean(c(x, 1), 3))
  join <- function(c) c(c, 1)
  expect_called(function(x) sum(join(x)))
  expect_called(function(x) sum(join(rnorm(1))), "may be the argument")
  average <- mean
  expect_called(function(x) average(c(x, 1)))
  local({
    mean <- function(x) 42
    expect_called(function(x) average(c(x, 1)) + mean(x))
  })
  run <- function(stat) expect_called(function(x) stat(c(x, 1, 2)))
  run(mean)
  run(function(z) max(z) - min(z))
})

test_that("functions that call themselves, or what is not in the subset, are told", {
  factorial_of <- function(n) if (n <= 1) 1 else n * factorial_of(n - 1)
  expect_called(function(x) factorial_of(x), "calls itself")
  even <- function(n) if (n == 0) TRUE else odd(n - 1)
  odd <- function(n) if (n == 0) FALSE else even(n - 1)
  expect_called(function(x) even(abs(x) * 2), "calls itself")
  again <- function(x) if (x > 5) again(x - 1) else x
  expect_called(again, "calls itself")
  told <- function(x) paste(x)
  expect_called(function(x) told(x), "`told[(][)]`")
  found <- explain_compiled(function(x) {
    y <- x + 1
    told(y)
  }, 1)
  expect_identical(found$expression, quote(told(y)))
})

test_that("a function that is defined anew between calls is the new one", {
  step <- function(x) x + 1
  walk <- function(x) step(x)
  expect_called(walk)
  step <- function(x) x - 1
  expect_called(walk)
})

test_that("code that is nested deeply is left to R", {
  local_plan("threads", workers = 2)
  sums <- function(n) eval(parse(text = paste0("function(x) x", strrep(" + 1", n)), keep.source = FALSE))
  expect_true(explain_compiled(sums(100), 1)$compiled)
  # R's own stack would not do for the deeper one.
  for (n in c(350, 10000)) expect_match(explain_compiled(sums(n), 1)$why, "nested more than 300 levels deep")
  expect_identical(future_lapply(1:2, sums(350)), lapply(1:2, sums(350)))
  # In functions that are called in place the levels add up.
  f0 <- function(x) x + 1
  for (k in 1:10) {
    code <- as.call(list(as.name(paste0("f", k - 1)), quote(x)))
    for (level in 1:60) code <- call("+", call("if", quote(x > 1), code, 2), 1)
    f <- function(x) NULL
    body(f) <- code
    assign(paste0("f", k), f)
  }
  expect_match(explain_compiled(f10, 3)$why, "nested too deeply")
  expect_identical(future_lapply(c(3, 0), f10), lapply(c(3, 0), f10))
})
