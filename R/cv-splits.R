# Fits to some rows that predict others, one task each: what validation by resamples, nested
# cross-validation and conformal intervals are made of.

# learners: a list of what as_learner() returns, of the same data. splits: a list of
# list(learner = its number, train = rows, test = rows, new = is newdata predicted too?).
# Returns list(predicted,
# new, failures, probability), lists by split; a split that failed has NA. probability: are
# predictions probabilities of the second of two classes? done: splits before these, whose streams are
# taken.
run_splits <- function(learners, splits, newdata, on_error, seed, label, call, done = 0L) {
  first <- learners[[1L]]
  if (!is.null(first$error)) stop(first$error)
  task <- make_split(
    first$x, first$y, first$apart, lapply(learners, `[[`, "fit"), lapply(learners, `[[`, "predict"),
    lapply(learners, `[[`, "extra"), splits, newdata, vapply(learners, `[[`, NA, "default")
  )
  plan <- current_plan()
  streams <- streams_of_future(if (is.null(seed)) TRUE else seed, length(splits), "seed")
  if (!is.null(seed)) streams$after <- NULL
  if (done > 0L) {
    streams$seed <- task_seeds(streams, done + seq_along(splits))
    streams$streams <- "list"
  }
  job <- new_job(
    lapply_call, lapply_frame(seq_along(splits), task), length(splits), policy_of_plan(plan), streams,
    relay = new_relay(TRUE, list(classes = "condition")), on_error = "keep", label = paste0(label, "-%d")
  )
  outcome <- if (is.null(seed)) run_job(job, plan) else keep_random_seed(run_job(job, plan))
  values <- outcome$values
  failures <- data.frame(split = integer(), message = character())
  for (k in seq_along(values)) {
    value <- values[[k]]
    failed <- k %in% outcome$failed || inherits(value, "error")
    expected <- length(splits[[k]]$test)
    text <- if (failed) {
      conditionMessage(value)
    } else if (NROW(value$predicted) != expected) {
      sprintf("%d predictions for %d observations", NROW(value$predicted), expected)
    }
    if (is.null(text)) next
    if (on_error == "stop") {
      abort_rustle(
        sprintf("Fit %d of %d failed: %s.%s", k, length(splits), sub("[.]$", "", text), if (is.null(first$hint)) "" else first$hint),
        class = "rustle_error_fold", fold = k, parent = if (failed) value, call = call
      )
    }
    failures <- rbind(failures, data.frame(split = k, message = text))
    values[[k]] <- list(predicted = rep(NA_real_, expected), new = rep(NA_real_, NROW(newdata)), probability = NA)
  }
  list(
    predicted = lapply(values, `[[`, "predicted"), new = lapply(values, `[[`, "new"), failures = failures,
    probability = isTRUE(all(vapply(values, `[[`, NA, "probability"), na.rm = TRUE))
  )
}

# Runs on workers, which may not have rustle: base R only.
make_split <- function(x, y, apart, fits, predicts, extras, splits, newdata, defaults) {
  rows <- function(x, kept) if (length(dim(x))) x[kept, , drop = FALSE] else x[kept]
  function(k) {
    tryCatch({
      split <- splits[[k]]
      arguments <- list(rows(x, split$train))
      if (apart) arguments[[2L]] <- rows(y, split$train)
      model <- do.call(fits[[split$learner]], c(arguments, extras[[split$learner]]), quote = TRUE)
      predict <- predicts[[split$learner]]
      list(
        predicted = if (length(split$test)) predict(model, rows(x, split$test)),
        new = if (isTRUE(split$new)) predict(model, newdata),
        # Only the family tells that these are probabilities of the second class.
        probability = defaults[[split$learner]] && inherits(model, "glm") &&
          isTRUE(model$family$family %in% c("binomial", "quasibinomial"))
      )
    }, error = identity)
  }
}
environment(make_split) <- baseenv()

# Numbers that can be predicted: the response of a learner for methods that subtract.
check_numeric_response <- function(learner, call) {
  if (is.numeric(learner$y) && is.null(dim(learner$y))) return(invisible())
  stop_argument("response", "numbers", learner$y, call)
}
