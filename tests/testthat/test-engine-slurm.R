# plan(slurm) on a throw-away Slurm of three simulated nodes.

cluster_dir <- NULL

test_that("Slurm can be started here", {
  cluster_dir <<- local_slurm(frame = teardown_env())
  expect_match(system2("sinfo", c("-h", "-o", "%D"), stdout = TRUE), "3")
})

slurm_test <- function(what, code) {
  code <- substitute(code)
  test <- bquote(test_that(.(what), {
    skip_if(is.null(cluster_dir), "no throw-away Slurm")
    .(code)
  }))
  eval(test, parent.frame())
}

slurm_test("values, streams, names, output and conditions are those of every plan, on all nodes", {
  dir <- local_slurm_plan()
  X <- stats::setNames(1:14, letters[1:14])
  talk <- function(i) {
    cat("out", i, "\n")
    message("message ", i)
    if (i %% 5 == 0) warning("careful ", i)
    c(i, runif(1))
  }
  expect_identical(nbrOfWorkers(), 6L)
  ours <- observe(future_lapply(X, talk, future.seed = 11L))
  oracle <- with_plan(sequential, observe(future_lapply(X, talk, future.seed = 11L)))
  expect_identical(ours$value, oracle$value)
  expect_same_log(ours, oracle)
  node <- function() Sys.getenv("SLURMD_NODENAME")
  environment(node) <- globalenv()
  nodes <- unlist(future_lapply(1:12, meeting(2L, node)))
  expect_gt(length(unique(nodes)), 1L)
  expect_true(all(nodes %in% c("n1", "n2", "n3")))
  expect_identical(jobs_left(), 0L)
})

slurm_test("timings name workers of all elements", {
  local_slurm_plan(nodes = 2, cores = 2)
  withr::local_options(rustle.timings = TRUE, rustle.progress = TRUE, rustle.progress.seconds = 0.5, rustle.progress.after = 0)
  shown <- character()
  told <- withr::local_tempfile(tmpdir = "/tmp")
  # Task 3 runs until elements have told what their workers do, and what of a chunk is done.
  seen <- function() any(grepl("[0-9] MB, task 3 since [0-9]+ s", shown)) && any(grepl("^[1-7]/8 tasks", shown))
  withCallingHandlers(
    future_lapply(1:8, function(i) {
      until <- Sys.time() + if (i == 3) 120 else 0.2
      while (Sys.time() < until && !file.exists(told)) Sys.sleep(0.1)
    }),
    message = function(m) {
      shown <<- c(shown, conditionMessage(m))
      if (seen()) file.create(told)
      invokeRestart("muffleMessage")
    }
  )
  expect_true(seen())
  expect_match(utils::tail(shown, 1L), "^8/8 tasks in")
  timings <- job_timings()
  expect_identical(sort(timings$task), 1:8)
  expect_true(all(timings$worker %in% 1:4))
  expect_gt(summary(timings)$makespan, 0.3)
})

slurm_test("an error of a task keeps its class and names its task, and nothing is left running", {
  dir <- local_slurm_plan()
  fail <- function(i) {
    if (i == 3L) stop(structure(class = c("mine", "error", "condition"), list(message = "three", call = NULL)))
    if (i > 6L) Sys.sleep(300)
    i
  }
  begun <- Sys.time()
  e <- tryCatch(future_lapply(1:12, fail), error = identity)
  expect_s3_class(e, "mine")
  expect_identical(e$task, 3L)
  expect_lt(as.numeric(Sys.time() - begun, units = "secs"), 240)
  expect_identical(jobs_left(), 0L)
  # The same call again runs the failed task again, and no finished one.
  said <- capture_messages(e <- tryCatch(future_lapply(1:12, fail), error = identity))
  expect_match(said, "are in the checkpoint")
  expect_s3_class(e, "mine")
  expect_identical(status(dir)$state, "error")
})

