# Tests of models with instruments: the wild restricted efficient bootstrap after two-stage least
# squares and other estimators of the k-class, and the Anderson-Rubin test. Everything is in an
# orthonormal basis of the instruments, of which the exogenous regressors come first; see
# R/wild-kclass.R and src/rust/crates/bootstrap/src/wild/instruments.rs.

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
    parts <- parts_of_formula(model)
    frame <- tryCatch(
      stats::model.frame(parts$both, if (is.null(data)) scope else data),
      error = function(e) {
        abort_rustle(
          sprintf("`model` must be a formula y ~ regressors | instruments of variables that are there: %s.", conditionMessage(e)),
          class = "rustle_error_argument", argument = "model", value = model, call = call
        )
      }
    )
    X <- stats::model.matrix(parts$regressors, frame)
    Z <- stats::model.matrix(parts$instruments, frame)
    y <- as.vector(stats::model.response(frame, "numeric"))
    offset <- stats::model.offset(frame)
    w <- NULL
    fit <- list(formula = parts$both, na.action = attr(frame, "na.action"), rustle_data = data)
  }
  if (!is.null(offset)) y <- y - offset
  fit$formula <- structure(fit$formula, .Environment = scope)
  rows <- function(formula, argument) rows_of_model(fit, frame, formula, argument, call)
  list(
    X = X, Z = Z, y = y, w = w, names = colnames(X), hidden = character(), n = nrow(X), k = ncol(X), rows = rows, effect = NULL,
    absorbed = 0L
  )
}

weigh_instruments <- function(model) {
  if (is.null(model$w)) return(model)
  model[c("X", "Z", "y")] <- lapply(model[c("X", "Z", "y")], `*`, sqrt(model$w))
  model
}

# Projects fixed effects out of response, regressors and instruments: the one with most levels of those that are
# within bootstrap clusters by means, because within these a weight is the same for all rows of a
# level. Others become exogenous regressors, `hidden` ones.
absorb_instruments <- function(model, effects, boot, call) {
  counts <- vapply(effects, function(f) if (is_nested(f, boot)) f$count else 0, 0)
  by_means <- if (any(counts > 0)) which.max(counts)
  columns <- lapply(seq_along(effects), function(i) {
    if (i %in% by_means) return(NULL)
    # One effect has all levels in place of the intercept.
    levels <- seq_len(effects[[i]]$count)
    outer(effects[[i]]$group, if (i == 1L && is.null(by_means)) levels else levels[-1L], `==`) + 0
  })
  D <- do.call(cbind, c(list(matrix(0, model$n, 0L)), columns))
  own <- function(x) x[, colnames(x) != "(Intercept)", drop = FALSE]
  model$X <- own(model$X)
  model$Z <- own(model$Z)
  if (!ncol(model$X)) stop_argument("model", "a model with regressors beside the fixed effects", NULL, call, was = "one without")
  sizes <- function(x) sqrt(colSums(x^2))
  before <- sizes(model$X)
  if (!is.null(by_means)) {
    effect <- effects[[by_means]]
    within <- function(x) demean(x, effect, model$w)
    size <- sizes(D)
    D <- within(D)
    D <- D[, sizes(D) > 1e-10 * size, drop = FALSE]
    model$X <- within(model$X)
    # A column that is in both must stay the same, and one that is constant within the levels is 0.
    size <- sizes(model$Z)
    model$Z <- within(model$Z)
    model$Z[, sizes(model$Z) <= 1e-10 * size] <- 0
    model$y <- drop(within(cbind(model$y)))
    model$effect <- effect
    model$absorbed <- effect$count
  }
  root <- if (is.null(model$w)) 1 else sqrt(model$w)
  left <- model$X
  if (ncol(D)) {
    q <- qr(root * D, tol = 1e-9)
    D <- D[, sort(q$pivot[seq_len(q$rank)]), drop = FALSE]
    left <- qr.resid(qr(root * D), root * model$X)
  }
  lost <- sizes(left) <= 1e-9 * before
  if (any(lost)) stop_absorbed(colnames(model$X)[lost], call)
  if (model$absorbed + ncol(D) + ncol(model$Z) >= model$n) stop_argument("effects", "fewer than there are observations", NULL, call, was = "so many")
  colnames(D) <- sprintf(".effect%d", seq_len(ncol(D)))
  model$hidden <- colnames(D)
  model$names <- colnames(model$X)
  model$X <- cbind(model$X, D)
  model$Z <- cbind(model$Z, D)
  model$k <- ncol(model$X)
  model
}

