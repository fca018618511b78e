test_that("a plan may be a function, a string, a tweak or a list", {
  skip_without_fork()
  kind <- function() attr(plan(), "rustle")[c("kind", "workers")]
  for (strategy in list(multicore, "multicore", future::multicore)) {
    expect_identical(with_plan(strategy, kind(), workers = 2), list(kind = "multicore", workers = 2L))
  }
  expect_identical(with_plan(tweak(multicore, workers = 3), kind()), list(kind = "multicore", workers = 3L))
  expect_identical(with_plan(tweak("multicore", workers = 3), kind()), list(kind = "multicore", workers = 3L))
  expect_identical(
    with_plan(list(tweak(multicore, workers = 2), sequential), kind()), list(kind = "multicore", workers = 2L)
  )
  expect_identical(with_plan(list(outer = sequential, inner = multicore), kind()$kind), "sequential")
  expect_identical(with_plan("sequential", kind()), list(kind = "sequential", workers = 1L))
})

test_that("a plan can be set by bare names and in a function", {
  skip_without_fork()
  set <- function() {
    old <- plan(multicore, workers = 2)
    on.exit(plan(old))
    nbrOfWorkers()
  }
  before <- plan()
  expect_equal(set(), 2)
  expect_identical(class(plan()), class(before))
})

test_that("plan() returns the plan before, with its settings, and takes it back", {
  skip_without_fork()
  local_plan("multicore", workers = 3, schedule = "guided", chunk_size = 4, retries = 2, timeout = 100, worker_threads = 1, progress = FALSE)
  before <- attr(plan(), "rustle")
  old <- plan("sequential")
  expect_s3_class(old, "rustle_plan")
  expect_identical(attr(plan(), "rustle")$settings$schedule, "stealing")
  plan(old)
  after <- attr(plan(), "rustle")
  expect_identical(after$settings, before$settings)
  expect_identical(after[c("kind", "workers")], before[c("kind", "workers")])
  expect_identical(after$settings$schedule, "guided")
  expect_identical(after$settings$chunk_size, 4L)
  expect_identical(after$settings$retries, 2L)
})

test_that("plan() with settings alone changes only these", {
  skip_without_fork()
  local_plan("multicore", workers = 3)
  plan(schedule = "cyclic")
  expect_identical(attr(plan(), "rustle")$settings$schedule, "cyclic")
  expect_identical(attr(plan(), "rustle")$workers, 3L)
  plan(retries = 0)
  expect_identical(attr(plan(), "rustle")$settings$schedule, "cyclic")
  expect_identical(attr(plan(), "rustle")$settings$retries, 0L)
  plan(workers = 2)
  expect_identical(attr(plan(), "rustle")$workers, 2L)
})

test_that("with_plan() and local_plan() restore the plan, also after an error", {
  skip_without_fork()
  local_plan("sequential")
  before <- attr(plan(), "rustle")[c("kind", "workers")]
  expect_error(with_plan("multicore", stop("x"), workers = 2), "x")
  expect_identical(attr(plan(), "rustle")[c("kind", "workers")], before)
  f <- function() { local_plan("multicore", workers = 2); local_plan("multicore", workers = 3); nbrOfWorkers() }
  expect_equal(f(), 3)
  expect_identical(attr(plan(), "rustle")[c("kind", "workers")], before)
  expect_identical(with_plan("multicore", 5, workers = 2), 5)
})

test_that("local_plan() adds to the on.exit of its function", {
  done <- FALSE
  f <- function() { on.exit(done <<- TRUE); local_plan("sequential"); 1 }
  expect_identical(f(), 1)
  expect_true(done)
})

test_that("the plan that was set last wins, whoever set it", {
  skip_without_fork()
  old <- plan("multicore", workers = 3, schedule = "static")
  on.exit(plan(old))
  future::plan(future::sequential)
  expect_identical(attr(plan(), "rustle")$kind, "sequential")
  expect_identical(future_lapply(1, function(i) Sys.getpid()), list(Sys.getpid()))
  future::plan(future::multicore, workers = 2)
  expect_identical(attr(plan(), "rustle")[c("kind", "workers")], list(kind = "multicore", workers = 2L))
  expect_identical(attr(plan(), "rustle")$settings$schedule, "stealing")
  plan("multicore", workers = 4)
  expect_equal(nbrOfWorkers(), future::nbrOfWorkers())
  expect_equal(nbrOfWorkers(), 4)
})

