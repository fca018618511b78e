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
  expect_true(wait_for(function() !any(file.exists(file.path("/proc", pids)))))
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

test_that("the setup of the plan is made once in each worker, and again in nodes that come back", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(timeout = 60, {
    file <- file.path(scratch, "setup")
    made <- function() readLines(file)
    three <- 3
    plan(cluster, workers = 1, cores = 2, setup = {
      cat(Sys.getpid(), "\n", file = file, append = TRUE)
      cat("said\n")
      kept_by_setup <- list(pid = Sys.getpid(), three = three)
    })
    use <- function(i) { Sys.sleep(0.05); identical(get("kept_by_setup"), list(pid = Sys.getpid(), three = 3)) }
    out <- list(
      used = all(future_sapply(1:8, use)), quiet = identical(capture.output(future_sapply(1:8, use) -> again), character()),
      again = all(again), once = !anyDuplicated(made()) && length(made()) <= 4L
    )
    before <- made()
    tools::pskill(rustle:::crew$nodes[[1L]]$pid, tools::SIGKILL)
    out$back <- all(suppressMessages(future_sapply(1:8, use)))
    out$made_again <- !anyDuplicated(made()) && length(made()) > length(before)
    plan(cluster, workers = 1, setup = stop("no database"))
    out$failed <- identical(
      tryCatch(future_lapply(1:3, identity), rustle_error_setup = conditionMessage), "The `setup` of the plan failed in a worker: no database"
    )
    plan(setup = NULL)
    out$without <- identical(future_sapply(1:3, identity), 1:3)
    # A cluster of the user, with and without a setup.
    cl <- parallel::makePSOCKcluster(1)
    parallel::clusterEvalQ(cl, kept_by_user <- 5)
    plan(cluster, workers = cl, cores = 1)
    out$users <- identical(future_sapply(1:2, function(i) get("kept_by_user")), c(5, 5))
    plan(cluster, workers = cl, cores = 1, setup = { kept_by_setup <- list(pid = Sys.getpid(), three = 3) })
    out$users_setup <- all(future_sapply(1:4, use)) && !"kept_by_setup" %in% unlist(parallel::clusterEvalQ(cl, ls()))
    plan(sequential)
    parallel::stopCluster(cl)
  })
  expect_all_true(run$value)
})

# What a task finds of the session's desk.
desk_facts <- function(i) {
  list(
    directory = getwd(), digits = getOption("digits"), own = getOption("rustle.test.desk"), variable = Sys.getenv("RUSTLE_TEST_DESK"),
    libraries = .libPaths(), attached = "package:splines" %in% search(), kinds = RNGkind(), locale = Sys.getlocale("LC_COLLATE")
  )
}

test_that("tasks on nodes have the desk of the session, and a cluster of the user has its own again", {
  skip_unless_faults()
  run <- run_r(timeout = 60, before = bquote({
    desk_facts <- .(desk_facts)
    environment(desk_facts) <- globalenv()
    clean <- function(facts) { facts$libraries <- NULL; facts }
  }), {
    cl <- parallel::makePSOCKcluster(1)
    before <- parallel::clusterCall(cl, function(f) { set.seed(3); list(f(1), search(), .Random.seed, options(), Sys.getenv(), ls()) }, desk_facts)
    # Options that are new stay after a job that has loaded a package: they may be the package's.
    parallel::clusterEvalQ(cl, { loadNamespace("rustle"); loadNamespace("splines") })
    home <- file.path(scratch, "home")
    dir.create(home)
    setwd(home)
    options(digits = 4L, rustle.test.desk = list(a = 1))
    Sys.setenv(RUSTLE_TEST_DESK = "here")
    .libPaths(c(scratch, .libPaths()))
    library(splines)
    RNGkind("Marsaglia-Multicarry")
    wild <- function(i) { setwd(tempdir()); options(digits = 9L); Sys.setenv(RUSTLE_TEST_DESK = "task"); RNGkind("Wichmann-Hill"); i }
    out <- list()
    for (forks in c(TRUE, FALSE)) {
      if (!forks) parallel::clusterEvalQ(cl, { Sys.setenv(R_PARALLELLY_FORK_ENABLE = "false"); options(parallelly.fork.enable = FALSE) })
      for (workers in list(2, cl)) {
        plan(cluster, workers = workers, cores = 1)
        name <- paste(class(workers)[[1L]], forks)
        here <- clean(desk_facts(1))
        found <- future_lapply(1:4, desk_facts)
        out[[paste("same", name)]] <- all(vapply(found, function(f) identical(clean(f), here), NA))
        out[[paste("library", name)]] <- scratch %in% normalizePath(found[[1L]]$libraries)
        future_lapply(1:4, wild)
        out[[paste("clean", name)]] <- identical(clean(future_lapply(1:2, desk_facts)[[2L]]), here)
        options(digits = getOption("digits") + 1L)
        out[[paste("changed", name)]] <- identical(future_sapply(1:2, function(i) getOption("digits")), rep(getOption("digits"), 2))
      }
    }
    after <- parallel::clusterCall(cl, function(f) list(f(1), search(), .Random.seed, options(), Sys.getenv(), ls()), desk_facts)
    out$facts <- identical(after[[1L]][[1L]], before[[1L]][[1L]])
    out$search <- identical(after[[1L]][[2L]], before[[1L]][[2L]])
    out$state <- identical(after[[1L]][[3L]], before[[1L]][[3L]])
    out$no_globals <- identical(after[[1L]][[6L]], before[[1L]][[6L]])
    plan(sequential)
    parallel::stopCluster(cl)
  })
  expect_all_true(run$value)
})