instruments_test <- function(model, null, asked, data, name, call) {
  ar <- asked$method == "ar"
  if (asked$type != "11" && !ar) stop_argument("type", "\"11\" for a model with instruments, but for method = \"ar\"", asked$type, call)
  model <- read_instruments(model, data, call)
  effects <- if (!is.null(asked$effects)) group_columns(asked$effects, model, "effects", call)
  if (!is.null(effects)) model$names <- setdiff(model$names, "(Intercept)")
  null <- read_hypotheses(null, model$names, call)
  if (length(null$r) > 1L && asked$alternative != "two.sided") {
    stop_argument("alternative", "\"two.sided\" for joint hypotheses", asked$alternative, call)
  }
  # The variance has no factor of degrees of freedom.
  least <- asked$adjust == "min"
  if (asked$adjust == "each") asked$adjust <- "clusters"
  groups <- read_clusters(model, asked, call)
  if (least && substr(asked$type, 2L, 2L) != "3") groups$parts <- variance_parts(groups$clusters, list(n = 2, k = 1), "min", FALSE)
  if (!is.null(effects)) model <- absorb_instruments(model, effects, groups$boot, call)
  model <- weigh_instruments(model)
  iv <- prepare_instruments(model, groups, call)
  R <- restrict_instruments(iv, null, model)
  fit <- k_class_fit(iv, asked$estimator)
  estimate <- drop(R %*% fit$theta)
  V <- instruments_covariance(iv, R, fit)
  if (ar) return(anderson_rubin(model, iv, null, R, groups, asked, list(estimate = estimate, V = V), name, call))
  q <- length(null$r)
  size <- min(diag(V), if (all(is.finite(V))) eigen(V, symmetric = TRUE, only.values = TRUE)$values else 0)
  if (!is.finite(size) || size <= 1e-24 * sum(iv$left)) stop_degenerate(V, call)
  count <- replicates_of(groups$boot, asked)
  words <- if (!count$all) stream_words(asked$seed)
  draws <- function(r, count) {
    spec <- instruments_spec(iv, R, r, asked$weights, if (!count$all) words, asked$impose, asked$estimator)
    run_instruments(spec, count$R, asked$threads, call)
  }
  floor <- c(1e-14 * V[[1L]], 0, 0)
  out <- result_of_instruments(model, groups, asked, count, null, estimate, sqrt(diag(V)), name, call)
  out$method <- paste("Wild restricted efficient", sub("^Wild ", "", out$method))
  if (!asked$impose) out$method <- sub("restricted efficient ", "", out$method)
  if (is.numeric(asked$estimator$name) || asked$estimator$name != "2sls") out$method <- paste(out$method, "after", title_of_estimator(asked$estimator))
  out$estimator <- asked$estimator
  out$kappa <- fit$kappa
  # Of the data: a t statistic, or Wald's over the number of hypotheses.
  observed <- function(r) {
    delta <- estimate - r
    if (q == 1L) delta / sqrt(V[[1L]]) else sum(delta * solve(V, delta)) / q
  }
  out$statistic <- if (q == 1L) c(z = observed(null$r)) else c(chisq = q * observed(null$r))
  if (q > 1L) out$parameter <- c(df = q)
  out$floor <- floor
  draw <- function(out, count) {
    out$draws <- draws(null$r, count)
    out$recount <- function(r) {
      d <- if (asked$impose && any(r != null$r)) draws(r, count) else out$draws
      if (q == 1L) return(unpack(rs_wild_count(d, nrow(d), floor, 0, observed(r), asked$threads)))
      unpack(rs_wild_joint(d, as.double(c(nrow(d), q, 0)), double(), observed(r), asked$threads))
    }
    out
  }
  complete_instruments(out, null, asked, draw, count)
}

