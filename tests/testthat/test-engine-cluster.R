# Jobs on nodes. That values, errors, streams and relays are right is for test-conformance.R.

# In scripts: what kills a node.
node_faults <- joined(node_watch, quote({
  # A task runs in a copy of a process that the node has started.
  node_of_task <- function() {
    pid <- "self"
    repeat {
      pid <- strsplit(sub("^.*\\) ", "", readLines(file.path("/proc", pid, "stat"))), " ")[[1L]][[2L]]
      if (grepl("workRSOCK", command_of(pid))) break
    }
    as.integer(pid)
  }
  command_of <- function(pid) {
    bytes <- readBin(file.path("/proc", pid, "cmdline"), "raw", 1e5)
    rawToChar(bytes[bytes != 0L])
  }
  end_node <- function(signal = 9L) {
    tools::pskill(node_of_task(), signal)
    Sys.sleep(20)
  }
  node_pids <- function() unlist(lapply(rustle:::crew$nodes, `[[`, "pid"))
}))

test_that("a node that is killed loses nothing: the same numbers, told once, and the next call has it again", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(timeout = 60, before = node_faults, {
    plan(cluster, workers = 2)
    got <- watched(future_lapply(1:30, function(i) {
      Sys.sleep(0.02)
      if (i == 12L && first_time("killed")) end_node()
      draw(i)
    }, future.seed = 1))
    out <- list(
      same = identical(got, expected_draws(30)), once = length(told) == 1L,
      why = identical(told[[1L]]$reason, "its connection has ended"), tasks = told[[1L]]$tasks >= 1L
    )
    plan(cluster, workers = 2)
    future_lapply(1:2, identity)
    before <- node_pids()
    try(watched(future_lapply(1:4, function(i) if (i == 1L && first_time("again")) end_node())), silent = TRUE)
    out$works <- identical(watched(future_lapply(1:9, sqrt)), lapply(1:9, sqrt))
    out$back <- length(node_pids()) == 2L && all(alive(node_pids(), 0)) && !identical(before, node_pids())
    plan(sequential)
    out$none_left <- none_left()
  })
  expect_all_true(run$value)
})

test_that("a node that says nothing any more is given up after `heartbeat` seconds", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(timeout = 60, before = node_faults, {
    plan(cluster, workers = 2, heartbeat = 1)
    future_lapply(1:2, identity)
    begun <- proc.time()[["elapsed"]]
    got <- watched(future_lapply(1:30, function(i) {
      Sys.sleep(0.02)
      if (i == 12L && first_time("frozen")) end_node(19L)
      draw(i)
    }, future.seed = 1))
    out <- list(
      same = identical(got, expected_draws(30)), once = length(told) == 1L,
      why = grepl("nothing was heard of it", told[[1L]]$reason),
      # A task that takes longer than that is no silence.
      slow = identical(future_lapply(1:2, function(i) { Sys.sleep(2.5); i }), list(1L, 2L)), still = length(told) == 1L
    )
    plan(sequential)
    out$none_left <- none_left()
  })
  expect_all_true(run$value)
})

test_that("a task that ends its nodes is an error that names it, with what arrived", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(timeout = 60, before = node_faults, {
    plan(cluster, workers = 2)
    fault <- function(i) { if (i == 12L) end_node(); i }
    error <- tryCatch(watched(future_lapply(1:30, fault)), error = identity)
    out <- list(
      class = inherits(error, "rustle_error_worker_lost"), task = identical(as.integer(error$tasks), 12L),
      twice = length(told) == 2L, values = identical(error$values[[1L]], 1L) && is.null(error$values[[12L]])
    )
    plan(cluster, workers = 2, retries = 0)
    told <- list()
    error <- tryCatch(watched(future_lapply(1:30, fault)), error = identity)
    out$never_again <- inherits(error, "rustle_error_worker_lost") && 12L %in% error$tasks && length(told) == 1L
    out$next_call <- identical(watched(future_lapply(1:4, identity)), as.list(1:4))
    plan(sequential)
    out$none_left <- none_left()
  })
  expect_all_true(run$value)
})

test_that("an interrupt leaves the same nodes usable, and the end of the session ends them", {
  skip_unless_faults()
  skip_unless_linux()
  run <- run_r(timeout = 60, before = node_faults, {
    plan(cluster, workers = 2)
    future_lapply(1:2, identity)
    before <- node_pids()
    out <- list()
    for (k in 1:3) {
      interrupt_later(0.3)
      begun <- proc.time()[["elapsed"]]
      got <- tryCatch(future_lapply(1:40, function(i) Sys.sleep(60)), interrupt = function(c) "interrupted")
      out[[paste("prompt", k)]] <- identical(got, "interrupted") && proc.time()[["elapsed"]] - begun < 50
      out[[paste("next", k)]] <- identical(future_lapply(1:9, identity), as.list(1:9))
    }
    out$same_nodes <- identical(node_pids(), before)
    writeLines(as.character(before), file.path(dirname(answer_file), "pids-of-nodes"))
  })
  expect_all_true(run$value)
  pids <- readLines(file.path(tempdir(), "pids-of-nodes"))
  expect_true(wait_for(function() !any(file.exists(file.path("/proc", pids)))))
})