slurm_test("what ran is not run again by the same call, and a study goes on", {
  dir <- local_slurm_plan(nodes = 2)
  grid <- data.frame(n = c(5, 10))
  notes <- withr::local_tempfile(tmpdir = "/tmp")
  # Each task is known by the first number that it draws.
  one <- function(n, notes) {
    u <- runif(1)
    cat(format(u, digits = 15), "\n", file = notes, append = TRUE)
    if (u < 0.3) stop("unlucky")
    mean(rnorm(n))
  }
  small <- study(grid, one, notes = notes, replications = 3, seed = 1)
  expect_length(unique(scan(notes, quiet = TRUE)), 6L)
  large <- suppressMessages(study(grid, one, notes = notes, replications = 6, seed = 1))
  oracle <- with_plan(sequential, study(grid, one, notes = nullfile(), replications = 6, seed = 1))
  expect_equal(large, oracle, ignore_attr = TRUE)
  expect_identical(study_failures(large)$message, study_failures(oracle)$message)
  drawn <- scan(notes, quiet = TRUE)
  expect_length(unique(drawn), 12L)
  # Only those that had failed have run again.
  expect_true(all(table(drawn[drawn >= 0.3]) == 1))
  expect_gt(nrow(study_failures(small)), 0)
})

slurm_test("a submitting session that is killed loses nothing: the same script goes on", {
  dir <- withr::local_tempdir(tmpdir = "/tmp")
  notes <- withr::local_tempdir(tmpdir = "/tmp")
  script <- withr::local_tempfile(fileext = ".R")
  out <- withr::local_tempfile(fileext = ".rds")
  writeLines(sprintf(
    'library(rustle); plan(slurm, dir = "%s"); notes <- "%s"
     f <- function(i) { cat("x", file = file.path(notes, i), append = TRUE); Sys.sleep(1); c(i, runif(1)) }
     saveRDS(future_lapply(1:18, f, future.seed = 5L), "%s")', dir, notes, out
  ), script)
  rscript <- file.path(R.home("bin"), "Rscript")
  first <- system(sprintf("exec %s --vanilla %s >/dev/null 2>&1 & echo $!", rscript, script), intern = TRUE)
  expect_true(wait_for(function() sum(starts(notes, 18)) > 2))
  tools::pskill(as.integer(first), tools::SIGKILL)
  second <- run_command(c(rscript, "--vanilla", script), 90)
  expect_identical(second$status, 0L)
  expect_match(second$stderr, "under way")
  expect_identical(readRDS(out), with_plan(sequential, future_lapply(1:18, function(i) c(i, runif(1)), future.seed = 5L)))
  # Nobody died but the session: no task ran twice.
  expect_identical(starts(notes, 18), rep(1, 18))
  expect_identical(status(dir)$jobs, gsub(",.*", "", status(dir)$jobs))
  expect_identical(jobs_left(), 0L)
})

slurm_test("an element that is cancelled and a node that dies lose nothing; what was journalled runs once", {
  dir <- local_slurm_plan()
  notes <- withr::local_tempdir(tmpdir = "/tmp")
  f <- function(i, notes) {
    NULL
    Sys.sleep(0.8)
    c(i, runif(1))
  }
  body(f)[[2L]] <- note_start
  killer <- withr::local_tempfile(fileext = ".sh")
  writeLines(c(
    sprintf("until [ $(cat %s/* 2>/dev/null | wc -l) -ge 9 ]; do sleep 0.1; done", notes),
    "id=$(squeue -h -r -t R -o %F | head -n 1); scancel ${id}_1",
    sprintf("%s %s n2", cluster_tool("cluster-down"), cluster_dir)
  ), killer)
  withr::defer(system2(cluster_tool("cluster-up"), c("node", cluster_dir, "n2")))
  system(paste("bash", killer, ">/dev/null 2>&1 &"))
  lost <- list()
  values <- withCallingHandlers(
    future_lapply(1:30, f, notes = notes, future.seed = 7L),
    rustle_message_node_lost = function(m) {
      lost[[length(lost) + 1L]] <<- m
      invokeRestart("muffleMessage")
    }
  )
  expect_gte(length(lost), 1L)
  expect_identical(values, with_plan(sequential, future_lapply(1:30, function(i) c(i, runif(1)), future.seed = 7L)))
  noted <- noted_starts(notes, 30)
  expect_identical(noted$again, integer())
  expect_true(all(noted$starts >= 1))
})

