# What Rust needs to compute a statistic: numbers, programs and names. The fields are
# those that src/rust/src/bootstrap/read.rs reads.
#
# A compiled statistic is a list: `native` (those fields), `names` of the components,
# `smooth` (is there a derivative by the weights?) and `response`, a function of a kind
# of scheme that says how to compute it for another response, or NULL.

# Columns of `data` as statistics ask for them. Missing and infinite values are noted here;
# compile_statistic() then raises an error about them, or drops their rows.
# coding: an environment that keeps how events are coded.
column_user <- function(data, call, coding) {
  source <- column_source(data, call)
  gaps <- new_gaps(source$n)
  numbers <- function(x, label) gaps$note(numeric_column(x, source$n, label, call), label)
  one <- function(which, default, label) {
    if (is.null(which)) which <- default
    if (length(which) != 1L) stop_argument(label, "one column", which, call)
    numbers(source$pick(which, label)[[1L]], source$label(which))
  }
  many <- function(which) {
    # By number: two columns may have the same name, or none.
    if (is.null(which)) which <- seq_len(source$width)
    x <- source$pick(which, "columns")
    for (k in seq_along(x)) x[[k]] <- numbers(x[[k]], source$label(which)[[k]])
    names(x) <- if (!is.null(source$titles)) source$label(which)
    x
  }
  list(
    n = source$n, one = one, note = gaps$note, bad = gaps$bad, told = gaps$told, many = many,
    # As many(), but all columns of a large matrix of numbers as they are: they may fill most of the
    # memory.
    whole = function(which) {
      plain <- is.null(which) && is.matrix(data) && is.double(data) && !is.object(data) && length(data) > large_data
      if (plain && is.finite(sum(data))) data else many(which)
    },
    pair = function(x, y) {
      if (is.null(x) && is.null(y) && source$width != 2L) {
        stop_argument("data", "of two columns, or the statistic must name its columns", data, call)
      }
      list(x = one(x, 1L, "x"), y = one(y, 2L, "y"))
    },
    levels = function(which, default, label) {
      if (is.null(which)) which <- default
      x <- gaps$note(source$pick(which, label)[[1L]], source$label(which))
      two_levels(x, which, label, call)
    },
    event = function(which) {
      if (is.null(which)) which <- 2L
      x <- gaps$note(source$pick(which, "status")[[1L]], source$label(which))
      event_of(x, source$label(which), coding, call)
    },
    model = function(formula, ...) model_columns(formula, data, source$n, gaps$note, call, ...)
  )
}

# Where columns are found: list(n, width, titles, label, pick). pick(which): a list of them,
# as they are; label(which): how messages call them.
column_source <- function(data, call) {
  # A plain vector is one column. It is not copied, because it may fill most of the memory.
  plain <- !is.data.frame(data) && !is.matrix(data)
  titles <- if (!plain) colnames(data)
  width <- if (plain) 1L else ncol(data)
  if (length(dim(data)) > 2L || width == 0L) {
    stop_argument("data", "a vector, or a matrix or data frame with columns", data, call)
  }
  column <- function(k) if (plain) data else if (is.data.frame(data)) data[[k]] else data[, k]
  list(
    n = NROW(data), width = width, titles = titles,
    label = function(which) {
      if (is.character(which)) return(which)
      if (is.null(titles)) as.character(which) else titles[which]
    },
    pick = function(which, label) {
      known <- if (is.character(which)) titles else if (is.numeric(which)) seq_len(width)
      if (!all(which %in% known)) stop_argument(label, "names or numbers of columns of `data`", which, call)
      lapply(stats::setNames(nm = which), column)
    }
  )
}

# Keeps which of `n` rows have missing or infinite values: note(x, label) looks at a column
# and returns it; bad() says for each row whether it has any; told() counts them by column.
new_gaps <- function(n) {
  bad <- logical(n)
  told <- character()
  list(
    note = function(x, label) {
      # A sum is read faster than a range. It may be infinite although no number is.
      if (is.double(x) && !is.object(x) && is.finite(sum(x))) return(x)
      here <- if (is.numeric(x)) !is.finite(x) else is.na(x)
      if (any(here)) {
        told[[label]] <<- sum(here)
        bad <<- bad | here
      }
      x
    },
    bad = function() bad, told = function() told
  )
}

