# Estimators of the k-class of models with instruments, and their replicates. Coefficients are
# those of the endogenous regressors, then those of the exogenous ones in the basis.

# What the user asks for, checked: list(name, fuller, n).
read_estimator <- function(estimator, fuller, call) {
  choices <- c("2sls", "liml", "fuller")
  if (identical(estimator, choices)) estimator <- "2sls"
  if (is.numeric(estimator)) {
    good <- length(estimator) == 1L && is.finite(estimator) && estimator >= 0
    if (!good) stop_argument("estimator", "\"2sls\", \"liml\", \"fuller\" or the k of a k-class estimator, a number of at least 0", estimator, call)
  } else {
    estimator <- check_choice(estimator, choices, "estimator", call)
  }
  good <- is.numeric(fuller) && length(fuller) == 1L && is.finite(fuller) && fuller > 0
  if (!good) stop_argument("fuller", "a number above 0", fuller, call)
  list(name = estimator, fuller = as.double(fuller))
}

title_of_estimator <- function(estimator) {
  if (is.numeric(estimator$name)) return(sprintf("k-class estimation (k = %s)", format(estimator$name)))
  switch(estimator$name,
    "2sls" = "two-stage least squares", liml = "LIML", fuller = sprintf("Fuller's estimator (constant %s)", format(estimator$fuller))
  )
}

# The model in the basis, and what a trial value needs, by cluster.
prepare_instruments <- function(model, groups, call) {
  exogenous <- intersect(colnames(model$X), colnames(model$Z))
  endogenous <- setdiff(colnames(model$X), exogenous)
  excluded <- setdiff(colnames(model$Z), exogenous)
  if (!length(endogenous)) {
    stop_argument("model", "a model with endogenous regressors", NULL, call, was = "one whose regressors are all instruments")
  }
  if (length(excluded) < length(endogenous)) {
    stop_argument(
      "model", "a model with an instrument for each endogenous regressor", NULL, call,
      was = sprintf("one with %d for %d", length(excluded), length(endogenous))
    )
  }
  W <- cbind(model$X[, exogenous, drop = FALSE], model$Z[, excluded, drop = FALSE])
  q <- qr(W, tol = 1e-9)
  if (q$rank < ncol(W) || model$n <= ncol(W) + model$absorbed) {
    lost <- colnames(W)[q$pivot[seq_along(q$pivot) > q$rank]]
    abort_rustle(
      sprintf("`model` must have no collinear instruments (it has: %s).", paste(lost, collapse = ", ")),
      class = "rustle_error_argument", argument = "model", aliased = lost, call = call
    )
  }
  Q <- qr.Q(q)
  k <- length(exogenous)
  X2 <- model$X[, endogenous, drop = FALSE]
  first <- crossprod(Q, X2)
  y <- drop(crossprod(Q, model$y))
  own <- seq_len(k)
  M <- cbind(first, rbind(diag(k), matrix(0, ncol(Q) - k, k)))
  if (qr(M)$rank < ncol(M)) {
    stop_argument("model", "a model whose instruments determine its coefficients", NULL, call, was = "one without rank")
  }
  Y <- cbind(model$y, X2)
  sums <- function(group) sums_by_group(Q, Y, group)
  boot <- sums(groups$boot)
  parts <- lapply(groups$parts, function(part) {
    same <- identical(part$group, groups$boot$group)
    both <- if (same) groups$boot else intersect_groups(list(part, groups$boot))
    # Groups are numbered by their first rows.
    at <- match(seq_len(both$count), both$group)
    list(
      factor = part$factor, count = part$count, same = same, error = part$group[at], boot = groups$boot$group[at],
      sums = if (same) boot else sums(both), products = products_by_group(Q, part)
    )
  })
  list(
    k = k, p = length(endogenous), l = ncol(Q), n = model$n, absorbed = model$absorbed, first = first, y = y, M = M, boot = boot, parts = parts,
    left = crossprod(qr.resid(q, Y)), names = c(endogenous, exogenous), own = own, Q = Q, Y = Y, group = groups$boot,
    triangle = qr.R(q)[own, own, drop = FALSE], excluded = excluded, endogenous = endogenous, exogenous = exogenous
  )
}