test_that("future's plan follows ours, without starting its workers", {
  skip_without_fork()
  connections <- nrow(showConnections())
  old <- plan("multisession", workers = 2)
  on.exit(plan(old))
  expect_s3_class(future::plan(), "multisession")
  expect_identical(nrow(showConnections()), connections)
  plan("multicore", workers = 2)
  expect_s3_class(future::plan(), "multicore")
  f <- future(6 * 7)
  expect_identical(value(f), 42)
})

test_that("nbrOfWorkers() counts the plan's workers", {
  skip_without_fork()
  for (w in 1:5) expect_equal(with_plan("multicore", nbrOfWorkers(), workers = w), w)
  expect_equal(with_plan("sequential", nbrOfWorkers()), 1)
})

test_that("workers may be a function, and default to the available cores", {
  skip_without_fork()
  expect_identical(with_plan("multicore", attr(plan(), "rustle")$workers, workers = function() 2L), 2L)
  expect_identical(with_plan("multicore", attr(plan(), "rustle")$workers), available_workers())
})

test_that("OMP_THREAD_LIMIT and _R_CHECK_LIMIT_CORES_ are honoured", {
  withr::with_envvar(c(OMP_THREAD_LIMIT = "1"), expect_identical(available_workers(), 1L))
  withr::with_envvar(c(`_R_CHECK_LIMIT_CORES_` = "TRUE"), expect_lte(available_workers(), 2L))
})

test_that("in a worker the plan is the next level, else sequential", {
  skip_without_fork()
  inner <- function(i) list(attr(plan(), "rustle")$kind, attr(plan(), "rustle")$workers, class(future::plan())[-1L])
  got <- with_plan("multicore", future_lapply(1:2, inner), workers = 2)
  expect_identical(got[[1L]][1:2], list("sequential", 1L))
  got <- with_plan(list(tweak("multicore", workers = 2), tweak("multicore", workers = 3)), future_lapply(1:2, inner))
  expect_identical(got[[1L]][1:2], list("multicore", 3L))
  got <- with_plan(
    list(tweak("multicore", workers = 2), "sequential"), future_lapply(1:2, inner)
  )
  expect_identical(got[[2L]][1:2], list("sequential", 1L))
})

test_that("a list of strings is a plan for nested levels", {
  skip_without_fork()
  inner <- function(i) attr(plan(), "rustle")$kind
  on.exit(future::plan(future::sequential)) # so that a failure here is the only one
  got <- with_plan(list("multicore", "sequential"), list(attr(plan(), "rustle")$kind, future_lapply(1:2, inner)))
  expect_identical(got, list("multicore", list("sequential", "sequential")))
})

test_that("a worker may set plans of its own", {
  skip_without_fork()
  inner <- function(i) with_plan("multicore", workers = 2, list(attr(plan(), "rustle")$kind, future_sapply(1:3, function(j) i * j)))
  expect_message(got <- with_plan("multicore", workers = 2, future_lapply(1:2, inner)), NA)
  expect_identical(got, list(list("multicore", 1:3), list("multicore", 2L * 1:3)))
})

test_that("a package attached later that masks ours is told", {
  skip_on_cran()
  code <- "library(rustle); library(future.apply)"
  out <- system2(file.path(R.home("bin"), "Rscript"), c("-e", shQuote(code)), stdout = TRUE, stderr = TRUE)
  expect_match(paste(out, collapse = " "), "was attached after rustle.*future_lapply\\(\\)")
})

test_that("a future that attaches future itself leaves our functions in front, and library(future) is told", {
  skip_on_cran()
  run <- run_r({
    out <- list()
    for (nested in list(list(sequential, sequential), list(sequential, multicore))) {
      plan(nested)
      out[[length(out) + 1L]] <- identical(future::value(future::future(plan)), rustle::plan)
      out[[length(out) + 1L]] <- identical(plan, rustle::plan) && identical(nbrOfWorkers, rustle::nbrOfWorkers)
    }
    out$attached <- "package:future" %in% search()
    plan(sequential, retries = 0)
    detach("package:future")
    told <- character()
    withCallingHandlers(library(future), packageStartupMessage = function(m) {
      told <<- c(told, conditionMessage(m))
      invokeRestart("muffleMessage")
    })
    out$told <- any(grepl("was attached after rustle", told))
    out$theirs <- identical(plan, future::plan)
    names(out)[names(out) == ""] <- "ours"
  })
  expect_all_true(run$value)
})

