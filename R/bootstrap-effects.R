# Models with fixed effects: what Rust needs of stat_lm(effects =), stat_glm(effects =) and boot_lm(effects =).

# Groupings as R/wild-clusters.R has them, of the columns that are effects.
effects_of_columns <- function(columns) {
  lapply(unname(as.list(columns)), function(column) {
    group <- match(column, unique(column))
    list(group = group, count = max(group))
  })
}

# Those of a frame that model_columns() has made, or NULL.
effects_of_frame <- function(frame) {
  if (!is.null(frame[["(effects)"]])) effects_of_columns(frame[["(effects)"]])
}

# The columns of `effects`: names, or a one-sided formula.
check_effects <- function(x, call) {
  good <- is.null(x) || is.character(x) && length(x) && !anyNA(x) || inherits(x, "formula") && length(x) == 2L && length(all.vars(x))
  if (!good) stop_argument("effects", "NULL, names of columns, or a one-sided formula such as ~ firm + year", x, call)
  x
}

effect_columns <- function(x, columns, call) {
  if (is.character(x)) {
    unknown <- setdiff(x, names(columns))
    if (length(unknown)) stop_argument("effects", "names of columns of `data`", unknown, call)
    return(columns[unique(x)])
  }
  check_variables(x, names(columns), "effects", call)
  stats::model.frame(x, columns, na.action = stats::na.pass)
}

# The effect with most levels is projected out in each resample by the means of its levels there;
# levels of others are columns, which come first, so that the coefficients of the regressors are the last
# in the basis. list(effect, others, columns, decomposed, last, names): the columns that are kept,
# within the levels, and their QR factorization times the roots of weights.
within_effects <- function(x, effects, prior) {
  root <- if (is.null(prior)) 1 else sqrt(prior)
  x <- x[, attr(x, "assign") != 0L, drop = FALSE]
  if (!ncol(x)) abort_rustle("`formula` must have regressors beside the effects.", "rustle_error_argument", argument = "formula")
  most <- which.max(vapply(effects, `[[`, 0, "count"))
  effect <- effects[[most]]
  columns <- lapply(effects[-most], function(f) outer(f$group, seq_len(f$count)[-1L], `==`) + 0)
  others <- do.call(cbind, c(list(matrix(0, nrow(x), 0L)), columns))
  all <- demean(cbind(others, x), effect, prior)
  m <- ncol(others)
  p <- ncol(x)
  # What is left of a column within the effects may be rounding error.
  size <- sqrt(colSums((root * cbind(others, x))^2))
  constant <- sqrt(colSums((root * all)^2)) <= 1e-10 * size
  own <- setdiff(seq_len(m), which(constant))
  if (length(own)) {
    decomposed <- qr(root * all[, own, drop = FALSE])
    own <- own[sort(decomposed$pivot[seq_len(decomposed$rank)])]
  }
  kept <- all[, c(own, m + seq_len(p)), drop = FALSE]
  decomposed <- qr(root * kept)
  lost <- union(decomposed$pivot[-seq_len(decomposed$rank)] - length(own), which(constant[m + seq_len(p)]))
  if (length(lost)) stop_absorbed(colnames(x)[lost])
  list(
    effect = effect, others = lapply(effects[-most], `[[`, "group"), columns = kept, decomposed = decomposed,
    last = length(own) + seq_len(p), x = x
  )
}

compile_absorbed <- function(frame, effects) {
  design <- design_of(frame)
  y <- response_of_lm(design)
  prior <- prior_weights(frame)
  root <- if (is.null(prior)) 1 else sqrt(prior)
  within <- within_effects(design$x, effects, prior)
  decomposed <- within$decomposed
  last <- within$last
  y <- root * demean(cbind(y), within$effect, prior)[, 1L]
  q <- qr.Q(decomposed)
  back <- backsolve(qr.R(decomposed)[last, last, drop = FALSE], diag(length(last)))
  beta <- as.double(qr.coef(decomposed, y))[last]
  residuals <- as.double(qr.resid(decomposed, y))
  native <- list(
    source = "absorbed", q = as.double(q), residuals = residuals, beta = beta, back = as.double(back),
    level = within$effect$group, prior = if (!is.null(prior)) root
  )
  response <- function(kind) {
    e <- switch(kind, residual = residuals - mean(residuals), wild = residuals, NULL)
    if (is.null(e)) return(NULL)
    list(source = "response", a = as.double(q[, last]), y = e, base = beta, post = as.double(t(back)))
  }
  compiled_statistic(native, colnames(within$x), response = response)
}

