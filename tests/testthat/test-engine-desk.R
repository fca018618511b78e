# What a persistent worker has as the session has it.

test_that("a worker has the desk of the session", {
  skip_unless_faults()
  value <- in_two({
    directory <- tempfile()
    dir.create(directory)
    setwd(directory)
    options(
      digits = 4, scipen = 9, mine = list(1, "a"), OutDec = ",", warn = 1, mc.cores = 7L,
      mine.fun = local({ k <- 2; function(x) x * k }), prompt = "? "
    )
    Sys.setenv(MINE = "a b\nc", PATH = paste0("/mine:", Sys.getenv("PATH")), TZ = "Asia/Tokyo")
    Sys.unsetenv("HOME")
    Sys.umask("077")
    invisible(Sys.setlocale("LC_COLLATE", "C"))
    invisible(Sys.setlocale("LC_TIME", "C"))
    suppressWarnings(RNGkind("L'Ecuyer-CMRG", "Box-Muller", "Rounding"))
    .libPaths(c(tempdir(), .libPaths()))
    detach("package:datasets")
    library(splines)
    library(stats4, pos = 4)
    library(MASS)
    out <- list(desk = session_desk(), facts = facts(), zone = format(.POSIXct(0), "%Z"))
    # The worker is another process, and this one's directories go with it.
    kept <- list(directory = directory, temporary = tempdir())
    out$facts$dirs <- NULL
    out$kept <- kept
  }, {
    for (directory in c(given$kept$temporary, given$kept$directory)) dir.create(directory, showWarnings = FALSE, recursive = TRUE)
    said <- told(lay_desk(given$desk))
    now <- facts()
    expected <- given$facts
    same <- function(part) identical(now[[part]], expected[[part]])
    fun <- getOption("mine.fun")
    out <- list(
      said = length(said) == 0L, directory = same("directory"), libraries = same("libraries"), mask = same("mask"),
      locale = same("locale"), search = same("search"), kinds = same("kinds"),
      options = identical(
        now$options[names(given$desk$options)], given$desk$options[names(given$desk$options)]
      ),
      named = all(c("digits", "mine", "OutDec", "mine.fun") %in% names(given$desk$options)),
      own = !any(c("mc.cores", "prompt", "device") %in% names(given$desk$options)) && getOption("prompt") != "? ",
      closure = fun(4) == 8,
      variables = Sys.getenv("MINE") == "a b\nc" && startsWith(Sys.getenv("PATH"), "/mine:"),
      removed = is.na(Sys.getenv("HOME", NA)), zone = format(.POSIXct(0), "%Z") == given$zone,
      no_seed = is.null(globalenv()[[".Random.seed"]]),
      again = length(told(lay_desk(given$desk, given$desk))) == 0L && identical(facts(), now)
    )
    setwd("/")
    unlink(unlist(given$kept), recursive = TRUE)
  })
  expect_all_true(value)
})

test_that("the desk is one object until something on it changes", {
  skip_unless_faults()
  run <- run_r(before = desk_functions, {
    same <- function(change) {
      first <- session_desk()
      force(change)
      identical(session_desk(), first)
    }
    first <- session_desk()
    changed <- list(
      directory = !same(setwd(tempdir())), option = !same(options(digits = 5)),
      variable = !same(Sys.setenv(MINE = "1")), unset = !same(Sys.unsetenv("MINE")),
      locale = !same(Sys.setlocale("LC_TIME", "POSIX")) || Sys.getlocale("LC_TIME") == "C",
      kinds = !same(RNGkind("Wichmann-Hill")), libraries = !same(.libPaths(tempdir())),
      package = !same(library(stats4)), detached = !same(detach("package:stats4")),
      mask = !same(Sys.umask("027"))
    )
    unchanged <- list(
      nothing = same(NULL), numbers = same(runif(3)), own = same(options(prompt = "! ", mc.cores = 3L)),
      global = same(assign("x", 1, globalenv())), pointer = same(options(pointer = a_pointer()))
    )
    address <- function(x) sub(" .*", "", capture.output(.Internal(inspect(x)))[[1L]])
    out <- c(changed, unchanged, one = identical(address(session_desk()), address(session_desk())))
  })
  expect_all_true(run$value)
})

test_that("a desk that was changed back is laid again", {
  skip_unless_faults()
  value <- in_two({
    first <- session_desk()
    Sys.setenv(MINE = "1", HOME = "/mine")
    options(mine = 1, digits = 3)
    library(stats4)
    library(splines)
    second <- session_desk()
    Sys.unsetenv("MINE")
    Sys.setenv(HOME = "/other")
    options(mine = NULL, digits = 7)
    detach("package:stats4")
    detach("package:splines")
    library(splines)
    library(stats4)
    out <- list(desks = list(first, second, session_desk()), search = search())
  }, {
    desks <- given$desks
    lay_desk(desks[[1L]])
    library(tools)
    options(of.setup = TRUE)
    lay_desk(desks[[2L]], desks[[1L]])
    there <- Sys.getenv("MINE") == "1" && getOption("mine") == 1 && getOption("digits") == 3
    lay_desk(desks[[3L]], desks[[2L]])
    out <- list(
      there = there, gone = is.na(Sys.getenv("MINE", NA)) && is.null(getOption("mine")),
      back = Sys.getenv("HOME") == "/other" && getOption("digits") == 7,
      search = identical(setdiff(search(), "package:tools"), given$search),
      setup = "package:tools" %in% search() && getOption("of.setup")
    )
  })
  expect_all_true(value)
})

