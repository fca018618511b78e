#' Bootstrap replicates, native or on workers
#'
#' @description
#' `bootstrap()` computes replicates of a statistic: a native one (see [statistics]) in
#' Rust on threads, an R function on the workers of the current [plan()]. Both see the
#' same resamples for the same seed.
#'
#' Three recipes cover most uses:
#' * `bootstrap(x, "mean", R = 9999, seed = 1)`: a native statistic of a vector;
#' * `bootstrap(d, stat_lm(y ~ x), R = 9999, seed = 1)`: a model, natively;
#' * `bootstrap(d, function(d, i) f(d[i, ]), R = 999, seed = 1)`: a function of yours, on workers.
#'
#' Then [boot_ci()] gives intervals, and `plot()` draws the replicates.
#'
#' @param data A vector, matrix, data frame or list; rows are observations. Or a fitted model,
#'   which is fitted again in each replicate: see [bootstrap-models].
#' @param statistic The name of a native statistic (`"mean"`, `"median"`, ...), a
#'   specification such as [stat_cor()] or [stat_lm()], a one-sided formula, or a
#'   function as for [boot::boot()]: of the data and of indices (`stype = "i"`),
#'   frequencies (`"f"`) or weights that sum to 1 in the sample (`"w"`).
#'   A formula such as `~ sum(.w * x) / sum(.w * u)` uses columns by name (a plain vector
#'   is `.x`) and the weights `.w` of the observations, which sum to n. It is computed
#'   natively when every `.w` stands inside a `sum()` and is a factor there, else on the
#'   workers. `c(a = , b = )` gives several components.
#' @param R Number of replicates, a whole number of at least 1; or [enough()], to go on until the
#'   Monte Carlo error of intervals is small.
#' @param sim The scheme. `"ordinary"`: with replacement; with `cluster`, `weights` or `m`
#'   whole clusters, unequal probabilities, or m out of n. `"balanced"`: every
#'   observation equally often over all replicates. `"antithetic"`: pairs of replicates
#'   that mirror each other in the order of the influence values. `"permutation"`:
#'   native statistics permute the response, functions get permuted indices.
#'   `"parametric"`: `statistic(ran.gen(data, mle), ...)`. `"bayesian"`, `"poisson"`: random
#'   weights and counts. `"residual"`, `"wild"`: of [stat_lm()]. `"block"`: blocks of
#'   length `l` of a series.
#' @param stype What a function gets; the first that `sim` allows by default.
#' @param strata A vector that says to which stratum each observation belongs, or a formula of columns of
#'   a data frame, such as `~ sex`.
#' @param cluster A vector of clusters, or a formula such as `~ firm`; or a list of two, or `~ firm + year`, for two-way clusters (pigeonhole
#'   bootstrap: an observation counts as often as the product of the counts of its
#'   clusters; Owen 2007). Its variances are rather too large, up to three times where observations do not depend on
#'   each other; [vcov_boot()] has those of Cameron, Gelbach and Miller. With `sim = "bayesian"` or `"wild"` a cluster has one weight.
#' @param relabel Columns of a data frame, by name, that say to which cluster a row belongs:
#'   a cluster that is drawn again gets a new label there, so that a function of data and
#'   indices which groups by them sees as many clusters as are drawn. `NULL`: the columns
#'   with the values of `cluster` (factors and characters: that name the same clusters);
#'   `FALSE`: none. See Clusters.
#' @param weights Importance weights for drawing the observations.
#' @param m Size of a resample, if it is not n.
#' @param l,blocktype Length of the blocks, and whether they lie inside the series
#'   (`"fixed"`), go round its end (`"circular"`), or do so with geometric lengths of mean
#'   `l` (`"geom"`: stationary bootstrap). Without `l` the data say: see [block_length()].
#' @param wild,wtype Law of the multipliers of residuals; of Bayesian weights: `"exp"`
#'   (uniform Dirichlet) or `"gamma"` (three moments 1; some weights are negative).
#' @param ran.gen,mle A function of `data` and `mle` that makes a data set.
#' @param ... For a function: its further arguments. For a native statistic: `na.rm`,
#'   `TRUE` to drop rows with missing or infinite values before resampling; `exact`,
#'   `TRUE` to add the moments that are known without resampling (see Value). boot's
#'   arguments `ncpus` and `parallel` choose the workers, `cl` and `simple` have no effect;
#'   a message says so once in a session.
#' @param on_error When a replicate fails: `"stop"`; `"na"`, a row of `NA`; `"redraw"`, other
#'   resamples in its place, which makes the results conditional on success. Failures
#'   are listed in `failures`; more than 10 % give a warning. A replicate that exceeds the
#'   plan's `timeout` has failed; a worker that is lost more often than `retries` allows
#'   ends the run whatever is said here.
#' @param seed A whole number. `NULL`: two uniform numbers of R's generator, so
#'   `set.seed()` governs, and the generator moves by these two whatever else is chosen.
#'   With a seed it does not move.
#' @param threads Threads of native statistics. `NULL`: the cores that this session may
#'   use; 1 in a worker.
#' @param workers Number of workers for functions: of the plan's kind, else forked ones. `NULL`:
#'   those of the plan.
#' @param influence Influence values `L` of a native statistic: `"jack"`, `"inf"`
#'   (infinitesimal; not for quantiles), `"none"`; `"auto"`: the jackknife, if it is cheap.
#'   Of a function only when asked for, by the jackknife.
#' @param rng `"stream"`, or `"R"` for the indices that [boot::boot()] draws after
#'   `set.seed()`, in an n x R matrix.
#' @param progress `TRUE` shows progress, `FALSE` does not; `NULL` (default) follows the [plan()]
#'   and option `rustle.progress`, as every call does.
#' @param keep_data `FALSE` to leave the data out of the result.
#' @return A list of class `rustle_boot`: `t0`, the statistic on the data, named; `t`, an
#'   R x p matrix; `R`; `data`; `seed`, the caller's `.Random.seed`; `stream`, the two words
#'   that the replicates are keyed by; `statistic`; `sim` (with the prefix `rustle_`, so
#'   that boot's functions do not rebuild other indices); `call`; `stype`; `strata`,
#'   `cluster`, `weights`, `m`; `l`, the length of blocks; `relabel`, the columns with new labels, or `NULL`; `L`, an n x p matrix of influence values or `NULL` (a row
#'   per cluster, if there are clusters); `failures`, a data frame with columns `replicate`
#'   and `message`; `engine` (`"native"` or `"workers"`); `threads`. With `exact = TRUE`
#'   also `exact`: a list with `mean`, `se` and, for quantiles, `values` and `prob` of the
#'   bootstrap distribution.
#' @section Reproducibility: Replicate r has a random number stream keyed by the seed and
#'   r. Results have the same bits for any number of threads or workers. For independent
#'   replicates (all but balanced and antithetic) the first 1000 of 2000 are those of
#'   `R = 1000`, and [extend()] adds the others. A function that draws random numbers has a stream of its own in each
#'   replicate.
#' @section Clusters: A subject that is drawn twice must count as two subjects where the
#'   statistic groups by subject, as a mixed model does. With `relabel` the function gets
#'   the data with a copy of the rows of every cluster for each time that it is drawn again,
#'   below the rows of the data and with labels such as `"308.2"`, and indices of these
#'   rows; so it must use the data through its indices alone, as `d[i, ]` does. That is
#'   checked by a call on rows that lie elsewhere; where it does not hold, clusters
#'   keep their labels, with a warning of class `rustle_warning_relabel` (an error, if
#'   `relabel` was given). Labels within clusters, such as classes in schools, are named
#'   too: `relabel = c("school", "class")`. Functions of frequencies or weights, and two-way
#'   clusters, have no further rows: they suit statistics that are sums over observations.
#'   By hand, with a list that has an element per cluster as data:
#'   \preformatted{by_subject <- split(sleepstudy, sleepstudy$Subject)
#' bootstrap(by_subject, function(s, i) {
#'   d <- do.call(rbind, Map(function(k, new) transform(s[[k]], Subject = new), i, seq_along(i)))
#'   lme4::fixef(lme4::lmer(Reaction ~ Days + (Days | Subject), d))
#' })}
#' @section Memory: The resamples are never stored. A result that would take more than
#'   half of the free memory is refused (`rustle_error_memory`); so are indices of
#'   `rng = "R"` beyond the option `rustle.max_index_bytes` (1e9).
#' @section Errors: `rustle_error_argument` for wrong arguments, before anything has
#'   started; a warning of class `rustle_warning_clusters` where each cluster is one observation; `rustle_error_statistic` for a failing replicate, with fields `replicate` and
#'   `parent`; `rustle_error_scheme` for a statistic that does not suit the scheme
#'   ([bootstrap_validity()]).
#' @references Davison, A. C. and Hinkley, D. V. (1997) *Bootstrap Methods and Their
#'   Application*. Cambridge University Press. Efron, B. and Tibshirani, R. J. (1993) *An
#'   Introduction to the Bootstrap*. Chapman & Hall. Owen, A. B. (2007) The pigeonhole
#'   bootstrap. *Annals of Applied Statistics* 1, 386-411. Rubin, D. B. (1981) The Bayesian
#'   bootstrap. *Annals of Statistics* 9, 130-134. Politis, D. N. and Romano, J. P. (1994)
#'   The stationary bootstrap. *JASA* 89, 1303-1313.
#' @seealso [boot_ci()] for intervals, [bootstrap-methods] (`plot()` and others),
#'   [statistics] for what is computed in Rust, [bootstrap_validity()]; [boot()] for the call
#'   of \pkg{boot}, [tsbootstrap()] for time series, [blb()] for large data; [study()] for
#'   simulations; `?"rustle-seeds"`.
#' @examples
#' b <- bootstrap(cars, "cor", R = 500, seed = 1, threads = 2)
#' b$t0
#' #>       cor
#' #> 0.8068949
#' quantile(b$t, c(0.025, 0.975))
#' #>      2.5%     97.5%
#' #> 0.7104054 0.8797692
#' # The same resamples, seen by an R function.
#' f <- bootstrap(cars, function(d, i) cor(d$speed[i], d$dist[i]), R = 500, seed = 1)
#' all.equal(f$t, b$t, check.attributes = FALSE)
#' #> [1] TRUE
#' @export
bootstrap <- function(data, statistic, R = 999,
                      sim = c("ordinary", "balanced", "antithetic", "permutation", "parametric",
                              "bayesian", "poisson", "residual", "wild", "block"),
                      stype = c("i", "f", "w"), ..., strata = NULL, cluster = NULL, weights = NULL,
                      m = NULL, l = NULL, blocktype = c("fixed", "circular", "geom"),
                      wild = c("rademacher", "mammen", "webb", "norm"), wtype = c("exp", "gamma"),
                      ran.gen = NULL, mle = NULL, on_error = c("stop", "na", "redraw"),
                      seed = NULL, threads = NULL, workers = NULL,
                      influence = c("auto", "jack", "inf", "none"), rng = c("stream", "R"),
                      progress = NULL, keep_data = TRUE, relabel = NULL) {
  call <- match.call()
  origin <- sys.call()
  choose <- function(x, choices, argument) {
    check_choice(if (identical(x, choices)) choices[[1L]] else x, choices, argument, origin)
  }
  check_required("data")
  rule <- if (inherits(R, "rustle_enough")) R
  replicates <- if (is.null(rule)) check_count(R, "R") else rule$start
  sim <- choose(sim, boot_sims, "sim")
  # What a model stands for stays apart from the arguments: a handle of plan(slurm, wait = FALSE)
  # makes the call once more from these.
  asked <- list(
    data = data, statistic = if (!missing(statistic)) statistic, cluster = cluster, sim = sim, ran.gen = ran.gen,
    stype = if (!missing(stype)) choose(stype, c("i", "f", "w"), "stype")
  )
  if (is_fitted_model(data)) {
    f <- if (missing(statistic)) NULL else statistic
    if (sim == "parametric" && inherits(data, "merMod") && identical(rng, "R")) {
      check_seed(seed, origin)
      on_error <- choose(on_error, c("stop", "na", "redraw"), "on_error")
      return(boot_as_boot_mer(data, f, replicates, seed, on_error, check_flag(keep_data, "keep_data"), origin, call))
    }
    found <- model_bootstrap(data, f, sim, cluster, origin)
    asked[names(found)] <- found
  }
  check_data(asked$data, missing(statistic) && is.null(asked$statistic), "bootstrap", origin)
  check_boot_dots(asked$statistic, ..., own = names(formals()), call = origin)
  if (asked$sim != "parametric" && !(is.null(ran.gen) && is.null(mle))) {
    which <- if (is.null(ran.gen)) "mle" else "ran.gen"
    stop_argument(which, sprintf("NULL for `sim = \"%s\"`; it belongs to \"parametric\"", sim), get(which), origin)
  }
  strata <- columns_of_rows(strata, asked$data, "strata", origin)
  asked["cluster"] <- list(columns_of_rows(asked$cluster, asked$data, "cluster", origin))
  options <- boot_options(
    blocktype = choose(blocktype, c("fixed", "circular", "geom"), "blocktype"),
    wild = choose(wild, c("rademacher", "mammen", "webb", "norm"), "wild"),
    wtype = choose(wtype, c("exp", "gamma"), "wtype"),
    on_error = choose(on_error, c("stop", "na", "redraw"), "on_error"),
    influence = choose(influence, c("auto", "jack", "inf", "none"), "influence"),
    rng = choose(rng, c("stream", "R"), "rng"),
    progress = check_flag(progress, "progress", null = TRUE), keep_data = check_flag(keep_data, "keep_data")
  )
  check_seed(seed, origin)
  if (!is.null(workers)) workers <- check_count(workers, "workers")
  count <- workers
  dots <- list(...)
  if (any(arguments_of_boot %in% names(dots))) {
    count <- workers_of_boot(dots, workers, origin)
    dots <- dots[!names(dots) %in% arguments_of_boot]
  }
  design <- list(strata = strata, cluster = asked$cluster, weights = weights, m = m, l = l, relabel = relabel)
  before <- get_random_seed()
  job <- boot_job(
    asked$data, asked$statistic, replicates, asked$sim, asked$stype, design, options, list(ran.gen = asked$ran.gen, mle = mle), dots,
    if (is.null(count)) current_plan() else plan_of_number(count, environment()), threads, origin, seed = seed
  )
  if (!is.null(rule)) check_extends(job, "R", origin)
  handled <- handle_failures(compute_replicates(job), job)
  if (is.null(rule)) warn_not_finite(handled, job$t0, job$data)
  if (is_fitted_model(data)) warn_other_fit(data, if (!missing(statistic)) statistic, job$t0, handled$t)
  out <- new_rustle_boot(
    t0 = job$t0, t = handled$t, R = replicates, data = if (options$keep_data) job$data, seed = before,
    stream = job$stream, statistic = job$statistic, sim = asked$sim, call = call, stype = job$stype,
    strata = if (!is.null(strata)) strata, cluster = asked$cluster, weights = weights, m = m,
    L = boot_influence(job), failures = handled$failures,
    engine = if (job$native) "native" else "workers",
    threads = if (job$native) job$threads else job$plan$workers, exact = job$exact, relabel = job$relabel,
    l = if (asked$sim == "block") job$scheme$spec$length,
    scheme = if (options$rng == "stream") job$scheme,
    # What extend() needs besides.
    run = list(
      stype = if (is.function(job$statistic)) job$stype else asked$stype, l = if (asked$sim == "block") job$scheme$spec$length, relabel = relabel, options = options, parametric = job$parametric, dots = dots,
      lost = handled$lost
    )
  )
  if (is.null(rule)) out else go_on(out, job, rule)
}

