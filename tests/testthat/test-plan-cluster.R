# cluster, which is future's strategy and survival's term.

test_that("`cluster` is future's strategy, with its arguments, class and attributes", {
  expect_identical(formals(cluster), formals(future::cluster))
  attributes_of <- function(f) attributes(f)[setdiff(names(attributes(f)), "srcref")]
  expect_identical(attributes_of(cluster), attributes_of(future::cluster))
  local_plan(cluster, workers = 1L)
  pid <- value(future(Sys.getpid()))
  expect_false(identical(pid, Sys.getpid()))
  expect_identical(future_lapply(1:3, function(i) i + 1), lapply(1:3, function(i) i + 1))
  local_plan(tweak(cluster, workers = 1L))
  expect_identical(value(future(1 + 1)), 2)
  local_plan(list(tweak(cluster, workers = 1L), sequential))
  expect_identical(value(future(1 + 1)), 2)
})

test_that("`cluster` in formulas of survival does what survival's does, whichever is attached last", {
  skip_if_not_installed("survival")
  with_cluster_of <- function(package, f) {
    home <- new.env(parent = asNamespace("survival"))
    home$cluster <- getExportedValue(package, "cluster")
    environment(f) <- home
    f
  }
  lung <- survival::lung
  f <- Surv(time, status) ~ sex + cluster(inst)
  for (fit in list(survival::survfit, survival::coxph, survival::survreg)) {
    ours <- fit(with_cluster_of("rustle", f), data = lung)
    original <- fit(with_cluster_of("survival", f), data = lung)
    ours$call <- original$call <- ours$terms <- original$terms <- ours$formula <- original$formula <- NULL
    expect_equal(ours, original)
  }
  frame <- stats::model.frame(with_cluster_of("rustle", ~ cluster(inst)), lung)
  expect_identical(as.vector(frame[[1L]]), as.vector(na.omit(lung$inst)))
})

# What every kind of cluster object must give.
expect_cluster_works <- function(cl) {
  draw <- function(i) c(i, stats::runif(1))
  fail <- function(i) if (i > 3L) stop(errorCondition("four", class = "own_error")) else i
  expected <- with_plan("sequential", future_lapply(1:8, draw, future.seed = 3))
  with_plan("cluster", workers = cl, cores = 1, {
    expect_identical(future_lapply(1:8, draw, future.seed = 3), expected)
    three <- 3
    expect_identical(future_sapply(1:8, function(i) i * three), 1:8 * 3)
    e <- expect_error(future_lapply(1:8, fail), class = "own_error")
    expect_identical(e$task, 4L)
    expect_identical(future_sapply(1:3, identity), 1:3)
  })
  expect_identical(parLapply(cl, 1:5, sqrt), lapply(1:5, sqrt))
}

test_that("clusters of sockets, made by parallel and by parallelly, are used", {
  skip_without_fork()
  expect_cluster_works(test_cluster())
  rich <- parallelly::makeClusterPSOCK(2L, rscript_libs = .libPaths())
  withr::defer(parallel::stopCluster(rich))
  expect_s3_class(rich, "RichSOCKcluster")
  expect_cluster_works(rich)
})