slurm_test("an element that dies for memory runs again with the next memory", {
  dir <- local_slurm_plan(nodes = 1, memory = c("500", "1500"))
  first <- withr::local_tempdir(tmpdir = "/tmp")
  # Slurm looks at the memory of a job now and then.
  f <- function(i, tag) {
    if (i == 2L) {
      x <- numeric(1e8)
      x[] <- 1
      if (dir.create(file.path(first, tag), showWarnings = FALSE)) Sys.sleep(120)
      return(length(x))
    }
    i
  }
  said <- capture_messages(values <- future_lapply(1:4, f, tag = "next"))
  expect_identical(values, list(1L, 100000000L, 3L, 4L))
  expect_match(said, "memory was short", all = FALSE)
  # Without a next one it is an error that says so.
  local_plan(slurm, dir = withr::local_tempdir(tmpdir = "/tmp"), nodes = 1, memory = "500", retries = 0)
  e <- suppressMessages(tryCatch(future_lapply(1:4, f, tag = "none"), error = identity))
  expect_s3_class(e, "rustle_error_worker_lost")
  expect_identical(e$values[[1L]], 1L)
  expect_identical(jobs_left(), 0L)
})

slurm_test("an element saves and stops before its walltime ends, and the rest is submitted again", {
  dir <- local_slurm_plan(nodes = 1, time = 1)
  notes <- withr::local_tempdir(tmpdir = "/tmp")
  # An element ends 45 s before its minute is over, and the first one is in the middle of task 9 then.
  withr::local_options(rustle.slurm.margin = 45)
  f <- function(i, notes) {
    NULL
    message("task ", i)
    if (i == 9L && dir.create(file.path(notes, "first"), showWarnings = FALSE)) Sys.sleep(300)
    Sys.sleep(0.1)
    c(i, runif(1))
  }
  body(f)[[2L]] <- note_start
  ours <- observe(future_lapply(1:16, f, notes = notes, future.seed = 7L))
  expect_identical(ours$value, with_plan(sequential, future_lapply(1:16, function(i) c(i, runif(1)), future.seed = 7L)))
  jobs <- strsplit(status(dir)$jobs, ",")[[1L]]
  expect_gte(length(jobs), 2L)
  noted <- noted_starts(notes, 16)
  expect_identical(noted$again, integer())
  expect_true(all(noted$starts >= 1))
  # Each task says once what it says.
  said <- vapply(ours$conditions, function(x) paste(format(x), collapse = " "), "")
  expect_identical(sum(grepl("task ", said)), 16L)
})

slurm_test("a task that ends its process is run again, then an error with its number", {
  dir <- local_slurm_plan(nodes = 2)
  e <- tryCatch(future_lapply(1:6, function(i) if (i == 5L) tools::pskill(Sys.getpid(), 9L) else i), error = identity)
  expect_s3_class(e, "rustle_error_worker_lost")
  expect_identical(e$tasks, 5L)
  expect_identical(jobs_left(), 0L)
})

slurm_test("a task that ends its element is found", {
  dir <- local_slurm_plan(nodes = 1)
  f <- function(i) {
    if (i == 5L) {
      system2("scancel", c("-s", "KILL", "-b", Sys.getenv("SLURM_JOB_ID")))
      system(sprintf("kill -9 $(ps -o ppid= -p %d)", Sys.getpid()))
      Sys.sleep(120)
    }
    i
  }
  e <- suppressMessages(tryCatch(future_lapply(1:6, f), error = identity))
  expect_s3_class(e, "rustle_error_worker_lost")
  expect_identical(e$tasks, 5L)
  expect_match(conditionMessage(e), "element of the job array")
  expect_identical(jobs_left(), 0L)
})

