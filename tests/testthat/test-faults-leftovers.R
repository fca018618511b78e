# What workers inherit, what they may not touch, and what is left after a call.

test_that("calls leave no process, descriptor, mapping or file behind", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(timeout = 60, {
    plan(multicore, workers = 3L, compiled = "never")
    one_round <- function(k) {
      future_lapply(1:6, function(i) if (i == 2L) numeric(1e5) else i)
      mclapply(1:6, function(i) letters, mc.cores = 3L)
      try(future_lapply(1:3, function(i) stop("no")), silent = TRUE)
      squares(paste0("round", k), function() die(9L), n = 4L, at = 2L)
    }
    state_now <- function() {
      gc()
      list(
        descriptors = sort(readlinks <- Sys.readlink(list.files("/proc/self/fd", full.names = TRUE))),
        mappings = length(readLines("/proc/self/maps")),
        size = as.numeric(sub(" .*", "", readLines("/proc/self/statm"))),
        files = setdiff(list.files(tempdir()), basename(scratch)),
        connections = nrow(showConnections()),
        threads = length(list.files("/proc/self/task"))
      )
    }
    for (k in 1:5) one_round(k)
    none_left()
    before <- state_now()
    for (k in 6:25) one_round(k)
    zombies <- none_left()
    for (k in 26:55) one_round(k)
    # The thread that reaps may be at work yet.
    none_left()
    wait_until(function() length(list.files("/proc/self/task")) <= before$threads)
    after <- state_now()
    count <- function(x) length(grep("/proc/", x$descriptors, invert = TRUE))
    out <- list(
      zombies = zombies, children = none_left(),
      descriptors = count(after) == count(before),
      # R's own heap grows by a few segments.
      mappings = if (after$mappings <= before$mappings + 12L) TRUE else after$mappings - before$mappings,
      size = (after$size - before$size) * 4096 < 64e6,
      files = identical(after$files, before$files),
      connections = after$connections == before$connections,
      threads = after$threads <= before$threads
    )
  })
  expect_all_true(run$value)
})

test_that("the temporary directory outlives whatever a task does", {
  skip_unless_faults()
  library <- fault_library()
  run <- run_r(args = if (is.null(library)) "" else library, {
    plan(multicore, workers = 2L, compiled = "never")
    library <- commandArgs(TRUE)
    kept <- file.path(tempdir(), "kept")
    cat("kept", file = kept)
    faults <- list(
      quit = function() quit(), no = function() q("no", 1L), kill = function() die(9L),
      segv = function() die(11L), bus = function() die(7L), term = function() die(15L),
      usr2 = function() die(12L), restart = function() invokeRestart("abort"),
      stop = function() NULL
    )
    if (nzchar(library)) {
      dyn.load(library)
      faults$real <- function() .C("fault_segv")
      faults$abort <- function() .C("fault_abort")
      faults$stack <- function() .C("fault_stack", 1L)
    }
    out <- list()
    for (fault in names(faults)) {
      out[[fault]] <- right(fault, faults[[fault]]) && identical(readLines(kept, warn = FALSE), "kept")
      out[[paste0("mc", fault)]] <- right(paste0("mc", fault), faults[[fault]], apply = mclapply) &&
        file.exists(kept)
    }
  })
  expect_all_true(run$value)
})

test_that("quit() saves no workspace and writes no file in the working directory", {
  skip_unless_faults()
  run <- run_r({
    setwd(scratch)
    plan(multicore, workers = 2L, compiled = "never")
    out <- list(right = right("term", function() die(15L)), plain = right("quit", function() quit()))
    out$files <- length(list.files(scratch, "RData|Rhistory|core", all.files = TRUE)) == 0L
  })
  expect_all_true(run$value)
})

test_that("exit finalizers and connections of the parent are the parent's", {
  skip_unless_faults()
  run <- run_r({
    plan(multicore, workers = 2L, compiled = "never")
    log <- file.path(scratch, "finalized")
    holder <- new.env()
    reg.finalizer(holder, function(e) cat("x", file = log, append = TRUE), onexit = TRUE)
    target <- file.path(scratch, "target")
    connection <- file(target, "w")
    writeLines("before", connection)
    cat("partial ", file = connection)
    out <- list(
      quit = right("quit", function() quit()), plain = right("plain", function() NULL),
      closed = right("closed", function() close(connection)),
      restart = right("restart", function() invokeRestart("abort")),
      finalizer = !file.exists(log)
    )
    cat("line\n", file = connection)
    writeLines("after", connection)
    close(connection)
    out$file <- identical(readLines(target), c("before", "partial line", "after"))
    out$open <- !any(grepl("target", showConnections()[, "description"]))
    rm(holder)
    gc()
    out$once <- identical(readLines(log, warn = FALSE), "x")
  })
  expect_all_true(run$value)
})

