# Workers that die: their tasks run again, with the same values and numbers.

test_that("however a worker ends, its tasks run again, on every schedule and number of workers", {
  skip_unless_faults()
  faults <- quote(list(
    kill = function() die(9L), segv = function() die(11L), term = function() die(15L),
    hup = function() die(1L), quit = function() quit(),
    q = function() q("no"), status = function() quit(status = 3L),
    restart = function() invokeRestart("abort")
  ))
  cases <- combinations(fault = names(faults)[-1L], schedule = test_schedules(), workers = 1:5)
  cases <- cases[order(cases$schedule, cases$workers), ]
  run <- run_r(timeout = 60, before = bquote({ faults <- .(faults); cases <- .(cases) }), {
    out <- list()
    for (k in seq_len(nrow(cases))) {
      case <- cases[k, ]
      plan(multicore, workers = case$workers, schedule = case$schedule, compiled = "never")
      tag <- paste(case$schedule, case$workers, case$fault, sep = "-")
      out[[tag]] <- right(tag, faults[[case$fault]])
    }
  })
  expect_length(run$value, if (long_tests()) 200L else 40L)
  expect_all_true(run$value)
})

test_that("a smaller number of combinations has every pair", {
  withr::local_envvar(RUSTLE_TEST_LONG = NA)
  some <- combinations(a = letters[1:8], b = 1:5, c = c("u", "v", "w", "x", "y"))
  expect_identical(nrow(some), 40L)
  for (pair in list(c("a", "b"), c("a", "c"), c("b", "c"))) expect_false(any(table(some[pair]) == 0L))
  withr::local_envvar(RUSTLE_TEST_LONG = "true")
  expect_identical(nrow(combinations(a = 1:8, b = 1:5, c = 1:5)), 200L)
})

test_that("real faults of compiled code are survived", {
  skip_unless_faults()
  library <- skip_without_fault_library()
  run <- run_r(args = library, {
    dyn.load(commandArgs(TRUE)[[1L]])
    faults <- list(
      segv = function() .C("fault_segv"), abort = function() .C("fault_abort"),
      exit0 = function() .C("fault_exit", 0L), exit1 = function() .C("fault_exit", 1L),
      exit17 = function() .C("fault_exit", 17L), stack = function() .C("fault_stack", 1L)
    )
    out <- list()
    for (workers in c(1L, 3L)) {
      plan(multicore, workers = workers, compiled = "never")
      for (fault in names(faults)) {
        tag <- paste0(fault, workers)
        out[[tag]] <- right(tag, faults[[fault]])
        out[[paste0("mc", tag)]] <- right(
          paste0("mc", tag), faults[[fault]], apply = mclapply, mc.cores = workers + 1L
        )
      }
    }
    out$directory <- dir.exists(tempdir())
  })
  expect_all_true(run$value)
})

test_that("chunks, an ordering and prescheduled shares survive lost workers", {
  skip_unless_faults()
  run <- run_r({
    plan(multicore, workers = 3L, compiled = "never")
    backwards <- structure(4, ordering = 20:1)
    kill <- function() die(9L)
    segv <- function() die(11L)
    out <- list(
      size = right("size", kill, future.chunk.size = 6),
      one = right("one", segv, future.chunk.size = 1),
      scheduling = right("scheduling", segv, future.scheduling = 2.5),
      whole = right("whole", kill, future.scheduling = 0),
      ordering = right("ordering", segv, future.chunk.size = backwards),
      first = right("first", segv, at = 1L),
      last = right("last", kill, at = 20L),
      many = right("many", segv, at = c(2L, 9L, 19L)),
      all = right("all", segv, at = 1:20),
      all_killed = right("all_killed", kill, at = 1:20),
      shares = right("shares", kill, apply = mclapply, mc.cores = 3L),
      dynamic = right("dynamic", kill, apply = mclapply, mc.cores = 3L, mc.preschedule = FALSE)
    )
  })
  expect_all_true(run$value)
})

