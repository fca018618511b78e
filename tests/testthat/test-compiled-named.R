# Names of vectors, lists in variables, sapply() and its like, and missing() in compiled closures,
# beside the interpreter.

numbers <- c(a = 1.5, b = 2, c = -1)
cells <- matrix(c(1, 2, 3, 4, 5, 6.5), 2L)
counts <- c(p = 3L, q = 1L)
square <- function(x) x^2

# Every function is compiled, and R runs none of its tasks.
expect_compiled <- function(...) {
  for (fun in list(...)) expect_called(fun, X = list(1, 2, 3))
}

test_that("values may have names that are written in the code", {
  expect_compiled(
    function(i) { x <- rnorm(10); out <- c(mean = mean(x), sd = sd(x)); out },
    function(i) { out <- c(a = i, b = 2); out[["b"]] + out[[1]] },
    function(i) { out <- c(a = i, 2, b = TRUE); out["b"] <- 7; out[["a"]] <- 3; out },
    function(i) { v <- numeric(2); names(v) <- c("p", "q"); v[2] <- i; v },
    function(i) setNames(c(i, 2), c("x", "y")),
    function(i) setNames(nm = c("x", "y"), object = rev(c(i, 2))),
    function(i) setNames(i > 1, "only"),
    function(i) list(c(a = 1L), b = c(u = i, v = i > 1)),
    function(i) { names(i) <- "x"; i },
    function(i) { v <- c(a = i); names(v) <- NULL; v }
  )
})

test_that("arithmetic keeps names, and what drops them does", {
  expect_compiled(
    function(i) numbers * i, function(i) i - numbers, function(i) numbers + numbers, function(i) numbers + c(1, 2, 3),
    function(i) c(1, 2, 3) / numbers, function(i) c(z = 1, y = 2, x = 3) * numbers, function(i) exp(numbers) - 1,
    function(i) -numbers, function(i) +counts, function(i) numbers > i, function(i) counts %/% 2L, function(i) counts + i,
    function(i) sum(numbers * i) + prod(counts), function(i) length(numbers) + mean(numbers) + sd(numbers) + var(counts),
    function(i) max(numbers, i) + min(counts), function(i) unname(numbers)[2], function(i) numbers[["c"]] + counts[["q"]],
    function(i) if (i > 1) numbers else numbers * 2, function(i) { f <- function(w) w * i; f(numbers) },
    function(i) { s <- numbers; for (k in 1:3) s <- s * 2; s }
  )
  # R's affair, as it is now.
  expect_called(function(i) numbers[i] * i, "has names", list(1, 2))
  expect_called(function(i) rev(numbers), "has names", list(1, 2))
  expect_called(function(i) which.max(numbers), "has names", list(1, 2))
  expect_called(function(i) sapply(numbers, function(z) z + i), "may have names", list(1, 2))
  expect_called(function(i) { numbers["other"] <- i; numbers }, "no element \"other\"", list(1, 2))
  expect_called(function(i) if (i > 1) numbers else c(1, 2, 3), X = list(1, 2))
  expect_called(function(i) { w <- if (i > 1) numbers else c(1, 2, 3); w }, "names depends", list(1, 2))
  # Tasks in which the lengths do not fit are R's.
  expect_called(function(i) setNames(rep(i, i), c("x", "y")), X = list(1, 2, 3), kept = 1L)
  expect_called(function(i) numbers + rep(1, i), X = list(1, 2, 3), kept = 1L)
  expect_called(function(i) { v <- c(a = 1, b = 2); v[i] <- 5; v }, X = list(1, 2, 3), kept = 2L)
})

test_that("a list may stand in a variable that is returned at once", {
  expect_compiled(
    function(i) { out <- list(a = i, b = c(1, 2)); out },
    function(i) { out <- list(numbers, i); return(out) },
    function(i) { out <- 1; out <- list(out + i); invisible(out) }
  )
  expect_called(function(i) { out <- list(i, 2); k <- 2; out[[k]] }, "by names or numbers that it has only", list(1))
})

test_that("sapply(), vapply(), replicate() and apply() of functions with one number as their value are compiled", {
  shared <- 0
  expect_compiled(
    function(i) sum(sapply(1:5, function(j) j * i)),
    function(i) vapply(1:4, function(j) j + i, numeric(1)),
    function(i) vapply(1:4, function(j) j, 0),
    function(i) vapply(1:4, function(j) j, integer(1)) + i,
    function(i) vapply(c(1, 2, 3), function(j) j > i, logical(1)),
    function(i) vapply(numeric(0), function(j) j, numeric(1)),
    function(i) mean(replicate(20, mean(rnorm(5)))) + i,
    function(i) replicate(3, { z <- runif(1); z * i }),
    function(i) apply(cells, 1, function(r) sum(r) * i),
    function(i) apply(cells, 2, max) + i,
    function(i) sapply(c(4, 9), sqrt) * i,
    function(i) sapply(c(1.234, 9.876), round, digits = 1) * i,
    function(i) sapply(1:3, function(j, p) j^p, p = i),
    function(i) sapply(FUN = function(j, p, q) j * p - q, 3, i, X = c(2, 5)),
    function(i) sapply(1:3, function(j, p) j + p, rnorm(1)) + i,
    function(i) sapply(1:3, function(j) sapply(1:2, function(k) k * j + rnorm(1))[2] + i),
    function(i) { f <- function(z) z + i; sapply(1:3, f) },
    function(i) sapply(1:3, square) * runif(1),
    function(i) { x <- 0; y <- sapply(1:3, function(j) { x <- x + j; x }); y + x },
    function(i) { s <- 0; for (k in 1:3) s <- s + sum(sapply(1:k, function(j) j + s)); s }
  )
  # R makes a list of none, and a matrix of several values; the type may depend on what there is.
  expect_called(function(i) sapply(seq_len(i - 1), function(j) j * 2), X = list(1, 2, 3), kept = 2L)
  expect_called(function(i) sapply(1:2, function(j) c(j, i)[seq_len(i)]), X = list(1, 2), kept = 1L)
  expect_called(function(i) vapply(1:3, function(j) j + 0.5, integer(1)), "not of the type", list(1))
  expect_called(function(i) vapply(1:3, function(j) c(j, 1), numeric(i)), "numbers that the code has", list(1))
  expect_called(function(i) apply(cells, c(1, 2), function(z) z), "margins", list(1))
  expect_called(function(i) sapply(1:3, function(j) NULL), "NULL", list(1))
})

test_that("missing() and force() are known", {
  without <- function(x, k) {
    if (missing(k)) k <- 2
    x / k
  }
  with_default <- function(x, k = 3) {
    force(k)
    if (!missing(k)) k * 10 else x + k
  }
  handed_on <- function(x, k) with_default(x, k)
  drawn <- function(x, k) {
    force(k)
    if (x > 1) k + runif(1) else k
  }
  expect_compiled(
    function(i) without(i) + without(i, 4), function(i) with_default(i) + with_default(i, 2), function(i) handed_on(i, 2),
    function(i) drawn(i, rnorm(1)) + runif(1), function(i) { force(i); i + 1 }, function(i, k = 5) if (missing(k)) i else k,
    function(i) if (missing(i)) 1 else i
  )
  expect_called(function(i) { if (i > 1) k <- 2; missing(k) }, "not known here", list(1))
  unsure <- function(x, k) handed_on(x, k)
  expect_called(function(i) unsure(i), "not known|no value", list(1))
})
