# Tests after two-stage least squares: the wild restricted efficient bootstrap, and the
# Anderson-Rubin test. Everything is in an orthonormal basis of the instruments, of which the
# exogenous regressors come first; see src/rust/crates/bootstrap/src/wild/instruments.rs.

has_instruments <- function(model) {
  if (inherits(model, "ivreg")) return(TRUE)
  inherits(model, "formula") && length(model) == 3L && is.call(model[[3L]]) && identical(model[[3L]][[1L]], as.name("|"))
}

# Design, instruments and response of a formula with two parts or of a fit of ivreg(): a
# list(X, Z, y, w, names, n, k, rows).
read_instruments <- function(model, data, call) {
  if (inherits(model, "ivreg")) {
    if (!is.null(data)) stop_argument("data", "NULL for a fitted model, which has its own", data, call)
    if (is.null(model$model)) stop_argument("model", "a fit that has kept its model frame", model, call)
    X <- stats::model.matrix(model, component = "regressors")
    Z <- stats::model.matrix(model, component = "instruments")
    y <- as.vector(stats::model.response(model$model))
    frame <- model$model
    offset <- model$offset
    w <- check_model_weights(model$weights, call)
    check_aliased(model, call)
    fit <- list(call = model$call, formula = model$formula, na.action = model$na.action)
    scope <- environment(model$formula)
  } else {
    if (!is.null(data) && !is.data.frame(data)) stop_argument("data", "a data frame or NULL", data, call)
    scope <- environment(model)
    part <- function(rhs) stats::as.formula(call("~", model[[2L]], rhs), env = scope)
    both <- part(call("+", model[[3L]][[2L]], model[[3L]][[3L]]))
    frame <- tryCatch(
      stats::model.frame(both, if (is.null(data)) scope else data),
      error = function(e) {
        abort_rustle(
          sprintf("`model` must be a formula y ~ regressors | instruments of variables that are there: %s.", conditionMessage(e)),
          class = "rustle_error_argument", argument = "model", value = model, call = call
        )
      }
    )
    X <- stats::model.matrix(part(model[[3L]][[2L]]), frame)
    Z <- stats::model.matrix(part(model[[3L]][[3L]]), frame)
    y <- as.vector(stats::model.response(frame, "numeric"))
    offset <- stats::model.offset(frame)
    w <- NULL
    fit <- list(formula = both, na.action = attr(frame, "na.action"), rustle_data = data)
  }
  if (!is.null(offset)) y <- y - offset
  fit$formula <- structure(fit$formula, .Environment = scope)
  rows <- function(formula, argument) rows_of_model(fit, frame, formula, argument, call)
  if (!is.null(w)) {
    X <- sqrt(w) * X
    Z <- sqrt(w) * Z
    y <- sqrt(w) * y
  }
  list(X = X, Z = Z, y = y, names = colnames(X), n = nrow(X), k = ncol(X), rows = rows, effect = NULL, absorbed = 0L)
}