numeric_column <- function(x, n, label, call) {
  if (!is.numeric(x) && !is.logical(x)) stop_argument("data", sprintf("numeric in column %s", label), x, call)
  if (length(x) != n) stop_argument("data", sprintf("one number per row in column %s", label), x, call)
  as.double(x)
}

two_levels <- function(x, which, label, call) {
  x <- droplevels(factor(x))
  if (nlevels(x) != 2L) {
    stop_argument(label, sprintf("a column with two different values (it has %d)", nlevels(x)), which, call)
  }
  x
}

# The model frame of a formula, whose columns `note` looks at. weights, offset: NULL or what
# check_model_column() accepts; columns "(weights)" and "(offset)" of the frame, as lm() has
# them. special: functions that terms() shall find. effects: "(effects)", a data frame.
model_columns <- function(formula, data, n, note, call, weights = NULL, offset = NULL, special = NULL, effects = NULL) {
  columns <- as.data.frame(data)
  frame <- tryCatch(
    stats::model.frame(if (is.null(special)) formula else stats::terms(formula, special, data = columns), columns, na.action = stats::na.pass),
    error = function(e) {
      check_variables(formula, names(columns), "formula", call)
      abort_rustle(
        sprintf("`formula` has no model frame on the data: %s.", sub("[.]$", "", conditionMessage(e))),
        "rustle_error_argument", argument = "formula", parent = e, call = call
      )
    }
  )
  if (nrow(frame) != n) stop_argument("formula", "a formula of columns of `data`", formula, call)
  frame[["(weights)"]] <- model_column(weights, columns, "weights", call)
  frame[["(offset)"]] <- model_column(offset, columns, "offset", call)
  if (!is.null(effects)) frame[["(effects)"]] <- effect_columns(effects, columns, call)
  for (k in names(frame)) {
    column <- as_rows(frame[[k]])
    for (j in seq_len(ncol(column))) note(if (is.data.frame(column)) column[[j]] else column[, j], k)
  }
  frame
}

# The name of a column, or a one-sided formula: what weights and offsets are given as.
check_model_column <- function(x, argument, call) {
  good <- is.null(x) || is.character(x) && length(x) == 1L && !is.na(x) || inherits(x, "formula") && length(x) == 2L
  if (!good) stop_argument(argument, "NULL, the name of a column, or a one-sided formula such as ~ w", x, call)
  x
}

model_column <- function(x, columns, argument, call) {
  if (is.null(x)) return(NULL)
  value <- if (is.character(x)) {
    if (!x %in% names(columns)) stop_argument(argument, "the name of a column of `data`", x, call)
    columns[[x]]
  } else {
    check_variables(x, names(columns), argument, call)
    eval(x[[2L]], columns, environment(x))
  }
  if (!is.numeric(value) || length(value) != nrow(columns)) {
    stop_argument(argument, "a number for each row of `data`", value, call)
  }
  as.double(value)
}

# Prior weights of a model frame, or NULL where there are none.
prior_weights <- function(frame) {
  w <- frame[["(weights)"]]
  if (is.null(w) || all(w == 1)) return(NULL)
  check_prior_weights(w)
  as.double(w)
}

check_prior_weights <- function(w, call = NULL) {
  if (all(w >= 0) && any(w > 0)) return(invisible())
  abort_rustle(
    if (any(w < 0)) sprintf("`weights` must not be negative (negative are %d).", sum(w < 0)) else "`weights` must not be all 0.",
    "rustle_error_argument", argument = "weights", value = w, call = call
  )
}

# 1 for an event and 0 for a censored time, of a column coded as for survival::Surv().
event_of <- function(x, label, coding, call) {
  known <- if (is.numeric(x)) x[is.finite(x)]
  if (length(known) && is.null(coding$censored)) coding$censored <- if (max(known) == 2) 1 else 0
  good <- is.logical(x) || length(known) && all(known %in% (coding$censored + 0:1))
  if (!good) {
    was <- if (is.numeric(x)) paste("with values such as", enumerate_names(unique(known), 5L)) else describe(x)
    abort_rustle(
      sprintf(
        "`status` must be a column of TRUE and FALSE, of 0 and 1, or of 1 (censored) and 2 (event); column %s is %s.",
        label, was
      ),
      "rustle_error_argument", argument = "status", value = x, call = call
    )
  }
  if (is.logical(x)) as.double(x) else as.double(x - coding$censored)
}