test_that("what a node cannot lay as on the desk of the session is told once", {
  node <- list2env(list(id = 2L, host = paste0("far", sample.int(1e6, 1L))), envir = new.env())
  expect_message(tell_desk(node, "no such directory"), "Node 2 [(]far[0-9]+[)]: no such directory")
  expect_no_message(tell_desk(node, "no such directory"))
  node <- list2env(list(
    id = 1L, host = "far", version = as.character(getRversion()), package = as.character(utils::packageVersion("rustle")),
    versions = c(stats = paste0("0.0.", sample.int(1e6, 1L)), utils = NA)
  ), envir = new.env())
  expect_message(tell_differences(list(node)), "has other packages than this session: stats 0[.]0.* [(]here .*[)], utils is missing")
  expect_no_message(tell_differences(list(node)))
})

test_that("scalars come from nodes as they are: their types, attributes and NULL, in every mixture", {
  skip_on_cran()
  local_plan("cluster", workers = 2)
  values <- list(
    function(i) i, function(i) i / 2, function(i) i > 3, function(i) NULL, function(i) NA, function(i) c(a = i),
    function(i) if (i %% 2) i else i / 2, function(i) if (i %% 2) i else TRUE, function(i) if (i %% 2) NULL else i,
    function(i) factor("a"), function(i) as.Date("2026-01-01") + i, function(i) c(i, i), function(i) letters[[i]],
    function(i) structure(i, mine = "x"), function(i) complex(real = i, imaginary = 1), function(i) NaN
  )
  for (f in values) {
    expect_identical(future_lapply(1:9, f), lapply(1:9, f))
    expect_identical(future_sapply(c(a = 1, b = 2), f), sapply(c(a = 1, b = 2), f))
  }
})

test_that("the plan of a node's chunks is made again when its settings change, and not before", {
  skip_on_cran()
  local_plan("cluster", workers = 1)
  seen <- function() future_lapply(1, function(i) getNamespace("rustle")$current_plan()$settings$worker_threads)[[1L]]
  of_node <- function() in_node(function() getNamespace("rustle")$kept$plan$plan)
  in_node <- function(fun) {
    tag <- ask_node(crew$nodes[[1L]], fun)
    answer_of(crew$nodes[[1L]], tag)
  }
  future_lapply(1, identity)
  before <- of_node()
  expect_identical(before$settings$timeout, Inf)
  future_lapply(2, sqrt)
  expect_identical(of_node(), before)
  plan(timeout = 50, retries = 1)
  future_lapply(1, identity)
  expect_identical(of_node()$settings$timeout, 50)
  expect_identical(of_node()$settings$retries, 1L)
  expect_identical(of_node()$workers, before$workers)
})

test_that("the sockets of a cluster are found by their port, and nothing else is taken for one", {
  skip_on_cran()
  skip_unless_linux()
  cl <- test_cluster()
  sockets <- sockets_of(cl[[1L]])
  expect_identical(sort(sockets), sort(sockets_of(cl[[2L]])))
  expect_length(sockets, length(cl))
  links <- Sys.readlink(file.path("/proc/self/fd", sockets))
  expect_match(links, "^socket:")
  expect_identical(sockets_of(list(con = NULL)), integer())
  expect_identical(rs_sockets_at(-1L), integer())
  expect_identical(rs_sockets_at(70000L), integer())
  # What is closed, or no socket, is left alone.
  expect_null(rs_acknowledge(c(0L, -1L, 100000L, sockets)))
  expect_identical(unlist(parLapply(cl, 1:3000, identity)), 1:3000)
})
