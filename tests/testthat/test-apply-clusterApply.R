test_that("clusterApply() and clusterApplyLB() give parallel's values on every plan", {
  skip_without_fork()
  for (x in list(
    1:5, c(a = 1, b = 2), list(), NULL, list(1, "b", NULL), factor(c("u", "v")), as.Date("2024-01-01") + 0:2,
    data.frame(x = 1:3, y = 4:6)
  )) {
    for (name in c("clusterApply", "clusterApplyLB")) expect_as_cluster(name, x, function(x, ...) list(x, ...), 2)
  }
  expect_as_cluster("clusterApply", 1:3, "sqrt")
  expect_as_cluster("clusterApply", 1:3, function(x, y) if (x == 2) NULL else y, y = quote(a + b))
})

test_that("clusterMap() has parallel's values, names and shapes on every plan", {
  skip_without_fork()
  pairs <- function(x, y, ...) list(x, y, ...)
  for (scheduling in c("static", "dynamic")) {
    same <- function(...) expect_as_cluster("clusterMap", ..., .scheduling = scheduling)
    same(`+`, 1:5, 5:1)
    same(`+`, 1:5, 1:2, SIMPLIFY = TRUE)
    same(`+`, c(a = 1, b = 2), 3:4)
    same(pairs, c("u", "v"), y = 1:3)
    same(pairs, c("u", "v"), y = 1:3, USE.NAMES = FALSE)
    same(pairs, 1:3, y = 1:2, RECYCLE = FALSE)
    same(pairs, y = 1:3, x = list(1, "b", NULL), MoreArgs = list(z = "m", quote(a + b)))
    same(function(x, y) diag(2) * x, 1:2, 1, SIMPLIFY = "array")
    same(function(x) NULL, 1:3)
    same(pairs, factor(c("u", "v")), as.Date("2024-01-01") + 0:1)
    same(pairs, integer(), list())
    same(pairs, integer(), list(), SIMPLIFY = TRUE)
    same(pairs, 1:3, integer(), RECYCLE = FALSE)
  }
  # Names that are too long stop parallel.
  expect_identical(clusterMap(NULL, `+`, c(a = 1, b = 2), 3, RECYCLE = FALSE), list(a = 4))
})

test_that("clusterSplit() cuts for the workers that there are", {
  expect_as_cluster("clusterSplit", 1:7, plans = list(static = list("multicore", workers = 2)))
  expect_as_cluster("clusterSplit", letters, plans = list(static = list("multicore", workers = 2)))
  expect_identical(clusterSplit(3, 1:7), lapply(splitIndices(7, 3), identity))
  expect_identical(with_plan("sequential", clusterSplit(NULL, 1:3)), list(1:3))
})

test_that("workers without shared memory give the same", {
  skip_on_cran()
  expect_as_cluster("clusterApply", list(1, "b", NULL), function(x, k) list(x, k), k = 2, plans = other_plans())
  expect_as_cluster(
    "clusterMap", function(x, y, ...) list(x, y, ...), c(a = 1, b = 2, c = 3), y = 3:1,
    MoreArgs = list(FUN = 1, X = "x", quote(a)), plans = other_plans()
  )
})

test_that("MoreArgs and dots may have any name", {
  skip_without_fork()
  for (plan in few_plans()) {
    under_plan(plan, {
      expect_identical(clusterApply(NULL, 1:2, function(i, X, FUN, n) c(X, FUN, n), X = 1, FUN = 2, n = 3), list(c(1, 2, 3), c(1, 2, 3)))
      expect_identical(
        clusterMap(NULL, function(a, FUN, X, i) list(a, FUN, X, i), 1:2, i = 3:4, MoreArgs = list(FUN = "f", X = NULL)),
        list(list(1L, "f", NULL, 3L), list(2L, "f", NULL, 4L))
      )
    })
  }
})

