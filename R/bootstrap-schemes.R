# Schemes: what arguments of bootstrap() mean, and which statistics and intervals they
# suit. The fields of a scheme are those that src/rust/src/bootstrap/read.rs reads.

boot_sims <- c(
  "ordinary", "balanced", "antithetic", "permutation", "parametric", "bayesian",
  "poisson", "residual", "wild", "block"
)

# Which `stype` a scheme can give: not all have indices or frequencies.
sim_stypes <- function(sim) {
  switch(sim,
    bayesian = "w", poisson = c("f", "w"), parametric = "i", c("i", "f", "w")
  )
}

# strata: a factor, or anything that makes one, as a list of rows; NULL for one stratum.
check_strata <- function(strata, n, argument, call) {
  if (is.null(strata)) return(NULL)
  if (!is.atomic(strata) || length(strata) != n) {
    stop_argument(argument, sprintf("a vector of length %d (one value per observation)", n), strata, call)
  }
  if (anyNA(strata)) stop_argument(argument, "without missing values", NA, call)
  rows <- unname(split(seq_len(n), factor(strata)))
  rows <- rows[lengths(rows) > 0L]
  if (length(rows) > 1L) rows
}

check_resample_weights <- function(weights, n, rows, call) {
  if (is.null(weights)) return(NULL)
  if (!is.numeric(weights) || length(weights) != n || anyNA(weights) || any(weights < 0 | is.infinite(weights))) {
    stop_argument("weights", sprintf("%d numbers, none negative, missing or infinite", n), weights, call)
  }
  parts <- if (is.null(rows)) list(seq_len(n)) else rows
  if (any(vapply(parts, function(r) sum(weights[r]) <= 0, NA))) {
    stop_argument("weights", "positive for some observation of every stratum", weights, call)
  }
  lapply(parts, function(r) as.double(weights[r]))
}

# One vector of clusters, or a list or data frame of two.
# What `strata` and `cluster` are given as: a vector or list, or a one-sided formula of columns of
# the data.
columns_of_rows <- function(x, data, argument, call) {
  if (!inherits(x, "formula")) return(x)
  if (length(x) != 2L || !is.data.frame(data)) {
    stop_argument(argument, "a vector, or a one-sided formula of columns of a data frame, such as ~ g", x, call)
  }
  check_variables(x, names(data), argument, call)
  columns <- as.list(stats::model.frame(x, data, na.action = stats::na.pass))
  if (!length(columns)) stop_argument(argument, "a formula with variables", x, call)
  if (length(columns) == 1L) return(columns[[1L]])
  if (argument == "strata") interaction(columns, drop = TRUE) else unname(columns)
}

check_cluster <- function(cluster, n, call) {
  if (is.null(cluster)) return(NULL)
  given <- cluster
  if (!is.list(cluster)) cluster <- list(cluster)
  good <- length(cluster) %in% 1:2 && all(vapply(cluster, is.atomic, NA)) && all(lengths(cluster) == n)
  missing <- if (good) sum(vapply(cluster, function(g) sum(is.na(g)), 0)) else 0
  if (!good || missing > 0) {
    stop_argument(
      "cluster", sprintf("a vector of length %d without missing values, a list of two, or a formula", n),
      given, call, was = if (missing > 0) sprintf("with %.0f NA", missing)
    )
  }
  cluster <- lapply(unname(cluster), function(g) as.integer(factor(g)))
  counts <- vapply(cluster, max, 0L)
  if (any(counts < 2L)) stop_argument("cluster", "of at least two clusters", given, call, was = "one cluster")
  if (any(counts == n)) warn_rustle("Each cluster is one observation, as with `cluster = NULL`.", "rustle_warning_clusters")
  cluster
}

