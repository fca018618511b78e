same_as_lapply <- function(X, FUN, ..., same = identical) {
  oracle <- observe(lapply(X, FUN, ...))
  ours <- function(...) future_lapply(X, FUN, ...)
  dots <- list(...)
  expect_every_way(
    function(...) do.call(future_lapply, c(list(X, FUN), dots, list(...)), quote = TRUE),
    oracle, n = max(length(as.list(X)), 0L), parts = c("value", "class", "message", "seed"), same = same
  )
}

# A few ways are enough where the schedule cannot matter.
same_briefly <- function(X, FUN, ..., same = identical) {
  skip_without_fork()
  oracle <- lapply(X, FUN, ...)
  for (w in 1:3) {
    out <- with_plan("multicore", future_lapply(X, FUN, ...), workers = w)
    expect_true(same(out, oracle), info = paste(w, "workers"))
  }
  expect_true(same(with_plan("sequential", future_lapply(X, FUN, ...)), oracle), info = "sequential")
}

test_that("values come in the order of X, whatever the plan, schedule and chunks", {
  same_as_lapply(1:23, function(i) i^2)
  same_as_lapply(list(3, "a", NULL, TRUE), identity)
})

test_that("uneven tasks come in the order of X", {
  skip_on_cran()
  same_as_lapply(1:9, function(i) { if (i %% 3L == 1L) Sys.sleep(0.003); i })
})

test_that("names are those of X", {
  same_as_lapply(c(b = 1, a = 2, c = 3), identity)
  same_briefly(c(a = 1, 2, 3), identity)
  same_briefly(structure(list(1, 2), names = c("x", NA)), identity)
  same_briefly(c("u", "v"), toupper)
})

test_that("no element and one element give what lapply() gives", {
  same_as_lapply(list(7), identity)
  same_as_lapply(c(a = 7), function(x) NULL)
  for (X in list(list(), NULL, character(), structure(list(), names = character()), integer(), expression())) {
    same_briefly(X, identity)
  }
})

test_that("no element moves nothing and calls nothing", {
  skip_without_fork()
  before <- test_seeds()$mersenne
  got <- with_plan("multicore", workers = 2, observe(
    future_lapply(structure(list(), names = character()), stop, future.seed = TRUE), before
  ))
  expect_identical(got$value, structure(list(), names = character()))
  expect_identical(got$seed, before)
})

test_that("NULL results are kept", {
  same_as_lapply(1:6, function(i) if (i %% 2L) NULL else i)
  same_as_lapply(1:5, function(i) NULL)
})

test_that("X may be anything that lapply() takes", {
  envir <- list2env(list(a = 1, b = 2, c = 3))
  for (X in list(
    envir, data.frame(x = 1:3, y = letters[1:3]), expression(a + b, c, 3),
    as.Date("2024-01-01") + 0:3, factor(c("u", "v", "u")), pairlist(a = 1, 2),
    as.POSIXct(0:2, origin = "1970-01-01", tz = "UTC"), quote(f(x, y)), matrix(1:4, 2),
    as.raw(1:3), complex(real = 1:2, imaginary = 3:4), as.POSIXlt(as.Date("2024-01-01") + 0:1),
    numeric_version(c("1.2", "3.4.5")), table(c(1, 1, 2)), 1:6, letters
  )) {
    same_briefly(X, function(x) list(class(x), x))
  }
})

test_that("an environment's elements have its names", {
  skip_without_fork()
  envir <- list2env(list(a = 1, b = 2, c = 3))
  expect_identical(
    with_plan("multicore", future_lapply(envir, function(x) x + 1), workers = 2),
    lapply(envir, function(x) x + 1)
  )
})

test_that("S3 methods of as.list() and `[[` count as they do in lapply()", {
  registerS3method("as.list", "rustle_bag", function(x, ...) as.list(rev(unclass(x))))
  registerS3method("[[", "rustle_lazy", function(x, i) paste("element", i))
  registerS3method("length", "rustle_lazy", function(x) 3L)
  same_briefly(structure(1:4, class = "rustle_bag"), identity)
  same_briefly(structure(list(1, 2, 3), class = "rustle_lazy"), identity)
})

test_that("FUN may be a string, a primitive, a special or an S4 generic", {
  same_as_lapply(c(4, 9, 16), "sqrt")
  same_briefly(list(1:3, 4:6), sum)
  same_briefly(list(quote(x + y), 2), `(`)
  same_briefly(list(1, "a"), methods::is)
  same_briefly(list(list(a = 1), list(a = 2)), `[[`, "a")
  same_briefly(list(1:2, 3:4), `+`, 1L)
  local_string <- function(x) paste("local", x)
  expect_identical(
    with_plan("multicore", future_lapply(1:3, "local_string"), workers = 2),
    lapply(1:3, "local_string")
  )
})

