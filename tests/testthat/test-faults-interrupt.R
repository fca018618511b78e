# Ctrl-C, time limits and the death of the parent: the prompt comes back, nobody
# is left behind, the next call works.

# In scripts: tasks that sleep, beside a process of their own that sleeps.
sleepers <- quote({
  sleep_long <- function(i, tag) {
    pid_file <- file.path(scratch, paste0(tag, "-child-", i))
    system(sprintf("echo $$ > %s; exec sleep 60", pid_file), wait = i %% 2 == 0)
    cat(Sys.getpid(), file = file.path(scratch, paste0(tag, "-worker-", i)))
    Sys.sleep(60)
  }
  pids_of <- function(tag) {
    files <- list.files(scratch, paste0("^", tag, "-(child|worker)-"), full.names = TRUE)
    as.integer(unlist(lapply(files, readLines, warn = FALSE)))
  }
  # A call that ends by an interrupt: list(claims).
  interrupted <- function(tag, call) {
    began <- Sys.time()
    seen <- tryCatch(call, interrupt = function(e) "interrupt", error = conditionMessage)
    took <- as.numeric(Sys.time() - began, units = "secs")
    pids <- pids_of(tag)
    list(
      seen = if (identical(seen, "interrupt")) TRUE else seen, soon = took < 50,
      some = length(pids) >= 2L, gone = !any(alive(pids)), no_child = none_left(),
      next_call = identical(future_lapply(1:20, function(i) i^2), expected())
    )
  }
})

test_that("SIGINT to the parent ends the workers and all that they started", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(before = sleepers, {
    plan(multicore, workers = 2L, compiled = "never")
    out <- list()
    interrupt_when("f-*", 3L)
    out$future <- interrupted("f", future_lapply(1:4, sleep_long, tag = "f"))
    interrupt_when("s-*", 3L)
    out$shares <- interrupted("s", mclapply(1:4, sleep_long, tag = "s"))
    interrupt_when("d-*", 3L)
    out$dynamic <- interrupted("d", mclapply(1:4, sleep_long, tag = "d", mc.preschedule = FALSE))
    interrupt_when("k-*", 3L)
    out$signal <- interrupted("k", mclapply(1:4, sleep_long, tag = "k", mc.cleanup = 9L))
    out <- unlist(out, recursive = FALSE)
  })
  expect_all_true(run$value)
})

test_that("SIGINT to the whole process group reaches the parent alone", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(before = sleepers, {
    stat <- readLines("/proc/self/stat", warn = FALSE)
    group <- as.integer(strsplit(sub("^.*\\) ", "", stat), " ")[[1L]][[3L]])
    plan(multicore, workers = 2L, compiled = "never")
    out <- list(alone = group == Sys.getpid())
    if (out$alone) {
      interrupt_when("f-*", 3L, -group)
      out$future <- interrupted("f", future_lapply(1:4, sleep_long, tag = "f"))
      interrupt_when("m-*", 3L, -group)
      out$mclapply <- interrupted("m", mclapply(1:4, sleep_long, tag = "m"))
      # Tasks that would see an interrupt would say so.
      interrupt_when("begun-*", 2L, -group)
      seen <- file.path(scratch, "seen")
      tryCatch(
        future_lapply(1:2, function(i) {
          tryCatch({ cat("x", file = file.path(scratch, paste0("begun-", i))); Sys.sleep(20) }, interrupt = function(e) file.create(seen))
        }),
        interrupt = identity
      )
      out$unseen <- !file.exists(seen)
    }
    out <- as.list(unlist(out))
  })
  skip_if(isFALSE(run$value$alone), "the script does not lead its process group")
  expect_all_true(run$value)
})

test_that("what ignores the polite signal is killed after the grace period", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(before = sleepers, {
    plan(multicore, workers = 2L, compiled = "never")
    stubborn <- function(i, tag) {
      pid_file <- file.path(scratch, paste0(tag, "-child-", i))
      system(sprintf("trap '' TERM HUP INT; echo $$ > %s; sleep 60; sleep 60", pid_file))
    }
    interrupt_when("s-*", 2L)
    out <- interrupted("s", future_lapply(1:4, stubborn, tag = "s"))
  })
  expect_all_true(run$value)
})

