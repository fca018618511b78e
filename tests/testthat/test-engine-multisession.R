# Jobs on workers that stand by: what is kept from call to call, and when it must not be.

# Workers run what compiles, too.
standing_plan <- function(workers = 2L, ..., .local_envir = parent.frame()) {
  skip_without_fork()
  local_plan("multisession", workers = workers, compiled = "never", ..., .local_envir = .local_envir)
}

# A function of the global environment, or of another.
global_code <- function(f, envir = globalenv()) {
  environment(f) <- envir
  f
}

test_that("a second call of a function sees what has changed since the first", {
  standing_plan()
  both <- function(f) unique(future_sapply(1:2, f))
  withr::defer(rm("rustle_given", envir = globalenv()))
  use <- global_code(function(i) sum(rustle_given))
  assign("rustle_given", c(1, 2), envir = globalenv())
  expect_identical(both(use), 3)
  assign("rustle_given", 10, envir = globalenv())
  expect_identical(both(use), 10)
  # In place.
  evalq({ rustle_given <- c(1, 2); rustle_given[[1L]] <- 5 }, globalenv())
  expect_identical(both(use), 7)

  home <- list2env(list(k = 1), parent = globalenv())
  own <- global_code(function(i) k, home)
  expect_identical(both(own), 1)
  home$k <- 2
  expect_identical(both(own), 2)
  other <- global_code(own, list2env(list(k = 3), parent = globalenv()))
  expect_identical(both(other), 3)
  expect_identical(both(own), 2)
  # A name that was none becomes a variable, and one that was a variable is none any more.
  shadowed <- global_code(function(i) nchar("abc"), home)
  expect_identical(both(shadowed), 3L)
  home$nchar <- function(x) -1L
  expect_identical(both(shadowed), -1L)
  rm("nchar", envir = home)
  expect_identical(both(shadowed), 3L)
  body(own) <- quote(-k)
  expect_identical(both(own), -2)
  counted <- global_code(function(i) { count <<- count + 1; count }, list2env(list(count = 0), parent = globalenv()))
  for (round in 1:2) expect_identical(future_sapply(1, counted), 1)
  expect_identical(environment(counted)$count, 0)
})

test_that("data that C code changes in place are seen", {
  skip_if_not_installed("data.table")
  standing_plan()
  withr::defer(rm("rustle_table", envir = globalenv()))
  assign("rustle_table", data.table::data.table(x = c(1, 2)), envir = globalenv())
  use <- global_code(function(i) sum(rustle_table[["x"]]))
  expect_identical(future_sapply(1:2, use), c(3, 3))
  data.table::set(get("rustle_table", globalenv()), 1L, "x", 10)
  expect_identical(future_sapply(1:2, use), c(12, 12))
})

test_that("workers have the session's settings of every call", {
  skip_without_fork()
  run <- run_r(timeout = 60, {
    library(rustle)
    plan(multisession, workers = 2)
    look <- function(i) {
      list(
        getOption("digits"), getOption("mine"), Sys.getenv("MINE", NA), getwd(), Sys.getlocale("LC_COLLATE"),
        Sys.umask(NA), "package:splines" %in% search(), .libPaths(), future::nbrOfWorkers(),
        { set.seed(1); list(stats::runif(1), RNGkind()) }, getOption("future.globals.maxSize")
      )
    }
    here <- function() {
      value <- look(1)
      # Calls in a task are sequential.
      value[[9L]] <- 1L
      value
    }
    same <- function() {
      expected <- keep_random_seed(here())
      identical(future_lapply(1:2, look, future.seed = NULL), list(expected, expected))
    }
    out <- list(
      first = same(), option = { options(digits = 4, mine = 1); same() }, option_gone = { options(mine = NULL); same() },
      variable = { Sys.setenv(MINE = "a"); same() }, changed = { Sys.setenv(MINE = "b"); same() },
      variable_gone = { Sys.unsetenv("MINE"); same() }, directory = { setwd(tempdir()); same() },
      locale = { Sys.setlocale("LC_COLLATE", "C"); same() }, mask = { Sys.umask("077"); same() },
      attached = { library(splines); same() }, detached = { detach("package:splines"); same() },
      libraries = { .libPaths(c(tempdir(), .libPaths())); same() },
      kinds = { RNGkind("L'Ecuyer-CMRG"); same() },
      kinds_alone = { RNGkind("Wichmann-Hill"); rm(.Random.seed, envir = globalenv()); same() },
      kinds_by_hand = {
        set.seed(1, "Marsaglia-Multicarry")
        state <- .Random.seed
        RNGkind("default")
        assign(".Random.seed", state, envir = globalenv())
        same()
      },
      limit = { options(future.globals.maxSize = 1e9); same() }, again = same()
    )
  }, before = quote({ keep_random_seed <- rustle:::keep_random_seed }))
  expect_all_true(run$value)
})

test_that("settings of the plan and of the call count from the next call on", {
  standing_plan()
  printed <- function(...) capture.output(future_lapply(1:2, function(i) cat("said", i, "\n"), ...))
  heard <- printed()
  expect_length(heard[startsWith(heard, "said")], 2L)
  silent <- printed(future.stdout = FALSE)
  expect_length(silent[startsWith(silent, "said")], 0L)
  expect_identical(printed(), heard)
  threads <- function() unique(future_sapply(1:2, function(i) rustle:::thread_allotment()))
  standing_plan(worker_threads = 1)
  expect_equal(threads(), 1)
  standing_plan(worker_threads = 2)
  expect_equal(threads(), 2)
  numbers <- function(seed) future_sapply(1:3, function(i) stats::runif(1), future.seed = seed)
  first <- numbers(1)
  expect_false(identical(numbers(2), first))
  expect_identical(numbers(1), first)
  expect_identical(future_sapply(1:7, function(i) i), 1:7)
  expect_identical(future_sapply(1:3, function(i) i), 1:3)
})

