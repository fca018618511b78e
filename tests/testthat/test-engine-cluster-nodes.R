# Nodes: how they are started, what they say of themselves, and when they end.

test_that("the nodes of a plan live until it changes", {
  skip_on_cran()
  old <- plan("cluster", workers = 2)
  withr::defer(plan(old))
  expect_null(crew$nodes)
  future_lapply(1:2, identity)
  pids <- vapply(crew$nodes, `[[`, 1L, "pid")
  future_lapply(1:2, identity)
  plan(schedule = "dynamic")
  future_lapply(1:2, identity)
  expect_identical(vapply(crew$nodes, `[[`, 1L, "pid"), pids)
  plan("sequential")
  expect_null(crew$nodes)
  skip_unless_linux()
  for (k in 1:50) if (any(file.exists(file.path("/proc", pids)))) Sys.sleep(0.1)
  expect_false(any(file.exists(file.path("/proc", pids))))
})

test_that("a cluster of the user is used, not ended, and shared by its cores", {
  skip_without_fork()
  cl <- test_cluster()
  nodes <- unlist(parallel::clusterCall(cl, Sys.getpid))
  with_plan("cluster", workers = cl, cores = 1, {
    expect_identical(future_sapply(1:9, identity), 1:9)
    expect_identical(vapply(crew$nodes, `[[`, 1L, "pid"), nodes)
    expect_identical(nbrOfWorkers(), 2L)
  })
  expect_identical(unlist(parallel::clusterCall(cl, Sys.getpid)), nodes)
})

test_that("host names that are repeated say how many cores a node has", {
  wanted <- list(workers = c("localhost", "localhost", "localhost"), cores = NULL, options = list())
  starts <- function(hosts, options, call) lapply(hosts, function(host) list(host = host))
  nodes <- open_nodes(wanted, 0L, NULL, starts)
  expect_length(nodes, 1L)
  expect_identical(nodes[[1L]]$limit, 3L)
  nodes <- open_nodes(list(workers = c("a", "b"), cores = NULL, options = list()), 2L, NULL, starts)
  expect_identical(vapply(nodes, `[[`, 1L, "id"), 3:4)
  expect_null(nodes[[1L]]$limit)
  nodes <- open_nodes(list(workers = c("a", "b"), cores = 4L, options = list()), 0L, NULL, starts)
  expect_identical(nodes[[2L]]$limit, 4L)
})

test_that("nodes can be added to a cluster plan only", {
  skip_on_cran()
  expect_argument_error(add_workers(1), "workers")
  expect_argument_error(add_workers(), "workers")
  local_plan("cluster", workers = 1)
  expect_argument_error(add_workers(0), "workers")
  expect_argument_error(add_workers(1, cores = 0), "cores")
  expect_identical(add_workers(1), 2L)
  expect_identical(nbrOfWorkers(), 2L)
  expect_identical(future_sapply(1:2, identity), 1:2)
  expect_length(crew$nodes, 2L)
})

test_that("a host whose R does not start is an error of ours within seconds", {
  skip_on_cran()
  withr::local_options(rustle.connect.timeout = 2)
  local_plan("cluster", workers = 1, rscript = "/no/such/Rscript")
  error <- expect_error(future_lapply(1:2, identity), class = "rustle_error_no_node")
  expect_s3_class(error, "rustle_error")
  expect_match(conditionMessage(error), "localhost")
})

test_that("settings of nodes are checked", {
  expect_argument_error(plan("cluster", workers = 1, cores = 0), "cores")
  expect_argument_error(plan("cluster", workers = 1, heartbeat = -1), "heartbeat")
})

test_that("versions that differ are told once", {
  node <- function(version, package) {
    list2env(list(id = 1L, host = "far", version = version, package = package), envir = new.env())
  }
  here <- as.character(utils::packageVersion("rustle"))
  strange <- paste0("0.0.", sample.int(1e6, 1L))
  expect_message(tell_differences(list(node(strange, here))), "has R 0[.]0")
  expect_no_message(tell_differences(list(node(strange, here))))
  expect_message(tell_differences(list(node(as.character(getRversion()), strange))), "has rustle 0[.]0")
})

test_that("nodes without rustle run on base R, with the same values, errors and streams", {
  skip_unless_faults()
  run <- run_r(timeout = 60, {
    expected <- with_plan(sequential, future_lapply(1:10, function(i) c(i, runif(1)), future.seed = 2))
    elsewhere <- Sys.getenv("R_LIBS")
    Sys.setenv(R_LIBS = "", R_LIBS_USER = tempdir())
    cl <- parallel::makePSOCKcluster(1)
    out <- list()
    if (is.na(suppressWarnings(parallel::clusterCall(cl, function() tryCatch(as.character(packageVersion("rustle")), error = function(e) NA))[[1L]]))) {
      said <- character()
      withCallingHandlers(plan(cluster, workers = cl, cores = 2), message = function(m) said <<- conditionMessage(m))
      k <- 3
      tell <- function(expr) withCallingHandlers(expr, message = function(m) { said <<- c(said, conditionMessage(m)); invokeRestart("muffleMessage") })
      out$values <- identical(tell(future_lapply(1:10, function(i) c(i, runif(1)), future.seed = 2)), expected)
      out$told <- any(grepl("has no package rustle", said))
      out$globals <- identical(future_sapply(1:4, function(i) i * k), 1:4 * k)
      out$output <- identical(capture.output(future_lapply(1:3, function(i) cat(i, "\n")) -> no), paste(1:3, ""))
      said <- character()
      tell(future_lapply(1:3, function(i) message("m", i)))
      out$messages <- identical(trimws(said), paste0("m", 1:3))
      out$error <- identical(tryCatch(future_lapply(1:9, function(i) if (i > 4) stop("bad")), error = function(e) e$task), 5L)
      out$typed <- identical(future_vapply(1:9, sqrt, 0), sqrt(1:9))
      out$needs <- inherits(tryCatch(bootstrap(mtcars, function(d, i) mean(d$mpg[i]), R = 20, seed = 1), error = identity), "rustle_error_package")
    } else {
      out$there <- "skipped"
    }
  })
  skip_if(identical(run$value$there, "skipped"), "rustle is in a library that every R session has")
  expect_all_true(run$value)
})