test_that("workers of workers go too", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(before = sleepers, {
    plan(list(tweak(multicore, workers = 2L), tweak(multicore, workers = 2L)))
    interrupt_when("n-*", 4L)
    out <- interrupted("n", future_lapply(1:2, function(i) {
      future_lapply(10 * i + 1:2, function(k) {
        cat(Sys.getpid(), file = file.path(scratch, paste0("n-worker-", k)))
        Sys.sleep(60)
      })
    }))
  })
  expect_all_true(run$value)
})

test_that("mc.cleanup = FALSE lets interrupted workers finish", {
  skip_unless_faults()
  run <- run_r({
    interrupt_when("begun-*", 2L)
    go_on <- file.path(scratch, "go-on")
    seen <- tryCatch(mclapply(1:2, function(i) {
      cat("x", file = file.path(scratch, paste0("begun-", i)))
      wait_until(function() file.exists(go_on))
      file.create(file.path(scratch, paste0("finished-", i)))
    }, mc.cleanup = FALSE), interrupt = function(e) "interrupt")
    file.create(go_on)
    finished <- function() length(list.files(scratch, "^finished-")) == 2L
    out <- list(seen = identical(seen, "interrupt"), finished = wait_until(finished))
  })
  expect_all_true(run$value)
})

test_that("interrupts at any moment leave nothing behind", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(timeout = 60, {
    plan(multicore, workers = 3L, compiled = "never")
    descriptors <- function() length(list.files("/proc/self/fd"))
    future_lapply(1:10, identity)
    before <- descriptors()
    settings <- options(c("mc.cores", "parallelly.fork.enable"))
    out <- list()
    for (k in 1:25) {
      interrupt_later(k * 0.004)
      seen <- tryCatch({
        repeat {
          future_lapply(1:50, function(i) { Sys.sleep(0.001); numeric(2e4) + i })
          mclapply(1:10, function(i) i, mc.cores = 3L)
        }
      }, interrupt = function(e) "interrupt", error = conditionMessage)
      out[[paste0("interrupt", k)]] <- if (identical(seen, "interrupt")) TRUE else seen
    }
    invisible(gc())
    out$no_child <- none_left()
    out$descriptors <- descriptors() <= before
    out$settings <- identical(options(c("mc.cores", "parallelly.fork.enable")), settings)
    out$output <- sink.number() == 0L && nrow(showConnections()) == 0L
    out$works <- identical(future_lapply(1:20, function(i) i^2), expected())
    out$directory <- dir.exists(tempdir())
  })
  expect_all_true(run$value)
})

test_that("an interrupt while results are relayed to a handler is R's own too", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r({
    plan(multicore, workers = 2L, compiled = "never")
    interrupt_when("told")
    began <- Sys.time()
    seen <- tryCatch(
      withCallingHandlers(
        future_lapply(1:2, function(i) { message("slow"); Sys.sleep(0.2); i }),
        message = function(m) { cat("x", file = file.path(scratch, "told")); Sys.sleep(60) }
      ),
      interrupt = function(e) "interrupt"
    )
    out <- list(
      seen = identical(seen, "interrupt"), soon = Sys.time() - began < 50,
      no_child = none_left()
    )
  })
  expect_all_true(run$value)
})

