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
      plan(multisession, workers = 2L, rscript = rscript)
      e <- tryCatch(future_lapply(1:2, identity), error = identity)
      out[[name]] <<- if (inherits(e, "rustle_error_server") && grepl(rscript[[1L]], e$command, fixed = TRUE) &&
        grepl(printed, e$printed, fixed = TRUE) && grepl(printed, conditionMessage(e), fixed = TRUE)) TRUE else e
    }
    works <- function(name, rscript) {
      plan(sequential)
      plan(multisession, workers = 2L, rscript = rscript)
      out[[name]] <<- tryCatch(identical(future_lapply(1:20, function(i) i^2), expected()), error = conditionMessage)
    }
    fails("missing", "/no/such/program", "No such file")
    fails("prints", script("echo hello; echo trouble >&2; exit 3"), "hello\ntrouble")
    fails("silent", script("exit 1"), "")
    fails("without", script(sprintf("R_LIBS=/nowhere exec %s \"$@\"", rscript)), "rustle")
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
    hangs <- script(sprintf("echo $$ > %s/pid; sleep 50; sleep 50", scratch))
    plan(multisession, workers = 2L, rscript = hangs)
    interrupt_later(0.7)
    began <- Sys.time()
    out$seen <- identical(tryCatch(future_lapply(1:2, identity), interrupt = function(e) "interrupt"), "interrupt")
    out$soon <- Sys.time() - began < 2
    pid <- scan(file.path(scratch, "pid"), quiet = TRUE)
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
    socket <- serverSocket(0L + 20000L + Sys.getpid() %% 20000L)
    file <- file(file.path(scratch, "file"), "w")
    plan(multisession, workers = 2L)
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
    fresh <- function() { plan(sequential); plan(multisession, workers = 2L) }
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

# Under `limit` (commands of a shell) a job on workers that stand by has its values, or an
# error of ours.
expect_sound_under <- function(limit, code = quote({}), wrap = c("sh", "-c", paste0(limit, "; exec \"$@\""), "sh")) {
  run <- run_r(wrap = wrap, before = code, timeout = 60, {
    set.seed(1)
    big <- rnorm(2e6)
    sound <- function(call, expected) {
      tryCatch(identical(call, expected), error = function(e) {
        cat("Error:", class(e)[[1L]], conditionMessage(e), "\n")
        inherits(e, "rustle_error") || grepl("cannot allocate", conditionMessage(e))
      })
    }
    plan(multisession, workers = 2L)
    out <- list(
      small = sound(future_lapply(1:20, function(i) i^2), expected()),
      many = sound(future_sapply(1:1e5, function(i) i), 1:1e5),
      global = sound(future_lapply(1:4, function(i) sum(big) + i), lapply(1:4, function(i) sum(big) + i)),
      large = sound(future_lapply(1:4, function(i) rep(i, 1e6)), lapply(1:4, function(i) rep(i, 1e6))),
      again = sound(future_lapply(1:20, function(i) i^2), expected())
    )
    if (length(list.files("/dev/shm", "rustle"))) out$leftovers <- list.files("/dev/shm", "rustle")
  })
  expect_all_true(run$value)
  invisible(run)
}

test_that("a small address space, few descriptors or few processes: the values, or an error of ours", {
  skip_unless_faults()
  skip_unless_linux()
  for (limit in c("ulimit -v 1500000", "ulimit -v 700000", "ulimit -v 500000", "ulimit -n 64", "ulimit -n 24", "ulimit -n 16", "ulimit -f 1000")) {
    expect_sound_under(limit)
  }
})