slurm_test("an interrupt ends the job array, and the same call goes on", {
  dir <- withr::local_tempdir(tmpdir = "/tmp")
  notes <- c(withr::local_tempdir(tmpdir = "/tmp"), withr::local_tempdir(tmpdir = "/tmp"))
  run <- run_r(timeout = 90, args = c(dir, notes), before = bquote({ note_start <- quote(.(note_start)) }), {
    arguments <- commandArgs(TRUE)
    plan(slurm, dir = arguments[[1L]])
    # The environment is no part of a call. In the first one tasks from 10 on do not end.
    f <- function(i) {
      notes <- Sys.getenv("RUSTLE_TEST_NOTES")
      NULL
      Sys.sleep(if (i < 10L || Sys.getenv("RUSTLE_TEST_HOLD") != "yes") 0.5 else 300)
      i
    }
    body(f)[[3L]] <- note_start
    Sys.setenv(RUSTLE_TEST_NOTES = arguments[[2L]], RUSTLE_TEST_HOLD = "yes")
    system(sprintf(
      "(until [ $(cat %s/* 2>/dev/null | wc -l) -ge 7 ]; do sleep 0.1; done; kill -INT %d) >/dev/null 2>&1 &", arguments[[2L]], Sys.getpid()
    ))
    first <- tryCatch(future_lapply(1:18, f), interrupt = function(e) "interrupted")
    none_left <- wait_until(function() !length(system2("squeue", c("-h", "-r", "-t", "PD,R"), stdout = TRUE)))
    Sys.setenv(RUSTLE_TEST_NOTES = arguments[[3L]], RUSTLE_TEST_HOLD = "no")
    stored <- checkpoint_status(arguments[[1L]])$done
    out <- list(
      first = first, none_left = none_left, state = status(arguments[[1L]])$state, stored = stored, values = future_lapply(1:18, f)
    )
  })
  expect_identical(run$value$first, "interrupted")
  expect_true(run$value$none_left)
  expect_identical(run$value$state, "cancelled")
  # Of seven that had begun on six cores one was finished.
  expect_true(run$value$stored >= 1 && run$value$stored <= 9)
  expect_identical(run$value$values, as.list(1:18))
  # Slurm ends the processes of an element one after another, so a task whose worker went first may
  # have begun again there; none that was journalled.
  expect_identical(noted_starts(notes[[1L]], 18)$again, integer())
  # The same call runs the others, once.
  second <- noted_starts(notes[[2L]], 18)$starts
  expect_true(all(second <= 1))
  expect_lte(sum(second), 18 - run$value$stored)
  # What elements of the first array still wrote is under its number.
  expect_match(basename(list.files(dir, "^[0-9]+[.]rds$", recursive = TRUE)[[1L]]), "^0002[.]rds$")
})

slurm_test("what others journal before an element begins is not run again by a call that goes on", {
  dir <- withr::local_tempdir(tmpdir = "/tmp")
  notes <- withr::local_tempdir(tmpdir = "/tmp")
  go <- file.path(notes, "go")
  f <- function(i) {
    cat("x", file = file.path(notes, i), append = TRUE)
    c(i, runif(1))
  }
  call <- function() future_lapply(1:6, f, future.seed = 3L)
  local_plan(slurm, dir = dir, nodes = 1, wait = FALSE, prologue = sprintf("until [ -e %s ]; do sleep 0.1; done", go))
  cancel(call())
  run <- call()
  # As a worker of the cancelled array would that has not ended yet.
  values <- with_plan(sequential, with_checkpoint(dir, call()))
  file.create(go)
  expect_identical(collect(run), values)
  expect_identical(starts(notes, 6), rep(1, 6))
  expect_identical(jobs_left(), 0L)
})

slurm_test("workers of elements write logs, with the numbers of the call", {
  log <- withr::local_tempdir(tmpdir = "/tmp")
  local_slurm_plan(nodes = 2, log = log)
  capture_messages(future_lapply(1:12, function(i) { message("said by ", i); Sys.sleep(0.3) }))
  lines <- unlist(lapply(list.files(log, "^worker-", full.names = TRUE), readLines))
  begun <- as.integer(sub("^.* task ([0-9]+) begins$", "\\1", lines[grep("said by", lines) - 1L]))
  expect_identical(begun, as.integer(sub("^.*said by ", "", grep("said by", lines, value = TRUE))))
  expect_identical(sort(begun), 1:12)
})

