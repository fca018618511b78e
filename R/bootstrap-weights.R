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
  native <- compile_statistic(formula, x$data, FALSE, NULL)$compiled$native
  # The others have no derivative by the weights.
  if (!native$source %in% c("sums", "lm", "glm")) return(NULL)
  engine <- engine_here(plain_spec(NROW(x$data), native))
  function(data, w, ...) {
    out <- unpack(rs_boot_weighted(engine(), as.double(w * sizes)))
    if (out$status != 0L) stop(rs_boot_reasons()[[out$status]])
    out$t[1L, ]
  }
}