test_that("a task that puts away the redirection of its output harms nobody", {
  standing_plan(workers = 1L)
  plain <- function() capture.output(future_lapply(1, function(i) cat("heard\n")))[[1L]]
  expect_identical(plain(), "heard")
  file <- tempfile()
  deeds <- list(
    away = function(i) suppressWarnings(sink()),
    all = function(i) for (k in 1:3) suppressWarnings(sink()),
    other = function(i) { sink(); sink(file) },
    kept = function(i) { assign("con", base::file(file, "w"), globalenv()); sink(); sink(get("con", globalenv())) },
    more = function(i) sink(file),
    closed = function(i) { sink(); closeAllConnections() }
  )
  for (deed in names(deeds)) {
    capture.output(future_lapply(1, deeds[[deed]]))
    expect_identical(plain(), "heard", label = deed)
  }
})

test_that("globals of a call are gone after it, and those that workers keep are there", {
  standing_plan(workers = 1L)
  withr::defer(rm("rustle_given", envir = globalenv()))
  clusterExport(NULL, "rustle_kept", list2env(list(rustle_kept = 1)))
  assign("rustle_given", 2, envir = globalenv())
  use <- global_code(function(i) {
    found <- rustle_given + get("rustle_kept", globalenv())
    assign("rustle_kept", -1, globalenv())
    rustle_given <<- -1
    lockBinding("rustle_given", globalenv())
    found
  })
  for (round in 1:2) expect_identical(future_sapply(1, use), 3)
  there <- function(i) c(exists("rustle_given", globalenv()), get("rustle_kept", globalenv()))
  expect_identical(future_lapply(1, there, future.globals = FALSE), list(c(0, 1)))
})

test_that("options of a package that a task has loaded stay, and those of later tasks do not", {
  standing_plan(workers = 1L)
  load <- function(i) { loadNamespace("stats4"); loadNamespace("splines"); NULL }
  future_lapply(1, load)
  future_lapply(1, function(i) { options(rustle.of.task = 1); Sys.setenv(RUSTLE_OF_TASK = "1") })
  left <- future_lapply(1, function(i) list(getOption("rustle.of.task"), Sys.getenv("RUSTLE_OF_TASK", NA)))
  expect_identical(left, list(list(NULL, NA_character_)))
  # Of a task that loads a package too.
  future_lapply(1, function(i) { loadNamespace("grid"); options(rustle.of.task = 1); Sys.setenv(RUSTLE_OF_TASK = "1") })
  left <- future_lapply(1, function(i) list(getOption("rustle.of.task"), Sys.getenv("RUSTLE_OF_TASK", NA)))
  expect_identical(left, list(list(NULL, NA_character_)))
})

test_that("terms are sent anew only when they have changed", {
  standing_plan()
  number <- function(...) {
    future_lapply(1:4, function(i) i, ...)
    sent$terms[[1L]]$number
  }
  newest <- function() max(vapply(sent$terms, function(terms) terms$number, 0))
  number()
  first <- newest()
  number()
  number(future.seed = 3)
  second <- newest()
  expect_identical(second, first + 1)
  number(future.seed = 4)
  number()
  expect_identical(newest(), second)
  for (n in 1:20) future_lapply(seq_len(n), identity)
  expect_length(sent$terms, sent_terms_most)
  expect_identical(future_lapply(1:4, function(i) i), as.list(1:4))
})

# The memory of a call is used for the next (src/rust/crates/workers/src/stains.rs): nothing of one may
# be seen in another, whatever sizes, kinds of values and reports they have.
test_that("calls of many sizes and kinds one after another have nothing of each other", {
  standing_plan()
  calls <- list(
    function(apply) apply$l(1:3, function(i) i),
    function(apply) apply$v(1:20000, function(i) i / 2, 0),
    function(apply) apply$v(1:300, function(i) c(i, -i), c(0, 0)),
    function(apply) apply$l(1:12000, function(i) if (i %% 2) NULL else i),
    function(apply) apply$l(1:50, function(i) letters[seq_len(i %% 5)]),
    function(apply) tryCatch(apply$l(1:9000, function(i) if (i == 4000L) stop("four") else i), error = conditionMessage),
    function(apply) apply$l(1:20000, function(i) i > 3),
    function(apply) apply$v(1:7, function(i) rep(i, 200L), integer(200))
  )
  # Each is in the times of tasks once. NA: it ends early.
  tasks <- c(3, 20000, 300, 12000, 50, NA, 20000, 7)
  ours <- list(l = future_lapply, v = future_vapply)
  base <- list(l = lapply, v = vapply)
  expected <- lapply(calls, function(call) call(base))
  for (k in c(1:8, 3, 2, 7, 1, 8, 2, 6, 3, 5, 4, 7, 2, 1)) {
    expect_identical(calls[[k]](ours), expected[[k]], info = k)
    if (!is.na(tasks[[k]])) expect_equal(sum(job_report()$spans$count), tasks[[k]], info = k)
  }
})
