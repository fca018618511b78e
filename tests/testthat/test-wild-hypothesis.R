read <- function(null, names = c("(Intercept)", "x", "x2", "factor(g)b", "x:z", "I(a == 1)TRUE")) {
  read_hypotheses(null, names, NULL)
}

test_that("equations are read as restrictions", {
  row <- function(null) unname(read(null)$R[1L, ])
  expect_identical(row("x = 3"), c(0, 1, 0, 0, 0, 0))
  expect_identical(read("x = 3")$r, 3)
  expect_identical(read("x")$r, 0)
  expect_identical(read("2 = x")$r, 2)
  expect_identical(row("x2 == x"), c(0, -1, 1, 0, 0, 0))
  expect_identical(row("2 = x"), c(0, 1, 0, 0, 0, 0))
  expect_equal(row("2 * (x - x2)/4 + 1 = factor(g)b"), c(0, 0.5, -0.5, -1, 0, 0))
  expect_equal(read("2 * (x - x2)/4 + 1 = factor(g)b")$r, -1)
  expect_identical(row("x:z = (Intercept)"), c(-1, 0, 0, 0, 1, 0))
  expect_identical(row("`x:z`"), c(0, 0, 0, 0, 1, 0))
  expect_identical(row("I(a == 1)TRUE = 0"), c(0, 0, 0, 0, 0, 1))
  both <- read(c("x = 1", "x2 = -1e-2"))
  expect_identical(both$r, c(1, -0.01))
  expect_identical(dim(both$R), c(2L, 6L))
})

test_that("restrictions may be a matrix", {
  R <- rbind(c(0, 1, -1, 0, 0, 0), c(0, 0, 0, 2, 0, 0))
  out <- read(list(R = R, r = c(0, 1)))
  expect_identical(out$R, R)
  expect_identical(out$labels, c("x - x2 = 0", "2 * factor(g)b = 1"))
  expect_identical(read(list(R = R[1, ], r = 0))$R, R[1, , drop = FALSE])
})

test_that("what is no linear hypothesis about coefficients is refused", {
  refuse <- function(null) expect_argument_error(read(null), "null")
  for (null in list(
    "y = 0", "x^2 = 1", "x * x2", "log(x) = 0", "x = 1 = 2", "x <", "x =", "x > 1", "", character(), NA_character_, 3,
    "1 = 1", "x - x = 0", c("x = 1", "2 * x = 2"), "x / 0 = 1", list(R = diag(2), r = c(0, 0)), list(R = double(6), r = 0),
    list(R = c(0, 1, 0, 0, 0, 0)), list(R = c(0, NA, 0, 0, 0, 0), r = 0), "system('ls')"
  )) refuse(null)
  expect_match(conditionMessage(refuse("X = 0")), "Did you mean `x`?", fixed = TRUE)
})

test_that("what is estimated has a name that says it", {
  set.seed(1)
  d <- data.frame(x = rnorm(60), z = rnorm(60), y = rnorm(60))
  fit <- lm(y ~ x * z, d)
  b <- coef(fit)
  name <- function(null) quiet_wild(fit, null, R = 99, seed = 1, conf = NULL)$estimate
  expect_equal(name("x = 0.04"), b["x"])
  expect_equal(name("x = z"), c("x - z" = b[["x"]] - b[["z"]]))
  expect_equal(name("x + 1 = 2 * z"), c("x - 2 * z" = b[["x"]] - 2 * b[["z"]]))
  expect_equal(name("1 = x"), b["x"])
  # An interaction may be written either way.
  expect_equal(name("z:x = 1"), b["x:z"])
  expect_identical(generics::tidy(quiet_wild(fit, c("x = z", "x:z"), R = 99, seed = 1))$term, c("x - z", "x:z"))
  expect_error(quiet_wild(fit, "y:x = 0", R = 99), "y", class = "rustle_error_argument")
  expect_error(quiet_wild(fit, "x z = 0", R = 99), "(Intercept), x, z", fixed = TRUE, class = "rustle_error_argument")
})