test_that("what cannot be laid is told, and the rest is laid", {
  skip_unless_faults()
  value <- in_two({
    directory <- tempfile()
    dir.create(directory)
    setwd(directory)
    library(stats4)
    options(digits = 4, warn = 2)
    out <- session_desk()
    setwd("/")
    unlink(directory, recursive = TRUE)
    out$packages <- c(nosuchpackage = "/nowhere", out$packages)
    out$locale[["LC_TIME"]] <- "xx_NOWHERE"
  }, {
    said <- told(lay_desk(given))
    out <- list(
      directory = any(grepl("cannot enter the working directory", said)),
      package = any(grepl("'nosuchpackage' cannot be attached", said)),
      locale = any(grepl("no locale \"xx_NOWHERE\"", said)), all = length(said) == 3L,
      rest = getOption("digits") == 4 && "package:stats4" %in% search()
    )
  })
  expect_all_true(value)
})

test_that("options that hold what only the session has stay there", {
  skip_unless_faults()
  run <- run_r(before = desk_functions, {
    front <- attach(NULL, name = "tools:front")
    options(
      at.connection = file(nullfile()), at.file = list(a = list(file(nullfile()))), at.front = structure(function() 1, class = "f"),
      at.closure = local({ p <- a_pointer(); function() p }), at.plain = function(x) x,
      at.env = list2env(list(a = 1)), at.tool = local(function() 1, front)
    )
    there <- grep("^at[.]", names(session_desk()$options), value = TRUE)
    dir.create(file.path(tempdir(), "loaded"))
    attach(NULL, name = "package:loaded")
    said <- c(told(session_desk()), told({ options(digits = 3); session_desk() }))
    out <- list(
      there = identical(there, c("at.env", "at.front", "at.plain")),
      said = length(said) == 1L && grepl("'loaded' is attached here but not installed", said),
      left = !"loaded" %in% names(session_desk()$packages)
    )
  })
  expect_all_true(run$value)
})

test_that("workers of multisession have the desk of each call, and none finds traces of another", {
  skip_unless_faults()
  run <- run_r(timeout = 60, {
    plan(multisession, workers = 2L)
    look <- function(i) {
      Sys.sleep(0.02)
      list(getwd(), getOption("of_desk"), Sys.getenv("OF_DESK", NA), search(), RNGkind(), Sys.getlocale("LC_TIME"))
    }
    environment(look) <- globalenv()
    both <- function() unique(future_lapply(1:6, look))
    here <- function() list(look(1))
    first <- identical(both(), here())
    setwd(tempdir())
    options(of_desk = "a")
    Sys.setenv(OF_DESK = "b")
    Sys.setlocale("LC_TIME", "C")
    suppressWarnings(RNGkind("Wichmann-Hill", "Box-Muller", "Rounding"))
    library(splines)
    library(stats4)
    second <- identical(both(), here())
    detach("package:splines")
    options(of_desk = NULL)
    Sys.unsetenv("OF_DESK")
    third <- identical(both(), here())
    # All workers are there from here on.
    invisible(clusterCall(NULL, Sys.getpid))
    pids <- worker_status()$pid
    bad <- function(i) {
      options(of_desk = i, warn = 2)
      Sys.setenv(OF_DESK = "task")
      setwd("/")
      attach(list(mine = i))
      library(tools)
      sink(tempfile())
      pdf(NULL)
      assign("left", i, globalenv())
      set.seed(i)
      RNGkind("Marsaglia-Multicarry")
      file(tempfile(), "w")
      if (i == 2L) stop("badly")
      TRUE
    }
    environment(bad) <- globalenv()
    try(future_lapply(1:2, bad), silent = TRUE)
    invisible(future_lapply(c(1, 3, 4), bad))
    fourth <- identical(both(), here())
    left <- any(future_sapply(1:4, function(i) exists("left") || exists("mine") || length(getAllConnections()) > 4L || !is.null(dev.list())))
    out <- list(
      first = first, second = second, third = third, fourth = fourth, left = !left,
      same = identical(worker_status()$pid, pids)
    )
  })
  expect_all_true(run$value)
})

test_that("a session whose working directory is gone has workers", {
  skip_unless_faults()
  run <- run_r({
    plan(multisession, workers = 2L)
    directory <- tempfile()
    dir.create(directory)
    setwd(directory)
    unlink(directory, recursive = TRUE)
    out <- future_sapply(1:4, function(i) i)
  })
  expect_identical(run$value, 1:4)
})
