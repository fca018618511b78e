# Elements of lists, columns of data frames, names that nobody reads, and what is known of functions from
# earlier calls.

fits <- list(list(aic = 1.5, beta = c(1, 2), deep = list(k = 3L)), list(aic = 2.5, beta = c(0, 1), deep = list(k = 5L)))
trial <- data.frame(dose = c(1, 2, 4, 8), gain = c(0.2, 0.9, 1.1, 2.3), group = c(1L, 2L, 2L, 1L))
tables <- list(c(1, 2), c(3, 4, 5))
marked <- matrix(c(1, 2.5, -3, 0.5, 2, 4), 3L, dimnames = list(NULL, c("a", "b")))
labels <- c(a = 1.5, b = -2, c = 0.25)

same <- function(..., X = list(1, 2), kept = length(X)) {
  for (fun in list(...)) expect_called(fun, X = X, kept = kept)
}

test_that("elements of lists and columns of data frames are read as R reads them", {
  same(
    function(i) c(fits[[i]]$aic, fits[[i]]$beta[1], fits[[i]]$deep$k), function(i) tables[[i]][2] + length(tables),
    function(i) sum(trial$dose[trial$group == i]), function(i) { d <- trial[trial$group == i, ]; nrow(d) * mean(d$gain) },
    function(i) { d <- trial[sample(nrow(trial), replace = TRUE), ]; sum(d$gain) / sum(d$dose) + i },
    function(i) trial[-i, ]$dose, function(i) trial[i, "gain"] + trial[["dose"]][i] + trial[[i]][1],
    function(i) { s <- 0; for (k in 1:2) { f <- fits[[k]]; s <- s + f$aic * i }; s },
    function(i) Reduce(`+`, tables[[1]], i), function(i) { d <- trial[order(-trial$dose), ]; e <- d[1:i, ]; e$gain }
  )
  expect_same_on_threads(split(trial, trial$group), function(d, k) max(d$gain)^k - d$dose[1], k = 2)
  expect_same_on_threads(fits, function(fit) fit$aic + sum(fit$beta))
  # Rows that are not there, elements of another kind, and lists of one column.
  same(function(i) trial[c(1, 7), ]$dose[1] + i, function(i) tables[[i + 1]][1], X = list(2, 2), kept = 0L)
  mixed <- list(c(1, 2), TRUE, 3)
  same(function(i) sum(mixed[[i]]), X = list(1, 2, 3), kept = 2L)
  one <- data.frame(x = c(2, 4, 6))
  same(function(i) one[2:3, ] * i)
})

test_that("a part of a list is not another one later", {
  # The number that tells `f` changes: what `kept` was is not known any more.
  expect_called(function(i) { s <- 0; for (k in 1:2) { f <- fits[[k]]; if (k == 1) kept <- f; s <- s + kept$aic * f$aic }; s }, "not assigned on every way", list(1, 2))
  same(
    function(i) { kept <- fits[[1]]; s <- 0; for (k in 1:2) { f <- fits[[k]]; s <- s + kept$aic * f$aic + i }; s },
    function(i) { last <- fits[[2]]; s <- 0; for (k in 1:2) { s <- s + last$aic; last <- fits[[k]] }; s + i }
  )
})

test_that("methods for data frames, other classes and changes are R's", {
  why <- function(fun) explain_compiled(fun, 1L)$why
  expect_match(why(function(i) trial), "a list is not in the subset")
  expect_match(why(function(i) fits[[1]]$other), "no element `other`")
  odd <- structure(list(a = 1), class = "odd")
  expect_match(why(function(i) odd$a), "not numeric")
  local({
    `$.data.frame` <- function(x, name) 42
    expect_match(why(function(i) trial$dose[i]), "`trial`")
    expect_identical(on_threads(future_sapply(1:2, function(i) sum(trial$dose))), c(42, 42))
  })
  local({
    `$<-.data.frame` <- function(x, name, value) 42
    expect_match(why(function(i) { trial$dose <- 2; trial }), "`trial`")
    expect_match(why(function(i) { d <- data.frame(a = i); d$a <- 2; d }), "methods for data frames")
  })
})

test_that("names that the value does not have do not matter", {
  same(
    function(i) sum(marked[i, ]) + mean(marked[, 2]), function(i) marked[[1, i]], function(i) unname(marked[i, ]),
    function(i) as.numeric(crossprod(marked)[i, ]), function(i) max(abs(-marked) * 2 > i), function(i) marked[marked > i],
    function(i) { x <- cbind(1, labels); as.numeric(x %*% c(i, 2)) }, function(i) cbind(1:3, c(2.5, i, 1)),
    function(i) rbind(diag(2), c(7, i), matrix(1:4, 2)), function(i) unname(rbind(labels, i)), function(i) nrow(marked) + ncol(marked),
    function(i) labels["b"] * i, function(i) labels[c("c", "a")], function(i) labels[-2] + i, function(i) quantile(labels + i, c(0.1, 0.5)),
    function(i) sum(sapply(labels, function(z) z + i)), function(i) { s <- 0; for (z in labels) s <- s + z * i; s },
    function(i) median(marked[, 1]) + sd(marked[, 2]) + cor(marked[, 1], marked[, 2])
  )
  expect_same_on_threads(list(c(a = 1, b = 2), c(a = 3, b = 4)), function(x) sum(x) / length(x))
  for (fun in list(
    function(i) marked * 2, function(i) cbind(1, labels),
    function(i) sapply(labels, function(z) z + i), function(i) mapply(function(a, b) a * b, labels, 1:3), function(i) unlist(lapply(labels, function(z) z)),
    function(i) { y <- 0; y[1] <- labels["a"]; z <- (y[1] <- labels["b"]); z }
  )) {
    expect_type(explain_compiled(fun, 1L)$why, "character")
    expect_identical(on_threads(future_lapply(1:2, fun)), lapply(1:2, fun))
  }
})

