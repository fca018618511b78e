test_that("the error of a timeout has the calls in which the task was", {
  skip_without_fork()
  stuck <- as_user(function(i) {
    wait <- function(s) Sys.sleep(s)
    if (i == 2L) wait(60) else i
  })
  busy <- as_user(function(i) {
    # So much that R collects garbage often, however small the share of a core that it has.
    much <- numeric(1e4)
    turn <- function() repeat c(much, i)
    if (i == 2L) turn() else i
  })
  # What allocates nothing is told by the interrupt that ends it: not in forked workers, which get none.
  still <- as_user(function(i) {
    turn <- function() while (TRUE) NULL
    if (i == 2L) turn() else i
  })
  for (name in c("multicore", "multisession", "cluster")) {
    plan <- c(every_plan()[[name]], timeout = 0.6)
    # A worker that does not get to it within some tenths of a second tells nothing.
    stopped <- function(f) under_plan(plan, tryCatch(future_lapply(1:3, f), error = identity))
    calls_of <- function(e) vapply(task_trace(e)$call, deparse, "")
    expect_in_some_try(function() {
      e <- stopped(stuck)
      expect_s3_class(e, "rustle_error_timeout")
      list(stuck = identical(calls_of(e), c("FUN(X[[i]], ...)", "wait(60)", "Sys.sleep(s)")))
    })
    for (f in c(busy, if (name == "multisession" && !ignores_interrupts()) still)) {
      expect_in_some_try(function() {
        e <- stopped(f)
        list(busy = identical(calls_of(e), c("FUN(X[[i]], ...)", "turn()")), printed = any(grepl("2. turn()", utils::capture.output(print(e)), fixed = TRUE)))
      })
    }
  }
})

test_that("who lets R do nothing is stopped all the same", {
  skip_without_fork()
  for (name in c("multicore", "multisession")) {
    begun <- proc.time()[["elapsed"]]
    e <- under_plan(c(every_plan()[[name]], timeout = 0.5), tryCatch(future_lapply(1:2, function(i) if (i == 1) system("sleep 60") else i), error = identity))
    expect_s3_class(e, "rustle_error_timeout")
    expect_null(task_trace(e))
    expect_lt(proc.time()[["elapsed"]] - begun, 50)
  }
})

test_that("workers that stand by tell where they are, and their tasks notice nothing", {
  skip_without_fork()
  skip_on_cran()
  f <- as_user(function(i) {
    signalCondition(structure(class = c("ask", "immediateCondition", "condition"), list(message = "", call = NULL)))
    s <- if (i == 1L) 0 else i
    slow <- function() tryCatch({
      file.create(file.path(dir, i))
      until <- Sys.time() + 60
      while (!file.exists(file.path(dir, "looked")) && Sys.time() < until) for (k in 1:1000) s <- s + 0
      s
    }, interrupt = function(e) "interrupted")
    slow()
  })
  dir <- withr::local_tempdir()
  environment(f) <- list2env(list(dir = dir), envir = new.env(parent = environment(f)))
  asked <- NULL
  value <- under_plan(list("multisession", workers = 2L), {
    withCallingHandlers(future_lapply(1:2, f), ask = function(c) {
      wait_for(function() all(file.exists(file.path(dir, 1:2))))
      for (try in 1:20) if (is.null(asked) || any(lengths(asked$calls) == 0L)) asked <<- worker_status(stacks = TRUE)
      file.create(file.path(dir, "looked"))
    })
  })
  expect_identical(value, list(0, 2L + 0))
  expect_identical(nrow(asked), 2L)
  calls <- lapply(asked$calls, function(trace) vapply(trace$call, function(call) deparse(call)[[1L]], ""))
  expect_true(all(vapply(calls, function(x) "slow()" %in% x, NA)))
  expect_output(print(asked), "worker 1 is in.*slow\\(\\)")
  idle <- under_plan(list("multisession", workers = 2L), worker_status(stacks = TRUE))
  expect_true(all(lengths(idle$calls) == 0L))
  expect_error(worker_status(stacks = NA), class = "rustle_error_argument")
})

test_that("text becomes calls, whatever it is", {
  trace <- trace_of_text("f(x)\ncut off(1,\n...")
  expect_identical(trace$call, list(quote(f(x)), as.name("cut off(1,"), quote(...)))
  expect_null(trace_of_text(""))
  expect_null(trace_of_text(NULL))
  expect_output(print(trace), "1. f(x)", fixed = TRUE)
})

