# The process of which workers are copies: what it is started by, and where it cannot be.

test_that("a server that cannot be started says what was run and what it printed", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(timeout = 60, {
    script <- function(...) {
      file <- tempfile(fileext = ".sh")
      writeLines(c("#!/bin/sh", ...), file)
      Sys.chmod(file, "755")
      file
    }
    rscript <- file.path(R.home("bin"), "Rscript")
    out <- list()
    fails <- function(name, rscript, printed) {
      plan(sequential)
      plan(multisession, workers = 2L, compiled = "never", rscript = rscript)
      e <- tryCatch(future_lapply(1:2, identity), error = identity)
      out[[name]] <<- if (inherits(e, "rustle_error_server") && grepl(rscript[[1L]], e$command, fixed = TRUE) &&
        grepl(printed, e$printed, fixed = TRUE) && grepl(printed, conditionMessage(e), fixed = TRUE)) TRUE else e
    }
    works <- function(name, rscript) {
      plan(sequential)
      plan(multisession, workers = 2L, compiled = "never", rscript = rscript)
      out[[name]] <<- tryCatch(identical(future_lapply(1:20, function(i) i^2), expected()), error = conditionMessage)
    }
    fails("missing", "/no/such/program", "No such file")
    fails("prints", script("echo hello; echo trouble >&2; exit 3"), "hello\ntrouble")
    fails("silent", script("exit 1"), "")
    # Nor in R's own libraries, where this machine may have it.
    fails("without", script(sprintf("R_LIBS=/nowhere R_LIBS_SITE=/nowhere R_LIBS_USER=/nowhere exec %s \"$@\"", rscript)), "rustle")
    # An older package of that name.
    library <- file.path(scratch, "library")
    other <- file.path(scratch, "rustle")
    dir.create(library)
    dir.create(file.path(other, "R"), recursive = TRUE)
    writeLines(c("Package: rustle", "Version: 0.0.1", "Title: t", "Author: a", "Maintainer: m <m@m.org>", "License: MIT", "Description: d."), file.path(other, "DESCRIPTION"))
    writeLines("", file.path(other, "NAMESPACE"))
    writeLines("serve <- function() stop('not this one')", file.path(other, "R", "a.R"))
    system2(file.path(R.home("bin"), "R"), c("CMD", "INSTALL", "-l", library, other), stdout = FALSE, stderr = FALSE)
    fails("version", script(sprintf("R_LIBS=%s exec %s \"$@\"", library, rscript)), "not this one")
    works("wrapped", script(sprintf("exec %s \"$@\"", rscript)))
    works("started", script(sprintf("%s \"$@\"", rscript)))
    works("arguments", c("env", "A=1", rscript))
    # One that hangs is left by an interrupt, and ends with the plan.
    plan(sequential)
    hangs <- script(sprintf("echo $$ > %s/pid; sleep 100; sleep 100", scratch))
    plan(multisession, workers = 2L, compiled = "never", rscript = hangs)
    interrupt_when("pid")
    began <- proc.time()[["elapsed"]]
    out$seen <- identical(tryCatch(future_lapply(1:2, identity), interrupt = function(e) "interrupt"), "interrupt")
    out$soon <- proc.time()[["elapsed"]] - began < 50
    pid <- scan(file.path(scratch, "pid"), quiet = TRUE)
    wait_until(function() length(children(pid)) > 0L)
    programs <- c(pid, children(pid))
    plan(sequential)
    out$gone <- length(programs) > 1L && !any(alive(programs))
    out$no_child <- none_left()
  })
  expect_all_true(run$value)
})

test_that("a server holds nothing that the session has open", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r({
    for (port in sample(20000:40000, 20L)) {
      socket <- tryCatch(serverSocket(port), error = function(e) NULL)
      if (!is.null(socket)) break
    }
    file <- file(file.path(scratch, "file"), "w")
    plan(multisession, workers = 2L, compiled = "never")
    held <- future_lapply(1:2, function(i) {
      parent <- strsplit(sub("^.*\\) ", "", readLines("/proc/self/stat")), " ")[[1L]][[2L]]
      lapply(c("self", parent), function(p) system(sprintf("ls -l /proc/%s/fd", p), intern = TRUE))
    })
    seen <- unlist(held)
    inodes <- sub("^.*-> ", "", system(sprintf("ls -l /proc/%d/fd", Sys.getpid()), intern = TRUE))
    ours <- c(file.path(scratch, "file"), grep("socket", inodes, value = TRUE)[[1L]])
    out <- list(some = length(seen) > 8L, none = !any(vapply(ours, function(name) any(grepl(name, seen, fixed = TRUE)), NA)))
    close(socket)
    close(file)
  })
  expect_all_true(run$value)
})

