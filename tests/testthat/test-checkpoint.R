# What is finished is kept, and nothing else is computed again.

# A function that counts its runs, and how many there were since the last look.
counted <- function(FUN) {
  log <- tempfile("runs-")
  file.create(log)
  withr::defer_parent(unlink(log))
  environment(FUN) <- list2env(list(log = log), parent = environment(FUN))
  list(FUN = FUN, runs = function() { n <- length(readLines(log)); file.create(log); n })
}

checkpoint_plans <- function() {
  plans <- list(sequential = list("sequential"))
  if (parallelly::supportsMulticore()) {
    plans <- c(plans, list(multicore = list("multicore", workers = 2), cluster = list("cluster", workers = 2)))
  }
  c(plans, list(multisession = list("multisession", workers = 2)))
}

checkpoint_done <- function(dir) sum(checkpoint_status(dir)$done)

quiet <- function(expr) withCallingHandlers(expr, rustle_message = function(m) invokeRestart("muffleMessage"))

test_that("under every plan a second run computes what is missing, with the same numbers", {
  skip_on_cran()
  f <- counted(function(i) { cat("x\n", file = log, append = TRUE); c(i, stats::runif(1)) })
  expected <- with_plan("sequential", future_lapply(1:12, f$FUN, future.seed = 4))
  f$runs()
  for (plan in checkpoint_plans()) {
    dir <- withr::local_tempdir()
    under_plan(plan, {
      run <- function(n = 12) quiet(with_checkpoint(dir, future_lapply(seq_len(n), f$FUN, future.seed = 4)))
      expect_identical(run(), expected)
      expect_identical(f$runs(), 12L, info = plan[[1L]])
      expect_identical(run(), expected)
      expect_identical(f$runs(), 0L, info = plan[[1L]])
      expect_identical(run(14)[1:12], expected)
      expect_identical(f$runs(), 2L, info = plan[[1L]])
      expect_identical(run(5), expected[1:5])
      expect_identical(f$runs(), 0L)
    })
  }
})

test_that("one plan goes on where another was ended", {
  skip_without_fork()
  f <- counted(function(i) { cat("x\n", file = log, append = TRUE); if (i == 8L && file.exists(stop_at)) stop("ended"); stats::rnorm(1) })
  stop_at <- tempfile()
  environment(f$FUN)$stop_at <- stop_at
  dir <- withr::local_tempdir()
  run <- function() quiet(with_checkpoint(dir, future_sapply(1:10, f$FUN, future.seed = 1)))
  expected <- with_plan("sequential", future_sapply(1:10, f$FUN, future.seed = 1))
  file.create(stop_at)
  f$runs()
  with_plan("sequential", expect_error(run(), "ended"))
  expect_identical(f$runs(), 8L)
  unlink(stop_at)
  with_plan("multicore", workers = 2, expect_identical(run(), expected))
  expect_identical(f$runs(), 3L)
})

test_that("every family is kept", {
  skip_without_fork()
  f <- counted(function(x, ...) { cat("x\n", file = log, append = TRUE); if (is.numeric(x)) mean(x) else mean(x$mpg) })
  dir <- withr::local_tempdir()
  stat <- counted(function(d, i) { cat("x\n", file = log, append = TRUE); mean(d[i]) })
  local_plan("multicore", workers = 2)
  calls <- list(
    function() mclapply(1:6, f$FUN, mc.cores = 2), function() mcmapply(function(x, y) f$FUN(x + y), 1:6, 2, mc.cores = 2),
    function() parLapply(NULL, 1:6, f$FUN), function() future_tapply(mtcars$mpg, mtcars$cyl, f$FUN),
    function() future_apply(matrix(1:6, 2), 2, f$FUN), function() future_mapply(f$FUN, 1:4),
    function() future_vapply(1:9, f$FUN, 0), function() clusterMap(NULL, f$FUN, 1:3)
  )
  for (call in calls) {
    first <- with_checkpoint(dir, call())
    expect_gt(f$runs(), 0L)
    expect_identical(quiet(with_checkpoint(dir, call())), first)
    expect_identical(f$runs(), 0L)
  }
  resample <- function() with_checkpoint(dir, { set.seed(3); boot(mtcars$mpg, stat$FUN, R = 20)$t })
  first <- resample()
  ran <- stat$runs()
  expect_identical(quiet(resample()), first)
  expect_lt(stat$runs(), ran - 15L)
  resample <- function() with_checkpoint(dir, bootstrap(mtcars$mpg, stat$FUN, R = 20, seed = 3)$t)
  first <- resample()
  ran <- stat$runs()
  expect_identical(quiet(resample()), first)
  expect_lt(stat$runs(), ran - 15L)
})

