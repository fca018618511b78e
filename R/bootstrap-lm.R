#' Bootstrap of fitted models
#'
#' `boot_lm()` gives replicates of the coefficients of a fitted linear or generalized
#' linear model, `vcov_boot()` their covariance, for `lmtest::coeftest()` and others.
#'
#' @param model A model fitted by [stats::lm()] or [stats::glm()], with its weights and offset;
#'   families and links are those of [stat_glm()]. `vcov_boot()` also takes fitted models of other
#'   classes, also of those that inherit from these, such as `MASS::rlm()` and `mgcv::gam()`, see
#'   [bootstrap-models], with `"case"` and `"fractional"`.
#' @param R,cluster,seed,threads,on_error As for [bootstrap()].
#' @param method,type `"case"` (rows with replacement; also `"xy"`), `"residual"` (centred
#'   residuals with replacement), `"wild"` (residuals times a multiplier; one per cluster, if
#'   there are clusters), or `"fractional"` (exponential weights, one per cluster). Residual and wild are of
#'   linear models only. The wild bootstrap keeps the fitted values: no null hypothesis is
#'   imposed.
#' @param wild Law of the multipliers.
#' @param f A function of a model that has been fitted to a resample: then models are fitted
#'   by [stats::update()] on the workers of the plan (`"case"` only). `NULL`: the
#'   coefficients, natively.
#' @param effects Fixed effects that are projected out of a model without them, in each
#'   replicate, see [stat_lm()]: a formula such as `~ firm + year`, or a vector or data frame of the
#'   rows used. Replicates are of the coefficients of the regressors, without the intercept.
#' @param ... Further arguments of [bootstrap()].
#' @return `boot_lm()`: an object of class `rustle_boot`, as from [bootstrap()].
#'   `vcov_boot()`: a p x p matrix, the covariance of the replicates; it takes `R = enough()`, and more
#'   replicates are had by `vcov(extend(boot_lm(...), R))`.
#' @section Several clusterings: `boot_lm()` with two draws whole clusters of both
#'   (`"case"`, see [bootstrap()]), whose variances are rather too large. `vcov_boot()` adds the covariances of
#'   each clustering and subtracts those of their intersections (Cameron, Gelbach and Miller 2011), as
#'   `sandwich::vcovBS()` does. The result need not be positive definite; where a variance is not positive there is a
#'   warning of class `rustle_warning_degenerate`.
#' @section Warnings: `rustle_warning_few_clusters` for `"wild"` with clusters, when a regressor varies between
#'   clusters only and one or two of them have another value than the rest. `rustle_warning_clusters` when
#'   each cluster is one observation.
#' @references Cameron, A. C., Gelbach, J. B. and Miller, D. L. (2011) Robust inference with
#'   multiway clustering. *Journal of Business & Economic Statistics* 29, 238-249. Wu, C. F. J. (1986) Jackknife, bootstrap and other resampling methods in
#'   regression analysis. *Annals of Statistics* 14, 1261-1295. Liu, R. Y. (1988) Bootstrap
#'   procedures under some non-i.i.d. models. *Annals of Statistics* 16, 1696-1708. Cameron,
#'   A. C., Gelbach, J. B. and Miller, D. L. (2008) Bootstrap-based improvements for
#'   inference with clustered errors. *Review of Economics and Statistics* 90, 414-427.
#' @seealso [boot_ci()] for intervals of the result; [wild_test()] where clusters are few;
#'   [mt_lm()].
#' @examples
#' fit <- lm(dist ~ speed, cars)
#' sqrt(diag(vcov_boot(fit, R = 500, seed = 1)))
#' #> (Intercept)       speed
#' #>   5.5050552   0.3919249
#' b <- boot_lm(fit, R = 500, method = "wild", seed = 1)
#' @export
boot_lm <- function(model, R = 999, method = c("case", "residual", "wild", "fractional"), cluster = NULL,
                    f = NULL, wild = c("rademacher", "mammen", "webb", "norm"), seed = NULL,
                    threads = NULL, on_error = c("stop", "na", "redraw"), effects = NULL, ...) {
  origin <- sys.call()
  check_required("model")
  check_dots(..., .takes = passed_by_boot_lm)
  methods <- c("case", "residual", "wild", "fractional")
  method <- check_choice(if (identical(method, methods)) "case" else method, methods, "method", origin)
  frame <- model_data(model, origin)
  generalized <- inherits(model, "glm")
  if (generalized && method %in% c("residual", "wild")) {
    stop_argument("method", "\"case\" or \"fractional\" for a glm", method, origin)
  }
  cluster <- model_cluster(cluster, model, frame, origin)
  effects <- model_effects(effects, model, frame, is.null(f), origin)
  sim <- c(case = "ordinary", residual = "residual", wild = "wild", fractional = "bayesian")[[method]]
  if (!is.null(cluster) && method == "residual") {
    stop_argument("method", "\"case\", \"wild\" or \"fractional\" with clusters", method, origin)
  }
  if (!is.null(f)) {
    if (!is.function(f) || method != "case") stop_argument("f", "NULL, or a function with method = \"case\"", f, origin)
    check_arguments_of(f, "model", "f", origin)
    rows <- rows_of_fit(model, origin, "model")
    again <- rows$again
    home <- rows$home
    refit <- calls_user(function(data, i) f(eval(again, list(.rustle_data = data[i, , drop = FALSE]), home)), f)
    out <- with_call(origin, bootstrap(rows$data, refit, R, cluster = cluster, seed = seed, on_error = on_error, ...))
    out$call <- match.call()
    return(out)
  }
  if (method == "wild" && !is.null(cluster)) warn_few_treated_in_fit(model, cluster)
  statistic <- model_statistic(model, frame, generalized, effects)
  out <- with_call(origin, bootstrap(
    frame, statistic, R, sim = sim, cluster = cluster, wild = wild, seed = seed, threads = threads,
    on_error = on_error, ...
  ))
  out$call <- match.call()
  out
}

