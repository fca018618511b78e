# Every executor keeps every claim of helper-conformance.R, or says why not.

in_session <- "tasks run in the session itself, as those of lapply()"
future_relays <- "the relay is future's: all output of a chunk, then its conditions"
own_session <- "workers are sessions of their own"
future_faults <- "a lost worker is future's error"

exempt_sequential <- c(
  "without a seed the state of the session stays" = in_session,
  "tasks leave options, directory, environment and search path of the session alone" = in_session,
  "tasks run in other processes, as many as there are workers at most" = in_session,
  "a lost worker is an error, never a silent NULL" = in_session,
  "the tasks of a lost worker run again, with the same numbers" = in_session,
  "a worker that is lost twice is an error that names its task" = in_session,
  "after a lost worker and a new plan calls are as ever" = in_session,
  "a closed plan leaves no process behind" = in_session
)

exempt_futures <- c(
  "output and conditions are interleaved as the tasks made them" = future_relays,
  "S3 methods of `[[` count" = paste(own_session, "that do not know methods registered here"),
  "tasks start with the options, directory and environment of the session" = own_session,
  "dots that only FUN can evaluate reach it as they were written" = "they are evaluated here, to be sent",
  "FUN may read lapply()'s index" = "it counts within the chunk, as under future.apply",
  "an interrupt that a task signals is no error" = "future's worker takes it for one of its own and ends",
  "a worker that is lost twice is an error that names its task" = future_faults,
  "the tasks of a lost worker run again, with the same numbers" = future_faults
)

exempt_cluster <- c(
  exempt_futures[c(
    "tasks start with the options, directory and environment of the session",
    "dots that only FUN can evaluate reach it as they were written"
  )],
  "FUN may read lapply()'s index" = "it counts within the chunk, as under future.apply",
  "tasks run in other processes, as many as there are workers at most" = "every chunk has workers of its own"
)

test_that("the suite knows a broken executor", {
  broken <- list(
    "is true" = function(plan) expect_true(TRUE),
    "is false" = function(plan) expect_true(FALSE),
    "fails" = function(plan) stop("no"),
    "warns" = function(plan) { expect_true(TRUE); warning("w") },
    "expects nothing" = function(plan) NULL
  )
  found <- vapply(broken, function(claim) length(run_claim(claim, list("sequential"))), 0L)
  expect_identical(unname(found > 0L), c(FALSE, TRUE, TRUE, TRUE, TRUE))
})

test_that("a claim that fails shows the file and the line of what failed", {
  broken <- list(
    function(plan) {
      expect_true(TRUE)
      for (i in 1:2) {
        expect_identical(i, 1L) # line 3
      }
    },
    function(plan) {
      wrong <- function() expect_as(function(apply) apply(1:2, function(i) runif(1))) # line 1
      set.seed(1)
      wrong()
    },
    function(plan) {
      expect_true(TRUE)
      future_lapply(1:2, function(i) if (i == 2L) stop("no")) # line 2
    },
    function(plan) {

      warning("careful") # line 2
    }
  )
  lines <- c(3L, 1L, 2L, 2L)
  for (k in seq_along(broken)) {
    at <- utils::getSrcLocation(broken[[k]]) + lines[[k]]
    said <- run_claim(broken[[k]], list("sequential"))
    expect_match(said[[1L]], sprintf("^test-conformance[.]R:%d: .", at))
  }
})

test_that("sequential", {
  expect_conformance(list("sequential"), exempt = exempt_sequential)
})

test_that("threads", {
  # What does not compile runs in the session; what does must keep the same claims.
  for (schedule in some_or("dynamic", c("stealing", "dynamic"))) {
    expect_conformance(list("threads", workers = 2, schedule = schedule), exempt = exempt_sequential)
  }
})

# All claims of the usual plan of a kind of workers; of its others every second claim, one half and the
# other in turn. All of all in a long run.
claims_for <- local({
  turn <- 0L
  function(schedule, workers) {
    all <- conformance_claims()
    if (long_tests() || on_cran() || (schedule == "stealing" && workers == 3L)) return(all)
    turn <<- turn + 1L
    all[seq_along(all) %% 2L == turn %% 2L]
  }
})

# Every schedule, and every number of workers up to 4 with one of them; all with all
# in a long run.
worker_counts <- function(schedule) {
  if (on_cran()) return(2L)
  if (long_tests()) return(1:4)
  switch(schedule, stealing = c(1L, 3L), static = 2L, cyclic = 3L, dynamic = 4L, guided = 2L)
}

# Workers run what compiles, too; threads of the session do with one schedule of each kind of workers.
for_workers <- function(schedule) if (schedule == "dynamic") "auto" else "never"

for (schedule in test_schedules()) {
  test_that(paste("multicore,", schedule), {
    skip_without_fork()
    for (workers in worker_counts(schedule)) {
      expect_conformance(
        list("multicore", workers = workers, schedule = schedule, compiled = for_workers(schedule)), claims = claims_for(schedule, workers)
      )
    }
  })
}

test_that("multicore in chunks", {
  skip_on_cran()
  skip_without_fork()
  expect_conformance(list("multicore", workers = 3, schedule = "dynamic", chunk_size = 4), claims = claims_for("dynamic", 3L))
  if (long_tests()) expect_conformance(list("multicore", workers = 2, schedule = "guided", chunk_size = 3))
})

exempt_sessions <- c(
  "dots that only FUN can evaluate reach it as they were written" = "they are evaluated here, to be sent"
)

# They claim as forked workers do: so not all schedules, but in a long run.
for (schedule in some_or(c("stealing", "static", "dynamic"), test_schedules())) {
  test_that(paste("multisession,", schedule), {
    skip_on_cran()
    for (workers in setdiff(worker_counts(schedule), 1L)) {
      expect_conformance(
        list("multisession", workers = workers, schedule = schedule, compiled = for_workers(schedule)), exempt = exempt_sessions,
        claims = claims_for(schedule, workers)
      )
    }
  })
}

test_that("cluster", {
  skip_on_cran()
  expect_conformance(list("cluster", workers = 2), exempt = exempt_cluster)
})