test_that("a killer from outside changes nothing, whenever it strikes", {
  skip_unless_faults()
  skip_unless_linux()
  # The kinds of signals in turn, unless there is time for all.
  cases <- expand.grid(signal = c(9L, 11L), schedule = c(test_schedules(), "shares"), stringsAsFactors = FALSE)
  if (!long_tests()) cases <- cases[c(1, 4, 5, 8, 9, 12), ]
  run <- run_r(timeout = 60, before = bquote({ cases <- .(cases) }), {
    # Kills a random child of this process every few milliseconds.
    killer <- function(signal, until) {
      sprintf(paste(
        "while [ -d %s ] && [ ! -e %s ]; do for p in $(cat /proc/%d/task/%d/children); do",
        "case $(cat /proc/$p/comm 2>/dev/null) in R) kill -%d $p 2>/dev/null;; esac;",
        "sleep 0.0$(( $(od -An -N1 -tu1 /dev/urandom) %% 9 )); done; sleep 0.01; done"
      ), dirname(until), until, Sys.getpid(), Sys.getpid(), signal)
    }
    out <- list()
    for (k in seq_len(nrow(cases))) {
      schedule <- cases$schedule[[k]]
      signal <- cases$signal[[k]]
      rule <- if (schedule == "shares") "stealing" else schedule
      plan(multicore, workers = 4L, compiled = "never", retries = 1000L, schedule = rule)
      tag <- paste(schedule, signal, sep = "-")
      stop_file <- file.path(scratch, paste0("stop-", tag))
      system(paste0("(", killer(signal, stop_file), ") >/dev/null 2>&1 &"))
      slow <- function(i) { Sys.sleep(0.003); list(i, as.character(i), runif(1)) }
      set.seed(1)
      out[[tag]] <- tryCatch(if (schedule == "shares") {
        value <- mclapply(1:60, slow, mc.cores = 4L)
        identical(lapply(value, `[`, 1:2), lapply(1:60, function(i) list(i, as.character(i))))
      } else {
        value <- future_lapply(1:60, slow, future.seed = 7L)
        identical(value, with_plan(sequential, future_lapply(1:60, slow, future.seed = 7L)))
      }, error = conditionMessage)
      file.create(stop_file)
    }
    out$children <- none_left()
  })
  expect_all_true(run$value)
})

test_that("after `retries` losses the error names the tasks and the signal and has the values", {
  skip_unless_faults()
  run <- run_r({
    out <- list()
    for (retries in 0:2) {
      plan(multicore, workers = 2L, compiled = "never", retries = retries)
      for (signal in c(9L, 11L)) {
        tag <- paste0(retries, "-", signal, "-")
        error <- tryCatch(future_lapply(1:8, function(i) {
          note_run(paste0(tag, i))
          if (i == 5L) die(signal)
          Sys.sleep(0.01)
          i * 10
        }), error = identity)
        out[[length(out) + 1L]] <- list(
          retries = retries, signal = signal, error = error, runs = runs(paste0(tag, 1:8))
        )
      }
    }
    out$children <- none_left()
  })
  for (case in run$value[1:6]) {
    error <- case$error
    expect_s3_class(error, c("rustle_error_worker_lost", "rustle_error", "error"), exact = FALSE)
    expect_identical(as.integer(error$tasks), 5L)
    expect_identical(error$signal, case$signal)
    expect_length(error$values, 8L)
    expect_null(error$values[[5L]])
    arrived <- !vapply(error$values, is.null, NA)
    expect_identical(error$values[arrived], as.list(1:8 * 10)[arrived])
    expect_identical(case$runs[[5L]], case$retries + 1)
    # Nobody else was in flight when the worker died.
    expect_true(all(case$runs[-5L] <= 1))
    expect_match(conditionMessage(error), "task 5", fixed = TRUE)
    expect_match(conditionMessage(error), sprintf("signal %d", case$signal), fixed = TRUE)
  }
  expect_true(run$value$children)
})

test_that("quit() and invokeRestart(\"abort\") are named as the reason", {
  skip_unless_faults()
  run <- run_r({
    plan(multicore, workers = 2L, compiled = "never", retries = 0L)
    out <- list(
      quit = tryCatch(future_lapply(1:4, function(i) if (i == 3L) quit() else i), error = identity),
      abort = tryCatch(
        future_lapply(1:4, function(i) if (i == 3L) invokeRestart("abort") else i),
        error = identity
      ),
      mclapply = tryCatch(
        mclapply(1:4, function(i) if (i == 3L) quit() else i, mc.preschedule = FALSE),
        error = identity
      )
    )
  })
  for (error in run$value) {
    expect_s3_class(error, "rustle_error_worker_lost")
    expect_identical(as.integer(error$tasks), 3L)
    expect_identical(error$signal, NA_integer_)
  }
  expect_match(conditionMessage(run$value$quit), "quit()", fixed = TRUE)
  expect_match(conditionMessage(run$value$abort), "abort", fixed = TRUE)
})