# The model in the basis, and what a trial value needs, by cluster.
prepare_instruments <- function(model, group, call) {
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
  if (q$rank < ncol(W) || model$n <= ncol(W)) {
    lost <- colnames(W)[q$pivot[-seq_len(q$rank)]]
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
  square <- qr(M)
  if (square$rank < ncol(M)) {
    stop_argument("model", "a model whose instruments determine its coefficients", NULL, call, was = "one without rank")
  }
  A <- chol2inv(qr.R(square))
  theta <- qr.coef(square, y)
  single <- group$count == model$n
  sums <- function(x) matrix(group_sums(Q, x, group$group, group$count), group$count)
  products <- if (single) Q[order(group$group), , drop = FALSE] else {
    rows <- split(seq_len(model$n), group$group)
    t(vapply(rows, function(i) as.vector(crossprod(Q[i, , drop = FALSE])), double(ncol(Q)^2)))
  }
  # Sums over clusters of the instruments times what is fitted with coefficients b.
  fitted <- function(b) {
    if (single) return(products * drop(products %*% b))
    l <- ncol(Q)
    Reduce(`+`, lapply(seq_len(l), function(i) b[[i]] * products[, (i - 1L) * l + seq_len(l), drop = FALSE]))
  }
  left <- qr.resid(q, cbind(model$y, X2))
  list(
    Q = Q, k = k, p = length(endogenous), l = ncol(Q), first = first, y = y, M = M, A = A, theta = theta,
    sums_y = sums(model$y), sums_x = lapply(seq_along(endogenous), function(j) sums(X2[, j])), fitted = fitted,
    products = products, left = crossprod(left), names = c(endogenous, exogenous), own = own,
    triangle = qr.R(q)[own, own, drop = FALSE], group = group, excluded = excluded, endogenous = endogenous, exogenous = exogenous
  )
}

# Restrictions of the coefficients in the order and the basis of `iv`.
restrict_instruments <- function(iv, null, names) {
  R <- null$R[, match(iv$names, names), drop = FALSE]
  at <- iv$p + iv$own
  if (iv$k) R[, at] <- R[, at, drop = FALSE] %*% backsolve(iv$triangle, diag(iv$k))
  R
}

# Replicates with the null value r: a spec for Rust. impose = FALSE: those of the estimate.
instruments_spec <- function(iv, R, r, law, words, factor, impose) {
  theta <- iv$theta
  if (impose) theta <- theta - drop(iv$A %*% t(R)) * ((sum(R * theta) - r) / sum(R * (R %*% iv$A)))
  gamma <- theta[seq_len(iv$p)]
  beta <- theta[iv$p + iv$own]
  exogenous <- c(beta, double(iv$l - iv$k))
  structural <- iv$sums_y - Reduce(`+`, Map(`*`, iv$sums_x, gamma)) - iv$fitted(exogenous)
  # The first stage with the structural residual as a further regressor.
  contrast <- c(1, -gamma)
  squares <- drop(contrast %*% iv$left %*% contrast)
  delta <- drop(contrast %*% iv$left)[-1L] / squares
  u <- iv$y - drop(iv$first %*% gamma) - exogenous
  first <- iv$first - outer(u, delta)
  reduced <- do.call(cbind, lapply(seq_len(iv$p), function(j) iv$sums_x[[j]] - iv$fitted(first[, j])))
  list(
    law = law, seed = words, l = iv$l, k = iv$k, p = iv$p, first = as.double(first), structural = as.double(t(structural)),
    reduced = as.double(t(reduced)), products = as.double(t(iv$products)), restriction = as.double(R), factor = factor
  )
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

instruments_test <- function(model, null, asked, data, name, call) {
  if (asked$type != "11") stop_argument("type", "\"11\" for a model with instruments", asked$type, call)
  if (!is.null(asked$boot_cluster)) stop_argument("boot_cluster", "NULL for a model with instruments", asked$boot_cluster, call)
  model <- read_instruments(model, data, call)
  null <- read_hypotheses(null, model$names, call)
  if (asked$adjust == "each") asked$adjust <- "clusters"
  groups <- read_clusters(model, asked, call)
  if (length(groups$clusters) > 1L) stop_argument("cluster", "one clustering for a model with instruments", asked$cluster, call)
  if (asked$adjust == "min") asked$adjust <- "clusters"
  iv <- prepare_instruments(model, groups$boot, call)
  R <- restrict_instruments(iv, null, model$names)
  if (asked$method == "ar") return(anderson_rubin(model, iv, null, R, groups, asked, name, call))
  if (length(null$r) > 1L) stop_argument("null", "one hypothesis for a model with instruments, or method = \"ar\"", null$labels, call)
  estimate <- sum(R * iv$theta)
  factor <- groups$parts[[1L]]$factor
  V <- instruments_variance(iv, R, factor)
  if (!is.finite(V) || V <= 1e-24 * sum(iv$left)) stop_degenerate(V, call)
  count <- replicates_of(groups$boot, asked)
  words <- if (!count$all) stream_words(asked$seed)
  draws <- function(r) {
    run_instruments(instruments_spec(iv, R, r, asked$weights, words, factor, asked$impose), count$R, asked$threads, call)
  }
  floor <- c(1e-14 * V, 0, 0)
  out <- result_of_instruments(model, groups, asked, count, null, estimate, sqrt(V), name, call)
  out$method <- paste("Wild restricted efficient", sub("^Wild ", "", out$method))
  if (!asked$impose) out$method <- sub("restricted efficient ", "", out$method)
  out$statistic <- c(z = (estimate - null$r) / sqrt(V))
  out$draws <- draws(null$r)
  out$floor <- floor
  out$recount <- function(r) {
    d <- if (asked$impose && r != null$r) draws(r) else out$draws
    unpack(rs_wild_count(d, nrow(d), floor, 0, (estimate - r) / sqrt(V), asked$threads))
  }
  complete_instruments(out, null, asked)
}

instruments_variance <- function(iv, R, factor) {
  m <- drop(iv$M %*% (iv$A %*% t(R)))
  gamma <- iv$theta[seq_len(iv$p)]
  exogenous <- c(iv$theta[iv$p + iv$own], double(iv$l - iv$k))
  scores <- iv$sums_y - Reduce(`+`, Map(`*`, iv$sums_x, gamma)) - iv$fitted(exogenous)
  factor * sum((scores %*% m)^2)
}

# How many replicates: list(R, all).
replicates_of <- function(boot, asked) {
  all <- asked$weights == "rademacher" && boot$count < 31L && 2^boot$count <= asked$R
  list(R = if (all) 2^boot$count else asked$R, all = all)
}

result_of_instruments <- function(model, groups, asked, count, null, estimate, se, name, call) {
  structure(
    list(
      statistic = NULL, parameter = NULL, p.value = NULL, estimate = stats::setNames(estimate, sub("=.*", "", null$labels)),
      null.value = stats::setNames(null$r, null$labels), std.error = se, alternative = asked$alternative,
      method = name_of_test(asked, groups, 1L), data.name = name, hypotheses = null,
      trials = 0L, R = count$R, enumerated = count$all, weights = asked$weights, type = "11", impose = asked$impose,
      plus_one = asked$plus_one, generalized = FALSE, n = model$n, k = model$k, conf = asked$conf,
      clusters = if (!groups$robust) stats::setNames(groups$boot$count, groups$boot$name),
      boot_clusters = stats::setNames(groups$boot$count, groups$boot$name), parts = describe_parts(groups$parts), singular = 0L,
      adjust = asked$adjust, absorbed = 0L, threads = asked$threads, seed = asked$seed, call = call
    ),
    class = c("rustle_wild", "htest")
  )
}

complete_instruments <- function(out, null, asked) {
  counts <- out$recount(null$r)
  out$p.value <- p_of_counts(out, counts)
  out$mcse <- error_of_wild(out, counts)
  out$degenerate <- out$R - counts$valid
  tell_degenerate(out)
  if (length(null$r) == 1L && !is.null(asked$conf)) {
    out$conf.set <- invert_test(out, asked$conf)
    out$conf.int <- structure(range(out$conf.set), conf.level = asked$conf)
  }
  out
}

# The test that the instruments do not explain y less the endogenous regressors with their
# null values: by least squares, so it is valid with weak instruments (Anderson and Rubin 1949).
anderson_rubin <- function(model, iv, null, R, groups, asked, name, call) {
  at <- seq_len(iv$p)
  full <- nrow(R) == iv$p && all(R[, -at] == 0)
  if (!full) {
    stop_argument(
      "null", "hypotheses about each of the endogenous coefficients and no other, for method = \"ar\"", null$labels, call,
      was = paste(null$labels, collapse = ", ")
    )
  }
  if (asked$alternative != "two.sided") stop_argument("alternative", "\"two.sided\" for method = \"ar\"", asked$alternative, call)
  X2 <- model$X[, iv$endogenous, drop = FALSE]
  l <- iv$l
  excluded <- iv$k + seq_len(l - iv$k)
  linear <- list(X = iv$Q, back = diag(l), w = NULL, n = model$n, k = l, effect = NULL, absorbed = 0L)
  hypotheses <- list(R = diag(l)[excluded, , drop = FALSE], r = double(length(excluded)))
  count <- replicates_of(groups$boot, asked)
  words <- if (!count$all) stream_words(asked$seed)
  test_at <- function(r) {
    y <- model$y - drop(X2 %*% solve(R[, at, drop = FALSE], r))
    linear$coef <- drop(crossprod(iv$Q, y))
    linear$residual <- drop(y - iv$Q %*% linear$coef)
    test <- prepare_test(linear, hypotheses, groups$parts, groups$boot, "11", asked$impose, asked$threads, call)
    if (asked$impose) test <- at_null(test)
    made <- spec_of_test(test, asked$weights, words)
    draws <- run_wild(made$spec, count$R, asked$threads, call)
    q <- test$q
    f <- sum(test$delta * solve(test$V, test$delta)) / q
    counts <- if (q == 1L) {
      unpack(rs_wild_count(draws, nrow(draws), made$floor, 0, sqrt(f), asked$threads))
    } else {
      unpack(rs_wild_joint(draws, as.double(c(nrow(draws), q, 0)), double(), f, asked$threads))
    }
    list(f = f, counts = counts, q = q)
  }
  estimate <- drop(R %*% iv$theta)
  se <- vapply(seq_len(nrow(R)), function(i) sqrt(instruments_variance(iv, R[i, , drop = FALSE], groups$parts[[1L]]$factor)), 0)
  out <- result_of_instruments(model, groups, asked, count, null, estimate, se, name, call)
  out$method <- sub("^Wild", "Anderson-Rubin wild", out$method)
  here <- test_at(null$r)
  out$statistic <- c(F = here$f)
  out$parameter <- c(df1 = here$q, df2 = if (groups$robust) model$n - l else groups$boot$count - 1)
  out$recount <- function(r) if (identical(as.double(r), null$r)) here$counts else test_at(as.double(r))$counts
  complete_instruments(out, null, asked)
}
