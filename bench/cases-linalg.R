# Linear algebra against base R, with as many threads as OPENBLAS_NUM_THREADS says
# (2 when it is not set). tools/bench reads this file after cases.R. For the whole
# picture it is run with 1 and with 2 threads; with OPENBLAS_CORETYPE=SKYLAKEX and
# HASWELL; and with reference BLAS. The bars of `linear()` are those of faer's AVX-512
# products against OpenBLAS's AVX2 kernels (HASWELL), which Debian 12's OpenBLAS takes on
# processors that it does not know. Where both have the same vectors (AVX-512 kernels
# chosen, or a processor with AVX2 alone, of whose peak OpenBLAS reaches three quarters)
# none should be above 1.15.

blas_threads <- suppressWarnings(as.integer(Sys.getenv("OPENBLAS_NUM_THREADS", "2")))
if (is.na(blas_threads)) blas_threads <- 2L
options(rustle.threads = blas_threads)

# Data are made when the first case needs them.
data_of <- local({
  made <- list()
  makers <- list(
    a1 = function() matrix(rnorm(1e6), 1000), a2 = function() matrix(rnorm(4e6), 2000),
    s1 = function() crossprod(data_of("a1")), s2 = function() crossprod(data_of("a2")),
    x50 = function() matrix(rnorm(5e6), ncol = 50), y50 = function() rnorm(1e5),
    x200 = function() matrix(rnorm(2e6), ncol = 200), y200 = function() rnorm(1e4),
    tiny = function() matrix(rnorm(16), 4) + 4 * diag(4)
  )
  function(name) {
    if (is.null(made[[name]])) {
      set.seed(match(name, names(makers)))
      made[[name]] <<- makers[[name]]()
    }
    made[[name]]
  }
})

# Do faer's products have vectors that OpenBLAS's kernels have not?
wider <- linalg_info()$simd[["products"]] == "AVX-512" &&
  !Sys.getenv("OPENBLAS_CORETYPE") %in% c("SKYLAKEX", "COOPERLAKE", "SAPPHIRERAPIDS")

# `ours` and `base` are functions of data named in `on`, called `times` times.
linear <- function(name, bar, on, ours, base, times = 1L, reps = 9L, against = "base R") {
  if (against == "base R" && !wider) bar <- max(bar, 1.15)
  repeated <- function(f) {
    function() {
      arguments <- unname(lapply(on, data_of))
      for (i in seq_len(times)) do.call(f, arguments)
    }
  }
  case(
    paste0("linalg ", name), sprintf("%s, %d threads", against, blas_threads), bar, repeated(ours),
    repeated(base), reps, settle = 0.06
  )
}

with_qr <- function(x, y) mt_lm_fit(x, y, qr = TRUE)
plain_fit <- function(x, y) .lm.fit(x, y)
solve_first <- function(solve) function(a) solve(a, a[, 1L])

cases <- list(
  linear("matmul 1000", 0.65, "a1", function(a) mt_matmul(a, a), function(a) a %*% a, 3L),
  linear("matmul 2000", 0.65, "a2", function(a) mt_matmul(a, a), function(a) a %*% a),
  linear("crossprod 1000", 0.65, "a1", mt_crossprod, crossprod, 5L),
  linear("crossprod 2000", 0.65, "a2", mt_crossprod, crossprod),
  linear("crossprod 1e5 x 50", 0.5, "x50", mt_crossprod, crossprod, 5L),
  linear("chol 1000", 1, "s1", mt_chol, chol, 5L),
  linear("chol 2000", 0.9, "s2", mt_chol, chol),
  linear("solve 1000", 0.75, "a1", solve_first(mt_solve), solve_first(solve), 3L),
  linear("solve 2000", 0.75, "a2", solve_first(mt_solve), solve_first(solve)),
  linear("inverse 1000", 1, "a1", mt_solve, solve),
  linear("det 2000", 1, "a2", mt_det, det),
  linear("eigen symmetric 1000", 0.75, "s1", function(s) mt_eigen(s, TRUE), function(s) eigen(s, TRUE)),
  linear("svd 1000", 0.95, "a1", mt_svd, svd, reps = 7L),
  linear("qr 1e4 x 200", 1, "x200", mt_qr, qr),
  linear("lm_fit 1e5 x 50", 0.25, c("x50", "y50"), mt_lm_fit, plain_fit, against = ".lm.fit"),
  linear("lm_fit 1e4 x 200", 0.25, c("x200", "y200"), mt_lm_fit, plain_fit, against = ".lm.fit"),
  linear("lm_fit qr = TRUE 1e5 x 50", 1, c("x50", "y50"), with_qr, lm.fit, against = "lm.fit"),
  linear("lm_fit qr = TRUE 1e4 x 200", 1, c("x200", "y200"), with_qr, lm.fit, against = "lm.fit"),
  # Per call at most 3 us above base's: the bar is what that makes of 0.3 us.
  linear("matmul 4 x 4", 11, "tiny", function(a) for (i in 1:2e4) mt_matmul(a, a),
    function(a) for (i in 1:2e4) a %*% a),
  linear("solve 4 x 4", 1.5, "tiny", function(a) for (i in 1:2e3) mt_solve(a), function(a) for (i in 1:2e3) solve(a))
)
