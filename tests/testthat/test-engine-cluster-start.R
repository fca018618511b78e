# How nodes are started: on hosts by ssh, in an allocation of Slurm by srun.

# A throw-away cluster of tools/cluster-up until the test is over: its directory, and what its
# file `env` sets.
local_cluster_up <- function(kind, nodes, .local_envir = parent.frame()) {
  skip_unless_faults()
  skip_unless_linux()
  tool <- test_path("..", "..", "tools", c("cluster-up", "cluster-down"))
  skip_if_not(all(file.exists(tool)), "needs tools/cluster-up of the sources")
  tool <- normalizePath(tool)
  dir <- withr::local_tempdir(.local_envir = .local_envir)
  status <- system2(tool[[1L]], c(kind, dir, nodes), stdout = FALSE, stderr = FALSE)
  skip_if(status == 77L, sprintf("tools/cluster-up %s lacks something here", kind))
  withr::defer(system2(tool[[2L]], dir, stdout = FALSE, stderr = FALSE), .local_envir)
  expect_identical(status, 0L)
  list(dir = dir, env = function(name) system2("sh", c("-c", shQuote(sprintf(". %s/env; echo $%s", dir, name))), stdout = TRUE))
}

# Hosts of ssh in network namespaces: list(names, config, dir).
local_ssh_hosts <- function(nodes = 2L, .local_envir = parent.frame()) {
  up <- local_cluster_up("ssh", nodes, .local_envir)
  list(names = strsplit(up$env("SSH_HOSTS"), " ")[[1L]], config = file.path(up$dir, "ssh_config"), dir = up$dir)
}

# In scripts: the plan on these hosts, and which processes of nodes there are.
on_ssh_hosts <- function(hosts) {
  joined(node_watch, bquote({
    hosts <- .(hosts$names)
    set_plan <- function(..., workers = hosts, more = character()) plan(
      cluster, workers = workers, cores = 1, heartbeat = 2, rshopts = c("-F", .(hosts$config), more), homogeneous = TRUE,
      rscript_libs = .libPaths(), ...
    )
    # Processes in the network of a host, its sshd left out.
    there <- function(host) {
      pids <- system2("ip", c("netns", "pids", host), stdout = TRUE)
      names <- vapply(pids, function(pid) tryCatch(readLines(file.path("/proc", pid, "comm")), error = function(e) "", warning = function(w) ""), "")
      pids[names == "R"]
    }
    cut <- function(host, how) system2("ip", c("link", "set", sub("^rs", "rsv", host), how))
    clients <- function() length(suppressWarnings(system2("pgrep", c("-f", shQuote(paste0("[s]sh .*-F ", .(hosts$config)))), stdout = TRUE)))
    # While task 20 of a call runs, `strike` (a line of shell) is done, and there is work after that.
    strike <- function(line) {
      unlink(file.path(scratch, c("begun", "struck")))
      system(sprintf(
        "(while [ -d %1$s ] && [ ! -e %1$s/begun ]; do sleep 0.05; done; %2$s; touch %1$s/struck; %3$s) >/dev/null 2>&1 &", scratch, line[[1L]], c(line, ":")[[2L]]
      ))
    }
    slowly <- function(i) {
      if (i == 20L) { file.create(file.path(scratch, "begun")); wait_until(function() file.exists(file.path(scratch, "struck"))) }
      Sys.sleep(if (i > 20L) 0.06 else 0.03)
      draw(i)
    }
  }))
}

test_that("nodes of ssh: a healthy run, an error, one that is frozen and killed, a link that is cut, and nothing left", {
  hosts <- local_ssh_hosts()
  run <- run_r(timeout = 120, before = on_ssh_hosts(hosts), {
    made <- lapply(c(20, 60, 90), expected_draws)
    expected <- function(n) made[[match(n, c(20, 60, 90))]]
    set_plan(more = c("-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2"))
    out <- list(healthy = identical(future_lapply(1:20, draw, future.seed = 1), expected(20)))
    out$both <- all(lengths(lapply(hosts, there)) >= 1L)
    e <- tryCatch(future_lapply(1:20, function(i) if (i > 4L) stop(errorCondition("own", class = "own_error")) else i), error = identity)
    out$error <- inherits(e, "own_error") && identical(e$task, 5L)
    # Everything of a node stops, then it is killed.
    victims <- there(hosts[[2L]])
    strike(sprintf(c("kill -STOP %s", "sleep 0.6; kill -KILL %s"), paste(victims, collapse = " ")))
    begun <- proc.time()[["elapsed"]]
    out$frozen <- identical(watched(future_lapply(1:60, slowly, future.seed = 1)), expected(60))
    out$once <- length(told) == 1L && identical(told[[1L]]$node, 2L)
    out$back <- identical(watched(future_lapply(1:20, draw, future.seed = 1)), expected(20)) && length(there(hosts[[2L]])) >= 1L
    told <- list()
    strike(sprintf("ip link set %s down", sub("^rs([0-9]+)", "rsv\\1", hosts[[2L]])))
    out$cut <- identical(watched(future_lapply(1:90, slowly, future.seed = 1)), expected(90))
    out$told <- length(told) == 1L && identical(told[[1L]]$node, 2L)
    # The host cannot be reached: it is tried again, and the rest goes on.
    out$without <- identical(watched(future_lapply(1:20, draw, future.seed = 1)), expected(20))
    cut(hosts[[2L]], "up")
    plan(sequential)
    out$none_there <- wait_until(function() !length(unlist(lapply(hosts, there))))
    out$no_clients <- wait_until(function() clients() == 0L)
  })
  expect_all_true(run$value)
})