test_that("a notebook shows a plan as it prints", {
  skip_if_not_installed("repr")
  for (form in c("repr_html", "repr_latex", "repr_markdown")) expect_null(getExportedValue("repr", form)(plan()), info = form)
  expect_match(getExportedValue("repr", "repr_text")(plan()), "^plan: ")
})

test_that("a setting that a plan does not have is refused with those that it has", {
  for (given in list(list("sequential", worker = 2), list("multicore", worker = 2))) {
    error <- tryCatch(do.call(plan, given), error = identity)
    expect_s3_class(error, "rustle_error_argument")
    expect_identical("workers" %in% error$settings, given[[1L]] == "multicore", info = conditionMessage(error))
  }
})

test_that("a script that leaves the strategy open may say how many workers", {
  old <- plan("sequential")
  withr::defer(plan(old))
  for (strategy in list("sequential", sequential, future::sequential)) {
    expect_warning(plan(strategy, workers = 2), class = "rustle_warning_setting")
    expect_identical(nbrOfWorkers(), 1L)
    expect_no_warning(plan(strategy, workers = 1, retries = 2))
  }
  expect_argument_error(plan("sequential", workers = 0), "workers")
})

test_that("a plan prints as what it is", {
  skip_without_fork()
  local_plan("multicore", workers = 2, schedule = "dynamic", chunk_size = 5, timeout = 3)
  expect_output(print(plan()), "multicore, 2 workers")
  expect_output(print(plan()), "dynamic")
  expect_output(print(plan()), "chunk size 5")
  expect_output(print(plan()), "timeout: 3 s")
  expect_output(with_plan("sequential", print(plan())), "sequential, 1 worker\n")
})

test_that("a timeout stops a task with an error that names it", {
  skip_on_cran()
  skip_without_fork()
  local_plan("multicore", workers = 2, timeout = 0.3)
  error <- expect_error(
    future_lapply(1:3, function(i) if (i == 2L) Sys.sleep(20) else i), class = "rustle_error_timeout"
  )
  expect_identical(error$task, 2L)
  expect_identical(error$call[[1L]], quote(future_lapply))
  expect_identical(future_lapply(1:3, identity), as.list(1:3))
})

test_that("wrong settings stop, and nothing has changed", {
  skip_without_fork()
  local_plan("multicore", workers = 3, schedule = "guided")
  before <- attr(plan(), "rustle")
  for (workers in list(0, -1, 1.5, NA, c(1, 2), NULL, TRUE)) expect_argument_error(plan("multicore", workers = workers), "workers")
  for (schedule in list("fast", 1, NA, c("static", "cyclic"), NULL)) expect_argument_error(plan("multicore", schedule = schedule), "schedule")
  for (chunk in list(0, 1.5, "a", NA)) expect_argument_error(plan("multicore", chunk_size = chunk), "chunk_size")
  for (progress in list("yes", NA, 1)) expect_argument_error(plan("multicore", progress = progress), "progress")
  for (timeout in list(0, -1, "a", NA, NULL)) expect_argument_error(plan("multicore", timeout = timeout), "timeout")
  for (retries in list(-1, 0.5, NA, "a", NULL)) expect_argument_error(plan("multicore", retries = retries), "retries")
  for (threads in list(0, 1.5, NA, "a")) expect_argument_error(plan("multicore", worker_threads = threads), "worker_threads")
  for (setup in list(5, "a", TRUE, list())) expect_argument_error(plan("multisession", setup = setup), "setup")
  expect_identical(bytes_of_size(c("500M", "2GB", "0.5 gib", "3k", "1T", "2", "G", "-1G", NA)), c(500, 2048, 512, 3 / 1024, 2^20, NA, NA, NA, NA) * 2^20)
  expect_identical(with_plan("multisession", memory_limit = "2G", current_plan()$settings$memory_limit), 2^31)
  for (limit in list(0, -1, NA, "a", "0G", c(1, 2), c("1G", "2G"))) expect_argument_error(plan("multisession", memory_limit = limit), "memory_limit")
  for (cache in list(-1, NA, "a", c(1, 2))) expect_argument_error(plan("multisession", cache = cache), "cache")
  for (idle in list(0, -1, NA, "a", NULL)) expect_argument_error(plan("multisession", idle_timeout = idle), "idle_timeout")
  for (rscript in list(5, NA_character_, character(), "")) expect_argument_error(plan("multisession", rscript = rscript), "rscript")
  expect_argument_error(plan("no such strategy"), "strategy")
  expect_argument_error(plan(5), "strategy")
  expect_identical(attr(plan(), "rustle"), before)
})