slurm_test("tasks have options, directory and environment of the session", {
  local_slurm_plan(nodes = 1)
  withr::local_options(rustle.some.option = 17)
  withr::local_envvar(RUSTLE_SOME_VARIABLE = "set")
  found <- future_lapply(1, function(i) list(getwd(), getOption("rustle.some.option"), Sys.getenv("RUSTLE_SOME_VARIABLE")))
  expect_identical(found[[1L]], list(getwd(), 17, "set"))
})

slurm_test("setup runs on each node, and an error in it ends the call", {
  local_slurm_plan(nodes = 2, setup = { rustle_slurm_made <- 41 })
  expect_identical(unlist(future_lapply(1:4, function(i) get("rustle_slurm_made", globalenv()) + 1)), rep(42, 4))
  # Objects with serializers arrive alive, as everywhere.
  if (requireNamespace("xml2", quietly = TRUE)) {
    document <- xml2::read_xml("<a><b>text</b></a>")
    local_slurm_plan(nodes = 1, setup = function() assign("rustle_slurm_text", xml2::xml_text(document), envir = globalenv()))
    expect_identical(future_lapply(1, function(i) get("rustle_slurm_text", globalenv())), list("text"))
  }
  local_slurm_plan(nodes = 1, setup = { stop("no database") })
  e <- tryCatch(future_lapply(1:2, identity), error = identity)
  expect_s3_class(e, "rustle_error_setup")
  expect_match(conditionMessage(e), "no database")
  expect_identical(jobs_left(), 0L)
})

slurm_test("claims of the conformance suite hold", {
  chosen <- c(
    "values come in the order of X", "values keep their attributes and types", "one element gives what lapply() gives",
    "NULL results are kept", "functions arrive with their variables", "large results arrive"
  )
  dir <- withr::local_tempdir(tmpdir = "/tmp")
  claims <- conformance_claims()[chosen]
  expect_conformance(list("slurm", dir = dir, nodes = 1L), claims = claims)
})

slurm_test("a Slurm that falls silent in the middle of a call is told once, and again when it answers", {
  local_slurm_plan(nodes = 1)
  asked <- withr::local_tempdir(tmpdir = "/tmp")
  silent <- file.path(asked, "silent")
  writeLines(c(
    "#!/bin/sh",
    sprintf("if [ -e %s ]; then echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1; fi", silent),
    sprintf("exec %s \"$@\"", Sys.which("squeue"))
  ), file.path(asked, "squeue"))
  Sys.chmod(file.path(asked, "squeue"), "700")
  withr::local_path(asked)
  told <- list()
  values <- withCallingHandlers(
    # Slurm is silent until the session has told so, and task 1 runs until it has told the other.
    future_lapply(1:2, function(i, silent) {
      heard <- function(k) {
        until <- Sys.time() + 120
        while (!file.exists(paste0(silent, k)) && Sys.time() < until) Sys.sleep(0.1)
      }
      if (i == 1L) {
        file.create(silent)
        heard(1)
        unlink(silent)
        heard(2)
      }
      i
    }, silent = silent),
    rustle_message_slurm = function(m) {
      told[[length(told) + 1L]] <<- m
      file.create(paste0(silent, length(told)))
      invokeRestart("muffleMessage")
    }
  )
  expect_identical(values, list(1L, 2L))
  expect_identical(vapply(told, `[[`, NA, "answers"), c(FALSE, TRUE))
  expect_match(conditionMessage(told[[1L]]), "Slurm does not answer (Unable to contact slurm controller). What runs goes on", fixed = TRUE)
  expect_match(conditionMessage(told[[2L]]), "^Slurm answers again, after [0-9]+ s")
  expect_identical(jobs_left(), 0L)
})
