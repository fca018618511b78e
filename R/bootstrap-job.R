# The job of replicates: one list that bootstrap(), jackknife() and permutation_test() make
# by read_boot(), then prepare_boot(), then draw_boot(), and that all others read.
#
# From read_boot(), what the user said, checked:
#   data, n         the data, without incomplete rows where `na.rm` drops them; their rows
#   statistic       a function, a specification or a formula
#   kind            "function", "spec" or "formula": which of these it is
#   compiled        what Rust needs of a native statistic (R/bootstrap-compile.R), or NULL
#   native          TRUE: Rust computes the replicates; FALSE: the workers do
#   R, sim, stype   as in bootstrap()
#   design          list(strata, cluster, weights, m, l), as given
#   scheme          what it means (new_scheme())
#   relabel         columns in which clusters that are drawn again get new labels, or NULL
#   rows            rows of each stratum, or NULL; `scheme` forgets them when indices are given
#   options         see boot_options()
#   parametric      list(ran.gen, mle)
#   dots            further arguments of a function; `na.rm` and `exact` of the others
#   threads, plan   who works
#   call            the call of the user, which errors show
# From prepare_boot(), what is known before anything random happens:
#   t0              the statistic of the data, named
#   exact           see exact_moments()
#   compute         of functions: f(data, indices, frequencies or weights, ...)
#   plain           of native statistics: the engine that computes them on the data
#   engine_native   what Rust needs where the replicates are of another statistic than t0
#                   (a response that is permuted), or NULL
# From draw_boot(), where the random numbers come from:
#   stream          two words that key the replicates
#   handle          of native statistics: the engine of the replicates

# Options of the replicates; by default those of a plain run.
boot_options <- function(blocktype = "fixed", wild = "rademacher", wtype = "exp", on_error = "stop",
                         influence = "none", rng = "stream", progress = FALSE, keep_data = FALSE) {
  list(
    blocktype = blocktype, wild = wild, wtype = wtype, on_error = on_error, influence = influence,
    rng = rng, progress = progress, keep_data = keep_data
  )
}

boot_job <- function(..., seed) draw_boot(prepare_boot(read_boot(...)), seed)

read_boot <- function(data, statistic, R, sim = "ordinary", stype = NULL, design = list(), options = boot_options(),
                      parametric = list(), dots = list(), plan = current_plan(), threads = NULL, call) {
  job <- list(
    data = data, n = NROW(data), R = R, sim = sim, stype = stype, design = design, options = options,
    parametric = parametric, dots = dots, call = call
  )
  job <- read_statistic(job, statistic)
  job$scheme <- new_scheme(job)
  job$rows <- job$scheme$strata
  job$native <- !is.null(job$compiled) && sim != "parametric"
  check_suits(job)
  if (options$on_error == "redraw" && (!job$scheme$independent || options$rng == "R")) {
    stop_argument("on_error", "\"stop\" or \"na\" where replicates depend on each other", "redraw", call)
  }
  stypes <- sim_stypes(sim)
  if (is.null(job$stype)) job$stype <- stypes[[1L]]
  if (!job$native && !job$stype %in% stypes) {
    must <- sprintf("%s for `sim = \"%s\"`", paste0("\"", stypes, "\"", collapse = " or "), sim)
    stop_argument("stype", must, job$stype, call)
  }
  if (job$kind == "function") {
    if (sim == "parametric") {
      check_arguments_of(job$statistic, "data", "statistic", call)
    } else {
      check_second_argument(job$statistic, job$stype, call)
    }
  }
  job$relabel <- check_relabel(job)
  job$threads <- thread_count(threads, call)
  job$plan <- plan
  if (!is.null(options$progress)) job$plan$settings$progress <- options$progress
  if (options$rng == "R") check_given(job, call)
  check_influence(job)
  job
}

# Adds the statistic and its kind, and for a native one what Rust needs. A native statistic
# says which rows of the data it can use.
read_statistic <- function(job, statistic) {
  call <- job$call
  kind <- statistic_kind(statistic, call)
  if (kind == "name") {
    statistic <- named_statistics()[[statistic]]()
    kind <- "spec"
  }
  if (kind == "spec" && is.function(statistic$closure)) {
    # An R function of what the scheme makes: weights where it may.
    stypes <- sim_stypes(job$sim)
    if (is.null(job$stype)) job$stype <- if ("w" %in% stypes && job$sim != "parametric") "w" else stypes[[1L]]
    statistic <- statistic$closure(job$data, job$stype, call)
    kind <- "function"
  }
  job$statistic <- statistic
  job$kind <- kind
  if (kind == "function") return(job)
  dots <- job$dots
  na_rm <- check_flag(if (is.null(dots$na.rm)) FALSE else dots$na.rm, "na.rm", call = call)
  compile <- if (kind == "formula") native_formula else compile_statistic
  made <- compile(statistic, job$data, na_rm, call)
  # Rust cannot compute this formula: it becomes an R function.
  if (is.null(made)) return(job)
  n <- NROW(made$data)
  if (n < job$n && any(lengths(job$design[c("strata", "cluster", "weights")]))) {
    stop_argument("na.rm", "FALSE with strata, clusters or weights (drop the rows yourself)", TRUE, call)
  }
  job[c("compiled", "data", "n")] <- list(made$compiled, made$data, n)
  job
}

prepare_boot <- function(job) {
  # Influence values that are needed before the replicates are computed without drawing.
  job$stream <- c(0, 0)
  job <- if (job$native) prepare_native(job) else prepare_workers(job)
  check_memory(as.double(job$R) * length(job$t0) * 8, job$call)
  if (isTRUE(job$dots$exact) && job$kind != "function") job$exact <- exact_moments(job)
  job
}

# All arguments have been accepted, so the caller's generator may move now.
draw_boot <- function(job, seed) {
  if (job$options$on_error == "redraw") {
    warning("on_error = \"redraw\": the results are conditional on resamples for which the statistic succeeds.", call. = FALSE)
  }
  if (job$options$rng == "R") {
    job <- with_given(job, seed)
  } else {
    job$stream <- stream_words(seed)
  }
  if (job$native) {
    spec <- engine_spec(job$scheme, job$n, job$stream, job$engine_native)
    job$handle <- unpack(open_boot(spec, if (is.null(job$engine_native)) job$plain), job$call)
  }
  job
}
