# Comparisons of forecasts by their losses, by the bootstrap of their means.

#' Tests of predictive ability for several models
#'
#' Given the losses of several forecasts at each time, `spa_test()` asks whether any is better than
#' a benchmark (Hansen's test of superior predictive ability and White's reality check), `step_m()`
#' which are (Romano and Wolf), and `model_confidence_set()` which models cannot be told from the
#' best (Hansen, Lunde and Nason). All use the same block bootstrap of the mean losses, on threads.
#'
#' @param losses A numeric matrix or data frame: a row per time, a column per model. Of
#'   independent observations `l = 1`.
#' @param benchmark The column, by name or number, that the others are compared with.
#' @param R,seed,threads As for [bootstrap()]; with `R = enough()` replicates are added until the largest Monte
#'   Carlo error of a p-value is small enough, and [extend()] adds more.
#' @param l Length of the blocks; `NULL`: by [block_length()] of the differences of losses.
#' @param blocktype `"geom"` (stationary bootstrap), `"circular"` or `"fixed"`.
#' @param level The level of the test; of the confidence set 1 less its confidence.
#' @param statistic Of the confidence set: `"max"` compares each model with the mean of all,
#'   `"range"` all pairs.
#' @return `spa_test()`: an `"htest"` of class `rustle_spa` with `statistic` (the largest studentized gain over the
#'   benchmark, or 0), `p.value` (consistent), `p.values` (`lower`, `consistent`, `upper`, and
#'   `reality_check`, which is not studentized), `mcse` of these and `estimate` (mean gains).
#'   `step_m()`: a data frame with a row per other model and columns `model`, `gain`, `statistic`,
#'   `step` (the step in which it was found better, or `NA`), `p.value` (adjusted for all), `mcse`.
#'   `model_confidence_set()`: a data frame in the order in which models leave, the best
#'   last, with columns `model`, `loss` (mean), `p.value`, `mcse` and `in_set`. `mcse` are Monte Carlo standard errors of p-values.
#' @details With gains d (losses of the benchmark less those of a model), their mean and standard
#'   error \eqn{\omega / \sqrt n}{omega / sqrt(n)} (of the replicates), the null
#'   hypothesis is that no mean gain is above 0. Replicates are centred at the mean gain; for the
#'   consistent p-value, at it only where it is above \eqn{-\omega \sqrt{2 \log\log n / n}}; for the lower,
#'   where it is positive. P-values count replicates that are at least as large, one added to
#'   both counts. The p-value of a model in the confidence set is the largest in the
#'   sequence of tests so far.
#' @section Errors: `rustle_error_argument` for missing or infinite losses, fewer than two models,
#'   models whose losses never differ, or fewer replicates than `level` needs (1 / `level` - 1).
#' @references Hansen, P. R. (2005) A test for superior predictive ability. *Journal of Business &
#'   Economic Statistics* 23, 365-380. Hansen, P. R., Lunde, A. and Nason, J. M. (2011) The model
#'   confidence set. *Econometrica* 79, 453-497. Romano, J. P. and Wolf, M. (2005) Stepwise multiple
#'   testing as formalized data snooping. *Econometrica* 73, 1237-1282. White, H. (2000) A reality
#'   check for data snooping. *Econometrica* 68, 1097-1126.
#' @seealso [block_length()]; [cv()] and [validate_boot()] for the losses of learners.
#' @examples
#' set.seed(1)
#' errors <- matrix(rnorm(600), 200) + rep(c(1, 0.9, 0), each = 200)
#' losses <- data.frame(base = errors[, 1]^2, a = errors[, 2]^2, b = errors[, 3]^2)
#' spa_test(losses, "base", R = 499, seed = 1, threads = 1)
#' #>
#' #> 	Test of superior predictive ability
#' #>
#' #> data:  losses
#' #> T = 4.3603, l = 2, p-value = 0.002
#' #> alternative hypothesis: true largest mean gain is greater than 0
#' #> sample estimates:
#' #>          a          b
#' #> 0.03003176 0.79025004
#' #>
#' #> p-values of 499 replicates, and their Monte Carlo standard errors:
#' #>         lower consistent upper reality_check
#' #> p-value 0.002      0.002 0.002         0.002
#' #> mcse    0.002      0.002 0.002         0.002
#' step_m(losses, "base", R = 499, seed = 1, threads = 1)
#' #>   model       gain statistic step p.value       mcse
#' #> 1     a 0.03003176 0.1296878   NA   0.462 0.02231834
#' #> 2     b 0.79025004 4.3602770    1   0.002 0.00200000
#' model_confidence_set(losses, R = 499, seed = 1, threads = 1)
#' #>   model     loss p.value        mcse in_set
#' #> 1  base 1.931248    0.04 0.008772338  FALSE
#' #> 2     a 1.901216    0.04 0.008772338  FALSE
#' #> 3     b 1.140998    1.00 0.000000000   TRUE
#' @export
spa_test <- function(losses, benchmark = 1, R = 9999, l = NULL, blocktype = c("geom", "circular", "fixed"),
                     seed = NULL, threads = NULL) {
  origin <- sys.call()
  check_required("losses")
  gains <- gains_of(check_losses(losses, origin), benchmark, origin)
  name <- deparse1(substitute(losses))
  result_of_losses("spa", gains, R, l, blocktype, seed, threads, origin, list(name = name))
}