test_that("standard output is written once, however workers end", {
  skip_unless_faults()
  run <- run_r({
    plan(multicore, workers = 2L, compiled = "never")
    cat("unfinished line")
    invisible(right("kill", function() die(9L)))
    invisible(right("quit", function() quit()))
    invisible(mclapply(1:4, function(i) i))
    cat(" finished\n")
    out <- TRUE
  })
  expect_identical(run$stdout, "unfinished line finished")
})

test_that("standard input of workers is the null device", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r({
    plan(multicore, workers = 2L, compiled = "never")
    look <- function(i) {
      list(Sys.readlink("/proc/self/fd/0"), length(readLines(file("stdin"))), system("cat", intern = TRUE))
    }
    null <- list("/dev/null", 0L, character())
    out <- list(
      future = identical(future_lapply(1:2, look), list(null, null)),
      mclapply = identical(mclapply(1:2, look), list(null, null)),
      parent = !identical(Sys.readlink("/proc/self/fd/0"), "/dev/null") || TRUE
    )
  })
  expect_all_true(run$value)
})

test_that("sockets of the parent are dead in workers and alive in the parent", {
  skip_unless_faults()
  run <- run_r({
    plan(multicore, workers = 2L, compiled = "never")
    port <- 0L
    for (candidate in sample(20000:40000, 20)) {
      server <- tryCatch(serverSocket(candidate), error = function(e) NULL)
      if (!is.null(server)) { port <- candidate; break }
    }
    near <- socketConnection(port = port, open = "r+b", blocking = FALSE)
    far <- socketAccept(server, open = "r+b", blocking = FALSE)
    said <- future_sapply(1:4, function(i) {
      tryCatch({ writeLines("from a worker", near); flush(near) }, error = function(e) NULL,
        warning = function(w) NULL)
      tryCatch(readLines(near, 1L), error = function(e) character(), warning = function(w) character())
      # A file does not get the socket's number.
      numbers <- file.path(scratch, paste0("number-", i))
      cat("number", file = numbers)
      tryCatch(writeLines("from a worker", near), error = function(e) NULL, warning = function(w) NULL)
      readLines(numbers, warn = FALSE)
    })
    Sys.sleep(0.5)
    heard_from_worker <- readLines(far)
    # A worker that dies does not shut the connection either.
    killed <- right("kill", function() die(9L))
    writeLines("from the parent", near)
    flush(near)
    heard <- character()
    wait_until(function() length(heard <<- c(heard, readLines(far))) > 0L)
    out <- list(
      silence = identical(heard_from_worker, character()), number = identical(said, rep("number", 4L)),
      killed = killed, alive = identical(heard, "from the parent")
    )
    close(near); close(far); close(server)
  })
  expect_all_true(run$value)
})

test_that("signals by which batch systems announce the end of a job do nothing to workers", {
  skip_unless_faults()
  run <- run_r({
    setwd(scratch)
    plan(multicore, workers = 2L, compiled = "never", retries = 0L)
    signals <- c(10L, 12L)
    out <- lapply(signals, function(signal) {
      values <- future_lapply(1:4, function(i) {
        if (i == 2L) {
          tools::pskill(Sys.getpid(), signal)
          Sys.sleep(0.1)
        }
        i
      })
      identical(values, as.list(1:4))
    })
    out$files <- length(list.files(scratch, "RData", all.files = TRUE)) == 0L
    out
  })
  expect_all_true(run$value)
})

test_that("a signal to a worker ends that worker only", {
  skip_unless_faults()
  run <- run_r({
    plan(multicore, workers = 2L, compiled = "never", retries = 0L)
    parent <- Sys.getpid()
    out <- list()
    for (signal in c(1L, 15L)) {
      error <- tryCatch(
        future_lapply(1:4, function(i) if (i == 2L) die(signal) else i), error = identity
      )
      out[[paste0("signal", signal)]] <- inherits(error, "rustle_error_worker_lost") &&
        identical(error$signal, signal)
    }
    out$parent <- Sys.getpid() == parent
    out$directory <- dir.exists(tempdir())
    # Not the group: what the parent started goes on.
    system("sleep 20 & echo $! > sleeper && true", wait = TRUE, ignore.stdout = TRUE)
    pid <- as.integer(readLines("sleeper"))
    unlink("sleeper")
    try(future_lapply(1:4, function(i) if (i == 2L) die(9L) else i), silent = TRUE)
    out$sibling <- tools::pskill(pid, 0L)
    tools::pskill(pid, 9L)
  })
  expect_all_true(run$value)
})

