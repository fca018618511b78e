# Bootstrap of fitted models of any class that can be fitted again to other rows, weights or
# responses: bootstrap(model, f) becomes bootstrap(data, statistic).

#' Bootstrap of fitted models of any class
#'
#' Where [bootstrap()] gets a fitted model in place of data, each replicate fits the model again
#' on the workers of the plan, by the call that it has: models of `survival::coxph()` and
#' `survreg()`, `lme4::lmer()`, `nlme::lme()`, `mgcv::gam()`, `MASS::rlm()`, `AER::ivreg()`, [stats::nls()] and all
#' others with a call and `data`. [boot_lm()], [stat_coxph()] and [stat_rlm()] are the native
#' ways, many times faster where they suit. [vcov_boot()] takes such models too.
#'
#' @details The first two arguments are `bootstrap(model, f)`: `f` is a function of a model that
#'   has been fitted again, which returns numbers; by default its coefficients (fixed effects). Schemes
#'   (`sim`):
#'   * `"ordinary"` (with `strata`, `cluster`, `m`), `"balanced"`, `"block"`: rows of the data that the
#'     model has used. With clusters, columns of the data that name them get new labels, see
#'     [bootstrap()]. `cluster` may be a formula, as `~ g`. A model that has groups of rows itself
#'     (random effects, `cluster()`, `frailty()`) needs it; without there is a warning of class
#'     `rustle_warning_clusters`.
#'   * `"bayesian"`, `"poisson"`: fractional weights and counts as `weights` of the fit, times
#'     its own, one per cluster with `cluster` (`"bayesian"`). For models whose `weights` say how often an observation occurs in the
#'     likelihood: not of \pkg{lme4} and \pkg{nlme}, whose weights are those of variances.
#'   * `"parametric"`: responses that [stats::simulate()] draws from the model, of [stats::nls()] normal ones, of
#'     `survreg()` times of its distribution, right or left censored as the data are: a censored observation
#'     keeps its limit, that of another is drawn from the product-limit estimate of the limits' distribution,
#'     given that it lies beyond the time that was observed (so one limit for all, such as the end of a study or
#'     the 0 of a Tobit model, stays that). With `rng = "R"` a
#'     model of \pkg{lme4} has the numbers of `lme4::bootMer(model, f, R, seed = seed)`, on any
#'     number of workers.
#'   * `"residual"`: of linear mixed models of \pkg{lme4}: random effects and residuals are
#'     drawn with replacement after they were given the covariance that the model has
#'     estimated for them (Carpenter, Goldstein and Rasbash 2003).
#'
#'   Variables of the call that `data` does not have, such as a vector of weights, are drawn with the
#'   rows if they have a value for each row; a call without `data` has such variables only.
#'   Fits that fail or do not exist are replicates that fail, see `on_error`.
#' @section Warnings: `rustle_warning_refit` where the model that is fitted again to its own data is another one, because
#'   options or variables have changed since it was fitted; `rustle_warning_clusters`, see above.
#' @section Errors: `rustle_error_argument` for models whose data cannot be found again, for
#'   schemes that do not suit their class, and for an `f` that does not return numbers; also
#'   `rustle_error_rows` where the data of the model have changed since it was fitted.
#' @references Carpenter, J. R., Goldstein, H. and Rasbash, J. (2003) A novel bootstrap procedure
#'   for assessing the relationship between class size and achievement. *Applied Statistics* 52,
#'   431-443. Davison, A. C. and Hinkley, D. V. (1997) *Bootstrap Methods and Their Application*,
#'   chapter 7. Cambridge University Press.
#' @seealso [boot_lm()] for models of [stats::lm()] and [stats::glm()], natively; [stat_coxph()];
#'   [wild_test()]; [boot_ci()] for intervals of the result.
#' @examples
#' fit <- nls(dist ~ a * speed^b, cars, start = list(a = 0.5, b = 1.5))
#' bootstrap(fit, R = 50, seed = 1)
#' #> Bootstrap (ordinary), 50 replicates, 50 observations
#' #> Computed by 1 worker
#' #>
#' #>  term estimate    bias std.error
#' #>     a   0.5897 0.02317    0.3228
#' #>     b   1.5493 0.03174    0.1857
#' vcov_boot(fit, R = 50, seed = 1)
#' #>             a           b
#' #> a  0.10419504 -0.05658992
#' #> b -0.05658992  0.03447792
#' @name bootstrap-models
NULL

