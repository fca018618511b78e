# Workers that stand by, their server and their session, when they are killed, interrupted
# or short of what they need.

# In scripts: the processes of plan(multisession).
standing <- quote({
  options(warn = 1)
  status <- function() rustle:::rs_pool_status()
  pids <- function() sort(as.integer(status()$pid))
  server <- function() as.integer(status()$server)
  descriptors <- function() length(list.files("/proc/self/fd"))
  # No process of ours is there, be it as a zombie.
  gone <- function(pids) wait_until(function() !any(file.exists(file.path("/proc", pids))))
  # Is it so in the child processes, too?
  class_of <- function(call) tryCatch({ call; "no error" }, error = function(e) class(e)[[1L]])
  next_call <- function() identical(future_lapply(1:20, function(i) i^2), expected())
  resident <- function(pid = Sys.getpid()) {
    line <- grep("^RssAnon:", readLines(file.path("/proc", pid, "status"), warn = FALSE), value = TRUE)
    as.numeric(gsub("[^0-9]", "", line)) / 1024
  }
})

test_that("workers and the server are killed at any moment: the values, or the error", {
  skip_unless_faults()
  skip_unless_linux()
  kills <- some_or(40L, 1000L)
  run <- run_r(before = standing, args = as.character(kills), timeout = some_or(90, 1500), {
    kills <- as.integer(commandArgs(TRUE)[[1L]])
    set.seed(1)
    big <- rnorm(3e5)
    shapes <- list(
      many = function(n) future_sapply(1:2000, function(i) i^2),
      slow = function(n) future_lapply(1:30, function(i) { Sys.sleep(0.002); i }),
      large = function(n) future_lapply(1:6, function(i) rep(i, 3e5)),
      global = function(n) future_vapply(1:20, function(i) sum(big) + i, 0),
      loud = function(n) suppressMessages(capture.output(x <- future_lapply(1:20, function(i) { cat(i); message(i); i }))),
      seeded = function(n) future_sapply(1:50, function(i) rnorm(1), future.seed = 3),
      shares = function(n) mclapply(1:20, function(i) { Sys.sleep(0.002); i })
    )
    oracle <- with_plan(sequential, lapply(shapes, function(shape) shape(1)))
    retries <- c(0L, 3L)
    out <- list()
    lost <- 0L
    for (k in seq_len(kills)) {
      name <- names(shapes)[[(k - 1L) %% length(shapes) + 1L]]
      plan(multisession, workers = 3L, compiled = "never", retries = retries[[(k %/% 2L) %% 2L + 1L]])
      if (!next_call()) out[[paste0("warm", k)]] <- FALSE
      victim <- if (k %% 3L == 0L) server() else { all <- pids(); all[[sample(length(all), 1L)]] }
      signal <- c("KILL", "TERM", "SEGV")[[sample(3L, 1L)]]
      done <- tempfile()
      system(sprintf("(sleep %.4f; kill -s %s %d; touch %s) >/dev/null 2>&1 &", runif(1, 0, 0.06), signal, victim, done))
      until <- Sys.time() + 0.07
      repeat {
        got <- tryCatch(shapes[[name]](k), rustle_error_worker_lost = function(e) { lost <<- lost + 1L; NULL })
        if (!is.null(got) && !identical(got, oracle[[name]])) out[[paste(name, k)]] <- got
        if (Sys.time() > until) break
      }
      # What is promised of the next call is promised once the kill is over.
      while (!file.exists(done)) Sys.sleep(0.005)
      if (alive(victim)) out[[paste0("victim", k)]] <- FALSE
      Sys.sleep(0.05)
      out[[paste0("next", k)]] <- tryCatch(next_call(), error = conditionMessage)
    }
    used <- c(pids(), server())
    invisible(gc())
    plan(multisession, workers = 3L, compiled = "never")
    next_call()
    # Each worker has two: how many there are depends on who was killed last.
    held <- function() descriptors() - 2L * length(pids())
    before <- held()
    for (k in 1:6) {
      tools::pskill(if (k %% 2L) server() else max(pids()), 9L)
      for (attempt in 1:2) try(next_call(), silent = TRUE)
      Sys.sleep(0.05)
    }
    next_call()
    invisible(gc())
    # A worker that is being started has descriptors, and no pid yet.
    out$descriptors <- wait_until(function() { gc(); held() <= before })
    used <- c(used, pids(), server())
    plan(sequential)
    out$gone <- gone(used)
    out$no_child <- none_left()
  })
  expect_all_true(run$value)
})

