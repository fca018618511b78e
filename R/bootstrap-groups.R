# Rows that a fitted model takes as belonging together, such as the subjects of a mixed model. Drawn one by
# one they give the standard errors of another sampling.

# The names of functions that an expression calls.
called_functions <- function(expr) {
  if (!is.call(expr)) return(character())
  own <- expr[[1L]]
  name <- if (is.symbol(own)) as.character(own) else if (is.call(own) && length(own) == 3L) as.character(own[[3L]])
  unique(c(name, unlist(lapply(as.list(expr)[-1L], called_functions))))
}

# Names of the variables that group the rows of a model, or none.
groups_of_fit <- function(model) {
  found <- tryCatch({
    if (inherits(model, "merMod")) {
      names(lme4::getME(model, "flist"))
    } else if (inherits(model, "lme")) {
      names(model$groups)
    } else if (inherits(model, "gls")) {
      all.vars(getExportedValue("nlme", "getGroupsFormula")(model$modelStruct$corStruct))
    } else {
      again <- call_of_fit(model)
      smooth <- Filter(function(s) inherits(s, "random.effect"), if (inherits(model, "gam")) model$smooth)
      by <- if (inherits(model, c("coxph", "gee", "geeglm", "geese"))) again[c("id", "cluster")]
      c(
        unlist(lapply(smooth, function(s) s$term)), grouping_terms(stats::formula(model)),
        unlist(lapply(as.list(by), all.vars))
      )
    }
  }, error = function(e) NULL)
  unique(as.character(found))
}

# Variables in cluster(g), frailty(g) and (1 | g).
grouping_terms <- function(expr) {
  if (!is.call(expr)) return(character())
  bars <- identical(expr[[1L]], quote(`(`)) && is.call(expr[[2L]]) && as.character(expr[[2L]][[1L]])[[1L]] %in% c("|", "||")
  if (bars) return(all.vars(expr[[2L]][[3L]]))
  if (any(startsWith(called_functions(expr)[[1L]], c("cluster", "frailty")))) return(all.vars(expr))
  unlist(lapply(as.list(expr)[-1L], grouping_terms))
}

# Models say how rows belong together; bootstrap() is to be told.
warn_groups_of_fit <- function(model) {
  groups <- groups_of_fit(model)
  if (!length(groups)) return(invisible())
  warn_rustle(
    sprintf(
      "The model has groups of rows (%s), but rows are drawn one by one. `cluster = ~ %s` draws whole groups%s.",
      paste(groups, collapse = ", "), groups[[1L]],
      if (inherits(model, "merMod")) ", `sim = \"parametric\"` responses of the model" else ""
    ),
    "rustle_warning_clusters"
  )
}

# A model that is fitted again to its own rows is the same one, unless something that is not in its data has
# changed: options, variables of the session.
warn_other_fit <- function(model, f, t0, t) {
  if (is.null(f)) f <- model_coefficients
  own <- tryCatch(suppressWarnings(keep_random_seed(as.double(f(model)))), error = function(e) NULL)
  if (length(own) != length(t0) || !length(own)) return(invisible())
  spread <- suppressWarnings(apply(t, 2L, stats::sd, na.rm = TRUE))
  spread[is.na(spread)] <- 0
  far <- which(abs(own - t0) > pmax(1e-3 * pmax(abs(own), abs(t0)), 0.01 * spread))
  if (!length(far)) return(invisible())
  # Of what draws random numbers that says nothing.
  next_time <- tryCatch(suppressWarnings(keep_random_seed({ f(model); as.double(f(model)) })), error = function(e) NULL)
  if (!identical(next_time, own)) return(invisible())
  warn_rustle(
    sprintf(
      "The model that is fitted again to its own data is another one (%s is %s, not %s): have options or variables changed since it was fitted?",
      names(t0)[[far[[1L]]]], format(t0[[far[[1L]]]], digits = 4L), format(own[[far[[1L]]]], digits = 4L)
    ),
    "rustle_warning_refit"
  )
}