# A generalized linear model with effects. The native fit finds the estimate too, from effects
# that follow from the means of levels.
compile_absorbed_glm <- function(frame, family, effects) {
  design <- design_of(frame)
  response <- glm_response(design$y, prior_weights(frame), family)
  if (length(response$y) != nrow(design$x)) response$y <- NA
  y <- check_glm_response(response$y, family)
  n <- length(y)
  offset <- if (is.null(design$offset)) double(n) else as.double(design$offset)
  prior <- if (is.null(response$weights)) rep(1, n) else response$weights
  explained <- levels_at_end(y, prior, family, effects)
  prior[explained] <- 0
  if (all(prior == 0)) {
    abort_rustle(
      "The response of `formula` must vary within the levels of `effects`.",
      c("rustle_error_separation", "rustle_error_argument"), argument = "effects"
    )
  }
  within <- within_effects(design$x, effects, prior)
  effect <- within$effect
  start <- (group_sums(cbind(y), prior, effect$group, effect$count) + stats::weighted.mean(y, prior)) /
    (group_sums(cbind(rep(1, n)), prior, effect$group, effect$count) + 1)
  last <- within$last
  back <- backsolve(qr.R(within$decomposed), diag(ncol(within$columns)))
  native <- list(
    source = "absorbed_glm", link = family$link, variance = variance_name(family), q = as.double(within$columns %*% back),
    beta = double(length(last)), back = as.double(back[last, last]), level = effect$group, others = within$others,
    y = y, eta = family$linkfun(start[effect$group]) + within_levels(offset, effect, prior),
    prior = if (any(prior != 1)) prior, dispersion = 1
  )
  native$beta <- estimate_of_fit(native, n, if (variance_name(family) == "mu(1-mu)") "rustle_error_separation")
  fixed <- offset + as.double(within$x %*% native$beta)
  native$eta <- native$eta + within_levels(fixed - offset, effect, prior)
  known <- family$family %in% c("binomial", "poisson")
  mu <- family$linkinv(native$eta)
  if (!known) native$dispersion <- max(sum(prior * (y - mu)^2 / family$variance(mu)) / n, 1e-20)
  if (any(explained)) {
    warn_rustle(
      sprintf(
        "%d observations are in levels of effects whose responses are all %s: they say nothing about the coefficients.",
        sum(explained), if (variance_name(family) == "mu") "0" else "0 or all 1"
      ),
      "rustle_warning_effects"
    )
  }
  compiled_statistic(native, colnames(within$x))
}

within_levels <- function(x, effect, prior) as.double(demean(cbind(x), effect, prior))

# Observations in levels that an infinite effect explains without error, as the native fit leaves
# them out of resamples.
levels_at_end <- function(y, prior, family, effects) {
  binomial <- variance_name(family) == "mu(1-mu)"
  both <- binomial && family$link %in% c("logit", "probit", "cauchit", "cloglog")
  zero <- both || family$link == "log" && (binomial || variance_name(family) == "mu")
  out <- logical(length(y))
  if (!zero) return(out)
  repeat {
    before <- sum(out)
    for (f in effects) {
      counts <- prior > 0 & !out
      least <- tabulate(f$group[counts & y != 0], f$count) == 0
      most <- both & tabulate(f$group[counts & y != 1], f$count) == 0
      out <- out | (least | most)[f$group]
    }
    if (sum(out) == before) return(out)
  }
}

stop_absorbed <- function(names, call = NULL) {
  abort_rustle(
    sprintf("`effects` must leave every regressor something to explain (they absorb: %s).", paste(names, collapse = ", ")),
    class = "rustle_error_argument", argument = "effects", aliased = names, call = call
  )
}