test_that("when the session is killed, nothing of it is left", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(before = standing, {
    inner <- tempfile(fileext = ".R")
    writeLines(c(
      "library(rustle); args <- commandArgs(TRUE); note <- args[[2]]",
      "plan(multisession, workers = 2, compiled = 'never')",
      "if (args[[1]] != 'starting') {",
      "  x <- future_lapply(1:2, function(i) system('sleep 50', wait = FALSE))",
      "  dirs <- unlist(future_lapply(1, function(i) tempdir()))",
      "  cat(unlist(rustle:::rs_pool_status()[c('server', 'pid')]), file = paste0(note, '-pids'))",
      "  cat(dirs, file = paste0(note, '-dir'))",
      "}",
      "cat(Sys.getpid(), file = note)",
      "if (args[[1]] == 'busy') future_lapply(1:2, function(i) { Sys.sleep(50); i })",
      "if (args[[1]] == 'programs') future_lapply(1:2, function(i) system('sleep 50'))",
      "Sys.sleep(50)"
    ), inner)
    out <- list()
    for (state in c("idle", "busy", "programs", "starting")) {
      note <- file.path(scratch, state)
      system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", inner, state, note), wait = FALSE, stdout = FALSE, stderr = FALSE)
      if (!wait_until(function() file.exists(note) && length(scan(note, quiet = TRUE)) == 1L)) stop(state)
      Sys.sleep(if (state == "starting") 0.05 else 0.3)
      session <- scan(note, quiet = TRUE)
      started <- children(session)
      if (state != "starting") {
        # Quick tasks may need one worker only.
        all <- scan(paste0(note, "-pids"), quiet = TRUE)
        started <- c(all, started, unlist(lapply(all[-1L], children)))
      }
      tools::pskill(session, 9L)
      out[[state]] <- length(started) > 0L && !any(alive(started))
      if (state != "starting") {
        directory <- readLines(paste0(note, "-dir"), warn = FALSE)
        out[[paste0(state, "_directory")]] <- wait_until(function() !dir.exists(directory))
      }
    }
  })
  expect_all_true(run$value)
})

test_that("interrupts at any moment are prompt, and the same workers go on", {
  skip_unless_faults()
  skip_unless_linux()
  interrupts <- some_or(20L, 100L)
  run <- run_r(before = standing, args = as.character(interrupts), timeout = some_or(60, 300), {
    plan(multisession, workers = 3L, compiled = "never")
    next_call()
    future_lapply(1:3, function(i) Sys.sleep(0.1))
    before <- pids()
    set.seed(2)
    big <- rnorm(3e5)
    slow <- list(
      function() future_lapply(1:300, function(i) { Sys.sleep(0.003); i }),
      function() future_lapply(1:50, function(i) rep(big[[i]], 1e5)),
      function() future_lapply(1:3000, function(i) sum(seq_len(2000))),
      function() future_lapply(1:30, function(i) { on.exit(Sys.sleep(0.01)); x <- 0; for (k in 1:2e5) x <- x + k; x }),
      function() for (k in 1:100) future_lapply(1:3, function(i) i)
    )
    for (call in slow) call()
    fds <- descriptors()
    out <- list()
    kept <- 0L
    for (k in seq_len(as.integer(commandArgs(TRUE)[[1L]]))) {
      asked <- file.path(scratch, paste0("asked", k))
      system(sprintf("(sleep %.3f; touch %s; kill -INT %d) >/dev/null 2>&1 &", runif(1, 0.02, 0.12), asked, Sys.getpid()))
      seen <- tryCatch({ repeat slow[[k %% 5L + 1L]]() }, interrupt = function(e) "interrupt", error = conditionMessage)
      took <- as.numeric(Sys.time() - file.mtime(asked), units = "secs")
      if (!identical(seen, "interrupt")) out[[paste0("seen", k)]] <- seen
      if (took > 10) out[[paste0("took", k)]] <- took
      out[[paste0("next", k)]] <- tryCatch(next_call(), error = conditionMessage)
      kept <- kept + identical(pids(), before)
      before <- pids()
    }
    out$same <- if (kept >= 0.9 * k) TRUE else kept
    invisible(gc())
    out$descriptors <- if (descriptors() <= fds) TRUE else descriptors() - fds
    # Nobody waits for the end of tasks.
    interrupt_later(0.3)
    began <- proc.time()[["elapsed"]]
    out$asleep <- identical(tryCatch(future_lapply(1:3, function(i) Sys.sleep(60)), interrupt = function(e) "interrupt"), "interrupt")
    out$prompt <- proc.time()[["elapsed"]] - began < 50
    used <- c(pids(), server())
    plan(sequential)
    out$gone <- gone(used)
  })
  expect_all_true(run$value)
})

