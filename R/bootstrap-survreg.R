# Parametric replicates of survival::survreg(): times from the fitted distribution, observed up to
# limits as the data were. The limit of an observation that was censored is known; that of another is drawn
# from the product-limit estimate of the distribution of the limits, given that it lies beyond the time
# that was observed (conditional bootstrap: Davison and Hinkley 1997, section 3.5).

# A function that draws a response.
survival_responses <- function(model, call) {
  refuse <- function(must, was) stop_argument("sim", must, "parametric", call, was = was)
  y <- stats::model.response(stats::model.frame(model))
  type <- attr(y, "type")
  if (!type %in% c("right", "left")) {
    refuse("another scheme where times are known by intervals: when they would have been looked at is not", sprintf("\"parametric\" with %s censoring", type))
  }
  if (any(stats::weights(model) != 1)) refuse("another scheme for a fit with weights, which may be numbers of cases", "\"parametric\"")
  if (inherits(model, "survreg.penal")) refuse("another scheme for a model with penalized terms", "\"parametric\"")
  sign <- if (type == "left") -1 else 1
  seen <- y[, 2L] == 1
  limit <- limits_given(sign * y[, 1L], seen)
  draw <- times_of_survreg(model)
  function() {
    time <- sign * draw()
    up_to <- limit()
    survival::Surv(sign * pmin(time, up_to), as.numeric(time <= up_to), type = type)
  }
}

# A function that draws times from the distribution that was fitted.
times_of_survreg <- function(model) {
  own <- model$dist
  known <- survival::survreg.distributions
  if (is.character(own)) own <- known[[own]]
  base <- if (is.null(own$dist)) own else if (is.atomic(own$dist)) known[[own$dist]] else own$dist
  center <- as.vector(model$linear.predictors)
  scale <- as.vector(model$scale)
  if (length(scale) > 1L) scale <- scale[strata_of_survreg(model)]
  function() {
    time <- center + scale * base$quantile(stats::runif(length(center)), model$parms)
    if (is.null(own$itrans)) time else own$itrans(time)
  }
}

# Each stratum has a scale.
strata_of_survreg <- function(model) {
  frame <- stats::model.frame(model)
  terms <- survival::untangle.specials(stats::terms(model), "strata", 1)$vars
  as.integer(if (length(terms) == 1L) frame[[terms]] else survival::strata(frame[, terms], shortlabel = TRUE))
}

# A function that draws limits of observation, given `time`, up to which was observed, and whether an
# event was `seen` then. An event comes before a limit at the same time. Beyond the last limit that
# is known there is none.
limits_given <- function(time, seen) {
  limits <- sort(unique(time[!seen]))
  ends <- vapply(limits, function(at) sum(time[!seen] == at), 0)
  at_risk <- vapply(limits, function(at) sum(time[!seen] >= at) + sum(time[seen] > at), 0)
  beyond <- cumprod(1 - ends / at_risk)
  # The share of limits that are not before an event.
  start <- c(1, beyond)[findInterval(time[seen], limits, left.open = TRUE) + 1L]
  function() {
    out <- time
    u <- stats::runif(length(start)) * start
    out[seen] <- c(limits, Inf)[findInterval(-u, -beyond) + 1L]
    out
  }
}
