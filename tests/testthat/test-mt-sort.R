vectors <- function() {
  set.seed(1)
  x <- stats::rnorm(2e5)
  holes <- x[1:5e4]
  holes[sample(5e4, 5e3)] <- NA
  holes[sample(5e4, 5e3)] <- NaN
  holes[1:6] <- c(Inf, -Inf, 0, 5e-324, -1e308, Inf)
  words <- paste0(sample(c("a", "B", "b", "\u00e9", "Zz", ""), 4e4, TRUE), sample(300, 4e4, TRUE))
  list(
    x, round(x, 1), holes, sort(x), rev(sort(x)), rep(1, 1e5), numeric(), 1, NA_real_, c(2, NaN, NA, 1),
    sample(1e5), sample(9L, 1e5, TRUE), c(3L, NA, 1L), integer(), 1:1e5, sample(c(TRUE, FALSE, NA), 1e5, TRUE),
    c(TRUE, NA, FALSE), words, c("b", NA, "a", "A", NA), character(), "long common prefix 2", NA_character_,
    c("prefix-long-2", "prefix-long-1", "prefix-long-", "prefix-l")
  )
}

test_that("sort and order are base's radix methods for all threads and schedules", {
  for (x in vectors()) {
    for (decreasing in c(FALSE, TRUE)) {
      for (na.last in c(TRUE, FALSE, NA)) {
        sorted <- sort(x, decreasing, na.last = na.last, method = "radix")
        by <- order(x, decreasing = decreasing, na.last = na.last, method = "radix")
        expect_identical(mt_sort(x, decreasing, na.last, threads = 2), sorted)
        expect_identical(mt_order(x, na.last = na.last, decreasing = decreasing, threads = 2), by)
      }
    }
    for (schedule in c("static", "cyclic", "dynamic", "guided")) {
      expect_identical(mt_sort(x, schedule = schedule, threads = 3), sort(x, method = "radix"))
      expect_identical(mt_order(x, schedule = schedule, threads = 1), order(x, method = "radix"))
    }
  }
})

test_that("equal elements keep their order, and zeros are equal", {
  x <- rep(c(0, -0, 1, -1), 3e4)
  expect_identical(mt_order(x, threads = 2), order(x))
  expect_identical(mt_order(x, decreasing = TRUE, threads = 2), order(x, decreasing = TRUE))
  set.seed(2)
  words <- sample(c("a", "A", "b"), 1e5, TRUE)
  expect_identical(mt_order(words, decreasing = TRUE, threads = 2), order(words, decreasing = TRUE, method = "radix"))
})

test_that("names move with their elements; other attributes and classes are base's", {
  x <- c(c = 3, a = 1, n = NA, b = 2)
  for (na.last in c(TRUE, FALSE, NA)) {
    expect_identical(mt_sort(x, na.last = na.last), sort(x, na.last = na.last))
  }
  words <- c(x = "b", y = "a")
  expect_identical(mt_sort(words), sort(words, method = "radix"))
  m <- matrix(c(3, 1, 2, 4), 2)
  expect_identical(mt_sort(m), sort(m))
  expect_identical(mt_order(m), order(m))
  f <- factor(c("b", "a", "b"), levels = c("b", "a"))
  d <- as.Date("2026-01-03") - 0:2
  for (y in list(f, d, c(2i, 1i))) {
    expect_identical(mt_sort(y), sort(y))
  }
  expect_identical(mt_order(f), order(f))
  expect_identical(mt_order(d), order(d))
})

test_that("strings in other encodings are compared as UTF-8", {
  latin <- iconv(c("\u00e9", "z", "\u00e8", "e"), "UTF-8", "latin1")
  expect_identical(mt_order(latin), order(enc2utf8(latin), method = "radix"))
  expect_identical(mt_sort(latin), latin[c(4, 2, 3, 1)])
})

test_that("arguments are not changed, and wrong ones are named", {
  x <- c(3, 1, 2)
  mt_sort(x)
  expect_identical(x, c(3, 1, 2))
  expect_argument_error(mt_sort(x, decreasing = NA), "decreasing")
  expect_argument_error(mt_order(x, na.last = "yes"), "na.last")
  expect_argument_error(mt_order(x, schedule = "x"), "schedule")
  expect_argument_error(mt_sort(x, threads = 0), "threads")
  expect_error(mt_sort(list(1, 2)))
})

test_that("places have no names", {
  x <- c(b = 2, a = NA, c = 1)
  for (na.last in c(TRUE, FALSE, NA)) {
    expect_identical(mt_order(x, na.last = na.last), order(x, na.last = na.last))
    expect_identical(mt_order(array(x, 3), na.last = na.last), order(array(x, 3), na.last = na.last))
    expect_identical(mt_sort(x, na.last = na.last), sort(x, na.last = na.last))
  }
  expect_like_base(mt_sort(NULL), sort(NULL))
  expect_like_base(mt_sort(NULL, decreasing = TRUE), sort(NULL, decreasing = TRUE))
})