# The first names, and dots where there are more, for messages.
enumerate_names <- function(x, most = 20L) {
  paste0(paste(utils::head(x, most), collapse = ", "), if (length(x) > most) ", ...")
}

# Stops if a variable of the formula does not exist: it is a column, or an object (but no
# function) in the environment of the formula.
check_variables <- function(formula, columns, argument, call) {
  variables <- setdiff(all.vars(formula), c(".", ".w", columns))
  there <- vapply(variables, exists, NA, envir = environment(formula))
  there[there] <- !vapply(variables[there], function(v) is.function(get(v, envir = environment(formula))), NA)
  if (all(there)) return()
  missing <- variables[!there]
  abort_rustle(
    sprintf(
      "`%s` must be a formula of columns of `data`, which are %s: object '%s' not found.", argument,
      if (length(columns)) enumerate_names(columns) else "none", missing[[1L]]
    ),
    "rustle_error_argument", argument = argument, missing = missing, columns = columns, call = call
  )
}

# Returns list(compiled, data): without the rows that are not complete if na.rm;
# `dropped` is called with the data that are left, before they are compiled.
compile_statistic <- function(statistic, data, na.rm, call, dropped = function(data) NULL) {
  if (is.null(statistic$coding)) statistic$coding <- new.env()
  use <- column_user(data, call, statistic$coding)
  if (use$n == 0L) stop_argument("data", "at least one observation", data, call)
  failure <- NULL
  compiled <- tryCatch(with_call(call, statistic$compile(use)), error = function(e) { failure <<- e; NULL })
  if (any(use$bad())) {
    if (!na.rm) {
      told <- use$told()
      abort_rustle(
        sprintf(
          "`data` must be complete: %s (`na.rm = TRUE` drops these rows before resampling).",
          paste(sprintf("column %s has %s missing or infinite value(s)", names(told), told), collapse = ", ")
        ),
        class = "rustle_error_argument", argument = "data", rows = which(use$bad()), call = call
      )
    }
    keep <- !use$bad()
    data <- if (is.data.frame(data) || is.matrix(data)) data[keep, , drop = FALSE] else data[keep]
    dropped(data)
    return(compile_statistic(statistic, data, FALSE, call))
  }
  if (!is.null(failure)) stop(failure)
  list(compiled = compiled, data = data)
}

compiled_statistic <- function(native, names = NULL, smooth = TRUE, response = NULL) {
  if (is.null(native$ops)) native[c("ops", "values")] <- no_program
  list(native = native, names = names, smooth = smooth, response = response)
}

# Numbers from which on columns are not copied before Rust makes its table of them. A round
# number: copies of less are nothing beside the replicates.
large_data <- 1e6

# Statistics of powers of the centred columns up to `power`: `expr(x, c, S, scale)` is an
# expression in the sums S and N of (x - c) / scale.
moment_statistic <- function(x, power, expr) {
  if (power == 1L && sum(lengths(x)) > large_data) {
    center <- if (is.matrix(x)) unname(colMeans(x)) else vapply(x, function(v) sum(v) / length(v), 0, USE.NAMES = FALSE)
    if (all(is.finite(center))) {
      exprs <- lapply(seq_along(center), function(k) expr(NULL, center[[k]], list(as.name(paste0("S", k))), 1))
      return(sums_statistic(x, exprs, if (is.matrix(x)) colnames(x) else names(x), center = center))
    }
    if (is.matrix(x)) x <- lapply(stats::setNames(seq_len(ncol(x)), colnames(x)), function(k) x[, k])
  }
  z <- exprs <- list()
  for (k in seq_along(x)) {
    center <- mean(x[[k]])
    sums <- list()
    d <- x[[k]] - center
    scale <- if (power == 2L) extreme_scale(d) else 1
    if (scale != 1) d <- d / scale
    for (p in seq_len(power)) {
      z[[length(z) + 1L]] <- if (p == 1L) d else d^p
      sums[[p]] <- as.name(paste0("S", length(z)))
    }
    exprs[[k]] <- expr(x[[k]], center, sums, scale)
  }
  sums_statistic(z, exprs, names(x))
}