test_that("dots reach FUN by name, by position and missing", {
  matrices <- list(matrix(1:4, 2), matrix(5:8, 2))
  same_as_lapply(1:4, function(x, y, ...) c(x, y, ...), y = 2, 3)
  same_briefly(matrices, "[", , 1)
  same_briefly(matrices, `[`, 1, )
  same_briefly(1:3, function(x, ...) list(...), NULL, a = NULL)
  same_briefly(1:3, function(i, n, call) c(i, n, call), n = 1, call = 2)
  same_briefly(1:2, function(x, ...) nargs(), 1, 2)
  same_briefly(1:2, function(x, ...) ...names(), a = 1, 2)
  same_briefly(1:2, function(x, e) e, quote(a + b))
  same_briefly(1:2, function(x, y) substitute(x), 1)
})

test_that("dots are evaluated once, before any task, as future.apply does", {
  skip_without_fork()
  count <- 0
  with_plan("multicore", workers = 3, future_lapply(1:9, function(i, x) x, {
    count <- count + 1
    count
  }))
  expect_identical(count, 1)
  failing <- function(f) observe(f(1:3, function(i, x) i, stop("bad dot")))[c("message", "class", "warnings")]
  expect_identical(
    with_plan("multicore", workers = 2, failing(future_lapply)),
    under_future(failing(future.apply::future_lapply))
  )
})

test_that("FUN sees match.call(), sys.call() and missing() as under lapply()", {
  same_briefly(1:3, function(x, ...) sys.call())
  same_briefly(1:3, function(x, ...) match.call(), 5)
  same_briefly(1:3, function(x, y) missing(y))
  same_briefly(1:3, function(x) substitute(x))
})

test_that("FUN sees the variables of its closure and of the session", {
  same_as_lapply(1:5, local({ offset <- 10; function(i) i + offset }))
})

test_that("an error keeps class, message and call, and gains its task", {
  skip_without_fork()
  FUN <- function(i) {
    if (i >= 4L) stop(structure(
      class = c("my_error", "error", "condition"),
      list(message = paste("bad", i), call = quote(f(x)), extra = i)
    ))
    i
  }
  oracle <- observe(lapply(1:9, FUN))
  expect_every_way(
    function(...) future_lapply(1:9, FUN, ...), oracle, n = 9L,
    chunkings = test_chunkings(9L)[1:10]
  )
  for (plan in test_plans()) {
    error <- under_plan(plan, tryCatch(future_lapply(1:9, FUN), error = identity))
    expect_identical(error$task, 4L)
    expect_identical(error$extra, 4L)
  }
})

test_that("a plain error has the message and call that lapply() gives", {
  FUN <- function(i) if (i == 3L) stop("three ", i) else log(-1:1)[i]
  oracle <- observe(lapply(1:7, FUN))
  expect_every_way(function(...) future_lapply(1:7, FUN, ...), oracle, n = 7L)
  oracle <- observe(lapply(list(1, "a"), function(x) x + 1))
  expect_every_way(function(...) future_lapply(list(1, "a"), function(x) x + 1, ...), oracle, n = 2L)
})

test_that("the failing task with the lowest index is raised", {
  skip_on_cran()
  skip_without_fork()
  FUN <- function(i) {
    if (i == 2L) Sys.sleep(0.02)
    if (i > 1L) stop("task ", i)
    i
  }
  for (plan in test_plans()) {
    error <- under_plan(plan, tryCatch(future_lapply(1:8, FUN), error = identity))
    expect_identical(conditionMessage(error), "task 2", info = paste(plan, collapse = " "))
    expect_identical(error$task, 2L)
  }
})

test_that("errors that are no lists or carry data survive", {
  skip_without_fork()
  big <- structure(
    class = c("big_error", "error", "condition"),
    list(message = strrep("m", 1e5), call = NULL, data = as.numeric(1:1e5))
  )
  error <- with_plan("multicore", workers = 2, tryCatch(future_lapply(1:3, function(i) stop(big)), error = identity))
  expect_identical(unclass(error)[names(unclass(big))], unclass(big), ignore_attr = TRUE)
  expect_identical(error$data, big$data)
})

test_that("stop() of a condition that is no error ends the call, and reaches a handler of its class", {
  skip_without_fork()
  FUN <- function(i) stop(structure(class = c("halt", "condition"), list(message = "bar", call = NULL)))
  for (plan in few_plans()) {
    got <- under_plan(plan, tryCatch(future_lapply(1:3, FUN), halt = function(c) conditionMessage(c)))
    expect_identical(got, "bar")
  }
})

