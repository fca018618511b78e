# foreach loops on the plan: the oracles are `%do%`, registerDoSEQ() and doRNG.

skip_if_not_installed("foreach")
library(foreach)

# Loops with the backend `register` under `plan`; afterwards there is the sequential one.
looping <- function(expr, plan = list("sequential"), register = registerDoRustle) {
  withr::defer(foreach::registerDoSEQ())
  under_plan(plan, {
    register()
    expr
  })
}

# Plans under which every claim holds.
loop_plans <- function() {
  if (!parallelly::supportsMulticore()) return(test_plans()["sequential"])
  few_plans()
}

# `loops`, expressions with %dopar%, do under every plan (each under some, in turn) what `%do%` does.
expect_as_do <- function(loops, envir = parent.frame(), parts = c("value", "class", "message", "call")) {
  run <- function(loop) observe(eval(loop, new.env(parent = envir)))[parts]
  oracles <- lapply(loops, function(loop) run(do_of(loop)))
  plans <- loop_plans()
  under <- lapply(loops, function(loop) names(in_turn(plans, "foreach")))
  for (name in names(plans)) {
    mine <- which(vapply(under, function(names) name %in% names, NA))
    got <- looping(lapply(loops[mine], run), plans[[name]])
    for (k in seq_along(mine)) {
      expect_identical(got[[k]], oracles[[mine[[k]]]], info = paste(name, deparse(loops[[mine[[k]]]])[[1L]]))
    }
  }
}

# The loop with %do% in place of %dopar%.
do_of <- function(loop) {
  if (is.call(loop) && identical(loop[[1L]], quote(`%dopar%`))) loop[[1L]] <- quote(`%do%`)
  loop
}

test_that("values and combining are those of %do% under every plan", {
  loops <- alist(
    foreach(i = 1:5) %dopar% sqrt(i),
    foreach(i = 1:5, j = 5:1) %dopar% (i - j),
    foreach(i = 1:5, j = 1:3, .combine = c) %dopar% (i * j),
    foreach(1:3) %dopar% "x",
    foreach(i = list(NULL, 1, NULL)) %dopar% i,
    foreach(i = 1:3) %dopar% if (i == 2) NULL else i,
    foreach(i = c(a = 1, b = 2)) %dopar% i,
    foreach(i = integer()) %dopar% i,
    foreach(i = integer(), .combine = "+", .init = 7) %dopar% i,
    foreach(i = 1:5, .combine = "+") %dopar% i,
    foreach(i = 1:5, .combine = "-", .init = 100) %dopar% i,
    foreach(i = 1:4, .combine = rbind) %dopar% c(i, i^2),
    foreach(i = 1:4, .combine = cbind, .init = 0) %dopar% i,
    foreach(i = 1:9, .combine = function(...) paste0("(", ..., ")", collapse = ""), .multicombine = TRUE, .maxcombine = 4) %dopar% i,
    foreach(i = 1:9, .combine = function(...) sum(..., 1), .multicombine = TRUE, .maxcombine = 3, .inorder = FALSE) %dopar% i,
    foreach(i = 1:3, .final = function(x) setNames(x, letters[1:3])) %dopar% i,
    foreach(i = 1:3, .combine = c, .final = rev) %dopar% i,
    foreach(x = mtcars, .combine = c) %dopar% mean(x),
    foreach(i = c("a", "b"), .combine = c, .inorder = FALSE, .maxcombine = 50) %dopar% toupper(i),
    foreach(FUN = list(sum, prod), X = list(1:4, 2:4), .combine = c) %dopar% FUN(X),
    times(3) %dopar% 5
  )
  expect_as_do(loops)
})

test_that("nested loops and conditions are those of %do%", {
  loops <- alist(
    foreach(a = 1:3, .combine = "cbind") %:% foreach(b = 1:4, .combine = "c") %dopar% (10 * a + b),
    foreach(a = 1:3) %:% foreach(b = seq_len(a)) %dopar% c(a, b),
    foreach(a = 1:5, .combine = c) %:% when(a %% 2 == 1) %dopar% a,
    foreach(a = 1:3, .combine = c) %:% foreach(b = 1:3, .combine = c) %:% when(a < b) %dopar% paste(a, b),
    foreach(a = 1:2) %:% foreach(b = 1:2) %:% foreach(k = 1:2, .combine = "+") %dopar% (a + b + k),
    foreach(a = 1:2, .combine = rbind) %:% foreach(a = 3:4, .combine = c) %dopar% a
  )
  expect_as_do(loops)
})