test_that("clusterApply() has no barrier, and parallel's has one", {
  skip_without_fork()
  local_plan("multicore", workers = 2)
  directory <- withr::local_tempdir()
  # Task 1 waits for task 4, which in rounds of two would wait for task 1.
  wait <- function(i, directory, seconds) {
    file.create(file.path(directory, i))
    until <- Sys.time() + seconds
    while (i == 1L && !file.exists(file.path(directory, 4)) && Sys.time() < until) Sys.sleep(0.01)
    file.exists(file.path(directory, 4))
  }
  expect_true(clusterApply(NULL, 1:4, wait, directory, 60)[[1L]])
  unlink(file.path(directory, 1:4))
  expect_true(clusterMap(NULL, wait, 1:4, MoreArgs = list(directory, 60))[[1L]])
  unlink(file.path(directory, 1:4))
  expect_false(parallel::clusterApply(test_cluster(), 1:4, wait, directory, 0.3)[[1L]])
})

test_that("the static schedule of clusterMap() deals tasks out in turn", {
  skip_without_fork()
  local_plan("multicore", workers = 2)
  pids <- clusterMap(NULL, function(i) { Sys.sleep(0.02); Sys.getpid() }, 1:6, SIMPLIFY = TRUE)
  expect_identical(match(pids, pids), rep(1:2, 3))
})

test_that("numbers, errors and clusters are as for parLapply()", {
  skip_without_fork()
  local_plan("multicore", workers = 2)
  state <- test_seeds()$lecuyer
  draw <- function(i, ...) runif(2)
  oracle <- observe(with_plan("sequential", future_lapply(1:5, draw, future.seed = TRUE)), state)[c("value", "seed")]
  expect_identical(observe(clusterApply(NULL, 1:5, draw), state)[c("value", "seed")], oracle)
  expect_identical(observe(clusterApplyLB(3, 1:5, draw), state)[c("value", "seed")], oracle)
  expect_identical(observe(clusterMap(NULL, draw, 1:5, 5:1), state)[c("value", "seed")], oracle)

  error <- tryCatch(clusterMap(NULL, function(x, y) if (x > y) stop("larger") else x, 1:4, 4:1), error = identity)
  expect_identical(error$task, 3L)
  expect_identical(error$failed, 3:4)

  cl <- test_cluster()
  nodes <- unlist(parallel::clusterCall(cl, Sys.getpid))
  pid <- function(...) Sys.getpid()
  expect_identical(unlist(clusterApply(cl, 1:2, pid)), nodes)
  expect_true(all(unlist(clusterApplyLB(cl, 1:2, pid)) %in% nodes))
  expect_identical(clusterMap(cl, pid, 1:2, SIMPLIFY = TRUE), nodes)
  expect_identical(clusterSplit(cl, 1:4), list(1:2, 3:4))
})

test_that("a number of workers is what a call has, and the plan keeps its own", {
  skip_on_cran()
  pids <- function(cl, workers) unique(unlist(clusterApply(cl, 1:6, meeting(workers))))
  local_plan("multisession", workers = 2)
  own <- pids(NULL, 2L)
  before <- plan()
  expect_length(own, 2L)
  expect_length(pids(1, 1L), 1L)
  expect_length(clusterSplit(1, 1:4), 1L)
  more <- pids(3, 3L)
  expect_length(more, 3L)
  expect_true(all(own %in% more))
  expect_identical(parLapply(3, 1:3, identity), as.list(1:3))
  expect_identical(unclass(plan()), unclass(before))
  expect_length(pids(NULL, 2L), 2L)
})

