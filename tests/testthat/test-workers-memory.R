test_that("a worker that has grown beyond the limit of the plan is replaced", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(timeout = 60, {
    plan(multisession, workers = 1L, memory_limit = 50e6, compiled = "never")
    pid <- function() worker_status()$pid
    invisible(future_lapply(1:2, identity))
    first <- pid()
    # What R can give back does not count.
    sums <- future_sapply(1:2, function(i) sum(numeric(2e7)))
    invisible(future_lapply(1:2, identity))
    second <- pid()
    leak <- function(i) {
      options <- getOption("leak")
      env <- asNamespace("utils")
      registerS3method("print", "leak_of_a_test", local({ x <- numeric(2e7) + i; function(x, ...) x }), envir = env)
      length(options)
    }
    lengths <- future_sapply(1:2, leak)
    invisible(future_lapply(1:2, identity))
    third <- pid()
    out <- list(
      kept = identical(first, second), sums = identical(sums, c(0, 0)), lengths = identical(lengths, c(0L, 0L)),
      replaced = !identical(second, third), losses = identical(worker_status()$losses, 0L)
    )
  })
  expect_all_true(run$value)
})

test_that("limits of control groups are read, of both versions", {
  root <- withr::local_tempdir()
  own <- file.path(root, "own")
  write <- function(text, ...) {
    file <- file.path(root, ...)
    dir.create(dirname(file), recursive = TRUE, showWarnings = FALSE)
    writeLines(text, file)
  }
  read <- function() read_memory_limit(root, own)
  expect_identical(read(), Inf)
  writeLines("0::/a/b", own)
  expect_identical(read(), Inf)
  write("max", "a/b/memory.max")
  write("2000000", "a/memory.max")
  write("max", "memory.max")
  expect_identical(read(), 2e6)
  writeLines(c("3:cpu,cpuacct:/x", "2:memory:/y", "0::/"), own)
  write("9223372036854771712", "memory/memory.limit_in_bytes")
  expect_identical(read(), Inf)
  write("1000000", "memory/y/memory.limit_in_bytes")
  expect_identical(read(), 1e6)
})