test_that("whatever the environment of a session is, its workers come up", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(timeout = 60, {
    out <- list()
    works <- function() tryCatch(identical(future_lapply(1:20, function(i) i^2), expected()), error = conditionMessage)
    fresh <- function() { plan(sequential); plan(multisession, workers = 2L, compiled = "never") }
    home <- file.path(scratch, "home")
    dir.create(home)
    writeLines(c("cat('PROFILE\\n')", "stop('profile')"), file.path(home, ".Rprofile"))
    writeLines("R_PROFILE_USER=/nowhere", file.path(home, ".Renviron"))
    before <- setwd(home)
    Sys.setenv(R_PROFILE_USER = file.path(home, ".Rprofile"), R_PROFILE = file.path(home, ".Rprofile"), R_TESTS = "startup.Rs", HOME = home)
    fresh()
    text <- capture.output(out$profile <- works())
    out$quiet <- identical(text, character())
    setwd(before)
    Sys.unsetenv(c("R_PROFILE_USER", "R_PROFILE", "R_TESTS"))
    gone <- file.path(scratch, "gone")
    dir.create(gone)
    setwd(gone)
    unlink(gone, recursive = TRUE)
    fresh()
    out$directory <- works()
    setwd(before)
    Sys.setenv(R_LIBS = "/nowhere")
    library <- file.path(scratch, "library")
    dir.create(library)
    .libPaths(c(library, .libPaths()))
    fresh()
    out$libraries <- works()
    out$paths <- identical(unlist(future_lapply(1, function(i) .libPaths())), .libPaths())
    Sys.setenv(TMPDIR = "/nowhere")
    fresh()
    out$temporary <- works()
    Sys.unsetenv("PATH")
    fresh()
    out$path <- works()
  })
  expect_all_true(run$value)
})

# Under limits a job on workers that stand by has its values, or an error of ours. wrap: as
# of run_r(). limit, code: in the script, before the workers are there.
expect_sound <- function(code = quote({}), wrap = character(), args = character(), errors = TRUE) {
  code <- as.call(c(as.name("{"), as.list(code)[-1L], quote(errors <- isTRUE(as.logical(commandArgs(TRUE)[[1L]])))))
  run <- run_r(wrap = wrap, before = code, args = c(as.character(errors), args), timeout = 60, {
    set.seed(1)
    big <- rnorm(2e6)
    sound <- function(call, expected) {
      tryCatch(identical(call, expected), error = function(e) {
        if (errors && inherits(e, c("rustle_error_memory", "rustle_error_system", "rustle_error_server"))) TRUE else e
      })
    }
    plan(multisession, workers = 2L, compiled = "never")
    out <- list(
      small = sound(future_lapply(1:20, function(i) i^2), expected()),
      many = sound(future_sapply(1:1e5, function(i) i), 1:1e5),
      global = sound(future_lapply(1:4, function(i) sum(big) + i), lapply(1:4, function(i) sum(big) + i)),
      large = sound(future_lapply(1:4, function(i) rep(i, 1e6)), lapply(1:4, function(i) rep(i, 1e6))),
      again = sound(future_lapply(1:20, function(i) i^2), expected()),
      unlinked = wait_until(function() !length(list.files("/dev/shm", "^rustle")))
    )
    if (exists("relax")) relax()
  })
  expect_all_true(run$value)
}

test_that("with little address space or small files there are the values, or an error of ours", {
  skip_unless_faults()
  skip_unless_linux()
  for (limit in c("ulimit -v 700000", "ulimit -v 400000", "ulimit -f 1000", "ulimit -f 100")) {
    expect_sound(wrap = c("sh", "-c", paste0(limit, "; exec \"$@\""), "sh"))
  }
})

test_that("with few descriptors there are the values, or an error of ours", {
  skip_unless_faults()
  skip_unless_linux()
  skip_if(Sys.which("prlimit") == "", "no prlimit")
  for (limit in c("40", "20", "12")) for (when in c("before", "after")) {
    expect_sound(args = c(limit, when), errors = TRUE, code = quote({
      args <- commandArgs(TRUE)
      allow <- function(n) system(sprintf("prlimit --pid %d --nofile=%s:", Sys.getpid(), n))
      relax <- function() allow("1024")
      if (args[[3L]] == "after") {
        plan(multisession, workers = 2L, compiled = "never")
        future_lapply(1:2, identity)
      }
      allow(args[[2L]])
    }))
  }
})

test_that("without memfd all is as ever, and a full /dev/shm is an error of ours", {
  skip_unless_faults()
  skip_unless_linux()
  library <- skip_without_fault_library()
  without <- quote({
    dyn.load(commandArgs(TRUE)[[2L]])
    stopifnot(.C("fault_no_memfd", done = 0L)$done == 1L)
  })
  expect_sound(args = library, errors = FALSE, code = without)
  full <- "mount -t tmpfs -o size=1m none /dev/shm"
  able <- suppressWarnings(system2("unshare", c("-m", "sh", "-c", shQuote(full)), stdout = FALSE, stderr = FALSE))
  skip_if_not(identical(able, 0L), "cannot mount a file system")
  expect_sound(args = library, wrap = c("unshare", "-m", "sh", "-c", paste0(full, "; exec \"$@\""), "sh"), code = without)
})