test_that("an error or a handler that ends the call leaves the nodes usable", {
  skip_on_cran()
  skip_without_fork()
  local_plan("cluster", workers = 2)
  pids <- function() sort(unique(unlist(lapply(crew$nodes, `[[`, "pid"))))
  future_lapply(1:2, identity)
  before <- pids()
  expect_error(future_lapply(1:40, function(i) { Sys.sleep(0.05); if (i == 2L) stop("two") }), "two")
  expect_identical(future_sapply(1:5, identity), 1:5)
  got <- tryCatch(future_lapply(1:40, function(i) { warning("w", i); Sys.sleep(0.01) }), warning = conditionMessage)
  expect_identical(got, "w1")
  expect_identical(future_sapply(1:5, identity), 1:5)
  expect_identical(pids(), before)
})

test_that("an error in the first chunk that a node ever runs is the error of the task", {
  skip_on_cran()
  skip_without_fork()
  # No other test may have used these nodes.
  local_plan("cluster", workers = 2, heartbeat = 29)
  own <- function(i) if (i == 3L) stop(errorCondition("three", class = "own", data = i)) else Sys.sleep(0.01)
  e <- tryCatch(future_lapply(1:40, own), error = identity)
  expect_s3_class(e, "own")
  expect_identical(e[c("message", "data", "task")], list(message = "three", data = 3L, task = 3L))
})

test_that("what all tasks need goes to a node once for each content", {
  skip_on_cran()
  skip_without_fork()
  local_plan("cluster", workers = 1)
  home <- list2env(list(big = as.numeric(1:1e5)), envir = new.env(parent = globalenv()))
  use <- function(i) sum(big) + i
  environment(use) <- home
  run <- function() future_sapply(1:20, use)
  expected <- sum(home$big) + 1:20
  expect_identical(run(), expected)
  keys <- crew$nodes[[1L]]$has
  expect_identical(run(), expected)
  expect_identical(crew$nodes[[1L]]$has, keys)
  home$big[[1L]] <- 0
  expect_identical(run(), expected - 1)
  expect_length(crew$nodes[[1L]]$has, length(keys) + 1L)
  # More than a node keeps: what it has thrown away is sent again.
  for (k in 1:10) local({
    k <- k
    expect_identical(future_sapply(1:3, function(i) i * k), 1:3 * k)
  })
  expect_identical(run(), expected - 1)
})

test_that("a node runs as many workers as it has cores for us", {
  skip_on_cran()
  skip_without_fork()
  local_plan("cluster", workers = 1, cores = 2)
  pids <- unlist(future_lapply(1:2, meeting(2L)))
  expect_length(unique(pids), 2L)
  expect_identical(nbrOfWorkers(), 2L)
})

test_that("tasks have timings, and the progress of nodes is shown", {
  skip_on_cran()
  skip_without_fork()
  withr::local_options(rustle.timings = TRUE, rustle.progress.seconds = 0.02, rustle.progress.after = 0)
  local_plan("cluster", workers = 2, progress = TRUE)
  shown <- character()
  withCallingHandlers(
    future_lapply(1:20, function(i) Sys.sleep(0.02)),
    message = function(m) { shown <<- c(shown, conditionMessage(m)); invokeRestart("muffleMessage") }
  )
  expect_match(shown, "20 tasks", all = TRUE)
  timings <- job_timings()
  expect_identical(sort(timings$task), 1:20)
  expect_true(all(timings$worker %in% 1:2))
  expect_true(all(timings$end - timings$start > 0.015))
  # Nodes tell of their workers, with the numbers of the call.
  shown <- character()
  withr::local_options(rustle.progress.seconds = 0.2)
  withCallingHandlers(
    future_lapply(1:8, function(i) Sys.sleep(if (i == 5) 3.5 else 0.01)),
    message = function(m) { shown <<- c(shown, conditionMessage(m)); invokeRestart("muffleMessage") }
  )
  expect_match(shown, "[0-9] MB, task 5 since [0-9]+ s", all = FALSE)
})

test_that("packages that a node does not have are an error before tasks run", {
  skip_on_cran()
  skip_without_fork()
  local_plan("cluster", workers = 1)
  expect_error(future_lapply(1:3, identity, future.packages = "rustleNoSuchPackage"), "rustleNoSuchPackage")
  expect_identical(future_sapply(1:3, identity), 1:3)
})

