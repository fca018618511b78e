log_lines <- function(dir, kind) unlist(lapply(list.files(dir, kind, full.names = TRUE), readLines))

# Of each line "printed by N": the number of the task that had begun, and N.
numbers_of_lines <- function(dir) {
  of_file <- function(file) {
    lines <- readLines(file)
    at <- grep("printed by", lines)
    begun <- grep("task [0-9]+ begins", lines)
    lines <- vapply(at, function(k) lines[[max(begun[begun < k])]], "")
    as.integer(sub("^.* task ([0-9]+) begins$", "\\1", lines))
  }
  unlist(lapply(list.files(dir, "^worker-", full.names = TRUE), of_file))
}
numbers_said <- function(dir) as.integer(sub("^.*printed by ([0-9]+).*$", "\\1", grep("printed by", log_lines(dir, "^worker-"), value = TRUE)))

test_that("workers write what they do, and the session what it asked for", {
  skip_without_fork()
  for (name in c("multicore", "multisession", "cluster")) {
    dir <- withr::local_tempdir()
    value <- observe(under_plan(c(every_plan()[[name]], log = dir), future_lapply(1:6, function(i) {
      cat("printed by", i, "\n")
      message("said by ", i)
      if (i == 5) stop("bad ", i)
      i
    })))
    expect_identical(value$message, "bad 5", info = name)
    lines <- log_lines(dir, "^worker-")
    expect_match(lines, "worker takes part", all = FALSE)
    expect_match(lines, "^[-0-9]+ [:.0-9]+ task [0-9]+ begins$", all = FALSE)
    expect_match(lines, "task [0-9]+ done after [.0-9]+ s", all = FALSE)
    expect_match(lines, "task [0-9]+ failed after", all = FALSE)
    expect_match(lines, "printed by 5", all = FALSE)
    expect_match(lines, "simpleMessage: said by 5", all = FALSE)
    expect_match(lines, "simpleError: bad 5", all = FALSE)
    expect_identical(numbers_of_lines(dir), numbers_said(dir), info = name)
    session <- log_lines(dir, "^session-")
    expect_match(session, "begins: .*, 6 tasks, 2 workers of", all = FALSE, info = name)
    expect_length(session, 2L)
  }
})

test_that("values, errors and their calls are the same with a log", {
  skip_without_fork()
  f <- as_user(function(i) if (i == 9L) stop("nine") else i + rnorm(1))
  for (name in names(every_plan())) {
    dir <- withr::local_tempdir()
    plan <- every_plan()[[name]]
    run <- function(plan, n) under_plan(plan, tryCatch(future_lapply(seq_len(n), f, future.seed = 3), error = identity))
    expect_identical(run(c(plan, log = dir), 5), run(plan, 5), info = name)
    expect_identical(run(c(plan, log = dir), 9)$trace, run(plan, 9)$trace, info = name)
    expect_identical(under_plan(c(plan, log = dir), future_vapply(1:4, function(i) c(i, 1), c(0, 0))), vapply(1:4, function(i) c(i, 1), c(0, 0)))
  }
})

test_that("the log of a lost worker has its last task, and the session's tells the loss", {
  skip_unless_faults()
  got <- run_r({
    out <- list()
    for (strategy in c("multicore", "multisession")) {
      dir <- tempfile("log-")
      plan(strategy, workers = 2, log = dir)
      value <- squares(strategy, function() { cat("last words\n"); die(9) })
      lines <- unlist(lapply(list.files(dir, "^worker-", full.names = TRUE), readLines))
      session <- unlist(lapply(list.files(dir, "^session-", full.names = TRUE), readLines))
      out[[paste(strategy, "value")]] <- identical(value, expected())
      out[[paste(strategy, "words")]] <- any(grepl("last words", lines))
      out[[paste(strategy, "begins")]] <- sum(grepl("task 7 begins", lines)) == 2L
      out[[paste(strategy, "loss")]] <- any(grepl("task 7 was lost", session))
    }
  })
  expect_all_true(got$value)
})

test_that("a directory that cannot be written to is refused", {
  expect_error(plan("sequential", log = 1), class = "rustle_error_argument")
  file <- withr::local_tempfile(lines = "")
  expect_error(plan("sequential", log = file), "is a file", class = "rustle_error")
})

test_that("options(rustle.debug = TRUE) tells the decisions", {
  skip_without_fork()
  withr::local_options(rustle.debug = TRUE)
  for (name in names(every_plan())) {
    said <- observe(under_plan(every_plan()[[name]], future_lapply(1:4, sqrt)))
    expect_identical(said$value, lapply(1:4, sqrt))
    expect_match(said$messages, "^rustle: call [0-9]+, future_lapply.*: 4 tasks on [0-9] worker", all = FALSE, info = name)
    expect_match(said$messages, "is over after", all = FALSE, info = name)
  }
})