call_of_fit <- function(model) {
  if (isS4(model)) attr(model, "call") else if (is.object(model) && is.list(model)) unclass(model)[["call"]]
}

is_fitted_model <- function(x) is.call(call_of_fit(x)) && !is.data.frame(x)

# What bootstrap() needs instead of a model: list(data, statistic, cluster, stype, ran.gen).
model_bootstrap <- function(model, f, sim, cluster, call) {
  f <- check_model_statistic(model, f, call)
  check_model_scheme(model, sim, call)
  rows <- rows_of_fit(model, call)
  cluster <- cluster_of_rows(cluster, rows, call)
  again <- rows$again
  home <- rows$home
  if (sim %in% c("parametric", "residual")) return(response_bootstrap(model, f, sim, rows, call))
  if (is.null(cluster) && sim != "block") warn_groups_of_fit(model)
  if (sim %in% c("bayesian", "poisson")) {
    old <- again$weights
    # "." would have the weights among the regressors.
    if ("." %in% all.vars(again$formula)) {
      again$formula <- stats::formula(stats::terms(model))
      attributes(again$formula) <- NULL
    }
    # MASS::rlm() takes weights as those of variances unless it is told.
    if (inherits(model, "rlm") && !identical(again$wt.method, "case")) {
      if (!is.null(old)) stop_argument("sim", "\"ordinary\" or \"balanced\" for a model of rlm() whose weights are those of variances", sim, call)
      again$wt.method <- "case"
    }
    again$weights <- if (is.null(old)) quote(.rustle_weights) else call("*", old, quote(.rustle_weights))
    weighted <- function(data, w) {
      w <- w * length(w) / sum(w)
      data$.rustle_weights <- w
      # Some functions refuse weights of 0.
      f(eval(again, list(.rustle_data = data[w != 0, , drop = FALSE]), home))
    }
    return(list(data = rows$data, statistic = calls_user(weighted, f), cluster = cluster, stype = "w"))
  }
  resampled <- function(data, i) f(eval(again, list(.rustle_data = data[i, , drop = FALSE]), home))
  list(data = rows$data, statistic = calls_user(resampled, f), cluster = cluster, stype = "i")
}

# f, or the coefficients.
check_model_statistic <- function(model, f, call) {
  if (is.null(f)) {
    found <- tryCatch(model_coefficients(model), error = function(e) NULL)
    if (is.numeric(found) && length(found)) return(model_coefficients)
    stop_argument("statistic", "a function of the fitted model, for a model without coefficients", NULL, call)
  }
  if (!is.function(f)) stop_argument("statistic", "a function of a fitted model, or left out, where `data` is one", f, call)
  check_arguments_of(f, "model", "statistic", call)
  f
}

# Fixed effects of mixed models, which coef() has by group, or not at all as a vector.
model_coefficients <- function(model) {
  if (inherits(model, "merMod")) return(lme4::fixef(model))
  if (inherits(model, "lme")) return(getExportedValue("nlme", "fixef")(model))
  if (inherits(model, "glmmTMB")) return(unlist(unclass(getExportedValue("glmmTMB", "fixef")(model))))
  out <- stats::coef(model)
  # A row for each class, as of nnet::multinom(), or a column for each response; names as those of vcov().
  if (length(dim(out)) == 2L && is.numeric(out)) {
    if (!inherits(model, "mlm")) out <- t(out)
    out <- stats::setNames(as.vector(out), if (!is.null(dimnames(out))) outer(rownames(out), colnames(out), function(x, y) paste0(y, ":", x)))
  }
  # Of aliased terms.
  out[!is.na(out)]
}

check_model_scheme <- function(model, sim, call) {
  refuse <- function(must) stop_argument("sim", must, sim, call)
  mixed <- inherits(model, c("merMod", "lme", "gls"))
  if (sim %in% c("bayesian", "poisson") && mixed) {
    others <- if (inherits(model, "merMod")) ", \"parametric\" or \"residual\"" else ""
    refuse(sprintf("\"ordinary\" (with `cluster`)%s for a mixed model, whose weights are those of variances", others))
  }
  if (sim == "residual" && !inherits(model, "lmerMod")) refuse("another scheme for this model: \"residual\" is for boot_lm() and for lme4::lmer()")
  if (sim %in% c("wild", "antithetic", "permutation")) refuse("\"ordinary\", \"balanced\", \"block\", \"bayesian\", \"poisson\", \"parametric\" or \"residual\" for a fitted model")
}