test_that("wrong keys, an unknown host and a host whose R does not start are errors within seconds, in ssh's own words", {
  hosts <- local_ssh_hosts(1L)
  other <- file.path(hosts$dir, "other")
  system2("ssh-keygen", c("-q", "-t", "ed25519", "-N", "''", "-f", other))
  config <- readLines(hosts$config)
  writeLines(sub("IdentityFile .*", paste("IdentityFile", other), config), file.path(hosts$dir, "wrong_key"))
  run <- run_r(timeout = 60, before = bquote({
    .(on_ssh_hosts(hosts))
    wrong <- .(file.path(hosts$dir, "wrong_key"))
  }), {
    refused <- function(pattern, ...) {
      begun <- proc.time()[["elapsed"]]
      error <- tryCatch({ set_plan(...); future_lapply(1:2, identity) }, error = identity)
      good <- inherits(error, "rustle_error_no_node") && grepl(pattern, conditionMessage(error)) && grepl(hosts, conditionMessage(error))
      if (good && proc.time()[["elapsed"]] - begun < 60) TRUE else conditionMessage(error)
    }
    out <- list(none = refused("no/such/Rscript", rscript = "/no/such/Rscript"))
    out$broken <- refused("status is 3", rscript = c("sh", "-c", "exit 3"))
    set_key <- function(...) plan(
      cluster, workers = hosts, cores = 1, rshopts = c("-F", wrong), homogeneous = TRUE, ...
    )
    error <- tryCatch({ set_key(); future_lapply(1:2, identity) }, error = identity)
    out$key <- inherits(error, "rustle_error_no_node") && grepl("Permission denied", conditionMessage(error))
    error <- tryCatch(set_plan(workers = "no-such-host.invalid"), error = identity)
    out$unknown <- inherits(error, "rustle_error_argument") && grepl("no-such-host", conditionMessage(error))
    cut(hosts, "down")
    options(rustle.connect.timeout = 3)
    out$down <- refused("no answer|timed out|No route", more = character())
    cut(hosts, "up")
    plan(sequential)
    out$none_there <- wait_until(function() !length(there(hosts)))
    out$no_clients <- wait_until(function() clients() == 0L)
  })
  expect_all_true(run$value)
})

test_that("srun starts the nodes of an allocation, and takes what ssh takes", {
  skip_on_os("windows")
  bin <- withr::local_tempdir()
  tool <- function(name, ...) {
    writeLines(c("#!/bin/sh", ...), file.path(bin, name))
    Sys.chmod(file.path(bin, name), "755")
  }
  # srun of this test runs the command here, and notes where it should have run.
  tool("srun", sprintf("echo \"$@\" >>%s/ran", bin), "while [ \"$1\" != sh ]; do shift; done", "exec \"$@\"")
  tool("scontrol", "printf 'n1\\nn2\\n'")
  expect_identical(allocated_hosts(), character())
  withr::local_envvar(SLURM_JOB_NODELIST = "n[1-2]", PATH = paste(bin, Sys.getenv("PATH"), sep = ":"))
  expect_identical(allocated_hosts(), c("n1", "n2"))
  withr::defer(allocation$list <- NULL)
  # Workers that the user names count.
  expect_identical(wanted_nodes(list(stack = list(tweak(cluster, workers = 3L))))$workers, 3L)
  # Their names need no address.
  expect_silent(check_hosts(c("n1", "n2"), NULL))
  expect_error(check_hosts("n3.invalid", NULL), class = "rustle_error_argument")
  skip_unless_faults()
  local_plan("cluster", workers = c("n1", "n2"), cores = 1, master = "127.0.0.1")
  expect_identical(future_sapply(1:6, function(i) i^2), (1:6)^2)
  ran <- readLines(file.path(bin, "ran"))
  expect_length(ran, 2L)
  expect_match(ran, "--nodelist=n[12] sh -c .*workRSOCK")
})

test_that("in an allocation of Slurm plan(cluster) has its nodes and their cores, and one that is lost loses nothing", {
  skip_if_not(nzchar(Sys.which("salloc")), "needs Slurm")
  up <- local_cluster_up("slurm", 2L)
  withr::local_envvar(SLURM_CONF = up$env("SLURM_CONF"))
  run <- run_r(timeout = 100, before = node_watch, wrap = c("salloc", "-Q", "-N2", "--ntasks-per-node=1", "--cpus-per-task=2"), {
    where <- function(i) { Sys.sleep(0.05); Sys.getenv("SLURMD_NODENAME") }
    plan(cluster)
    out <- list(cores = identical(nbrOfWorkers(), 4L))
    out$names <- identical(sort(unique(future_sapply(1:24, where))), c("n1", "n2"))
    out$nodes <- identical(vapply(rustle:::crew$nodes, `[[`, 1L, "cores"), c(2L, 2L))
    pid <- rustle:::crew$nodes[[2L]]$pid
    got <- watched(future_lapply(1:40, function(i) {
      if (i == 20L && first_time("killed")) { tools::pskill(pid, 9L); Sys.sleep(20) }
      Sys.sleep(0.02)
      draw(i)
    }, future.seed = 1))
    out$told <- length(told) == 1L && identical(told[[1L]]$node, 2L)
    out$same <- identical(got, expected_draws(40))
  })
  expect_all_true(run$value)
})
