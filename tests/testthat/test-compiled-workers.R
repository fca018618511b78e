# Functions that compile under plan(multicore) and plan(multisession), beside plan(sequential) and beside the
# same plans with compiled = "never".

plans_of_processes <- function() {
  plans <- list(multisession = list("multisession", workers = 2))
  if (parallelly::supportsMulticore()) plans$multicore <- list("multicore", workers = 2)
  plans
}
never <- function(plan) c(plan, compiled = "never")
in_session <- function(code) under_plan(list("sequential"), code)
told <- function() job_report()$compiled

test_that("which plans compile: settings, defaults, calls that name their workers", {
  compiled <- function(...) under_plan(list(...), compiled_setting(current_plan()))
  expect_identical(compiled("sequential"), "never")
  expect_identical(compiled("threads", workers = 2), "auto")
  skip_on_os("windows")
  for (plan in plans_of_processes()) {
    expect_identical(do.call(compiled, plan), "auto")
    for (setting in compiled_choices) expect_identical(do.call(compiled, c(plan, compiled = setting)), setting)
    under_plan(plan, {
      expect_output(print(plan()), "compiled: auto", fixed = TRUE)
      plan(compiled = "never")
      expect_false(any(grepl("compiled", utils::capture.output(print(plan())))))
      expect_false(compiles(current_plan()))
      plan(compiled = NULL)
      expect_true(compiles(current_plan()))
    })
  }
  skip_without_fork()
  # Whoever asks for forks under plan(sequential) has them.
  square <- function(i) i^2
  ran <- function(plan, code) under_plan(plan, { force(code()); job_report() })
  calls <- list(
    function() mclapply(1:4, square, mc.cores = 2), function() parLapply(2, 1:4, square),
    function() boot(c(1, 5, 2, 4), function(d, i) mean(d[i]), 20, parallel = "multicore", ncpus = 2)
  )
  for (call in calls) {
    forked <- ran(list("sequential"), call)
    expect_identical(forked$plan, "multicore")
    expect_null(forked$compiled)
    expect_gt(forked$forks, 0)
    expect_gt(ran(list("multicore", workers = 2), call)$compiled$tasks, 0)
  }
})

test_that("tasks that are given up run on workers, but for few quick ones; all values are the oracle's", {
  skip_on_os("windows")
  # R takes some milliseconds for a task, and every tenth is its own.
  slow <- function(i) {
    s <- 0
    for (k in 1:30000) s <- s + k %% 7
    if (i %% 10 == 0) warning("ten")
    s + rnorm(1)
  }
  quick <- function(i) if (i == 17) c(sqrt(-1), i) else c(rnorm(1), i)
  failing <- function(i) {
    s <- 0
    for (k in 1:30000) s <- s + k
    if (i == 23 || i == 31) stop("at ", i)
    s
  }
  observed <- function(f) observe(future_lapply(1:40, f, future.seed = 4))
  parts <- c("value", "class", "message", "call", "seed", "warnings")
  for (f in list(slow, quick, failing)) {
    want <- in_session(observed(f))
    for (plan in plans_of_processes()) under_plan(plan, {
      got <- observed(f)
      for (part in parts) expect_identical(got[[part]], want[[part]], info = paste(plan[[1L]], part))
      if (identical(f, failing)) next
      expect_equal(told()$tasks, if (identical(f, slow)) 36 else 39)
      expect_identical(is.na(job_report()$claims), identical(f, quick))
      expect_equal(sum(job_report()$parts), 2 * job_report()$wall, tolerance = 0.02)
    })
  }
  # With the template of vapply(), as elements of several vectors, and where errors are kept to the end.
  for (plan in plans_of_processes()) under_plan(plan, {
    machine$never_quick <- TRUE
    ninth <- function(i) if (i %% 9 == 0) sqrt(-i) else i / 3
    want <- suppressWarnings(vapply(1:40, ninth, 0))
    expect_identical(suppressWarnings(future_vapply(1:40, ninth, 0)), want)
    expect_equal(told()$tasks, 36)
    expect_identical(suppressWarnings(future_mapply(function(i, j) ninth(i) + j, 1:40, 40:1)), suppressWarnings(mapply(function(i, j) ninth(i) + j, 1:40, 40:1)))
    expect_equal(told()$tasks, 36)
    expect_identical(suppressWarnings(parSapply(NULL, 1:40, ninth)), want)
    expect_error(parSapply(NULL, 1:40, function(i) if (i == 7) stop("seven") else i), "seven")
    machine$never_quick <- FALSE
  })
})