compute_replicates <- function(job, from = 0) if (job$native) run_native(job, from) else run_boot_workers(job, from)

# Checks that there are observations and a statistic. For a fitted model the error says which
# function to use. f: the function that was called.
check_data <- function(data, no_statistic, f, call) {
  if (is_fitted_model(data)) {
    instead <- if (is_plain_fit(data)) {
      "boot_lm(model) bootstraps a model of lm() or glm()"
    } else {
      sprintf("fit the model in the statistic, as in %s(data, function(d, i) coef(update(model, data = d[i, ])))", f)
    }
    abort_rustle(
      sprintf("`data` must be data, not %s: %s.", describe(data), instead),
      "rustle_error_argument", argument = "data", value = data, call = call
    )
  }
  if (no_statistic) stop_missing("statistic", call)
  if (is.null(data) || NROW(data) == 0L) stop_argument("data", "at least one observation", data, call)
}

# Checks `...`: a function gets the arguments that bootstrap() does not take; a native
# statistic takes two.
check_boot_dots <- function(statistic, ..., own, takes = arguments_of_boot, call) {
  fun <- if (is.function(statistic)) statistic
  check_dots(
    ..., .takes = c(takes, if (is.null(fun)) c("na.rm", "exact")), .fun = fun, .own = own, .call = call
  )
}