test_that("a number of workers leaves the nodes of a plan alone", {
  skip_on_cran()
  skip_if_not(file.exists("/proc/self/stat"), "no /proc here")
  # Tasks run in workers that a node has forked: its process is their parent.
  node <- function() as.integer(strsplit(readLines("/proc/self/stat"), " ")[[1L]][[4L]])
  environment(node) <- globalenv()
  nodes <- function(cl, n) unique(unlist(clusterApply(cl, 1:6, meeting(n, node))))
  local_plan("cluster", workers = 2)
  own <- nodes(NULL, 2L)
  before <- plan()
  expect_length(own, 2L)
  # Fewer: one task after another.
  expect_true(all(nodes(1, 1L) %in% own))
  expect_length(clusterSplit(1, 1:4), 1L)
  expect_argument_error(clusterApply(3, 1:3, identity), "cl")
  expect_argument_error(parLapply(3, 1:3, identity), "cl")
  expect_identical(unclass(plan()), unclass(before))
  expect_setequal(nodes(NULL, 2L), own)
})

test_that("workers under a plan without any serve the next call too, and end when a plan is set", {
  skip_on_cran()
  skip_on_os("windows")
  withr::local_options(parallelly.fork.enable = FALSE)
  alive <- function(pid) any(grepl("^State:\\s[^ZX]", tryCatch(readLines(sprintf("/proc/%d/status", pid)), error = function(e) "", warning = function(w) "")))
  gone <- function(pids) {
    until <- Sys.time() + 60
    while (any(left <- vapply(pids, alive, NA)) && Sys.time() < until) Sys.sleep(0.05)
    !any(left)
  }
  local_plan("sequential")
  before <- plan()
  pids <- function() unique(unlist(clusterApply(2, 1:6, meeting(2L))))
  first <- pids()
  expect_length(first, 2L)
  expect_false(Sys.getpid() %in% first)
  expect_identical(plan(), before)
  expect_error(parLapply(2, 1:3, function(i) if (i == 2L) stop("no") else i), "no")
  expect_identical(plan(), before)
  expect_setequal(pids(), first)
  # A call that is left in the middle of a task leaves nobody at work.
  file <- withr::local_tempfile()
  wait <- function(i) { cat(Sys.getpid(), "\n", file = file, append = TRUE); if (i == 2L) message("now") else Sys.sleep(60) }
  tryCatch(clusterApplyLB(2, c(2, 1), wait), message = function(m) NULL)
  expect_identical(plan(), before)
  now <- pids()
  plan("sequential")
  if (dir.exists("/proc/self")) expect_true(gone(c(first, now, scan(file, quiet = TRUE))))
})

test_that("wrong arguments stop before anything has started", {
  ran <- FALSE
  FUN <- function(...) ran <<- TRUE
  for (cl in list("two", 0, NA_real_, 1:2)) {
    expect_argument_error(clusterApply(cl, 1:2, FUN), "cl")
    expect_argument_error(clusterApplyLB(cl, 1:2, FUN), "cl")
    expect_argument_error(clusterMap(cl, FUN, 1:2), "cl")
    expect_argument_error(clusterSplit(cl, 1:2), "cl")
  }
  expect_argument_error(clusterApply(NULL, 1:2, 3), "fun")
  expect_argument_error(clusterApplyLB(NULL, 1:2, "no such function"), "fun")
  expect_argument_error(clusterMap(NULL, 3, 1:2), "fun")
  expect_argument_error(clusterMap(NULL, FUN), "...")
  expect_argument_error(clusterMap(NULL, FUN, 1:2, integer()), "...")
  expect_argument_error(clusterMap(NULL, FUN, 1:2, MoreArgs = 3), "MoreArgs")
  expect_argument_error(clusterMap(NULL, FUN, 1:2, RECYCLE = NA), "RECYCLE")
  expect_argument_error(clusterMap(NULL, FUN, 1:2, SIMPLIFY = NA), "SIMPLIFY")
  expect_argument_error(clusterMap(NULL, FUN, 1:2, USE.NAMES = "a"), "USE.NAMES")
  expect_argument_error(clusterMap(NULL, FUN, 1:2, .scheduling = "guided"), ".scheduling")
  expect_false(ran)
})
