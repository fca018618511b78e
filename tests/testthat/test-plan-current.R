# The plan in force, and those that follow from it.

test_that("starting workers leaves the session's plan and cores as they were, also when a call fails", {
  skip_without_fork()
  local_plan("multicore", workers = 2)
  before <- list(current_plan(), machine_cores(), options("mc.cores", "parallelly.fork.enable"))
  now <- function() list(current_plan(), machine_cores(), options("mc.cores", "parallelly.fork.enable"))
  future_lapply(1:4, identity)
  expect_identical(now(), before)
  expect_error(future_lapply(1:4, function(i) stop("no")), "no")
  expect_identical(now(), before)
  expect_error(future_lapply(1:4, function(i) quit("no")), class = "rustle_error_worker_lost")
  expect_identical(now(), before)
  expect_false(process$as_worker)
})

test_that("a worker has one worker, its share of the cores and the settings of the plan", {
  skip_without_fork()
  local_plan("multicore", workers = 2, retries = 0)
  seen <- future_lapply(1:2, function(i) {
    plan <- rustle:::current_plan()
    list(plan$executor$name, plan$workers, plan$settings$retries, rustle:::is_worker(), rustle:::process$allotment$pid == Sys.getpid())
  })
  expect_identical(seen, rep(list(list("sequential", 1L, 0L, TRUE, TRUE)), 2L))
  expect_false(is_worker())
})

test_that("a plan that somebody else sets is adopted with default settings", {
  local_plan("sequential", retries = 0)
  expect_identical(current_plan()$settings$retries, 0L)
  future::plan(future::sequential, split = TRUE)
  expect_identical(current_plan()$settings, default_settings())
})

test_that("a call that says how many workers finds them where there is no forking, and the plan stays", {
  skip_on_cran()
  skip_on_os("windows")
  withr::local_options(parallelly.fork.enable = FALSE)
  local_plan("sequential")
  call <- function() {
    plan <- plan_of_number(2L, environment())
    list(plan$executor$name, plan$workers, current_plan()$workers)
  }
  expect_identical(call(), list("multisession", 2L, 1L))
  expect_identical(current_plan()$executor$name, "sequential")
})

test_that("a call that says how many workers gets workers of the plan's kind", {
  skip_on_cran()
  skip_without_fork()
  local_plan("multisession", workers = 2)
  own <- unlist(future_lapply(1:2, meeting(2L)))
  # pid of the parent: workers of multisession are children of one process, which is not this one.
  parent <- function(...) as.integer(strsplit(sub("^.*\\) ", "", readLines("/proc/self/stat", warn = FALSE)), " ")[[1L]][[2L]])
  skip_if_not(file.exists("/proc/self/stat"), "needs /proc")
  server <- unlist(future_lapply(1:2, parent))
  expect_false(Sys.getpid() %in% server)
  expect_true(all(unlist(parLapply(3, 1:3, parent)) %in% server))
  b <- bootstrap(1:5, function(d, i) parent() + 0, R = 4, workers = 3, seed = 1)
  expect_true(all(b$t %in% server))
  set.seed(1)
  b <- boot(1:5, function(d, i) parent() + 0, R = 4, parallel = "multicore", ncpus = 3)
  expect_true(all(b$t %in% server))
  expect_identical(nbrOfWorkers(), 2L)
})

test_that("a message that is told once is told once", {
  withr::defer(told$of_a_test <- NULL)
  expect_true(first_time("of_a_test"))
  expect_false(first_time("of_a_test"))
})

test_that("a worker that stands by has no plan of calls before, and no workers of its own from them", {
  skip_without_fork()
  # Processes that ran the nested tasks, and what the task's plan is.
  nested <- function(i) {
    inner <- unlist(future_lapply(1:4, function(j) { Sys.sleep(0.01); Sys.getpid() }))
    list(own = all(inner == Sys.getpid()), future = inherits(future::plan(), "sequential"), inner = unique(inner))
  }
  environment(nested) <- globalenv()
  alone <- function(out) vapply(out, function(x) x$own && x$future, NA)
  local_plan(list(tweak(multisession, workers = 2L), tweak(multisession, workers = 2L)))
  expect_identical(alone(future_lapply(1:2, nested)), c(FALSE, FALSE))
  plan(multisession, workers = 2L)
  expect_identical(alone(future_lapply(1:2, nested)), c(TRUE, TRUE))
  by_task <- future_lapply(1:2, function(i) { plan(multisession, workers = 2L); nested(i) })
  expect_identical(alone(by_task), c(FALSE, FALSE))
  expect_identical(alone(future_lapply(1:2, nested)), c(TRUE, TRUE))
  inner <- unlist(lapply(by_task, `[[`, "inner"))
  skip_if_not(dir.exists("/proc/self"))
  gone <- function(pid) {
    state <- suppressWarnings(tryCatch(readLines(file.path("/proc", pid, "stat")), error = function(e) ") Z"))
    grepl(") Z", state, fixed = TRUE)
  }
  expect_true(wait_for(function() all(vapply(inner, gone, NA))))
})

test_that("a plan in this session is made as all others are", {
  plan <- new_plan(executor("threads"), 3L, list(), NULL)
  expect_identical(in_session(plan), new_plan(executor("sequential"), 1L, plan$settings, plan$stack))
})