test_that("functions of several vectors, folds and guarded code do what they do in R", {
  same(
    function(i) mapply(function(a, b) a * b + i, 1:3, c(2, 3, 4)), function(i) sum(mapply(function(a, b) a - b, b = 1:3, a = c(2, 3, 4))),
    function(i) Reduce(function(a, b) a * 2 - b, c(1, i, 3)), function(i) Reduce("+", 1:3, i), function(i) unlist(lapply(1:3, function(k) k^i)),
    function(i) i %in% c(2, 3) && !(7 %in% 1:3), function(i) match(c(i, 9), c(2, i), nomatch = 0L), function(i) findInterval(c(i, 2.5), c(1, 2, 3)),
    function(i) tryCatch({ y <- i * 2; y + 1 }, error = function(e) NA, warning = function(w) 0), function(i) suppressWarnings(sqrt(i)),
    function(i) { for (k in 1:3) { z <- try(k + i, silent = TRUE); if (z > 4) return(z) }; 0 }
  )
  same(
    function(i) tryCatch(if (i > 1) stop("x") else i, error = function(e) -1), function(i) mapply(function(a, b) a + b, 1:2, seq_len(i + 1)),
    function(i) match(i, 1), function(i) suppressWarnings(log(1.5 - i)), X = list(1, 2), kept = 1L
  )
})

test_that("calls over several vectors run on threads", {
  ran <- function(call) {
    oracle <- under_plan(list("sequential"), call())
    expect_identical(on_threads(call()), oracle)
    as.integer(last_compiled$told$tasks)
  }
  more <- function(x, y, k) sum(x) * y + k
  expect_identical(ran(function() future_mapply(more, y = 1:3, x = c(a = 2.5, b = 3, c = 1), MoreArgs = list(k = 2))), 3L)
  expect_identical(ran(function() future_mapply(more, list(c(1, 2, 3), c(2, 4)), 4, k = 1:2)), 2L)
  expect_identical(ran(function() future_Map(function(n, m) mean(rnorm(n, m)), 2:4, 0, future.seed = 3)), 3L)
  expect_identical(ran(function() clusterMap(NULL, function(x, y) x - y, c(p = 1, q = 2), 4:5, SIMPLIFY = TRUE)), 2L)
  expect_identical(ran(function() future_mapply(rep, 1:3, 3:1)), 0L)
})

test_that("statistics of data frames run on threads, with the numbers of boot", {
  ratio <- function(d, i) sum(d$gain[i]) / sum(d$dose[i])
  rows <- function(d, i) { e <- d[i, ]; cor(e$dose, e$gain) }
  for (statistic in list(ratio, rows)) {
    call <- function() { set.seed(1); suppressWarnings(boot(trial, statistic, R = 99)$t) }
    oracle <- under_plan(list("sequential"), call())
    expect_identical(on_threads(call()), oracle)
    expect_gt(last_compiled$told$tasks, 50)
    resample <- function() bootstrap(trial, statistic, R = 49, seed = 1)$t
    oracle <- under_plan(list("sequential"), suppressWarnings(resample()))
    expect_identical(on_threads(suppressWarnings(resample())), oracle)
    expect_gt(last_compiled$told$tasks, 25)
  }
})

test_that("what is known of a function holds as long as what it calls is the same", {
  withr::defer(machine$eager <- TRUE)
  told <- function(fun, X = 1:2) {
    force(fun)
    value <- on_threads(future_sapply(X, fun))
    list(value, last_compiled$told$why, last_compiled$told$tasks)
  }
  odd <- function(i) nchar(i) + 1
  for (k in 1:2) expect_identical(told(odd), list(c(2, 2), "`nchar()` is not in the subset", 0L))
  key <- key_of_call(odd, list(), NULL)
  expect_identical(verdict_of(odd, key)$why, "`nchar()` is not in the subset")
  nchar <- function(x) x * 10
  expect_identical(told(odd), list(c(11, 21), NULL, 2L))
  # A program is used again, with other elements and other values of variables.
  k <- 2
  plus <- function(i) i + k
  expect_identical(told(plus), list(c(3, 4), NULL, 2L))
  expect_length(programs_known[[key_of_call(plus, list(), NULL)]]$held, 3L)
  k <- 5
  expect_identical(told(plus, c(1.5, 2)), list(c(6.5, 7), NULL, 2L))
  k <- "text"
  expect_error(told(plus), "non-numeric")
  k <- 1L
  # Jobs that take no time run in the session, unless a call like it may go the short way.
  machine$eager <- FALSE
  note_known(paces_known, key_of_call(plus, list(), NULL), list(seconds = 1e-7))
  expect_identical(told(plus, c(TRUE, FALSE)), list(2:1, "its tasks take less time than it takes to compile it", 0L))
  expect_identical(told(plus), list(2:3, NULL, 2L))
  expect_identical(told(plus, 1:5000)[[3L]], 5000L)
  expect_identical(on_threads(future_sapply(1:2, plus), compiled = "require"), 2:3)
  expect_identical(last_compiled$told$tasks, 2L)
})

test_that("a function that was compiled for numbers may be called for data frames next", {
  constant <- function(...) 3
  on_threads({
    for (k in 1:2) expect_identical(future_sapply(1:4, constant), c(3, 3, 3, 3))
    expect_identical(future_sapply(list(data.frame(x = 1:2), data.frame(x = 3)), constant), c(3, 3))
  })
})
