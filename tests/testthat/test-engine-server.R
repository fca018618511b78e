# The process of which workers that stand by are copies.

test_that("workers begin as an R session does, with the session's variables", {
  skip_without_fork()
  local_plan("multisession", workers = 1)
  look <- function(i) {
    list(
      search = search(), variables = Sys.getenv(c("TMPDIR", "OPENBLAS_NUM_THREADS", "R_DEFAULT_PACKAGES"), NA),
      left = grep("^RUSTLE_(PACKAGES|OPENBLAS|TMPDIR|DEFAULT_PACKAGES|SERVER)$", names(Sys.getenv()), value = TRUE),
      default = getOption("defaultPackages"), s4 = methods::existsMethod("show", "ANY"), device = getOption("device")
    )
  }
  there <- future_lapply(1, look)[[1L]]
  here <- look(1)
  same <- c("variables", "left", "default", "s4")
  expect_identical(there[same], here[same])
  attached <- function(search) grep("^package:", search, value = TRUE)
  expect_identical(attached(there$search), attached(here$search))
})

test_that("the temporary directory of workers is in the session's and goes with it", {
  skip_without_fork()
  run <- run_r(timeout = 60, {
    library(rustle)
    plan(multisession, workers = 1)
    there <- future_sapply(1, function(i) { writeLines("x", tempfile()); tempdir() })
    here <- tempdir()
    server <- rustle:::rs_pool_status()$server
    tools::pskill(server, tools::SIGKILL)
    alive(server)
    again <- future_sapply(1, function(i) tempdir())
    out <- list(inside = startsWith(c(there, again), here), there = there, again = again)
  })
  expect_identical(run$value$inside, c(TRUE, TRUE))
  expect_true(wait_for(function() !any(dir.exists(c(run$value$there, run$value$again)))))
})

test_that("workers load future when a task asks for it, and have a plan without workers then", {
  skip_without_fork()
  skip_if("package:future" %in% search(), "future is attached")
  local_plan("multisession", workers = 1)
  before <- future_lapply(1, as_user(function(i) isNamespaceLoaded("future")))
  expect_identical(before, list(FALSE))
  look <- as_user(function(i) {
    list(future = class(future::plan()), workers = rustle::nbrOfWorkers(), pid = Sys.getpid(), levels = length(future::plan("list")), inner = rustle::future_sapply(1:2, sqrt))
  })
  first <- future_lapply(1, look)[[1L]]
  expect_true("sequential" %in% first$future)
  expect_identical(first[c("workers", "inner")], list(workers = 1L, inner = sqrt(1:2)))
  other <- future_lapply(1, as_user(function(i) {
    future::plan(list(future::sequential, future::sequential))
    length(future::plan("list"))
  }))
  expect_identical(other, list(2L))
  expect_identical(future_lapply(1, look)[[1L]], first)
})

test_that("a server is R itself where the session has what Rscript would set, else Rscript", {
  skip_without_fork()
  expect_identical(basename(server_command(NULL, itself = NULL)$program), "Rscript")
  expect_identical(server_command(c("env", "Rscript"))$program, "env")
  skip_if(is.null(r_itself()))
  expect_identical(dirname(server_command(NULL)$program), file.path(R.home("bin"), "exec"))
  withr::with_envvar(c(LD_LIBRARY_PATH = ""), expect_null(r_itself()))
  withr::with_envvar(c(R_HOME = "/elsewhere"), expect_null(r_itself()))
})

test_that("what is read beforehand is there", {
  expect_true(all(vapply(order_functions, exists, NA, envir = asNamespace("rustle"), inherits = FALSE)))
})

test_that("a server that was started while future was loaded is the plan's, and ends with a plan that is refused", {
  skip_without_fork()
  code <- paste(
    "library(rustle); e <- try(plan(multisession, workers = 0), silent = TRUE); refused <- rustle:::has_pool();",
    "unloadNamespace('future'); plan(multisession, workers = 2); first <- rustle:::rs_pool_status()$server;",
    "value <- future_sapply(1:2, sqrt); cat(refused, first > 0, identical(rustle:::rs_pool_status()$server, first), value == sqrt(1:2))"
  )
  said <- system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", "-e", shQuote(code)), stdout = TRUE, stderr = FALSE)
  expect_identical(said, "FALSE TRUE TRUE TRUE TRUE")
})
