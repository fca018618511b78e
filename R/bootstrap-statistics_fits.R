# Statistics that are coefficients of fitted models. Their frames have columns "(weights)" and
# "(offset)", as those of lm() have.

#' @rdname statistics
#' @export
stat_lm <- function(formula, weights = NULL, offset = NULL, effects = NULL) {
  check_required("formula")
  check_model_formula(formula, sys.call())
  check_model_column(weights, "weights", sys.call())
  check_model_column(offset, "offset", sys.call())
  check_effects(effects, sys.call())
  out <- new_statistic("lm", formula = formula, weights = weights, offset = offset, effects = effects, compile = function(use) {
    compile_lm(use$model(formula, weights, offset, effects = effects))
  })
  out$effects <- effects
  out
}

#' @rdname statistics
#' @export
stat_glm <- function(formula, family = "binomial", weights = NULL, offset = NULL, effects = NULL) {
  check_required("formula")
  check_model_formula(formula, sys.call())
  check_model_column(weights, "weights", sys.call())
  check_model_column(offset, "offset", sys.call())
  check_effects(effects, sys.call())
  family <- check_family(family, sys.call())
  out <- new_statistic(
    "glm", formula = formula, family = name_of_family(family), weights = weights, offset = offset, effects = effects,
    compile = function(use) compile_glm(use$model(formula, weights, offset, effects = effects), family)
  )
  out$family <- family
  out$effects <- effects
  out
}

#' @rdname statistics
#' @export
stat_coxph <- function(formula, ties = c("efron", "breslow"), weights = NULL, offset = NULL) {
  origin <- sys.call()
  check_required("formula")
  check_model_formula(formula, origin)
  check_model_column(weights, "weights", origin)
  check_model_column(offset, "offset", origin)
  ties <- check_choice(if (identical(ties, c("efron", "breslow"))) "efron" else ties, c("efron", "breslow"), "ties")
  if (!requireNamespace("survival", quietly = TRUE)) {
    abort_rustle("stat_coxph() needs the package survival, for Surv().", "rustle_error_argument", argument = "formula", call = origin)
  }
  # Surv() and strata() are found although survival is not attached.
  home <- new.env(parent = environment(formula))
  check_cox_terms(without_namespace(formula), origin)
  for (name in c("Surv", "strata")) {
    if (!exists(name, environment(formula), mode = "function")) assign(name, getExportedValue("survival", name), home)
  }
  inside <- without_namespace(formula)
  environment(inside) <- home
  new_statistic("coxph", formula = formula, ties = ties, weights = weights, offset = offset, compile = function(use) {
    compile_cox(use$model(inside, weights, offset, special = "strata"), ties)
  })
}

# Terms that coxph() treats apart would be columns like others here.
check_cox_terms <- function(formula, call) {
  terms <- c("cluster", "frailty", "frailty.gamma", "frailty.gaussian", "frailty.t", "pspline", "ridge", "tt")
  special <- intersect(terms, called_functions(formula[[3L]]))
  if (!length(special)) return(invisible())
  instead <- if (special[[1L]] == "cluster") "bootstrap(cluster = ~ g) draws whole clusters" else "bootstrap(model) takes a fit of coxph() that has it"
  abort_rustle(
    sprintf("`formula` must have no %s(): %s.", special[[1L]], instead),
    class = "rustle_error_argument", argument = "formula", value = formula, call = call
  )
}

# survival::strata() is strata(), by which terms() finds it.
without_namespace <- function(expr) {
  if (is.call(expr) && identical(expr[[1L]], as.name("::")) && identical(expr[[2L]], as.name("survival"))) return(expr[[3L]])
  if (is.call(expr)) for (k in seq_along(expr)) expr[[k]] <- without_namespace(expr[[k]])
  expr
}