# The scheme of a job (R/bootstrap-job.R): list(spec, strata, form, sim, independent).
# `spec` is what Rust reads, `form` what a replicate is made of ("i", "f", "w", or "v" for
# multipliers of residuals), `independent`: do replicates not depend on each other? See
# src/rust/crates/bootstrap/src/scheme.rs.
new_scheme <- function(job) {
  design <- job$design
  call <- job$call
  rows <- check_strata(design$strata, job$n, "strata", call)
  cluster <- check_cluster(design$cluster, job$n, call)
  tables <- check_resample_weights(design$weights, job$n, rows, call)
  m <- check_count(design$m, "m", null = TRUE, call = call)
  given <- list(cluster = cluster, weights = design$weights, m = m, l = design$l, strata = rows)
  check_belongs(given, job$sim, call)
  check_together(given, call)
  spec <- switch(job$sim,
    ordinary = ordinary_spec(job$n, tables, cluster, m),
    residual = , parametric = list(kind = "ordinary", size = job$n),
    balanced = list(kind = "balanced", replicates = job$R),
    # The mirror images of observations need their influence values.
    antithetic = list(kind = "antithetic"),
    permutation = list(kind = "permutation"),
    block = list(kind = "blocks", length = block_of(job, call), rule = job$options$blocktype),
    bayesian = c(list(kind = if (job$options$wtype == "exp") "exponential" else "gamma"), one_way(cluster, "bayesian", call)),
    poisson = list(kind = "poisson"),
    wild = wild_spec(job$options$wild, cluster, call)
  )
  form <- switch(spec$kind,
    clusters = , crossed = , poisson = "f", exponential = , gamma = "w", wild = "v", "i"
  )
  list(
    spec = spec, strata = rows, form = form, sim = job$sim,
    independent = !job$sim %in% c("balanced", "antithetic")
  )
}

# Which arguments belong to which schemes.
check_belongs <- function(given, sim, call) {
  belongs <- list(
    cluster = c("ordinary", "wild", "bayesian"), weights = "ordinary", m = "ordinary", l = "block",
    strata = c("ordinary", "balanced", "antithetic", "permutation", "residual")
  )
  for (argument in names(belongs)) {
    if (is.null(given[[argument]]) || sim %in% belongs[[argument]]) next
    abort_rustle(
      sprintf(
        "`%s` must be NULL for `sim = \"%s\"`; it belongs to %s.", argument, sim,
        paste0("\"", belongs[[argument]], "\"", collapse = ", ")
      ),
      "rustle_error_argument", argument = argument, call = call
    )
  }
}

check_together <- function(given, call) {
  apart <- list(
    c("m", "strata"), c("m", "weights"), c("cluster", "strata"), c("cluster", "weights"), c("cluster", "m")
  )
  for (two in apart) {
    if (is.null(given[[two[[1L]]]]) || is.null(given[[two[[2L]]]])) next
    abort_rustle(
      sprintf("`%s` and `%s` cannot be given together.", two[[1L]], two[[2L]]),
      "rustle_error_argument", argument = two[[1L]], call = call
    )
  }
}

block_of <- function(job, call) {
  l <- job$design$l
  check_block(if (is.null(l)) automatic_block(job$data, job$options$blocktype, call) else l, job$n, call)
}

check_block <- function(l, n, call) {
  l <- check_count(l, "l", call = call)
  if (l > n) stop_argument("l", sprintf("a whole number from 1 to %d", n), l, call)
  l
}

ordinary_spec <- function(n, tables, cluster, m) {
  if (!is.null(tables)) return(list(kind = "weighted", weights = tables))
  if (length(cluster) == 1L) {
    return(list(kind = "clusters", members = unname(split(seq_len(n), cluster[[1L]]))))
  }
  if (length(cluster) == 2L) {
    return(list(
      kind = "crossed", first = cluster[[1L]], second = cluster[[2L]],
      first_size = max(cluster[[1L]]), second_size = max(cluster[[2L]])
    ))
  }
  list(kind = "ordinary", size = if (is.null(m)) n else m)
}

wild_spec <- function(law, cluster, call) c(list(kind = "wild", law = law), one_way(cluster, "wild", call))

# One number for all observations of a cluster: list(cluster, clusters).
one_way <- function(cluster, sim, call) {
  if (length(cluster) == 2L) stop_argument("cluster", sprintf("one way for `sim = \"%s\"`", sim), cluster, call)
  ids <- cluster[[1L]]
  list(cluster = ids, clusters = if (is.null(ids)) 0 else max(ids))
}

