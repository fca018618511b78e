# For each kind of advice: a call that must trigger it, one that must not, and that following it
# does what it says: `now` and `then` by simulation, and a call that follows it.

kinds <- function(x = job_report()) x$advice$kind
told <- function(kind, x = job_report()) x$advice[x$advice$kind == kind, ]
forked <- function(expr, ...) with_plan("multicore", workers = 2, compiled = "never", ..., expr)

test_that("random numbers without seeds are told", {
  for (plan in list(list("multicore", workers = 2, compiled = "never"), list("multisession", workers = 2))) {
    if (plan[[1L]] == "multicore" && !parallelly::supportsMulticore()) next
    under_plan(plan, suppressWarnings(future_lapply(1:4, function(i) rnorm(1))))
    expect_true("seeds" %in% kinds())
    expect_identical(kinds()[[1L]], "seeds")
    draws <- function(...) {
      set.seed(1)
      suppressWarnings(under_plan(plan, future_lapply(1:4, function(i) rnorm(1), ...)))
    }
    expect_false(identical(draws(), draws()))
    expect_true("seeds" %in% kinds())
    # Followed: it can be repeated, also by one worker, and no two tasks have the same numbers.
    followed <- draws(future.seed = TRUE)
    expect_false("seeds" %in% kinds())
    expect_identical(draws(future.seed = TRUE), followed)
    expect_identical(anyDuplicated(followed), 0L)
    set.seed(1)
    expect_identical(with_plan(sequential, future_lapply(1:4, function(i) rnorm(1), future.seed = TRUE)), followed)
    under_plan(plan, future_lapply(1:4, function(i) i))
    expect_false("seeds" %in% kinds())
  }
})

test_that("tasks that take less than the workers cost are told", {
  skip_without_fork()
  expect_in_some_try(function() {
    forked(mclapply(1:2, function(i) i, mc.cores = 2))
    x <- job_report()
    advice <- told("small")
    with_plan("sequential", future_lapply(1:2, function(i) i))
    list(
      told = nrow(advice) == 1L,
      # It is that of the same tasks in the session.
      then = isTRUE(all.equal(advice$then, sum(task_seconds(x)), tolerance = 0.01)), now = isTRUE(all.equal(advice$now, x$wall)),
      followed = job_report()$wall < x$wall, followed_not = !"small" %in% kinds()
    )
  })
  expect_in_some_try(function() {
    forked(future_lapply(1:4, function(i) Sys.sleep(0.1)))
    list(not = !"small" %in% kinds())
  })
})

test_that("forking is told where workers that stand by would do", {
  # How long forks take here and now is not known: a report says so.
  parts <- matrix(0, 2L, length(report_parts), dimnames = list(NULL, names(report_parts)))
  parts[, "tasks"] <- 0.1
  parts[, "starting"] <- c(0.02, 0.06)
  parts[, "first"] <- 0.01
  x <- list(plan = "multicore", workers = 2L, wall = 0.15, busy = 0.2, parts = parts, facts = list())
  skip_if_not(has_standing_workers())
  advice <- advise_forks(x)
  expect_identical(advice$kind, "forks")
  expect_equal(advice$then, 0.15 - 0.05 + order_seconds)
  x$parts[, "starting"] <- 0.001
  expect_null(advise_forks(x))
  x$parts[, "starting"] <- 0.05
  x$plan <- "multisession"
  expect_null(advise_forks(x))
  # Where the tasks take less than both, they need no workers.
  x$plan <- "multicore"
  x$busy <- 0.05
  expect_null(advise_forks(x))
  expect_identical(advise_small(c(x, tasks = 2))$kind, "small")
  # One worker had done all when the second was there.
  x[c("busy", "times")] <- list(0.14, c(0.07, 0.07))
  expect_equal(advise_forks(x)$then, 0.07 + order_seconds)
  expect_null(advise_small(c(x, tasks = 2)))
  # What chunks cost is not the forks': with both tasks in one, no worker helps.
  x$parts[, c("starting", "first")] <- 0.001
  expect_identical(advise_forks(x)$kind, "forks")
  x$facts <- list(policy = list(ends = 2, schedule = "dynamic"))
  expect_null(advise_forks(x))
})

test_that("a large session makes forks dear, and workers that stand by are started at once", {
  skip_without_fork()
  skip_if_not(has_standing_workers())
  hold <- rep(1, 3e7)
  call <- function() {
    future_lapply(1:2, function(i) Sys.sleep(0.02))
    x <- job_report()
    list(advised = "forks" %in% kinds(x), before = sum(x$parts[, c("starting", "first", "unused")]), then = told("forks", x)$then)
  }
  forks <- forked(lapply(1:20, function(k) call()))
  rm(hold)
  advised <- vapply(forks, `[[`, NA, "advised")
  skip_if(!any(advised), "forks of a session of 240 MB cost nothing here")
  least <- function(calls) min(vapply(calls, `[[`, 0, "before"))
  expect_in_some_try(function() {
    standing <- with_plan(multisession, workers = 2, compiled = "never", lapply(1:21, function(k) call())[-1L])
    list(none = !any(vapply(standing, `[[`, NA, "advised")), sooner = least(standing) < least(forks[advised]))
  })
})

