# Clusters and their combinations. A grouping is list(group, count, name): for each row used
# the number of its group.

# Groupings from a formula over the model's data, a vector or a data frame of the rows used;
# `together` makes one of several, that of their intersections.
group_columns <- function(x, model, argument, call, together = FALSE) {
  named <- inherits(x, "formula")
  columns <- if (named) {
    if (length(x) != 2L) stop_argument(argument, "a formula without a response, as ~ g", x, call)
    model$rows(x, argument)
  } else if (is.data.frame(x)) {
    as.list(x)
  } else if (is.list(x) && length(x)) {
    x
  } else if (is.atomic(x) && length(dim(x)) < 2L) {
    list(x)
  } else {
    stop_argument(argument, "a formula, a vector or a data frame", x, call)
  }
  if (!length(columns)) stop_argument(argument, "a formula with variables, or columns", x, call)
  if (is.null(names(columns))) names(columns) <- rep("", length(columns))
  out <- Map(function(column, name) {
    if (length(column) != model$n) {
      stop_argument(
        argument, sprintf("of the %d rows that the model has used (a formula finds them by itself)", model$n), column, call,
        was = sprintf("of length %d", length(column))
      )
    }
    if (anyNA(column)) {
      abort_rustle(
        sprintf("`%s` must not be NA in rows that the model has used (it is in %d).", argument, sum(is.na(column))),
        class = "rustle_error_argument", argument = argument, rows = which(is.na(column)), call = call
      )
    }
    group <- match(column, unique(column))
    list(group = group, count = max(group), name = name)
  }, columns, names(columns))
  if (together) list(intersect_groups(out)) else unname(out)
}

intersect_groups <- function(groups) {
  same <- vapply(groups, function(g) identical(g$group, groups[[1L]]$group), NA)
  if (all(same)) return(groups[[1L]])
  code <- groups[[1L]]$group
  for (g in groups[-1L]) {
    code <- (code - 1) * g$count + g$group
    code <- match(code, unique(code))
  }
  names <- vapply(groups, `[[`, "", "name")
  list(group = code, count = max(code), name = paste(names[nzchar(names)], collapse = " x "))
}

# Is each group of `inner` within one group of `outer`?
is_nested <- function(inner, outer) {
  if (identical(inner$group, outer$group)) return(TRUE)
  first <- outer$group[match(seq_len(inner$count), inner$group)]
  all(first[inner$group] == outer$group)
}

# The variables of a formula at the rows that a model has used, from the data of its call;
# an error where these cannot be the rows of the fit.
rows_of_model <- function(model, frame, formula, argument, call) {
  scope <- environment(stats::formula(model))
  find <- function(expr) {
    tryCatch(expr, error = function(e) {
      abort_rustle(
        sprintf("`%s` must have variables that are found in the data of the model: %s.", argument, conditionMessage(e)),
        class = c("rustle_error_rows", "rustle_error_argument"), argument = argument, call = call
      )
    })
  }
  data <- if (is.null(model$rustle_data)) find(eval(model$call$data, scope)) else model$rustle_data
  if (is.environment(data)) data <- NULL
  variables <- find(stats::model.frame(formula, if (is.null(data)) environment(formula) else data, na.action = stats::na.pass))
  keep <- seq_len(nrow(variables))
  if (is.null(model$rustle_data)) {
    subset <- find(eval(model$call$subset, if (is.null(data)) scope else as.list(data), scope))
    if (!is.null(subset)) {
      # A row whose subset is NA is a row of NA, which na.action counts.
      if (is.logical(subset)) subset <- rep_len(subset, length(keep))
      if (is.character(subset)) subset <- match(subset, rownames(data))
      keep <- keep[subset]
    }
  }
  if (!is.null(model$na.action)) keep <- keep[-model$na.action]
  same <- length(keep) == nrow(frame) && !anyNA(keep) && !is.null(data) && all(vapply(
    intersect(names(frame), names(data)), function(v) {
      here <- data[[v]]
      if (NCOL(here) > 1L) return(TRUE)
      isTRUE(all.equal(as.vector(here[keep]), as.vector(frame[[v]]), check.attributes = FALSE))
    }, NA
  ))
  if (is.null(data)) same <- length(keep) == nrow(frame) && !anyNA(keep)
  if (!same) {
    abort_rustle(
      sprintf(
        paste(
          "`%s` does not fit the rows that the model has used: the data of the model have changed since it was fitted, or",
          "are not found. Give a vector with one element for each of these %d rows."
        ),
        argument, nrow(frame)
      ),
      class = c("rustle_error_rows", "rustle_error_argument"), argument = argument, call = call
    )
  }
  lapply(as.list(variables), function(v) v[keep])
}

# The error clusterings that the variance adds, with signs, by inclusion and exclusion
# (Cameron, Gelbach and Miller 2011): a list of groupings with `factor`, the sign times the
# finite-sample factor. Combinations that cancel are left out.
variance_parts <- function(clusters, model, adjust, jackknife) {
  D <- length(clusters)
  subsets <- lapply(seq_len(2^D - 1), function(s) which(bitwAnd(s, 2^(seq_len(D) - 1)) > 0))
  parts <- lapply(subsets, function(s) {
    part <- intersect_groups(clusters[s])
    part$sign <- if (length(s) %% 2L) 1 else -1
    part
  })
  keep <- rep(TRUE, length(parts))
  for (i in seq_along(parts)) for (j in seq_len(i - 1L)) {
    cancels <- keep[[i]] && keep[[j]] && parts[[i]]$sign != parts[[j]]$sign && identical(parts[[i]]$group, parts[[j]]$group)
    if (cancels) keep[c(i, j)] <- FALSE
  }
  parts <- parts[keep]
  least <- min(vapply(clusters, `[[`, 0, "count"))
  lapply(parts, function(part) {
    G <- if (adjust == "min") least else part$count
    part$factor <- part$sign * if (jackknife) (G - 1) / G else switch(adjust,
      none = 1, clusters = G / (G - 1), G / (G - 1) * (model$n - 1) / (model$n - model$k)
    )
    part
  })
}