test_that("where too many tasks are given up the others are ended, and workers run them", {
  skip_on_os("windows")
  # A slice of time is over before one task is.
  stormy <- function(x) {
    s <- sum(sin(x + 1:1500000))
    if (s < 1e300) sqrt(-x) else s
  }
  late <- function(x) if (x > 64) sum(sin(x + 1:100000)) + sqrt(-x) else x
  for (plan in plans_of_processes()) under_plan(plan, {
    expect_true(all(is.nan(suppressWarnings(future_sapply(1:8, stormy)))))
    expect_match(told()$why, "too many of the first tasks")
    expect_identical(suppressWarnings(future_sapply(1:500, late)), suppressWarnings(sapply(1:500, late)))
    expect_gte(told()$tasks, 64L)
    expect_lt(told()$bailed, 436L)
  })
})

test_that("what workers were given, and what a call says of them, counts as without compilation", {
  skip_on_os("windows")
  skip_on_cran()
  under_both <- function(plan, code) lapply(list(never(plan), plan), function(plan) {
    do.call(local_plan, plan)
    eval(code, list2env(list(), parent = globalenv()))
  })
  withr::defer(rm(list = intersect(c("rustle_given", "rustle_f"), names(globalenv())), envir = globalenv()))
  assign("rustle_given", 1, envir = globalenv())
  assign("rustle_f", as_user(function(i) i + rustle_given), envir = globalenv())
  sessions <- list("multisession", workers = 2)
  codes <- list(
    # Exported, and changed here since then.
    quote({
      assign("rustle_given", 1, envir = globalenv())
      clusterExport(NULL, "rustle_given", envir = globalenv())
      assign("rustle_given", 100, envir = globalenv())
      list(unlist(parLapply(NULL, 1:2, rustle_f)), future_sapply(1:2, rustle_f))
    }),
    quote({
      clusterEvalQ(NULL, rustle_given <- 50)
      future_sapply(1:2, function(i) i + 1)
      job_report()$compiled$tasks
    }),
    quote(try(future_sapply(1:2, rustle_f, future.globals = FALSE), silent = TRUE)[[1L]]),
    quote(future_sapply(1:2, rustle_f, future.globals = list(rustle_given = 7)))
  )
  for (code in codes) {
    both <- under_both(sessions, code)
    if (identical(both[[1L]], both[[2L]])) expect_identical(both[[2L]], both[[1L]]) else expect_identical(both[[2L]], 0L)
  }
  both <- under_both(c(sessions, list(setup = quote(rustle_given <- 9))), quote(future_sapply(1:2, rustle_f)))
  expect_identical(both[[2L]], both[[1L]])
  for (plan in plans_of_processes()) under_plan(plan, {
    why <- function(...) { future_sapply(1:3, function(i) i + 1, ...); told()$why }
    expect_null(why())
    expect_null(why(future.packages = "stats"))
    expect_match(why(future.packages = "splines"), "attaches packages")
    expect_false("package:splines" %in% search())
    withr::with_options(list(rustle.timings = TRUE), expect_match(why(), "times"))
  })
})

