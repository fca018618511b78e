test_that("values, names and shapes are parallel's on every plan", {
  skip_without_fork()
  for (X in list(
    1:7, c(a = 1, b = 4), list(), NULL, c(a = 1)[0], list(1, "b", NULL), factor(c("u", "v", "u")),
    as.Date("2024-01-01") + 0:2, data.frame(x = 1:3, y = 4:6), expression(a, b), pairlist(a = 1, b = 2)
  )) {
    expect_as_cluster("parLapply", X, function(x, ...) list(class(x), x, ...), k = 2)
    expect_as_cluster("parLapplyLB", X, function(x, ...) list(class(x), x, ...), k = 2)
  }
  for (simplify in list(TRUE, FALSE, "array")) {
    for (names in c(TRUE, FALSE)) {
      expect_as_cluster("parSapply", c("b", "aa"), nchar, simplify = simplify, USE.NAMES = names)
      expect_as_cluster("parSapplyLB", c(u = 1, v = 2), function(x) diag(2) * x, simplify = simplify, USE.NAMES = names)
    }
  }
  expect_as_cluster("parSapply", character(), nchar)
  expect_as_cluster("parSapply", NULL, nchar)
  expect_as_cluster("parSapplyLB", 1:3, function(i) NULL)
  expect_as_cluster("parSapply", 1:3, seq_len)
  expect_as_cluster("parLapply", c(1, 4), "sqrt")
  # Missing arguments stop parallel.
  X <- list(matrix(1:4, 2), matrix(5:8, 2))
  for (plan in few_plans()) expect_identical(under_plan(plan, parLapply(NULL, X, "[", , 1)), lapply(X, "[", , 1))
})

test_that("chunks of all sizes give the same", {
  skip_without_fork()
  for (size in list(1, 3, 100, 0.5, 0, -2, Inf)) {
    expect_as_cluster("parLapply", c(a = 1, b = 2, c = 3, d = 4, e = 5), sqrt, chunk.size = size, plans = few_plans()[c(1, 3)])
    expect_as_cluster("parSapplyLB", 1:5, sqrt, chunk.size = size, plans = few_plans()[c(1, 3)])
  }
})

test_that("workers without shared memory give the same", {
  offset <- 10
  for (FUN in list(sqrt, function(x) x + offset)) {
    expect_as_cluster("parLapply", c(a = 1, b = 4, c = 9), FUN, plans = other_plans())
    expect_as_cluster("parSapplyLB", c(a = 1, b = 4, c = 9), FUN, plans = other_plans())
  }
  local_plan("multisession", workers = 2)
  expect_false(Sys.getpid() %in% unlist(parLapply(NULL, 1:2, function(i) Sys.getpid())))
  expect_identical(
    parLapply(NULL, 1:2, function(i, x, FUN, cl2) c(x, FUN, cl2), x = 1, FUN = 2, cl2 = 3),
    list(c(1, 2, 3), c(1, 2, 3))
  )
})

test_that("a number of workers of other kinds holds for the call", {
  skip_on_cran()
  local_plan("multisession", workers = 2)
  expect_length(unique(unlist(parLapply(1, 1:2, function(i) Sys.getpid()))), 1L)
  expect_identical(nbrOfWorkers(), 2L)
  expect_identical(parSapply(NULL, 1:3, sqrt), sqrt(1:3))
})

test_that("extra arguments may have names of inner formals", {
  skip_without_fork()
  for (plan in few_plans()) {
    under_plan(plan, {
      expect_identical(parLapply(NULL, 1:2, function(i, x) x, x = 1), list(1, 1))
      expect_identical(parSapply(NULL, 1:2, function(i, x, fun) i + x + fun, x = 1, fun = 2), c(4, 5))
      expect_identical(parLapplyLB(NULL, 1:2, function(n, i, FUN) list(n, i, FUN), i = 5, FUN = "f"), list(list(1L, 5, "f"), list(2L, 5, "f")))
    })
  }
})

test_that("extra arguments are evaluated once, and names and calls stay what they are", {
  skip_without_fork()
  count <- 0
  once <- function() { count <<- count + 1; 7 }
  local_plan("multicore", workers = 2)
  expect_identical(parLapply(NULL, 1:4, function(i, k) k, k = once()), list(7, 7, 7, 7))
  expect_identical(count, 1)
  expect_identical(parLapply(NULL, 1:2, function(i, e) e, quote(a + b)), list(quote(a + b), quote(a + b)))
})

