test_that("wrong arguments of future_lapply() stop before anything has started, under every plan", {
  ran <- FALSE
  FUN <- function(i) ran <<- TRUE
  state <- test_seeds()$mersenne
  withr::local_preserve_seed()
  assign(".Random.seed", state, envir = globalenv())
  for (plan in list(list("sequential"), list("multicore", workers = 2))) {
    under_plan(plan, {
      for (f in list(5, "no such function", NULL, c("a", "b"), NA_character_, list())) {
        expect_argument_error(future_lapply(1:3, f), "FUN")
      }
      for (x in list("yes", c(TRUE, FALSE), NULL, 1)) expect_argument_error(future_lapply(1:3, FUN, future.stdout = x), "future.stdout")
      for (x in list(TRUE, 1, NA_character_, list("a"))) {
        expect_argument_error(future_lapply(1:3, FUN, future.conditions = x), "future.conditions")
      }
      for (x in list(NA, 1, list(1), c(TRUE, TRUE), NULL, list(a = 1, 2), list(...future.FUN = 1))) {
        expect_argument_error(future_lapply(1:3, FUN, future.globals = x), "future.globals")
      }
      for (x in list(NA_character_, "", 1, c("stats", NA))) {
        expect_argument_error(future_lapply(1:3, FUN, future.packages = x), "future.packages")
      }
      expect_argument_error(future_lapply(1:3, FUN, future.globals = "...future.FUN"), "future.globals")
      for (x in list(NULL, NA, c("a", "b"), 1)) expect_argument_error(future_lapply(1:3, FUN, future.label = x), "future.label")
      for (x in list(NULL, 1, list(a = 1))) expect_argument_error(future_lapply(1:3, FUN, future.envir = x), "future.envir")
    })
  }
  expect_false(ran)
  expect_identical(globalenv()[[".Random.seed"]], state)
})

test_that("the message names the argument, what it may be and what it was; the call is the caller's", {
  error <- expect_error(future_lapply(1:3, sqrt, future.stdout = "yes"), class = "rustle_error_argument")
  expect_identical(conditionMessage(error), "`future.stdout` must be TRUE, FALSE or NA, not \"yes\".")
  expect_identical(as.list(conditionCall(error))[[1L]], quote(future_lapply))
  expect_identical(error$value, "yes")
})

test_that("describe() says what a value was in a few words", {
  expect_identical(describe(NULL), "NULL")
  expect_identical(describe(sum), "a function")
  expect_identical(describe(NA), "NA")
  expect_identical(describe("a\n"), "\"a\\n\"")
  expect_identical(describe(1.5), "1.5")
  expect_identical(describe(c(1, 2)), "a numeric vector of length 2")
  expect_identical(describe(list(1)), "a list of length 1")
  expect_match(describe(mtcars), "data.frame")
  expect_match(describe(quote(a + b)), "language")
})

test_that("checks return values in their canonical form", {
  expect_identical(check_count(3, "n"), 3L)
  expect_null(check_count(NULL, "n", null = TRUE))
  expect_identical(check_seconds(Inf, "timeout"), Inf)
  expect_identical(check_flag(NA, "x", na = TRUE), NA)
  expect_identical(check_packages(c("a", "a"), "p"), "a")
})

test_that("an argument that is missing is an error of R's own kind", {
  calls <- list(
    X = quote(future_lapply(FUN = sqrt)), FUN = quote(future_lapply(1:3)), X = quote(future_sapply()), FUN = quote(future_sapply(1:3)),
    X = quote(future_vapply()), FUN = quote(future_vapply(1:3, FUN.VALUE = 1)), FUN.VALUE = quote(future_vapply(1:3, sqrt)),
    FUN = quote(future_apply(diag(2), 1)), FUN = quote(future_mapply()), f = quote(future_Map()), f = quote(future_Filter()),
    FUN = quote(future_eapply(globalenv())), env = quote(future_eapply(FUN = sqrt)), dots = quote(future_.mapply(sqrt)),
    MoreArgs = quote(future_.mapply(sqrt, list(1:2))), X = quote(mclapply()), FUN = quote(mclapply(1:3)), FUN = quote(mcmapply()),
    FUN = quote(pvec(1:3)), fun = quote(parLapply(NULL, 1:3)), FUN = quote(parSapply(NULL, 1:3)), fun = quote(clusterApply(NULL, 1:3))
  )
  for (k in seq_along(calls)) {
    error <- expect_error(eval(calls[[k]]), class = "rustle_error_argument")
    expect_identical(conditionMessage(error), sprintf("argument \"%s\" is missing, with no default", names(calls)[[k]]))
    expect_identical(conditionCall(error), calls[[k]])
  }
})

test_that("a wrong argument is a simpleError too, as in future.apply and parallel", {
  for (call in list(
    quote(future_lapply(1:3, identity, future.seed = as.list(1:2))), quote(future_lapply(1:3, identity, future.seed = "a")),
    quote(mclapply(1:2, identity, mc.cores = 0)), quote(future_lapply(1:3))
  )) {
    expect_s3_class(tryCatch(eval(call), error = identity), "simpleError")
  }
  error <- tryCatch(future_by(warpbreaks, warpbreaks$tension, "summary"), error = identity)
  expect_s3_class(error, "rustle_error_argument")
  expect_s3_class(error, "defunctError")
})
