# What a call writes and signals, in the order in which it does, as one string.
log_of <- function(expr) {
  say <- function(kind) function(c) {
    cat(sprintf("<%s %s>", kind, trimws(conditionMessage(c))))
    if (inherits(c, "warning")) invokeRestart("muffleWarning")
    if (inherits(c, "message")) invokeRestart("muffleMessage")
  }
  lines <- utils::capture.output(
    invisible(withCallingHandlers(
      tryCatch(expr, error = say("error")),
      warning = say("warning"), message = say("message"), custom = say("custom")
    ))
  )
  paste(lines, collapse = "\n")
}

custom <- function(text, ...) {
  structure(class = c("custom", "condition"), list(message = text, call = NULL, ...))
}

chatty <- function(i) {
  cat("out", i, "\n")
  message("first ", i)
  warning("careful ", i)
  print(list(i))
  signalCondition(custom(paste("signal", i)))
  cat("end", i)
  message("second ", i)
  i
}

expect_same_log <- function(ours, oracle, plans = test_plans(), arguments = list(list())) {
  skip_without_fork()
  for (plan in plans) {
    for (further in arguments) {
      got <- under_plan(plan, log_of(do.call(ours, further)))
      expect_identical(got, oracle, info = paste(deparse(c(plan, further)), collapse = ""))
    }
  }
}

test_that("output and conditions come interleaved and in the order of the tasks, under every schedule", {
  expect_same_log(function(...) future_lapply(1:7, chatty, ...), log_of(lapply(1:7, chatty)))
})

test_that("... also when early tasks end last", {
  skip_on_cran()
  FUN <- function(i) { if (i %in% c(1L, 5L)) Sys.sleep(0.02); chatty(i) }
  expect_same_log(function(...) future_lapply(1:8, FUN, ...), log_of(lapply(1:8, chatty)))
})

test_that("... and for all chunks", {
  chunkings <- test_chunkings(7L)
  expect_same_log(
    function(...) future_lapply(1:7, chatty, ...), log_of(lapply(1:7, chatty)),
    plans = test_plans(c(2, 3))[c(2, 3)], arguments = chunkings[1:10]
  )
})

test_that("with an ordering they come in its order", {
  order <- c(3L, 1L, 5L, 2L, 4L)
  for (further in list(
    list(future.scheduling = structure(1, ordering = order)),
    list(future.chunk.size = structure(1, ordering = order)),
    list(future.chunk.size = structure(2, ordering = function(n) order))
  )) {
    expect_same_log(
      function(...) future_lapply(1:5, chatty, ...), log_of(lapply(order, chatty)),
      plans = test_plans(c(1, 3)), arguments = list(further)
    )
  }
  tell <- function(i) cat("task", i, "\n")
  oracle <- under_future(log_of(
    future.apply::future_lapply(1:5, tell, future.scheduling = structure(1, ordering = order))
  ))
  expect_identical(
    with_plan("multicore", workers = 2, log_of(
      future_lapply(1:5, tell, future.scheduling = structure(1, ordering = order))
    )), oracle
  )
})

test_that("before an error, what came before it is relayed, and nothing of later tasks", {
  FUN <- function(i) { chatty(i); if (i == 3L) stop("three"); i }
  expect_same_log(function(...) future_lapply(1:6, FUN, ...), log_of(lapply(1:6, FUN)))
})

test_that("conditions keep class, call and data", {
  skip_without_fork()
  FUN <- function(i) { signalCondition(custom("text", data = list(i, letters))); warning("w") }
  keep <- function(f) {
    kept <- list()
    withCallingHandlers(f(1:2, FUN), condition = function(c) {
      kept[[length(kept) + 1L]] <<- c
      if (inherits(c, "warning")) invokeRestart("muffleWarning")
    })
    kept
  }
  expect_identical(with_plan("multicore", keep(future_lapply), workers = 2), keep(lapply))
})

test_that("messages to stderr() by other means are not captured, output is byte for byte", {
  FUN <- function(i) {
    cat("no newline")
    cat("", strrep("x", 9000L), "\n\n")
    writeLines(c("caf\u00e9", "\u65e5\u672c", ""), useBytes = TRUE)
    print(data.frame(a = 1:2, b = c("u", "v")))
    write(1:3, stdout())
    cat(sprintf("%d%%\t\\n", i))
    str(list(1, "a"))
  }
  expect_same_log(function(...) future_lapply(1:5, FUN, ...), log_of(lapply(1:5, FUN)), plans = few_plans())
})

test_that("a megabyte of output and thousands of messages arrive", {
  skip_on_cran()
  FUN <- function(i) { cat(strrep("abcdefghij", 1e5L), "\n"); for (k in 1:300) message(k); i }
  expect_same_log(
    function(...) future_lapply(1:4, FUN, ...), log_of(lapply(1:4, FUN)), plans = few_plans()[c(3, 5)]
  )
})

test_that("future.stdout = FALSE drops output and keeps conditions", {
  quiet <- function(i) { message("first ", i); warning("careful ", i); signalCondition(custom(paste("signal", i))); message("second ", i) }
  expect_same_log(
    function(...) future_lapply(1:5, chatty, future.stdout = FALSE, ...), log_of(lapply(1:5, quiet)),
    plans = few_plans()
  )
})

test_that("future.stdout = NA leaves output alone: it goes where the worker's output goes", {
  skip_on_cran()
  skip_without_fork()
  code <- paste(
    "library(rustle); plan(multicore, workers = 2);",
    "x <- future_lapply(1:4, function(i) cat(sprintf('<%d>', i)), future.stdout = NA)"
  )
  out <- system2(file.path(R.home("bin"), "Rscript"), c("-e", shQuote(code)), stdout = TRUE, stderr = FALSE)
  for (i in 1:4) expect_match(paste(out, collapse = ""), sprintf("<%d>", i), fixed = TRUE)
})