# An object with the methods of a cluster of mirai, on sockets: its answers have no type, one at a
# time is kept for a node, and whoever is free takes what was sent to a node.
local_line <- function(n, .local_envir = parent.frame()) {
  cl <- parallel::makePSOCKcluster(n)
  withr::defer(parallel::stopCluster(cl), .local_envir)
  turn <- 0L
  send <- function(node, data) {
    turn <<- turn %% n + 1L
    at <- cl[[turn]]
    serialize(list(type = "EXEC", data = data$data), at$con)
    node$answer <- function() unserialize(at$con)
    node$con_of <- at$con
  }
  receive <- function(node) list(value = node$answer()$value)
  any <- function(cl) {
    open <- Filter(function(k) !is.null(cl[[k]]$con_of), seq_along(cl))
    ready <- socketSelect(lapply(open, function(k) cl[[k]]$con_of), FALSE, NULL)
    k <- open[ready][[1L]]
    value <- receive(cl[[k]])
    cl[[k]]$con_of <- NULL
    list(node = k, value = value)
  }
  generics <- list(sendData.miraiNode = send, recvData.miraiNode = receive, recvOneData.miraiCluster = any)
  registered <- parallel:::.__S3MethodsTable__.
  old <- mget(names(generics), registered, ifnotfound = list(NULL))
  withr::defer(
    for (name in names(old)) if (is.null(old[[name]])) rm(list = name, envir = registered) else assign(name, old[[name]], registered), .local_envir
  )
  list2env(generics, registered)
  structure(lapply(seq_len(n), function(k) structure(new.env(), class = "miraiNode")), class = c("miraiCluster", "cluster"))
}

test_that("a cluster like mirai's, whose nodes keep nothing, is used", {
  skip_without_fork()
  cl <- local_line(2L)
  suppressMessages(expect_cluster_works(cl))
})

test_that("a cluster of mirai is used", {
  skip_if_not_installed("mirai")
  cl <- getExportedValue("mirai", "make_cluster")(2L)
  withr::defer(parallel::stopCluster(cl))
  suppressMessages(expect_cluster_works(cl))
})

test_that("a cluster of MPI with two workers is used", {
  skip_unless_faults()
  skip_if_not(nzchar(Sys.which("mpirun")), "needs mpirun")
  start <- system.file("RMPISNOW", package = "snow")
  skip_if_not(nzchar(start) && nzchar(system.file(package = "Rmpi")), "needs snow and Rmpi")
  script <- withr::local_tempfile(lines = c(
    sprintf(".libPaths(%s)", paste(deparse(.libPaths()), collapse = "")), "library(rustle)", "cl <- snow::makeMPIcluster()",
    "draw <- function(i) c(i, runif(1))",
    "plan(cluster, workers = cl, cores = 1)",
    "out <- list(class = inherits(cl, 'MPIcluster'), two = length(cl) == 2L)",
    "got <- future_lapply(1:6, draw, future.seed = 3)",
    "out$error <- tryCatch(future_lapply(1:6, function(i) if (i > 3) stop('four')), error = function(e) identical(e$task, 4L))",
    "out$again <- identical(future_sapply(1:4, function(i) i + 1), 1:4 + 1)",
    "out$parallel <- identical(parLapply(cl, 1:5, sqrt), lapply(1:5, sqrt))",
    "plan(sequential)",
    "out$draws <- identical(got, future_lapply(1:6, draw, future.seed = 3))",
    "saveRDS(out, answer)", "snow::stopCluster(cl)"
  ))
  answer <- withr::local_tempfile()
  writeLines(c(sprintf("answer <- %s", deparse(answer)), readLines(script)), script)
  withr::local_envvar(
    OMPI_ALLOW_RUN_AS_ROOT = "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM = "1", OMPI_MCA_rmaps_base_oversubscribe = "1",
    OMPI_MCA_btl_vader_single_copy_mechanism = "none", OMPI_MCA_mpi_yield_when_idle = "1", OMPI_MCA_hwloc_base_binding_policy = "none",
    OMPI_MCA_btl_tcp_if_include = "lo", OMPI_MCA_oob_tcp_if_include = "lo", R_TESTS = "", R_LIBS = paste(.libPaths(), collapse = ":")
  )
  # Ranks of this version spin: two workers, few messages. Where MPI cannot start here, it says so.
  output <- suppressWarnings(system2("timeout", c("-s", "KILL", "90", "mpirun", "--oversubscribe", "-n", "3", start, "--no-save", "-q", "-f", script), stdout = TRUE, stderr = TRUE))
  skip_if(any(grepl("MPI_Init|libmpi", output)), "MPI does not start here")
  if (!file.exists(answer)) fail(paste(output, collapse = "\n"))
  expect_all_true(readRDS(answer))
})
