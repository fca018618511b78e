# Short memory, refused processes, tasks that exhaust what they have.

# A command line that limits the process that it starts.
limited <- function(limit) {
  c("sh", "-c", paste0("ulimit ", limit, " && exec \"$@\""), "sh")
}

test_that("a job works under a limit of the address space", {
  skip_unless_faults()
  skip_unless_linux()
  for (kilobytes in c(4000000, 1500000)) {
    run <- run_r(wrap = limited(sprintf("-v %d", kilobytes)), {
      plan(multicore, workers = 4L, compiled = "never")
      out <- list(
        small = right("small", function() NULL), fault = right("fault", function() die(9L)),
        shares = right("shares", function() die(11L), apply = mclapply, mc.cores = 4L),
        big = identical(
          future_lapply(1:4, function(i) numeric(1e6) + i), lapply(1:4, function(i) numeric(1e6) + i)
        ),
        many = length(future_lapply(1:1e5, function(i) NULL)) == 1e5L
      )
    })
    expect_all_true(run$value)
  }
})

test_that("an allocation that fails in a task is that task's error", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(wrap = limited("-v 3000000"), {
    plan(multicore, workers = 2L) # which here compiles nothing
    fill <- function(i) if (i == 2L) length(numeric(1e9)) else i
    out <- list(
      future = inherits(tryCatch(future_lapply(1:4, fill), error = identity), "error"),
      message = grepl("cannot allocate", tryCatch(future_lapply(1:4, fill), error = conditionMessage)),
      task = identical(as.integer(tryCatch(future_lapply(1:4, fill), error = identity)$task), 2L)
    )
    values <- suppressWarnings(mclapply(1:4, fill))
    out$mclapply <- inherits(values[[2L]], "try-error") && identical(values[-2L], list(1L, 3L, 4L))
    out$next_call <- right("next", function() NULL)
  })
  expect_all_true(run$value)
})

test_that("results that the parent has no room for are an error, and nothing is left", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(wrap = limited("-v 2000000"), {
    plan(multicore, workers = 2L, compiled = "never")
    seen <- tryCatch(future_lapply(1:8, function(i) numeric(5e7) + i), error = identity)
    out <- list(
      error = inherits(seen, "error"), children = none_left(),
      descriptors = sum(grepl("pidfd|pipe", Sys.readlink(list.files("/proc/self/fd", full.names = TRUE)))) <= 2L
    )
    seen <- NULL
    invisible(gc())
    out$next_call <- right("next", function() NULL)
  })
  expect_all_true(run$value)
})

test_that("when the system refuses processes the job goes on with the workers that started", {
  skip_unless_faults()
  skip_unless_linux()
  user <- nobody()
  for (extra in 1:2) {
    run <- run_r(
      wrap = user$wrap, before = limit_processes, directory = user$home,
      args = as.character(extra), {
        Sys.setenv(OPENBLAS_NUM_THREADS = "1")
        plan(multicore, workers = 5L, compiled = "never")
        future_lapply(1:2, identity)
        limit_processes(as.integer(commandArgs(TRUE)))
        slow <- function(i) { Sys.sleep(0.01); Sys.getpid() }
        pids <- future_sapply(1:30, slow)
        out <- list(
          workers = length(unique(pids)) <= as.integer(commandArgs(TRUE)),
          right = right("right", function() NULL), fault = right("fault", function() die(11L)),
          shares = right("shares", function() NULL, apply = mclapply, mc.cores = 5L),
          each = right("each", function() NULL, apply = mclapply, mc.cores = 5L, mc.preschedule = FALSE)
        )
      }
    )
    expect_all_true(run$value)
  }
})

test_that("when not one process can be started the error says so", {
  skip_unless_faults()
  skip_unless_linux()
  user <- nobody()
  run <- run_r(wrap = user$wrap, before = limit_processes, directory = user$home, {
    plan(multicore, workers = 2L, compiled = "never")
    future_lapply(1:2, identity)
    limit_processes(0L)
    system_error <- function(call) {
      seen <- tryCatch(call, error = identity)
      inherits(seen, "rustle_error_system") && inherits(seen, "rustle_error")
    }
    out <- list(
      future = system_error(future_lapply(1:4, identity)),
      shares = system_error(mclapply(1:4, identity)),
      sequential = identical(with_plan(sequential, future_lapply(1:2, identity)), list(1L, 2L))
    )
  })
  expect_all_true(run$value)
})

test_that("the first call of a session counts the cores without a process of its own", {
  skip_unless_faults()
  skip_unless_linux()
  user <- nobody()
  run <- run_r(wrap = user$wrap, before = limit_processes, directory = user$home, {
    plan(multicore, workers = 2L, compiled = "never")
    limit_processes(1L)
    out <- list(right = right("right", function() NULL))
  })
  expect_all_true(run$value)
})

test_that("a job needs few descriptors, and says so when it has none", {
  skip_unless_faults()
  skip_unless_linux()
  skip_if(Sys.which("prlimit") == "", "no prlimit")
  run <- run_r({
    plan(multicore, workers = 3L, compiled = "never")
    room_for <- function(extra) {
      # As high as the highest number in use: no gaps below it.
      used <- max(as.integer(list.files("/proc/self/fd")))
      system(sprintf("prlimit --pid %d --nofile=%d:1024", Sys.getpid(), used + 1L + extra))
    }
    files <- lapply(1:20, function(k) file(nullfile(), "r"))
    out <- list()
    room_for(12L)
    out$right <- right("right", function() NULL)
    out$fault <- right("fault", function() die(9L))
    for (extra in 0:4) {
      room_for(extra)
      full <- tryCatch(future_lapply(1:4, identity), error = identity)
      out[[paste0("full", extra)]] <- identical(full, as.list(1:4)) || inherits(full, "rustle_error_system")
      out[[paste0("children", extra)]] <- none_left()
    }
    for (f in files) close(f)
    out$next_call <- right("next", function() NULL)
  })
  expect_all_true(run$value)
})

test_that("tasks that exhaust the stack fail alone", {
  skip_unless_faults()
  run <- run_r({
    plan(multicore, workers = 2L, compiled = "never")
    deep <- function(n) deep(n + 1)
    seen <- tryCatch(future_lapply(1:4, function(i) if (i == 3L) deep(1) else i), error = identity)
    values <- suppressWarnings(mclapply(1:4, function(i) if (i == 3L) deep(1) else i))
    out <- list(
      future = inherits(seen, "error") && identical(as.integer(seen$task), 3L),
      mclapply = inherits(values[[3L]], "try-error") && identical(values[-3L], list(1L, 2L, 4L))
    )
  })
  expect_all_true(run$value)
})

test_that("more workers than tasks, cores or sense are no fault", {
  skip_unless_faults()
  run <- run_r({
    out <- list()
    for (workers in c(20L, 100L)) {
      plan(multicore, workers = workers, compiled = "never")
      out[[paste0("few", workers)]] <- right(paste0("few", workers), function() die(9L), n = 8L)
      out[[paste0("many", workers)]] <- right(paste0("many", workers), function() die(11L), n = 300L)
    }
  })
  expect_all_true(run$value)
})