test_that("with retries = 0 no task runs twice, whoever is killed", {
  skip_unless_faults()
  run <- run_r({
    out <- list()
    for (schedule in c("stealing", "static", "cyclic", "dynamic", "guided")) {
      plan(multicore, workers = 3L, compiled = "never", retries = 0L, schedule = schedule)
      error <- tryCatch(future_lapply(1:30, function(i) {
        note_run(paste0(schedule, i))
        Sys.sleep(0.002)
        if (i %in% c(4L, 17L, 28L)) die(11L)
        i
      }), error = identity)
      out[[schedule]] <- list(error = error, runs = runs(paste0(schedule, 1:30)))
    }
  })
  for (case in run$value) {
    expect_s3_class(case$error, "rustle_error_worker_lost")
    expect_true(all(case$error$tasks %in% c(4L, 17L, 28L)))
    expect_lte(max(case$runs), 1)
    expect_true(all(case$runs[case$error$tasks] == 1))
  }
})

test_that("a lost worker of mclapply() is no silent NULL", {
  skip_unless_faults()
  run <- run_r({
    plan(multicore, workers = 2L, compiled = "never", retries = 1L)
    out <- lapply(c(TRUE, FALSE), function(preschedule) {
      tryCatch(
        mclapply(1:6, function(i) if (i == 4L) die(9L) else i, mc.preschedule = preschedule),
        error = identity, warning = identity
      )
    })
  })
  for (error in run$value) {
    expect_s3_class(error, "rustle_error_worker_lost")
    expect_true(4L %in% error$tasks)
    expect_identical(error$signal, 9L)
  }
})

test_that("after a SIGKILL tasks run again one at a time", {
  skip_unless_faults()
  run <- run_r({
    plan(multicore, workers = 4L, compiled = "never", retries = 3L)
    busy <- file.path(scratch, "busy")
    dir.create(busy)
    overlap <- future_sapply(1:4, function(i) {
      if (first_time(paste0("kill-", i))) {
        # Everybody has started before anybody dies.
        wait_until(function() length(list.files(scratch, "^kill-")) == 4L)
        die(9L)
      }
      file.create(file.path(busy, i))
      Sys.sleep(0.15)
      others <- length(list.files(busy)) - 1L
      unlink(file.path(busy, i))
      others
    }, future.chunk.size = 1)
    out <- list(overlap = overlap)
  })
  expect_identical(run$value$overlap, c(0L, 0L, 0L, 0L))
})

test_that("a large result that was half sent is sent again and right", {
  skip_unless_faults()
  skip_unless_linux()
  # In multiples of 5 ms.
  moments <- if (long_tests()) 1:8 else c(1L, 3L, 6L)
  run <- run_r(timeout = 60, before = bquote({ moments <- .(moments) }), {
    # One task may meet both killers.
    plan(multicore, workers = 2L, compiled = "never", retries = 2L)
    # Killed by a shell that starts when the value is complete and on its way.
    big <- function(i, tag) {
      value <- seq_len(1e7) + i * 0.5
      if (i == 2L && first_time(tag)) {
        delay <- sprintf("0.%03d", 5L * as.integer(sub("\\D+", "", tag)))
        system(sprintf("(sleep %s; kill -9 %d) >/dev/null 2>&1 &", delay, Sys.getpid()))
      }
      if (i == 3L && first_time(paste0(tag, "-list"))) {
        value <- list(value, letters, seq_len(1e6))
        system(sprintf("(sleep 0.01; kill -11 %d) >/dev/null 2>&1 &", Sys.getpid()))
        return(value)
      }
      if (i == 3L) list(value, letters, seq_len(1e6)) else value
    }
    whole <- lapply(1:3, big, tag = {
      first_time("none"); first_time("none-list"); "none"
    })
    out <- vapply(moments, function(k) {
      identical(future_lapply(1:3, big, tag = paste0("big", k)), whole)
    }, NA)
  })
  expect_identical(run$value, rep(TRUE, length(moments)))
})

