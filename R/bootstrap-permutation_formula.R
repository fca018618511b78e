# The formula form of permutation_test(): response ~ group, or response ~ numbers for
# correlations.

# list(x, y, strata, names, levels): strata in the order of c(x, y).
samples_of_formula <- function(formula, data, statistic, strata, call) {
  correlation <- is.character(statistic) && statistic %in% c("cor", "spearman")
  must <- if (correlation) "a formula such as y ~ x" else "a formula such as y ~ group"
  if (length(formula) != 3L) stop_argument("x", must, formula, call)
  if (!is.null(data) && !is.data.frame(data) && !is.matrix(data)) {
    stop_argument("data", "a data frame or matrix", data, call)
  }
  if (is.null(data)) data <- formula_variables(formula, call)
  frame <- column_user(data, call, new.env())
  columns <- frame$model(formula)
  for (k in if (correlation) seq_along(columns) else 1L) {
    if (is.numeric(columns[[k]])) next
    stop_argument("data", sprintf("numeric in %s", names(columns)[[k]]), columns[[k]], call)
  }
  response <- columns[[1L]]
  terms <- as.list(columns[-1L])
  if (any(frame$bad())) {
    told <- frame$told()
    abort_rustle(
      sprintf(
        "`data` must be complete: %s.",
        paste(sprintf("%s has %s missing or infinite value(s)", names(told), told), collapse = ", ")
      ),
      "rustle_error_argument", argument = "data", rows = which(frame$bad()), call = call
    )
  }
  variables <- names(columns)
  if (!length(terms) || (!correlation && length(terms) != 1L)) stop_argument("x", must, formula, call)
  if (correlation) {
    x <- if (length(terms) == 1L) terms[[1L]] else do.call(cbind, terms)
    return(list(x = x, y = response, strata = strata, names = paste(variables[-1L], "and", variables[[1L]], collapse = ", ")))
  }
  group <- droplevels(factor(terms[[1L]]))
  if (nlevels(group) != 2L) {
    abort_rustle(
      sprintf("`x` must be a formula of two groups: `%s` has %d different values.", variables[[2L]], nlevels(group)),
      "rustle_error_argument", argument = "x", value = formula, call = call
    )
  }
  first <- group == levels(group)[[1L]]
  rows <- c(which(first), which(!first))
  part <- function(kept) if (is.matrix(response)) response[kept, , drop = FALSE] else response[kept]
  list(
    x = part(first), y = part(!first), strata = if (length(strata) == length(rows)) strata[rows] else strata,
    names = paste(variables[[1L]], "by", variables[[2L]]), levels = levels(group)
  )
}

# The variables of a formula without data, as data.
formula_variables <- function(formula, call) {
  names <- all.vars(formula)
  found <- lapply(stats::setNames(nm = names), get0, envir = environment(formula))
  found <- Filter(function(v) NROW(v) > 1L && !is.function(v), found)
  missing <- setdiff(names, names(found))
  if (length(missing) || !length(found) || length(unique(vapply(found, NROW, 0L))) != 1L) {
    must <- if (length(missing)) sprintf("a formula of variables that exist (object '%s' not found)", missing[[1L]])
    stop_argument("x", if (is.null(must)) "a formula of variables of one length" else must, formula, call)
  }
  structure(found, class = "data.frame", row.names = .set_row_names(NROW(found[[1L]])))
}
