# What R shows of each call, and what it evaluates to find something, is R's own to do; and what was seen
# of a function holds only as long as nobody changes it.

# Beside the interpreter, call after call; was the function compiled the last time?
expect_as_in_r <- function(fun, compiled, X = 1:4) {
  for (k in 1:3) {
    ours <- NULL
    theirs <- NULL
    said <- utils::capture.output(ours <- future_lapply(X, fun))
    report <- job_report()$compiled
    expected <- utils::capture.output(theirs <- lapply(X, fun))
    expect_identical(ours, theirs)
    expect_identical(said, expected)
  }
  if (!is.na(compiled)) expect_identical(is.null(report$why), compiled)
}

local_two_threads <- function(frame = parent.frame()) {
  oplan <- plan(threads, workers = 2)
  withr::defer(plan(oplan), envir = frame)
}

test_that("functions that are traced are R's", {
  local_two_threads()
  inner <- function(x) x * 2
  callers <- list(function(i) i + 1, function(i) inner(i) + 1, function(i) sd(c(i, 1, 2)), function(i) sapply(c(i, 2), inner), function(i) floor(i / 2))
  watched <- list(callers[[1L]], inner, stats::sd, inner, base::floor)
  for (k in seq_along(callers)) {
    fun <- callers[[k]]
    one <- watched[[k]]
    expect_as_in_r(fun, TRUE)
    withr::defer(.primUntrace(one))
    .primTrace(one)
    expect_as_in_r(fun, FALSE)
    .primUntrace(one)
    # It may take some calls before it is looked at again.
    expect_as_in_r(fun, NA)
  }
})

test_that("default methods of generic functions are seen, too", {
  local_two_threads()
  f <- as_user(function(i) median(c(i, 2, 7)))
  expect_as_in_r(f, TRUE)
  one <- stats::median.default
  withr::defer(.primUntrace(one))
  .primTrace(one)
  expect_as_in_r(f, FALSE)
})

test_that("debug() and debugonce() are seen", {
  fun <- function(x) x
  expect_false(is_watched(fun))
  debug(fun)
  expect_true(is_watched(fun))
  undebug(fun)
  expect_false(is_watched(fun))
  debugonce(fun)
  expect_true(is_watched(fun))
})

test_that("what R evaluates to find a function or a variable is left to R", {
  local_two_threads()
  withr::defer(rm(list = intersect(c("counted", "later", "later_fun"), ls(globalenv())), envir = globalenv()))
  at_home <- function(fun) {
    environment(fun) <- globalenv()
    fun
  }
  calls <- 0
  makeActiveBinding("counted", function() {
    calls <<- calls + 1
    n <- calls
    function(x) x + n
  }, globalenv())
  fun <- at_home(function(i) counted(i))
  # R's own compiler looks at it, too.
  expect_true(all(diff(unlist(future_lapply(c(1, 1, 1), fun))) >= 1))
  expect_match(job_report()$compiled$why, "active binding")
  # Nothing is evaluated that R would not.
  told <- FALSE
  delayedAssign("later", {
    told <- TRUE
    5
  }, assign.env = globalenv())
  delayedAssign("later_fun", {
    told <- TRUE
    function(x) x
  }, assign.env = globalenv())
  expect_identical(future_lapply(1L, at_home(function(i) if (i > 9) later else i)), list(1L))
  expect_identical(future_lapply(1L, at_home(function(i) if (i > 9) later_fun(i) else i)), list(1L))
  skip_if_not(can_look_at_bindings())
  expect_false(told)
  force(globalenv()$later)
  expect_as_in_r(at_home(function(i) if (i > 3) later else i / 2), TRUE)
})

test_that("attributes that C code adds where a variable is are seen", {
  skip_if_not_installed("data.table")
  local_two_threads()
  k <- c(1, 2, 3)
  fun <- function(i) k * i
  expect_as_in_r(fun, TRUE)
  data.table::setattr(k, "names", c("a", "b", "c"))
  expect_as_in_r(fun, TRUE)
  data.table::setattr(k, "names", c("a", "z", "c"))
  expect_as_in_r(fun, TRUE)
  data.table::setattr(k, "class", "other")
  expect_as_in_r(fun, FALSE)
})

test_that("the variable of a loop that does not turn is NULL behind it", {
  local_two_threads()
  v <- 7L
  funs <- list(
    function(x) {
      k <- 9L
      for (k in seq_len(x)) {}
      k
    },
    function(x) {
      k <- 9
      for (k in c(1, 2, 3)[seq_len(x)]) {}
      c(k, 1)
    },
    function(x) {
      for (v in seq_len(x)) return(v)
      v
    },
    function(x) {
      k <- 9L
      for (k in seq_len(x)) if (k == 2L) break
      k
    },
    function(x) {
      k <- 9L
      for (j in 1:2) for (k in seq_len(max(x - j, 0L))) {}
      k
    }
  )
  for (fun in funs) expect_as_in_r(fun, TRUE, c(3L, 3L, 2L, 3L, 0L, 3L, 2L, 3L))
  never <- list(
    function(x) {
      k <- 9
      for (k in NULL) {}
      is.null(k)
    },
    function(x) {
      for (x in NULL) {}
      length(x)
    },
    function(x) {
      for (v in NULL) {}
      v
    },
    function(x) {
      k <- 5
      if (x > 1) for (k in NULL) {}
      is.null(k)
    }
  )
  for (fun in never[-4L]) expect_as_in_r(fun, TRUE)
  expect_as_in_r(never[[4L]], FALSE)
})

test_that("what R makes a list of NULL is no vector", {
  local_two_threads()
  funs <- list(
    function(x) sapply(NULL, function(e) e),
    function(x) is.null(sapply(NULL, sqrt)),
    function(x) {
      y <- NULL
      y[[1]] <- x
      y
    },
    function(x) {
      y <- c()
      for (i in 1:3) y[[i]] <- i * x
      y
    }
  )
  for (fun in funs) expect_as_in_r(fun, FALSE)
  vectors <- list(
    function(x) {
      y <- NULL
      for (i in 1:3) y[i] <- i * x
      y
    },
    function(x) {
      y <- numeric()
      for (i in 1:3) y[[i]] <- i * x
      y
    },
    function(x) c(unlist(lapply(NULL, sqrt)), sapply(1:2, sqrt), x)
  )
  for (fun in vectors) expect_as_in_r(fun, TRUE)
})
