test_that("values and conditions are the same with progress", {
  skip_without_fork()
  for (plan in few_plans()) {
    got <- suppressMessages(under_plan(c(plan, progress = TRUE), observe(future_lapply(1:5, function(i) i))))
    expect_identical(got$value, as.list(1:5))
    expect_null(got$message)
  }
  withr::local_options(rustle.progress = TRUE)
  expect_identical(with_plan("multicore", workers = 2, future_lapply(1:5, sqrt)), lapply(1:5, sqrt))
  expect_identical(mclapply(1:5, sqrt, mc.cores = 2), lapply(1:5, sqrt))
})

test_that("short calls print no lines", {
  skip_without_fork()
  expect_message(with_plan("multicore", workers = 2, progress = TRUE, future_lapply(1:5, sqrt)), NA)
})

test_that("lines tell tasks done, rate, time left and busy workers, and the last is complete", {
  withr::local_options(rustle.progress.after = 0)
  bar <- progress_lines(10, 2, every = 0)
  expect_message(bar$update(4, 2L), "4/10 tasks, .*/s, ETA .* s, 2/2 workers busy")
  expect_message(bar$close(10), "10/10 tasks")
  expect_message(bar$update(10, 2L), "10/10")
  withr::local_options(rustle.progress.after = 1000)
  quiet <- progress_lines(10, 2, every = 1000)
  expect_message(quiet$update(4, 2L), NA)
  expect_message(quiet$close(10), NA)
})

test_that("the first line comes after two seconds, the next ones after ten", {
  withr::local_options(rustle.progress.after = 0)
  bar <- progress_lines(10, 2, every = 1000)
  expect_message(bar$update(4, 2L), "4/10 tasks")
  expect_message(bar$update(5, 2L), NA)
  expect_message(bar$close(10), "10/10 tasks")
})

test_that("a call on a cluster object tells its progress", {
  withr::local_options(rustle.progress = TRUE, rustle.progress.after = 0, rustle.progress.seconds = 0)
  cl <- test_cluster()
  said <- function(expr) paste(observe(expr)$messages, collapse = "")
  expect_match(said(clusterApply(cl, 1:6, function(i) Sys.sleep(0.05))), "[0-6]/6 tasks, .* workers busy.*6/6 tasks in ")
  expect_match(said(parLapplyLB(cl, 1:8, function(i) Sys.sleep(0.05))), "8/8 tasks in ")
  expect_match(said(boot(1:9, function(d, i) mean(d[i]), R = 9)), "[1-8]/9 tasks, .*9/9 tasks in ")
  withr::local_options(rustle.progress = FALSE)
  expect_message(clusterApply(cl, 1:6, identity), NA)
})

test_that("the plan's setting beats the option", {
  withr::local_options(rustle.progress = TRUE)
  expect_true(wants_progress(list(settings = list(progress = NULL))))
  expect_false(wants_progress(list(settings = list(progress = FALSE))))
  withr::local_options(rustle.progress = NULL)
  expect_false(wants_progress(list(settings = list(progress = NULL))))
  expect_true(wants_progress(list(settings = list(progress = TRUE))))
})

test_that("progressr's signals are relayed, each once, from every plan", {
  skip_without_fork()
  skip_if_not_installed("progressr")
  for (plan in few_plans()) {
    amount <- 0
    messages <- character()
    value <- under_plan(plan, withCallingHandlers(
      progressr::with_progress({
        p <- progressr::progressor(steps = 6)
        future_lapply(1:6, function(i) { p(sprintf("step %d", i)); i })
      }, handlers = list(), enable = TRUE),
      progression = function(c) if (identical(c$type, "update") && length(c$message)) messages <<- c(messages, conditionMessage(c))
    ))
    expect_identical(value, as.list(1:6))
  }
})

test_that("a progressr handler sees every step", {
  skip_without_fork()
  skip_if_not_installed("progressr")
  for (plan in few_plans()) {
    steps <- 0
    counter <- progressr::make_progression_handler(
      "count", reporter = list(update = function(config, state, progression, ...) steps <<- max(steps, state$step)),
      enable = TRUE, interval = 0, intrusiveness = 0
    )
    under_plan(plan, progressr::with_progress({
      p <- progressr::progressor(steps = 6)
      future_lapply(1:6, function(i) p())
    }, handlers = counter, enable = TRUE, interval = 0))
    expect_identical(as.numeric(steps), 6, info = paste(plan, collapse = " "))
  }
})