test_that("a time limit of the caller is R's own error", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(timeout = 60, before = sleepers, {
    plan(multicore, workers = 2L, compiled = "never")
    # A limit that is over before tasks have begun is tried with more time.
    limited <- function(tag, call) {
      for (seconds in c(0.7, 3, 12, 40)) {
        seen <- local({
          setTimeLimit(elapsed = seconds, transient = TRUE)
          on.exit(setTimeLimit())
          tryCatch(call(), error = function(e) class(e)[[1L]] == "simpleError" &&
            grepl("elapsed time limit", conditionMessage(e)))
        })
        if (length(pids_of(tag)) >= 2L) break
      }
      seen
    }
    out <- list(
      future = limited("f", function() future_lapply(1:4, sleep_long, tag = "f")),
      mclapply = limited("m", function() mclapply(1:4, sleep_long, tag = "m")),
      some = length(pids_of("f")) >= 2L && length(pids_of("m")) >= 2L,
      gone = !any(alive(c(pids_of("f"), pids_of("m")))), no_child = none_left(),
      next_call = identical(future_lapply(1:20, function(i) i^2), expected())
    )
    # The limit is the caller's, not the tasks'.
    setTimeLimit(cpu = 1e6, elapsed = 1e6)
    out$unlimited <- identical(future_lapply(1:2, function(i) { Sys.sleep(0.1); i }), list(1L, 2L))
  })
  expect_all_true(run$value)
})

test_that("workers die with their parent, however it ends", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(before = sleepers, {
    inner <- tempfile(fileext = ".R")
    writeLines(c(
      "library(rustle)", "tag <- commandArgs(TRUE)[[1]]", "scratch <- commandArgs(TRUE)[[2]]",
      "plan(list(tweak(multicore, workers = 2L), tweak(multicore, workers = 2L)))",
      "cat(Sys.getpid(), file = file.path(scratch, paste0(tag, '-parent')))",
      "note <- function(k) {",
      "  cat(Sys.getpid(), file = file.path(scratch, paste0(tag, '-worker-', k)))",
      "}",
      "future_lapply(1:2, function(i) {",
      "  note(i)",
      "  future_lapply(10 * i + 1:2, function(k) { note(k); Sys.sleep(60) })",
      "})"
    ), inner)
    out <- list()
    for (signal in c(9L, 15L, 1L, 11L)) {
      tag <- paste0("signal", signal)
      system2(
        file.path(R.home("bin"), "Rscript"), c("--vanilla", inner, tag, scratch),
        wait = FALSE, stdout = FALSE, stderr = FALSE
      )
      started <- wait_until(function() length(pids_of(tag)) == 6L)
      Sys.sleep(0.05)
      tools::pskill(scan(file.path(scratch, paste0(tag, "-parent")), quiet = TRUE), signal)
      out[[tag]] <- started && !any(alive(pids_of(tag)))
    }
  })
  expect_all_true(run$value)
})

# Runs `commands` (lines typed at the prompt) in an interactive R on a terminal; the first "^C"
# is typed when start(1) was called there, the second after start(2).
at_terminal <- function(commands, options = "", timeout = 60) {
  skip_without_terminal()
  scratch <- tempfile("terminal-")
  dir.create(scratch)
  withr::defer(unlink(scratch, recursive = TRUE))
  started <- file.path(scratch, "started")
  answer <- file.path(scratch, "answer")
  setup <- c(
    "library(rustle); plan(multicore, workers = 2L, compiled = 'never')",
    sprintf("start <- function(k) file.create(paste0(%s, k)); answer <- %s", deparse(started), deparse(answer)),
    "say <- function(...) cat(..., '\\n', file = answer, append = TRUE)"
  )
  lines <- c(setup, commands)
  type <- vapply(seq_along(lines), function(at) {
    line <- lines[[at]]
    if (line != "^C") return(sprintf("printf '%%s\\n' %s", shQuote(line)))
    sprintf(
      "n=0; while [ ! -e %s%d ] && [ $n -lt 1200 ]; do sleep 0.05; n=$((n+1)); done; sleep 0.3; printf '\\003'; sleep 0.2",
      started, sum(lines[seq_len(at)] == "^C")
    )
  }, "")
  typist <- file.path(scratch, "type.sh")
  writeLines(c(type, "printf 'q(\"no\")\\n'", "sleep 1"), typist)
  r <- sprintf("%s --vanilla --quiet --interactive %s", file.path(R.home("bin"), "R"), options)
  result <- run_command(c("sh", "-c", sprintf(
    "sh %s | script -qec %s /dev/null", shQuote(typist), shQuote(r)
  )), timeout)
  expect_false(result$timeout, label = paste("hang at the terminal:", result$stdout))
  list(said = if (file.exists(answer)) trimws(readLines(answer)), screen = result$stdout)
}

