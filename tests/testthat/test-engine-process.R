# Where forking is unsafe, and what runs there instead.

test_that("what makes forking unsafe is seen", {
  skip_without_fork()
  expect_true(supports_fork())
  withr::with_envvar(c(POSITRON = "1"), {
    expect_false(supports_fork())
    # Users may say that it is safe.
    withr::with_options(list(parallelly.fork.enable = TRUE), expect_true(supports_fork()))
  })
  expect_true(has_accelerate("Darwin", "/System/Library/Frameworks/Accelerate.framework/libBLAS.dylib"))
  expect_false(has_accelerate("Darwin", "/Library/Frameworks/R.framework/libRblas.0.dylib"))
  expect_false(has_accelerate("Linux", "/usr/lib/vecLib/libblas.so"))
  maps <- withr::local_tempfile(lines = "7f00-7f01 r-xp 00000000 08:01 1 /usr/lib/jvm/lib/server/libjvm.so")
  expect_true(maps_java(maps))
  expect_false(maps_java(withr::local_tempfile(lines = "7f00-7f01 r-xp 0 08:01 1 /usr/lib/libm.so")))
  expect_false(maps_java("/no/such/file"))
  expect_false(has_java())
})

test_that("a Java virtual machine that is loaded makes forking unsafe", {
  skip_unless_faults()
  skip_unless_linux()
  skip_if(!nzchar(Sys.which("cc")))
  run <- run_r({
    code <- file.path(scratch, "empty.c")
    writeLines("void nothing(void) {}", code)
    dir.create(file.path(scratch, "server"))
    library <- file.path(scratch, "server", "libjvm.so")
    system2("cc", c("-shared", "-fPIC", "-o", library, code))
    before <- rustle:::supports_fork()
    dyn.load(library)
    out <- list(before = before, after = !rustle:::supports_fork())
  })
  expect_all_true(run$value)
})

test_that("where forking is unsafe, plans and calls run on workers of multisession", {
  skip_unless_faults()
  run <- run_r(timeout = 60, {
    messages <- character()
    note <- function(expr) withCallingHandlers(expr, message = function(m) { messages <<- c(messages, conditionMessage(m)); invokeRestart("muffleMessage") })
    RNGkind("L'Ecuyer-CMRG")
    set.seed(1)
    draw <- function(i) runif(2)
    calls <- list(
      function(mclapply) mclapply(1:5, draw, mc.cores = 2L),
      function(mclapply) mclapply(1:5, draw, mc.cores = 3L, mc.preschedule = FALSE),
      function(mclapply) mclapply(1:5, draw, mc.cores = 2L, mc.set.seed = FALSE),
      function(mclapply) suppressWarnings(mclapply(1:4, function(i) if (i == 2L) stop("no") else i, mc.cores = 4L))
    )
    theirs <- lapply(calls, function(call) call(parallel::mclapply))
    pids <- function() unlist(mclapply(1:4, function(i) parallelly::isForkedChild() || Sys.getpid() == session, mc.cores = 2L))
    session <- Sys.getpid()
    Sys.setenv(POSITRON = "1")
    note({
      ours <- lapply(calls, function(call) call(mclapply))
      elsewhere <- pids()
      mapped <- mcmapply(function(a, b) a + b, 1:3, 4:6, mc.cores = 2L)
      squares <- pvec(1:6, function(v) v^2, mc.cores = 2L)
      plan(multicore, workers = 2L)
      under_plan <- future_sapply(1:3, function(i) parallelly::isForkedChild())
      future::plan(future::multicore, workers = 2L)
      by_future <- future_sapply(1:3, function(i) Sys.getpid() != session)
      plan(sequential)
    })
    number <- unlist(parLapply(2, 1:3, function(i) Sys.getpid()))
    options(rustle.mclapply.sessions = FALSE)
    here <- unlist(mclapply(1:3, function(i) Sys.getpid(), mc.cores = 2L))
    same <- function(k) identical(lapply(ours[[k]], unclass), lapply(theirs[[k]], unclass))
    out <- list(
      cyclic = same(1L), dynamic = same(2L), same = same(3L), values = identical(ours[[4L]][-2L], theirs[[4L]][-2L]),
      failed = inherits(ours[[4L]][[2L]], "try-error"), elsewhere = !any(elsewhere), mapped = identical(mapped, c(5L, 7L, 9L)),
      squares = identical(squares, (1:6)^2), plan = !any(under_plan),
      by_future = all(by_future), number = !any(number == session), here = all(here == session),
      told = sum(grepl("^mclapply.*safe in Positron[.] Instead their tasks run on the workers of plan[(]multisession[)]", messages)) == 1L,
      becomes = sum(grepl("^plan[(]multicore[)].*safe in Positron[.] Instead plan[(]multisession[)] is set", messages)) == 1L
    )
  })
  expect_all_true(run$value)
})