test_that("products of matrices are the workers' where R's BLAS has threads of its own", {
  skip_on_os("windows")
  X <- matrix(c(1, 2, 3, 4, 5, 7), 3)
  product <- function(i) sum(crossprod(X) * i)
  indirect <- function(i) product(i) + 1
  want <- lapply(1:3, indirect)
  for (plan in plans_of_processes()) under_plan(plan, for (k in 1:2) for (f in list(product, indirect)) {
    expect_identical(future_lapply(1:3, f), lapply(1:3, f))
    if (blas_waits()) expect_match(told()$why, "wait for each other") else if (!nzchar(unfit_blas())) expect_equal(told()$tasks, 3L)
  })
})

test_that("a call that computes on threads shows its progress", {
  skip_on_os("windows")
  withr::local_options(rustle.progress = TRUE, rustle.progress.after = 0, rustle.progress.seconds = 0)
  busy <- function(i) {
    s <- 0
    for (k in 1:10000000) s <- s + k
    s
  }
  for (plan in c(plans_of_processes()[1L], list(list("threads", workers = 2)))) under_plan(plan, {
    said <- testthat::capture_messages(future_lapply(1:24, busy))
    expect_equal(told()$tasks, 24L)
    expect_match(said[[1L]], "/24 tasks, .*2/2 workers busy")
    expect_match(said[[length(said)]], "^24/24 tasks in .* on 2 workers")
  })
})

test_that("large variables are read where they are, and nothing is left of that", {
  m <- matrix(as.double(1:200000), 1000)
  frame <- data.frame(x = as.double(1:1000))
  f <- function(i) m[i, 2] + frame$x[[i]]
  under_plan(list("threads", workers = 2), for (k in 1:3) {
    expect_identical(future_sapply(1:4, f), sapply(1:4, f))
    expect_equal(told()$tasks, 4)
    m[k, 2] <- -k
    frame$x[[k]] <- 0.5
  })
  skip_if_not(capabilities("profmem"))
  # What R says when it copies at the next change.
  copied <- function(call) {
    m <- matrix(as.double(1:200000), 1000)
    text <- "no"
    calls <- list(
      function() sapply(1:4, function(i) m[i, 2]), function() future_sapply(1:4, function(i) m[i, 2]), function() future_sapply(1:4, function(i) if (nchar(text) > 5) m[i, 2] else 0),
      function() explain_compiled(function(i) m[i, 1])
    )
    m[1, 1] <- 0
    calls[[call]]()
    tracemem(m)
    con <- rawConnection(raw(0L), "w")
    sink(con)
    m[1, 1] <- 5
    sink()
    untracemem(m)
    text <- rawToChar(rawConnectionValue(con))
    close(con)
    text
  }
  for (call in 1:4) expect_identical(under_plan(list("threads", workers = 2), copied(call)), "", info = call)
})

test_that("forked children have threads of their own, in nested plans, too", {
  skip_without_fork()
  busy <- function(i) {
    s <- 0
    for (k in 1:20000) s <- s + k %% i
    s
  }
  want <- lapply(1:8, busy)
  under_plan(list("multicore", workers = 2), {
    expect_identical(future_lapply(1:8, busy), want)
    inside <- parallel::mclapply(1:2, function(k) list(future_lapply(1:8, busy), job_report()$compiled$tasks), mc.cores = 2)
    for (one in inside) expect_identical(one, list(want, 8L))
    # A worker's own calls run there as in plan(sequential).
    inside <- future_lapply(1:2, function(k) { own <- Sys.getpid(); list(future_lapply(1:8, busy), is.null(job_report()$compiled)) })
    for (one in inside) expect_identical(one, list(want, TRUE))
  })
  under_plan(list(list(tweak(multicore, workers = 2), tweak(multicore, workers = 2))), {
    inside <- future_lapply(1:2, function(k) { own <- Sys.getpid(); list(future_lapply(1:8, busy), job_report()$compiled$tasks) })
    for (one in inside) expect_identical(one, list(want, 8L))
  })
})

