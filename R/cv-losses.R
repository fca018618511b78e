# Losses of predictions: which loss is used, for which observations, and how probabilities
# become classes.

losses <- list(
  mse = function(y, p) mean((y - p)^2), rmse = function(y, p) sqrt(mean((y - p)^2)),
  mae = function(y, p) mean(abs(y - p)),
  misclassification = function(y, p) mean(as.character(y) != as.character(p))
)

# list(name, f)
check_loss <- function(loss, y, call = sys.call(-1L)) {
  numbers <- is.numeric(y) || is.logical(y)
  if (is.null(loss)) loss <- if (is.numeric(y)) "mse" else "misclassification"
  if (is.function(loss)) {
    check_arguments_of(loss, c("observed", "predicted"), "loss", call)
    return(list(name = "loss", f = loss))
  }
  loss <- check_choice(loss, names(losses), "loss", call)
  if (!numbers && loss != "misclassification") {
    stop_argument("loss", sprintf("\"misclassification\" or a function, for a response that is %s", describe(y)), loss, call)
  }
  list(name = loss, f = losses[[loss]])
}

# The loss as a function of observed and predicted values, which returns c(loss, n), where n
# values are not missing. It depends on all predictions, which tell what they are.
# probability: are the predictions probabilities of the second of two classes?
choose_loss <- function(loss, y, predicted, probability, call) {
  predicted <- predicted[!vapply(predicted, function(p) all(is.na(p)), NA)]
  rule <- if (loss$name == "misclassification") {
    class_rule(y, predicted, probability, call)
  } else if (loss$name != "loss") {
    check_numbers(loss$name, y, predicted, call)
    identity
  } else {
    identity
  }
  function(y, p) {
    known <- !(is_missing(p) | is_missing(y))
    if (!any(known)) return(c(NA_real_, 0))
    value <- loss$f(pick_rows(y, known), pick_rows(rule(p), known))
    if (!is.numeric(value) && !is.logical(value) || length(value) != 1L) {
      abort_rustle(
        sprintf("`loss` must return one number, not %s.", describe(value)),
        "rustle_error_argument", argument = "loss", value = value, call = call
      )
    }
    c(value, sum(known))
  }
}

pick_rows <- function(x, kept) if (length(dim(x)) == 2L) x[kept, , drop = FALSE] else x[kept]

# For each row: is its value, or any part of it, missing?
is_missing <- function(x) {
  missing <- is.na(x)
  if (length(dim(missing)) > 1L) apply(missing, 1L, any) else as.vector(missing)
}

# Values that can be subtracted from the response, one each.
check_numbers <- function(name, y, predicted, call) {
  good <- vapply(predicted, function(p) (is.numeric(p) || is.logical(p)) && NCOL(p) == NCOL(y), NA)
  if (all(good)) return()
  abort_rustle(
    sprintf(
      "`loss = \"%s\"` needs a number for each value of the response, but `predict` gives %s: give a function of observed and predicted values as `loss`.",
      name, describe(predicted[[which(!good)[[1L]]]])
    ),
    "rustle_error_argument", argument = "loss", value = name, call = call
  )
}

# A function from predictions to labels of classes.
class_rule <- function(y, predicted, probability, call) {
  classes <- if (is.factor(y)) {
    levels(y)
  } else if (is.logical(y)) {
    c("FALSE", "TRUE")
  } else if (is.numeric(y) && all(y %in% 0:1)) {
    c("0", "1")
  } else {
    as.character(sort(unique(as.vector(y))))
  }
  refuse <- function(what) {
    abort_rustle(
      sprintf(
        "Misclassification compares classes, but `predict` gives %s where the classes are %s: let `predict` return classes, or give a function of observed and predicted values as `loss`.",
        what, enumerate_names(classes, 5L)
      ),
      "rustle_error_argument", argument = "loss", value = "misclassification", call = call
    )
  }
  if (length(dim(y)) == 2L) refuse("one value for each row of a matrix")
  if (!length(predicted)) return(as.character)
  columns <- vapply(predicted, NCOL, 0L)
  if (all(columns > 1L)) {
    named <- vapply(predicted, function(p) length(dim(p)) == 2L && is.numeric(p) && setequal(colnames(p), classes), NA)
    if (!all(named)) refuse("a matrix whose columns are not named as the classes are")
    # The largest column of rows without NA.
    return(function(p) {
      if (length(dim(p)) != 2L) return(as.character(p))
      p[is.na(p)] <- -Inf
      colnames(p)[max.col(p, "first")]
    })
  }
  if (any(columns > 1L)) refuse("matrices of different shapes")
  if (probability && length(classes) == 2L) {
    message(sprintf(
      "Predicted probabilities above 0.5 count as class %s, others as class %s.", classes[[2L]], classes[[1L]]
    ))
    return(function(p) classes[1L + (as.vector(p) > 0.5)])
  }
  values <- unlist(lapply(predicted, function(p) unique(as.character(as.vector(if (is.factor(p)) as.character(p) else p)))))
  values <- unique(values[!is.na(values)])
  strange <- setdiff(values, classes)
  numbers <- any(vapply(predicted, function(p) is.numeric(p), NA))
  if (length(strange) && (numbers || length(strange) == length(values))) {
    shown <- if (numbers) format(as.numeric(strange[[1L]]), digits = 3) else strange[[1L]]
    refuse(sprintf("%s such as %s", if (numbers) "numbers" else "values", shown))
  }
  function(p) as.character(p)
}

# Rows without a response, which cannot be learnt from: list(x, y, kept), kept NULL
# when there are none.
without_missing <- function(x, y) {
  kept <- which(!is_missing(y))
  if (length(kept) == NROW(y)) return(list(x = x, y = y, kept = NULL))
  list(x = x[kept, , drop = FALSE], y = pick_rows(y, kept), kept = kept)
}

tell_left_out <- function(count, of, why) {
  if (count) message(sprintf("%d of %d rows are left out: %s.", count, of, why))
}

# Warns of predictions that are NA although the fold did not fail.
warn_no_prediction <- function(count, of) {
  warn_rustle(
    sprintf("%d of %d predictions are missing, as they are where a predictor is: the loss leaves them out.", count, of),
    "rustle_warning_missing"
  )
}