# The rows that the model has used, and its call with these as data: list(data, again, home, all,
# kept), `kept` the numbers of the rows among `all`. Variables of the call that are not in its data, but
# have a value for each row of these, become columns: beside rows that are drawn, the others
# would stay as they are.
rows_of_fit <- function(model, call, argument = "data") {
  again <- call_of_fit(model)
  formula <- tryCatch(stats::formula(model), error = function(e) NULL)
  home <- environment(formula)
  if (is.null(home)) home <- parent.frame(4L)
  if (is.symbol(again$formula) && !is.null(formula)) again$formula <- formula
  data <- tryCatch(eval(again$data, home), error = function(e) NULL)
  if (is.null(again$data)) data <- rows_without_data(formula, home)
  if (!is.data.frame(data)) {
    must <- paste0(if (argument == "data") "data, or ", "a model with a `data` frame in its call that can be found again")
    stop_argument(argument, must, model, call)
  }
  own <- outside_columns(c(list(formula), as.list(again)[-1L]), data, home)
  if (length(own)) {
    # "." are the columns that there were.
    if ("." %in% all.vars(again$formula)) again$formula <- stats::formula(stats::terms(model))
    data[names(own)] <- own
  }
  lifted <- lift_expressions(again, data, home)
  again <- lifted$again
  data[names(lifted$columns)] <- lifted$columns
  frame <- tryCatch(stats::model.frame(model), error = function(e) NULL)
  kept <- seq_len(nrow(data))
  if (is.data.frame(frame) && nrow(frame) != nrow(data)) {
    kept <- match(rownames(frame), rownames(data))
    if (anyNA(kept)) {
      must <- paste0(if (argument == "data") "data, or ", "a model whose rows can be found in its data by their names")
      stop_argument(argument, must, model, call)
    }
  }
  rows <- data[kept, , drop = FALSE]
  if (is.data.frame(frame)) check_unchanged(rows, frame, argument, call)
  again$subset <- NULL
  again$data <- quote(.rustle_data)
  again[[1L]] <- qualified(again[[1L]], home)
  # A formula with an environment would look for the rows there.
  for (k in seq_along(again)) if (inherits(again[[k]], "formula")) attributes(again[[k]]) <- NULL
  list(data = rows, again = again, home = home, all = nrow(data), kept = kept)
}

# A frame without columns, of as many rows as the response of the formula has.
rows_without_data <- function(formula, home) {
  if (length(formula) != 3L) return(NULL)
  n <- tryCatch(NROW(eval(formula[[2L]], home)), error = function(e) 0L)
  if (n > 1L) data.frame(row.names = seq_len(n))
}

# Arguments of a fit that are not looked up in its data.
not_by_row <- c("data", "subset", "start", "control", "family")

# Does v have a value for each of n rows?
has_rows <- function(v, n) !is.null(v) && (is.atomic(v) || is.data.frame(v)) && NROW(v) == n

# Variables of `expressions` that `data` does not have, with a value for each of its rows.
outside_columns <- function(expressions, data, home) {
  expressions <- expressions[!names_of(expressions) %in% not_by_row]
  names <- setdiff(unlist(lapply(expressions, all.vars)), c(names(data), "."))
  values <- lapply(stats::setNames(nm = names), get0, envir = home)
  Filter(function(v) has_rows(v, nrow(data)), values)
}

# The call with a column in place of each expression of variables that `data` does not have, such as
# d$w[d$used], or of none, such as rep(1:2, 50), that has a value for each row: list(again, columns).
lift_expressions <- function(again, data, home) {
  columns <- list()
  n <- nrow(data)
  keep <- function(value, name) {
    columns[[name]] <<- value
    as.name(name)
  }
  lift <- function(expr) {
    if (!is.call(expr)) return(expr)
    free <- free_variables(expr)
    if (!any(free %in% c(names(data), ".")) && !identical(expr[[1L]], quote(`~`))) {
      value <- tryCatch(keep_random_seed(eval(expr, home)), error = function(e) NULL)
      if (has_rows(value, n)) return(keep(value, deparse1(expr)))
    }
    for (k in seq_along(expr)[-1L]) if (is.call(expr[[k]])) expr[[k]] <- lift(expr[[k]])
    expr
  }
  for (k in seq_along(again)[-1L]) {
    argument <- again[[k]]
    name <- names_of(again)[[k]]
    if (name %in% not_by_row) next
    if (is.call(argument)) {
      if (inherits(argument, "formula")) attributes(argument) <- NULL
      again[[k]] <- lift(argument)
    } else if (n > 1L && is.atomic(argument) && has_rows(argument, n)) {
      # Of do.call().
      again[[k]] <- keep(argument, paste0(".rustle_given_", name))
    }
  }
  list(again = again, columns = columns)
}