test_that("schedules and chunk sizes do not change values", {
  skip_without_fork()
  expected <- as.list((1:20)^2)
  for (schedule in test_schedules()) {
    for (size in list(NULL, 1, 3, 100)) {
      options <- list(schedule = schedule)
      options$chunk_size <- size
      got <- looping(foreach(i = 1:20, .options.rustle = options) %dopar% i^2, list("multicore", workers = 3))
      expect_identical(got, expected, info = paste(schedule, size))
    }
  }
  got <- looping(
    foreach(a = 1:2, .options.rustle = list(schedule = "static")) %:%
      foreach(b = 1:2, .options.rustle = list(schedule = "cyclic", chunk_size = 2)) %dopar% (a * b),
    list("multicore", workers = 2)
  )
  expect_identical(got, list(list(1L, 2L), list(2L, 4L)))
})

test_that("options become the policy of the job", {
  plan <- list(settings = default_settings())
  policy <- function(...) policy_of_foreach(list(...), plan)[c("schedule", "chunk")]
  expect_identical(policy(), list(schedule = "stealing", chunk = 1L))
  expect_identical(policy(schedule = "cyclic"), list(schedule = "cyclic", chunk = 1L))
  expect_identical(policy(chunk_size = 4L), list(schedule = "dynamic", chunk = 4L))
  expect_identical(policy(schedule = "guided", chunk_size = 4L), list(schedule = "guided", chunk = 4L))
  both <- list(rustle = list(schedule = "static"), rustle = list(schedule = "cyclic", chunk_size = 2))
  expect_identical(check_foreach_options(both, NULL), list(schedule = "static", chunk_size = 2L))
})

test_that("iterators of unknown length are read to their end", {
  skip_if_not_installed("iterators")
  countdown <- function(from) {
    iterators::iter(function() {
      if (from == 0) stop("StopIteration", call. = FALSE)
      from <<- from - 1
      from
    })
  }
  for (plan in loop_plans()) {
    expect_identical(looping(foreach(i = countdown(5), .combine = c) %dopar% i, plan), c(4, 3, 2, 1, 0))
    expect_identical(looping(foreach(i = iterators::icount(), j = countdown(3), .combine = c) %dopar% (i + j), plan), c(3, 3, 3))
    expect_identical(looping(foreach(i = countdown(0)) %dopar% i, plan), list())
  }
  expect_as_do(alist(
    foreach(d = iterators::isplit(mtcars$mpg, mtcars$gear), .combine = c) %dopar% mean(d$value),
    foreach(r = iterators::iter(matrix(1:6, 2), by = "row"), .combine = c) %dopar% sum(r)
  ))
})

test_that("an iterator that fails fails the loop before any task", {
  skip_if_not_installed("iterators")
  file <- withr::local_tempfile()
  bad <- iterators::iter(function() stop("the source is gone"))
  expect_error(looping(foreach(i = bad) %dopar% file.create(file)), "the source is gone")
  expect_false(file.exists(file))
})