spa_of_means <- function(b, name) {
  n <- b$n
  R <- nrow(b$t)
  observed <- max(0, b$mean / b$se)
  zero <- -sqrt(2 * log(log(max(n, 3))))
  centres <- list(
    lower = pmax(b$mean, 0), consistent = ifelse(b$mean / b$se >= zero, b$mean, 0), upper = b$mean
  )
  p <- vapply(centres, function(centre) {
    largest <- row_maxima((b$t - rep(centre, each = R)) / rep(b$se, each = R))
    p_at_least(pmax(largest, 0), observed)
  }, 0)
  p[["reality_check"]] <- p_at_least(row_maxima(b$t - rep(b$mean, each = R)), max(b$mean))
  structure(
    list(
      statistic = c(T = observed), parameter = c(l = b$l), p.value = p[["consistent"]], p.values = p,
      mcse = error_of_share(p, R), estimate = b$mean, null.value = c("largest mean gain" = 0), alternative = "greater",
      method = "Test of superior predictive ability", data.name = name, R = R
    ),
    class = c("rustle_spa", "rustle_losses", "htest")
  )
}

#' @rdname spa_test
#' @param x A result.
#' @param digits Number of significant digits.
#' @param ... Ignored.
#' @export
print.rustle_spa <- function(x, digits = getOption("digits"), ...) {
  NextMethod()
  cat(sprintf("p-values of %.0f replicates, and their Monte Carlo standard errors:\n", x$R))
  print(rbind("p-value" = x$p.values, mcse = x$mcse), digits = max(3L, digits - 3L))
  invisible(x)
}

#' @rdname spa_test
#' @export
step_m <- function(losses, benchmark = 1, level = 0.05, R = 9999, l = NULL,
                   blocktype = c("geom", "circular", "fixed"), seed = NULL, threads = NULL) {
  origin <- sys.call()
  check_required("losses")
  level <- check_one_level(level, "level")
  check_level_of_losses(R, level, origin)
  gains <- gains_of(check_losses(losses, origin), benchmark, origin)
  result_of_losses("step_m", gains, R, l, blocktype, seed, threads, origin, list(level = level))
}

steps_of_means <- function(b, level) {
  R <- nrow(b$t)
  z <- (b$t - rep(b$mean, each = R)) / rep(b$se, each = R)
  statistic <- b$mean / b$se
  order <- order(-statistic)
  p <- double(length(order))
  # The largest of those that are left, from the most significant on.
  so_far <- 0
  for (j in seq_along(order)) {
    so_far <- max(so_far, p_at_least(row_maxima(z[, order[j:length(order)], drop = FALSE]), statistic[[order[[j]]]]))
    p[[order[[j]]]] <- so_far
  }
  step <- rep(NA_integer_, length(order))
  for (k in seq_along(order)) {
    left <- which(is.na(step))
    if (!length(left)) break
    largest <- row_maxima(z[, left, drop = FALSE])
    better <- left[vapply(left, function(j) p_at_least(largest, statistic[[j]]) <= level, NA)]
    if (!length(better)) break
    step[better] <- k
  }
  data.frame(model = names(b$mean), gain = b$mean, statistic = statistic, step = step, p.value = p, mcse = error_of_share(p, R), row.names = NULL)
}