# Arguments of boot::boot() that bootstrap() does not have.
arguments_of_boot <- c("parallel", "ncpus", "cl", "simple")

# The number of workers that these arguments ask for.
workers_of_boot <- function(dots, workers, call) {
  how <- if (is.null(dots$parallel)) "multicore" else dots$parallel
  check_choice(how[[1L]], c("no", "multicore", "snow"), "parallel", call)
  if (is.null(workers)) {
    workers <- if (how[[1L]] == "no") 1L else check_count(dots$ncpus, "ncpus", null = TRUE, call = call)
  }
  if (first_time("arguments_of_boot")) {
    message(
      "bootstrap(): `ncpus` and `parallel` choose the workers of R functions (native statistics have `threads`); ",
      "`cl` and `simple` have no effect. This is said once."
    )
  }
  workers
}

# t0: named vector; t: R x p; L: n x p or NULL; failures: data frame (replicate,
# message); `...`: further fields. sim is stored with a prefix that boot does not know.
new_rustle_boot <- function(t0, t, R, data, seed, statistic, sim, call, stype = "i", strata = NULL,
                            weights = NULL, L = NULL, failures = no_failures(), engine, threads, ...) {
  colnames(t) <- names(t0)
  structure(
    list(
      t0 = t0, t = t, R = R, data = data, seed = seed, statistic = statistic,
      sim = paste0("rustle_", sim), call = call, stype = stype, strata = strata, weights = weights,
      L = L, failures = failures, engine = engine, threads = threads, ...
    ),
    class = "rustle_boot"
  )
}