test_that(".errorhandling is that of %do%, and the error tells the index", {
  loops <- alist(
    foreach(i = 1:6) %dopar% if (i >= 3) stop("bad ", i) else i,
    foreach(i = 1:6, .combine = c) %dopar% if (i == 3) simpleError("a value") else i,
    foreach(i = 1:6, .errorhandling = "remove") %dopar% if (i %in% c(1, 4)) stop("bad") else i,
    foreach(i = 1:6, .combine = "+", .errorhandling = "remove") %dopar% if (i %in% c(1, 4)) stop("bad") else i,
    foreach(i = 1:2, .errorhandling = "remove") %dopar% stop("all"),
    foreach(i = 1:3, .errorhandling = "pass", .combine = c, .final = length) %dopar% if (i == 2) stop("bad") else i,
    foreach(a = 1:2, .errorhandling = "remove") %:% foreach(b = 1:2, .errorhandling = "remove") %dopar% if (a == b) stop("x") else a
  )
  expect_as_do(loops)
  for (plan in loop_plans()) {
    error <- tryCatch(
      looping(foreach(i = 1:6) %dopar% if (i >= 3) stop(structure(
        class = c("my_error", "error", "condition"), list(message = paste("bad", i), call = NULL, extra = i)
      )), plan),
      error = identity
    )
    expect_identical(conditionMessage(error), "task 3 failed - \"bad 3\"")
    expect_identical(error$task, 3L)
    expect_s3_class(error$parent, "my_error")
    expect_identical(error$parent$extra, 3L)

    passed <- looping(foreach(i = 1:3, .errorhandling = "pass") %dopar% if (i == 2) stop("two") else i, plan)
    expect_identical(passed[c(1, 3)], list(1L, 3L))
    expect_s3_class(passed[[2]], "simpleError")
    expect_identical(conditionMessage(passed[[2]]), "two")

    nested <- tryCatch(
      looping(foreach(a = 1:2) %:% foreach(b = 1:3) %dopar% if (a == 2 && b == 1) stop("x"), plan), error = identity
    )
    expect_identical(nested$task, 4L)
  }
})

test_that("an error of .combine or .final ends the loop, and the values are in it", {
  uneven <- function(i) matrix(i, 1, i)
  loops <- list(
    quote(foreach(i = 1:3, .combine = rbind) %dopar% uneven(i)),
    quote(foreach(i = 1:3, .combine = function(...) stop("no"), .multicombine = TRUE) %dopar% uneven(i)),
    quote(foreach(i = 1:3, .combine = rbind, .maxcombine = 2) %dopar% uneven(i)),
    quote(foreach(i = 1:3, .combine = rbind, .inorder = FALSE) %dopar% uneven(i)),
    quote(foreach(i = 1:3, .combine = rbind, .errorhandling = "pass") %dopar% uneven(i)),
    quote(foreach(i = 1:3, .combine = function(a, b) stop("no")) %dopar% uneven(i)),
    quote(foreach(i = 1:3, .final = function(x) stop("no")) %dopar% uneven(i)),
    quote(foreach(j = 1) %:% foreach(i = 1:3, .final = function(x) stop("no")) %dopar% uneven(i)),
    quote(foreach(j = 1, .final = function(x) stop("no")) %:% foreach(i = 1:3) %dopar% uneven(i)),
    quote(foreach(j = 1) %:% foreach(i = 1:3, .combine = rbind) %dopar% uneven(i)),
    quote(foreach(j = 1) %:% foreach(i = 1:3, .combine = function(a, b) stop("no")) %dopar% uneven(i))
  )
  for (plan in loop_plans()) {
    for (loop in loops) {
      error <- tryCatch(looping(eval(loop), plan), error = identity)
      expect_s3_class(error, "error")
      expect_match(conditionMessage(error), "^(no|number of columns of matrices must match.*)$")
      expect_identical(error$values, lapply(1:3, uneven), info = deparse(loop)[[1L]])
    }
  }
  # Where %do% stops, the messages are the same.
  utils::capture.output(for (loop in loops[c(1, 2, 4, 5, 7:10)]) {
    theirs <- tryCatch(eval(do_of(loop)), error = conditionMessage)
    expect_identical(tryCatch(looping(eval(loop)), error = conditionMessage), theirs)
  })
})

test_that("an error of .combine under %dorng% ends the loop, and the values are in it", {
  skip_if_not_installed("doRNG")
  `%dorng%` <- doRNG::`%dorng%`
  for (plan in loop_plans()) {
    error <- tryCatch(
      looping(foreach(i = 1:3, .combine = rbind) %dorng% matrix(runif(1), 1, i), plan), error = identity
    )
    expect_match(conditionMessage(error), "number of columns of matrices")
    expect_length(error$values, 3L)
  }
})

test_that("registering attaches foreach behind rustle, which masks nothing attached later", {
  skip_on_cran()
  run <- run_r({
    attach(list(accumulate = function(...) "mine"), name = "later")
    registerDoRustle()
    got <- list(
      foreach(i = icount(2), .combine = c) %dopar% i, accumulate(),
      !is.unsorted(match(c("later", "package:rustle", "package:foreach"), search()))
    )
    detach("package:foreach")
    detach("package:rustle")
    rustle::registerDoRustle()
    out <- c(got, "package:foreach" %in% search())
  })
  expect_identical(run$value, list(1:2, "mine", TRUE, FALSE))
})

