# Oracle: nested loops.

select_data <- function() {
  set.seed(8)
  d <- data.frame(x = runif(40), z = rnorm(40))
  d$y <- sin(5 * d$x) + rnorm(40, sd = 0.3)
  d
}

fits <- list(
  line = function(train) lm(y ~ x, train), curve = function(train) lm(y ~ poly(x, 3), train),
  noise = function(train) lm(y ~ z, train)
)

test_that("the nested loss is that of loops over folds within folds", {
  d <- select_data()
  out <- cv_select(d, fits, response = "y", K = 4, inner = 3, reps = 2, seed = 5)
  made <- folds(40, 4, reps = 2, seed = 5)
  oracle <- NULL
  k <- 0
  for (rep in 1:2) for (f in 1:4) {
    k <- k + 1
    rest <- which(made[, rep] != f)
    inner <- folds(length(rest), 3, seed = 5 + k)[, 1]
    within <- sapply(fits, function(fit) {
      e <- lapply(1:3, function(j) {
        test <- d[rest[inner == j], ]
        (test$y - predict(fit(d[rest[inner != j], ]), test))^2
      })
      mean(unlist(e))
    })
    best <- which.min(within)
    test <- d[made[, rep] == f, ]
    oracle <- rbind(oracle, data.frame(chosen = names(fits)[[best]], n = nrow(test), loss = mean((test$y - predict(fits[[best]](d[rest, ]), test))^2)))
  }
  expect_equal(out$outer[c("chosen", "n", "loss")], oracle)
  expect_equal(out$estimate, weighted.mean(oracle$loss, oracle$n))
  expect_equal(cv_select(d, fits, response = "y", folds = made, inner = 3, seed = 5), out)
  each <- sapply(fits, function(fit) cv(d, fit, response = "y", folds = made, seed = 1)$estimate)
  expect_equal(out$losses$loss, unname(each))
  expect_equal(out$chosen, names(which.min(each)))
  expect_output(print(out), "nested")
})

test_that("choices among noise are corrected by the resamples of the losses", {
  # Ten learners that guess: the chosen one seems better than 1/2, and is not.
  set.seed(2)
  d <- data.frame(y = factor(sample(c("a", "b"), 60, TRUE)), id = 1:60)
  guess <- lapply(1:10, function(k) { set.seed(k); sample(c("a", "b"), 60, TRUE) })
  learners <- lapply(guess, function(g) { force(g); function(train) g })
  look <- function(model, newdata) model[newdata$id]
  out <- cv_select(d, learners, look, "y", method = "bias_corrected", K = 5, R = 400, seed = 1)
  expect_lt(min(out$losses$loss), 0.45)
  # The resamples written out.
  wrong <- sapply(guess, function(g) as.character(g) != d$y)
  set.seed(1)
  oracle <- mean(replicate(400, {
    rows <- sample.int(60, replace = TRUE)
    mean(wrong[-rows, which.min(colMeans(wrong[rows, ]))])
  }))
  expect_equal(out$estimate, oracle)
  expect_identical(cv_select(d, learners, look, "y", method = "bias_corrected", K = 5, R = 400, seed = 1)$estimate, out$estimate)
})

test_that("plans do not matter", {
  d <- select_data()
  run <- function() cv_select(d, fits, response = "y", K = 3, inner = 2, seed = 5)
  base <- run()
  plans <- few_plans()
  for (name in names(plans)) under_plan(plans[[name]], expect_equal(run(), base, info = name))
})

test_that("wrong arguments are told", {
  d <- select_data()
  expect_argument_error(cv_select(d, fits[1], response = "y"), "fits")
  expect_argument_error(cv_select(d, fits, list(predict), "y"), "predict")
  expect_argument_error(cv_select(d, fits, response = "none"), "response")
  expect_argument_error(cv_select(d, fits, response = "y", inner = 1), "inner")
  expect_argument_error(cv_select(d, fits, response = "y", method = "bias_corrected", loss = "rmse"), "loss")
})

test_that("the estimate tells its Monte Carlo error", {
  fits <- list(a = function(d) lm(mpg ~ wt, d), b = function(d) lm(mpg ~ wt + hp, d))
  x <- cv_select(mtcars, fits, response = "mpg", K = 4, inner = 3, reps = 2, seed = 1)
  each <- vapply(split(x$outer, x$outer$rep), function(o) sum(o$n * o$loss) / sum(o$n), 0)
  expect_equal(x$mcse, sd(each) / sqrt(2))
  expect_identical(cv_select(mtcars, fits, response = "mpg", K = 4, inner = 3, seed = 1)$mcse, NA_real_)
  y <- cv_select(mtcars, fits, response = "mpg", K = 4, method = "bias_corrected", R = 100, seed = 1)
  z <- cv_select(mtcars, fits, response = "mpg", K = 4, method = "bias_corrected", R = 400, seed = 1)
  expect_lt(abs(log(y$mcse / z$mcse / 2)), 0.4)
})