# Made by hand: data.frame() would take a quarter of the time of a short call.
no_failures <- function() {
  structure(list(replicate = integer(), message = character()), class = "data.frame", row.names = integer())
}

check_seed <- function(seed, call) {
  if (is.null(seed)) return()
  good <- is.numeric(seed) && length(seed) == 1L && is.finite(seed) && seed == floor(seed) && abs(seed) < 2^53
  if (!good) stop_argument("seed", "NULL or a whole number", seed, call)
}

# Two words of 32 bits. Without a seed the caller's generator moves by two numbers.
stream_words <- function(seed) {
  if (is.null(seed)) {
    note_state()
    return(floor(stats::runif(2L) * 2^32))
  }
  c(seed %/% 2^32 %% 2^32, seed %% 2^32)
}

statistic_kind <- function(statistic, call) {
  if (is.function(statistic)) return("function")
  if (inherits(statistic, "rustle_statistic")) return("spec")
  if (inherits(statistic, "formula") && length(statistic) == 2L) return("formula")
  if (inherits(statistic, "formula")) {
    abort_rustle(
      sprintf(
        "`statistic` must be a one-sided formula: a model such as %s is stat_lm(%s), or stat_glm().",
        deparse1(statistic), deparse1(statistic)
      ),
      "rustle_error_argument", argument = "statistic", value = statistic, call = call
    )
  }
  names <- names(named_statistics())
  if (is.character(statistic) && length(statistic) == 1L && statistic %in% names) return("name")
  stop_argument(
    "statistic",
    sprintf("a function, a one-sided formula, a specification such as stat_cor(), or one of %s",
            paste0("\"", names, "\"", collapse = ", ")),
    statistic, call
  )
}