# By group l x l numbers, the products of the columns of Q; of groups of one observation its row.
products_by_group <- function(Q, group) {
  if (group$count == nrow(Q)) return(Q[order(group$group), , drop = FALSE])
  rows <- split(seq_len(nrow(Q)), group$group)
  matrix(vapply(rows, function(i) as.vector(crossprod(Q[i, , drop = FALSE])), double(ncol(Q)^2)), group$count, byrow = TRUE)
}

# A function of coefficients `of` of the columns of Y and `less` of those of Q: sums by group of Q
# times the columns Y %*% of - Q %*% less. For small groups nothing is saved by products.
sums_by_group <- function(Q, Y, group) {
  l <- ncol(Q)
  sums <- function(x) matrix(group_sums(Q, x, group$group, group$count), group$count)
  if (group$count * l > nrow(Q)) return(function(of, less) sums(drop(Y %*% of - Q %*% less)))
  products <- products_by_group(Q, group)
  of_Y <- lapply(seq_len(ncol(Y)), function(j) sums(Y[, j]))
  function(of, less) {
    fitted <- lapply(seq_len(l), function(i) less[[i]] * products[, (i - 1L) * l + seq_len(l), drop = FALSE])
    Reduce(`+`, Map(`*`, of_Y, of)) - Reduce(`+`, fitted)
  }
}

# Restrictions of the coefficients in the order and the basis of `iv`.
restrict_instruments <- function(iv, null, model) {
  R <- cbind(null$R, matrix(0, nrow(null$R), length(model$hidden)))
  R <- R[, match(iv$names, c(model$names, model$hidden)), drop = FALSE]
  at <- iv$p + iv$own
  if (iv$k) R[, at] <- R[, at, drop = FALSE] %*% backsolve(iv$triangle, diag(iv$k))
  R
}

# The estimate, R theta = r where R is given: list(theta, kappa, A), A the inverse of the matrix of
# the normal equations. theta = origin + free %*% tau for any tau.
k_class_fit <- function(iv, estimator, R = NULL, r = NULL) {
  K <- iv$p + iv$k
  origin <- double(K)
  free <- diag(K)
  if (!is.null(R)) {
    origin <- drop(crossprod(R, solve(tcrossprod(R), r)))
    free <- qr.Q(qr(t(R)), complete = TRUE)[, -seq_len(nrow(R)), drop = FALSE]
  }
  kappa <- estimator$name
  if (!is.numeric(kappa)) {
    kappa <- 1 + if (kappa == "2sls") 0 else least_root(iv, origin, free)
    if (estimator$name == "fuller") kappa <- kappa - estimator$fuller / (iv$n - iv$l - iv$absorbed)
  }
  at <- seq_len(iv$p)
  H <- crossprod(iv$M)
  H[at, at] <- H[at, at] + (1 - kappa) * iv$left[1L + at, 1L + at]
  h <- drop(crossprod(iv$M, iv$y))
  h[at] <- h[at] + (1 - kappa) * iv$left[1L + at, 1L]
  theta <- origin
  if (ncol(free)) theta <- origin + drop(free %*% solve(crossprod(free, H %*% free), crossprod(free, h - H %*% origin)))
  list(theta = theta, kappa = kappa, A = if (is.null(R)) solve(H))
}

# k less 1 of limited information maximum likelihood: the smallest ratio of what the instruments
# explain of the residuals and what they leave, over all coefficients that are allowed.
least_root <- function(iv, origin, free) {
  at <- seq_len(iv$p)
  turn <- svd(free[at, , drop = FALSE], nu = 0L, nv = ncol(free))
  rank <- sum(turn$d > 1e-9)
  # Where no endogenous coefficient is free the estimate is the same for every k.
  if (rank == 0L) return(0)
  free <- free %*% turn$v
  moves <- free[, seq_len(rank), drop = FALSE]
  explained <- cbind(iv$y - iv$M %*% origin, iv$M %*% moves)
  # Directions of exogenous coefficients alone.
  others <- iv$M %*% free[, -seq_len(rank), drop = FALSE]
  if (ncol(others)) explained <- qr.resid(qr(others), explained)
  contrast <- cbind(c(1, -origin[at]), rbind(0, moves[at, , drop = FALSE]))
  root <- chol(crossprod(contrast, iv$left %*% contrast))
  ratio <- backsolve(root, t(explained), transpose = TRUE)
  max(0, min(eigen(tcrossprod(ratio), symmetric = TRUE, only.values = TRUE)$values))
}