#' @rdname statistics
#' @export
stat_rlm <- function(formula, psi = c("huber", "bisquare"), k = NULL, weights = NULL, offset = NULL) {
  check_required("formula")
  check_model_formula(formula, sys.call())
  check_model_column(weights, "weights", sys.call())
  check_model_column(offset, "offset", sys.call())
  kinds <- c("huber", "bisquare")
  psi <- check_choice(if (identical(psi, kinds)) "huber" else psi, kinds, "psi")
  if (is.null(k)) k <- c(huber = 1.345, bisquare = 4.685)[[psi]]
  if (!is.numeric(k) || length(k) != 1L || !is.finite(k) || k <= 0) stop_argument("k", "a number above 0", k, sys.call())
  new_statistic("rlm", formula = formula, psi = psi, k = k, weights = weights, offset = offset, compile = function(use) {
    compile_robust(use$model(formula, weights, offset), psi, k)
  })
}

check_model_formula <- function(formula, call) {
  if (!inherits(formula, "formula") || length(formula) != 3L) {
    stop_argument("formula", "a formula with a response, such as y ~ x", formula, call)
  }
}

native_links <- c("logit", "probit", "cauchit", "cloglog", "log", "identity", "sqrt", "inverse", "1/mu^2")
native_families <- c(
  binomial = "mu(1-mu)", quasibinomial = "mu(1-mu)", poisson = "mu", quasipoisson = "mu", Gamma = "mu^2",
  inverse.gaussian = "mu^3", gaussian = "constant"
)

# A family object.
check_family <- function(family, call) {
  given <- family
  known <- c(names(native_families), "quasi")
  if (is.character(family) && length(family) == 1L && family %in% known) family <- get(family, envir = asNamespace("stats"))
  if (is.function(family)) family <- tryCatch(family(), error = function(e) NULL)
  good <- inherits(family, "family") && family$family %in% known && family$link %in% native_links &&
    !is.null(variance_name(family))
  if (!good) {
    stop_argument(
      "family", sprintf(
        "%s, with one of the links %s", paste0("\"", known, "\"", collapse = ", "), paste0("\"", native_links, "\"", collapse = ", ")
      ), given, call,
      was = if (inherits(family, "family")) sprintf("%s(%s)", family$family, family$link)
    )
  }
  family
}

name_of_family <- function(family) {
  canonical <- family$link == get(family$family, envir = asNamespace("stats"))()$link
  if (family$family != "quasi" && canonical) return(family$family)
  sprintf("%s(%s%s)", family$family, family$link, if (family$family == "quasi") paste0(", ", family$varfun) else "")
}

# The variance as quasi() names it; NULL where it is another.
variance_name <- function(family) {
  name <- if (family$family == "quasi") family$varfun else native_families[[family$family]]
  if (name %in% native_families) name
}

# list(y, weights) as glm() makes them: a factor is 0 for its first level, two columns are
# successes and failures. weights: NULL where all are 1.
glm_response <- function(y, weights, family) {
  if (variance_name(family) == "mu(1-mu)") {
    if (is.factor(y)) y <- y != levels(y)[[1L]]
    if (is.numeric(y) && NCOL(y) == 2L) {
      trials <- y[, 1L] + y[, 2L]
      y <- ifelse(trials == 0, 0, y[, 1L] / trials)
      weights <- trials * if (is.null(weights)) 1 else weights
      if (all(weights == 1)) weights <- NULL
    }
  }
  list(y = y, weights = if (!is.null(weights)) as.double(weights))
}

check_glm_response <- function(y, family) {
  numbers <- (is.numeric(y) || is.logical(y)) && NCOL(y) == 1L && !anyNA(y)
  y <- if (numbers) as.double(y)
  rule <- if (family$family == "quasi") "" else variance_name(family)
  good <- numbers && switch(rule, "mu(1-mu)" = all(y >= 0 & y <= 1), mu = all(y >= 0), "mu^2" = , "mu^3" = all(y > 0), TRUE)
  if (good) return(y)
  must <- switch(rule,
    "mu(1-mu)" = "0, 1, logical, a factor, shares from 0 to 1 (with weights), or two columns of successes and failures",
    mu = "counts", "mu^2" = , "mu^3" = "numbers above 0", "numbers"
  )
  abort_rustle(sprintf("The response of `formula` must be %s.", must), "rustle_error_argument", argument = "formula")
}