test_that("prescheduled streams go on behind tasks that are skipped", {
  skip_without_fork()
  draw <- function(i) { if (i == 5L && file.exists(flag)) stop("ended"); stats::runif(1) }
  flag <- tempfile()
  withr::local_preserve_seed()
  RNGkind("L'Ecuyer-CMRG")
  withr::defer(RNGkind("default"))
  set.seed(2)
  expected <- mclapply(1:8, draw, mc.cores = 2)
  dir <- withr::local_tempdir()
  run <- function() { set.seed(2); quiet(with_checkpoint(dir, mclapply(1:8, draw, mc.cores = 2))) }
  file.create(flag)
  suppressWarnings(run())
  unlink(flag)
  expect_identical(run(), expected)
  expect_identical(run(), expected)
})

test_that("a change of the function, its variables, its arguments, the seed or the data is a new key", {
  dir <- withr::local_tempdir()
  k <- 2
  helper <- function(x) x * k
  base <- function(i, y = 1) helper(i) + y
  call <- function(X = 1:3, FUN = base, ..., seed = 1) with_checkpoint(dir, future_sapply(X, FUN, ..., future.seed = seed))
  first <- call()
  number <- function() nrow(checkpoint_status(dir))
  expect_identical(number(), 1L)
  expect_message(call(), "3 of 3 tasks")
  k <- 3
  expect_message(expect_identical(call(), first + 1:3), "because of what has changed: the variable helper[.]")
  expect_identical(number(), 2L)
  k <- 2
  expect_identical(quiet(call()), first)
  expect_message(call(y = 2), "because of what has changed: its arguments[.]")
  quiet({ call(seed = 2); call(FUN = function(i, y = 1) helper(i) + y + 1); call(FUN = function(i, y = 2) helper(i) + y) })
  expect_identical(number(), 6L)
  # The same in other words of storage: byte code, compact sequences, source references.
  twice <- function(i) { i * 2 }
  quiet(call(FUN = twice))
  before <- number()
  for (copy in list(compiler::cmpfun(twice), utils::removeSource(twice))) quiet(call(FUN = copy))
  expect_message(call(X = c(1L, 2L, 3L), FUN = twice), "3 of 3 tasks")
  expect_identical(number(), before)
})

test_that("what tasks reach in other ways is a new key when it changes", {
  dir <- withr::local_tempdir()
  run <- function(FUN) quiet(with_checkpoint(dir, future_sapply(1:2, FUN)))
  y <- 0
  changing <- list(
    dots = function(...) run(function(i) sum(i, ...)),
    `one of the dots` = function(...) run(function(i) i + ..1),
    `dots of a function around` = function(...) { g <- function() list(...)[[1L]]; run(function(i) i + g()) },
    `names in a formula` = function(v) { f <- (function() y ~ 1)(); y <- v; run(function(i) i + eval(f[[2L]], environment(f))) },
    `a formula in the code` = function(v) { y <- 1:3 * v; x <- c(1, 2, 4); run(function(i) stats::coef(stats::lm(y ~ x))[[i]]) },
    `quoted code` = function(v) { y <- v; run(function(i) i + eval(quote(y))) },
    `code that is data` = function(v) { y <- v; code <- expression(y); run(function(i) i + eval(code)) },
    `an environment around one` = function(v) { e <- new.env(parent = list2env(list(y = v))); run(function(i) i + get("y", envir = e)) },
    `environments in environments` = function(v) {
      e <- list2env(list(y = v))
      for (k in 1:400) e <- list2env(list(e = e))
      run(function(i) { while (!is.null(e$e)) e <- e$e; i + e$y })
    },
    `a variable that is changed` = function(v) { y <- c(v, 0); run(function(i) { y[2L] <- i; sum(y) }) },
    `a function of R with data` = function(v) { f <- stats::splinefun(1:3, c(1, 4, 9) * v); run(function(i) f(i)) },
    `an object of references` = function(v) { r <- methods::setRefClass("Held", fields = list(y = "numeric"))$new(y = v); run(function(i) i + r$y) }
  )
  for (what in names(changing)) {
    values <- lapply(c(1, 2, 1), changing[[what]])
    expect_false(identical(values[[1L]], values[[2L]]), label = what)
    expect_identical(values[[3L]], values[[1L]], label = what)
  }
})