test_that("parLapply() gives each worker one block, parLapplyLB() what is next", {
  skip_without_fork()
  local_plan("multicore", workers = 2)
  pid <- function(i) { Sys.sleep(0.02); Sys.getpid() }
  pids <- unlist(parLapply(NULL, 1:6, pid))
  expect_identical(match(pids, pids), c(1L, 1L, 1L, 4L, 4L, 4L))
  # Task 1 ends only when all the others have begun.
  directory <- withr::local_tempdir()
  balanced <- function(i) {
    file.create(file.path(directory, i))
    until <- Sys.time() + 60
    while (i == 1L && length(list.files(directory)) < 8L && Sys.time() < until) Sys.sleep(0.01)
    length(list.files(directory))
  }
  expect_identical(parLapplyLB(NULL, 1:8, balanced)[[1L]], 8L)
})

test_that("a number is so many workers, whatever the plan", {
  skip_without_fork()
  count <- function(cl) length(unique(unlist(parLapply(cl, 1:6, function(i) { Sys.sleep(0.02); Sys.getpid() }))))
  for (plan in few_plans()[c("sequential", "static 2", "cyclic 4")]) {
    under_plan(plan, {
      before <- plan()
      expect_identical(count(3), 3L)
      expect_identical(plan(), before)
    })
  }
  expect_identical(unlist(parLapply(1, 1:2, function(i) Sys.getpid())), rep(Sys.getpid(), 2))
  local_plan("multicore", workers = 3)
  expect_identical(count(NULL), 3L)
  expect_identical(count(1), 1L)
})

test_that("a cluster, and a registered default, are parallel's affair", {
  cl <- test_cluster()
  nodes <- unlist(parallel::clusterCall(cl, Sys.getpid))
  pid <- function(x) Sys.getpid()
  local_plan("multicore", workers = 2)
  expect_setequal(unlist(parLapply(cl, 1:4, pid)), nodes)
  expect_true(all(unlist(parLapplyLB(cl, 1:4, pid)) %in% nodes))
  setDefaultCluster(cl)
  withr::defer(setDefaultCluster(NULL))
  expect_identical(getDefaultCluster(), cl)
  expect_setequal(unlist(parLapply(NULL, 1:4, pid)), nodes)
  expect_setequal(parSapply(X = 1:4, FUN = pid), nodes)
  expect_false(any(unlist(parLapply(2, 1:4, pid)) %in% nodes))
  expect_error(parLapply(cl, 1:4, function(i) stop("bad ", i)), "2 nodes produced errors; first error: bad 1", fixed = TRUE)
})

test_that("after all tasks have run the first error is raised, with class, call and task", {
  skip_without_fork()
  for (plan in c(few_plans()[-1L], if (identical(Sys.getenv("NOT_CRAN"), "true")) other_plans())) {
    directory <- withr::local_tempdir()
    FUN <- function(i) {
      file.create(file.path(directory, i))
      if (i %in% c(3L, 5L)) stop(structure(class = c("mine", "error", "condition"), list(message = paste("bad", i), call = quote(f(x)))))
      i
    }
    for (call in list(parLapply, parLapplyLB)) {
      error <- under_plan(plan, tryCatch(call(NULL, 1:6, FUN), error = identity))
      expect_s3_class(error, "mine")
      expect_identical(conditionMessage(error), "bad 3")
      expect_identical(conditionCall(error), quote(f(x)))
      expect_identical(error$task, 3L)
      expect_identical(error$failed, c(3L, 5L))
      expect_length(list.files(directory), 6L)
      unlink(file.path(directory, 1:6))
    }
  }
  error <- with_plan("sequential", tryCatch(parLapply(NULL, 1:3, function(i) if (i == 2L) stop("two")), error = identity))
  expect_identical(error$task, 2L)
})

test_that("output and conditions of tasks are relayed in task order", {
  skip_without_fork()
  local_plan("multicore", workers = 2)
  got <- observe(parLapply(NULL, 1:4, function(i) {
    cat("out", i, "\n"); message("m", i); warning("w", i); i
  }))
  expect_identical(got$value, as.list(1:4))
  expect_identical(got$output, paste("out", 1:4, ""))
  expect_identical(got$messages, paste0("m", 1:4, "\n"))
  expect_identical(got$warnings, paste0("w", 1:4))
})

