# Lists and data frames that the code makes or changes, and rows of data frames.

trial <- data.frame(y = c(1.5, 2, 3, 4), g = c(1L, 0L, 1L, 0L), x = c(2.5, 1, 0, 3))
params <- list(mu = 2, sd = 1.5, n = 4L, name = "z")
lengths3 <- list(a = c(1, 2, 3), b = c(2.5, 1), k = 4)
labels <- c(p = 1.5, q = 2)
grid <- expand.grid(n = c(10, 20), rho = c(0.1, 0.5))
summarised <- function(v) { m <- mean(v); list(mean = m, se = sd(v) / sqrt(length(v))) }
early <- function(v) { if (v > 1) return(list(a = v, b = "q")); list(a = 0, b = "q") }

test_that("data frames and lists are values, to the last attribute", {
  expect_all_on_threads(
    function(x) data.frame(est = x, se = x^2, n = 3L), function(x) { a <- x; data.frame(a, b = 2) }, function(x) data.frame(a = 1:4, b = x, c = c(1.5, 2)),
    function(x) data.frame(method = "a", est = x, ok = x > 1), function(x) data.frame(a = labels * x, row.names = NULL), function(x) data.frame(a = x, stringsAsFactors = FALSE),
    function(x) list(id = x, name = "a", values = c(1.5, x)), function(x) list("a", x, NULL, c("u", "v")), function(x) { l <- list(x, 2); names(l) <- c("u", "v"); l["v"] },
    function(x) { out <- list(); out$a <- x; out[["b"]] <- x > 1; out$c <- list(1, x); out }, function(x) { out <- list(a = 1, b = 2); out$a <- NULL; out$b <- out$b + x; out },
    function(x) { out <- list(a = 1, b = x); out <- list(a = out$b, b = out$a); out }, function(x) { x <- list(x = x); x$y <- x$x; x }, function(x) summarised(c(x, 1, 4)),
    function(x) { f <- summarised(c(x, 1, 4)); c(mean = f$mean, t = f$mean / f$se) }, function(x) early(x), function(x) early(x)$a, function(x) { f <- if (x > 1) list(a = x) else list(a = 0); f$a },
    function(x) { s <- list(t = 0L); for (i in 1:3) s$t <- s$t + x; s }, function(x) { s <- list(); for (i in 1:3) s$t <- x * i; s }, function(x) { p <- params; p$mu <- x; p$mu + p$sd },
    function(x) { s <- list(v = numeric(3)); for (i in 1:3) s$v[i] <- x * i; s$m <- matrix(0, 2, 2); s$m[1, 2] <- x; s }, function(x) lapply(trial, mean), function(x) params$name,
    function(x) { trial$z <- trial$y * x; trial }, function(x) { d <- data.frame(a = x, b = 1); d$c <- 2; d$a[1] <- 5; names(d) <- c("u", "v", "w"); d[c("w", "u")] }
  )
  value <- on_threads(future_lapply(1:2, function(i) data.frame(a = c(i, 2), b = 1)))[[1L]]
  expect_identical(names(attributes(value)), names(attributes(data.frame(a = 1))))
  expect_identical(.row_names_info(value), -2L)
  rows <- on_threads(do.call(rbind, future_lapply(1:3, function(i) data.frame(i = i, s = "a"))))
  expect_identical(rows, data.frame(i = 1:3, s = "a"))
})

test_that("rows of data frames, and functions of their columns", {
  expect_all_on_threads(
    function(x) colMeans(trial[sample(nrow(trial), replace = TRUE), ]), function(x) colSums(trial[trial$y > 1.7, c("y", "x")]) * x, function(x) sum(rowSums(trial)),
    function(x) { b <- trial[sample(4, replace = TRUE), ]; cor(b$x, b$y) }, function(x) sapply(trial[c(1, 3, 4, 2), ], function(v, k) v[1] + k, x), function(x) vapply(trial[, c("y", "x")], sd, 0),
    function(x) sapply(trial, range), function(x) sapply(trial, function(v) c(m = mean(v), s = sd(v))), function(x) unlist(lapply(trial, mean)), function(x) sapply(lengths3, sum) * x,
    function(x) { trial$g <- sample(trial$g); mean(trial$y[trial$g == 1]) - mean(trial$y[trial$g == 0]) }, function(x) { d <- trial[trial$g == 1, ]; d$y <- d$y * x; mean(d$y) + nrow(d) },
    function(x) { d <- trial; d$z <- d$y * x; d$z[2] <- 0; d[d$g == 1L, "y"] <- x; d[, "w"] <- 1; sum(d$z) + sum(d$y) + sum(d$w) }, function(x) { z <- trial[order(trial$x), ]; z$y[1] + x },
    function(x) with(trial, { k <- x; cor(x, y) }), function(x) { b <- trial[sample(4, replace = TRUE), ]; with(b, sum(x) + mean(y)) }, function(x) { f <- function(a, b) a - b; do.call(f, list(x, b = 2)) },
    function(x) do.call(rnorm, list(mean = x, sd = 1, n = 3)), function(x) { X <- as.matrix(trial[, c("x", "g")]); unname(drop(crossprod(X, trial$y))) }, function(x) names(trial), function(x) unlist(list(a = x, b = 2))
  )
  expect_all_on_threads(
    function(k) { p <- grid[k, ]; c(n = p$n, r = p$rho) }, function(k) { p <- grid[k, ]; if (p$n > 10) p$rho else data.frame(n = p$n, rho = p$rho) }, function(k) grid$n[k], X = 1:4
  )
})

test_that("what R makes otherwise is R's", {
  strings <- trial
  rownames(strings) <- letters[1:4]
  chosen <- trial[c(3, 1, 2), ]
  factors <- trial
  factors$f <- factor(c("a", "b", "a", "b"))
  table <- structure(trial, class = c("tbl_df", "tbl", "data.frame"))
  twice <- structure(trial, names = c("y", "y", "x"))
  expect_left_to_r(list(
    function(x) { strings$z <- x; strings }, function(x) { chosen$z <- x; chosen }, function(x) { d <- data.frame(a = c(x, 1, 3)); d$b <- 1; d[2:1, ] }, function(x) colMeans(factors), function(x) colMeans(table),
    function(x) data.frame(a = labels), function(x) data.frame(`a b` = x), function(x) data.frame(x, x), function(x) data.frame(x + 1), function(x) data.frame(`if` = x), function(x) data.frame(m = diag(2) * x),
    function(x) data.frame(a = "u", stringsAsFactors = TRUE), function(x) data.frame(a = x, row.names = "r"), function(x) twice[2:1, ], function(x) colMeans(twice), function(x) { grid$z <- x; grid }, function(x) trial[c("y", "y")],
    function(x) { l <- list(alpha = x); l$al }, function(x) trial[, c("y", "y")], function(x) { trial$y <- NULL; trial }, function(x) { trial$y <- labels; trial }, function(x) sapply(lengths3, function(v) v * x)
  ))
  expect_called(function(x) data.frame(a = seq_len(x), b = 1:2), X = list(0, 1, 2, 3), kept = 2L)
  expect_called(function(x) { trial$y[x] <- 1; trial$y }, X = list(4, 5), kept = 1L)
  expect_called(function(x) { trial$w <- seq_len(x); sum(trial$w) }, X = list(4, 5, 2), kept = 1L)
  local({
    as.matrix.data.frame <- function(x, ...) matrix(1, 1, 3)
    expect_identical(on_threads(future_lapply(1:2, function(i) colMeans(trial))), lapply(1:2, function(i) colMeans(trial)))
    expect_match(last_compiled$told$why, "`trial`")
  })
})