# Names behind `$` are none of variables.
free_variables <- function(expr) {
  if (is.symbol(expr)) return(setdiff(as.character(expr), ""))
  if (!is.call(expr)) return(character())
  parts <- as.list(expr)
  parts <- if (identical(expr[[1L]], quote(`$`)) || identical(expr[[1L]], quote(`@`))) parts[2L] else parts[-1L]
  unique(unlist(lapply(parts, free_variables)))
}

names_of <- function(x) if (is.null(names(x))) rep("", length(x)) else names(x)

# The data of a model may not be those that it was fitted to any more. Some models sort their rows.
check_unchanged <- function(rows, frame, argument, call) {
  for (name in intersect(names(frame), names(rows))) {
    then <- frame[[name]]
    now <- rows[[name]]
    if (NCOL(then) > 1L || NCOL(now) > 1L || is.list(now)) next
    plain <- function(v) sort(if (is.numeric(v)) as.double(v) else as.character(v))
    if (length(then) == length(now) && isTRUE(all.equal(plain(then), plain(now)))) next
    abort_rustle(
      sprintf("The data of the model have changed since it was fitted: `%s` has other values.", name),
      class = c("rustle_error_rows", "rustle_error_argument"), argument = argument, call = call
    )
  }
}

# The function that fits, by its package: this need not be attached here or on workers.
qualified <- function(head, home) {
  if (!is.symbol(head)) return(head)
  name <- as.character(head)
  f <- get0(name, home, mode = "function")
  packages <- if (is.null(f)) loadedNamespaces() else if (isNamespace(topenv(environment(f)))) getNamespaceName(topenv(environment(f)))
  found <- Filter(function(package) package != "base" && name %in% getNamespaceExports(package), packages)
  if (length(found)) call("::", as.name(found[[1L]]), head) else head
}

cluster_of_rows <- function(cluster, rows, call) {
  if (is.null(cluster)) return(NULL)
  if (inherits(cluster, "formula")) {
    if (length(cluster) != 2L) stop_argument("cluster", "a formula without a response, as ~ g", cluster, call)
    check_variables(cluster, names(rows$data), "cluster", call)
    columns <- as.list(stats::model.frame(cluster, rows$data, na.action = stats::na.pass))
    return(if (length(columns) == 1L) columns[[1L]] else columns)
  }
  pick <- function(g) if (length(g) == rows$all) g[rows$kept] else g
  if (is.list(cluster)) lapply(cluster, pick) else pick(cluster)
}

# The model fitted to another response.
refit_response <- function(model, rows) {
  if (inherits(model, "merMod")) return(function(y) lme4::refit(model, y))
  again <- rows$again
  home <- rows$home
  data <- rows$data
  formula <- if (is.call(again$formula)) again$formula else stats::formula(model)
  if ("." %in% all.vars(formula)) formula <- stats::formula(stats::terms(model))
  formula[[2L]] <- quote(.rustle_response)
  attributes(formula) <- NULL
  again$formula <- formula
  function(y) {
    data$.rustle_response <- y
    eval(again, list(.rustle_data = data), home)
  }
}

# simulate() has no method for nls().
normal_responses <- function(model) {
  fitted <- as.vector(stats::fitted(model))
  root <- if (is.null(model$weights)) 1 else sqrt(as.vector(model$weights))
  function() fitted + stats::sigma(model) / root * stats::rnorm(length(fitted))
}

response_bootstrap <- function(model, f, sim, rows, call) {
  curve <- inherits(model, "nls")
  y <- tryCatch(
    if (curve) eval(stats::formula(model)[[2L]], rows$data, rows$home) else stats::model.response(stats::model.frame(model)),
    error = function(e) NULL
  )
  draw <- if (sim == "residual") {
    reflated_effects(model)
  } else if (curve) {
    normal_responses(model)
  } else if (inherits(model, "survreg")) {
    survival_responses(model, call)
  } else {
    function() stats::simulate(model, 1L)[[1L]]
  }
  first <- suppressWarnings(tryCatch(keep_random_seed(draw()), error = function(e) NULL))
  if (is.null(first) || is.null(y) || all(is.na(first))) {
    why <- if (is.null(first) || is.null(y)) "simulate() has no method for it" else "simulate() draws NA from it"
    stop_argument("sim", sprintf("another scheme for a model of class '%s' (%s)", class(model)[[1L]], why), sim, call)
  }
  refit <- refit_response(model, rows)
  list(
    data = y, statistic = calls_user(function(y) f(refit(y)), f), cluster = NULL, stype = "i", sim = "parametric",
    ran.gen = function(data, mle) draw()
  )
}