# How many replicates: list(R, all).
replicates_of <- function(boot, asked) {
  all <- asked$weights == "rademacher" && boot$count < 31L && 2^boot$count <= asked$R
  list(R = if (all) 2^boot$count else asked$R, all = all)
}

result_of_instruments <- function(model, groups, asked, count, null, estimate, se, name, call) {
  structure(
    list(
      statistic = NULL, parameter = NULL, p.value = NULL, estimate = stats::setNames(estimate, null$terms),
      null.value = stats::setNames(null$r, null$labels), std.error = se, alternative = asked$alternative,
      method = name_of_test(asked, groups, length(null$r)), data.name = name, hypotheses = null,
      trials = 0L, R = count$R, enumerated = count$all, weights = asked$weights, type = asked$type, impose = asked$impose,
      plus_one = asked$plus_one, generalized = FALSE, n = model$n, k = model$k, conf = asked$conf,
      clusters = if (!groups$robust) stats::setNames(vapply(groups$clusters, `[[`, 0, "count"), vapply(groups$clusters, `[[`, "", "name")),
      boot_clusters = stats::setNames(groups$boot$count, groups$boot$name), parts = describe_parts(groups$parts), singular = 0L,
      adjust = asked$adjust, absorbed = model$absorbed + length(model$hidden), threads = asked$threads, seed = asked$seed, call = call
    ),
    class = c("rustle_wild", "htest")
  )
}

# draw: a function that gives a result the replicates of `count` and what counts them at null values.
complete_instruments <- function(out, null, asked, draw, count) {
  run <- function(count) {
    out$R <- count$R
    out$enumerated <- count$all
    out <- draw(out, count)
    out <- count_test(out, out$recount(null$r))
    if (length(null$r) == 1L && !is.null(asked$conf)) out <- with_interval(out, asked$conf)
    out$rerun <- function(R) {
      run(replicates_of(list(count = out$boot_clusters[[1L]]), list(weights = asked$weights, R = R)))
    }
    out
  }
  out <- run(count)
  tell_degenerate(out)
  out
}

# The test that the instruments do not explain y less the endogenous regressors with their
# null values: by least squares, so it is valid with weak instruments (Anderson and Rubin 1949).
anderson_rubin <- function(model, iv, null, R, groups, asked, fit, name, call) {
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
  test_at <- function(r, count) {
    y <- model$y - drop(X2 %*% solve(R[, at, drop = FALSE], r))
    linear$coef <- drop(crossprod(iv$Q, y))
    linear$residual <- drop(y - iv$Q %*% linear$coef)
    test <- prepare_test(linear, hypotheses, groups$parts, groups$boot, asked$type, asked$impose, asked$threads, call)
    if (asked$impose) test <- at_null(test)
    made <- spec_of_test(test, asked$weights, if (!count$all) words)
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
  out <- result_of_instruments(model, groups, asked, count, null, fit$estimate, sqrt(diag(fit$V)), name, call)
  out$method <- sub(" of joint hypotheses", "", sub("^Wild", "Anderson-Rubin wild", out$method))
  here <- test_at(null$r, count)
  out$statistic <- c(F = here$f)
  out$parameter <- c(df1 = here$q, df2 = if (groups$robust) model$n - l - model$absorbed else min(vapply(groups$clusters, `[[`, 0, "count")) - 1)
  draw <- function(out, now) {
    if (now$R != count$R) here <- test_at(null$r, now)
    out$recount <- function(r) if (identical(as.double(r), null$r)) here$counts else test_at(as.double(r), now)$counts
    out
  }
  complete_instruments(out, null, asked, draw, count)
}
