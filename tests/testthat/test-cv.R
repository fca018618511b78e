# Oracles: boot::cv.glm(), refits by hand, and the figures that boot's manual prints.

test_that("leave-one-out of glm() is that of cv.glm(), adjusted too", {
  mammals <- MASS::mammals
  fit <- glm(log(brain) ~ log(body), data = mammals)
  ours <- cv(fit, K = "loo", adjust = TRUE)
  expect_equal(c(ours$estimate, ours$adjusted), boot::cv.glm(mammals, fit)$delta, tolerance = 1e-12)
  # Printed by boot's manual.
  expect_equal(c(ours$estimate, ours$adjusted), c(0.4918650, 0.4916571), tolerance = 1e-6)
  linear <- lm(log(brain) ~ log(body), data = mammals)
  expect_equal(cv(linear, K = "loo")$estimate, ours$estimate, tolerance = 1e-12)
})

test_that("K folds are those of cv.glm() when its folds are given", {
  mammals <- MASS::mammals
  fit <- glm(log(brain) ~ log(body), data = mammals)
  n <- nrow(mammals)
  set.seed(1)
  delta <- boot::cv.glm(mammals, fit, K = 6)$delta
  set.seed(1)
  as_boot <- sample(rep(1:6, ceiling(n / 6)), n)
  ours <- cv(fit, folds = as_boot, adjust = TRUE)
  expect_equal(c(ours$estimate, ours$adjusted), delta, tolerance = 1e-12)
})

test_that("leave-one-out misclassification of the nodal data is that of boot's manual", {
  nodal <- boot::nodal
  fit <- glm(r ~ stage + xray + acid, binomial, data = nodal)
  cost <- function(r, pi) mean(abs(r - pi) > 0.5)
  ours <- cv(fit, K = "loo", loss = cost, adjust = TRUE)
  expect_equal(c(ours$estimate, ours$adjusted), boot::cv.glm(nodal, fit, cost)$delta, tolerance = 1e-12)
  expect_equal(ours$estimate, 0.1886792, tolerance = 1e-6)
})

test_that("the examples of cv.glm() in sequence give the figures of boot's manual", {
  mammals <- MASS::mammals
  nodal <- boot::nodal
  linear <- glm(log(brain) ~ log(body), data = mammals)
  logistic <- glm(r ~ stage + xray + acid, binomial, data = nodal)
  cost <- function(r, pi) mean(abs(r - pi) > 0.5)
  # cv.glm() deals its folds like this, also to leave one out.
  deal_as_boot <- function(n, K) sample(rep(seq_len(K), ceiling(n / K)), n)
  set.seed(1)
  deal_as_boot(62, 62)
  six <- cv(linear, folds = deal_as_boot(62, 6), adjust = TRUE, seed = 1)
  deal_as_boot(53, 53)
  eleven <- cv(logistic, folds = deal_as_boot(53, 11), loss = cost, adjust = TRUE, seed = 1)
  expect_equal(c(six$estimate, six$adjusted), c(0.4911574, 0.4887828), tolerance = 1e-6)
  expect_equal(c(eleven$estimate, eleven$adjusted), c(0.2075472, 0.2057672), tolerance = 1e-6)
})

test_that("the closed form of lm() equals refits, weighted and with an offset, for any folds", {
  cars2 <- mtcars
  cars2$w <- rep(c(1, 2, 0.5, 3), 8)
  models <- list(
    lm(mpg ~ wt + hp + factor(cyl), cars2), lm(mpg ~ wt + hp, cars2, weights = w),
    lm(mpg ~ wt + offset(hp / 100), cars2), lm(mpg ~ 0 + wt + qsec, cars2),
    # An aliased column.
    lm(mpg ~ wt + I(2 * wt) + hp, cars2)
  )
  for (model in models) {
    for (f in list(folds(32, "loo"), folds(32, 5, reps = 2, seed = 3))) {
      closed <- cv(model, folds = f)
      refit <- suppressWarnings(cv(model, folds = f, exact = FALSE, seed = 1))
      expect_equal(closed$estimate, refit$estimate, tolerance = 1e-10)
      expect_equal(closed$predictions$predicted, unname(refit$predictions$predicted), tolerance = 1e-9)
    }
  }
})

test_that("ridge equals penalized fits without each fold", {
  X <- scale(as.matrix(mtcars[, c("wt", "hp", "qsec")]))
  y <- mtcars$mpg
  model <- lm(y ~ X)
  lambda <- c(0, 0.5, 10)
  for (K in list("loo", 4)) {
    f <- folds(32, K, seed = 2)
    ours <- cv(model, folds = f, lambda = lambda)
    by_hand <- vapply(lambda, function(l) {
      e <- numeric(32)
      for (k in unique(f[, 1L])) {
        out <- f[, 1L] == k
        design <- cbind(1, X)
        beta <- solve(crossprod(design[!out, ]) + diag(c(0, l, l, l)), crossprod(design[!out, ], y[!out]))
        e[out] <- y[out] - design[out, , drop = FALSE] %*% beta
      }
      mean(e^2)
    }, 0)
    expect_equal(unname(ours$estimate), by_hand, tolerance = 1e-10)
  }
})

