# Rows, columns, distances, correlations, sorting and batches on 2 threads, against base R
# and matrixStats, which use one. tools/bench reads this file after cases.R.

row_data <- local({
  made <- list()
  makers <- list(
    tall = function() matrix(rnorm(1e7), ncol = 10), square = function() matrix(rnorm(4e6), 2000),
    wide = function() matrix(rnorm(1e7), nrow = 10), some = function() matrix(rnorm(6e5), 300),
    points = function() matrix(rnorm(5e4), 1000), columns = function() matrix(rnorm(5e6), ncol = 50),
    holes = function() {
      x <- matrix(rnorm(5e5), ncol = 50)
      x[sample(length(x), 1e4)] <- NA
      x
    },
    numbers = function() rnorm(2e6), whole = function() sample(2e6),
    words = function() paste0("k", sample(1e5, 3e5, TRUE)),
    a4 = function() array(rnorm(16 * 2e4), c(4, 4, 2e4)), b4 = function() matrix(rnorm(8e4), 4),
    a16 = function() array(rnorm(256 * 5e3), c(16, 16, 5e3)), b16 = function() matrix(rnorm(8e4), 16),
    x5 = function() array(rnorm(5e6), c(100, 5, 1e4)), y5 = function() matrix(rnorm(1e6), 100),
    s8 = function() array(apply(array(rnorm(64e4), c(8, 8, 1e4)), 3, crossprod), c(8, 8, 1e4))
  )
  function(name) {
    if (is.null(made[[name]])) {
      set.seed(match(name, names(makers)))
      made[[name]] <<- makers[[name]]()
    }
    made[[name]]
  }
})

# `ours` takes `threads`; both take the data named in `on`.
rows_case <- function(name, bar, on, ours, peer, against = "base R", reps = 9L) {
  arguments <- function() unname(lapply(on, row_data))
  case(
    paste0("rows ", name), against, bar, function() do.call(ours, c(arguments(), threads = 2L)),
    function() do.call(peer, arguments()), reps, settle = 0.03
  )
}

shape <- c(tall = "1e6 x 10", square = "2000 x 2000", wide = "10 x 1e6")
of_rows <- function(on) {
  list(
    rows_case(paste("rowSums", shape[[on]]), 0.6, on, mt_rowSums, rowSums),
    rows_case(paste("colSums", shape[[on]]), 0.6, on, mt_colSums, colSums),
    rows_case(paste("rowMeans na.rm", shape[[on]]), 0.6, on,
      function(x, threads) mt_rowMeans(x, na.rm = TRUE, threads = threads),
      function(x) rowMeans(x, na.rm = TRUE)),
    rows_case(paste("rowVars", shape[[on]]), 0.6, on, mt_rowVars, matrixStats::rowVars, "matrixStats"),
    rows_case(paste("colVars", shape[[on]]), 0.6, on, mt_colVars, matrixStats::colVars, "matrixStats"),
    rows_case(paste("rowMedians", shape[[on]]), 0.6, on, mt_rowMedians, matrixStats::rowMedians, "matrixStats", 5L),
    rows_case(paste("colMedians", shape[[on]]), 0.6, on, mt_colMedians, matrixStats::colMedians, "matrixStats", 5L)
  )
}

dist_case <- function(method) {
  rows_case(paste("dist", method, "1000 x 50"), 0.6, "points",
    function(x, threads) mt_dist(x, method, threads = threads), function(x) dist(x, method))
}

loop_solve <- function(a, b) for (i in seq_len(ncol(b))) b[, i] <- solve(a[, , i], b[, i])
loop_fit <- function(x, y) for (i in seq_len(ncol(y))) .lm.fit(x[, , i], y[, i])
loop_chol <- function(a) for (i in seq_len(dim(a)[[3L]])) a[, , i] <- chol(a[, , i])

cases <- c(
  if (requireNamespace("matrixStats", quietly = TRUE)) {
    c(of_rows("tall"), of_rows("square"), of_rows("wide"), list(
      rows_case("rowQuantiles 300 x 2000", 0.6, "some", mt_rowQuantiles, matrixStats::rowQuantiles, "matrixStats"),
      rows_case("colQuantiles 300 x 2000", 0.6, "some", mt_colQuantiles, matrixStats::colQuantiles, "matrixStats")
    ))
  },
  lapply(c("euclidean", "manhattan", "maximum"), dist_case),
  list(
    rows_case("cor 1e5 x 50", 0.6, "columns", mt_cor, cor, reps = 5L),
    rows_case("cor pairwise 1e4 x 50", 0.6, "holes",
      function(x, threads) mt_cor(x, use = "pairwise", threads = threads), function(x) cor(x, use = "pairwise")),
    rows_case("cor spearman 1e4 x 50", 0.6, "holes",
      function(x, threads) mt_cor(x, use = "complete", method = "spearman", threads = threads),
      function(x) cor(x, use = "complete", method = "spearman")),
    rows_case("sort 2e6 doubles", 1, "numbers", mt_sort, sort, reps = 5L),
    rows_case("order 2e6 doubles", 1, "numbers", mt_order, order, reps = 5L),
    rows_case("sort 2e6 integers", 1, "whole", mt_sort, sort, reps = 5L),
    rows_case("order 2e6 integers", 1, "whole", mt_order, order, reps = 5L),
    rows_case("order 3e5 strings", 1, "words", mt_order, function(x) order(x, method = "radix"), reps = 5L),
    rows_case("20,000 solves 4 x 4", 0.02, c("a4", "b4"), mt_solve_batch, loop_solve, "R loop", 5L),
    rows_case("5,000 solves 16 x 16", 0.2, c("a16", "b16"), mt_solve_batch, loop_solve, "R loop", 5L),
    rows_case("10,000 chol 8 x 8", 0.2, "s8", mt_chol_batch, loop_chol, "R loop", 5L),
    rows_case("10,000 least squares 100 x 5", 0.3, c("x5", "y5"), mt_lm_batch, loop_fit, "loop of .lm.fit", 5L)
  )
)
