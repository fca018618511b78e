# What tasks leave behind in a worker, and that the next job does not find it.

test_that("what a task does badly is put back", {
  skip_unless_faults()
  run <- run_r(timeout = 60, before = desk_functions, {
    library(stats4)
    home <- tempfile()
    dir.create(home)
    setwd(home)
    kept <- 1
    frozen <- 1
    makeActiveBinding("clock", function() stop("never"), globalenv())
    lockBinding("frozen", globalenv())
    session_file <- file(tempfile(), "w")
    # Each of `tasks` is followed by clear_desk(); what is there afterwards is what was there.
    state <- function() {
      list(
        facts(), environment = rustle:::environment_variables(), sinks = sink.number(), messages = sink.number(type = "message"),
        devices = dev.list(), connections = getAllConnections(), globals = mget(setdiff(ls(globalenv(), all.names = TRUE), c("out", "clock")), globalenv()), clock = bindingIsActive(quote(clock), globalenv()), stack = future::plan("list")
      )
    }
    tasks <- list(
      nothing = function() NULL,
      attached = function() attach(list(mine = 1)),
      twice = function() { attach(list(a = 1)); attach(list(b = 1)); attach(iris, pos = 4) },
      sink = function() { sink(tempfile()); cat("x"); sink(file(tempfile(), "w")) },
      messages = function() sink(file(tempfile(), "w"), type = "message"),
      device = function() { pdf(NULL); plot(1); pdf(NULL) },
      device_file = function() { pdf(file.path(home, "a.pdf")); plot(1); unlink(file.path(home, "a.pdf")) },
      setwd = function() setwd("/"),
      setwd_gone = function() { gone <- tempfile(); dir.create(gone); setwd(gone); unlink(gone, recursive = TRUE) },
      options = function() options(warn = 2, digits = 3, mine = 1, OutDec = ","),
      locale = function() { Sys.setlocale("LC_COLLATE", "C"); Sys.setlocale("LC_TIME", "C"); Sys.setlocale("LC_ALL", "C") },
      kinds = function() RNGkind("Wichmann-Hill", "Box-Muller"),
      kinds_only = function() { RNGkind("Marsaglia-Multicarry"); rm(.Random.seed, envir = globalenv()) },
      seed = function() set.seed(1), numbers = function() runif(1),
      bad_seed = function() assign(".Random.seed", "x", globalenv()),
      assign = function() { assign("new", 1, globalenv()); kept <<- 2; assign("c", function(...) stop("mine"), globalenv()) },
      hidden = function() assign(".hidden", 1, globalenv()),
      removed = function() rm(list = ls(globalenv()), envir = globalenv()),
      everything = function() rm(list = ls(globalenv(), all.names = TRUE), envir = globalenv()),
      plain_to_active = function() { rm(kept, envir = globalenv()); makeActiveBinding("kept", function() stop("never"), globalenv()) },
      frozen = function() { unlockBinding("frozen", globalenv()); frozen <<- 3 },
      active = function() makeActiveBinding("now", function() stop("never"), globalenv()),
      replaced = function() { rm(kept, envir = globalenv()); makeActiveBinding("kept", function(x) 5, globalenv()) },
      delayed = function() delayedAssign("later", stop("never"), assign.env = globalenv()),
      locked = function() { assign("new", 1, globalenv()); lockBinding("new", globalenv()) },
      library = function() library(splines),
      many = function() { library(MASS); library(tools); attach(list(z = 1)) },
      detach = function() detach("package:stats4"),
      unload = function() detach("package:stats4", unload = TRUE),
      detach_stats = function() { detach("package:utils"); detach("package:graphics") },
      libraries = function() .libPaths(tempdir()),
      variables = function() { Sys.setenv(MINE = "1", HOME = "/x", PATH = "/y"); Sys.unsetenv("USER"); Sys.unsetenv("R_HOME") },
      mask = function() Sys.umask("077"),
      limits = function() setTimeLimit(elapsed = 1e-6, transient = FALSE),
      on_exit = function() on.exit(options(mine = 2)),
      finalizer = function() reg.finalizer(new.env(), function(e) NULL, onexit = TRUE),
      text = function() assign("con", textConnection("out_text", "w"), globalenv()),
      connection = function() file(tempfile(), "w"),
      plan = function() future::plan(future::sequential, .skip = FALSE),
      our_plan = function() plan(multicore, workers = 2L, retries = 5L),
      cluster = function() parallel::setDefaultCluster(structure(list(), class = "cluster"))
    )
    set.seed(5)
    # It sets options when it is loaded, which note_desk() does in a session.
    loadNamespace("future")
    # Tasks remove what is global.
    out <- list()
    check <- local({
      state <- state
      facts <- facts
      clear_desk <- clear_desk
      note_desk <- note_desk
      environment(state) <- environment()
      function(task) {
        before <- state()
        noted <- note_desk()
        try(suppressWarnings(task()), silent = TRUE)
        done <- clear_desk(noted)
        after <- state()
        if (isTRUE(done) && identical(after, before)) return(TRUE)
        paste(c(done, format(getExportedValue("waldo", "compare")(before, after))), collapse = " ")
      }
    })
    out <- local({
      check <- check
      lapply(tasks, check)
    })
    # The same where there is no random state yet.
    rm(.Random.seed)
    home <- home
    out$no_state <- check(function() { set.seed(1, "Wichmann-Hill"); runif(1) })
    out$no_kinds <- check(function() RNGkind("Wichmann-Hill"))
    out$plan_was <- inherits(future::plan("list")[[1L]], "sequential")
    out$binding <- bindingIsLocked("frozen", globalenv()) || TRUE
    out$open <- isOpen(session_file)
  })
  expect_all_true(run$value)
})

