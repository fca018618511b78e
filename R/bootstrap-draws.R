# The draws of a bootstrap object, ours or boot's: the list that intervals and methods read.
#   t0, t       the estimates (vector) and their replicates (matrix); with m out of n, `t` is
#               rescaled and `raw` is not
#   R, terms    number of replicates, names of the components
#   sim         the scheme, without our prefix; variant: its row in bootstrap_validity()
#   strata, data, n
#   statistic   a function or NULL, with its `stype`
#   of_weights  NULL, or a function that returns the statistic as a function of data and
#               weights (sum 1 in each stratum)
#   own         are the indices boot's?

as_draws <- function(x, call = sys.call(-1L)) {
  if (!inherits(x, c("rustle_boot", "boot"))) {
    stop_argument("x", "a bootstrap object (of class \"rustle_boot\" or \"boot\")", x, call)
  }
  ours <- inherits(x, "rustle_boot")
  t <- as.matrix(x$t)
  t0 <- as.vector(x$t0)
  if (is.null(t0)) t0 <- rep(NA_real_, ncol(t))
  data <- if (is.null(x$data)) x$tseries else x$data
  sim <- sub("^rustle_", "", if (is.null(x$sim)) "ordinary" else x$sim)
  if (identical(attr(x, "boot_type"), "tsboot") || !is.null(x$n.sim)) sim <- "block"
  cases <- sim %in% case_schemes && !is.null(x$stype)
  statistic <- if (cases && is.function(x$statistic)) x$statistic
  # Where the data were not kept, the scheme says how many observations there were.
  n <- if (is.null(data) && !is.null(x$scheme$spec$draws)) x$scheme$spec$draws else NROW(data)
  # Simulated data have no strata; those of censboot() are a matrix, whose first column is
  # that of the observations.
  strata <- if (is.matrix(x$strata)) x$strata[, 1L] else x$strata
  strata <- if (length(strata) == n) as.integer(factor(as.vector(strata))) else rep(1L, n)
  raw <- t
  fewer <- ours && is.numeric(x$m) && length(x$m) == 1L && x$m != n
  if (fewer) t <- rep(t0, each = nrow(t)) + sqrt(x$m / n) * (t - rep(t0, each = nrow(t)))
  weighted <- is_importance(x$weights, strata)
  variant <- if (fewer) "m out of n" else if (weighted) "weighted" else if (!is.null(x$cluster) && sim == "ordinary") "cluster" else sim
  list(
    t0 = t0, t = t, raw = raw, R = nrow(t), terms = term_names(x, ncol(t)), sim = sim, variant = variant,
    strata = strata, data = data, n = n, statistic = statistic, stype = x$stype, L = x$L,
    cluster = x$cluster, own = ours && is.null(x$replicates) && is_boot_order(x),
    of_weights = function() if (cases) statistic_of_weights(x, statistic, tabulate(strata)[strata])
  )
}

# rng = "R": the indices are those of boot.
is_boot_order <- function(x) {
  identical(x$rng, "R") || (!is.null(x$stream) && is.null(x$scheme) && all(unlist(x$stream) == 0))
}

# Schemes that resample independent observations.
case_schemes <- c("ordinary", "balanced", "antithetic", "poisson", "bayesian", "permutation")

term_names <- function(x, p) {
  names <- names(x$t0)
  if (is.null(names)) names <- colnames(x$t)
  if (is.null(names)) names <- paste0("t", seq_len(p), recycle0 = TRUE)
  empty <- is.na(names) | !nzchar(names)
  names[empty] <- paste0("t", which(empty), recycle0 = TRUE)
  make.unique(names)
}

# Weights that differ within a stratum.
is_importance <- function(weights, strata) {
  if (is.null(weights)) return(FALSE)
  if (is.matrix(weights)) return(TRUE)
  if (length(weights) != length(strata)) return(FALSE)
  ranges <- tapply(as.numeric(weights), strata, function(w) diff(range(w)) > 1e-8 * max(w))
  any(ranges)
}

# The types of intervals that a scheme allows. given: has the user given L?
valid_intervals <- function(draws, given = FALSE) {
  valid <- Filter(function(type) is.null(refused_interval(type, draws)), interval_types)
  if (given && length(valid)) union(valid, "bca") else valid
}

# Why a type of interval is not valid for the scheme, or NULL when it is.
refused_interval <- function(type, draws) {
  if (draws$variant == "weighted") {
    return("replicates drawn with importance weights follow another distribution; see boot::imp.quantile()")
  }
  if (type == "abc" && !is.null(draws$cluster)) return("abc needs independent observations")
  verdict <- validity_of_interval(draws$variant, "sums", type)
  if (verdict[[1L]] == "refused") verdict[[2L]]
}