# The covariance of the restrictions: with the scores of the projected regressors.
instruments_covariance <- function(iv, R, fit) {
  m <- iv$M %*% tcrossprod(fit$A, R)
  residual <- residual_of(iv, fit$theta)
  Reduce(`+`, lapply(iv$parts, function(part) {
    scores <- rowsum(part$sums(residual$of, residual$less), part$error, reorder = TRUE)
    part$factor * crossprod(scores %*% m)
  }))
}

# The structural residuals as sums_by_group() takes them.
residual_of <- function(iv, theta) {
  at <- seq_len(iv$p)
  list(of = c(1, -theta[at]), less = c(theta[iv$p + iv$own], double(iv$l - iv$k)))
}

# Replicates with the null value r: a spec for Rust. impose = FALSE: those of the estimate.
instruments_spec <- function(iv, R, r, law, words, impose, estimator) {
  theta <- if (impose) k_class_fit(iv, estimator, R, r)$theta else k_class_fit(iv, estimator)$theta
  structural <- residual_of(iv, theta)
  # The first stage with the structural residual as a further regressor.
  squares <- drop(structural$of %*% iv$left %*% structural$of)
  delta <- drop(structural$of %*% iv$left)[-1L] / squares
  gamma <- theta[seq_len(iv$p)]
  u <- iv$y - drop(iv$first %*% gamma) - structural$less
  first <- iv$first - outer(u, delta)
  unit <- function(j) replace(double(iv$p + 1L), j + 1L, 1)
  by <- function(sums) {
    list(
      structural = as.double(t(sums(structural$of, structural$less))),
      reduced = as.double(t(do.call(cbind, lapply(seq_len(iv$p), function(j) sums(unit(j), first[, j])))))
    )
  }
  boot <- by(iv$boot)
  parts <- lapply(iv$parts, function(part) {
    c(
      list(
        factor = part$factor, clusters = as.double(part$count), single = as.double(part$count == iv$n), error = part$error, boot = part$boot,
        products = as.double(t(part$products))
      ),
      if (part$same) boot else by(part$sums)
    )
  })
  name <- estimator$name
  fixed <- is.numeric(name) || name == "2sls"
  constant <- if (is.numeric(name)) name else switch(name, "2sls" = 1, liml = 0, fuller = estimator$fuller / (iv$n - iv$l - iv$absorbed))
  residuals <- if (!fixed || constant != 1) {
    iv$Y %*% cbind(structural$of, rbind(0, diag(iv$p))) - iv$Q %*% cbind(structural$less, first)
  }
  c(
    list(
      law = law, seed = words, l = iv$l, k = iv$k, p = iv$p, first = as.double(first), restrictions = as.double(t(R)),
      estimator = if (fixed) "fixed" else "likelihood", constant = constant, parts = parts,
      squares = if (is.null(residuals)) double() else as.double(t(products_of_rows(residuals, iv$group)))
    ),
    boot
  )
}

# Sums by group of the products of columns: the lower triangle by rows.
products_of_rows <- function(x, group) {
  pairs <- upper_pairs(ncol(x))
  # (i, j), i <= j, by columns of the upper triangle.
  pairs <- pairs[order(pairs[, 2L], pairs[, 1L]), , drop = FALSE]
  rowsum(x[, pairs[, 1L], drop = FALSE] * x[, pairs[, 2L], drop = FALSE], group$group, reorder = TRUE)
}

run_instruments <- function(spec, R, threads, call) {
  pieces <- list()
  in_slices(function(done) {
    if (is.null(done)) done <- 0
    piece <- unpack(rs_wild_instruments(spec, done, R, threads), call)
    pieces[[length(pieces) + 1L]] <<- piece
    done <- done + nrow(piece)
    list(value = NULL, state = if (done < R) done)
  })
  do.call(rbind, pieces)
}
