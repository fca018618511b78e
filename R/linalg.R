# What the linear algebra runs on.

#' How linear algebra runs here
#'
#' Tells which instructions, how many threads and which algorithms the `mt_` functions use.
#'
#' @inheritParams mt_matmul
#' @return A list of class `rustle_linalg_info`: `simd` (instructions used for matrix
#'   products and for all else), `threads` (of a call without the argument `threads`),
#'   `cores` (that this session may use), `faer` (version of the Rust library), `blas` and
#'   `lapack` (what base R uses, and so the calls that are passed on to it), and `operations`, a
#'   data frame with the columns `operation`, `path`, `threads` and `why`.
#' @examples
#' linalg_info()
#' @seealso [with_threads()].
#' @export
linalg_info <- function(threads = NULL) {
  known <- rs_linalg_info()
  structure(
    list(
      simd = c(products = known[[1L]], other = known[[2L]]), threads = thread_count(threads),
      cores = machine_cores(), faer = known[[3L]], blas = extSoftVersion()[["BLAS"]],
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
    row("mt_qr", "blocked reflections without pivoting, columns moved afterwards if need be", "all",
      "R's pivoting is not faer's, and seldom moves a column"),
    row("mt_lm_fit, mt_prcomp", "two cross products of tall matrices that are not nearly singular, else triangles of blocks of rows, joined in a tree",
      "all", "reads x twice, where reflections read it once per column"),
    row("mt_svd, mt_eigen (symmetric)", "faer", "all from order 1000, else 1",
      "faer's own threads lose below"),
    row("mt_eigen (general)", "faer", "1", "not split into blocks"),
    row("up to 512 products of numbers or 512 elements (mt_lm_fit), order 16, 16 columns (mt_qr, mt_svd)", "base R", "BLAS's",
      "a call of R's own is over before ours has begun"),
    row("missing or infinite elements (but products), singular and complex matrices", "base R", "BLAS's",
      "base's values and errors"),
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
