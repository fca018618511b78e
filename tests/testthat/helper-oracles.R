# Ways to run a call, and how what it did is compared with its original.

skip_without_fork <- function() {
  skip_if_not(parallelly::supportsMulticore(), "no forking here")
}

# Do the long versions of the tests run (tools/test --long)?
long_tests <- function() identical(Sys.getenv("RUSTLE_TEST_LONG"), "true")

# The same test for few and for many moments, values or cases.
some_or <- function(some, many) if (long_tests()) many else some

# A data frame of combinations of three kinds of things (`...`: vectors). In a long
# run all of them; else a Latin square, in which each thing meets each of another
# kind at least once.
combinations <- function(...) {
  every <- expand.grid(..., KEEP.OUT.ATTRS = FALSE, stringsAsFactors = FALSE)
  if (long_tests()) return(every)
  sizes <- lengths(list(...))
  every[rowSums(expand.grid(lapply(sizes, seq_len))) %% min(sizes) == 0, ]
}

test_schedules <- function() c("stealing", "static", "cyclic", "dynamic", "guided")

# Plans: every schedule with 1 to 5 workers, and the sequential one. Most are there to test workers, so
# functions that compile run on these, too; with three workers and stealing they run on threads.
test_plans <- function(workers = 1:5) {
  out <- list(sequential = list("sequential"))
  for (schedule in test_schedules()) {
    for (w in workers) {
      out[[paste(schedule, w)]] <- list("multicore", workers = w, schedule = schedule, compiled = "never")
    }
  }
  out[["stealing 3"]]$compiled <- NULL
  out[["dynamic 3, chunks of 4"]] <- list("multicore", workers = 3, schedule = "dynamic", chunk_size = 4, compiled = "never")
  out[["guided 2, least 3"]] <- list("multicore", workers = 2, schedule = "guided", chunk_size = 3)
  out
}

# One plan of each schedule, where all numbers of workers would take too long, and the same
# with workers that outlive a call.
few_plans <- function() {
  c(few_forking_plans(), if (!on_cran()) few_session_plans())
}

few_forking_plans <- function() {
  test_plans()[c("sequential", "stealing 1", "stealing 3", "static 2", "cyclic 4", "dynamic 2", "guided 5")]
}

few_session_plans <- function() {
  list(
    "stealing 2, sessions" = list("multisession", workers = 2, compiled = "never"),
    "dynamic 3, sessions" = list("multisession", workers = 3, schedule = "dynamic", chunk_size = 2)
  )
}

# Plans for one of many cases of a claim about `of`: all of them in a long run; else the first and, in
# turn, two of the others, so that a few cases meet all.
in_turn <- local({
  turns <- list()
  function(plans, of) {
    others <- length(plans) - 1L
    if (long_tests() || others < 3L) return(plans)
    turn <- if (is.null(turns[[of]])) 0L else turns[[of]]
    turns[[of]] <<- turn + 1L
    plans[c(1L, 2L + sort((turn + c(0L, others %/% 2L)) %% others))]
  }
})

# One plan for every executor.
every_plan <- function() {
  plans <- list(sequential = list("sequential"), multicore = list("multicore", workers = 2L, compiled = "never"))
  if (on_cran()) return(plans)
  c(plans, list(
    multisession = list("multisession", workers = 2L), cluster = list("cluster", workers = 2L),
    future = list(list(strategy_of_others()))
  ))
}

# One for which rustle has no executor of its own: its chunks run as futures.
strategy_of_others <- function() {
  structure(future::sequential, class = setdiff(class(future::sequential), "sequential"))
}

# A function as a user's: those of test files would count as this package's.
as_user <- function(f) {
  environment(f) <- globalenv()
  f
}