test_that("what is nested too deeply to be read is an error before anything runs", {
  deep <- list()
  for (k in 1:50000) deep <- list(deep)
  dir <- withr::local_tempdir()
  e <- tryCatch(with_checkpoint(dir, future_lapply(1:2, function(i) length(deep))), error = identity)
  expect_s3_class(e, "rustle_error_checkpoint")
  expect_match(conditionMessage(e), "nested too deeply")
  expect_identical(nrow(checkpoint_status(dir)), 0L)
})

test_that("a function has one hash, called or not", {
  # R marks the constant of UseMethod() when it is evaluated.
  generic <- function(o) UseMethod("generic")
  local <- function(k) { if (k > 1) return("a"); for (i in 1:2) k <- k + i; switch("b", b = k) }
  generic.rustle_kind <- function(o) 1
  before <- c(content_hash(generic), content_hash(local))
  for (k in 1:4) { generic(structure(1, class = "rustle_kind")); local(k) }
  expect_identical(c(content_hash(generic), content_hash(local)), before)
})

test_that("content has one hash, whatever holds it", {
  expect_identical(content_hash(1:10), content_hash(c(1L, 2:10)))
  different <- list(
    NULL, list(), 1, 1L, TRUE, "1", NA, NA_character_, "NA", 1i, as.raw(1), c(a = 1), list(1), list(a = 1), quote(a),
    quote(a + b), quote(b + a), factor("a"), structure(1, class = "Date"), matrix(1:4, 2), 1:4, sum, mean, function(x) x,
    function(x) x + 1, function(y) y, globalenv(), new.env(), -0, 0, NaN, data.frame(a = 1), expression(a), c("a", "b"), c("ab", "")
  )
  expect_identical(anyDuplicated(vapply(different, content_hash, "")), 0L)
  # Environments that hold themselves, and functions that call each other.
  e <- new.env()
  e$me <- e
  expect_match(content_hash(e), "^[0-9a-f]{32}$")
  even <- function(n) if (n == 0) TRUE else odd(n - 1)
  odd <- function(n) if (n == 0) FALSE else even(n - 1)
  one <- content_hash(even)
  odd <- function(n) if (n == 0) FALSE else even(n - 2)
  expect_false(identical(content_hash(even), one))
  f <- function(x) mean(x)
  expect_length(hash_function(f)$globals, 0L)
  # Which of several equal ones it is.
  a <- new.env()
  b <- new.env()
  expect_false(identical(content_hash(list(a, b, a)), content_hash(list(a, b, b))))
  # Where a function within a function was written.
  code <- "function(i) { g <- function(x) x + 1; g(i) }"
  hashes <- vapply(c(TRUE, FALSE), function(keep) content_hash(eval(parse(text = code, keep.source = keep))), "")
  expect_identical(hashes[[1L]], hashes[[2L]])
})

test_that("errors are kept when that is asked for", {
  f <- counted(function(i) { cat("x\n", file = log, append = TRUE); if (i == 3L) stop("three") else i })
  dir <- withr::local_tempdir()
  run <- function(errors) quiet(tryCatch(with_checkpoint(dir, future_lapply(1:4, f$FUN), errors = errors), error = identity))
  for (k in 1:2) {
    expect_identical(conditionMessage(run(FALSE)), "three")
    expect_identical(f$runs(), if (k == 1L) 3L else 1L)
  }
  expect_identical(conditionMessage(run(TRUE)), "three")
  expect_identical(f$runs(), 1L)
  error <- run(TRUE)
  expect_identical(list(conditionMessage(error), error$task), list("three", 3L))
  expect_identical(f$runs(), 0L)
})

test_that("values of every kind come back as they were", {
  values <- list(NULL, 1, "a", list(), mtcars, quote(f(x)), NA, factor("u"), c(a = 1))
  dir <- withr::local_tempdir()
  first <- with_checkpoint(dir, future_lapply(seq_along(values), function(i) values[[i]]))
  expect_identical(quiet(with_checkpoint(dir, future_lapply(seq_along(values), function(i) values[[i]]))), first)
  expect_identical(first, values)
  expect_identical(with_checkpoint(dir, future_lapply(list(), stop)), list())
})

test_that("calls in tasks and elements that are equal are not mistaken for each other", {
  skip_without_fork()
  dir <- withr::local_tempdir()
  local_plan("multicore", workers = 2)
  run <- function() quiet(with_checkpoint(dir, future_sapply(c(5, 5, 5), function(x) future_sapply(1:2, function(j) x + stats::runif(1), future.seed = TRUE), future.seed = 1)))
  first <- run()
  expect_false(identical(first[, 1L], first[, 2L]))
  expect_identical(run(), first)
  expect_identical(nrow(checkpoint_status(dir)), 1L)
  unseeded <- function() quiet(with_checkpoint(dir, future_sapply(c(5, 5), function(x) Sys.getpid() + x, future.seed = NULL)))
  first <- unseeded()
  expect_identical(unseeded(), first)
})