test_that("calls cost the session and the workers no memory and no descriptor", {
  skip_unless_faults()
  skip_unless_linux()
  calls <- some_or(300L, 10000L)
  run <- run_r(before = standing, args = as.character(calls), timeout = some_or(60, 600), {
    plan(multisession, workers = 2L, compiled = "never")
    data <- rnorm(2e5)
    call <- function(k) {
      data[[1L]] <<- k
      future_lapply(1:4, function(i) list(i, sum(data), as.character(i)))
    }
    # What is sent is kept, up to some number of files.
    for (k in 1:250) call(-k)
    measure <- function() {
      invisible(gc())
      # Each worker does so.
      here <- tempfile("measured-", scratch)
      dir.create(here)
      future_lapply(1:4, function(i) {
        gc()
        file.create(file.path(here, Sys.getpid()))
        wait_until(function() length(list.files(here)) == 2L)
      })
      c(resident(), vapply(pids(), resident, 0))
    }
    fds <- c(descriptors(), vapply(pids(), function(p) length(list.files(file.path("/proc", p, "fd"))), 1L))
    # The C library may keep what R has freed: what calls cost grows with each round of them.
    for (round in 1:4) {
      before <- measure()
      for (k in seq_len(as.integer(commandArgs(TRUE)[[1L]]))) call(k)
      growth <- measure() - before
      if (all(growth < 5)) break
    }
    fds_after <- c(descriptors(), vapply(pids(), function(p) length(list.files(file.path("/proc", p, "fd"))), 1L))
    out <- list(
      memory = if (all(growth < 5)) TRUE else growth,
      descriptors = if (all(fds_after <= fds + 4L)) TRUE else fds_after - fds
    )
  })
  expect_all_true(run$value)
})

test_that("what a task does to its worker costs at most that worker", {
  skip_unless_faults()
  skip_unless_linux()
  library <- skip_without_fault_library()
  run <- run_r(before = standing, args = library, timeout = 60, {
    library_file <- commandArgs(TRUE)[[1L]]
    lost <- "rustle_error_worker_lost"
    plan(multisession, workers = 2L, compiled = "never", retries = 0L)
    out <- list()
    claim <- function(name, call, expected) {
      got <- tryCatch(call, error = function(e) class(e)[[1L]])
      out[[name]] <<- if (identical(got, expected)) TRUE else got
      out[[paste0(name, "_next")]] <<- tryCatch(next_call(), error = conditionMessage)
    }
    two <- list(1L, 2L)
    claim("quit", future_lapply(1:2, function(i) if (i == 2L) quit("no") else i), lost)
    claim("abort", future_lapply(1:2, function(i) if (i == 2L) invokeRestart("abort") else i), lost)
    claim("other", future_lapply(1:2, function(i) {
      tryCatch(stop(structure(class = c("odd", "condition"), list(message = "odd", call = NULL))), odd = function(o) i)
    }), two)
    claim("connections", suppressWarnings(future_lapply(1:2, function(i) { closeAllConnections(); i })), two)
    claim("descriptors", future_lapply(1:2, function(i) {
      dyn.load(library_file)
      for (fd in 3:60) .C("fault_close", fd)
      i
    }), two)
    claim("limit", future_lapply(1:2, function(i) { setTimeLimit(elapsed = 0.2); repeat Sys.sleep(0.01) }), "simpleError")
    claim("siblings", future_lapply(1:2, function(i) {
      file.create(file.path(scratch, paste0("sibling-", i)))
      wait_until(function() length(list.files(scratch, "^sibling-")) == 2L)
      parent <- strsplit(sub("^.*\\) ", "", readLines("/proc/self/stat")), " ")[[1L]][[2L]]
      all <- scan(sprintf("/proc/%s/task/%s/children", parent, parent), quiet = TRUE)
      for (pid in setdiff(all, Sys.getpid())) tools::pskill(pid, 9L)
      Sys.sleep(0.2)
      i
    }), lost)
    claim("forks", future_lapply(1:2, function(i) unlist(parallel::mclapply(1:2, function(k) i * k, mc.cores = 2L))), list(1:2, c(2L, 4L)))
    claim("masks", future_lapply(1:2, function(i) {
      system("grep SigBlk /proc/self/status", intern = TRUE)
    }), rep(list(sprintf("SigBlk:\t%016d", 0)), 2L))
    claim("inherited", future_lapply(1:2, function(i) {
      open <- system("ls -l /proc/self/fd", intern = TRUE)
      length(grep("socket|memfd|pidfd", open))
    }), list(0L, 0L))
    used <- c(pids(), server())
    plan(sequential)
    out$gone <- gone(used)
  })
  expect_all_true(run$value)
})