# z: a matrix, or a list of columns. One column is not copied, because it may fill most of the
# memory; nor are several more than once, and those with a `center`, which is subtracted from them, not
# at all.
sums_statistic <- function(z, exprs, names = NULL, response = NULL, center = NULL) {
  count <- if (is.list(z)) length(z) else NCOL(z)
  if (is.null(center)) {
    z <- if (!is.list(z)) as.double(z) else if (count == 1L) z[[1L]] else unlist(z, use.names = FALSE)
  }
  inputs <- c(paste0("S", seq_len(count)), "N")
  native <- c(list(source = "sums", z = z, center = center), compile_program(exprs, inputs))
  compiled_statistic(native, names, response = response)
}

# A number to divide by before squaring, when squares would overflow or become 0.
extreme_scale <- function(d) {
  size <- max(abs(d))
  if (size == 0 || (size > 1e-100 && size < 1e100)) 1 else size
}

# A variance below 1e-13 of the sum of squares is rounding error: it is set to 0, which is
# the variance of equal numbers.
variance_expr <- function(s1, s2, scale) {
  variance <- bquote(floor_at(.(s2) - .(s1)^2 / N, 1e-13 * .(s2)) / (N - 1))
  if (scale == 1) variance else bquote(.(scale) * (.(scale) * .(variance)))
}

compile_pair <- function(pair, what) {
  n <- length(pair$x)
  # Scaled, so that products neither overflow nor vanish.
  scale <- vapply(pair, function(v) {
    d <- v - mean(v)
    extreme <- extreme_scale(d)
    s <- extreme * sqrt(mean((d / extreme)^2))
    if (s > 0) s else 1
  }, 0)
  dx <- (pair$x - mean(pair$x)) / scale[[1L]]
  dy <- (pair$y - mean(pair$y)) / scale[[2L]]
  if (what == "cov") {
    expr <- bquote(.(prod(scale)) * (S3 - S1 * S2 / N) / (N - 1))
    response <- list(a = dx * scale[[1L]] / (n - 1), y = dy * scale[[2L]], base = 0)
    return(sums_statistic(cbind(dx, dy, dx * dy), list(expr), response = linear_response(response)))
  }
  expr <- quote(
    (S5 - S1 * S2 / N) / sqrt(floor_at(S3 - S1^2 / N, 1e-13 * S3) * floor_at(S4 - S2^2 / N, 1e-13 * S4))
  )
  response <- list(a = dx / sqrt(sum(dx^2)), y = dy / sqrt(sum(dy^2)), base = 0)
  sums_statistic(
    cbind(dx, dy, dx^2, dy^2, dx * dy), list(expr), response = linear_response(response)
  )
}

compile_ratio <- function(pair) {
  cx <- mean(pair$x)
  cu <- mean(pair$y)
  expr <- bquote((.(cx) * N + S1) / (.(cu) * N + S2))
  sums_statistic(cbind(pair$x - cx, pair$y - cu), list(expr))
}

compile_mean_difference <- function(x, group) {
  first <- as.double(group == levels(group)[[1L]])
  center <- mean(x)
  d <- x - center
  response <- list(a = first / sum(first) - (1 - first) / sum(1 - first), y = d, base = 0)
  sums_statistic(
    cbind(first, first * d, (1 - first) * d), list(quote(S2 / S1 - S3 / (N - S1))),
    name_difference("means", group),
    response = linear_response(response)
  )
}

compile_median_difference <- function(x, group) {
  rows <- split(seq_along(x), group)
  half <- list(scan = "quantile", prob = 0.5, type = 7)
  native <- list(
    source = "scans",
    orders = lapply(unname(rows), function(r) list(x = x, rows = r)),
    scans = list(c(order = 1, half), c(order = 2, half))
  )
  native <- c(native, compile_program(list(quote(S1 - S2)), c("S1", "S2")))
  compiled_statistic(native, name_difference("medians", group), smooth = FALSE)
}

# Says which level is subtracted from which.
name_difference <- function(what, group) sprintf("difference of %s (%s)", what, paste(levels(group), collapse = " - "))

