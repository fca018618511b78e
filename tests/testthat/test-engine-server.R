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

test_that("what is read beforehand is there", {
  expect_true(all(vapply(order_functions, exists, NA, envir = asNamespace("rustle"), inherits = FALSE)))
})
