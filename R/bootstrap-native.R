# Native replicates: Rust computes as many as fit into a slice, R looks whether the user
# wants to stop, until all are there.

# The formula as Rust can compute it, or NULL when it cannot.
native_formula <- function(formula, data, na_rm, call) {
  spec <- list(compile = function(use) {
    made <- compile_formula(formula, data_now)
    if (is.null(made)) return(NULL)
    # Missing values in the terms of the sums.
    for (k in seq_len(ncol(made$z))) use$note(made$z[, k], paste("of", deparse(formula)[[1L]]))
    sums_statistic(made$z, made$exprs, made$names)
  })
  data_now <- data
  out <- compile_statistic(spec, data, na_rm, call, function(d) data_now <<- d)
  if (is.null(out$compiled)) NULL else out
}

# Computes t0, and makes the engine of the scheme.
prepare_native <- function(job) {
  compiled <- job$compiled
  plain <- unpack(open_boot(plain_spec(job$n, compiled$native)), job$call)
  observed <- unpack(rs_boot_observed(plain), job$call)
  if (observed$status != 0L) stop_statistic(0L, rs_boot_reasons()[[observed$status]], NULL, job$call)
  t0 <- as.vector(observed$t)
  names(t0) <- component_names(compiled$names, length(t0), job$statistic)
  job$t0 <- t0
  job$plain <- plain
  kind <- job$scheme$spec$kind
  # NULL: the replicates are of the same statistic as t0, which its engine has.
  native <- NULL
  if (job$sim %in% c("permutation", "residual", "wild")) {
    native <- compiled$response(job$sim)
    if (is.null(native)) stop_scheme(job, "it has no response or residuals")
    native$rows <- if (is.null(job$scheme$strata)) seq_len(job$n) else unlist(job$scheme$strata)
    native[c("ops", "values")] <- no_program
  }
  if (kind == "antithetic") job$scheme$spec$mirror <- mirror_of(native_jackknife(job)[, 1L], job$rows)
  job["engine_native"] <- list(native)
  job
}

component_names <- function(names, p, statistic) {
  if (!is.null(names) && length(names) == p) return(names)
  if (p == 1L && inherits(statistic, "rustle_statistic")) return(statistic$name)
  if (p == 1L) "t" else paste0("t", seq_len(p))
}

# Replicates after the first `from`: list(t = (R - from) x p, failed, messages), `failed` the
# rows of t.
run_native <- function(job, from = 0) {
  R <- job$R
  progress <- new_progress(list(n = R - from), job$threads, job$plan)
  on.exit(progress$close())
  out <- rows_in_slices(
    R - from, length(job$t0), job$call, function(done) rs_boot_run(job$handle, from + done, R, 0, job$threads),
    stopping = job$options$on_error == "stop", tell = function(done) progress$update(done, job$threads),
    note = start_native(job$call, job$threads, R - from, "replicate")
  )
  failed <- which(out$status != 0L)
  list(t = out$t, failed = failed, messages = rs_boot_reasons()[out$status[failed]])
}

# One replicate again, natively: list(t, message or NULL).
again_native <- function(job, replicate, attempt) {
  out <- unpack(rs_boot_run(job$handle, replicate - 1, replicate, attempt, 1), job$call)
  list(t = out$t[1L, ], message = if (out$status != 0L) rs_boot_reasons()[[out$status]])
}

# Rows of a statistic, of which `step(done)` computes as many of the next as fit into a
# slice: list(t = total x p, status). `stopping`: the first failure ends it. `tell` hears
# how many are done. note: see in_slices().
rows_in_slices <- function(total, p, call, step, stopping = FALSE, tell = function(done) NULL, note = function() NULL) {
  t <- NULL
  status <- integer(total)
  in_slices(function(done) {
    if (is.null(done)) done <- 0
    part <- unpack(step(done), call)
    rows <- done + seq_along(part$status)
    # Where one slice computes all rows, they are not copied.
    if (length(rows) == total) {
      t <<- part$t
    } else {
      if (is.null(t)) t <<- matrix(NA_real_, total, p)
      t[rows, ] <<- part$t
    }
    status[rows] <<- part$status
    done <- done + length(rows)
    tell(done)
    ended <- done >= total || (stopping && any(part$status != 0L))
    list(value = NULL, state = if (!ended) done)
  }, note)
  list(t = t, status = status)
}

# Attempts for one replicate under on_error = "redraw".
boot_attempts <- 100L