# Applies the same scans to every column.
scan_statistic <- function(x, scans) {
  orders <- lapply(unname(x), function(v) list(x = as.double(v), rows = seq_along(v)))
  all <- list()
  for (k in seq_along(x)) all <- c(all, lapply(scans, function(s) c(order = k, s)))
  compiled_statistic(list(source = "scans", orders = orders, scans = all), names(x), smooth = FALSE)
}

smooth_scan <- function(compiled) {
  compiled$smooth <- TRUE
  compiled
}

with_program <- function(compiled, exprs, names) {
  inputs <- paste0("S", seq_along(compiled$native$scans))
  compiled$native[c("ops", "values")] <- compile_program(exprs, inputs)
  compiled$names <- names
  compiled
}

compile_auc <- function(x, group) {
  second <- as.double(group == levels(group)[[2L]])
  out <- smooth_scan(scan_statistic(list(x), list(list(scan = "auc", marked = second))))
  n1 <- sum(second)
  n0 <- sum(1 - second)
  out$response <- linear_response(list(a = second / (n1 * n0), y = rank(x), base = -(n1 + 1) / (2 * n0)))
  out
}

compile_spearman <- function(pair) {
  native <- list(source = "ranks", pairs = list(list(x = pair$x, y = pair$y)))
  rx <- rank(pair$x) - (length(pair$x) + 1) / 2
  ry <- rank(pair$y) - (length(pair$y) + 1) / 2
  out <- compiled_statistic(native)
  out$response <- linear_response(list(a = rx / sqrt(sum(rx^2)), y = ry / sqrt(sum(ry^2)), base = 0))
  out
}

# base + sum(a * y*), for a response that is permuted.
linear_response <- function(parts) {
  function(kind) {
    if (kind != "permutation") return(NULL)
    list(source = "response", a = parts$a, y = parts$y, base = parts$base, post = 1)
  }
}

design_of <- function(frame) {
  # Errors of model.frame() are shown as they are.
  force(frame)
  x <- tryCatch(
    stats::model.matrix(attr(frame, "terms"), frame, contrasts.arg = attr(frame, "contrasts")),
    error = function(e) {
      abort_rustle(
        sprintf("`formula` has no design matrix on the data: %s.", sub("[.]$", "", conditionMessage(e))),
        "rustle_error_argument", argument = "formula", parent = e
      )
    }
  )
  y <- stats::model.response(frame)
  list(x = x, y = y, offset = stats::model.offset(frame))
}

# Q, R^-1 of a design of full rank.
basis_of <- function(x, argument = "formula") {
  decomposed <- qr(x)
  p <- ncol(x)
  if (nrow(x) < p || decomposed$rank < p) {
    aliased <- colnames(x)[decomposed$pivot[-seq_len(decomposed$rank)]]
    abort_rustle(
      sprintf(
        "`%s` must give a design of full rank: %s%d columns, rank %d (aliased: %s).",
        argument, if (nrow(x) < p) sprintf("%d rows, ", nrow(x)) else "", p, decomposed$rank, paste(aliased, collapse = ", ")
      ),
      class = "rustle_error_argument", argument = argument, aliased = aliased
    )
  }
  list(qr = decomposed, q = qr.Q(decomposed), back = backsolve(qr.R(decomposed), diag(p)))
}

# The response of a linear model, less the offset.
response_of_lm <- function(design) {
  if (!is.numeric(design$y) || is.matrix(design$y)) {
    abort_rustle("The response of `formula` must be one numeric column.", "rustle_error_argument", argument = "formula")
  }
  as.double(design$y) - if (is.null(design$offset)) 0 else design$offset
}

