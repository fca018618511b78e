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
  if (!identical(native$source, "sums")) return(NULL)
  z <- matrix(native$z, NROW(x$data))
  function(data, w, ...) {
    counts <- w * sizes
    run_program(native$ops, native$values, c(colSums(z * counts), sum(counts)))
  }
}

# Coefficients of stat_lm() and stat_glm() with weights, a few of which may be negative at
# the ends of abc intervals: so no lm.wfit(), but the change of the fit in the basis of the
# QR factorization.
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

# The stack programs of bootstrap-program.R, as crates/bootstrap/src/program.rs runs them.
run_program <- function(ops, values, input) {
  name <- names(program_codes)[match(ops, program_codes)]
  stack <- out <- list()
  pop <- function() {
    top <- stack[[length(stack)]]
    stack[[length(stack)]] <<- NULL
    top
  }
  for (k in seq_along(name)) {
    if (name[[k]] == "store") {
      out[[length(out) + 1L]] <- pop()
      next
    }
    stack[[length(stack) + 1L]] <- switch(name[[k]],
      constant = values[[k]], input = input[[values[[k]]]], neg = -pop(), sqrt = sqrt(pop()),
      exp = exp(pop()), log = log(pop()), abs = abs(pop()),
      {
        b <- pop()
        a <- pop()
        switch(name[[k]],
          `+` = a + b, `-` = a - b, `*` = a * b, `/` = a / b, `^` = a^b,
          floor_at = if (a < b) 0 else a
        )
      }
    )
  }
  unlist(out)
}
