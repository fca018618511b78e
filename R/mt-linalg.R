# What the linear algebra runs on, and the sizes that decide what is computed where.

# Sizes up to which base R is called, because it has the result before ours would have
# begun. They were chosen by timing calls on two cores with R 4.2 and OpenBLAS; of these
# timings only the 4 x 4 cases are recorded (bench/cases-linalg.R). linalg_info() tells the
# sizes to users.
tiny_length <- 64L # elements; tested first, before the arguments are looked at
small_size <- 512 # multiplications of a product, or elements of a model matrix
small_rows_size <- 256 # elements of a matrix whose rows or columns are summed
small_order <- 16L # order of a square matrix, columns in mt_qr(), shorter side in mt_svd()
long_size <- 2^16 # elements from which mt_qr() takes fewer columns than small_order too

# Orders up to which batches have kernels of their own; above, matrix by matrix.
batch_order <- 64L

# Elements from which looking for the scale of columns is worth waking other threads.
threaded_length <- 2^17

#' How linear algebra runs here
#'
#' Tells which instructions, how many threads and which algorithms the `mt_` functions use.
#'
#' Factors, decompositions, least squares and correlations square the elements of columns.
#' Where the largest absolute element of a column is neither zero nor from 1e-130 to
#' 1e130, the matrix is of extreme scale: squares could be too large or too small for
#' double numbers, and the call is passed on to base R.
#'
#' @inheritParams mt_matmul
#' @return A list of class `rustle_linalg_info`: `simd` (instructions used for matrix
#'   products and for all else), `threads` (of a call without the argument `threads`),
#'   `cores` (that this session may use), `faer` (version of the Rust library), `blas` and
#'   `lapack` (what base R uses, and so the calls that are passed on to it), and `operations`, a
#'   data frame with the columns `operation`, `path`, `threads` and `why`.
#' @examples
#' linalg_info() # begins on one machine with
#' #  faer 0.24.4: AVX-512 in matrix products, AVX2 elsewhere; 2 threads of 2 cores
#' #  base R: BLAS libblas.so.3, LAPACK libopenblasp-r0.3.21.so
#' #    mt_matmul, mt_crossprod, mt_tcrossprod: faer products on tiles; long sums
#' #      in parts (threads: all; blocks outside, faer sequential inside: no
#' #      waiting between threads)
#' @seealso [with_threads()]; [mt_matmul()], [mt_solve()], [mt_lm_fit()]; `vignette("linear-algebra")`.
#' @export
linalg_info <- function(threads = NULL) {
  threads <- thread_count(threads)
  known <- rs_linalg_info()
  structure(
    list(
      simd = c(products = known$products, other = known$other), threads = threads,
      cores = machine_cores(), faer = known$faer, blas = extSoftVersion()[["BLAS"]],
      lapack = La_library(), operations = linalg_paths()
    ),
    class = "rustle_linalg_info"
  )
}

linalg_paths <- function() {
  row <- function(operation, path, threads, why) {
    data.frame(operation = operation, path = path, threads = threads, why = why)
  }
  rbind(
    row("mt_matmul, mt_crossprod, mt_tcrossprod", "faer products on tiles; long sums in parts",
      "all", "blocks outside, faer sequential inside: no waiting between threads"),
    row("mt_chol, mt_chol2inv", "blocked factor, faer in the blocks", "all",
      "faer's own threads gain a third at order 2000"),
    row("mt_solve, mt_det, mt_determinant", "blocked LU, faer in the blocks; LAPACK's estimate of the condition",
      "all", "faer tells neither singularity nor condition"),
    row("mt_qr", "reflections without pivoting, of tall matrices from two cross products; columns moved afterwards if need be", "all",
      "R's pivoting is not faer's, and seldom moves a column"),
    row("mt_lm_fit, mt_prcomp", "two cross products of tall matrices that are not nearly singular, else triangles of blocks of rows, joined in a tree",
      "all", "reads x twice, where reflections read it once per column"),
    row("mt_svd, mt_eigen (symmetric)", "faer", "all from order 1000, else 1",
      "faer's own threads lose below"),
    row("mt_eigen (general)", "faer", "1", "not split into blocks"),
    row(
      sprintf(
        "up to %.0f products of numbers or %.0f elements (mt_lm_fit), order %d, %d columns (mt_svd; mt_qr below %.0f elements)",
        small_size, small_size, small_order, small_order, long_size
      ), "base R", "BLAS's",
      "a call of R's own is over before ours has begun"),
    row("mt_dist", "rows against tiles of rows", "all", "terms in the order of dist(): its bits"),
    row("mt_cor, mt_cov", "columns centered, then as mt_crossprod; pairs one by one where values are missing",
      "all", "two passes over the columns lose no digits"),
    row("mt_rowSums, mt_rowMeans, mt_rowVars, mt_rowMedians, mt_rowQuantiles, and mt_col...",
      "own loops over blocks of rows or columns", "all", "no copy of rows, compensated sums"),
    row("mt_sort, mt_order", "sample sort, then digits", "all",
      "buckets are sorted independently of each other"),
    row("mt_solve_batch, mt_chol_batch, mt_lm_batch", sprintf("own kernels up to order %d, then matrix by matrix", batch_order),
      "all", "the calls of a loop in R cost more than the arithmetic"),
    row("mt_dist (canberra, binary), mt_cor (kendall)", "base R", "1", "no kernel of ours"),
    row("missing or infinite elements (but products, rows, columns, distances and sorting), singular and complex matrices",
      "base R", "BLAS's", "base's values and errors"),
    row(sprintf("extreme scale: the largest element of a column not from %g to %g", smallest_scale, largest_scale),
      "base R", "BLAS's", "squares would not be double numbers"),
    row("mt_chol(pivot = TRUE), wide matrices in mt_qr and mt_lm_fit", "base R", "BLAS's",
      "no blocked algorithm of ours")
  )
}

#' @export
print.rustle_linalg_info <- function(x, ...) {
  cat(sprintf(
    "faer %s: %s in matrix products, %s elsewhere; %d thread%s of %d core%s\n",
    x$faer, x$simd[[1L]], x$simd[[2L]], x$threads, if (x$threads == 1L) "" else "s",
    x$cores, if (x$cores == 1L) "" else "s"
  ))
  cat(sprintf("base R: BLAS %s, LAPACK %s\n", basename(x$blas), basename(x$lapack)))
  for (i in seq_len(nrow(x$operations))) {
    of <- x$operations[i, ]
    cat(strwrap(
      sprintf("%s: %s (threads: %s; %s)", of$operation, of$path, of$threads, of$why),
      width = 0.95 * getOption("width"), indent = 2L, exdent = 4L
    ), sep = "\n")
  }
  invisible(x)
}
