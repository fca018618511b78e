# The calls of an error, as text.
calls_of <- function(e) vapply(task_trace(e)$call, function(call) paste(deparse(call), collapse = ""), "")

deep_failure <- as_user(function(i) {
  inner <- function(x) if (i == 3L) stop("bad ", x) else x
  f <- function(x) inner(x)
  f(i)
})

test_that("an error carries the calls of its task, under every plan", {
  skip_without_fork()
  for (name in names(every_plan())) {
    plan <- every_plan()[[name]]
    e <- under_plan(plan, tryCatch(future_lapply(1:4, deep_failure), error = identity))
    expect_identical(calls_of(e), c("FUN(X[[i]], ...)", "f(i)", "inner(x)", "stop(\"bad \", x)"), info = name)
    expect_identical(class(e), c("simpleError", "error", "condition"))
    expect_identical(conditionMessage(e), "bad 3")
    expect_identical(conditionCall(e), quote(inner(x)))
    expect_output(print(e), "<simpleError in inner\\(x\\): bad 3>.*Calls of the task:.*2. f\\(i\\)")
    expect_identical(calls_of(NULL), calls_of(e))
  }
})

test_that("so do errors of R, of warnings that are errors, and of conditions given to stop()", {
  skip_without_fork()
  for (name in names(every_plan())) {
    plan <- every_plan()[[name]]
    of_r <- under_plan(plan, tryCatch(future_lapply(list(1, "a"), as_user(function(x) log(x))), error = identity))
    expect_identical(calls_of(of_r), "FUN(X[[i]], ...)")
    # A condition that is no error passes the session's own handlers.
    if (name == "sequential") next
    odd <- under_plan(plan, tryCatch(
      future_lapply(1:2, as_user(function(i) stop(structure(class = c("odd", "condition"), list(message = "odd", call = NULL))))),
      condition = identity
    ))
    expect_match(calls_of(odd)[[2L]], "^stop\\(", info = name)
  }
  withr::local_options(warn = 2)
  for (name in names(few_plans())) {
    plan <- few_plans()[[name]]
    e <- under_plan(plan, tryCatch(future_lapply(1:4, as_user(function(i) {
      h <- function() if (i == 2L) as.integer("a")
      h()
    })), error = identity))
    expect_identical(calls_of(e), c("FUN(X[[i]], ...)", "h()"), info = name)
    e <- under_plan(plan, tryCatch(future_lapply(1:4, as_user(function(i) if (i == 2L) warning("careful"))), error = identity))
    expect_identical(calls_of(e), c("FUN(X[[i]], ...)", "warning(\"careful\")"), info = name)
    expect_identical(e$task, 2L)
  }
})

test_that("calls in tasks show the calls around them", {
  skip_without_fork()
  nested <- as_user(function(i) {
    g <- function(j) if (j == 2L) stop("bad ", i, j)
    rustle::future_lapply(1:4, g)
  })
  expected <- c(
    "FUN(X[[i]], ...)", "rustle::future_lapply(1:4, g)", "FUN(X[[i]], ...)", "stop(\"bad \", i, j)"
  )
  for (name in names(few_plans())) {
    plan <- few_plans()[[name]]
    e <- under_plan(plan, tryCatch(future_lapply(1:2, nested), error = identity))
    expect_identical(calls_of(e), expected, info = name)
  }
  twice <- list(list(future::tweak("multicore", workers = 2L), future::tweak("multicore", workers = I(2L))))
  e <- under_plan(twice, tryCatch(future_lapply(1:2, nested), error = identity))
  expect_identical(calls_of(e), expected)
  below <- list(list(future::sequential, future::tweak("multicore", workers = 2L)))
  e <- under_plan(below, tryCatch(future_lapply(1:2, nested), error = identity))
  expect_identical(calls_of(e), expected)
})