test_that("chunks that force imbalance are told, and without them the call is shorter", {
  skip_without_fork()
  uneven <- function(i) Sys.sleep(if (i <= 4) 0.25 else 0.001)
  forked(future_lapply(1:8, uneven, future.chunk.size = 4))
  x <- job_report()
  advice <- told("chunks", x)
  expect_identical(nrow(advice), 1L)
  times <- task_seconds(x)
  expect_equal(advice$then - advice$now, simulate_schedule(times, 2)$makespan - max(sum(times[1:4]), sum(times[5:8])), tolerance = 0.01)
  expect_in_some_try(function() {
    forked(future_lapply(1:8, uneven))
    list(shorter = job_report()$wall < 0.8 * x$wall, followed = !"chunks" %in% kinds())
  })
  expect_in_some_try(function() {
    forked(future_lapply(1:8, function(i) Sys.sleep(0.02), future.chunk.size = 4))
    list(even = !"chunks" %in% kinds())
  })
  expect_in_some_try(function() {
    mclapply(1:8, function(i) Sys.sleep(if (i %% 2) 0.05 else 0.001), mc.cores = 2)
    list(shares = any(grepl("mc.preschedule", told("chunks")$text, fixed = TRUE)))
  })
  expect_in_some_try(function() {
    forked(future_lapply(1:8, uneven), schedule = "static")
    list(static = any(grepl("stealing", told("chunks")$text, fixed = TRUE)))
  })
})

test_that("a longest task is told: to start it first, or to split it", {
  skip_without_fork()
  last <- c(rep(0.02, 8), 0.16)
  # A sleep that a busy machine makes longer than the longest task is another longest task.
  expect_in_some_try(function() {
    forked(future_lapply(last, Sys.sleep), schedule = "dynamic")
    x <- job_report()
    times <- task_seconds(x)
    gain <- simulated(times, 2, "dynamic") - simulated(sort(times, decreasing = TRUE), 2, "dynamic")
    advice <- told("longest")
    list(first = any(grepl("Task 9 .*first", advice$text)), gain = isTRUE(all.equal(advice$now - advice$then, gain, tolerance = 0.01)))
  })
  expect_in_some_try(function() {
    forked(future_lapply(c(0.8, rep(0.01, 4)), Sys.sleep))
    x <- job_report()
    advice <- told("longest")
    gain <- simulated(task_seconds(x), 2) - sum(task_seconds(x)) / 2
    # Followed: two halves.
    forked(future_lapply(c(0.4, 0.4, rep(0.01, 4)), Sys.sleep))
    list(
      split = any(grepl("Split it", advice$text)), gain = isTRUE(all.equal(advice$now - advice$then, gain, tolerance = 0.05)),
      shorter = job_report()$wall < 0.8 * x$wall, followed = !"longest" %in% kinds()
    )
  })
})

test_that("workers that are too many, and too few, are told", {
  skip_without_fork()
  expect_in_some_try(function() {
    with_plan("multicore", workers = 6, compiled = "never", future_lapply(c(0.6, 0.2, 0.2, 0.1), Sys.sleep))
    x <- job_report()
    advice <- told("fewer")
    forked(future_lapply(c(0.6, 0.2, 0.2, 0.1), Sys.sleep))
    list(
      told = any(grepl("^2 workers", advice$text)), simulated = isTRUE(all.equal(simulated(task_seconds(x), 2), 0.6, tolerance = 0.1)),
      # One worker would take 1.1 s.
      as_long = job_report()$wall < 1.4 * x$wall + 0.2, followed = !"fewer" %in% kinds()
    )
  })
  withr::local_options(parallelly.availableCores.methods = "custom", parallelly.availableCores.custom = function() 8L)
  skip_if(available_workers() != 8L)
  expect_in_some_try(function() {
    forked(future_lapply(1:16, function(i) Sys.sleep(0.15)))
    advice <- told("more")
    before <- job_report()$wall
    with_plan("multicore", workers = 8, compiled = "never", future_lapply(1:16, function(i) Sys.sleep(0.15)))
    list(
      told = any(grepl("workers = 8", advice$text)), then = isTRUE(advice$then < 0.5 * advice$now),
      shorter = job_report()$wall < 0.8 * before, followed = !"more" %in% kinds()
    )
  })
  with_plan("sequential", future_lapply(1:8, function(i) Sys.sleep(0.02)))
  expect_match(told("more")$text, "plan(multicore", fixed = TRUE)
})