# A function that draws a response: random effects and residuals with replacement, turned so
# that their covariance is the estimated one (Carpenter et al. 2003).
reflated_effects <- function(model) {
  Z <- lme4::getME(model, "Z")
  b <- lme4::getME(model, "b")
  ends <- lme4::getME(model, "Gp")
  covariances <- unclass(lme4::VarCorr(model))
  fixed <- as.vector(lme4::getME(model, "X") %*% lme4::fixef(model)) + lme4::getME(model, "offset")
  effects <- lapply(seq_along(covariances), function(k) {
    S <- matrix(covariances[[k]], nrow(covariances[[k]]))
    u <- matrix(b[(ends[[k]] + 1):ends[[k + 1L]]], ncol = nrow(S), byrow = TRUE)
    u <- u - rep(colMeans(u), each = nrow(u))
    turn(u, S)
  })
  e <- stats::residuals(model)
  e <- (e - mean(e)) * stats::sigma(model) / sqrt(mean((e - mean(e))^2))
  root <- sqrt(stats::weights(model))
  function() {
    drawn <- lapply(effects, function(u) as.vector(t(u[sample.int(nrow(u), replace = TRUE), , drop = FALSE])))
    fixed + as.vector(Z %*% unlist(drawn)) + sample(e, replace = TRUE) / root
  }
}

# Rows of `u` turned so that their mean of squares is S. Directions without variance stay 0.
turn <- function(u, S) {
  own <- eigen(crossprod(u) / nrow(u), symmetric = TRUE)
  root <- own$values > 1e-12 * max(own$values, 1e-300)
  inverse <- own$vectors[, root, drop = FALSE] %*% (t(own$vectors[, root, drop = FALSE]) / sqrt(own$values[root]))
  aim <- eigen(S, symmetric = TRUE)
  u %*% inverse %*% (aim$vectors %*% (t(aim$vectors) * sqrt(pmax(aim$values, 0))))
}

# The numbers of lme4::bootMer(model, f, R, seed = seed): responses are drawn here, all at once.
boot_as_boot_mer <- function(model, f, R, seed, on_error, keep_data, origin, call) {
  f <- check_model_statistic(model, f, origin)
  before <- get_random_seed()
  draw <- function() {
    if (!is.null(seed)) set.seed(seed)
    stats::simulate(model, nsim = R, use.u = FALSE, na.action = stats::na.exclude)
  }
  responses <- if (is.null(seed)) draw() else keep_random_seed(draw())
  t0 <- f(model)
  if (!is.numeric(t0) || !length(t0)) stop_argument("statistic", "a function that returns numbers", t0, origin)
  p <- length(t0)
  one <- calls_user(function(y) {
    tryCatch({
      value <- f(lme4::refit(model, y))
      if (!is.numeric(value) || length(value) != p) stop(sprintf("the statistic gave %d values, but %d on the data", length(value), p))
      as.double(value)
    }, error = function(e) conditionMessage(e))
  }, f)
  values <- future_lapply(as.list(responses), one, future.seed = NULL)
  failed <- which(vapply(values, is.character, NA))
  messages <- vapply(values[failed], `[[`, "", 1L)
  if (length(failed) && on_error != "na") stop_statistic(failed[[1L]], messages[[1L]], NULL, origin)
  values[failed] <- list(rep(NA_real_, p))
  names <- if (is.null(names(t0))) component_names(NULL, p, f) else names(t0)
  t0 <- stats::setNames(as.double(t0), names)
  new_rustle_boot(
    t0 = t0, t = matrix(unlist(values), R, p, byrow = TRUE), R = R, data = if (keep_data) stats::model.response(stats::model.frame(model)),
    seed = before, stream = c(0, 0), statistic = f, sim = "parametric", call = call, rng = "R",
    failures = data.frame(replicate = as.integer(failed), message = as.character(messages)), engine = "workers",
    threads = current_plan()$workers
  )
}
