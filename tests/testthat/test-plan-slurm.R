# The settings of plan(slurm), and places where it cannot work.

# A command that is there is all that plan() looks for.
local_sbatch <- function(frame = parent.frame()) {
  skip_on_os("windows")
  bin <- withr::local_tempdir(.local_envir = frame)
  file.symlink("/bin/true", file.path(bin, "sbatch"))
  withr::local_path(bin, .local_envir = frame)
}

test_that("settings are checked when the plan is set, and nothing has changed then", {
  local_sbatch()
  before <- plan()
  withr::defer(plan(before))
  dir <- withr::local_tempdir()
  refused <- function(argument, ...) {
    e <- tryCatch(plan(slurm, ...), error = identity)
    expect_s3_class(e, "rustle_error")
    if (!is.null(argument)) expect_identical(e$argument, argument)
    expect_identical(class(plan()), class(before))
    e
  }
  refused("dir")
  expect_s3_class(refused("dir", dir = 1), "rustle_error_argument")
  refused("nodes", dir = dir, nodes = 0)
  refused("cores", dir = dir, cores = 0)
  refused("array_limit", dir = dir, array_limit = -1)
  refused("time", dir = dir, time = c("1", "2"))
  refused("time", dir = dir, time = NA)
  refused("memory", dir = dir, memory = list("1G"))
  refused("memory", dir = dir, memory = character())
  refused("partition", dir = dir, partition = 1)
  refused("modules", dir = dir, modules = NA_character_)
  refused("options", dir = dir, options = 3)
  refused("wait", dir = dir, wait = "no")
  refused("template", dir = dir, template = "/no/such/file")
  refused("template", dir = dir, template = "#!/bin/sh\n{{options}}")
  refused("walltime", dir = dir, walltime = "1")
  refused("workers", dir = dir, workers = 2)
  file <- withr::local_tempfile(lines = "")
  expect_s3_class(refused(NULL, dir = file), "rustle_error_checkpoint")
  expect_s3_class(refused(NULL, dir = file.path("/proc", "runs")), "rustle_error_checkpoint")
})

test_that("without Slurm there is no plan", {
  dir <- withr::local_tempdir()
  withr::local_envvar(PATH = dir)
  e <- tryCatch(plan(slurm, dir = dir), error = identity)
  expect_s3_class(e, "rustle_error_slurm")
  expect_match(conditionMessage(e), "sbatch")
})

test_that("settings change one by one and come back with the plan", {
  local_sbatch()
  dir <- withr::local_tempdir()
  expect_silent(local_plan(slurm, dir = dir, nodes = 3, cores = 2, memory = c("1G", "2G"), setup = { 1 }))
  expect_output(print(plan()), dir, fixed = TRUE)
  expect_warning(plan(heartbeat = 3), class = "rustle_warning_setting")
  plan(slurm(dir = dir, nodes = 5, cores = 2))
  plan(time = "01:00:00", nodes = 4)
  settings <- slurm_settings(current_plan(), NULL)
  expect_identical(settings[c("nodes", "cores", "time")], list(nodes = 4L, cores = 2L, time = "01:00:00"))
  expect_identical(nbrOfWorkers(), 8L)
  old <- plan(sequential)
  plan(old)
  expect_identical(slurm_settings(current_plan(), NULL)$nodes, 4L)
  # Futures of future run in the session.
  expect_identical(future::value(future::future(Sys.getpid())), Sys.getpid())
  plan("slurm", dir = dir)
  expect_identical(current_plan()$executor$name, "slurm")
})

test_that("the script has what the plan says, and a template gets it", {
  settings <- utils::modifyList(slurm_defaults, list(
    partition = "long", time = "02:00:00", memory = c("1G", "2G"), cores = 4L, array_limit = 3L, modules = c("R/4.3", "gcc"),
    prologue = "export A=1", options = c(account = "me", exclusive = NA, "--qos=high")
  ))
  at <- list(name = "n", count = 7L, level = 2L, log = "/l/1.%a.txt", check = "/r/order.rds", stop = "/r/elements/1", arguments = c("/r", "1", "2"))
  lines <- strsplit(slurm_script(settings, at), "\n")[[1L]]
  for (line in c(
    "--job-name=n", "--array=1-7%3", "--partition=long", "--time=02:00:00", "--mem=2G", "--cpus-per-task=4", "--account=me",
    "--exclusive", "--qos=high", "--no-requeue", "--output=/l/1.%a.txt", "--signal=B:USR1@60"
  )) {
    expect_true(paste("#SBATCH", line) %in% lines, label = line)
  }
  expect_true(all(c("module load 'R/4.3' 'gcc' || exit 1", "export A=1") %in% lines))
  settings$template <- "#!/bin/zsh\n{{options}}\nhere\n{{command}}\nthere"
  expect_match(slurm_script(settings, at), "^#!/bin/zsh\n#SBATCH .*\nhere\n.*run_element.*\nthere$")
  # All of a node, and all of its memory, when nothing is said.
  expect_match(slurm_script(slurm_defaults, at), "--exclusive\n#SBATCH --mem=0\n")
})