#' @rdname boot_lm
#' @export
vcov_boot <- function(model, type = c("case", "xy", "residual", "wild", "fractional"), R = 999, seed = NULL,
                      cluster = NULL, wild = c("rademacher", "mammen", "webb", "norm"), threads = NULL,
                      on_error = c("stop", "na", "redraw"), effects = NULL, ...) {
  check_required("model")
  check_dots(..., .takes = setdiff(passed_by_boot_lm, c("influence", "progress", "keep_data", "exact")))
  types <- c("case", "xy", "residual", "wild", "fractional")
  type <- check_choice(if (identical(type, types)) "case" else type, types, "type")
  if (type == "xy") type <- "case"
  if (!inherits(R, "rustle_enough")) R <- check_count(R, "R", min = 2)
  if (is_fitted_model(model) && !has_native_fit(model)) {
    if (!type %in% c("case", "fractional")) stop_argument("type", "\"case\" or \"fractional\" for a model that is not of lm() or glm()", type, sys.call())
    if (!is.null(effects)) stop_argument("effects", "NULL for a model that is not of lm() or glm()", effects, sys.call())
    several <- cluster_of_rows(cluster, rows_of_fit(model, sys.call()), sys.call())
    if (is.list(several) && length(several) > 1L) {
      return(combined_vcov(check_clusterings(several, sys.call()), function(g) {
        with_call(sys.call(), vcov_boot(model, type, R, seed, g, wild, threads, on_error, ...))
      }))
    }
    b <- with_call(sys.call(), bootstrap(
      model, model_coefficients, R, sim = if (type == "case") "ordinary" else "bayesian", cluster = cluster, seed = seed,
      on_error = on_error, influence = "none", progress = FALSE, keep_data = FALSE, ...
    ))
    return(stats::var(b$t[stats::complete.cases(b$t), , drop = FALSE]))
  }
  if (inherits(model, "glm") && type %in% c("residual", "wild")) {
    stop_argument("type", "\"case\" or \"fractional\" for a glm", type, sys.call())
  }
  if (!is.null(cluster) && type == "residual") {
    stop_argument("type", "\"case\", \"wild\" or \"fractional\" with clusters", type, sys.call())
  }
  several <- clusterings(cluster, model, sys.call())
  if (length(several) > 1L) {
    return(combined_vcov(several, function(g) {
      with_call(sys.call(), vcov_boot(model, type, R, seed, g, wild, threads, on_error, effects, ...))
    }))
  }
  b <- with_call(sys.call(), boot_lm(
    model, R, type, cluster, wild = wild, seed = seed, threads = threads, on_error = on_error, effects = effects,
    influence = "none", progress = FALSE, keep_data = FALSE, ...
  ))
  stats::var(b$t[stats::complete.cases(b$t), , drop = FALSE])
}

# Residuals of the one cluster that has another value of a regressor sum to 0, so that its coefficient hardly varies.
warn_few_treated_in_fit <- function(model, cluster) {
  if (is.list(cluster) || length(cluster) != length(model$residuals) || anyNA(cluster)) return(invisible())
  group <- match(cluster, unique(cluster))
  clusters <- list(group = group, count = max(group))
  X <- stats::model.matrix(model)
  others <- apply(X, 2L, few_treated, clusters)
  if (!any(others > 0L)) return(invisible())
  first <- which(others > 0L)[[1L]]
  warn_rustle(
    sprintf(
      "`%s` differs from its other values in %d of %d clusters only: the standard errors of wild replicates are much too small for it.",
      colnames(X)[[first]], others[[first]], clusters$count
    ),
    "rustle_warning_few_clusters"
  )
}

# Classes of models whose coefficients are those of lm() and glm(). Others inherit from them with another
# estimate: MASS::rlm(), mgcv::gam(), geepack::geeglm().
classes_of_fit <- c("lm", "glm", "aov", "dynlm", "tslm")

is_plain_fit <- function(model) inherits(model, "lm") && all(class(model) %in% classes_of_fit)