# What becomes of replicates that failed: list(t, failures). from: as in run_native().
handle_failures <- function(outcome, job, from = 0) {
  t <- outcome$t
  failed <- outcome$failed
  if (!length(failed)) return(list(t = t, failures = no_failures(), lost = 0L))
  failures <- data.frame(replicate = as.integer(failed + from), message = as.character(outcome$messages))
  rule <- job$options$on_error
  if (rule == "stop") stop_statistic(as.integer(failed[[1L]] + from), failures$message[[1L]], outcome$conditions[[1L]], job$call)
  t[failed, ] <- NA_real_
  if (length(failed) > 0.1 * nrow(t)) {
    warning(sprintf("%d of %d replicates failed (first: %s).", length(failed), nrow(t), failures$message[[1L]]), call. = FALSE)
  }
  if (rule == "redraw") {
    again <- if (job$native) again_native else again_function
    for (r in failed + from) {
      for (attempt in seq_len(boot_attempts)) {
        out <- again(job, r, attempt)
        if (is.null(out$message)) {
          t[r - from, ] <- out$t
          break
        }
        failures[nrow(failures) + 1L, ] <- list(r, out$message)
      }
      if (!is.null(out$message)) {
        stop_statistic(r, sprintf("%s (in %d attempts)", out$message, boot_attempts + 1L), NULL, job$call)
      }
      rs_check_interrupt()
    }
    failures <- failures[order(failures$replicate), , drop = FALSE]
    rownames(failures) <- NULL
  }
  # `lost`: how many rows are NA because they failed.
  list(t = t, failures = failures, lost = if (rule == "na") length(failed) else 0L)
}

# Values that are not finite, which intervals leave out; failures are told elsewhere.
warn_not_finite <- function(handled, t0, data) {
  R <- nrow(handled$t)
  # A component without a value, such as an aliased coefficient, is visible in the result.
  # That missing data are the reason is not, so there is a warning.
  if (anyNA(t0) && nzchar(why <- why_missing(data))) {
    warning(sprintf("The statistic is NA on the data (component %s).%s", names(t0)[is.na(t0)][[1L]], why), call. = FALSE)
  }
  missing <- R - colSums(is.finite(handled$t)) - handled$lost
  many <- is.finite(t0) & missing > 0.1 * R
  if (!any(many)) return()
  warning(sprintf(
    "The statistic is not finite in %d of %d replicates (component %s): intervals leave them out.",
    max(missing[many]), R, names(t0)[many][[which.max(missing[many])]]
  ), call. = FALSE)
}

stop_statistic <- function(replicate, message, parent, call, left_out = FALSE, hint = "") {
  where <- if (replicate == 0L) {
    "on the data"
  } else {
    sprintf(if (left_out) "without observation or cluster %d" else "in replicate %d", replicate)
  }
  if (replicate != 0L && !left_out) hint <- " `on_error = \"na\"` or \"redraw\" goes on without it."
  abort_rustle(
    sprintf("The statistic failed %s: %s.%s", where, sub("[.]$", "", message), hint),
    class = "rustle_error_statistic", replicate = replicate, reason = message, parent = parent, call = call
  )
}

# Statistic without each group (a list of rows; NULL: each observation).
native_without <- function(job, groups = NULL) {
  total <- if (is.null(groups)) job$n else length(groups)
  influence_rows(rows_in_slices(total, length(job$t0), job$call, function(done) {
    rs_boot_without(job$plain, groups, done, job$threads)
  }))
}

# A fit that fails without an observation has no influence value.
influence_rows <- function(out) {
  if (any(out$status != 0L)) out$t[out$status != 0L, ] <- NA_real_
  out$t
}

# Influence values by the jackknife, a row per observation or cluster.
native_jackknife <- function(job) {
  groups <- cluster_rows(job$design$cluster, job$n)
  jackknife_influence(job$t0, native_without(job, groups), jackknife_sizes(job, groups))
}

native_infinitesimal <- function(job) {
  strata <- if (is.null(job$rows)) list(seq_len(job$n)) else job$rows
  influence_rows(rows_in_slices(job$n, length(job$t0), job$call, function(done) {
    rs_boot_infinitesimal(job$plain, strata, done, job$threads)
  }))
}

# Refuses infinitesimal influence values where there is no derivative.
check_influence <- function(job) {
  if (job$options$influence != "inf") return()
  if (!is.null(job$design$cluster)) {
    stop_argument("influence", "\"jack\", \"auto\" or \"none\" with clusters", "inf", job$call)
  }
  if (!job$native || !job$compiled$smooth) {
    stop_argument("influence", "\"jack\", \"auto\" or \"none\" for a statistic without derivative", "inf", job$call)
  }
}

# Influence values of the result, or NULL.
boot_influence <- function(job) {
  kind <- job$options$influence
  if (kind == "none") return(NULL)
  if (!job$native) return(if (kind == "auto") NULL else function_jackknife(job))
  cluster <- job$design$cluster
  cases <- job$sim %in% c("ordinary", "balanced", "antithetic", "poisson", "bayesian")
  # With clusters in two ways it is not clear which groups the jackknife would leave out.
  if (!cases || (is.list(cluster) && length(cluster) == 2L)) return(NULL)
  if (kind == "auto") {
    # Other statistics need a pass over all observations for each one that is left out.
    largest <- switch(
      job$compiled$native$source, sums = Inf, lm = if (is.null(cluster)) Inf else 5000, glm = , cox = , robust = , absorbed = , absorbed_glm = , two_stage = 2000, 5000
    )
    if (job$n > largest) return(NULL)
    kind <- "jack"
  }
  L <- if (kind == "inf") native_infinitesimal(job) else native_jackknife(job)
  colnames(L) <- names(job$t0)
  L
}