# What Rust reads. stream: two words.
engine_spec <- function(scheme, n, stream, native = NULL) {
  list(
    n = as.double(n), seed = as.double(stream), scheme = scheme$spec, strata = scheme$strata,
    statistic = native
  )
}

# like: another engine, whose statistic is used.
open_boot <- function(spec, like = NULL) rs_boot_open(spec, like)

# What Rust reads of a native statistic of `n` observations without a scheme that matters.
plain_spec <- function(n, native) {
  engine_spec(list(spec = list(kind = "ordinary", size = n)), n, c(0, 0), native)
}

# A function that gives the engine of `spec` wherever it is called: a handle belongs to one
# process, and one that was sent elsewhere is made anew.
engine_here <- function(spec) {
  handle <- NULL
  function() {
    if (is.null(handle) || !rs_boot_alive(handle)) handle <<- unpack(open_boot(spec))
    handle
  }
}

# Mirror image of each observation in the order of its influence, within strata.
mirror_of <- function(L, rows) {
  mirror <- integer(length(L))
  for (r in if (is.null(rows)) list(seq_along(L)) else rows) {
    sorted <- r[order(L[r])]
    mirror[sorted] <- rev(sorted)
  }
  mirror
}

#' Which schemes suit which statistics and intervals
#'
#' [bootstrap()] refuses a native statistic under a scheme for which it would be wrong.
#' `bootstrap_validity()` is the table that it and [boot_ci()] go by.
#'
#' @param sim,statistic,type Schemes (with `"m out of n"`, `"cluster"` and `"weighted"`
#'   for the variants of `"ordinary"`), kinds of statistics (`"sums"`: functions of sums,
#'   such as means and correlations; `"scan"`: quantiles and others of sorted data;
#'   `"lm"`; `"glm"`; `"function"`: an R function) and intervals; all by default.
#' @param x A table of validity.
#' @param ... Arguments of [print.data.frame()].
#' @return A data frame of class `rustle_validity` with columns `sim`, `statistic`, `type`,
#'   `status` (`"valid"`, `"adapted"` or `"refused"`) and `note`. Where it has many rows it
#'   prints as a table of the intervals that are not refused.
#' @seealso [bootstrap()] for the schemes, [boot_ci()] for the intervals.
#' @examples
#' bootstrap_validity("permutation", "lm", "perc")
#' #>          sim statistic type  status
#' #>  permutation        lm perc refused
#' #>                                                                    note
#' #>  permutations describe a null hypothesis, not the sampling distribution
#' @export
bootstrap_validity <- function(sim = NULL, statistic = NULL, type = NULL) {
  all_sims <- c(boot_sims, "m out of n", "cluster", "weighted")
  all <- expand.grid(
    type = interval_types,
    statistic = c("sums", "scan", "lm", "glm", "function"), sim = all_sims,
    stringsAsFactors = FALSE
  )[3:1]
  keep <- (is.null(sim) | all$sim %in% sim) & (is.null(statistic) | all$statistic %in% statistic) &
    (is.null(type) | all$type %in% type)
  all <- all[keep, , drop = FALSE]
  verdicts <- Map(validity, all$sim, all$statistic, all$type)
  all$status <- vapply(verdicts, `[[`, "", 1L)
  all$note <- vapply(verdicts, `[[`, "", 2L)
  rownames(all) <- NULL
  class(all) <- c("rustle_validity", class(all))
  all
}