compile_robust <- function(frame, psi, k) {
  # Its rows, and the least squares from which the iteration begins.
  start <- compile_lm(frame)$native
  native <- c(start[c("q", "back", "beta", "residuals")], list(source = "robust", psi = psi, constant = k))
  native$q <- as.double(native$q)
  design <- design_of(frame)
  estimate <- estimate_of_fit(native, nrow(frame))
  root <- prior_weights(frame)
  y <- as.double(design$y) - if (is.null(design$offset)) 0 else design$offset
  native$residuals <- (if (is.null(root)) 1 else sqrt(root)) * as.double(y - design$x %*% estimate)
  native$beta <- estimate
  compiled_statistic(native, colnames(design$x))
}

# The estimate of the full sample, by the native fit itself.
estimate_of_fit <- function(native, n, class = NULL) {
  native[c("ops", "values")] <- no_program
  found <- unpack(rs_boot_observed(unpack(open_boot(plain_spec(n, native)))))
  if (found$status == 0L) return(as.vector(found$t))
  abort_rustle(
    sprintf("The model of `formula` has no estimate on the data: %s.", rs_boot_reasons()[[found$status]]),
    c(class, "rustle_error_argument"), argument = "formula"
  )
}

compile_cox <- function(frame, ties) {
  y <- stats::model.response(frame)
  if (!inherits(y, "Surv") || !identical(attr(y, "type"), "right")) {
    abort_rustle(
      "The response of `formula` must be Surv(time, status) of right-censored times; bootstrap(model, f) bootstraps other models of coxph().",
      "rustle_error_argument", argument = "formula"
    )
  }
  terms <- attr(frame, "terms")
  strata <- attr(terms, "specials")$strata
  stratum <- rep(1L, nrow(frame))
  if (length(strata)) {
    stratum <- as.integer(interaction(frame[strata], drop = TRUE))
    named <- attr(terms, "term.labels")
    columns <- colnames(attr(terms, "factors"))[colSums(attr(terms, "factors")[strata, , drop = FALSE] > 0) > 0]
    if (length(columns) == length(named)) stop_no_terms()
    kept <- stats::drop.terms(terms, match(columns, named), keep.response = TRUE)
    attr(kept, "dataClasses") <- NULL
  } else {
    kept <- terms
  }
  # Factors are coded as beside an intercept, which the hazard of reference takes the place of.
  attr(kept, "intercept") <- 1L
  x <- stats::model.matrix(kept, frame, contrasts.arg = attr(frame, "contrasts"))
  x <- x[, attr(x, "assign") != 0L, drop = FALSE]
  if (!ncol(x)) stop_no_terms()
  event <- y[, 2L]
  if (!any(event == 1)) abort_rustle("The response of `formula` must have events.", "rustle_error_argument", argument = "formula")
  prior <- prior_weights(frame)
  basis <- basis_of(x - rep(colMeans(x), each = nrow(x)))
  offset <- stats::model.offset(frame)
  eta <- if (is.null(offset)) double(nrow(frame)) else as.double(offset)
  native <- list(
    source = "cox", ties = ties, time = as.double(y[, 1L]), event = as.double(event), stratum = stratum,
    q = as.double(basis$q), back = as.double(basis$back), beta = double(ncol(x)), eta = eta, prior = prior
  )
  # A likelihood that grows without end.
  estimate <- estimate_of_fit(native, nrow(frame), "rustle_error_separation")
  native$beta <- estimate
  native$eta <- eta + as.double((x - rep(colMeans(x), each = nrow(x))) %*% estimate)
  compiled_statistic(native, colnames(x))
}

stop_no_terms <- function() {
  abort_rustle("`formula` must have regressors besides strata.", "rustle_error_argument", argument = "formula")
}