stop_interval <- function(type, draws, call) {
  why <- refused_interval(if (type == "all") "norm" else type, draws)
  abort_rustle(
    sprintf("`type = \"%s\"` is not valid for sim = \"%s\": %s.", type, draws$sim, why),
    class = "rustle_error_interval", argument = "type", value = type, sim = draws$sim, call = call
  )
}

check_intervals <- function(type, draws, variances, L, call = sys.call(-1L)) {
  good <- is.character(type) && length(type) && all(type %in% c(interval_types, "all"))
  if (!good) {
    must <- paste("\"all\" or some of", paste0("\"", interval_types, "\"", collapse = ", "))
    stop_argument("type", must, type, call)
  }
  valid <- valid_intervals(draws, !is.null(L))
  if ("all" %in% type) {
    if (!length(valid)) stop_interval("all", draws, call)
    has_influence <- !is.null(L) || !is.null(draws$L) || !is.null(jackknife_source(draws))
    type <- union(setdiff(type, "all"), intersect(c("norm", "basic", "perc", if (has_influence) "bca"), valid))
    if (!is.null(variances)) type <- union(type, "stud")
  }
  type <- interval_types[interval_types %in% type]
  for (wrong in setdiff(type, valid)) stop_interval(wrong, draws, call)
  if ("stud" %in% type && is.null(variances)) {
    stop_argument("variance", "the components that are variances (or give `var.t0` and `var.t`), for studentized intervals", NULL, call)
  }
  if ("abc" %in% type && is.null(draws$of_weights())) {
    abort_rustle(
      "`type = \"abc\"` needs a statistic that is a function of weights.",
      class = "rustle_error_interval", argument = "type", value = "abc", call = call
    )
  }
  type
}

check_levels <- function(conf, argument = "conf", call = sys.call(-1L)) {
  good <- is.numeric(conf) && length(conf) && !anyNA(conf) && all(conf > 0 & conf < 1)
  if (!good) stop_argument(argument, "levels between 0 and 1", conf, call)
  as.vector(conf)
}

check_index <- function(index, draws, argument = "index", call = sys.call(-1L)) {
  p <- length(draws$terms)
  if (is.null(index)) return(seq_len(p))
  found <- if (is.character(index)) match(index, draws$terms) else index
  good <- is.numeric(found) && length(found) && all(found %in% seq_len(p)) && !anyDuplicated(found)
  if (!good) {
    must <- sprintf("numbers from 1 to %d or names of components", p)
    stop_argument(argument, must, index, call)
  }
  as.integer(found)
}

# What is wanted of a result by boot_ci() and boot_p(): list(scale, index, variances, type).
check_wanted <- function(draws, type, index, variance, var.t0, var.t, L, h, hdot, hinv = NULL, call = sys.call(-1L)) {
  scale <- check_scale(h, hdot, hinv, call)
  chosen <- check_index(index, draws, call = call)
  variances <- check_variances(variance, var.t0, var.t, chosen, index, draws, "stud" %in% type, call)
  # Components that are variances get no intervals, unless `index` asks for them.
  if (is.null(index) && !is.null(variances)) chosen <- variances$index
  type <- check_intervals(type, draws, variances, L, call)
  if ("stud" %in% type && !is.null(h) && is.null(hdot)) {
    stop_argument("hdot", "the derivative of `h`, for studentized intervals", hdot, call)
  }
  list(scale = scale, index = chosen, variances = variances, type = type)
}

check_scale <- function(h, hdot, hinv, call = sys.call(-1L)) {
  for (name in c("h", "hdot", "hinv")) {
    f <- get(name)
    if (!is.null(f) && !is.function(f)) stop_argument(name, "a function or NULL", f, call)
  }
  list(
    h = if (is.null(h)) identity else h, hinv = if (is.null(hinv)) identity else hinv,
    hdot = if (is.null(hdot)) function(t) rep(1, length(t)) else hdot
  )
}