#' @rdname bootstrap_validity
#' @export
print.rustle_validity <- function(x, ...) {
  frame <- plain_frame(x)
  if (nrow(frame) <= 30L || !all(c("sim", "statistic", "type", "status") %in% names(frame))) {
    print(frame, row.names = FALSE, ...)
    return(invisible(x))
  }
  letters <- c(norm = "n", basic = "b", stud = "s", perc = "p", bc = "z", bca = "c", abc = "a")
  cat(
    "Intervals that are not refused: ", paste(letters, names(letters), collapse = ", "), ".\n",
    "none: the scheme gives no intervals; - : the statistic is refused.\n\n", sep = ""
  )
  cell <- function(rows) {
    if (validity_of_statistic(frame$sim[[rows[[1L]]]], frame$statistic[[rows[[1L]]]])[[1L]] == "refused") return("-")
    good <- frame$type[rows][frame$status[rows] != "refused"]
    if (length(good)) paste(letters[good], collapse = "") else "none"
  }
  ordered <- function(v) factor(v, unique(v))
  table <- tapply(seq_len(nrow(frame)), list(ordered(frame$sim), ordered(frame$statistic)), cell)
  print(unclass(table), quote = FALSE, na.print = "", ...)
  cat("\nbootstrap_validity(sim, statistic, type) has a row and a note for each.\n")
  invisible(x)
}

#' @export
as.data.frame.rustle_validity <- function(x, row.names = NULL, optional = FALSE, ...) {
  as.data.frame(plain_frame(x), row.names = row.names, optional = optional, ...)
}

validity <- function(sim, statistic, type = NULL) {
  native <- validity_of_statistic(sim, statistic)
  if (native[[1L]] == "refused" || is.null(type)) return(native)
  interval <- validity_of_interval(sim, statistic, type)
  if (interval[[1L]] != "valid") interval else native
}

validity_of_statistic <- function(sim, statistic) {
  if (sim == "residual" || sim == "wild") {
    return(switch(statistic,
      lm = c("valid", ""),
      "function" = c("refused", "a function of the data has no residuals: use boot_lm()"),
      glm = c("refused", "residuals of a glm cannot be exchanged: resample cases"),
      c("refused", "residuals belong to stat_lm()")
    ))
  }
  if (sim == "permutation" && statistic != "function") {
    return(switch(statistic,
      sums = c("adapted", "the response is permuted (cor, cov, difference of means; others refused)"),
      scan = c("adapted", "the response is permuted (auc, spearman; others refused)"),
      lm = c("adapted", "the response is permuted"),
      c("refused", "permute by a function of the data")
    ))
  }
  if (sim == "parametric" && statistic != "function") {
    return(c("adapted", "computed on the workers, for every data set that `ran.gen` makes"))
  }
  if (sim == "block" && statistic %in% c("lm", "glm")) {
    return(c("adapted", "blocks of rows of the data"))
  }
  if (sim == "cluster" && statistic == "function") {
    return(c("adapted", "clusters drawn again get new labels (`relabel`); of frequencies, weights, two-way clusters: sums only"))
  }
  if (sim == "bayesian") {
    return(c("adapted", "weights instead of resamples; wtype = \"gamma\" suits sums and lm only"))
  }
  c("valid", "")
}

validity_of_interval <- function(sim, statistic, type) {
  if (sim == "permutation") {
    return(c("refused", "permutations describe a null hypothesis, not the sampling distribution"))
  }
  if (sim == "weighted") {
    return(c("refused", "replicates drawn with importance weights follow another distribution"))
  }
  cases <- sim %in% c("ordinary", "balanced", "antithetic", "poisson")
  if (type == "abc" && (statistic == "scan" || !cases)) {
    return(c("refused", "abc needs a smooth statistic of independent observations"))
  }
  if (type == "abc" && statistic == "function") {
    return(c("adapted", "of functions of weights (stype = \"w\") only"))
  }
  if (type == "bca" && sim == "cluster") return(c("adapted", "the acceleration is that of clusters"))
  if (type == "bca" && !cases) {
    return(c("refused", "the acceleration supposes equal resamples of independent observations"))
  }
  if (sim == "m out of n" && type == "stud") {
    return(c("adapted", "each replicate has the variance of a sample of size m"))
  }
  if (sim == "m out of n") {
    return(c("adapted", "the spread about the estimate is rescaled by sqrt(m / n)"))
  }
  if (sim == "bayesian") return(c("adapted", "a posterior distribution: perc is its credible interval"))
  c("valid", "")
}
