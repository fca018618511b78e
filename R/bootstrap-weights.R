# Statistics as R functions of weights (as boot's stype = "w": they sum to 1 in each
# stratum), for abc intervals and the jackknife of what has no influence values stored.

# A function of data and weights, or NULL. sizes: of the stratum of each observation.
statistic_of_weights <- function(x, statistic, sizes) {
  if (is.function(statistic)) return(if (identical(x$stype[1L], "w")) statistic)
  formula <- x$statistic
  if (inherits(formula, "formula")) {
    return(function(data, w, ...) {
      frame <- c(as.list(formula_frame(data)), list(.w = w * sizes))
      unlist(eval(formula[[length(formula)]], frame, environment(formula)))
    })
  }
  if (!inherits(formula, "rustle_statistic") || is.null(x$data)) return(NULL)
  if (formula$name %in% c("coxph", "rlm", "ivreg") || !is.null(formula$effects)) return(fit_of_weights(formula, x$data, sizes))
  if (formula$name %in% c("lm", "glm")) return(model_of_weights(formula, x$data, sizes))
  native <- compile_statistic(formula, x$data, FALSE, NULL)$compiled$native
  # Without a derivative by the weights the values would be of no use.
  if (!identical(native$source, "sums")) return(NULL)
  engine <- engine_here(plain_spec(NROW(x$data), native))
  function(data, w, ...) unpack(rs_boot_weighted(engine(), as.double(w * sizes), 0, 1))$t[1L, ]
}

# Coefficients with weights by the native fit, which refuses negative ones.
fit_of_weights <- function(statistic, data, sizes) {
  native <- compile_statistic(statistic, data, FALSE, NULL)$compiled$native
  engine <- engine_here(plain_spec(NROW(data), native))
  function(data, w, ...) {
    out <- unpack(rs_boot_weighted(engine(), as.double(w * sizes), 0, 1))
    if (out$status != 0L) stop(rs_boot_reasons()[[out$status]])
    out$t[1L, ]
  }
}

# Coefficients of stat_lm() and stat_glm() with weights, some of which are negative at the
# ends of abc intervals. X'WX may then be indefinite, which lm.wfit() and Rust's fits of
# resamples refuse: so a solve() for the change of the fit, in the basis of the QR
# factorization.
model_of_weights <- function(statistic, data, sizes) {
  frame <- frame_of_statistic(statistic, data)
  design <- design_of(frame)
  offset <- if (is.null(design$offset)) 0 else design$offset
  factored <- qr(design$x)
  q <- qr.Q(factored)
  coefficients <- function(gamma) {
    out <- backsolve(qr.R(factored), gamma)
    out[order(factored$pivot)]
  }
  step <- function(weights, residual) solve(crossprod(q, weights * q), crossprod(q, residual))
  if (statistic$name == "lm") {
    prior <- prior_weights(frame)
    if (is.null(prior)) prior <- 1
    y <- design$y - offset
    gamma <- crossprod(q, y)
    residual <- y - as.vector(q %*% gamma)
    return(function(data, w, ...) {
      w <- w * sizes * prior
      coefficients(gamma + step(w, w * residual))
    })
  }
  family <- statistic$family
  response <- glm_response(design$y, prior_weights(frame), family)
  y <- as.double(response$y)
  prior <- if (is.null(response$weights)) rep(1, length(y)) else response$weights
  fit <- stats::glm.fit(design$x, y, prior, family = family, offset = offset + 0 * y)
  start <- qr.qty(factored, fit$linear.predictors - offset)[seq_len(ncol(q))]
  function(data, w, ...) {
    counts <- w * sizes * prior
    gamma <- start
    # Fisher's scoring, which for a canonical link is Newton's method.
    for (k in 1:500) {
      eta <- as.vector(q %*% gamma) + offset
      mu <- family$linkinv(eta)
      slope <- family$mu.eta(eta)
      ratio <- slope / family$variance(mu)
      change <- step(counts * slope * ratio, counts * (y - mu) * ratio)
      gamma <- gamma + change
      if (max(abs(change)) <= 1e-13 * max(abs(gamma))) break
    }
    coefficients(gamma)
  }
}

# The model frame of a statistic on data. That of boot_lm() has the frame of the model as data.
frame_of_statistic <- function(statistic, data) {
  if (!is.null(statistic$frame)) return(statistic$frame)
  own <- statistic$arguments
  columns <- as.data.frame(data)
  note <- function(x, label) x
  model_columns(own$formula, columns, nrow(columns), note, NULL, own$weights, own$offset)
}