test_that("a function that did not compile is not looked at at each call, but again when something has changed", {
  skip_on_os("windows")
  k <- 1i
  f <- function(i) k
  under_plan(plans_of_processes()[[1L]], {
    for (n in 1:6) expect_identical(future_lapply(1:2, f), list(1i, 1i))
    expect_match(told()$why, "`k` is not numeric")
    expect_false(any(grepl("compiled", utils::capture.output(print(job_report())))))
    expect_lt(verdicts_known[[key_of_call(f, list(), NULL)]]$left, first_span)
    k <- 3
    expect_identical(future_lapply(1:2, f), list(3, 3))
    expect_equal(told()$tasks, 2L)
    # Of what cannot be looked at again it is seen after some more calls.
    late <- function(k) future_lapply(1:2, function(i) k)
    for (n in 1:3) late(stats::runif(1))
    expect_match(told()$why, "may not have been evaluated")
    for (n in 1:8) expect_identical(late(3), list(3, 3))
    expect_equal(told()$tasks, 2)
  })
})

test_that("a server that starts when tasks are given up is told as started before all of them", {
  skip_on_os("windows")
  under_plan(list("multisession", workers = 2), {
    try(future_lapply(1:40, function(x) if (x > 20) stop("no") else x), silent = TRUE)
    report <- job_report()
    expect_true(all(report$parts >= 0))
    expect_equal(sum(report$parts) / report$workers, report$wall, tolerance = 1e-6)
    expect_true(all(report$advice$now >= 0 & report$advice$then >= 0, na.rm = TRUE))
  })
})

test_that("calls with a checkpoint keep what they have finished", {
  dir <- withr::local_tempdir()
  add <- function(i, j) i + j
  under_plan(list("threads", workers = 2), {
    expect_identical(with_checkpoint(dir, future_mapply(add, 1:3, 4:6)), c(5L, 7L, 9L))
    expect_identical(checkpoint_status(dir)$done, 3)
  })
})

test_that("a time limit ends a compiled call, and the plan goes on", {
  skip_on_os("windows")
  endless <- function(i) {
    s <- 0
    while (TRUE) s <- s + 1
    s
  }
  under_plan(plans_of_processes()[[1L]], {
    expect_error({
      setTimeLimit(elapsed = 0.3, transient = TRUE)
      future_sapply(1:2, endless)
    }, "time limit")
    setTimeLimit()
    expect_identical(future_sapply(1:3, function(i) i + 1L), 2:4)
    expect_false(any(future_sapply(1:2, function(i) Sys.getpid()) == Sys.getpid()))
  })
})

test_that("where R is faster than a thread workers run the rest, and the next call does without the trial", {
  skip_on_os("windows")
  machine$eager <- FALSE
  withr::defer(machine$eager <- TRUE)
  x <- sin(1:20000) + 2
  roots <- function(i) sum(x^1.3 + exp(x / i))
  drawn <- function(i) mean(x[sample.int(20000L, 10000L)])
  for (plan in plans_of_processes()) under_plan(plan, for (f in list(roots, drawn)) {
    want <- in_session(observe(future_lapply(1:40, f, future.seed = 3), test_seeds()$mersenne))
    got <- observe(future_lapply(1:40, f, future.seed = 3), test_seeds()$mersenne)
    expect_identical(got[c("value", "seed")], want[c("value", "seed")])
    want <- want$value
    known <- trials_known[[key_of_call(f, list(), NULL)]]
    expect_true(is.logical(known$slower))
    expect_equal(told()$tasks, if (known$slower) 2 else 40)
    expect_identical(future_lapply(1:40, f, future.seed = 3), want)
    expect_lt(trials_known[[key_of_call(f, list(), NULL)]]$left, known$left)
    rm(list = key_of_call(f, list(), NULL), envir = trials_known)
    # Either way.
    keep_trial(key_of_call(f, list(), NULL), f, TRUE)
    expect_identical(future_lapply(1:40, f, future.seed = 3), want)
    expect_match(told()$why, "R was faster")
    rm(list = key_of_call(f, list(), NULL), envir = trials_known)
  })
})
