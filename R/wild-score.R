# The score bootstrap (Kline and Santos 2012): scores of clusters under the null hypothesis
# are multiplied with the weights, and nothing is fitted again. Variances are of scores less
# their mean.

# A prepared test whose numerators are sums of `C * w * U` by cluster; see prepare_test().
score_of_test <- function(test) {
  q <- test$q
  each <- test$d + 1L
  pairs <- expand.grid(j = seq_len(each), i = seq_len(q))
  products <- test$C[, pairs$i, drop = FALSE] * (test$w * test$U)[, pairs$j, drop = FALSE]
  boot <- test$boot
  by <- function(groups) group_sums(products, rep(1, nrow(products)), groups$group, groups$count, test$threads)
  nu <- matrix(by(boot), boot$count)
  P <- lapply(test$parts, function(part) {
    both <- intersect_groups(list(part, boot))
    first <- match(seq_len(both$count), both$group)
    list(error = part$group[first], boot = boot$group[first], values = matrix(by(both), both$count))
  })
  B <- lapply(test$parts, function(part) lapply(seq_len(q), function(i) {
    B <- matrix(0, part$count, q)
    B[, i] <- 1 / part$count
    B
  }))
  S <- lapply(seq_len(each), function(j) nu[, pairs$j == j, drop = FALSE])
  test$sums <- list(S = S, nu = nu, B = B, P = P, pairs = pairs)
  # Of the data, by powers of delta: all weights are 1.
  test$powers <- lapply(seq_len(each), function(j) matrix(colSums(S[[j]]), 1L))
  moment <- function(j, l) {
    V <- 0
    for (part in test$parts) {
      s <- matrix(by(part), part$count)
      s <- s - rep(colMeans(s), each = nrow(s))
      V <- V + part$factor * crossprod(s[, pairs$j == j, drop = FALSE], s[, pairs$j == l, drop = FALSE])
    }
    V
  }
  test$V <- moment(1L, 1L)
  if (each == 1L) return(test)
  if (q == 1L) {
    test$polynomial <- c(test$V, 2 * moment(1L, 2L), moment(2L, 2L))
    test$V <- matrix(sum(test$polynomial * test$delta^(0:2)))
  }
  test
}

# The test of a logit or probit model.
score_test <- function(model, null, asked, name, call) {
  if (!is_plain_fit(model)) {
    stop_argument("model", "a formula, or a model with one response fitted by lm(), mt_lm() or glm()", model, call)
  }
  family <- model$family
  good <- family$family %in% c("binomial", "quasibinomial") && family$link %in% c("logit", "probit")
  if (!good) {
    stop_argument(
      "model", "a linear model of lm(), or a logit or probit model of glm()", model, call,
      was = sprintf("of family %s with link %s", family$family, family$link)
    )
  }
  if (asked$type != "11") stop_argument("type", "\"11\" for a glm", asked$type, call)
  if (!asked$impose) stop_argument("impose", "TRUE for a glm", FALSE, call)
  check_aliased(model, call)
  if (any(model$prior.weights <= 0)) check_model_weights(model$prior.weights, call)
  frame <- stats::model.frame(model)
  X <- stats::model.matrix(model)
  if (is.null(model$model)) {
    linear <- list(coefficients = stats::coef(model), offset = model$offset, fitted.values = model$linear.predictors)
    check_fitted(linear, X, call)
  }
  rows <- function(formula, argument) rows_of_model(model, frame, formula, argument, call)
  own <- list(names = colnames(X), X = X, n = nrow(X), k = ncol(X), rows = rows, effect = NULL, absorbed = 0L)
  null <- read_hypotheses(null, own$names, call)
  if (length(null$r) > 1L && asked$alternative != "two.sided") {
    stop_argument("alternative", "\"two.sided\" for joint hypotheses", asked$alternative, call)
  }
  check_separation(model$fitted.values, "model", call)
  if (asked$adjust == "each") asked$adjust <- "clusters"
  groups <- read_clusters(own, asked, call)
  if (asked$adjust == "min") groups$parts <- variance_parts(groups$clusters, list(n = 2, k = 1), "min", FALSE)
  warn_few_treated(own, null, groups)
  test <- restricted_scores(model, X, null, call)
  test <- c(test, list(
    parts = groups$parts, boot = groups$boot, model = own, threads = asked$threads, singular = 0L, d = 0L, q = length(null$r), w = 1, generalized = TRUE
  ))
  test$estimate <- as.vector(null$R %*% stats::coef(model))
  test <- score_of_test(test)
  test$delta <- as.vector(test$powers[[1L]])
  check_variance(test$V, test, call)
  level <- asked$conf
  asked["conf"] <- list(NULL)
  out <- finish_test(test, null, groups, asked, name, call)
  out$method <- sub("^Wild", "Score", out$method)
  out$std.error <- NULL
  if (length(null$r) > 1L) return(out)
  out$scale <- sqrt(drop(null$R %*% stats::vcov(model) %*% t(null$R)))
  complete <- function(out) {
    out$recount <- score_counter(model, X, null, test, out, asked)
    # Each trial value is a fit: an interval is made when it is asked for.
    if (asked$conf_given && !is.null(level)) out <- with_interval(out, level)
    plain <- out[setdiff(names(out), c("recount", "rerun", "conf", "conf.set", "conf.int", "conf.mcse"))]
    class(plain) <- class(out)
    out$rerun <- function(R) complete(draw_test(plain, R))
    out
  }
  complete(out)
}