test_that("future's own commands of plan() work", {
  skip_without_fork()
  local_plan(list(tweak("multicore", workers = 2), sequential))
  expect_length(plan("list"), 2L)
  expect_s3_class(plan("next"), "FutureStrategy")
})

test_that("what library(future.apply) attaches is attached", {
  for (name in setdiff(getNamespaceExports("future"), getNamespaceExports("rustle"))) {
    expect_true(startsWith(name, ".") || !name %in% c("future", "value", "resolved", "plan", "tweak", "%<-%", "%seed%", "nbrOfWorkers", "availableCores", "multisession", "cluster"), info = name)
  }
  x %<-% { 3 }
  expect_identical(x, 3)
})

test_that("settings and arguments that do not exist are refused, and nothing has changed", {
  skip_without_fork()
  local_plan("multicore", workers = 3, schedule = "guided")
  before <- attr(plan(), "rustle")
  said <- function(expr, argument) conditionMessage(expect_argument_error(expr, argument))
  message <- said(plan(schedul = "dynamic"), "schedul")
  for (setting in c("workers", names(default_settings()))) expect_match(message, paste0("`", setting, "`"))
  said(plan(worker = 2), "worker")
  said(plan(multicore, retry = 2), "retry")
  said(plan("multicore", workers = 2, retry = 2), "retry")
  # parallelly::makeNodePSOCK() has an argument `worker`, so future takes it.
  for (strategy in c("multisession", "cluster", "multicore")) said(plan(strategy, worker = 2), "worker")
  said(plan(sequential, time_out = 2), "time_out")
  said(plan(multisession, workers = 2, chunksize = 2), "chunksize")
  said(local_plan(multicore, retry = 2), "retry")
  said(with_plan(multicore, 1, retry = 2), "retry")
  expect_match(said(plan(multicore, 2), "workers"), "`workers = 2`, not `2`")
  expect_match(said(with_plan(multicore, 1, 2), "workers"), "`workers = 2`, not `2`")
  said(plan(list(multicore, sequential), workers = 2), "workers")
  expect_identical(attr(plan(), "rustle"), before)
  # What future's strategies take.
  accepted <- list(
    quote(plan(multisession, workers = 2, rscript_args = "--no-environ")),
    quote(plan(multicore, workers = 2, gc = TRUE)), quote(plan(sequential, split = TRUE)),
    quote(plan(cluster, workers = "localhost", outfile = NULL, persistent = TRUE)),
    quote(plan(tweak(multisession, workers = 2), rscript_startup = NULL))
  )
  for (call in accepted) expect_no_warning(eval(call))
})

test_that("with_plan() without a strategy says what it needs, and evaluates nothing", {
  done <- FALSE
  expect_match(conditionMessage(expect_argument_error(with_plan(done <- TRUE), "expr")), "needs a strategy")
  expect_argument_error(with_plan(done <- TRUE, workers = 2), "expr")
  expect_argument_error(with_plan(expr = done <- TRUE, workers = 2), "strategy")
  expect_false(done)
  error <- tryCatch(with_plan(multicore, 1, retry = 2), rustle_error = identity)
  expect_identical(error$call[[1L]], quote(with_plan))
})

# How many processes run the two tasks of a nested call; `map` is a future_lapply(). A
# task waits for the other's process, but not for ever.
nested_processes <- function(map, seconds) {
  map(1, function(i) {
    here <- tempfile()
    dir.create(here)
    on.exit(unlink(here, recursive = TRUE))
    map(1:2, function(j) {
      file.create(file.path(here, Sys.getpid()))
      until <- Sys.time() + seconds
      while (length(dir(here)) < 2L && Sys.time() < until) Sys.sleep(0.01)
    })
    length(dir(here))
  })[[1L]]
}