# Arguments of future_*() that cut n tasks into chunks or permute them.
test_chunkings <- function(n) {
  ordered <- function(x, ordering) structure(x, ordering = ordering)
  list(
    size_1 = list(future.chunk.size = 1), size_3 = list(future.chunk.size = 3),
    size_half = list(future.chunk.size = 0.5), size_inf = list(future.chunk.size = Inf),
    scheduling_0 = list(future.scheduling = 0), scheduling_0.6 = list(future.scheduling = 0.6),
    scheduling_2 = list(future.scheduling = 2), scheduling_true = list(future.scheduling = TRUE),
    scheduling_false = list(future.scheduling = FALSE), scheduling_inf = list(future.scheduling = Inf),
    reversed = list(future.scheduling = ordered(2, rev(seq_len(n)))),
    by_function = list(future.chunk.size = ordered(2, function(n) rev(seq_len(n)))),
    at_random = list(future.scheduling = ordered(TRUE, "random"))
  )
}

# Workers that outlive a call stay for the next expression: to start them takes longer than
# most of these take.
under_plan <- function(setting, expr) {
  old <- do.call(rustle::plan, c(setting, list(.cleanup = FALSE)))
  ours <- c("sequential", "multicore", "multisession")
  on.exit(rustle::plan(old, .cleanup = !identical(setting[[1L]] %in% ours, TRUE)))
  expr
}

# Evaluates `expr` under future.apply's oracle plan. Workers of the plan before live on.
under_future <- function(expr) {
  set <- function(stack) future::plan(stack, substitute = FALSE, .init = FALSE, .cleanup = FALSE)
  old <- future::plan("list")
  set(list(future::sequential))
  on.exit(set(old))
  expr
}

# `ours`: a function of further future.* arguments. It does what `oracle` (from
# observe()) did, under every plan and chunking.
expect_every_way <- function(ours, oracle, n = length(oracle$value), plans = test_plans(),
                             chunkings = test_chunkings(n), seed = NA,
                             parts = c("value", "class", "message", "call", "seed"),
                             same = identical) {
  skip_without_fork()
  ways <- lapply(plans, function(plan) list(plan = plan, arguments = list()))
  for (k in seq_along(chunkings)) {
    w <- 2L + k %% 2L
    ways[[paste(names(chunkings)[[k]], w)]] <- list(
      plan = list("multicore", workers = w), arguments = chunkings[[k]]
    )
  }
  wrong <- character()
  first <- NULL
  for (way in names(ways)) {
    got <- under_plan(ways[[way]]$plan, observe(do.call(ours, ways[[way]]$arguments), seed))
    for (part in parts) {
      if (!same(got[[part]], oracle[[part]])) {
        wrong <- c(wrong, sprintf("%s (%s)", way, part))
        if (is.null(first)) first <- got
      }
    }
  }
  said <- if (length(wrong)) {
    c(
      sprintf("Differs from the original under: %s.", paste(wrong, collapse = "; ")),
      utils::head(getExportedValue("waldo", "compare")(first[parts], oracle[parts], x_arg = "ours", y_arg = "original"), 5L)
    )
  }
  expect(length(wrong) == 0L, paste(said, collapse = "\n"))
  invisible()
}

# Random states that a session may have.
test_seeds <- function() {
  made <- function(...) {
    withr::with_preserve_seed({
      old <- RNGkind()
      on.exit(do.call(RNGkind, as.list(old)))
      RNGkind(...)
      set.seed(11)
      globalenv()[[".Random.seed"]]
    })
  }
  list(
    mersenne = made("Mersenne-Twister", "Inversion", "Rejection"),
    lecuyer = made("L'Ecuyer-CMRG", "Inversion", "Rejection"),
    rounding = suppressWarnings(made("Mersenne-Twister", "Inversion", "Rounding")),
    wichmann = made("Wichmann-Hill", "Box-Muller", "Rejection")
  )
}

expect_argument_error <- function(expr, argument) {
  before <- globalenv()[[".Random.seed"]]
  error <- expect_error(expr, class = "rustle_error_argument")
  expect_s3_class(error, "rustle_error")
  if (!is.null(error)) {
    expect_match(conditionMessage(error), argument, fixed = TRUE)
    expect_identical(error$argument, argument)
  }
  expect_identical(globalenv()[[".Random.seed"]], before)
  invisible(error)
}