# Counts of replicates beyond the statistic of the data for another null value: the model is
# fitted anew under it, and the weights of the replicates are the same.
score_counter <- function(model, X, null, test, out, asked) {
  words <- out$words
  function(r) {
    if (r == null$r) return(counts_at(out[names(out) != "recount"], matrix(r, 1L)))
    null$r <- r
    scores <- tryCatch(restricted_scores(model, X, null, out$call), rustle_error_separation = function(e) NULL)
    # Where the null value leads to probabilities of 0 or 1 that the data contradict.
    rejected <- list(below = 0, above = 0, beyond = 0, valid = out$R)
    if (is.null(scores)) return(rejected)
    test[c("C", "U")] <- scores
    test <- score_of_test(test)
    test$delta <- as.vector(test$powers[[1L]])
    if (!is.finite(test$V[[1L]]) || test$V[[1L]] <= 0) return(rejected)
    made <- spec_of_test(test, asked$weights, words)
    draws <- run_wild(made$spec, out$R, asked$threads, out$call)
    statistic <- sum(test$powers[[1L]]) / sqrt(test$V[[1L]])
    unpack(rs_wild_count(draws, nrow(draws), made$floor, 0, statistic, asked$threads))
  }
}

# C and U at the fit under the null hypothesis: with b = b0 + T g, where R T = 0.
restricted_scores <- function(model, X, null, call) {
  y <- model$y
  if (is.null(y)) y <- stats::model.response(stats::model.frame(model))
  offset <- if (is.null(model$offset)) double(nrow(X)) else model$offset
  full <- qr(t(null$R))
  b0 <- as.vector(t(null$R) %*% solve(tcrossprod(null$R), null$r))
  T <- qr.Q(full, complete = TRUE)[, -seq_len(nrow(null$R)), drop = FALSE]
  family <- model$family
  w <- model$prior.weights
  eta <- offset + as.vector(X %*% b0)
  if (ncol(T)) {
    fit <- suppressWarnings(stats::glm.fit(
      X %*% T, y, weights = w, offset = eta, family = family, intercept = FALSE,
      control = list(epsilon = 1e-12, maxit = 100L)
    ))
    if (!fit$converged) {
      abort_rustle(
        "The model under the null hypothesis does not converge.",
        class = c("rustle_error_separation", "rustle_error_argument"), argument = "null", call = call
      )
    }
    eta <- fit$linear.predictors
  }
  mu <- family$linkinv(eta)
  check_separation(mu, "null", call)
  slope <- family$mu.eta(eta)
  variance <- family$variance(mu)
  information <- crossprod(X, w * slope^2 / variance * X)
  list(C = X %*% solve(information, t(null$R)), U = cbind(w * (y - mu) * slope / variance))
}

check_separation <- function(mu, argument, call) {
  if (all(mu > 1e-8 & mu < 1 - 1e-8)) return(invisible())
  abort_rustle(
    sprintf(
      "`%s` must not lead to fitted probabilities of 0 or 1 (there are %d): the regressors separate the response.",
      argument, sum(mu <= 1e-8 | mu >= 1 - 1e-8)
    ),
    class = c("rustle_error_separation", "rustle_error_argument"), argument = argument, call = call
  )
}