test_that("below a sequential level the next one is in force, as in future.apply", {
  skip_without_fork()
  skip_if_not_installed("future.apply")
  ours <- function(X, f) future_lapply(X, f, future.chunk.size = 1)
  original <- function(X, f) future.apply::future_lapply(X, f, future.chunk.size = 1)
  two <- tweak(multicore, workers = 2)
  stacks <- list(
    list(sequential, two), list(sequential, sequential), list(two, sequential),
    list(tweak(multicore, workers = 1), two), list(tweak(multisession, workers = 2), two)
  )
  counts <- c(2L, 1L, 1L, 2L, 2L)
  # Newer versions of future note in a plan that its workers have started.
  levels <- function() {
    lapply(future::plan("list"), function(level) {
      attributes(level)[c("backend", "init")] <- NULL
      level
    })
  }
  for (k in seq_along(stacks)) {
    local_plan(stacks[[k]])
    before <- levels()
    seconds <- if (counts[[k]] == 2L) 60 else 0.2
    expect_identical(nested_processes(ours, seconds), counts[[k]])
    expect_identical(nested_processes(original, seconds), counts[[k]])
    expect_identical(levels(), before)
  }
  deep <- with_plan(list(sequential, sequential, two), future_lapply(1, function(i) nested_processes(ours, 60)))
  expect_identical(deep, list(2L))
  # future() itself follows, and what a task is told of its plan.
  local_plan(list(sequential, two))
  told <- future_lapply(1, function(i) list(class(future::plan()), nbrOfWorkers(), value(future(Sys.getpid()))))[[1L]]
  expect_true("multicore" %in% told[[1L]])
  expect_identical(told[[2L]], 2L)
  expect_false(told[[3L]] == Sys.getpid())
})

test_that("the plan comes back after a failing task and after plans of the task", {
  skip_without_fork()
  local_plan(list(sequential, tweak("multicore", workers = 2)), retries = 3)
  before <- attr(plan(), "rustle")
  expect_error(future_lapply(1:2, function(i) stop("no")), "no")
  expect_identical(attr(plan(), "rustle"), before)
  got <- future_lapply(1:2, function(i) {
    old <- attr(plan(), "rustle")[c("kind", "workers")]
    plan(sequential)
    c(old, attr(plan(), "rustle")["kind"])
  })
  expect_identical(got[[1L]], list(kind = "multicore", workers = 2L, kind = "sequential"))
  expect_identical(attr(plan(), "rustle"), before)
})

test_that("inner levels print with their workers", {
  skip_without_fork()
  local_plan(list(sequential, tweak("multicore", workers = 2), tweak("multisession", workers = 3), sequential))
  expect_output(print(plan()), "plan: sequential, 1 worker\nnested: multicore, 2 workers; multisession, 3 workers; sequential, 1 worker\n", fixed = TRUE)
})

test_that("a plan prints within 80 columns", {
  printed <- function(...) with_plan(..., capture.output(print(plan())))
  local_plan(list(tweak("multicore", workers = 2), tweak("multisession", workers = 3), "sequential", "sequential", "sequential"))
  lines <- c(
    printed("sequential"), capture.output(print(plan())),
    printed("sequential", schedule = "stealing", chunk_size = 1000, retries = 10, timeout = 123.456, progress = TRUE, worker_threads = 2)
  )
  expect_lte(max(nchar(lines)), 80)
  expect_match(lines, "threads per worker: an equal part of the cores$", all = FALSE)
})

test_that("print() shows the settings of workers of multisession that were given", {
  skip_without_fork()
  local_plan("multisession", workers = 2L)
  expect_false(any(grepl("idle_timeout|cache|rscript", utils::capture.output(print(plan())))))
  plan(idle_timeout = 30, memory_limit = "500M", cache = "2G", rscript = c("env", "Rscript"))
  shown <- paste(trimws(utils::capture.output(print(plan()))), collapse = " ")
  expect_match(shown, "idle_timeout: 30 s; memory_limit: 500 MiB; cache: 2 GiB; rscript: env Rscript", fixed = TRUE)
  plan(idle_timeout = Inf)
  expect_output(print(plan()), "idle_timeout: none")
  for (strategy in list(future::multisession, "multisession")) {
    expect_argument_error(plan(strategy, workers = "4"), "workers")
  }
})
