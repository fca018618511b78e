# What the Trace Event Format demands of an event that we write: the fields of its phase.
expect_trace_event <- function(e) {
  expect_true(all(c("name", "ph", "pid", "tid") %in% names(e)))
  expect_true(e$ph %in% c("X", "M", "i"))
  if (e$ph == "X") expect_true(is.numeric(e$ts) && is.numeric(e$dur) && e$ts >= 0 && e$dur >= 0)
  if (e$ph == "i") expect_true(is.numeric(e$ts) && e$s %in% c("g", "p", "t"))
  if (e$ph == "M") expect_true(e$name %in% c("process_name", "process_sort_index", "thread_name", "thread_sort_index"))
}

test_that("a trace has the form that viewers read, and all that the report has", {
  skip_if_not_installed("jsonlite")
  plans <- list(list("sequential"), list("multisession", workers = 2, compiled = "never"))
  if (parallelly::supportsMulticore()) plans <- c(plans, list(list("multicore", workers = 2, compiled = "never")))
  file <- withr::local_tempfile(fileext = ".json")
  for (plan in plans) {
    under_plan(plan, future_lapply(c("a\"b\\c\n", "d"), function(i) Sys.sleep(0.002)))
    x <- job_report()
    expect_identical(write_trace(x, file), file)
    trace <- jsonlite::fromJSON(file, simplifyVector = FALSE)
    expect_true(all(c("traceEvents", "displayTimeUnit") %in% names(trace)))
    for (e in trace$traceEvents) expect_trace_event(e)
    tasks <- Filter(function(e) identical(e$cat, "task"), trace$traceEvents)
    expect_length(tasks, nrow(x$spans))
    expect_equal(vapply(tasks, function(e) e$dur, 0) / 1e6, x$spans$end - x$spans$start, tolerance = 1e-3)
    expect_equal(vapply(tasks, function(e) e$args$index, 0), x$spans$task)
    expect_true(all(vapply(tasks, function(e) e$pid, 0L) %in% seq_len(x$workers)))
    expect_equal(as.numeric(trace$otherData$tasks), 2)
  }
})

report_of_a_loss <- function() {
  made_report(list(
    executor = "multicore", call = quote(f(x)), tasks = 2L, workers = 1L, policy = new_policy(), threads = 1L, settings = list(),
    forks = 2, claims = 3, steals = 0, losses = 1, bytes = 0, sent = NA_real_, number = 1,
    spans = list(task = c(1, 1, 2), count = c(1, 1, 1), worker = c(1, 1, 1), start = c(1, 3, 4), end = c(2, 4, 5), growth = c(0, 0, 0), lost = c(FALSE, FALSE, FALSE), stolen = c(FALSE, FALSE, TRUE)),
    called = 0, launched = 0.5, ended = 5.5, start = Sys.time(), end = Sys.time()
  ))
}

test_that("what ran again is an instant where its first run ended", {
  skip_if_not_installed("jsonlite")
  x <- report_of_a_loss()
  events <- jsonlite::fromJSON(paste(trace_lines(x), collapse = "\n"), simplifyVector = FALSE)$traceEvents
  again <- Filter(function(e) identical(e$cat, "loss"), events)
  expect_length(again, 1L)
  expect_equal(again[[1L]]$ts, 2e6)
  expect_match(again[[1L]]$name, "task 1 runs again")
})

test_that("what is stolen is an instant where its thief begins with it", {
  skip_if_not_installed("jsonlite")
  x <- report_of_a_loss()
  stolen <- Filter(function(e) identical(e$cat, "steal"), jsonlite::fromJSON(paste(trace_lines(x), collapse = "\n"), simplifyVector = FALSE)$traceEvents)
  expect_length(stolen, 1L)
  expect_identical(stolen[[1L]]$name, "steals task 2")
  expect_equal(stolen[[1L]]$ts, 4e6)
  plans <- list(list("multisession", workers = 2, compiled = "never"))
  if (parallelly::supportsMulticore()) plans <- c(plans, list(list("multicore", workers = 2, compiled = "never")))
  for (plan in plans) {
    # The first half takes long, so that who has the other one steals.
    under_plan(plan, future_lapply(1:20, function(i) Sys.sleep(if (i <= 10) 0.03 else 0.001)))
    x <- job_report()
    expect_gt(x$steals, 0)
    expect_identical(sum(x$spans$stolen), as.integer(x$steals), info = plan[[1L]])
    expect_true(all(x$spans$task[x$spans$stolen] <= 20))
    # Nobody steals tasks that nobody has before.
    under_plan(c(plan, schedule = "dynamic"), future_lapply(1:20, identity))
    expect_false(any(job_report()$spans$stolen))
  }
})

test_that("a wrong report and a wrong file are told", {
  future_lapply(1, identity)
  expect_error(write_trace(1, tempfile()), class = "rustle_error_argument")
  expect_error(write_trace(job_report(), NA), class = "rustle_error_argument")
  expect_error(write_trace(job_report()), class = "rustle_error_argument")
  out <- textConnection("lines", "w", local = TRUE)
  write_trace(job_report(), out)
  close(out)
  expect_match(lines[[1L]], "traceEvents")
})