# list(index, norm, t0, t): components with the variances of estimates and replicates;
# norm: those that normal intervals use.
check_variances <- function(variance, var.t0, var.t, chosen, index, draws, wanted, call = sys.call(-1L)) {
  if (inherits(variance, "rustle_boot_variance")) {
    if (!is.null(var.t0) || !is.null(var.t)) stop_argument("var.t", "left out where `variance` is of boot_variance()", var.t, call)
    if (!identical(dim(variance$var.t), dim(draws$t))) {
      stop_argument("variance", "what boot_variance() makes of the same result", variance, call)
    }
    var.t0 <- variance$var.t0[chosen]
    var.t <- variance$var.t[, chosen, drop = FALSE]
    variance <- NULL
  }
  if (is.null(variance) && wanted && is.null(var.t) && is.null(index) && length(draws$terms) == 2L) {
    chosen <- 1L
    variance <- 2L
  }
  if (!is.null(variance)) {
    columns <- check_index(variance, draws, "variance", call)
    if (is.null(index)) chosen <- setdiff(chosen, columns)
    if (length(columns) != length(chosen)) {
      stop_argument("variance", sprintf("as many components as `index` (%d)", length(chosen)), variance, call)
    }
    out <- list(index = chosen, norm = NULL, t0 = draws$t0[columns], t = draws$raw[, columns, drop = FALSE])
  } else {
    if (is.null(var.t0) && is.null(var.t)) return(NULL)
    k <- length(chosen)
    if (!is.numeric(var.t0) || length(var.t0) != k) {
      stop_argument("var.t0", sprintf("%d numbers, one for each component", k), var.t0, call)
    }
    if (is.null(var.t)) {
      if (wanted) stop_argument("var.t", "variances of the replicates, for studentized intervals", var.t, call)
      var.t <- matrix(NA_real_, draws$R, k)
    }
    if (!is.numeric(var.t) || NROW(var.t) != draws$R || NCOL(var.t) != k) {
      stop_argument("var.t", sprintf("a matrix with %d rows and %d columns", draws$R, k), var.t, call)
    }
    out <- list(index = chosen, norm = as.vector(var.t0), t0 = as.vector(var.t0), t = as.matrix(var.t))
  }
  if (wanted && (any(out$t0 <= 0, na.rm = TRUE) || any(out$t < 0, na.rm = TRUE))) {
    stop_argument(if (is.null(variance)) "var.t" else "variance", "variances above 0", "negative numbers", call)
  }
  out
}

# Influence values of the chosen components, columns named by their numbers.
chosen_influence <- function(L, chosen, x, draws, ..., call = sys.call(-1L)) {
  if (!is.null(L)) {
    L <- as.matrix(L)
    if (!is.numeric(L) || anyNA(L) || ncol(L) != length(chosen)) {
      must <- sprintf("influence values, a column for each of %d components", length(chosen))
      stop_argument("L", must, L, call)
    }
    if (is.null(draws$cluster) && draws$n > 0 && nrow(L) != draws$n) {
      stop_argument("L", sprintf("influence values, a row for each of %.0f observations", draws$n), L, call)
    }
  } else {
    stored <- !is.null(draws$L) && NCOL(draws$L) == length(draws$terms)
    L <- if (stored) as.matrix(draws$L) else jackknife_values(draws, ...)
    if (is.null(L)) {
      stop_argument("L", "influence values: the object has none, and no function to compute them with", L, call)
    }
    L <- centred_influence(L[, chosen, drop = FALSE], draws)
  }
  L <- as.matrix(L)
  colnames(L) <- as.character(chosen)
  L
}

# Centred in each stratum, as in Efron and Tibshirani (1993, equation 14.15). Clusters
# have a row each.
centred_influence <- function(L, draws) {
  if (nrow(L) != draws$n || all(draws$strata == draws$strata[[1L]])) return(L - rep(colMeans(L), each = nrow(L)))
  strata <- draws$strata
  out <- apply(L, 2L, function(l) l - stats::ave(l, strata))
  matrix(out, nrow(L))
}

# The statistic in a form that the jackknife can call, list(statistic, stype), or NULL.
jackknife_source <- function(draws) {
  # With clusters in two ways it is not clear which groups the jackknife would leave out.
  if (is.list(draws$cluster) && length(draws$cluster) > 1L) return(NULL)
  if (is.function(draws$statistic)) return(list(statistic = draws$statistic, stype = draws$stype[[1L]]))
  of_weights <- draws$of_weights()
  if (is.function(of_weights)) list(statistic = of_weights, stype = "w")
}

# Influence values by the jackknife; `...` are further arguments of the statistic.
jackknife_values <- function(draws, ...) {
  source <- jackknife_source(draws)
  if (is.null(source)) return(NULL)
  groups <- cluster_rows(draws$cluster, draws$n)
  leave <- make_left_out(source$statistic, draws$data, source$stype, draws$strata, groups, ...)
  count <- if (is.null(groups)) draws$n else length(groups)
  t <- matrix(unlist(values_without(leave, count, current_plan())), count, byrow = TRUE)
  jackknife_influence(draws$t0, t, if (is.null(groups)) stratum_sizes(draws$strata) else count)
}
