# Strings that are known when the code is compiled, conditions about them, and what values are; names
# of the sides of matrices, and values of several numbers.

method <- "a"
two <- c("p", "q")
verbose <- FALSE
named <- matrix(c(1, 2.5, -3, 0.5), 2L, dimnames = list(NULL, c("a", "b")))
loss <- function(e, kind = c("square", "abs")) if (kind[1] == "square") sum(e^2) else sum(abs(e))

drawn <- function(a, b = stats::rnorm(1)) { force(b); a + b }

test_that("branches by strings, switch() and conditions that are known are those of R", {
  expect_all_on_threads(
    function(x) "a", function(x) if (method == "a") x else "b", function(x) switch(method, a = x, b = x * 2), function(x) switch(method, b = , a = x, stop("no")), function(x) switch("z", b = 1, a = x),
    function(x) switch(2, x, x * 2), function(x) switch(1 + (x > 1), x, "a"), function(x) { k <- switch(1L + (x > 1), 1, 2); k * x }, function(x, w = NULL) if (is.null(w)) x else x * w, function(x) loss(x) + loss(x, "abs"),
    function(x) { stopifnot(is.numeric(x), x > -5, "a" == method); x }, function(x) if (method %in% c("a", "c") && x > 1) x else 0, function(x) { v <- c(x, 2); names(v) <- two; v[["q"]] + v["p"] }, function(x) names(c(p = x)),
    function(x) { if (verbose) cat("x"); if (verbose) list(x) else x }, function(x) xor(x > 1, TRUE) || isTRUE(x > 1), function(x) { for (it in 1:5) if (x * it > 3) break; it }, function(x) { for (it in seq_len(3)) z <- it * x; z },
    function(x) stats::rnorm(1) + base::mean(c(x, 2)), function(x) drawn(stats::runif(1)), function(x) sum(1:3, x, TRUE) + sum(-0, -0), function(x) c(est = x, quantile(c(x, 2, 3), c(0.1, 0.9)), rnorm(1)),
    function(x) round(c(a = x, b = 2.345), 2), function(x) NROW(x) + NCOL(diag(2)), function(x) is.list(list(x)) && is.character(two) && !is.matrix(x) && is.matrix(diag(2))
  )
  expect_same_on_threads(1:3, function(i, how) if (how == "mean") mean(c(i, 4)) else median(c(i, 4, 5)), how = "median")
  expect_called(function(x) { stopifnot(x > 1); x }, X = list(1, 2), kept = 1L)
  expect_called(function(x) switch(x, 5), X = list(1, 2))
  expect_called(function(x) { k <- switch(x, 5); is.null(k) }, X = list(1, 2), kept = 1L)
  expect_called(function(x) { z <- if (x > 1) "a" else "b"; z }, "strings", X = list(1, 2))
  expect_called(function(x) paste(x), "not in the subset", X = list(1, 2))
  expect_called(function(x) switch(method, 1, 2), "stops or warns", X = list(1))
  local({
    `::` <- function(a, b) function(x) 42
    expect_called(function(x) base::mean(x), "not in the subset", X = list(1))
  })
  odd <- c("a", NA)
  expect_called(function(x) if (odd[1] == "a") x else 0, "not numeric", X = list(1, 2))
})

test_that("matrices keep names of their sides that are known", {
  expect_all_on_threads(
    function(x) { m <- matrix(0, 3, 2, dimnames = list(NULL, c("a", "b"))); for (i in 1:3) { m[i, "a"] <- i; m[i, "b"] <- x * i }; m }, function(x) { m <- cbind(a = 1:3, b = x); m[2, ] },
    function(x) { m <- matrix(0, 3, 2); colnames(m) <- c("a", "b"); m[2, ] <- c(x, 1); m[, "b"] <- 7; m }, function(x) { m <- cbind(a = 1:3, b = x); m[, "a"] }, function(x) { m <- cbind(a = 1:3, b = x); m[2, "b"] },
    function(x) { m <- cbind(a = 1:3, b = x); m[m[, "a"] > 1, ] }, function(x) { a <- 1:2; rbind(a, b = x, 3) }, function(x) { m <- rbind(a = 1:3, b = x); list(m["a", ], m["b", 2], rowSums(m), t(m)) },
    function(x) { m <- cbind(a = 1:3, b = x); list(colMeans(m), rowSums(m), m[2:3, c("b", "a")], m[[2, "b"]], m[2, c("b", "a")], colnames(m)) }, function(x) { named[1, "a"] <- x; named }, function(x) named[, "b"] * x,
    function(x) { m <- matrix(c(x, 1, 2, 3), 2, 2, dimnames = list(c("r", "s"), c("a", "b"))); list(t(m)["a", ], m["r", "a"], m["s", ]) }, function(x) { named[1, "a"] <- x; named[1, "a"] + 1 },
    function(x) { m <- matrix(NA, 2, 2); colnames(m) <- c("a", "b"); for (i in 1:2) { m[i, "a"] <- x; m[i, "b"] <- rnorm(1) }; colMeans(m) }, function(x) { r <- rep(NA, 4); for (i in seq_along(r)) r[i] <- x * i; r }
  )
  expect_called(function(x) { r <- rep(NA, 2); for (i in 1:2) r[i] <- i; r }, "missing value", X = list(1, 2))
  expect_called(function(x) { r <- rep(NA, 2); r }, "missing value", X = list(1, 2))
  expect_called(function(x) { m <- cbind(a = x, b = 2); m[, "a"] }, X = list(1, 2), kept = 0L)
  expect_called(function(x) { m <- cbind(a = c(x, 2)); m[1, ] }, "names", X = list(1, 2))
})

test_that("values of several numbers make the matrices of R", {
  expect_all_on_threads(
    function(x) sapply(1:3, function(i) c(i, x)), function(x) sapply(1:3, function(i) c(a = i, b = x)), function(x) colMeans(t(sapply(1:3, function(i) c(a = i, b = x)))), function(x) rowMeans(replicate(20, rnorm(3))),
    function(x) apply(replicate(20, rnorm(3)), 1, sd), function(x) replicate(3, c(m = rnorm(1), s = x)), function(x) vapply(1:3, function(i) c(i, x), c(a = 0, b = 0)), function(x) mapply(function(a, b) c(a, b), 1:3, c(x, 1, 2)),
    function(x) do.call(rbind, lapply(1:3, function(i) c(a = i, b = x))), function(x) do.call("cbind", lapply(1:3, function(i) c(a = i, b = x))), function(x) do.call(rbind, lapply(1:3, function(i) x * i)),
    function(x) unlist(lapply(1:3, function(i) seq_len(i) * x)), function(x) apply(diag(3), 2, function(v) v * x), function(x) outer(1:3, c(x, 2), function(a, b) a * b + x), function(x) (1:2 %o% c(x, 1)) == outer(1:2, c(1, x), "-")
  )
  expect_called(function(x) sapply(1:2, function(i) numeric(i)), X = list(1), kept = 0L)
  expect_called(function(x) sapply(seq_len(x), function(i) c(i, x)), X = list(0, 1, 2), kept = 2L)
  expect_called(function(x) sapply(1:3, function(i) c(a = i)), "names", X = list(1))
})
