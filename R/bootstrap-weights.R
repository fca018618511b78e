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
  if (formula$name %in% c("lm", "glm")) return(model_of_weights(formula, x$data, sizes))
  native <- compile_statistic(formula, x$data, FALSE, NULL)$compiled$native
  # Without a derivative by the weights the values would be of no use.
  if (!identical(native$source, "sums")) return(NULL)
  engine <- engine_here(plain_spec(NROW(x$data), native))
  function(data, w, ...) unpack(rs_boot_weighted(engine(), as.double(w * sizes)))$t[1L, ]
}

# Coefficients of stat_lm() and stat_glm() with weights, some of which are negative at the
# ends of abc intervals. X'WX may then be indefinite, which lm.wfit() and Rust's fits of
# resamples refuse: so a solve() for the change of the fit, in the basis of the QR
# factorization.
model_of_weights <- function(statistic, data, sizes) {
  design <- design_of(stats::model.frame(statistic$arguments$formula, as.data.frame(data)))
  offset <- if (is.null(design$offset)) 0 else design$offset
  y <- if (is.factor(design$y)) design$y != levels(design$y)[[1L]] else design$y
  factored <- qr(design$x)
  q <- qr.Q(factored)
  coefficients <- function(gamma) {
    out <- backsolve(qr.R(factored), gamma)
    out[order(factored$pivot)]
  }
  step <- function(weights, residual) solve(crossprod(q, weights * q), crossprod(q, residual))
  if (statistic$name == "lm") {
    gamma <- crossprod(q, y - offset)
    residual <- y - offset - as.vector(q %*% gamma)
    return(function(data, w, ...) coefficients(gamma + step(w * sizes, w * sizes * residual)))
  }
  family <- get(statistic$arguments$family, envir = asNamespace("stats"))()
  start <- qr.qty(factored, stats::glm.fit(design$x, y, family = family, offset = offset + 0 * y)$linear.predictors - offset)
  start <- start[seq_len(ncol(q))]
  function(data, w, ...) {
    counts <- w * sizes
    gamma <- start
    # Newton's steps: the link is the canonical one.
    for (k in 1:50) {
      mu <- family$linkinv(as.vector(q %*% gamma) + offset)
      change <- step(counts * family$variance(mu), counts * (y - mu))
      gamma <- gamma + change
      if (max(abs(change)) <= 1e-13 * max(abs(gamma))) break
    }
    coefficients(gamma)
  }
}