test_that("folds without which the model has no unique fit are NA with a warning", {
  d <- data.frame(y = c(1, 2, 3, 4, 5), g = factor(c("a", "a", "b", "b", "c")))
  expect_warning(out <- cv(lm(y ~ g, d), K = "loo"), class = "rustle_warning_fold")
  expect_identical(is.na(out$predictions$predicted), c(FALSE, FALSE, FALSE, FALSE, TRUE))
})

test_that("any learner: the same numbers for every plan, with random numbers and extra arguments", {
  skip_without_fork()
  noisy <- function(x, y, scale) mean(y) + scale * rnorm(1)
  guess <- function(model, x) rep(model, nrow(x))
  X <- as.matrix(mtcars[, 2:4])
  run <- function() cv(X, noisy, guess, response = mtcars$mpg, K = 4, reps = 2, seed = 5, scale = 0.1)
  oracle <- under_plan(list("sequential"), run())
  state <- globalenv()[[".Random.seed"]]
  for (plan in few_plans()) {
    expect_equal(under_plan(plan, run()), oracle)
    expect_identical(globalenv()[[".Random.seed"]], state)
  }
  set.seed(9)
  a <- under_plan(list("multicore", workers = 2), cv(X, noisy, guess, response = mtcars$mpg, K = 4, scale = 0.1))
  set.seed(9)
  expect_equal(under_plan(list("sequential"), cv(X, noisy, guess, response = mtcars$mpg, K = 4, scale = 0.1)), a)
})

test_that("on workers that share no memory the result is the same", {
  shift <- 2
  fit <- function(train, scale) coef(stats::lm(y ~ id, train)) * scale + shift + stats::rnorm(1)
  guess <- function(model, new) model[[1L]] + model[[2L]] * new$id
  d <- data.frame(id = 1:12, y = sqrt(1:12))
  run <- function() cv(d, fit, guess, "y", K = 3, seed = 1, scale = 1.5)
  oracle <- under_plan(list("sequential"), run())
  old <- rustle::plan(future::multisession, workers = 2)
  withr::defer(rustle::plan(old))
  expect_equal(run(), oracle)
})

test_that("what the learner sees is the rest, and its predictions go where they belong", {
  fit <- function(train) train$id
  predict <- function(model, newdata) { stopifnot(!any(newdata$id %in% model)); newdata$id * 10 + length(model) }
  d <- data.frame(id = 1:11, y = 0)
  out <- cv(d, fit, predict, response = "y", K = 3, seed = 1)
  sizes <- tabulate(out$folds[, 1L])
  expect_identical(out$predictions$observation, 1:11)
  expect_equal(out$predictions$predicted, 1:11 * 10 + 11 - sizes[out$folds[, 1L]])
  expect_equal(out$estimate, mean(out$predictions$predicted^2))
  expect_identical(as.data.frame(out), out$predictions)
})

test_that("factors, probabilities and losses of the user", {
  skip_if_not_installed("randomForest")
  forest <- function(x, y) randomForest::randomForest(x, y, ntree = 20)
  out <- cv(iris[, 1:4], forest, response = iris$Species, K = 5, strata = iris$Species, seed = 1)
  expect_s3_class(out$predictions$predicted, "factor")
  expect_identical(out$loss, "misclassification")
  expect_lt(out$estimate, 0.15)
  expect_equal(out$estimate, mean(out$predictions$observed != out$predictions$predicted))
  probability <- function(m, x) stats::predict(m, x, type = "prob")
  brier <- function(y, p) mean(rowSums((p - outer(as.character(y), colnames(p), "=="))^2))
  out <- cv(iris[, 1:4], forest, probability, response = iris$Species, K = 5, seed = 1, loss = brier)
  expect_identical(dim(out$predictions$predicted), c(150L, 3L))
  expect_lt(out$estimate, 0.3)
})

test_that("a fold that fails is named, or missing", {
  skip_without_fork()
  fit <- function(train) if (any(train$id == 3)) train else stop("lost 3")
  predict <- function(model, newdata) rep(0, nrow(newdata))
  d <- data.frame(id = 1:9, y = 1)
  f <- folds(9, 3, seed = 1)
  for (plan in few_plans()[c(1, 3)]) {
    under_plan(plan, {
      e <- expect_error(cv(d, fit, predict, "y", folds = f), class = "rustle_error_fold")
      expect_identical(e$fold, f[3L, 1L])
      expect_match(conditionMessage(e), "lost 3", fixed = TRUE)
      out <- cv(d, fit, predict, "y", folds = f, on_error = "na")
      expect_identical(out$failures$fold, f[3L, 1L])
      expect_identical(which(is.na(out$predictions$predicted)), which(f[, 1L] == f[3L, 1L]))
      expect_equal(out$estimate, 1)
      expect_error(cv(d, identity, function(m, x) 1, "y", folds = f), "1 predictions for 3", class = "rustle_error_fold")
    })
  }
})