#' @rdname spa_test
#' @export
model_confidence_set <- function(losses, level = 0.05, statistic = c("max", "range"), R = 9999, l = NULL,
                                 blocktype = c("geom", "circular", "fixed"), seed = NULL, threads = NULL) {
  origin <- sys.call()
  check_required("losses")
  level <- check_one_level(level, "level")
  statistic <- check_choice(if (identical(statistic, c("max", "range"))) "max" else statistic, c("max", "range"), "statistic")
  check_level_of_losses(R, level, origin)
  x <- check_losses(losses, origin)
  result_of_losses("confidence_set", x, R, l, blocktype, seed, threads, origin, list(level = level, statistic = statistic), TRUE)
}

confidence_set_of_means <- function(b, level, statistic) {
  R <- nrow(b$t)
  z <- b$t - rep(b$mean, each = R)
  left <- seq_along(b$mean)
  gone <- integer()
  p <- double()
  while (length(left) > 1L) {
    test <- if (statistic == "max") from_mean(z[, left], b$mean[left]) else from_pairs(z[, left], b$mean[left])
    p <- c(p, max(p, p_at_least(test$replicates, test$observed)))
    gone <- c(gone, left[[test$worst]])
    left <- left[-test$worst]
  }
  gone <- c(gone, left)
  p <- c(p, 1)
  data.frame(
    model = names(b$mean)[gone], loss = unname(b$mean[gone]), p.value = p, mcse = c(error_of_share(p[-length(p)], R), 0), in_set = p >= level
  )
}

# Each model against the mean of all: list(observed, replicates, worst).
from_mean <- function(z, means) {
  z <- z - rowMeans(z)
  se <- sqrt(colMeans(z^2))
  t <- ratio_of(means - mean(means), se)
  list(observed = max(t), replicates = row_maxima(z / rep(ifelse(se > 0, se, Inf), each = nrow(z))), worst = which.max(t))
}

# All pairs.
from_pairs <- function(z, means) {
  m <- length(means)
  pairs <- utils::combn(m, 2L)
  d <- z[, pairs[1L, ], drop = FALSE] - z[, pairs[2L, ], drop = FALSE]
  se <- sqrt(colMeans(d^2))
  t <- ratio_of(means[pairs[1L, ]] - means[pairs[2L, ]], se)
  # The worst has the largest statistic against any other.
  each <- vapply(seq_len(m), function(i) max(t[pairs[1L, ] == i], -t[pairs[2L, ] == i]), 0)
  list(
    observed = max(abs(t)), replicates = row_maxima(abs(d) / rep(ifelse(se > 0, se, Inf), each = nrow(d))),
    worst = which.max(each)
  )
}

# Models that never differ have no statistic.
ratio_of <- function(difference, se) ifelse(se > 0, difference / se, 0)

row_maxima <- function(x) do.call(pmax, lapply(seq_len(ncol(x)), function(k) x[, k]))

# A share of replicates; values that only rounding makes smaller count.
p_at_least <- function(replicates, observed) {
  (1 + sum(replicates >= observed - 1e-12 * abs(observed))) / (length(replicates) + 1)
}

check_losses <- function(losses, call) {
  x <- if (is.data.frame(losses)) as.matrix(losses) else losses
  if (!is.numeric(x) || length(dim(x)) != 2L || ncol(x) < 2L || nrow(x) < 3L) {
    stop_argument("losses", "a numeric matrix with a column for each of at least two models and at least three rows", losses, call)
  }
  if (!all(is.finite(range(x)))) {
    stop_argument("losses", "without missing or infinite values", losses, call, was = sprintf("with %d of them", sum(!is.finite(x))))
  }
  storage.mode(x) <- "double"
  if (is.null(colnames(x))) colnames(x) <- paste0("model", seq_len(ncol(x)))
  colnames(x) <- make.unique(colnames(x))
  x
}

