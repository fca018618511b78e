# Least squares: how mt_lm_fit() works.

fit_is_ours <- function(x, y, weights, threads) {
  d <- plain_dim(x)
  if (length(x) <= 512L) return(FALSE)
  plain <- function(v) (is.double(v) || is.integer(v) || is.logical(v)) && !is.object(v)
  if (is.null(d) || d[[2L]] == 0L || !plain(y)) return(FALSE)
  of_y <- if (is.null(dim(y))) c(length(y), 1L) else dim(y)
  if (length(of_y) != 2L || of_y[[1L]] != d[[1L]] || of_y[[2L]] == 0L) return(FALSE)
  rows <- d[[1L]]
  if (!is.null(weights)) {
    if (!(is.numeric(weights) && !is.object(weights) && length(weights) == rows)) return(FALSE)
    if (!all(is.finite(weights)) || any(weights < 0)) return(FALSE)
    rows <- sum(weights != 0)
  }
  root <- if (!is.null(weights)) sqrt(as.double(weights))
  rows >= d[[2L]] && in_range(x, root, threads) && in_range(y, root, threads)
}

fit_by_base <- function(x, y, weights, tol, qr) {
  x <- as.matrix(x)
  fit <- if (is.null(weights)) {
    stats::lm.fit(x, y, tol = tol)
  } else {
    stats::lm.wfit(x, y, weights, tol = tol)
  }
  k <- seq_len(min(dim(x)))
  found <- fit$qr
  triangle <- if (is.null(found)) matrix(0, 0L, 0L) else found$qr[seq_len(min(dim(found$qr))), , drop = FALSE]
  triangle[row(triangle) > col(triangle)] <- 0
  dimnames(triangle) <- if (!is.null(colnames(triangle))) list(NULL, colnames(triangle))
  names <- c("coefficients", "residuals", "fitted.values", "rank", "df.residual")
  out <- c(fit[names], list(pivot = if (is.null(found)) integer() else found$pivot, R = triangle))
  more <- if (qr) intersect(c("effects", "qr"), names(fit))
  out[more] <- fit[more]
  in_order(out)
}

is_tiny_response <- function(y, n) {
  is.double(y) && is.null(attributes(y)) && length(y) == n && n > 0L && all(is.finite(y))
}

# lm.fit()'s own routine, without what it does around it.
fit_tiny <- function(x, y) {
  if (!ncol(x) || !all(is.finite(x))) return(fit_by_base(x, y, NULL, 1e-07, FALSE))
  found <- stats::.lm.fit(x, y, 1e-07)
  p <- ncol(x)
  rank <- found$rank
  pivot <- found$pivot
  labels <- dimnames(x)[[2L]]
  coefficients <- found$coefficients
  if (rank < p) coefficients[(rank + 1L):p] <- NA
  coefficients[pivot] <- coefficients
  names(coefficients) <- if (is.null(labels)) paste0("x", seq_len(p)) else labels
  triangle <- found$qr[seq_len(min(dim(x))), , drop = FALSE]
  triangle[row(triangle) > col(triangle)] <- 0
  dimnames(triangle) <- if (!is.null(labels)) list(NULL, labels[pivot])
  list(
    coefficients = coefficients, residuals = found$residuals, fitted.values = y - found$residuals,
    rank = rank, pivot = pivot, df.residual = nrow(x) - rank, R = triangle
  )
}

# From the triangle of (x, y): R and Q'y. NULL: rounding decides on the rank.
fit_triangle <- function(x, y, root, tol, threads) {
  p <- ncol(x)
  k <- seq_len(p)
  whole <- triangle_of(x, threads, y, root)
  triangle <- whole[k, k, drop = FALSE]
  effects <- whole[k, -k, drop = FALSE]
  rank <- p
  pivot <- k
  of <- rank_of_triangle(triangle, tol)
  if (is.null(of)) return()
  if (of$moved) {
    # The triangle is a least squares problem of its own, with the same solution.
    rank <- of$rank
    pivot <- of$pivot
    effects <- qr.qty(of$qr, effects)
    triangle <- of$qr$qr
    triangle[lower.tri(triangle)] <- 0
  }
  solved <- solve_triangle(triangle, effects, rank)
  complete_fit(x, y, solved, triangle, rank, pivot, threads)
}