test_that("a plan has a checkpoint, with_checkpoint() comes before it, and status and clear tell of both", {
  dirs <- c(withr::local_tempdir(), withr::local_tempdir())
  local_plan("sequential", checkpoint = dirs[[1L]])
  future_lapply(1:3, sqrt)
  with_checkpoint(dirs[[2L]], future_lapply(1:4, sqrt))
  status <- lapply(dirs, checkpoint_status)
  expect_identical(vapply(status, function(s) s$done, 0), c(3, 4))
  expect_identical(vapply(status, function(s) s$tasks, 0), c(3, 4))
  expect_match(status[[1L]]$call, "future_lapply(1:3, sqrt)", fixed = TRUE)
  expect_s3_class(status[[1L]]$updated, "POSIXct")
  writeLines("mine", file.path(dirs[[1L]], "other.txt"))
  expect_identical(checkpoint_clear(dirs[[1L]], "none"), 0L)
  expect_identical(checkpoint_clear(dirs[[1L]]), 1L)
  expect_identical(list.files(dirs[[1L]]), "other.txt")
  expect_identical(nrow(checkpoint_status(dirs[[1L]])), 0L)
  plan(checkpoint = NULL)
  future_lapply(1:3, sqrt)
  expect_identical(nrow(checkpoint_status(dirs[[1L]])), 0L)
})

test_that("directories that cannot be used are errors before anything runs", {
  file <- withr::local_tempfile(lines = "x")
  for (dir in list(NULL, NA_character_, 1, c("a", "b"), "")) {
    expect_argument_error(with_checkpoint(dir, stop("run")), "dir")
    expect_argument_error(checkpoint_status(dir), "dir")
  }
  expect_error(with_checkpoint(file, stop("run")), class = "rustle_error_checkpoint")
  expect_error(with_checkpoint(file.path(file, "below"), stop("run")), class = "rustle_error_checkpoint")
  expect_error(checkpoint_status(file.path(tempdir(), "no-such-dir")), class = "rustle_error_checkpoint")
  expect_error(plan("sequential", checkpoint = file), class = "rustle_error_checkpoint")
  expect_argument_error(with_checkpoint(tempdir(), 1, errors = NA), "errors")
})

# The tasks that journals have, of a function whose values begin with the element. Frames are read
# as crates/journal/src/lib.rs describes them, up to a tail that is torn.
kept_elements <- function(dir) {
  one <- function(file) {
    bytes <- readBin(file, "raw", file.size(file))
    at <- 8L
    found <- integer()
    while (at + 28L <= length(bytes)) {
      len <- readBin(bytes[at + 1:4], "integer", endian = "little")
      if (at + 28L + len > length(bytes)) break
      found <- c(found, unserialize(bytes[at + 28L + seq_len(len)])[[1L]][[1L]])
      at <- at + 28L + len
    }
    as.integer(found)
  }
  as.integer(unlist(lapply(list.files(dir, "[.]journal$", recursive = TRUE, full.names = TRUE), one)))
}

# Runs a script in a session that is killed at a moment between 0 and 1, up to two seconds after
# its start, or up to 0.8 times `reach` seconds after its first task has ended, which may be later.
# NULL: never.
run_and_kill <- function(script, log, moment, reach) {
  pid_file <- tempfile("pid-", dirname(script))
  command <- sprintf(
    "echo $$ >%s; exec env R_LIBS=%s R_TESTS= RUSTLE_TEST_LOG=%s %s --vanilla %s >/dev/null 2>&1", pid_file,
    paste(.libPaths(), collapse = ":"), log, file.path(R.home("bin"), "Rscript"), script
  )
  system2("sh", c("-c", shQuote(command)), wait = FALSE)
  until <- function(test, seconds) {
    end <- Sys.time() + seconds
    while (!test() && Sys.time() < end) Sys.sleep(0.01)
  }
  until(function() isTRUE(file.size(pid_file) > 0), 60)
  pid <- as.integer(readLines(pid_file))
  gone <- function() !file.exists(file.path("/proc", pid, "exe"))
  if (is.null(moment)) {
    until(gone, 400)
  } else if (moment < 0.2) {
    until(gone, 10 * moment)
  } else {
    until(function() gone() || file.size(log) > 0, 120)
    until(gone, (moment - 0.2) * reach)
  }
  tools::pskill(pid, tools::SIGKILL)
  until(gone, 60)
}