gains_of <- function(x, benchmark, call) {
  at <- if (is.character(benchmark)) match(benchmark, colnames(x)) else benchmark
  good <- length(at) == 1L && is.numeric(at) && at %in% seq_len(ncol(x))
  if (!good) stop_argument("benchmark", "the name or number of a column of `losses`", benchmark, call)
  gains <- x[, at] - x[, -at, drop = FALSE]
  same <- colnames(gains)[apply(gains, 2L, function(d) diff(range(d)) == 0)]
  if (length(same)) {
    stop_argument("losses", "of models whose losses differ from those of the benchmark by no constant", x, call, was = enumerate_names(same))
  }
  gains
}

# With fewer replicates no p-value is as small as the level.
check_level_of_losses <- function(R, level, call) {
  if (inherits(R, "rustle_enough")) R <- R$start
  R <- check_count(R, "R", min = 2, call = call)
  needed <- ceiling(1 / level - 1 - 1e-9)
  if (R < needed) stop_argument("R", sprintf("at least %.0f for the level %s", needed, format(level)), R, call)
}

# The result of a test, with what extend() needs: attribute (of a list, field) `run`.
result_of_losses <- function(test, x, R, l, blocktype, seed, threads, call, options, losses_themselves = FALSE) {
  rules <- c("geom", "circular", "fixed")
  blocktype <- check_choice(if (identical(blocktype, rules)) rules[[1L]] else blocktype, rules, "blocktype", call)
  rule <- if (inherits(R, "rustle_enough")) R
  R <- if (is.null(rule)) check_count(R, "R", min = 2, call = call) else rule$start
  if (losses_themselves && all(apply(x - x[, 1L], 2L, function(d) diff(range(d)) == 0))) {
    stop_argument("losses", "of models that differ", x, call, was = "the same for all")
  }
  if (is.null(l)) {
    # What losses have in common does not matter.
    l <- if (nrow(x) < 10L) 1L else automatic_block(if (losses_themselves) x - rowMeans(x) else x, blocktype, call)
  }
  b <- with_call(call, bootstrap(
    x, "mean", R, sim = "block", l = l, blocktype = blocktype, seed = seed, threads = threads, influence = "none", progress = FALSE
  ))
  run <- list(test = test, options = options, l = l)
  if (is.null(rule)) return(losses_of_replicates(b, run))
  state <- go_on_until(
    list(R = R, b = b), rule, function(state) max(losses_of_replicates(state$b, run)$mcse),
    function(state, R) list(R = R, b = with_call(call, extend(state$b, R, threads))), "the Monte Carlo error of a p-value is %s"
  )
  losses_of_replicates(state$b, c(run, list(enough = state$enough)))
}

losses_of_replicates <- function(b, run) {
  R <- nrow(b$t)
  mean <- colMeans(b$data)
  means <- list(t = b$t, mean = mean, se = sqrt(colMeans((b$t - rep(mean, each = R))^2)), l = run$l, n = nrow(b$data))
  make <- switch(run$test, spa = spa_of_means, step_m = steps_of_means, confidence_set = confidence_set_of_means)
  out <- do.call(make, c(list(means), run$options))
  # The replicates of the larger number begin with these, so they need not be kept.
  b$t <- b$t[0L, , drop = FALSE]
  b$R <- 0L
  b[c("call", "threads")] <- list(NULL)
  run$R <- R
  enough <- run$enough
  run$enough <- NULL
  run$b <- b
  run$dim <- dim(out)
  if (is.data.frame(out)) {
    attr(out, "run") <- run
    attr(out, "enough") <- enough
    class(out) <- c("rustle_losses", class(out))
  } else {
    out$run <- run
    out$enough <- enough
  }
  out
}

# A test with more replicates.
more_losses <- function(x, R, threads, call) {
  run <- if (is.data.frame(x)) attr(x, "run") else x$run
  if (is.null(run) || is.data.frame(x) && !identical(dim(x), run$dim)) stop_argument("x", "a whole result", x, call, was = "a part of one")
  if (R < run$R) stop_argument("R", sprintf("at least the number of replicates that there are (%d)", run$R), R, call)
  losses_of_replicates(with_call(call, extend(run$b, R, threads)), run)
}