# With the reflections of x, as lm.fit() has them.
fit_reflections <- function(x, y, root, tol, threads) {
  p <- ncol(x)
  scaled <- x
  response <- y
  used <- seq_len(nrow(x))
  if (!is.null(root)) {
    used <- which(root != 0)
    scaled <- if (length(used) == nrow(x)) x * root else x[used, , drop = FALSE] * root[used]
    response <- y[used, , drop = FALSE] * root[used]
  }
  found <- qr_of_model(scaled, tol, threads)
  effects <- effects_of(found, unname(response), threads)
  k <- seq_len(p)
  triangle <- unname(found$qr[k, , drop = FALSE])
  triangle[lower.tri(triangle)] <- 0
  solved <- solve_triangle(triangle, effects[k, , drop = FALSE], found$rank)
  fit <- complete_fit(x, y, solved, triangle, found$rank, found$pivot, threads)
  fit$effects <- effects
  found$tol <- tol
  fit$qr <- structure(unclass(found)[c("qr", "qraux", "pivot", "tol", "rank")], class = "qr")
  fit
}

# mt_qr() of a matrix that is in range and not wide, of whatever size.
qr_of_model <- function(x, tol, threads) {
  if (worth_reflections(dim(x))) qr_by_reflections(x, tol, threads) else qr(x, tol = tol)
}

# qr.qty(), which reads all reflections twice on one thread.
effects_of <- function(qr, y, threads) {
  # LINPACK makes no reflection of the last row.
  rank <- min(qr$rank, nrow(y) - 1L)
  if (rank == 0L || length(qr$qr) < 2^15) return(qr.qty(qr, y))
  out <- rs_matrix(nrow(y), ncol(y))
  in_slices(function(state) rs_effects(qr$qr, qr$qraux, rank, y, out, state, threads))
  out
}

# Coefficients of the columns up to the rank, with zeros behind.
solve_triangle <- function(triangle, effects, rank) {
  out <- matrix(0, ncol(triangle), ncol(effects))
  k <- seq_len(rank)
  if (rank) {
    out[k, ] <- backsolve(triangle[k, k, drop = FALSE], effects[k, , drop = FALSE])
  }
  out
}

complete_fit <- function(x, y, solved, triangle, rank, pivot, threads) {
  coefficients <- matrix(0, ncol(x), ncol(y))
  coefficients[pivot, ] <- solved
  fitted <- rs_matrix(nrow(x), ncol(y))
  residuals <- rs_matrix(nrow(x), ncol(y))
  in_slices(function(state) {
    rs_fitted(x, y, coefficients, fitted, residuals, state, threads)
  })
  coefficients[pivot[-seq_len(rank)], ] <- NA
  if (!rank) coefficients[] <- NA
  list(
    coefficients = coefficients, residuals = residuals, fitted.values = fitted,
    rank = rank, pivot = pivot, R = triangle
  )
}

# Names and shapes as lm.fit() gives them.
shape_fit <- function(fit, x, y) {
  names <- colnames(x)
  several <- is.matrix(y)
  labels <- if (is.null(names)) paste0("x", seq_len(ncol(x))) else names
  if (!is.null(names)) colnames(fit$R) <- names[fit$pivot]
  if (several) {
    dimnames(fit$coefficients) <- list(labels, colnames(y))
    for (part in c("residuals", "fitted.values")) dimnames(fit[[part]]) <- dimnames(y)
  } else {
    fit$coefficients <- stats::setNames(fit$coefficients[, 1L], labels)
    for (part in c("residuals", "fitted.values")) {
      fit[[part]] <- stats::setNames(fit[[part]][, 1L], names(y))
    }
  }
  if (!is.null(fit$qr)) {
    behind <- rep.int("", max(0L, nrow(fit$qr$qr) - fit$rank))
    effects_names <- c(labels[fit$pivot[seq_len(fit$rank)]], behind)
    if (several) {
      dimnames(fit$effects) <- list(effects_names, colnames(y))
    } else {
      fit$effects <- stats::setNames(fit$effects[, 1L], effects_names)
    }
  }
  in_order(fit)
}

in_order <- function(fit) {
  order <- c(
    "coefficients", "residuals", "fitted.values", "rank", "pivot", "df.residual", "R", "effects", "qr"
  )
  fit[intersect(order, names(fit))]
}
