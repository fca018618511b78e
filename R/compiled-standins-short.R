# Functions of R's own that are compiled as other code of a line or two (compiled-standins.R): what they
# make of plain numbers. Where they make something else the code refuses, or gives up, and R does it.

short_stand_ins <- function() {
  x <- c(2.5, -1, 0.3, 4.75, 0, 12, 3, -7.25)
  m <- matrix(c(x, 1, 2, 3, 4), 3, dimnames = list(NULL, c("a", "b", "c", "d")))
  some <- c(3L, 12L, -4L, 3L)
  numbers <- list(list(x), list(some), list(m), list(c(a = 1, b = -2)))
  pairs <- list(list(x, c(3, 0.3, 9)), list(some, 1:5), list(some, x), list(x, some), list(1:3, 4:6), list(c(a = 1, b = 2), 2))
  parts <- list(list(x), list(x, 3), list(some, -1L), list(x, -20), list(x, 20), list(x, 0))
  list(
    sign = list(fun = function(x) 1 * ((x > 0) - (x < 0)), package = "base", cases = numbers),
    is.finite = list(fun = function(x) x < Inf & x > -Inf, package = "base", cases = numbers),
    is.infinite = list(fun = function(x) x == Inf | x == -Inf, package = "base", cases = c(numbers, list(list(c(-Inf, 1, Inf))))),
    # A task that compares what is not a number is given up.
    is.nan = list(fun = function(x) x != x, package = "base", cases = numbers),
    as.logical = list(fun = function(x) as.vector(x) != 0, package = "base", cases = numbers),
    row = list(fun = function(x) matrix(rep(seq_len(nrow(x)), ncol(x)), nrow(x), ncol(x)), package = "base", cases = list(list(m), list(unname(m)))),
    col = list(fun = function(x) matrix(rep(seq_len(ncol(x)), each = nrow(x)), nrow(x), ncol(x)), package = "base", cases = list(list(m), list(unname(m)))),
    lower.tri = list(fun = function(x, diag = FALSE) {
      i <- matrix(rep(seq_len(nrow(x)), ncol(x)), nrow(x), ncol(x))
      j <- matrix(rep(seq_len(ncol(x)), each = nrow(x)), nrow(x), ncol(x))
      if (diag) i >= j else i > j
    }, package = "base", cases = list(list(m), list(m, TRUE), list(unname(m)))),
    upper.tri = list(fun = function(x, diag = FALSE) {
      i <- matrix(rep(seq_len(nrow(x)), ncol(x)), nrow(x), ncol(x))
      j <- matrix(rep(seq_len(ncol(x)), each = nrow(x)), nrow(x), ncol(x))
      if (diag) i <= j else i < j
    }, package = "base", cases = list(list(m), list(m, TRUE), list(unname(m)))),
    Filter = list(
      fun = function(f, x) x[which(sapply(x, f))], package = "base",
      cases = list(list(function(k) k > 2, x), list(function(k) k > 99, x), list(function(k) k > 2, some))
    ),
    union = list(fun = function(x, y) unique(c(as.vector(x), as.vector(y))), package = "base", cases = pairs),
    intersect = list(fun = function(x, y) {
      u <- as.vector(x)
      v <- as.vector(y)
      c(u[!duplicated(u) & u %in% v], v[integer(0)])
    }, package = "base", cases = pairs),
    setdiff = list(fun = function(x, y) {
      u <- as.vector(x)
      v <- as.vector(y)
      u[!duplicated(u) & !(u %in% v)]
    }, package = "base", cases = pairs),
    head = list(fun = function(x, n = 6L) {
      if (is.matrix(x) || is.list(x) || n != trunc(n)) stop("other")
      x[seq_len(if (n < 0) max(length(x) + as.integer(n), 0L) else min(as.integer(n), length(x)))]
    }, package = "utils", generic = TRUE, cases = parts),
    tail = list(fun = function(x, n = 6L) {
      if (is.matrix(x) || is.list(x) || n != trunc(n)) stop("other")
      size <- length(x)
      left <- if (n < 0) max(size + as.integer(n), 0L) else min(as.integer(n), size)
      x[seq_len(left) + (size - left)]
    }, package = "utils", generic = TRUE, cases = parts),
    sweep = list(fun = function(x, MARGIN, STATS, FUN = "-") {
      n <- nrow(x)
      p <- ncol(x)
      if (is.matrix(STATS) || length(STATS) != (if (MARGIN == 1) n else p)) stop("other")
      each <- if (MARGIN == 1) matrix(STATS, n, p) else if (MARGIN == 2) matrix(STATS, n, p, byrow = TRUE) else stop("other")
      switch(FUN, `-` = x - each, `+` = x + each, `*` = x * each, `/` = x / each, stop("other"))
    }, package = "base", cases = list(list(m, 2, c(1, 2, 3, 0.5)), list(m, 1, c(0.1, 2, 3), "/"), list(m, 2, 1:4, "*"), list(m, 1, 3:1, "+")))
  )
}