test_that("a session that is killed at any moment goes on with the same numbers, and repeats nothing that it has kept", {
  skip_unless_faults()
  skip_unless_linux()
  # The long form: 50 kills of each plan, at random moments.
  wanted <- if (long_tests()) 50L else 3L
  for (plan in list("sequential", "multicore", "multisession", "cluster")) {
    n <- (if (long_tests() || plan == "cluster") 100L else 30L) * wanted
    dir <- withr::local_tempdir()
    script <- withr::local_tempfile(fileext = ".R")
    answer <- withr::local_tempfile()
    writeLines(c(
      "library(rustle)",
      if (plan == "sequential") "plan(sequential)" else sprintf("plan(%s, workers = 2)", plan),
      sprintf("dir <- %s; answer <- %s; n <- %dL", deparse(dir), deparse(answer), n),
      "FUN <- function(i) { x <- c(i, runif(1)); Sys.sleep(0.01); cat(paste0(i, '.\\n'), file = Sys.getenv('RUSTLE_TEST_LOG'), append = TRUE); x }",
      "got <- with_checkpoint(dir, future_lapply(seq_len(n), FUN, future.seed = 6))",
      "saveRDS(got, paste0(answer, '.part')); file.rename(paste0(answer, '.part'), answer)"
    ), script)
    kills <- 0L
    repeat {
      before <- kept_elements(dir)
      # Workers of the run before may still finish their tasks: theirs is another log, which
      # is no variable of FUN: another value would make another call of it.
      log <- tempfile("log-", dirname(script))
      file.create(log)
      # Nodes are heard of at intervals.
      run_and_kill(script, log, if (kills < wanted) stats::runif(1), if (plan == "cluster") 2 else 0.6)
      # A line of a task is a number and a dot: one that a kill has torn has no dot.
      lines <- readLines(log, warn = FALSE)
      ran <- as.integer(sub(".", "", grep("^[0-9]+[.]$", lines, value = TRUE), fixed = TRUE))
      # What was in the journal was not computed again, and nothing twice.
      expect_identical(intersect(ran, before), integer(), info = plan)
      expect_identical(ran[duplicated(ran)], integer(), info = plan)
      if (file.exists(answer)) break
      kills <- kills + 1L
      if (kills > wanted + 3L) break
    }
    expected <- with_plan("sequential", future_lapply(seq_len(n), function(i) c(i, stats::runif(1)), future.seed = 6))
    expect_identical(readRDS(answer), expected, info = plan)
    expect_identical(sort(unique(kept_elements(dir))), seq_len(n), info = plan)
  }
})

test_that("two sessions on one directory do not disturb each other", {
  skip_unless_faults()
  dir <- withr::local_tempdir()
  script <- withr::local_tempfile(fileext = ".R")
  writeLines(c(
    "library(rustle)", sprintf("dir <- %s", deparse(dir)), "FUN <- function(i) { x <- c(i, runif(1)); Sys.sleep(0.005); x }",
    "saveRDS(with_checkpoint(dir, future_lapply(1:60, FUN, future.seed = 6)), commandArgs(TRUE))"
  ), script)
  answers <- file.path(tempdir(), c("two-a", "two-b"))
  withr::defer(unlink(answers))
  command <- sprintf("R_TESTS= R_LIBS=%s %s --vanilla %s", paste(.libPaths(), collapse = ":"), file.path(R.home("bin"), "Rscript"), script)
  system(sprintf("(%s %s & %s %s & wait) >/dev/null 2>&1", command, answers[[1L]], command, answers[[2L]]))
  expect_identical(readRDS(answers[[1L]]), readRDS(answers[[2L]]))
  expect_identical(checkpoint_status(dir)$done, 60)
})

test_that("functions with NULL in their code, or without arguments, are told apart and run", {
  dir <- withr::local_tempdir()
  with_null <- function(i) if (i %% 2L) NULL else i
  maker <- function(i) { k <- i; function() k }
  expect_identical(with_checkpoint(dir, future_lapply(1:4, with_null)), lapply(1:4, with_null))
  expect_identical(lapply(with_checkpoint(dir, future_lapply(1:2, maker)), function(f) f()), list(1L, 2L))
  expect_identical(plain_code(quote(f(NULL, x = NULL))), quote(f(NULL, x = NULL)))
})