test_that("times are read as Slurm writes them", {
  expect_identical(vapply(c("90", "1:30", "2:00:00", "1-0", "1-2:30", "1-02:00:10"), seconds_of_time, 0, USE.NAMES = FALSE),
    c(5400, 90, 7200, 86400, 95400, 93610))
  expect_identical(seconds_of_time("soon"), NA_real_)
  expect_identical(vapply(c("45", "1:30", "2:00:00", "1-02:00:10"), seconds_of_left, 0, USE.NAMES = FALSE), c(45, 90, 7200, 93610))
  expect_identical(seconds_of_left("UNLIMITED"), Inf)
})

test_that("chunks shrink, fill nodes and cover all tasks", {
  for (n in c(1, 2, 7, 30, 1000, 12345)) {
    sizes <- chunk_sizes(n, 4, 8, FALSE)
    expect_identical(sum(sizes), as.integer(n))
    expect_true(all(diff(sizes) <= 0))
    expect_lte(sizes[[1L]], ceiling(n / 4))
  }
  expect_identical(chunk_sizes(10, 3, 8, TRUE), c(3L, 4L, 3L))
})

test_that("an element of a call that was interrupted takes nothing of the one that comes after it", {
  run <- withr::local_tempdir()
  for (folder in run_folders) dir.create(file.path(run, folder))
  file.create(file.path(run, c("new", "todo/0000001-1-0-0")))
  order <- list(tag = "old", settings = list(retries = 1))
  expect_null(take_chunk(run, 1L, 1L, 1L, TRUE, order))
  seat <- new_seat(run, 1L, 1L, 2L, order)
  seat$flush(now = TRUE)
  expect_identical(list.files(run, recursive = TRUE), c("new", "todo/0000001-1-0-0"))
  order$tag <- "new"
  expect_identical(take_chunk(run, 1L, 1L, 1L, TRUE, order)$number, 1L)
})

slurm_places <- NULL

test_that("Slurm refuses in its own words within seconds, and nothing is left", {
  slurm_places <<- local_slurm(frame = teardown_env())
  dir <- withr::local_tempdir(tmpdir = "/tmp")
  refused <- function(..., words) {
    local_plan(slurm, dir = dir, nodes = 1, ...)
    begun <- Sys.time()
    e <- tryCatch(future_lapply(1:2, identity), error = identity)
    expect_s3_class(e, "rustle_error_slurm")
    expect_match(conditionMessage(e), words)
    expect_lt(as.numeric(Sys.time() - begun, units = "secs"), 120)
    expect_identical(jobs_left(), 0L)
    unlink(list.files(dir, full.names = TRUE), recursive = TRUE)
  }
  refused(partition = "nowhere", words = "[Ii]nvalid partition")
  refused(cores = 64, words = "not available|CPU count|onfig")
  refused(memory = "900G", words = "[Mm]emory|not available|configuration")
  refused(time = "10-00:00:00", words = "PartitionTimeLimit|time limit")
  refused(options = c(qos = "none", nonsense = "1"), words = "unrecognized option|nonsense")
  local_plan(slurm, dir = dir, nodes = 500)
  e <- tryCatch(future_lapply(1:500, identity), error = identity)
  expect_match(conditionMessage(e), "array")
  expect_identical(jobs_left(), 0L)
})

test_that("an R that does not start on a node is said with its words", {
  skip_if(is.null(slurm_places), "no throw-away Slurm")
  dir <- withr::local_tempdir(tmpdir = "/tmp")
  local_plan(slurm, dir = dir, nodes = 1, rscript = "/no/such/Rscript")
  e <- tryCatch(future_lapply(1:2, identity), error = identity)
  expect_s3_class(e, "rustle_error_slurm")
  expect_match(conditionMessage(e), "No such file")
  # Nor does it start without a module.
  skip_if(nzchar(Sys.which("modulecmd")) || nzchar(Sys.getenv("LMOD_CMD")), "a system with modules")
  local_plan(slurm, dir = dir, nodes = 1, modules = "no/such")
  e <- tryCatch(future_lapply(1:2, identity), error = identity)
  expect_s3_class(e, "rustle_error_slurm")
  expect_match(conditionMessage(e), "module")
  expect_identical(jobs_left(), 0L)
})

