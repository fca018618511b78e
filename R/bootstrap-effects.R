# Linear models with fixed effects: what Rust needs of stat_lm(effects =) and boot_lm(effects =).

# Groupings as R/wild-clusters.R has them, of the columns that are effects.
effects_of_columns <- function(columns) {
  lapply(unname(as.list(columns)), function(column) {
    group <- match(column, unique(column))
    list(group = group, count = max(group))
  })
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
# in the basis.
compile_absorbed <- function(frame, effects) {
  design <- design_of(frame)
  y <- response_of_lm(design)
  prior <- prior_weights(frame)
  root <- if (is.null(prior)) 1 else sqrt(prior)
  x <- design$x[, attr(design$x, "assign") != 0L, drop = FALSE]
  if (!ncol(x)) abort_rustle("`formula` must have regressors beside the effects.", "rustle_error_argument", argument = "formula")
  most <- which.max(vapply(effects, `[[`, 0L, "count"))
  effect <- effects[[most]]
  columns <- lapply(effects[-most], function(f) outer(f$group, seq_len(f$count)[-1L], `==`) + 0)
  others <- do.call(cbind, c(list(matrix(0, nrow(x), 0L)), columns))
  all <- root * demean(cbind(others, x, y), effect, prior)
  m <- ncol(others)
  p <- ncol(x)
  # What is left of a column within the effects may be rounding error.
  size <- sqrt(colSums((root * cbind(others, x))^2))
  here <- seq_len(m + p)
  constant <- sqrt(colSums(all[, here, drop = FALSE]^2)) <= 1e-10 * size
  own <- setdiff(seq_len(m), which(constant))
  if (length(own)) {
    decomposed <- qr(all[, own, drop = FALSE])
    own <- own[sort(decomposed$pivot[seq_len(decomposed$rank)])]
  }
  decomposed <- qr(all[, c(own, m + seq_len(p)), drop = FALSE])
  rank <- decomposed$rank
  lost <- union(decomposed$pivot[-seq_len(rank)] - length(own), which(constant[m + seq_len(p)]))
  if (length(lost)) stop_absorbed(colnames(x)[lost])
  y <- all[, m + p + 1L]
  last <- length(own) + seq_len(p)
  q <- qr.Q(decomposed)
  back <- backsolve(qr.R(decomposed)[last, last, drop = FALSE], diag(p))
  beta <- as.double(qr.coef(decomposed, y))[last]
  residuals <- as.double(qr.resid(decomposed, y))
  native <- list(
    source = "absorbed", q = as.double(q), residuals = residuals, beta = beta, back = as.double(back), level = effect$group,
    prior = if (!is.null(prior)) root
  )
  response <- function(kind) {
    e <- switch(kind, residual = residuals - mean(residuals), wild = residuals, NULL)
    if (is.null(e)) return(NULL)
    list(source = "response", a = as.double(q[, last]), y = e, base = beta, post = as.double(t(back)))
  }
  compiled_statistic(native, colnames(x), response = response)
}

stop_absorbed <- function(names, call = NULL) {
  abort_rustle(
    sprintf("`effects` must leave every regressor something to explain (they absorb: %s).", paste(names, collapse = ", ")),
    class = "rustle_error_argument", argument = "effects", aliased = names, call = call
  )
}