test_that("with L'Ecuyer-CMRG the numbers are those of future.seed = TRUE, for all workers and chunks", {
  skip_without_fork()
  draw <- function(i) list(runif(2), sample(5L))
  state <- test_seeds()$lecuyer
  oracle <- observe(with_plan("sequential", future_lapply(1:7, draw, future.seed = TRUE)), state)
  parts <- c("value", "seed")
  for (plan in few_plans()) {
    under_plan(plan, {
      expect_identical(observe(parLapply(NULL, 1:7, draw), state)[parts], oracle[parts])
      expect_identical(observe(parLapplyLB(NULL, 1:7, draw, chunk.size = 2), state)[parts], oracle[parts])
      expect_identical(observe(parLapply(3, 1:7, draw), state)[parts], oracle[parts])
    })
  }
  skip_on_cran()
  under_plan(other_plans()[[1L]], expect_identical(observe(parLapply(NULL, 1:7, draw), state)[parts], oracle[parts]))
  # Nothing is drawn where there is nothing to do.
  expect_identical(observe(parLapply(NULL, list(), draw), state)$seed, state)
})

test_that("with other kinds no two workers draw the same, and the caller's state stays", {
  skip_without_fork()
  for (plan in few_plans()[-1L]) {
    for (state in test_seeds()[c("mersenne", "wichmann")]) {
      got <- under_plan(plan, observe(parSapply(NULL, 1:8, function(i) runif(1)), state))
      expect_identical(anyDuplicated(got$value), 0L)
      expect_identical(got$seed, state)
    }
  }
})

test_that("wrong arguments stop before anything has started", {
  skip_without_fork()
  ran <- FALSE
  FUN <- function(...) ran <<- TRUE
  for (plan in few_plans()[1:2]) {
    under_plan(plan, {
      for (cl in list("two", 0, 1.5, NA_real_, 1:2, TRUE, list())) {
        expect_argument_error(parLapply(cl, 1:2, FUN), "cl")
        expect_argument_error(parSapplyLB(cl, 1:2, FUN), "cl")
      }
      for (size in list(NA, "a", 1:2, list(1))) {
        expect_argument_error(parLapply(NULL, 1:2, FUN, chunk.size = size), "chunk.size")
        expect_argument_error(parLapplyLB(NULL, 1:2, FUN, chunk.size = size), "chunk.size")
      }
      expect_argument_error(parLapply(NULL, 1:2, 3), "fun")
      expect_argument_error(parLapplyLB(NULL, 1:2, "no such function"), "fun")
      expect_argument_error(parSapply(NULL, 1:2, 3), "FUN")
      expect_argument_error(parSapply(NULL, 1:2, FUN, simplify = NA), "simplify")
      expect_argument_error(parSapplyLB(NULL, 1:2, FUN, USE.NAMES = "a"), "USE.NAMES")
    })
  }
  expect_false(ran)
})

test_that("a killed worker costs no value and changes no number", {
  skip_unless_faults()
  run <- run_r(timeout = 60, {
    out <- list()
    kill <- function() die(9L)
    plan(multicore, workers = 3L)
    on_plan <- function(f) function(X, FUN, ...) f(NULL, X, FUN, ...)
    for (name in c("parLapply", "parLapplyLB", "clusterApply", "clusterApplyLB")) {
      f <- on_plan(getExportedValue("rustle", name))
      out[[name]] <- right(name, kill, apply = f)
      out[[paste(name, "many")]] <- right(paste0(name, "m"), kill, at = c(1L, 11L, 20L), apply = f)
    }
    out$chunks <- right("chunks", kill, apply = on_plan(parLapply), chunk.size = 4)
    RNGkind("L'Ecuyer-CMRG")
    draw <- function(tag, at) {
      function(i) {
        u <- runif(1)
        if (i %in% at && first_time(paste0(tag, i))) die(9L)
        u
      }
    }
    set.seed(2)
    whole <- with_plan(sequential, parSapply(NULL, 1:9, draw("none", 0L)))
    set.seed(2)
    out$numbers <- identical(parSapply(NULL, 1:9, draw("numbers", c(2L, 7L))), whole)
    plan(retries = 0L)
    lost <- tryCatch(parLapply(NULL, 1:6, function(i) if (i == 4L) die(9L) else i), error = identity)
    out$lost <- inherits(lost, "rustle_error_worker_lost") && identical(as.integer(lost$tasks), 4L)
    out$children <- none_left()
  })
  expect_all_true(run$value)
})