# A control group with so many bytes of memory; its directory.
local_memory_group <- function(bytes, .local_envir = parent.frame()) {
  skip_unless_linux()
  skip_if_not(identical(unname(Sys.info()[["user"]]), "root"), "control groups need root")
  name <- sprintf("rustle-test-%d", Sys.getpid())
  roots <- c("/sys/fs/cgroup/memory", "/sys/fs/cgroup")
  limits <- c("memory.limit_in_bytes", "memory.max")
  for (k in 1:2) {
    group <- file.path(roots[[k]], name)
    if (!dir.exists(roots[[k]]) || !suppressWarnings(dir.create(group))) next
    # A directory in it is no file: unlink() fails.
    withr::defer(system2("rmdir", group, stderr = FALSE), .local_envir)
    limited <- tryCatch({
      suppressWarnings(cat(sprintf("%.0f", bytes), file = file.path(group, limits[[k]])))
      swap <- file.path(group, c("memory.memsw.limit_in_bytes", "memory.swap.max"))
      for (file in swap[file.exists(swap)]) cat(if (grepl("memsw", file)) sprintf("%.0f", bytes) else "0", file = file)
      file.exists(file.path(group, "cgroup.procs"))
    }, error = function(e) FALSE)
    if (isTRUE(limited)) return(group)
  }
  testthat::skip("no control group with a limit of memory can be made here")
}

test_that("a worker that the kernel kills for memory is told as that, with the limit of its control group", {
  skip_unless_faults()
  group <- local_memory_group(4e8)
  got <- run_r(wrap = c("sh", "-c", sprintf("echo $$ >%s/cgroup.procs && exec \"$@\"", group), "sh"), {
    out <- list()
    for (strategy in c("multicore", "multisession")) {
      plan(strategy, workers = 2, retries = 0)
      future_lapply(1:2, identity)
      e <- tryCatch(future_lapply(1:3, function(i) {
        if (i == 2) {
          x <- numeric(1e7) + 1
          cat("fitting model", i, "\n")
          Sys.sleep(1)
          y <- numeric(1e8) + 1
        }
        i
      }), error = identity)
      name <- function(what) paste(strategy, what)
      out[[name("class")]] <- inherits(e, "rustle_error_worker_lost")
      out[[name("signal")]] <- identical(e$signal, tools::SIGKILL)
      out[[name("killed by the kernel")]] <- isTRUE(e$memory) && grepl("for want of memory", conditionMessage(e))
      out[[name("limit")]] <- isTRUE(abs(e$limit - 4e8) < 1e5) && grepl("batch job is 400 MB", conditionMessage(e))
      out[[name("used")]] <- isTRUE(e$used > 7e7)
      out[[name("printed")]] <- grepl("printed last: \"fitting model 2", conditionMessage(e), fixed = TRUE)
      # The session and its next workers are unharmed.
      out[[name("next")]] <- identical(future_lapply(1:4, identity), as.list(1:4))
    }
  })
  expect_all_true(got$value)
})

test_that("the error of a lost worker tells what it had printed last, its memory and the limit", {
  skip_unless_faults()
  skip_unless_linux()
  got <- run_r({
    out <- list()
    for (strategy in c("multicore", "multisession")) {
      plan(strategy, workers = 2, retries = 0)
      e <- tryCatch(future_lapply(1:3, function(i) {
        if (i == 2) {
          x <- numeric(4e6) + 1
          cat("fitting model", i, "\n")
          Sys.sleep(1)
          tools::pskill(Sys.getpid(), tools::SIGKILL)
          Sys.sleep(5)
        }
        i
      }), error = identity)
      name <- function(what) paste(strategy, what)
      out[[name("class")]] <- inherits(e, "rustle_error_worker_lost")
      out[[name("signal")]] <- identical(e$signal, tools::SIGKILL)
      out[[name("printed")]] <- grepl("fitting model 2", e$printed, fixed = TRUE)
      out[[name("message")]] <- grepl("printed last: \"fitting model 2", conditionMessage(e), fixed = TRUE)
      out[[name("used")]] <- isTRUE(e$used > 3e7)
      out[[name("limit")]] <- is.numeric(e$limit)
      out[[name("killed by the kernel")]] <- identical(e$memory, FALSE)
    }
  })
  expect_all_true(got$value)
})