test_that("tasks see the frame around the loop and leave it alone", {
  for (plan in loop_plans()) {
    offset <- 10
    helper <- function(x) x + offset
    count <- 0
    got <- looping(foreach(i = 1:3, .combine = c) %dopar% {
      count <- count + 1
      temporary <- helper(i)
      count * temporary
    }, plan)
    expect_identical(got, c(11, 12, 13))
    expect_identical(count, 0)
    expect_false(exists("temporary", inherits = FALSE))
    expect_false(exists("i", inherits = FALSE))

    with_dots <- function(...) foreach(i = 1:2, .combine = c) %dopar% sum(i, ...)
    expect_identical(looping(with_dots(10, 20), plan), c(31, 32))
    expect_identical(looping(foreach(i = 1:2) %dopar% { if (i == 1) return("early"); i }, plan), list("early", 2L))
    inner <- function() foreach(i = 1:2, .combine = c) %dopar% sum(foreach(j = 1:3, .combine = c) %dopar% (i * j))
    expect_identical(looping(inner(), plan), c(6L, 12L))
  }
})

test_that("globals, .export, .noexport and .packages reach workers that share no memory", {
  skip_on_cran()
  plan <- list("multisession", workers = 2)
  hidden <- 5
  expect_identical(looping(foreach(i = 1:2, .export = "hidden", .combine = c) %dopar% (i + get("hidden")), plan), c(6, 7))
  expect_error(looping(foreach(i = 1:2, .noexport = "hidden") %dopar% (i + hidden), plan), "task 1 failed - .*hidden")
  expect_identical(looping(foreach(i = 1:2, .noexport = "hidden") %dopar% { hidden <- i; hidden }, plan), list(1L, 2L))
  expect_argument_error(looping(foreach(i = 1:2, .export = "nowhere") %dopar% i, plan), ".export")
  expect_identical(
    looping(foreach(i = 1:2, .packages = "splines", .combine = c) %dopar% ("package:splines" %in% search()), plan),
    c(TRUE, TRUE)
  )
  # The frame around the loop does not travel along.
  sizes <- looping(local({
    big <- numeric(1e6)
    foreach(i = 1:2, .combine = c) %dopar% { i; "big" %in% ls(parent.env(environment())) }
  }), plan)
  expect_identical(sizes, c(FALSE, FALSE))
  # Functions among the elements, and those of the session, find what they use.
  withr::defer(rm(list = c(".session_offset", ".session_helper"), envir = globalenv()))
  assign(".session_offset", 100, globalenv())
  assign(".session_helper", eval(quote(function(x) x + .session_offset), globalenv()), globalenv())
  expect_identical(looping(foreach(i = 1:2, .combine = c) %dopar% .session_helper(i), plan), c(101, 102))
  local_offset <- 7
  expect_identical(
    looping(foreach(f = list(function() local_offset, function() .session_helper(1)), .combine = c) %dopar% f(), plan),
    c(7, 101)
  )
})

test_that("elements of any type travel to workers that share no memory", {
  skip_on_cran()
  s4 <- methods::getClass("numeric")
  values <- list(s4, quote(x + y), quote(z), NULL, mtcars, list(1, "a"), stats::as.formula("~a", globalenv()))
  got <- looping(list(
    foreach(v = values, w = 1:7) %dopar% v,
    foreach(i = 1:2) %dopar% NULL,
    foreach(i = 1:2, .combine = c) %dopar% i
  ), list("multisession", workers = 2))
  expect_equal(got[[1]], values)
  expect_identical(got[2:3], list(list(NULL, NULL), 1:2))
})

test_that("registerDoRustle(workers) starts R processes where forking is not possible", {
  skip_on_cran()
  withr::local_options(parallelly.fork.enable = FALSE)
  withr::defer(registerDoSEQ())
  local_plan("sequential")
  registerDoRustle(workers = 2)
  meet <- meeting(2L)
  pids <- foreach(i = 1:4, .combine = c) %dopar% meet(i)
  expect_length(setdiff(unique(pids), Sys.getpid()), 2L)
  expect_identical(getDoParWorkers(), 2L)
  expect_identical(nbrOfWorkers(), 1L)
})