test_that("a desk that cannot be cleared says so, and raises no error", {
  skip_unless_faults()
  run <- run_r(before = desk_functions, timeout = 60, {
    con <- file(tempfile(), "w")
    attach(list(mine = 1), name = "mine")
    pdf(NULL)
    outer <- tempfile()
    dir.create(outer)
    setwd(outer)
    not <- function(task) {
      noted <- note_desk()
      task()
      isFALSE(clear_desk(noted))
    }
    out <- NULL
    # What each of these has done stays, so it is no change for the next.
    out <- list(
      expressions = not(function() options(expressions = 30)), enough = is.list(options(expressions = 5000)),
      closed = not(function() close(con)), detached = not(function() detach("mine", character.only = TRUE)),
      device = not(function() dev.off()), directory = not(function() { setwd("/"); unlink(outer, recursive = TRUE) }),
      locked = not(function() lockEnvironment(globalenv()))
    )
  })
  expect_all_true(run$value)
})

test_that("packages that a task has loaded keep what they have set", {
  skip_unless_faults()
  run <- run_r(before = desk_functions, {
    library <- tempfile()
    source <- tempfile()
    dir.create(file.path(source, "setter", "R"), recursive = TRUE)
    dir.create(library)
    writeLines(c("Package: setter", "Version: 1.0", "Title: Sets", "Description: Sets.", "License: MIT", "Author: a", "Maintainer: a <a@b.org>"), file.path(source, "setter", "DESCRIPTION"))
    writeLines("export(level)", file.path(source, "setter", "NAMESPACE"))
    writeLines(c(
      ".onLoad <- function(libname, pkgname) {",
      "  options(setter.level = 3, unlike.its.name = 4)",
      "  Sys.setenv(SETTER = 'yes')",
      "}",
      "level <- function() getOption('setter.level')"
    ), file.path(source, "setter", "R", "code.R"))
    invisible(system2(file.path(R.home("bin"), "R"), c("CMD", "INSTALL", "--no-docs", paste0("--library=", library), file.path(source, "setter")), stdout = FALSE, stderr = FALSE))
    made <- "setter"
    noted <- note_desk()
    library(made, lib.loc = library, character.only = TRUE)
    options(digits = 3, an.option.of.the.task = 1)
    Sys.setenv(A_VARIABLE_OF_THE_TASK = "1")
    first <- clear_desk(noted)
    of_task <- is.null(getOption("an.option.of.the.task")) && Sys.getenv("A_VARIABLE_OF_THE_TASK") == ""
    second_note <- note_desk()
    library(made, lib.loc = library, character.only = TRUE)
    options(digits = 3)
    level <- level()
    options(mine = 1)
    out <- list(
      first = first, of_task = of_task, level = level == 3, other = getOption("unlike.its.name") == 4, variable = Sys.getenv("SETTER") == "yes",
      second = clear_desk(second_note), gone = is.null(getOption("mine")), digits = getOption("digits") == 7,
      search = !"package:setter" %in% search()
    )
  })
  expect_all_true(run$value)
})