test_that("wrong arguments of cv() are errors", {
  set.seed(1)
  f <- function(train) NULL
  expect_argument_error(cv(1:5, f, response = "y"), "x")
  expect_argument_error(cv(mtcars, 5, response = "mpg"), "fit")
  expect_argument_error(cv(mtcars, f), "response")
  expect_argument_error(cv(mtcars, f, response = "none"), "response")
  expect_argument_error(cv(mtcars, f, response = 1:3), "response")
  expect_argument_error(cv(mtcars, f, response = "mpg", K = 33), "K")
  expect_argument_error(cv(mtcars, f, response = "mpg", loss = "auc"), "loss")
  expect_argument_error(cv(mtcars, f, response = "mpg", folds = 1:3), "folds")
  expect_argument_error(cv(mtcars, f, response = "mpg", folds = list(1:10, 5:32)), "folds")
  expect_argument_error(cv(mtcars, f, response = "mpg", lambda = 1), "lambda")
  expect_argument_error(cv(lm(mpg ~ wt, mtcars), lambda = -1), "lambda")
  expect_argument_error(cv(mtcars, f, response = "mpg", on_error = "skip"), "on_error")
})

test_that("print() says what was done", {
  expect_output(print(cv(lm(mpg ~ wt, mtcars), K = "loo")), "Leave-one-out cross-validation of 32")
  expect_output(print(cv(lm(mpg ~ wt, mtcars), K = 4, reps = 3, seed = 1)), "3 repetitions")
  expect_output(print(folds(10, 3)), "3 folds of 10 observations \\(sizes 3 to 4\\)")
  expect_output(print(folds(32, 4)), "4 folds of 32 observations \\(8 each\\)")
})

test_that("a glm is predicted on the scale of the response", {
  fit <- glm(am ~ wt, binomial, mtcars)
  learner <- function(train) glm(am ~ wt, binomial, train)
  for (strategy in c("sequential", if (parallelly::supportsMulticore()) "multicore")) {
    local_plan(strategy)
    ours <- cv(mtcars, learner, response = "am", K = "loo")
    expect_equal(ours$estimate, boot::cv.glm(mtcars, fit)$delta[[1L]])
    expect_equal(ours$estimate, cv(fit, K = "loo")$estimate)
  }
  # One that is given is used as it is.
  link <- cv(mtcars, learner, stats::predict, response = "am", K = "loo")
  by_hand <- vapply(1:32, function(i) predict(learner(mtcars[-i, ]), mtcars[i, ]), 0)
  expect_equal(unname(link$predictions$predicted), unname(by_hand))
  expect_equal(
    cv(mtcars, function(train) lm(mpg ~ wt, train), response = "mpg", K = "loo")$estimate,
    cv(lm(mpg ~ wt, mtcars), K = "loo")$estimate
  )
})

test_that("the standard error is that of the mean over folds, averaged over repetitions", {
  out <- cv(lm(mpg ~ wt, mtcars), K = 8, seed = 1)
  expect_equal(out$std.error, sd(out$losses$loss) / sqrt(8))
  expect_output(print(out), paste0("standard error ", format(out$std.error, digits = 3)), fixed = TRUE)
  # Folds of different sizes count by their observations.
  uneven <- cv(lm(mpg ~ wt, mtcars), K = 5, seed = 1)$losses
  expect_equal(
    cv(lm(mpg ~ wt, mtcars), K = 5, seed = 1)$std.error,
    sqrt(weighted.mean((uneven$loss - weighted.mean(uneven$loss, uneven$n))^2, uneven$n) / 4)
  )
  twice <- cv(lm(mpg ~ wt, mtcars), K = 8, reps = 2, seed = 1)
  each <- vapply(split(twice$losses$loss, twice$losses$rep), function(l) var(l) / 8, 0)
  expect_equal(twice$std.error, sqrt(mean(each)))
  ridge <- cv(lm(mpg ~ ., mtcars), K = 8, lambda = c(0, 10), seed = 1)
  expect_identical(names(ridge$std.error), names(ridge$estimate))
  ten <- ridge$losses$loss[ridge$losses$lambda == 10]
  expect_equal(ridge$std.error[["10"]], sd(ten) / sqrt(8))
  expect_output(print(ridge), "std.error")
})
