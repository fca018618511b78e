# What is known of the bootstrap distribution without resampling, and boot's own
# indices.

# list(mean, se, values, prob) per component, or NULL where there is no closed form.
exact_moments <- function(job) {
  plain <- job$native && validity_sim(job) == "ordinary" && is.null(job$scheme$strata)
  name <- if (inherits(job$statistic, "rustle_statistic")) job$statistic$name else ""
  if (!plain || !name %in% c("mean", "proportion", "sum", "median", "quantile")) {
    abort_rustle(
      "`exact` must be FALSE here: closed forms are known for means, sums and quantiles under plain resampling.",
      "rustle_error_argument", argument = "exact", call = job$call
    )
  }
  native <- job$compiled$native
  if (native$source == "sums") {
    z <- matrix(unlist(native$z, use.names = FALSE), job$n)
    if (!is.null(native$center)) z <- z - rep(native$center, each = job$n)
    se <- sqrt(colMeans(z^2) / job$n) * if (name == "sum") job$n else 1
    return(list(mean = job$t0, se = stats::setNames(se, names(job$t0))))
  }
  parts <- lapply(native$scans, function(s) {
    exact_quantile(sort(native$orders[[s$order]]$x), s$prob, s$type)
  })
  moment <- function(f) stats::setNames(vapply(parts, f, 0), names(job$t0))
  mean <- moment(function(d) sum(d$prob * d$values))
  list(
    mean = mean,
    se = moment(function(d) sqrt(sum(d$prob * (d$values - sum(d$prob * d$values))^2))),
    values = lapply(parts, `[[`, "values"), prob = lapply(parts, `[[`, "prob")
  )
}

# Atoms of a bootstrap quantile of the sorted numbers x: those of one or of two
# neighbouring order statistics (Efron 1979, Annals of Statistics 7, section 3).
exact_quantile <- function(x, prob, type) {
  n <- length(x)
  # The quantile of the ranks 1, ..., n tells which order statistics are used.
  at <- unname(stats::quantile(seq_len(n), prob, type = type))
  j <- floor(at + 1e-9)
  h <- at - j
  if (h < 1e-9) {
    below <- stats::pbinom(j - 1, n, seq_len(n) / n, lower.tail = FALSE)
    return(merge_atoms(x, diff(c(0, below))))
  }
  upto <- (0:n) / n
  low <- exp(lchoose(n, j)) * diff(upto^j)
  high <- -diff((1 - upto)^(n - j))
  joint <- outer(low, high)
  joint[lower.tri(joint, diag = TRUE)] <- 0
  first <- diff(c(0, stats::pbinom(j - 1, n, seq_len(n) / n, lower.tail = FALSE)))
  diag(joint) <- pmax(0, first - rowSums(joint))
  merge_atoms(outer(x, x, function(a, b) a + h * (b - a)), joint)
}

merge_atoms <- function(values, prob) {
  keep <- prob > 0
  sums <- tapply(prob[keep], values[keep], sum)
  list(values = sort(unique(values[keep])), prob = as.vector(sums))
}

# rng = "R": the indices that boot draws, if they fit into memory.
check_given <- function(job, call) {
  if (!job$sim %in% c("ordinary", "balanced", "permutation") || !is.null(job$design$cluster) ||
    !is.null(job$design$m)) {
    stop_argument(
      "rng", "\"stream\" for this scheme: boot draws no such indices", "R", call
    )
  }
  bytes <- 4 * as.double(job$n) * job$R
  limit <- getOption("rustle.max_index_bytes", 1e9)
  if (bytes > limit) {
    abort_rustle(
      sprintf(
        "`rng = \"R\"` needs %s for the indices, more than option rustle.max_index_bytes allows (%s).",
        format_bytes(bytes), format_bytes(limit)
      ),
      class = "rustle_error_memory", argument = "rng", size_bytes = bytes, limit_bytes = limit, call = call
    )
  }
}

# The scheme of boot's own indices. boot() itself draws them, so that R's generator moves as
# it does there.
with_given <- function(job, seed) {
  draw <- function() {
    indices <- matrix(0L, job$n, job$R)
    k <- 0L
    keep <- function(data, i) {
      if (k > 0L) indices[, k] <<- i
      k <<- k + 1L
      0
    }
    arguments <- list(numeric(job$n), keep, R = job$R, sim = job$sim, stype = "i")
    if (!is.null(job$design$strata)) arguments$strata <- as.integer(factor(job$design$strata))
    if (!is.null(job$design$weights)) arguments$weights <- job$design$weights
    do.call(boot::boot, arguments)
    indices
  }
  indices <- if (is.null(seed)) draw() else keep_random_seed({ set.seed(seed); draw() })
  job$scheme$spec <- list(kind = "given", indices = as.integer(indices))
  # boot's indices come in the order of the rows, not stratum by stratum.
  if (!is.null(job$engine_native$rows)) job$engine_native$rows <- seq_len(job$n)
  job$scheme["strata"] <- list(NULL)
  job
}