test_that("every family runs on nodes", {
  skip_on_cran()
  skip_without_fork()
  expected <- list(
    boot = with_plan("sequential", { set.seed(1); boot(mtcars$mpg, function(x, i) mean(x[i]), R = 50)$t }),
    bootstrap = with_plan("sequential", bootstrap(mtcars, function(d, i) mean(d$mpg[i]), R = 50, seed = 1)$t),
    tapply = tapply(mtcars$mpg, mtcars$cyl, mean)
  )
  local_plan("cluster", workers = 2)
  expect_identical({ set.seed(1); boot(mtcars$mpg, function(x, i) mean(x[i]), R = 50)$t }, expected$boot)
  expect_identical(bootstrap(mtcars, function(d, i) mean(d$mpg[i]), R = 50, seed = 1)$t, expected$bootstrap)
  expect_identical(future_tapply(mtcars$mpg, mtcars$cyl, mean), expected$tapply)
  expect_identical(future_vapply(1:100, sqrt, 0), sqrt(1:100))
  expect_identical(parLapply(NULL, 1:9, sqrt), lapply(1:9, sqrt))
  expect_identical(future_apply(matrix(1:6, 2), 2, sum), c(3L, 7L, 11L))
  skip_if_not_installed("foreach")
  `%dopar%` <- foreach::`%dopar%`
  registerDoRustle()
  expect_identical(foreach::foreach(i = 1:4) %dopar% i^2, lapply(1:4, function(i) i^2))
})

test_that("the queue runs suspects alone, and gives up what was lost too often", {
  queue <- new_queue(1:10, 2L)
  expect_identical(queue$take(4), 1:4)
  expect_identical(queue$take_back(2:3), integer())
  expect_identical(queue$left(), 8L)
  expect_identical(queue$take(5), 2:3)
  expect_identical(queue$take_back(2:3), integer())
  expect_true(queue$has_suspects())
  expect_identical(c(queue$take_suspect()), 2L)
  expect_identical(queue$take_back(2L), 2L)
  queue$drop_after(7L)
  expect_identical(queue$left(), 2L)
  expect_true(queue$has_suspects())
})

# A node in a network of its own, whose cable can be pulled. Needs root and the program ip.
cable <- function() {
  skip_on_cran()
  skip_if_not(identical(unname(Sys.info()[["user"]]), "root") && nzchar(Sys.which("ip")), "needs root and ip")
  name <- sprintf("rs%d", Sys.getpid() %% 100000L)
  ip <- function(...) identical(suppressWarnings(system2("ip", c(...), stdout = FALSE, stderr = FALSE)), 0L)
  withr::defer_parent({ ip("netns", "del", name); ip("link", "del", paste0("v", name)) })
  able <- ip("netns", "add", name) &&
    ip("link", "add", paste0("v", name), "type", "veth", "peer", "name", "eth0", "netns", name) &&
    ip("addr", "add", "10.79.13.1/24", "dev", paste0("v", name)) && ip("link", "set", paste0("v", name), "up") &&
    ip("-n", name, "addr", "add", "10.79.13.11/24", "dev", "eth0") && ip("-n", name, "link", "set", "eth0", "up")
  skip_if_not(able, "no network namespaces here")
  rsh <- withr::local_tempfile(
    lines = c("#!/bin/sh", "shift", sprintf("exec ip netns exec %s sh -c \"$*\" </dev/null", name)), .local_envir = parent.frame()
  )
  Sys.chmod(rsh, "755")
  list(link = paste0("v", name), rsh = rsh)
}

test_that("a link that is cut without a sign loses nothing, and a host that is not there is an error in seconds", {
  skip_unless_faults()
  cable <- cable()
  set_plan <- bquote({
    set_plan <- function(hosts) plan(
      cluster, workers = hosts, cores = 1, heartbeat = 2, rshcmd = .(cable$rsh), rshopts = character(), revtunnel = FALSE,
      master = "10.79.13.1", homogeneous = TRUE, rscript_libs = .libPaths()
    )
    pull <- sprintf("ip link set %s down", .(cable$link))
  })
  run <- run_r(timeout = 60, before = joined(node_faults, set_plan), {
    set_plan(c("10.79.13.11", "localhost"))
    future_lapply(1:2, identity)
    # The cable is pulled while task 20 runs, and there is work for both after that.
    begun <- file.path(scratch, "begun")
    cut <- file.path(scratch, "cut")
    system(sprintf("(while [ -d %s ] && [ ! -e %s ]; do sleep 0.05; done; %s; touch %s) >/dev/null 2>&1 &", scratch, begun, pull, cut))
    got <- watched(future_lapply(1:60, function(i) {
      if (i == 20L) { file.create(begun); wait_until(function() file.exists(cut)) }
      Sys.sleep(if (i > 20L) 0.06 else 0.03)
      draw(i)
    }, future.seed = 1))
    out <- list(
      same = identical(got, expected_draws(60)), once = length(told) == 1L, why = grepl("nothing was heard", told[[1L]]$reason)
    )
    options(rustle.connect.timeout = 3)
    set_plan("10.79.13.11")
    begun <- proc.time()[["elapsed"]]
    error <- tryCatch(future_lapply(1:2, identity), error = identity)
    out$error <- inherits(error, "rustle_error_no_node")
    # Connections of the system itself would be given up after minutes.
    out$seconds <- proc.time()[["elapsed"]] - begun < 60
  })
  expect_all_true(run$value)
})