test_that("a task whose time is over ends with its on.exit(), and is over even if it says no", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(before = standing, timeout = 60, {
    plan(multisession, workers = 2L, compiled = "never", timeout = 0.6, retries = 0L)
    future_lapply(1:2, identity)
    timeout <- function(name, FUN, left = 0L) {
      began <- Sys.time()
      # The tasks after it take long enough to be in flight when its worker's grace is over.
      error <- tryCatch(future_lapply(1:6, function(i) if (i == 1L) FUN(i) else { Sys.sleep(0.3); i }, future.chunk.size = 1), error = identity)
      list(
        class = if (inherits(error, "rustle_error_timeout")) TRUE else error,
        soon = as.numeric(Sys.time() - began, units = "secs") < 50,
        next_call = tryCatch(next_call(), error = conditionMessage)
      )
    }
    left <- file.path(scratch, "left")
    out <- unlist(list(
      sleep = timeout("sleep", function(i) { on.exit(file.create(left)); Sys.sleep(60) }),
      caught = timeout("caught", function(i) tryCatch(Sys.sleep(60), interrupt = function(e) "caught")),
      stubborn = timeout("stubborn", function(i) repeat tryCatch(Sys.sleep(60), interrupt = function(e) "caught")),
      loop = timeout("loop", function(i) while (TRUE) {}),
      system = timeout("system", function(i) system("sleep 60")),
      sort = timeout("sort", function(i) { x <- as.numeric(1:1e7); repeat x <- sort(x, method = "shell", decreasing = TRUE) })
    ), recursive = FALSE)
    out$left <- file.exists(left)
    out$values <- identical(
      tryCatch(mclapply(1:4, function(i) if (i == 2L) tryCatch(Sys.sleep(60), interrupt = function(e) 0) else i), warning = function(w) "timeout"),
      "timeout"
    )
  })
  expect_all_true(run$value)
})

test_that("what tasks have started ends with the session, or with the worker", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(before = standing, timeout = 60, {
    out <- list()
    start <- function() {
      unlist(future_lapply(1:2, function(i) {
        as.integer(c(
          system("sleep 50 >/dev/null 2>&1 & echo $!", intern = TRUE),
          parallel::mcparallel(Sys.sleep(50))$pid
        ))
      }))
    }
    plan(multisession, workers = 2L, compiled = "never")
    programs <- start()
    out$there <- all(alive(programs, 0))
    plan(sequential)
    out$plan <- !any(alive(programs))
    plan(multisession, workers = 2L, compiled = "never")
    programs <- start()
    killed <- server()
    tools::pskill(killed, 9L)
    alive(killed)
    out$next_call <- next_call()
    out$server <- !any(alive(programs))
    programs <- start()
    for (pid in pids()) tools::pskill(pid, 9L)
    out$again <- next_call()
    out$worker <- !any(alive(programs))
    plan(multisession, workers = 2L, compiled = "never", idle_timeout = 1)
    programs <- start()
    # Who has left is reaped, with what it had started, by the next call.
    out$left <- !any(alive(pids()))
    out$idle <- next_call() && !any(alive(programs))
  })
  expect_all_true(run$value)
})