test_that("an interrupt that a task signals is no error of ours", {
  skip_without_fork()
  FUN <- function(i) signalCondition(structure(class = c("interrupt", "condition"), list()))
  got <- with_plan("multicore", workers = 2, tryCatch(
    future_lapply(1:3, FUN), interrupt = function(c) "interrupted", error = conditionMessage
  ))
  expect_identical(got, tryCatch(lapply(1:3, FUN), interrupt = function(c) "interrupted"))
})

test_that("a call inside a call gives what lapply() gives", {
  skip_without_fork()
  nested <- function(f) f(1:3, function(i) f(1:i, function(j) i * j))
  for (w in 1:3) {
    out <- with_plan("multicore", nested(future_lapply), workers = w)
    expect_identical(out, nested(lapply))
  }
  out <- with_plan(
    list(tweak("multicore", workers = 2), tweak("multicore", workers = 2)), nested(future_lapply)
  )
  expect_identical(out, nested(lapply))
})

test_that("tasks leave options, directory, environment and search path of the session alone", {
  skip_without_fork()
  before <- list(options()[c("digits", "warn", "mc.cores")], getwd(), Sys.getenv("RUSTLE_TEST"), search())
  with_plan("multicore", workers = 2, future_lapply(1:4, function(i) {
    options(digits = 3, warn = 2)
    setwd(tempdir())
    Sys.setenv(RUSTLE_TEST = "set")
    assign("rustle_leak", 1, envir = globalenv())
    i
  }))
  after <- list(options()[c("digits", "warn", "mc.cores")], getwd(), Sys.getenv("RUSTLE_TEST"), search())
  expect_identical(after, before)
  expect_false(exists("rustle_leak", globalenv()))
})

test_that("tasks run in other processes under multicore, in this one under sequential", {
  skip_without_fork()
  pids <- with_plan("multicore", unlist(future_lapply(1:4, function(i) Sys.getpid())), workers = 2)
  expect_false(Sys.getpid() %in% pids)
  expect_lte(length(unique(pids)), 2L)
  pid <- with_plan("multicore", unlist(future_lapply(1, function(i) Sys.getpid())), workers = 1)
  expect_false(Sys.getpid() %in% pid)
  expect_identical(with_plan("sequential", future_lapply(1, function(i) Sys.getpid())), list(Sys.getpid()))
})

test_that("globals given as a list override those of the session, under every plan", {
  assign("rustle_a", 1, envir = globalenv())
  on.exit(rm("rustle_a", envir = globalenv()))
  FUN <- function(i) i + rustle_a
  environment(FUN) <- globalenv()
  oracle <- under_future(future.apply::future_lapply(1:3, FUN, future.globals = list(rustle_a = 10)))
  for (plan in test_plans(2)) {
    ours <- under_plan(plan, future_lapply(1:3, FUN, future.globals = list(rustle_a = 10)))
    expect_identical(ours, oracle, info = paste(plan, collapse = " "))
  }
  expect_identical(rustle_a, 1)
  expect_identical(
    with_plan("multicore", future_lapply(1:3, FUN, future.globals = "rustle_a"), workers = 2),
    lapply(1:3, FUN)
  )
})

test_that("globals given as a list leave the variables of a closure of its own alone", {
  a <- 1
  FUN <- function(i) i + a
  oracle <- under_future(future.apply::future_lapply(1:3, FUN, future.globals = list(a = 10)))
  for (plan in list(list("sequential"), list("multicore", workers = 2))) {
    expect_identical(under_plan(plan, future_lapply(1:3, FUN, future.globals = list(a = 10))), oracle)
  }
})

test_that("future.packages are attached where tasks run", {
  skip_without_fork()
  attached <- with_plan("multicore", workers = 2, future_lapply(
    1:2, function(i) "package:splines" %in% search(), future.packages = "splines"
  ))
  expect_identical(attached, list(TRUE, TRUE))
})

test_that("no label, a label and TRUE are all the same to values", {
  for (label in list(TRUE, FALSE, "chunk-%d", "plain")) {
    expect_identical(with_plan("sequential", future_lapply(1:2, identity, future.label = label)), list(1L, 2L))
  }
})

test_that("thousands of tasks arrive, each once", {
  skip_on_cran()
  skip_without_fork()
  for (schedule in test_schedules()) {
    out <- with_plan("multicore", future_lapply(1:20000, identity), workers = 3, schedule = schedule)
    expect_identical(out, as.list(1:20000), info = schedule)
  }
})