test_that("several keys are order()'s, with a direction for each", {
  set.seed(6)
  for (n in c(7L, 70L, 5000L)) {
    keys <- list(
      sample(c(1, 2, NA, NaN, -0, 0), n, TRUE), sample(3L, n, TRUE), sample(c(TRUE, FALSE, NA), n, TRUE),
      sample(c("a", "B", "\u00e9", NA), n, TRUE), stats::rnorm(n)
    )
    for (of in list(1:2, 3:1, c(4L, 2L), c(2L, 3L, 4L, 5L), c(1L, 5L))) {
      for (na.last in c(TRUE, FALSE, NA)) {
        for (decreasing in list(FALSE, TRUE, c(TRUE, FALSE), rep(c(FALSE, TRUE), 4), "TRUE", 1)) {
          ours <- do.call(mt_order, c(keys[of], list(na.last = na.last, decreasing = decreasing, threads = 2)))
          base <- do.call(order, c(keys[of], list(na.last = na.last, decreasing = decreasing, method = "radix")))
          expect_identical(ours, base, info = paste(n, toString(of), na.last, toString(decreasing)))
        }
      }
    }
    f <- factor(keys[[4L]])
    expect_identical(mt_order(f, keys[[2L]]), order(f, keys[[2L]]))
    named <- stats::setNames(keys[[5L]], seq_len(n))
    expect_identical(mt_order(keys[[2L]], y = named), order(keys[[2L]], y = named))
    for (method in c("auto", "shell", "radix")) {
      expect_identical(mt_order(keys[[4L]], keys[[5L]], method = method), order(keys[[4L]], keys[[5L]], method = method))
      expect_identical(mt_order(keys[[1L]], keys[[2L]], method = method), order(keys[[1L]], keys[[2L]], method = method))
    }
  }
  expect_like_base(mt_order(1:3, 1:2), order(1:3, 1:2))
  expect_like_base(mt_order(), order())
  expect_argument_error(mt_order(1:3, decreasing = NA), "decreasing")
  expect_argument_error(mt_order(1:3, 3:1, decreasing = list()), "decreasing")
  expect_argument_error(mt_order(1:3, method = "quick"), "method")
})

test_that("further arguments are those of sort(), by name, in part or in order", {
  x <- c(b = 3, a = 1, z = NA, c = 2)
  expect_identical(mt_sort(x, index.return = TRUE), sort(x, index.return = TRUE, method = "radix"))
  expect_identical(mt_sort(x, index = TRUE), sort(x, index = TRUE, method = "radix"))
  expect_identical(mt_sort(x, TRUE, FALSE, index.return = TRUE), sort(x, TRUE, na.last = FALSE, index.return = TRUE, method = "radix"))
  y <- stats::rnorm(100)
  expect_identical(mt_sort(y, partial = 5), sort(y, partial = 5))
  expect_identical(mt_sort(y, FALSE, NA, 5), sort(y, FALSE, NA, 5))
  words <- c("b", "A", "a", "B")
  for (method in c("auto", "shell", "radix")) expect_identical(mt_sort(words, method = method), sort(words, method = method))
  expect_identical(mt_sort(y, method = "quick"), sort(y, method = "quick"))
  expect_like_base(mt_sort(y, method = "quick", partial = 2), sort(y, method = "quick", partial = 2))
  expect_argument_error(mt_sort(y, decresing = TRUE), "...")
  expect_like_base(
    tryCatch(mt_sort(y, decreasing = "TRUE"), error = function(e) "refused"),
    tryCatch(sort(y, decreasing = "TRUE"), error = function(e) "refused")
  )
})

test_that("an interrupt ends sorting, and the next call is right", {
  skip_unless_faults()
  got <- run_r({
    x <- rnorm(3e6)
    interrupted <- function(f) {
      interrupt_later(0.3)
      tryCatch({ for (i in 1:100) f(); "done" }, interrupt = function(e) "interrupted") == "interrupted"
    }
    rows <- matrix(rnorm(2e5), 2000)
    out <- list(
      order = interrupted(function() mt_order(x, threads = 2)), sort = interrupted(function() mt_sort(x, threads = 2)),
      dist = interrupted(function() mt_dist(rows, threads = 2)),
      right = identical(mt_order(x, threads = 2), order(x)) && identical(mt_sort(x, threads = 2), sort(x)),
      far = identical(c(mt_dist(rows[1:50, ], threads = 2)), c(dist(rows[1:50, ])))
    )
  }, timeout = 60)
  expect_all_true(got$value)
})

test_that("keys of which base knows no radix sort are ordered as by order()", {
  for (key in list(c(1i, 0i, 2 + 1i), complex())) {
    expect_identical(mt_order(key), order(key))
    expect_identical(mt_order(key, na.last = NA), order(key, na.last = NA))
  }
  expect_identical(mt_order(NULL, na.last = NA), order(NULL, na.last = NA))
  expect_identical(mt_order(c(1, 1, 2), c(1i, 0i, 0i)), order(c(1, 1, 2), c(1i, 0i, 0i)))
})