test_that("an environment that travels unused is told, one that is used is not", {
  make <- function() {
    y <- rnorm(3e6)
    z <- 2
    function(i) i * z
  }
  x <- NULL
  for (plan in list(list("multisession", workers = 2, compiled = "never"))) {
    under_plan(plan, {
      future_lapply(1:2, function(i) i)
      expect_in_some_try(function() {
        future_lapply(1:4, make())
        x <<- job_report()
        advice <- told("drags", x)
        list(told = nrow(advice) == 1L, place = any(grepl("environment(FUN)$y", advice$text, fixed = TRUE)), less = isTRUE(advice$then < advice$now))
      })
      lean <- make()
      rm("y", envir = environment(lean))
      future_lapply(1:4, lean)
      followed <- job_report()
      expect_lt(followed$sent, 0.05 * x$sent)
      expect_false("drags" %in% kinds(followed))
      y <- rnorm(3e6)
      future_lapply(1:4, local({ y <- y; function(i) y[[i]] }))
      expect_false("drags" %in% kinds())
    })
  }
})

test_that("names that code computes are taken for needed", {
  y <- 1
  helper <- function() y + 1
  expect_true(all(c("helper", "y") %in% names_needed(function(i) helper())))
  expect_false("y" %in% names_needed(local({ y <- 2; function(i) i })))
  expect_null(names_needed(function(i) get("y")))
})

test_that("memory that limits workers is told, and fewer workers need less", {
  greedy <- function(i) {
    x <- rep(as.double(i), 1e7)
    Sys.sleep(0.1)
    x[[1e7]]
  }
  before <- budget$memory
  withr::defer(budget$memory <- before)
  first_time("memory_of_group")
  # What the session has let go, forked workers would use again.
  gc()
  for (plan in list(list("multicore", workers = 2, compiled = "never"), list("multisession", workers = 2))) {
    if (plan[[1L]] == "multicore" && !parallelly::supportsMulticore()) next
    if (plan[[1L]] == "multisession" && !has_standing_workers()) next
    own <- function(x) sum(if (plan[[1L]] == "multicore") x$memory$growth else x$memory$peak)
    budget$memory <- Inf
    skip_if(memory_of_machine() < 2e9)
    # A worker that is slow to come may find no task left.
    both <- function() {
      expect_in_some_try(function() {
        under_plan(plan, future_lapply(1:4, greedy))
        x <<- job_report()
        list(both = own(x) > 1.6e8)
      })
      x
    }
    x <- NULL
    x <- both()
    expect_false("memory" %in% kinds(x))
    # Room for what one needs.
    budget$memory <- 1.2 * own(x) / 2 + (plan[[1L]] == "multicore") * worker_bytes
    x <- both()
    expect_identical(kinds(x)[[1L]], "memory")
    advice <- told("memory", x)
    expect_match(advice$text, "enough for 1, not 2. Use workers = 1", fixed = TRUE)
    expect_match(advice$text, format_seconds(simulated(task_seconds(x), 1)), fixed = TRUE)
    plan$workers <- 1
    under_plan(plan, future_lapply(1:4, greedy))
    followed <- job_report()
    expect_lt(own(followed), 0.8 * own(x))
    expect_lt(own(followed), budget$memory)
    # Nor is it told to have two again.
    expect_false(any(c("memory", "more") %in% kinds(followed)))
  }
  # Nodes have memory of their own.
  x$plan <- "cluster"
  expect_null(advise_memory(x))
  x <- list(
    plan = "multicore", workers = 8L, tasks = 80, wall = 10, busy = 80, facts = list(), times = rep(1, 80),
    memory = data.frame(peak = rep(2e9, 8), growth = rep(1.9e9, 8))
  )
  budget$memory <- 8e9
  advice <- advise_memory(x)
  expect_match(advice$text, "workers = 3")
  expect_match(advice$text, format_seconds(simulated(x$times, 3)), fixed = TRUE)
})

test_that("threads times workers above the cores are told", {
  skip_without_fork()
  cores <- machine_cores()
  skip_if(cores < 2L)
  # Each task is at work for a while with all threads that it has.
  a <- matrix(stats::rnorm(600 * 600), 600)
  work <- function(i) {
    out <- mt_matmul(a, a)
    Sys.sleep(0.02)
    sum(out)
  }
  for (plan in list(list("multicore", workers = 2, compiled = "never"), list("multisession", workers = 2))) {
    call <- function(...) {
      values <- under_plan(c(plan, list(...)), future_sapply(1:4, work))
      list(values = values, report = job_report())
    }
    crowded <- call(worker_threads = cores)
    skip_if(crowded$report$threads < cores)
    expect_match(told("threads", crowded$report)$text, sprintf("worker_threads = %d", max(1L, cores %/% 2L)), fixed = TRUE)
    # Followed, both ways: as many threads as there are cores, and the same values.
    for (followed in list(call(worker_threads = max(1L, cores %/% 2L)), call())) {
      expect_lte(followed$report$threads * 2L, max(2L, cores))
      expect_false("threads" %in% kinds(followed$report))
      expect_equal(followed$values, crowded$values)
    }
  }
})

test_that("at most three lines are printed", {
  x <- data.frame(kind = "a", text = paste("advice", 1:5), now = 1, then = 0.5)
  expect_length(grep("advice", utils::capture.output(print_advice(x))), 3L)
})