# Refuses a result of this many bytes when it takes more than half of the free memory.
check_memory <- function(bytes, call, free = free_memory()) {
  # Below 100 MB the system is not asked.
  if (bytes < 1e8 || is.na(free) || bytes <= free / 2) return()
  abort_rustle(
    sprintf(
      "The result needs %s, more than half of the free memory (%s): `R` is too large.",
      format_bytes(bytes), format_bytes(free)
    ),
    class = "rustle_error_memory", argument = "R", size_bytes = bytes, free_bytes = free, call = call
  )
}

free_memory <- function() {
  lines <- tryCatch(readLines("/proc/meminfo"), error = function(e) character(), warning = function(w) character())
  line <- grep("^MemAvailable:", lines, value = TRUE)
  if (length(line)) 1024 * as.double(gsub("[^0-9]", "", line[[1L]])) else NA_real_
}

format_bytes <- function(bytes) format(structure(bytes, class = "object_size"), units = "auto", standard = "SI")

# The name of the scheme in the table of validity.
validity_sim <- function(job) {
  if (job$sim != "ordinary") return(job$sim)
  switch(job$scheme$spec$kind,
    weighted = "weighted", clusters = , crossed = "cluster",
    if (!is.null(job$design$m) && job$design$m != job$n) "m out of n" else "ordinary"
  )
}