test_that("random numbers are the same after a recovery", {
  skip_unless_faults()
  run <- run_r({
    out <- list()
    draw <- function(tag, at = 0L, signal = 9L) {
      function(i) {
        x <- rnorm(2)
        if (i %in% at && first_time(paste0(tag, i))) die(signal)
        c(x, runif(1))
      }
    }
    RNGkind("L'Ecuyer-CMRG")
    plan(multicore, workers = 3L, compiled = "never")
    for (signal in c(9L, 11L)) {
      for (seed in list(TRUE, 42L)) {
        tag <- paste0("future-", signal, "-", seed)
        set.seed(11)
        whole <- with_plan(sequential, future_lapply(1:12, draw(tag), future.seed = seed))
        after <- .Random.seed
        set.seed(11)
        again <- future_lapply(1:12, draw(tag, c(3L, 8L), signal), future.seed = seed)
        out[[tag]] <- identical(again, whole)
        out[[paste0(tag, "-state")]] <- identical(.Random.seed, after)
      }
      for (preschedule in c(TRUE, FALSE)) {
        tag <- paste0("mclapply-", signal, "-", preschedule)
        set.seed(11)
        parallel::mc.reset.stream()
        whole <- parallel::mclapply(1:12, draw(tag), mc.cores = 3L, mc.preschedule = preschedule)
        set.seed(11)
        parallel::mc.reset.stream()
        again <- mclapply(
          1:12, draw(tag, c(3L, 8L), signal), mc.cores = 3L, mc.preschedule = preschedule
        )
        out[[tag]] <- identical(again, whole)
      }
    }
  })
  expect_all_true(run$value)
})

test_that("output and conditions of a task that runs again come once, in order", {
  skip_unless_faults()
  run <- run_r({
    plan(multicore, workers = 2L, compiled = "never")
    told <- character()
    printed <- capture.output(withCallingHandlers(
      future_lapply(1:6, function(i) {
        cat("out", i, "\n")
        message("message ", i)
        # More than is kept back until the task ends.
        if (i == 4L) cat(strrep("-", 1e5), "\n")
        if (i == 4L && first_time("told")) die(9L)
        i
      }),
      message = function(m) {
        told <<- c(told, trimws(conditionMessage(m)))
        invokeRestart("muffleMessage")
      }
    ))
    out <- list(
      messages = identical(told, paste("message", 1:6)),
      output = identical(trimws(grep("out", printed, value = TRUE)), paste("out", 1:6)),
      line = sum(nchar(printed) > 9e4) == 1L
    )
  })
  expect_all_true(run$value)
})

test_that("a task that exceeds the timeout fails, the others do not", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r({
    plan(multicore, workers = 2L, compiled = "never", timeout = 1, retries = 0L)
    slow <- function(i) {
      if (i == 3L) {
        system(sprintf("echo $$ > %s; exec sleep 60", file.path(scratch, "sleeper")))
      }
      i
    }
    pid <- function() as.integer(readLines(file.path(scratch, "sleeper")))
    error <- tryCatch(future_lapply(1:6, slow), error = identity)
    kept <- list(future = error, gone = !any(alive(pid())))
    for (preschedule in c(TRUE, FALSE)) {
      warned <- NULL
      values <- withCallingHandlers(
        mclapply(1:6, slow, mc.preschedule = preschedule),
        warning = function(w) { warned <<- conditionMessage(w); invokeRestart("muffleWarning") }
      )
      kept[[paste0("mclapply", preschedule)]] <- list(values = values, warned = warned)
    }
    # A loop in R code, and code that never checks for interrupts.
    kept$loop <- tryCatch(future_lapply(1:2, function(i) repeat i), error = identity)
    kept$brief <- future_lapply(1:20, function(i) { Sys.sleep(0.05); i })
    # A timeout is no loss: others run on, and waiting for the reader is no time.
    kept$big <- length(future_lapply(1:4, function(i) numeric(4e6)))
    out <- c(kept, list(children = none_left()))
  })
  value <- run$value
  for (error in value[c("future", "loop")]) {
    expect_s3_class(error, "rustle_error_timeout")
    expect_s3_class(error, "rustle_error")
  }
  expect_identical(as.integer(value$future$task), 3L)
  expect_true(value$gone)
  for (case in value[c("mclapplyTRUE", "mclapplyFALSE")]) {
    expect_s3_class(case$values[[3L]], "try-error")
    expect_s3_class(attr(case$values[[3L]], "condition"), "rustle_error_timeout")
    expect_identical(case$values[-3L], as.list(c(1L, 2L, 4L, 5L, 6L)))
    expect_match(case$warned, "1 function call resulted in an error")
  }
  expect_identical(value$brief, as.list(1:20))
  expect_identical(value$big, 4L)
  expect_true(value$children)
})