test_that("packages of .packages are attached for the tasks", {
  skip_without_fork()
  got <- looping(
    foreach(i = 1:2, .packages = c("splines", "stats4"), .combine = c) %dopar%
      all(c("package:splines", "package:stats4") %in% search()),
    list("multicore", workers = 2)
  )
  expect_identical(got, c(TRUE, TRUE))
  expect_false("package:splines" %in% search())
  expect_error(
    looping(foreach(i = 1:2, .packages = "no.such.package") %dopar% i, list("multicore", workers = 2)), "no.such.package"
  )
})

test_that("seeds give the numbers of future.apply, and move the state as it does", {
  skip_if_not_installed("future.apply")
  for (state in test_seeds()[1:2]) {
    for (seed in list(TRUE, 42L, c(10407L, 1:6))) {
      oracle <- observe(under_future(future.apply::future_lapply(1:5, function(i) rnorm(i), future.seed = seed)), state)
      for (plan in loop_plans()) {
        ours <- observe(looping(foreach(i = 1:5, .options.rustle = list(seed = seed)) %dopar% rnorm(i), plan), state)
        expect_identical(ours[c("value", "seed")], oracle[c("value", "seed")])
        expect_identical(ours$warnings, character())
      }
    }
  }
})

test_that("undeclared random numbers are told, unless seed is NULL", {
  skip_without_fork()
  for (plan in few_plans()) {
    expect_warning(looping(foreach(i = 1:2) %dopar% rnorm(1), plan), "foreach.*\\.options\\.rustle = list\\(seed = TRUE\\)", class = "RngFutureWarning")
    expect_warning(looping(foreach(i = 1:2, .options.rustle = list(seed = NULL)) %dopar% rnorm(1), plan), NA)
    expect_warning(looping(foreach(i = 1:2) %dopar% i, plan), NA)
  }
})

test_that("%dorng% and registerDoRNG() give doRNG's numbers and state", {
  skip_if_not_installed("doRNG")
  `%dorng%` <- doRNG::`%dorng%`
  as_seq <- function(expr, seed) observe(looping(expr, register = foreach::registerDoSEQ), seed)
  for (state in test_seeds()[1:2]) {
    loops <- alist(
      foreach(i = 1:4) %dorng% rnorm(2),
      foreach(i = 1:4, .combine = c) %dorng% runif(1),
      foreach(i = 1:3, .options.RNG = 123) %dorng% rnorm(2),
      {
        doRNG::registerDoRNG(99)
        list(foreach(i = 1:3) %dopar% rnorm(1), foreach(i = 1:2) %dopar% rnorm(1))
      }
    )
    for (loop in loops) {
      oracle <- suppressMessages(as_seq(eval(loop), state))
      for (plan in loop_plans()) {
        ours <- suppressMessages(observe(looping(eval(loop), plan), state))
        expect_identical(ours[c("value", "warnings", "class", "seed")], oracle[c("value", "warnings", "class", "seed")])
      }
    }
  }
  expect_error(
    looping(foreach(i = 1:2, .options.rustle = list(seed = 1)) %dorng% i), "options.rustle.seed",
    class = "rustle_error_argument"
  )
  skip_on_cran()
  # Workers that share no memory, in one plan: starting them takes time.
  loop <- quote({ set.seed(4); foreach(i = 1:4) %dorng% rnorm(2) })
  expect_identical(looping(eval(loop), list("multisession", workers = 2)), looping(eval(loop), register = foreach::registerDoSEQ))
})

test_that("output, messages and warnings are relayed in task order", {
  skip_without_fork()
  for (plan in few_plans()) {
    said <- character()
    got <- observe(looping(foreach(i = 1:4, .combine = c) %dopar% {
      Sys.sleep((4 - i) / 100)
      cat("out", i, "\n")
      message("m", i)
      warning("w", i)
      i
    }, plan))
    expect_identical(got$output, paste("out", 1:4, ""))
    expect_identical(got$messages, paste0("m", 1:4, "\n"))
    expect_identical(got$warnings, paste0("w", 1:4))
    expect_identical(got$value, 1:4)
  }
})

