# What R prints of the error of a task that nobody handles, from a session of its own.
printed <- function(code, plan) {
  run <- eval(bquote(run_r({
    do.call(plan, .(plan))
    .(code)
  }, quietly = TRUE)))
  expect_identical(run$status, 1L)
  run$stderr
}

test_that("the error of a task that nobody handles is printed as it is, and with the task", {
  skip_unless_faults()
  calls <- list(
    list(quote(future_lapply(1:1000, function(i) if (i == 637L) stop("boom") else i)),
      "Error in FUN(X[[i]], ...) : boom\n(task 637 of 1000)\n"),
    list(quote(future_sapply(1:9, function(i) if (i == 3L) log("a") else i)),
      "Error in log(\"a\") : non-numeric argument to mathematical function\n(task 3 of 9)\n"),
    list(quote(parLapply(NULL, 1:9, function(i) if (i > 4L) stop("boom ", i))),
      "Error in FUN(X[[i]], ...) : boom 5\n(task 5 of 9; 5 of them failed)\n")
  )
  for (plan in list(list("sequential"), list("multicore", workers = 2), list("multisession", workers = 2))) {
    for (call in calls) expect_match(printed(call[[1L]], plan), call[[2L]], fixed = TRUE, info = plan[[1L]])
  }
})

test_that("calling handlers see the error of a task once, as it is, handled or not", {
  skip_unless_faults()
  code <- quote(withCallingHandlers(
    future_lapply(1:9, function(i) if (i == 4L) stop("boom")),
    error = function(e) message(paste("seen:", conditionMessage(e), paste(class(e), collapse = " ")))
  ))
  for (plan in list(list("sequential"), list("multicore", workers = 2))) {
    seen <- regmatches(text <- printed(code, plan), gregexpr("seen: [^\n]*", text))[[1L]]
    expect_identical(seen, "seen: boom simpleError error condition")
    said <- capture.output(type = "message", try(under_plan(plan, eval(code)), silent = TRUE))
    expect_identical(said, "seen: boom simpleError error condition")
  }
})

test_that("what a handler gets is the error itself, with the task", {
  skip_without_fork()
  custom <- structure(class = c("custom", "error", "condition"), list(message = "boom", call = NULL, data = 7))
  for (plan in few_plans()) {
    error <- under_plan(plan, tryCatch(future_lapply(1:5, function(i) if (i == 2L) stop(custom)), error = identity))
    expect_identical(class(error), class(custom))
    expect_identical(unclass(error)[c("message", "call", "data", "task")], list(message = "boom", call = NULL, data = 7, task = 2L))
    # stop() takes conditions that are no errors, too.
    value <- under_plan(plan, tryCatch(
      future_lapply(1:5, function(i) stop(structure(class = c("odd", "condition"), list(message = "m", call = NULL)))),
      odd = function(c) "odd"
    ))
    expect_identical(value, "odd")
  }
})

test_that("a time limit of the user is not taken for what has failed", {
  limit <- simpleError("reached elapsed time limit")
  expect_identical(tryCatch(stop("no file"), error = otherwise(7)), 7)
  expect_error(tryCatch(stop(limit), error = otherwise(7)), "reached elapsed time limit")
  skip_unless_faults()
  run <- run_r({
    out <- list(limit = tryCatch({
      setTimeLimit(elapsed = 0.2, transient = TRUE)
      tryCatch(repeat Sys.sleep(0.01), error = rustle:::otherwise(7))
    }, error = function(e) grepl("time limit", conditionMessage(e))))
  })
  expect_all_true(run$value)
})