validity_kind <- function(job) {
  if (is.null(job$compiled)) return("function")
  switch(job$compiled$native$source, sums = "sums", lm = , absorbed = "lm", glm = , absorbed_glm = , cox = , robust = , two_stage = "glm", "scan")
}

stop_scheme <- function(job, why) {
  abort_rustle(
    sprintf("`sim = \"%s\"` does not suit this statistic: %s.", job$sim, why),
    class = "rustle_error_scheme", argument = "sim", sim = job$sim, call = job$call
  )
}

check_suits <- function(job) {
  verdict <- validity(validity_sim(job), validity_kind(job))
  if (verdict[[1L]] == "refused") stop_scheme(job, verdict[[2L]])
  if (job$native && job$sim == "permutation" && is.null(job$compiled$response)) {
    stop_scheme(job, "it has no response that could be permuted")
  }
  if (job$native && job$scheme$spec$kind == "gamma" && !job$compiled$native$source %in% c("sums", "lm")) {
    stop_scheme(job, "some of the weights of wtype = \"gamma\" are negative")
  }
  if (job$sim == "parametric" && !is.function(job$parametric$ran.gen)) {
    stop_argument("ran.gen", "a function of the data and `mle` for `sim = \"parametric\"`", job$parametric$ran.gen, job$call)
  }
  if (job$sim == "parametric") check_arguments_of(job$parametric$ran.gen, c("data", "mle"), "ran.gen", job$call)
}