# A model of lm(), or one of glm() with a family that stat_glm() has: not of MASS::glm.nb() and such.
has_native_fit <- function(model) {
  if (!is_plain_fit(model)) return(FALSE)
  if (!inherits(model, "glm")) return(TRUE)
  !inherits(tryCatch(check_family(model$family, NULL), error = identity), "error")
}

# Clusterings of the rows of a model, a list of vectors.
clusterings <- function(cluster, model, call) {
  if (is.null(cluster) || !inherits(model, "lm")) return(list())
  cluster <- model_cluster(cluster, model, stats::model.frame(model), call)
  if (is.list(cluster)) unname(as.list(cluster)) else list(cluster)
}

# Clusterings that are to be combined: without NA, one label for each row.
check_clusterings <- function(clusters, call) {
  for (g in clusters) {
    if (anyNA(g)) stop_argument("cluster", "without NA", g, call)
    if (length(g) != length(clusters[[1L]])) stop_argument("cluster", "vectors of one length", g, call)
  }
  clusters
}

# The covariance for errors that are clustered in several ways: those of each, less those of
# the intersections of two, and so on (Cameron, Gelbach and Miller 2011). The same seed gives
# nothing away, because each has other clusters.
combined_vcov <- function(clusters, vcov_of) {
  out <- 0
  for (k in seq_along(clusters)) {
    for (these in utils::combn(length(clusters), k, simplify = FALSE)) {
      g <- interaction(lapply(clusters[these], factor), drop = TRUE, lex.order = TRUE)
      # Intersections may be single observations.
      out <- out + (-1)^(k + 1L) * suppressWarnings(vcov_of(as.integer(g)), classes = "rustle_warning_clusters")
    }
  }
  negative <- which(diag(out) <= 0)
  if (length(negative)) {
    warn_rustle(
      sprintf("The combined variance of %s is not positive with these clusterings.", paste(rownames(out)[negative], collapse = ", ")),
      "rustle_warning_degenerate"
    )
  }
  out
}

# Arguments of bootstrap() that may be given to boot_lm().
passed_by_boot_lm <- c(
  "wtype", "workers", "influence", "rng", "progress", "keep_data", "relabel", "strata", "weights", "m", "na.rm", "exact",
  "parallel", "ncpus", "cl", "simple"
)

# Design, response and offset of a model, as columns that a statistic can take.
model_data <- function(model, call) {
  if (!is_plain_fit(model)) {
    stop_argument("model", "a model fitted by lm() or glm() (bootstrap(model) takes others)", model, call)
  }
  if (inherits(model, "glm")) {
    tryCatch(check_family(model$family, call), error = function(e) {
      stop_argument("model", "of a family and link that stat_glm() has", model, call, was = sprintf("%s(%s)", model$family$family, model$family$link))
    })
  }
  aliased <- names(which(is.na(stats::coef(model))))
  if (length(aliased)) {
    abort_rustle(
      sprintf("`model` must have no aliased coefficients (it has: %s).", paste(aliased, collapse = ", ")),
      class = "rustle_error_argument", argument = "model", aliased = aliased, call = call
    )
  }
  stats::model.frame(model)
}

# The same statistic as stat_lm() and stat_glm(), on the design that the model has.
model_statistic <- function(model, frame, generalized, effects = NULL) {
  compile <- function(use) {
    if (generalized) compile_glm(frame, model$family, stats::coef(model), effects, TRUE) else compile_lm(frame, effects)
  }
  # Contrasts are those of the fit.
  attr(frame, "contrasts") <- model$contrasts
  out <- new_statistic(if (generalized) "glm" else "lm", formula = stats::formula(model), effects = if (!is.null(effects)) names_of_effects(effects), compile = compile)
  out$family <- model$family
  out$frame <- frame
  out$effects <- effects
  out
}

names_of_effects <- function(effects) {
  names <- vapply(effects, `[[`, "", "name")
  if (all(nzchar(names))) names else length(effects)
}

# Groupings of the rows of a model that are projected out, or NULL.
model_effects <- function(effects, model, frame, can, call) {
  if (is.null(effects)) return(NULL)
  if (!can) stop_argument("effects", "NULL with `f`", effects, call)
  rows <- function(formula, argument) rows_of_model(model, frame, formula, argument, call)
  group_columns(effects, list(n = nrow(frame), rows = rows), "effects", call)
}

model_cluster <- function(cluster, model, frame, call) {
  if (is.null(cluster)) return(NULL)
  if (inherits(cluster, "formula")) {
    cluster <- rows_of_model(model, frame, cluster, "cluster", call)
    return(if (length(cluster) == 1L) cluster[[1L]] else cluster)
  }
  # Rows that the model dropped.
  omitted <- model$na.action
  if (is.null(omitted)) return(cluster)
  drop <- function(g) if (length(g) == nrow(frame) + length(omitted)) g[-omitted] else g
  if (is.list(cluster)) lapply(cluster, drop) else drop(cluster)
}