test_that(".verbose says what runs, and the value stays", {
  text <- capture.output(value <- looping(foreach(i = 1:3, .verbose = TRUE) %dopar% i))
  expect_identical(value, list(1L, 2L, 3L))
  expect_true("rustle: 3 tasks on 1 worker, schedule stealing" %in% text)
  expect_true("got results for task 3" %in% text)
})

test_that("getDoPar*() answer for the plan in force", {
  skip_without_fork()
  withr::defer(registerDoSEQ())
  registerDoRustle()
  expect_identical(getDoParName(), "doRustle")
  expect_identical(getDoParVersion(), as.character(utils::packageVersion("rustle")))
  expect_true(getDoParRegistered())
  expect_identical(with_plan("sequential", getDoParWorkers()), 1L)
  expect_identical(with_plan("multicore", workers = 3, getDoParWorkers()), 3L)
  expect_null(registerDoRustle(workers = 2))
  expect_identical(getDoParWorkers(), 2L)
  expect_identical(with_plan("multicore", workers = 3, getDoParWorkers()), 2L)
})

test_that("registerDoRustle(workers) forks that many; a loop in a worker stays there", {
  skip_without_fork()
  withr::defer(registerDoSEQ())
  local_plan("sequential")
  registerDoRustle(workers = 2)
  loop <- quote(foreach(i = 1:8, .combine = c, .options.rustle = list(schedule = "static")) %dopar% Sys.getpid())
  pids <- eval(loop)
  expect_false(Sys.getpid() %in% pids)
  expect_length(unique(pids), 2L)
  nested <- foreach(i = 1:2, .combine = c) %dopar% {
    inside <- foreach(j = 1:3, .combine = c) %dopar% Sys.getpid()
    all(inside == Sys.getpid()) && getDoParWorkers() == 1L
  }
  expect_identical(nested, c(TRUE, TRUE))
})

test_that("wrong arguments stop before anything starts", {
  file <- withr::local_tempfile()
  expect_argument_error(registerDoRustle(workers = 0), "workers")
  expect_argument_error(registerDoRustle(workers = "two"), "workers")
  loop <- function(options) looping(foreach(i = 1:2, .options.rustle = options) %dopar% file.create(file))
  expect_match(conditionMessage(expect_argument_error(loop(list(sched = "static")), ".options.rustle")), "sched")
  expect_argument_error(loop(list("static")), ".options.rustle")
  expect_argument_error(loop("static"), ".options.rustle")
  expect_argument_error(loop(list(seed = 1, seed = 2)), ".options.rustle")
  expect_argument_error(loop(list(schedule = "best")), ".options.rustle$schedule")
  expect_argument_error(loop(list(chunk_size = 0)), ".options.rustle$chunk_size")
  expect_argument_error(loop(list(seed = "one")), ".options.rustle$seed")
  expect_argument_error(loop(list(seed = list(1L))), ".options.rustle$seed")
  expect_false(file.exists(file))
})

test_that("a killed worker is replaced; without retries the loop stops and names the task", {
  skip_unless_faults()
  out <- run_r({
    library(foreach)
    plan(multicore, workers = 2)
    registerDoRustle()
    kill_once <- function(tag, at = 5) {
      foreach(i = 1:12, .combine = c, .options.rustle = list(seed = 1)) %dopar% {
        if (i == at && first_time(tag)) die(9)
        rnorm(1)
      }
    }
    whole <- foreach(i = 1:12, .combine = c, .options.rustle = list(seed = 1)) %dopar% rnorm(1)
    again <- kill_once("once")
    plan(retries = 0)
    lost <- tryCatch(kill_once("lost"), error = identity)
    passed <- tryCatch(
      foreach(i = 1:4, .errorhandling = "pass") %dopar% if (i == 2 && first_time("pass")) die(9) else i,
      error = identity
    )
    out <- list(
      replaced = identical(again, whole),
      lost = inherits(lost, "rustle_error_worker_lost") && identical(lost$tasks, 5L) && lost$signal == 9L,
      pass_is_no_silence = inherits(passed, "rustle_error_worker_lost") && 2L %in% passed$tasks,
      no_children = none_left()
    )
  })
  expect_all_true(out$value)
})