test_that("nested calls of all kinds work inside tasks, and ours inside parallel's", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(timeout = 60, {
    two <- tweak(multicore, workers = 2L)
    one <- function(k) k * 10
    want <- lapply(1:3, function(i) lapply(1:3, function(k) k * 10 + i))
    inner <- list(
      future = function(i) future_lapply(1:3, function(k) one(k) + i),
      ours = function(i) mclapply(1:3, function(k) one(k) + i, mc.cores = 2L),
      parallel = function(i) parallel::mclapply(1:3, function(k) one(k) + i, mc.cores = 2L)
    )
    outer <- list(
      future = function(f) future_lapply(1:3, f), ours = function(f) mclapply(1:3, f, mc.cores = 2L),
      parallel = function(f) parallel::mclapply(1:3, f, mc.cores = 2L)
    )
    out <- list()
    for (levels in list(list(two), list(two, two))) {
      plan(levels)
      for (o in names(outer)) {
        for (i in names(inner)) {
          out[[paste(length(levels), o, i)]] <- identical(outer[[o]](inner[[i]]), want)
        }
      }
    }
    # A fault in an inner worker is the inner call's business.
    nested <- future_lapply(1:3, function(i) squares(paste0("nested", i), function() die(9L), n = 5L, at = 3L))
    out$fault <- identical(nested, rep(list(expected(5L)), 3L))
    # A middle worker that dies takes its workers along and runs again.
    middle <- future_lapply(1:3, function(i) {
      me <- Sys.getpid()
      future_lapply(1:3, function(k) {
        cat(Sys.getpid(), "\n", file = file.path(scratch, "inner"), append = TRUE)
        if (i == 2L && k == 1L && first_time("middle")) { tools::pskill(me, 9L); Sys.sleep(20) }
        k * 10 + i
      })
    })
    out$middle <- identical(middle, want)
    out$gone <- !any(alive(scan(file.path(scratch, "inner"), quiet = TRUE)))
    out$children <- none_left()
  })
  expect_all_true(run$value)
})

test_that("a thread pool that was used before the fork does not hang tasks", {
  skip_unless_faults()
  run <- run_r({
    plan(multicore, workers = 2L, compiled = "never")
    simulated <- function(...) simulate_schedule(runif(100), workers = 4L)$makespan > 0
    pooled <- function(...) rustle:::rs_simulate(
      rep(1, 100), c("static", "stealing", "guided"), 1, c(2, 3), 0, 0, 2L
    )
    before <- simulated()
    whole <- tryCatch(pooled(), error = function(e) NULL)
    out <- list(
      future = all(unlist(future_lapply(1:3, simulated, future.seed = TRUE))),
      ours = all(unlist(mclapply(1:3, simulated))),
      parallel = all(unlist(parallel::mclapply(1:3, simulated))),
      pool = identical(future_lapply(1:2, pooled), list(whole, whole)) || is.null(whole),
      nested = all(unlist(future_lapply(1:2, function(i) {
        simulated(); parallel::mclapply(1:2, simulated)
      }, future.seed = TRUE))),
      after = simulated()
    )
  })
  expect_all_true(run$value)
})

test_that("matrix products in tasks are right and use the worker's share of the cores", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r({
    plan(multicore, workers = 2L, compiled = "never")
    set.seed(1)
    a <- matrix(rnorm(250000), 500)
    # The part for systems other than Linux has a thread in workers that watches their parent.
    watcher <- nzchar(Sys.getenv("RUSTLE_POSIX"))
    session <- Sys.getpid()
    threads <- function() {
      length(list.files("/proc/self/task")) - (watcher && Sys.getpid() != session)
    }
    whole <- a %*% a
    before <- threads()
    product <- function(i) {
      b <- a %*% a
      s <- solve(a, b)
      list(max(abs(b - whole)) < 1e-8, max(abs(s - a)) < 1e-6, threads())
    }
    future <- future_lapply(1:4, product)
    ours <- mclapply(1:4, product)
    share <- max(1L, parallelly::availableCores() %/% 2L)
    again <- a %*% a
    out <- list(
      right = all(vapply(c(future, ours), function(x) x[[1L]] && x[[2L]], NA)),
      threads = max(vapply(c(future, ours), `[[`, 0L, 3L)) <= share,
      parent = isTRUE(all.equal(again, whole)), parent_threads = wait_until(function() threads() <= before)
    )
    plan(multicore, workers = 2L, compiled = "never", worker_threads = 2L)
    out$chosen <- max(vapply(future_lapply(1:2, product), `[[`, 0L, 3L)) <= 2L
  })
  expect_all_true(run$value)
})

test_that("workers that leave do not wake what the session does next: a cluster of parallel's hangs then", {
  skip_unless_faults()
  run <- run_r(timeout = 60, {
    # parallel listens for the end of children from now on.
    invisible(parallel::mclapply(1:2, identity))
    plan(multicore, workers = 2L, compiled = "never")
    cl <- parallel::makeCluster(2L)
    # Of a large process the kernel takes a copy apart for some milliseconds.
    ballast <- rnorm(2e7)
    right <- vapply(1:50, function(k) {
      future_lapply(1:4, identity)
      identical(parallel::clusterApplyLB(cl, c(0, 0.02), function(i) { Sys.sleep(i); i }), list(0, 0.02))
    }, NA)
    parallel::stopCluster(cl)
    out <- all(right)
  })
  expect_identical(run$value, TRUE)
})