test_that("without a pseudo-terminal, tests of terminals are skipped with a word", {
  skip_on_os("windows")
  directory <- withr::local_tempdir()
  script <- file.path(directory, "script")
  writeLines(c(
    "#!/bin/sh", "[ \"$1\" = --version ] && { echo 'script from util-linux 2.38'; exit 0; }",
    "echo 'script: failed to create pseudo-terminal: No such file or directory'; exit 1"
  ), script)
  Sys.chmod(script, "755")
  withr::local_envvar(PATH = paste(directory, Sys.getenv("PATH"), sep = .Platform$path.sep))
  skipped <- tryCatch(at_terminal("say(1)"), skip = conditionMessage)
  expect_match(skipped, "no pseudo-terminal", fixed = TRUE)
})

test_that("after Ctrl-C while a progress bar is drawn, calls are as ever", {
  skip_unless_faults()
  skip_unless_linux()
  run <- at_terminal(c(
    "plan(multicore, workers = 2, compiled = 'never', progress = TRUE)",
    "slow <- function(i) { if (i == 40) start(1); Sys.sleep(0.03); i }",
    "x <- future_lapply(1:400, slow)",
    "^C",
    "say(sum(future_sapply(1:60, slow)))",
    # Drawing fails from here on, as it does in a session where it was broken off.
    "options(cli.progress_bar_style = 1L, cli.progress_show_after = 0)",
    "say(sum(future_sapply(1:60, slow)))"
  ))
  expect_identical(run$said, c("1830", "1830"), info = run$screen)
})

test_that("Ctrl-C at a terminal gives the prompt back, and the session goes on", {
  skip_unless_faults()
  skip_unless_linux()
  for (options in c("", "--no-readline")) {
    run <- at_terminal(options = options, c(
      "say(Sys.getpid())",
      "x <- future_lapply(1:2, function(i) { say(Sys.getpid()); Sys.sleep(0.1); if (length(readLines(answer)) == 3) start(1); Sys.sleep(90) })",
      "^C",
      "say('prompt', as.numeric(Sys.time()) - as.numeric(file.mtime(answer)) < 60)",
      "say(tryCatch(mclapply(1:2, function(i) { start(2); Sys.sleep(90) }), interrupt = function(e) 'caught'))",
      "^C",
      "say(sum(future_sapply(1:10, identity)))"
    ))
    pids <- suppressWarnings(as.integer(run$said[1:3]))
    expect_false(anyNA(pids), label = run$screen)
    expect_identical(run$said[-(1:3)], c("prompt TRUE", "caught", "55"), info = run$screen)
    expect_true(wait_for(function() !any(dir.exists(file.path("/proc", pids)))))
  }
})

test_that("quit() in a task asks nobody and leaves an interactive session as it was", {
  skip_unless_faults()
  skip_unless_linux()
  for (options in c("", "--no-readline")) {
    run <- at_terminal(options = options, c(
      "plan(multicore, workers = 2L, compiled = 'never', retries = 0L)",
      "say(class(tryCatch(future_lapply(1:2, function(i) if (i == 2) quit() else i), error = identity))[[1]])",
      "say(class(tryCatch(mclapply(1:2, function(i) if (i == 2) q('ask') else i), error = identity))[[1]])",
      "say(toString(tryCatch(future_sapply(1:2, function(i) readline('name? ')), error = identity)))",
      "say(readline_free <- future_sapply(1:2, function(i) length(readLines(file('stdin')))))",
      "say(dir.exists(tempdir()))",
      "say(sum(future_sapply(1:10, identity)))"
    ))
    lost <- "rustle_error_worker_lost"
    expect_identical(run$said, c(lost, lost, ",", "0 0", "TRUE", "55"), info = run$screen)
  }
})