test_that("option rustle.progress.seconds says how often there is a line", {
  withr::local_options(rustle.progress.seconds = 0, rustle.progress.after = 0)
  expect_message(progress_lines(10, 2)$update(4, 2L), "4/10 tasks")
  withr::local_options(rustle.progress.seconds = 1000)
  bar <- progress_lines(10, 2)
  expect_message(bar$update(4, 2L), "4/10 tasks")
  expect_message(bar$update(5, 2L), NA)
})

test_that("an error of drawing gives the progress up, and ends no job", {
  calls <- 0L
  broken <- list(
    update = function(done, busy, look) { calls <<- calls + 1L; stop("broken") },
    close = function(done = NULL) { calls <<- calls + 1L; stop("broken") }
  )
  progress <- safe_progress(broken)
  expect_silent(progress$update(1, 1L))
  expect_silent(progress$update(2, 1L))
  expect_silent(progress$close(2))
  expect_identical(calls, 1L)
  expect_silent(safe_progress(stop("no bar"))$update(1, 1L))
})

test_that("an interrupt waits until drawing is done", {
  skip_unless_faults()
  run <- run_r({
    interrupted_while <- function(draw_and) {
      finished <- FALSE
      arrived <- tryCatch(
        {
          draw_and({
            tools::pskill(Sys.getpid(), tools::SIGINT)
            # Sys.sleep() lets interrupts in.
            until <- proc.time()[[3L]] + 0.3
            while (proc.time()[[3L]] < until) NULL
            finished <- TRUE
          })
          Sys.sleep(2)
          "nothing"
        },
        interrupt = function(i) "interrupt"
      )
      list(arrived, finished)
    }
    progress <- function(expr) rustle:::safe_progress(list(update = function(done, busy, look) expr))$update(1, 1L)
    told <- structure(class = c("progression", "condition"), list(message = "", call = NULL))
    relay <- function(expr) withCallingHandlers(rustle:::relay_event(1L, told), progression = function(c) expr)
    out <- list(interrupted_while(progress), interrupted_while(relay))
  })
  expect_identical(run$value, rep(list(list("interrupt", TRUE)), 2L))
})

test_that("lines tell memory and the task that has run longest", {
  withr::local_options(rustle.progress.after = 0)
  look <- function() list(task = c(7, 0, 3), seconds = c(2, 50, 190), memory = c(1e6, 2e6, 3e6))
  bar <- progress_lines(10, 3, every = 0)
  expect_message(bar$update(4, 2L, look), "2/3 workers busy, 6 MB, task 3 since 3 min")
  expect_message(bar$close(), "stopped after 4 of 10 tasks")
  # Nothing is said twice.
  expect_message(bar$close(10), NA)
})

test_that("every plan shows progress, and a line remains", {
  skip_without_fork()
  withr::local_options(rustle.progress = TRUE, rustle.progress.seconds = 0, rustle.progress.after = 0)
  for (name in names(every_plan())) {
    said <- observe(under_plan(every_plan()[[name]], future_lapply(1:6, function(i) { Sys.sleep(0.1); i })))
    expect_identical(said$value, as.list(1:6), info = name)
    expect_match(said$messages, "^[0-9]/6 tasks, .*workers busy", all = FALSE, info = name)
    expect_match(utils::tail(said$messages, 1L), "^6/6 tasks in .* on [0-9] worker", info = name)
  }
  said <- observe(under_plan(list("multicore", workers = 2L), bootstrap(1:9, function(d, i) { Sys.sleep(0.02); mean(d[i]) }, R = 30, seed = 1)))
  expect_match(utils::tail(said$messages, 1L), "^30/30 tasks in")
  said <- observe(under_plan(list("multicore", workers = 2L), bootstrap(1:9, function(d, i) { Sys.sleep(0.02); mean(d[i]) }, R = 30, seed = 1, progress = FALSE)))
  expect_identical(said$messages, character())
})

test_that("a call that stops leaves a line that says so", {
  skip_without_fork()
  withr::local_options(rustle.progress = TRUE, rustle.progress.seconds = 0, rustle.progress.after = 0)
  for (name in names(every_plan())) {
    said <- observe(under_plan(every_plan()[[name]], future_lapply(1:6, function(i) { Sys.sleep(0.1); if (i == 4) stop("bad"); i })))
    expect_identical(said$message, "bad", info = name)
    expect_match(utils::tail(said$messages, 1L), "tasks", info = name)
  }
})