test_that("families carry them too", {
  skip_without_fork()
  statistic <- as_user(function(d, i) {
    g <- function(x) stop("bad ", x)
    if (i[[1L]] == 3L) g(3L) else mean(d[i])
  })
  for (name in names(few_plans())) {
    plan <- few_plans()[[name]]
    e <- under_plan(plan, tryCatch(parLapply(NULL, 1:4, deep_failure), error = identity))
    expect_identical(calls_of(e)[-1L], c("f(i)", "inner(x)", "stop(\"bad \", x)"))
    e <- under_plan(plan, tryCatch(bootstrap(1:9, statistic, R = 60, seed = 1), error = identity))
    expect_identical(utils::tail(calls_of(e), 2L), c("g(3L)", "stop(\"bad \", x)"))
    e <- under_plan(plan, tryCatch(
      cv(mtcars, as_user(function(d) stop("no fit")), as_user(function(m, d) 1), response = "mpg", K = 3, seed = 1), error = identity
    ))
    expect_identical(utils::tail(calls_of(e), 1L), "stop(\"no fit\")")
  }
  tries <- suppressWarnings(mclapply(1:4, deep_failure, mc.cores = 2))
  expect_identical(calls_of(tries[[3L]])[-1L], c("f(i)", "inner(x)", "stop(\"bad \", x)"))
})

test_that("foreach has its own errors as values, and ours when it stops", {
  skip_without_fork()
  skip_if_not_installed("foreach")
  withr::defer(foreach::registerDoSEQ())
  registerDoRustle()
  `%dopar%` <- foreach::`%dopar%`
  under_plan(list("multicore", workers = 2L), {
    passed <- foreach::foreach(i = 1:2, .errorhandling = "pass") %dopar% stop("bad")
    expect_named(passed[[1L]], c("message", "call"))
    e <- tryCatch(eval(quote(foreach::foreach(i = 1:2) %dopar% stop("bad")), list(`%dopar%` = `%dopar%`), globalenv()), error = identity)
    expect_identical(utils::tail(calls_of(e), 1L), "stop(\"bad\")")
  })
})

test_that("data in calls, endless recursion and rlang's errors do no harm", {
  skip_without_fork()
  for (name in names(few_plans())) {
    plan <- few_plans()[[name]]
    e <- under_plan(plan, tryCatch(future_lapply(1:2, as_user(function(i) do.call(function(d) stop("bad"), list(mtcars)))), error = identity))
    expect_match(calls_of(e), "<data.frame>", all = FALSE, fixed = TRUE)
    expect_lt(utils::object.size(task_trace(e)), 2e4)
    e <- under_plan(plan, tryCatch(future_lapply(1:2, as_user(function(i) { h <- function(k) h(k + 1); h(1) })), error = identity))
    expect_s3_class(e, "error")
    expect_lt(NROW(task_trace(e)), 101L)
  }
  skip_if_not_installed("rlang")
  e <- under_plan(list("multicore", workers = 2L), tryCatch(future_lapply(1:2, function(i) rlang::abort("bad")), error = identity))
  expect_s3_class(e, "rlang_error")
  expect_s3_class(e$trace, "rlang_trace")
})

test_that("rlang shows the calls of an error that nothing has handled", {
  skip_unless_faults()
  skip_if_not_installed("rlang")
  got <- run_r({
    loadNamespace("rlang")
    plan(multicore, workers = 2)
    g <- function(x) stop("bad")
    options(error = quote({
      out <- list(
        class = class(rlang::last_error()$trace)[[1L]] == "rustle_trace",
        shown = any(grepl("g(i)", utils::capture.output(print(rlang::last_trace())), fixed = TRUE))
      )
      saveRDS(out, answer_file)
      quit("no")
    }))
    future_lapply(1:2, function(i) g(i))
  })
  expect_all_true(got$value)
})

test_that("options(rustle.traceback = FALSE) turns them off", {
  skip_without_fork()
  withr::local_options(rustle.traceback = FALSE)
  for (name in names(few_plans())) {
    plan <- few_plans()[[name]]
    e <- under_plan(plan, tryCatch(future_lapply(1:4, deep_failure), error = identity))
    expect_null(task_trace(e))
    expect_named(e, c("message", "call", "task", "job"))
  }
  expect_error(task_trace(1), class = "rustle_error_argument")
})