test_that("a Slurm that does not answer is an error in seconds, and what it takes late does nothing", {
  skip_if(is.null(slurm_places), "no throw-away Slurm")
  dir <- withr::local_tempdir(tmpdir = "/tmp")
  notes <- withr::local_tempdir(tmpdir = "/tmp")
  f <- function(i, notes) {
    cat("x", file = file.path(notes, i), append = TRUE)
    c(i, runif(1))
  }
  local_plan(slurm, dir = dir, nodes = 2)
  controller <- as.integer(readLines(file.path(slurm_places, "run", "slurmctld.pid")))
  tools::pskill(controller, tools::SIGSTOP)
  withr::defer(tools::pskill(controller, tools::SIGCONT))
  begun <- Sys.time()
  e <- tryCatch(future_lapply(1:4, f, notes = notes, future.seed = 1L), error = identity)
  expect_lt(as.numeric(Sys.time() - begun, units = "secs"), 240)
  expect_s3_class(e, "rustle_error_slurm")
  expect_match(conditionMessage(e), "does not answer")
  expect_identical(starts(notes, 4), rep(0, 4))
  # It may take now what it was asked for then.
  tools::pskill(controller, tools::SIGCONT)
  values <- future_lapply(1:4, f, notes = notes, future.seed = 1L)
  expect_identical(values, with_plan(sequential, future_lapply(1:4, function(i) c(i, runif(1)), future.seed = 1L)))
  expect_identical(starts(notes, 4), rep(1, 4))
  expect_identical(jobs_left(), 0L)
})

test_that("what Slurm may have taken is not submitted again before Slurm has said that it has it not", {
  skip_on_os("windows")
  # Commands that note that they were asked, and give one answer after the other.
  dir <- withr::local_tempdir(tmpdir = "/tmp")
  for (command in c("sbatch", "squeue")) {
    writeLines(c(
      "#!/bin/sh", sprintf("cd %s", shQuote(dir)), sprintf("echo %s >>asked", command),
      "answer=$(sed -n \"$(wc -l <asked)p\" answers)",
      "case $answer in silent) echo 'error: Socket timed out on send/recv operation' >&2; exit 1;;",
      "wrong) echo 'error: invalid partition specified: x' >&2; exit 1;; none) ;; *) echo $answer;; esac"
    ), file.path(dir, command))
    Sys.chmod(file.path(dir, command), "700")
  }
  withr::local_path(dir)
  submit <- function(...) {
    unlink(file.path(dir, "asked"))
    writeLines(c(...), file.path(dir, "answers"))
    value <- tryCatch(submit_script("file", "name", NULL), error = identity)
    list(value = value, asked = readLines(file.path(dir, "asked")))
  }
  expect_identical(submit("7"), list(value = "7", asked = "sbatch"))
  expect_identical(submit("silent", "7"), list(value = "7", asked = c("sbatch", "squeue")))
  expect_identical(submit("silent", "none", "8;cluster"), list(value = "8", asked = c("sbatch", "squeue", "sbatch")))
  unknown <- submit("silent", "silent")
  expect_identical(unknown$asked, c("sbatch", "squeue"))
  expect_s3_class(unknown$value, "rustle_error_slurm")
  expect_true(unknown$value$unanswered)
  refused <- submit("wrong")
  expect_match(conditionMessage(refused$value), "does not take")
  expect_null(refused$value$unanswered)
})

test_that("a directory that nodes do not see is told apart", {
  skip_if(is.null(slurm_places), "no throw-away Slurm")
  skip_if(system2("unshare", c("-m", "true"), stdout = FALSE, stderr = FALSE) != 0L, "no mount namespaces here")
  hidden <- withr::local_tempdir(tmpdir = "/tmp")
  # This R process alone sees what is mounted there.
  run <- run_r(timeout = 60, args = hidden, wrap = c("unshare", "-m"), {
    dir <- commandArgs(TRUE)[[1L]]
    stopifnot(system2("mount", c("-t", "tmpfs", "none", dir)) == 0L)
    plan(slurm, dir = dir, nodes = 1)
    e <- tryCatch(future_lapply(1:2, identity), error = identity)
    out <- list(class = class(e), message = conditionMessage(e))
  })
  expect_true("rustle_error_slurm" %in% run$value$class)
  expect_match(run$value$message, "does not see the directory")
  expect_identical(jobs_left(), 0L)
})