test_that("future.conditions names classes, and its attribute exclude those that are dropped", {
  only <- function(...) function(i) {
    for (what in c(...)) switch(what,
      out = cat("out", i, "\n"), m = message("m ", i), w = warning("w ", i), c = signalCondition(custom(paste("c", i)))
    )
  }
  all <- only("out", "m", "w", "c")
  # A condition without a muffle restart, signalled in this very process, cannot
  # be stopped: future.apply lets it through as well.
  check <- function(conditions, ...) {
    expect_same_log(
      function(...) future_lapply(1:4, all, future.conditions = conditions, ...),
      log_of(lapply(1:4, only(...))), plans = few_plans()[-1L]
    )
    expect_same_log(
      function(...) future_lapply(1:4, only("out", "m", "w"), future.conditions = conditions, ...),
      log_of(lapply(1:4, only(setdiff(c(...), "c")))), plans = few_plans()[1L]
    )
  }
  check("message", "out", "m")
  check(c("warning", "custom"), "out", "w", "c")
  check(character(0), "out")
  check(structure("condition", exclude = "message"), "out", "w", "c")
  check(structure("condition", exclude = c("warning", "custom")), "out", "m")
  check(structure(c("message", "warning"), exclude = "simpleWarning"), "out", "m")
})

test_that("future.conditions = NULL does not intercept: values and errors are as ever", {
  skip_without_fork()
  for (plan in few_plans()[-1L]) {
    got <- under_plan(plan, observe(future_lapply(1:3, function(i) { warning("w"); i }, future.conditions = NULL)))
    expect_identical(got$value, as.list(1:3))
    expect_identical(got$warnings, character())
    got <- under_plan(plan, observe(future_lapply(1:3, function(i) stop("e", i), future.conditions = NULL)))
    expect_identical(got$message, "e1")
  }
})

test_that("errors are raised whatever future.conditions says", {
  skip_without_fork()
  for (conditions in list(NULL, character(0), "message", structure("condition", exclude = "error"))) {
    for (plan in few_plans()) {
      got <- under_plan(plan, observe(
        future_lapply(1:3, function(i) if (i == 2L) stop("two") else i, future.conditions = conditions)
      ))
      expect_identical(got$message, "two")
    }
  }
})

test_that("what a task handles itself is not relayed", {
  FUN <- function(i) {
    suppressWarnings({ warning("hidden"); 1 })
    suppressMessages(message("hidden"))
    tryCatch(stop("hidden"), error = function(e) NULL)
    try(stop("hidden"), silent = TRUE)
    withCallingHandlers(
      warning("seen"),
      warning = function(w) { cat("handled\n"); invokeRestart("muffleWarning") }
    )
    utils::capture.output(cat("hidden"))
    i
  }
  expect_same_log(function(...) future_lapply(1:4, FUN, ...), log_of(lapply(1:4, FUN)), plans = few_plans())
})

test_that("a handler of the caller ends the call", {
  skip_without_fork()
  for (plan in few_plans()) {
    got <- under_plan(plan, tryCatch(
      future_lapply(1:50, function(i) { warning("w", i); i }), warning = function(w) conditionMessage(w)
    ))
    expect_identical(got, "w1")
    expect_identical(under_plan(plan, future_lapply(1:3, identity)), as.list(1:3))
  }
})

test_that("options(warn = 2) makes a task's warning the error that lapply() gives", {
  skip_without_fork()
  FUN <- function(i) as.integer(c("1", "x")[i])
  withr::local_options(warn = 2)
  oracle <- tryCatch(lapply(1:2, FUN), error = identity)
  for (plan in few_plans()) {
    got <- under_plan(plan, tryCatch(future_lapply(1:2, FUN), error = identity))
    expect_identical(conditionMessage(got), conditionMessage(oracle))
    expect_identical(class(got), class(oracle))
  }
})

test_that("immediate conditions are relayed, each once", {
  skip_without_fork()
  FUN <- function(i) {
    signalCondition(structure(class = c("soon", "immediateCondition", "condition"), list(message = "", call = NULL, i = i)))
    i
  }
  for (plan in few_plans()) {
    seen <- integer()
    under_plan(plan, withCallingHandlers(
      future_lapply(1:9, FUN), soon = function(c) seen <<- c(seen, c$i)
    ))
    expect_setequal(seen, 1:9)
    expect_length(seen, 9L)
  }
})

test_that("messages have their restart and warnings theirs", {
  skip_without_fork()
  for (plan in few_plans()) {
    expect_message(under_plan(plan, future_lapply(1, function(i) message("m"))), "m")
    expect_identical(
      under_plan(plan, suppressMessages(suppressWarnings(future_lapply(1:2, function(i) { message("m"); warning("w"); i })))),
      list(1L, 2L)
    )
  }
})

test_that("sinks are as they were, also after an error", {
  skip_without_fork()
  before <- sink.number()
  connections <- nrow(showConnections())
  for (stdout in c(TRUE, FALSE, NA)) {
    for (plan in few_plans()[c(1, 3)]) {
      under_plan(plan, future_lapply(1:3, function(i) i, future.stdout = stdout))
      under_plan(plan, try(future_lapply(1:3, function(i) stop("e"), future.stdout = stdout), silent = TRUE))
    }
  }
  expect_identical(sink.number(), before)
  expect_identical(nrow(showConnections()), connections)
})