# effects: groupings that are projected out, or NULL.
compile_lm <- function(frame, effects = effects_of_frame(frame)) {
  if (!is.null(effects)) return(compile_absorbed(frame, effects))
  design <- design_of(frame)
  y <- response_of_lm(design)
  # Weighted least squares are those of the rows times the roots of the weights.
  prior <- prior_weights(frame)
  root <- if (is.null(prior)) 1 else sqrt(prior)
  y <- root * y
  basis <- basis_of(root * design$x)
  beta <- qr.coef(basis$qr, y)
  residuals <- as.double(qr.resid(basis$qr, y))
  native <- list(
    source = "lm", q = basis$q, back = basis$back, beta = as.double(beta),
    residuals = residuals
  )
  response <- function(kind) {
    if (kind == "permutation" && !is.null(prior)) return(NULL)
    e <- switch(kind, permutation = y, residual = residuals - mean(residuals), wild = residuals, NULL)
    if (is.null(e)) return(NULL)
    list(
      source = "response", a = as.double(basis$q), y = e,
      base = if (kind == "permutation") 0 * as.double(beta) else as.double(beta), post = as.double(t(basis$back))
    )
  }
  compiled_statistic(native, colnames(design$x), response = response)
}

# start: coefficients from which the fit begins, or NULL. fitted: does the user call the model `model`?
compile_glm <- function(frame, family, start = NULL, effects = effects_of_frame(frame), fitted = FALSE) {
  if (!is.null(effects)) return(compile_absorbed_glm(frame, family, effects))
  design <- design_of(frame)
  response <- glm_response(design$y, prior_weights(frame), family)
  if (length(response$y) != nrow(design$x)) response$y <- NA
  y <- check_glm_response(response$y, family)
  prior <- response$weights
  basis <- basis_of(design$x)
  offset <- if (is.null(design$offset)) double(length(y)) else design$offset
  # Near the estimate: the native fit goes on from there until the likelihood cannot rise.
  fit <- tryCatch(
    suppressWarnings(stats::glm.fit(
      design$x, y, if (is.null(prior)) rep(1, length(y)) else prior, family = family, offset = offset, start = start,
      control = list(epsilon = 1e-12, maxit = 200)
    )),
    error = function(e) list(converged = FALSE, message = conditionMessage(e))
  )
  far <- function(fit) {
    if (variance_name(family) != "mu(1-mu)") return(FALSE)
    # Of separated groups glm.fit() ends somewhere on the way to probabilities of 0 and 1.
    max(abs(fit$linear.predictors)) > 30 && family$link == "logit" || max(abs(y - fit$fitted.values)) < 1e-6
  }
  if (!fit$converged || anyNA(fit$coefficients) || fit$boundary || far(fit)) {
    abort_rustle(
      sprintf(
        "%s has no finite estimate on the data (%s).", if (fitted) "`model`" else "The model of `formula`",
        if (is.null(fit$message)) "separated groups?" else fit$message
      ),
      c(if (is.null(fit$message) && !anyNA(fit$coefficients)) "rustle_error_separation", "rustle_error_argument"),
      argument = if (fitted) "model" else "formula"
    )
  }
  known <- family$family %in% c("binomial", "poisson")
  mu <- fit$fitted.values
  w <- if (is.null(prior)) 1 else prior
  dispersion <- if (known) 1 else max(sum(w * (y - mu)^2 / family$variance(mu)) / max(1, length(y) - length(fit$coefficients)), 1e-20)
  native <- list(
    source = "glm", link = family$link, variance = variance_name(family), q = as.double(basis$q),
    back = as.double(basis$back), beta = as.double(fit$coefficients), y = y, eta = as.double(fit$linear.predictors),
    prior = prior, dispersion = dispersion
  )
  check_estimate_of_glm(native, family, fitted)
  compiled_statistic(native, colnames(design$x))
}

# glm.fit() takes a coefficient on its way to infinity for an estimate where the deviance hardly falls any more;
# the native fit goes on.
check_estimate_of_glm <- function(native, family, fitted) {
  native[c("ops", "values")] <- no_program
  found <- unpack(rs_boot_observed(unpack(open_boot(plain_spec(length(native$y), native)))))
  if (found$status == 0L) return(invisible())
  binomial <- variance_name(family) == "mu(1-mu)"
  zeros <- variance_name(family) == "mu" && family$link == "log"
  abort_rustle(
    sprintf(
      "%s has no finite estimate on the data (%s).", if (fitted) "`model`" else "The model of `formula`",
      if (binomial) "separated groups?" else if (zeros) "a group whose responses are all 0?" else rs_boot_reasons()[[found$status]]
    ),
    c(if (binomial || zeros) "rustle_error_separation", "rustle_error_argument"), argument = if (fitted) "model" else "formula"
  )
}