test_that("workers that have idled for too long leave, and the next call says nothing", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(before = standing, timeout = 60, {
    plan(multisession, workers = 2L, compiled = "never", idle_timeout = 1, retries = 0L)
    out <- list(first = next_call())
    before <- pids()
    out$left <- wait_until(function() !any(alive(before, 0)))
    out$silent <- identical(capture.output(type = "message", again <- next_call()), character())
    out$again <- again
    for (k in 1:8) {
      Sys.sleep(0.98 + k * 0.005)
      out[[paste0("race", k)]] <- tryCatch(next_call(), error = conditionMessage)
    }
    Sys.sleep(1.3)
    next_call()
    out$no_zombie <- wait_until(function() length(children(server())) == length(pids()))
  })
  expect_all_true(run$value)
})

test_that("a process that the session forks has workers of its own", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(before = standing, timeout = 60, {
    plan(multisession, workers = 2L, compiled = "never")
    first <- next_call()
    before <- c(server(), pids())
    theirs <- parallel::mclapply(1:2, function(k) {
      c(sum(unlist(future_lapply(1:3, function(i) i * k))), server(), pids())
    }, mc.cores = 2L)
    out <- list(
      first = first, values = identical(vapply(theirs, function(x) x[[1L]], 0), c(6, 12)),
      own = !any(unlist(lapply(theirs, `[`, -1L)) %in% before),
      gone = gone(unlist(lapply(theirs, `[`, -1L))),
      same = all(alive(before, 0)), next_call = next_call(), same_pids = identical(c(server(), pids()), before)
    )
  })
  expect_all_true(run$value)
})

test_that("a task has workers of its own, and they end with it", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(before = standing, timeout = 90, {
    nested <- function(i) {
      library(rustle)
      values <- unlist(future_lapply(1:3, function(k) i * k))
      list(sum(values), rustle:::rs_pool_status()[c("pid", "server")])
    }
    out <- list()
    plan(list(tweak(multisession, workers = 2L), tweak(multisession, workers = 2L)))
    got <- future_lapply(1:2, nested)
    out$values <- identical(lapply(got, `[[`, 1L), list(6L, 12L))
    theirs <- unlist(lapply(got, `[[`, 2L))
    out$theirs <- length(theirs) >= 4L
    plan(multisession, workers = 2L, compiled = "never")
    out$own <- identical(future_lapply(1:2, function(i) {
      plan(multisession, workers = 2L, compiled = "never")
      unlist(future_lapply(1:2, function(k) i * k))
    }), list(1:2, c(2L, 4L)))
    out$next_call <- next_call()
    plan(sequential)
    out$gone <- gone(theirs)
  })
  expect_all_true(run$value)
})

test_that("two sessions have nothing to do with each other", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(before = standing, timeout = 60, {
    inner <- tempfile(fileext = ".R")
    writeLines(c(
      "library(rustle); plan(multisession, workers = 2, compiled = 'never')",
      "x <- 0; for (k in 1:100) x <- x + sum(unlist(future_lapply(1:4, function(i) { Sys.sleep(0.001); i })))",
      "cat(x, file = commandArgs(TRUE)[[1]])"
    ), inner)
    note <- file.path(scratch, "other")
    system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", inner, note), wait = FALSE)
    plan(multisession, workers = 2L, compiled = "never")
    ours <- vapply(1:100, function(k) identical(future_lapply(1:4, function(i) i), list(1L, 2L, 3L, 4L)), NA)
    plan(sequential)
    out <- list(ours = all(ours), theirs = wait_until(function() file.exists(note) && identical(scan(note, quiet = TRUE), 1000), 60))
  })
  expect_all_true(run$value)
})

test_that("handlers of what tasks relay may call workers, too", {
  skip_unless_faults()
  run <- run_r(before = standing, {
    plan(multisession, workers = 2L, compiled = "never")
    inner <- list()
    value <- withCallingHandlers(
      future_lapply(1:4, function(i) { message("task ", i); Sys.sleep(0.02); i }),
      message = function(m) {
        inner[[length(inner) + 1L]] <<- future_lapply(1:3, function(k) k)
        invokeRestart("muffleMessage")
      }
    )
    out <- list(
      outer = identical(value, as.list(1:4)), inner = identical(inner, rep(list(as.list(1:3)), 4L)),
      next_call = next_call(), workers = length(pids()) <= 4L
    )
  })
  expect_all_true(run$value)
})
