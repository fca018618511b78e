# The conformance suite: what every executor must do, whatever its workers are.
# A new executor is accepted when expect_conformance() holds for its plans.
#
# A claim is a function of the plan that is in force when it runs; it states what
# it states by testthat's expectations, against base R or future.apply. The claims
# are in helper-conformance-claims.R.

# Runs every claim of `claims` under `plan` (a list: strategy and arguments of
# plan()), as one expectation each. `exempt`: names of claims that this executor
# need not keep, each with the reason.
expect_conformance <- function(plan, name = plan_label(plan), exempt = character(),
                               claims = conformance_claims()) {
  known <- names(conformance_claims())
  stray <- setdiff(names(exempt), known)
  expect(!length(stray), paste("No such claim:", paste(stray, collapse = "; ")))
  expect(all(nzchar(exempt)), "Every exemption needs a reason.")
  held <- character()
  # Workers that live as long as the plan serve all claims, as they serve all calls.
  under_plan(plan, for (claim in setdiff(names(claims), names(exempt))) {
    failures <- run_claim(claims[[claim]], plan)
    if (!length(failures)) held <- c(held, claim)
    expect(!length(failures), paste0(
      "Under ", name, " it is not true that ", claim, ":\n", paste(failures, collapse = "\n")
    ))
  })
  invisible(held)
}

# What a claim's expectations said when they failed, each after the file and line
# where it stands. A claim that expects nothing fails.
run_claim <- function(claim, plan) {
  failures <- character()
  expected <- 0L
  note <- function(...) failures <<- c(failures, paste0(place_in(claim, sys.calls()), ...))
  withr::local_preserve_seed()
  skipped <- function(s) expected <<- expected + 1L
  tryCatch(withCallingHandlers(
    claim(plan),
    expectation = function(e) {
      if (inherits(e, "expectation_skip")) return()
      expected <<- expected + 1L
      if (!inherits(e, "expectation_success")) note(conditionMessage(e))
      invokeRestart("continue_test")
    },
    warning = function(w) {
      note("Warning: ", conditionMessage(w))
      invokeRestart("muffleWarning")
    },
    error = function(e) note("Error in ", deparse(conditionCall(e))[[1L]], ": ", conditionMessage(e))
  ), skip = skipped, error = identity)
  if (expected == 0L && !length(failures)) note("It expects nothing.")
  failures
}

# "file:line: " of the innermost of `calls` that is written in `claim`; else of the
# claim itself. "" where sources are not kept.
place_in <- function(claim, calls) {
  whole <- attr(claim, "srcref")
  if (is.null(whole)) return("")
  file <- attr(whole, "srcfile")$filename
  within <- function(ref) {
    !is.null(ref) && identical(attr(ref, "srcfile")$filename, file) && ref[[1L]] >= whole[[1L]] && ref[[3L]] <= whole[[3L]]
  }
  refs <- Filter(within, lapply(calls, attr, "srcref"))
  # The call of the claim as a whole has no place within it.
  at <- if (length(refs)) refs[[length(refs)]] else whole
  sprintf("%s:%d: ", basename(file), at[[1L]])
}

plan_label <- function(plan) paste(deparse(as.call(c(as.name("plan"), plan))), collapse = "")

conformance_claims <- function() {
  c(value_claims, call_claims, error_claims, relay_claims, stream_claims, session_claims, fault_claims)
}

# `call`: a function of an apply function. With ours it does what it does with
# `original`: value or error, and the random state afterwards.
expect_as <- function(call, original = lapply, seed = NA, parts = c("value", "class", "message", "seed"),
                      same = identical) {
  ours <- observe(call(future_lapply), seed)
  oracle <- observe(call(original), seed)
  wrong <- Filter(function(part) !same(ours[[part]], oracle[[part]]), parts)
  expect(!length(wrong), paste(c(
    deparse(body(call)), utils::head(getExportedValue("waldo", "compare")(ours[wrong], oracle[wrong], x_arg = "ours", y_arg = "original"), 3L)
  ), collapse = "\n"))
  invisible(ours)
}

# The same with future.apply. `key`: under which what it does is remembered, for
# it does not depend on our plan.
expect_as_future <- function(call, seed = NA, parts = c("value", "message", "seed"), key = NULL) {
  ours <- observe(call(future_lapply), seed)
  oracle <- if (!is.null(key)) oracles[[key]]
  if (is.null(oracle)) {
    oracle <- under_future(observe(call(future.apply::future_lapply), seed))
    if (!is.null(key)) assign(key, oracle, envir = oracles)
  }
  wrong <- Filter(function(part) !identical(ours[[part]], oracle[[part]]), parts)
  expect(!length(wrong), paste(c(
    deparse(body(call)), utils::head(getExportedValue("waldo", "compare")(ours[wrong], oracle[wrong], x_arg = "ours", y_arg = "future.apply"), 3L)
  ), collapse = "\n"))
  invisible(ours)
}

oracles <- new.env()

# `parts`: "all" when output and conditions must be interleaved as they were.
expect_same_log <- function(ours, oracle, parts = c("output", "conditions")) {
  expect_identical(ours[parts], oracle[parts])
}

custom <- function(text, ...) {
  structure(class = c("custom", "condition"), list(message = text, call = NULL, ...))
}

# Writes and signals all there is. Alone: it may run in another session.
chatty <- function(i) {
  cat("out", i, "\n")
  message("first ", i)
  warning("careful ", i)
  print(list(i))
  signalCondition(structure(class = c("custom", "condition"), list(message = paste("signal", i), call = NULL)))
  cat("end", i)
  message("second ", i)
  i
}

# What happened under `plan` when workers were lost, in a fresh R process. Every
# part starts with new workers.
fault_run <- function(plan) {
  skip_unless_faults()
  key <- paste("faults", plan_label(plan))
  if (is.null(oracles[[key]])) {
    code <- bquote(set_plan <- function() { plan(sequential); .(as.call(c(as.name("plan"), plan))) })
    run <- run_r(timeout = 60, before = call("{", code), {
      part <- function(expr) tryCatch({ set_plan(); expr }, error = conditionMessage)
      draw <- function(i) c(i, runif(1))
      out <- list()
      out$lost <- part(tryCatch(future_lapply(1:6, function(i) if (i == 4L) die(9L) else i), error = identity))
      out$again <- part(future_lapply(1:12, function(i) {
        if (i %in% c(3L, 8L) && first_time(paste0("lost", i))) if (i == 3L) die(9L) else quit("no")
        draw(i)
      }, future.seed = 5))
      out$next_call <- part(future_lapply(1:4, sqrt))
      out$expected <- with_plan(sequential, future_lapply(1:12, draw, future.seed = 5))
      plan(sequential)
      out$none_left <- none_left()
    })
    assign(key, run$value, envir = oracles)
  }
  oracles[[key]]
}

on_cran <- function() !identical(Sys.getenv("NOT_CRAN"), "true")
