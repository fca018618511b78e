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
  for (claim in setdiff(names(claims), names(exempt))) {
    failures <- under_plan(plan, run_claim(claims[[claim]], plan))
    if (!length(failures)) held <- c(held, claim)
    expect(!length(failures), paste0(
      "Under ", name, " it is not true that ", claim, ":\n", paste(failures, collapse = "\n")
    ))
  }
  invisible(held)
}

# What a claim's expectations said when they failed. A claim that expects nothing fails.
run_claim <- function(claim, plan) {
  failures <- character()
  expected <- 0L
  error <- NULL
  before <- globalenv()[[".Random.seed"]]
  withCallingHandlers(
    tryCatch(claim(plan), skip = function(s) expected <<- expected + 1L, error = function(e) {
      if (!inherits(e, "expectation")) error <<- e
    }),
    expectation = function(e) {
      if (inherits(e, "expectation_skip")) return()
      expected <<- expected + 1L
      if (!inherits(e, "expectation_success")) failures <<- c(failures, conditionMessage(e))
      invokeRestart("continue_test")
    },
    warning = function(w) {
      failures <<- c(failures, paste("Warning:", conditionMessage(w)))
      invokeRestart("muffleWarning")
    }
  )
  if (!is.null(before)) assign(".Random.seed", before, envir = globalenv())
  if (!is.null(error)) failures <- c(failures, paste0(
    "Error in ", paste(deparse(conditionCall(error))[[1L]]), ": ", conditionMessage(error)
  ))
  if (expected == 0L && !length(failures)) failures <- "It expects nothing."
  failures
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
    deparse(body(call)), utils::head(waldo::compare(ours[wrong], oracle[wrong], x_arg = "ours", y_arg = "original"), 3L)
  ), collapse = "\n"))
  invisible(ours)
}

expect_as_future <- function(call, seed = NA, parts = c("value", "message", "seed")) {
  ours <- observe(call(future_lapply), seed)
  oracle <- under_future(observe(call(future.apply::future_lapply), seed))
  wrong <- Filter(function(part) !identical(ours[[part]], oracle[[part]]), parts)
  expect(!length(wrong), paste(c(
    deparse(body(call)), utils::head(waldo::compare(ours[wrong], oracle[wrong], x_arg = "ours", y_arg = "future.apply"), 3L)
  ), collapse = "\n"))
  invisible(ours)
}

# What a call writes and signals, as strings: `output`, `conditions` in their
# order, and `all` of them interleaved.
log_of <- function(expr) {
  seen <- character()
  say <- function(kind) function(c) {
    line <- sprintf("<%s %s>", kind, trimws(conditionMessage(c)))
    seen <<- c(seen, line)
    cat(line)
    if (inherits(c, "warning")) invokeRestart("muffleWarning")
    if (inherits(c, "message")) invokeRestart("muffleMessage")
  }
  lines <- utils::capture.output(
    invisible(withCallingHandlers(
      tryCatch(expr, error = say("error")),
      warning = say("warning"), message = say("message"), custom = say("custom")
    ))
  )
  all <- paste(lines, collapse = "\n")
  list(output = gsub("<(error|warning|message|custom) [^>]*>", "", all), conditions = seen, all = all)
}

# `parts`: "all" when output and conditions must be interleaved as they were.
expect_same_log <- function(ours, oracle, parts = c("output", "conditions")) {
  expect_identical(ours[parts], oracle[parts])
}

custom <- function(text, ...) {
  structure(class = c("custom", "condition"), list(message = text, call = NULL, ...))
}

# Writes and signals all there is.
chatty <- function(i) {
  cat("out", i, "\n")
  message("first ", i)
  warning("careful ", i)
  print(list(i))
  signalCondition(custom(paste("signal", i)))
  cat("end", i)
  message("second ", i)
  i
}

# For fault claims: what puts `plan` in force in a fresh R process.
plan_code <- function(plan) {
  bquote({
    .(as.call(c(as.name("plan"), plan)))
    # The value, or the class of the error.
    outcome <- function(expr) tryCatch(expr, error = function(e) class(e))
  })
}

on_cran <- function() !identical(Sys.getenv("NOT_CRAN"), "true")