# The lines that a terminal shows of this text, which returns to the beginning of a line and erases.
screen <- function(text) {
  one <- function(line) {
    cells <- character()
    at <- 0L
    for (token in regmatches(line, gregexpr("\033\\[[0-9;?]*[A-Za-z]|\r|.", line, perl = TRUE))[[1L]]) {
      if (token == "\r") {
        at <- 0L
      } else if (token == "\033[K") {
        cells <- utils::head(cells, at)
      } else if (!startsWith(token, "\033")) {
        at <- at + 1L
        cells[[at]] <- token
      }
    }
    trimws(paste(ifelse(is.na(cells), " ", cells), collapse = ""))
  }
  vapply(strsplit(iconv(text, "UTF-8", "ASCII", "#"), "\n", fixed = TRUE)[[1L]], one, "", USE.NAMES = FALSE)
}

test_that("on a terminal no line of tasks or of nodes stands in the line of the bar", {
  skip_unless_faults()
  skip_without_terminal()
  skip_if_not_installed("cli")
  dir <- withr::local_tempdir()
  file <- function(name) file.path(dir, name)
  writeLines(c(
    "library(rustle)", "options(rustle.progress.after = 0, width = 80, cli.width = 80)",
    "for (kind in c('multicore', 'cluster', 'sequential')) {",
    "  if (kind == 'sequential') plan('sequential', progress = TRUE) else plan(kind, workers = 2, progress = TRUE)",
    "  future_lapply(1:6, function(i) { cat('printed', i, 'by', 'tasks\n'); message('told ', i); Sys.sleep(0.3) })",
    "}", sprintf("file.create('%s')", file("over")), "q('no')"
  ), file("script.R"))
  # Who types waits until the session has ended: the end of its text would end the terminal.
  writeLines(c(
    sprintf("echo \"source('%s')\"", file("script.R")), sprintf("for k in $(seq 1800); do [ -e '%s' ] && break; sleep 0.1; done", file("over"))
  ), file("typist"))
  r <- paste("stty rows 24 cols 80; TERM=xterm", shQuote(file.path(R.home("bin"), "R")), "--vanilla --no-echo --interactive")
  run_command(c("sh", "-c", sprintf("sh %s | script -qec %s %s", file("typist"), shQuote(r), file("typed"))), 70)
  typed <- file("typed")
  text <- readChar(typed, file.size(typed), useBytes = TRUE)
  expect_true(grepl("workers busy", text, fixed = TRUE, useBytes = TRUE))
  lines <- screen(text)
  told <- grep("printed [0-9]|told [0-9]", lines, value = TRUE)
  expect_identical(sort(unique(told)), sort(c(sprintf("printed %d by tasks", 1:6), sprintf("told %d", 1:6))))
  expect_length(told, 36L)
})

test_that("short calls show nothing, whoever asked for it", {
  skip_without_fork()
  expect_identical(progress_after(), 2)
  # Nodes may take longer than that to start.
  withr::local_options(rustle.progress = TRUE, rustle.progress.seconds = 0, rustle.progress.after = 60)
  for (name in names(every_plan())) {
    expect_identical(observe(under_plan(every_plan()[[name]], future_lapply(1:4, function(i) Sys.sleep(0.1))))$messages, character(), info = name)
  }
})

test_that("registered handlers of progressr show it", {
  skip_unless_faults()
  skip_if_not_installed("progressr")
  got <- run_r({
    progressr::handlers(global = TRUE)
    seen <- character()
    progressr::handlers(progressr::make_progression_handler("note", enable = TRUE, interval = 0, intrusiveness = 0, reporter = list(
      update = function(config, state, progression, ...) seen <<- c(seen, paste(state$message, collapse = ""))
    )))
    options(rustle.progress = TRUE, progressr.enable = TRUE)
    plan(multicore, workers = 2)
    future_lapply(1:8, function(i) Sys.sleep(0.15))
    out <- list(shown = any(grepl("/8 tasks, .* workers busy", seen)))
  })
  expect_all_true(got$value)
})

test_that("progressr's signals of tasks come while these run, on nodes too", {
  skip_without_fork()
  skip_if_not_installed("progressr")
  for (name in c("multicore", "multisession", "cluster")) {
    seen <- withr::local_tempfile()
    note <- progressr::make_progression_handler("note", enable = TRUE, interval = 0, intrusiveness = 0, reporter = list(
      update = function(config, state, progression, ...) if (state$step > 0) file.create(seen)
    ))
    # A task ends when the session has its signal.
    told <- under_plan(every_plan()[[name]], progressr::with_progress({
      p <- progressr::progressor(steps = 2)
      future_sapply(1:2, function(i) {
        p()
        until <- Sys.time() + 60
        while (!file.exists(seen) && Sys.time() < until) Sys.sleep(0.05)
        file.exists(seen)
      })
    }, handlers = note, enable = TRUE, interval = 0))
    expect_identical(told, c(TRUE, TRUE), label = name)
  }
})
