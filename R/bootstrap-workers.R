# Replicates of R functions, on the workers of the plan. The resamples are those of the
# native kernels: a worker asks Rust what replicate r is made of.

# What a replicate calls: f(data, indices, frequencies or weights). A formula that is not
# native becomes a function of weights, a native statistic under sim = "parametric" one of
# each simulated data set.
statistic_function <- function(job) {
  if (job$kind == "function") return(job$statistic)
  if (job$kind == "formula") {
    formula <- job$statistic
    # Simulated data come without weights.
    return(function(data, w = rep(1 / n, n)) {
      n <- NROW(data)
      frame <- c(as.list(formula_frame(data)), list(.w = w * length(w)))
      eval(formula[[2L]], frame, environment(formula))
    })
  }
  spec <- job$statistic
  # `status` of simulated data is read as that of the data, which are looked at first.
  spec$coding <- new.env()
  function(data) observed_statistic(spec, data)
}

# Computes a native statistic on other data than those of the job.
observed_statistic <- function(spec, data) {
  compiled <- compile_statistic(spec, data, FALSE, NULL)$compiled
  observed <- unpack(rs_boot_observed(unpack(open_boot(plain_spec(NROW(data), compiled$native)))))
  if (observed$status != 0L) stop(rs_boot_reasons()[[observed$status]])
  t0 <- as.vector(observed$t)
  names(t0) <- component_names(compiled$names, length(t0), spec)
  t0
}

prepare_workers <- function(job) {
  if (job$kind == "formula") job$stype <- "w"
  job$compute <- statistic_function(job)
  n <- job$n
  dots <- if (job$kind == "function") job$dots else list()
  first <- list(job$data)
  second <- if (job$sim == "parametric") {
    list()
  } else {
    list(switch(job$stype, i = seq_len(n), f = rep(1L, n), w = unit_weights(job)))
  }
  # Random numbers of the statistic do not move the caller's generator.
  value <- keep_random_seed(tryCatch(
    do.call(job$compute, c(first, second, dots), quote = TRUE),
    error = function(e) {
      if (job$kind == "formula") {
        check_variables(job$statistic, names(formula_frame(job$data)), "statistic", job$call)
      }
      stop_statistic(0L, conditionMessage(e), e, job$call, hint = calling_hint(job))
    }
  ))
  if (!is.numeric(value) && !is.logical(value) || !length(value)) {
    abort_rustle(
      sprintf("`statistic` must return numbers, not %s.", describe(value)),
      "rustle_error_argument", argument = "statistic", call = job$call
    )
  }
  t0 <- as.double(value)
  names(t0) <- if (is.null(names(value))) component_names(NULL, length(t0), job$statistic) else names(value)
  job$t0 <- t0
  job <- keep_random_seed(relabel_clusters(job))
  if (job$scheme$spec$kind == "antithetic") {
    job$scheme$spec$mirror <- mirror_of(function_jackknife(job)[, 1L], job$rows)
  }
  job
}

# The error when a function fails on the data: it says how functions are called.
calling_hint <- function(job) {
  if (job$kind != "function" || job$sim == "parametric") return("")
  second <- switch(job$stype, i = "indices", f = "frequencies", w = "weights")
  sprintf(" The statistic is called as f(data, %s).", second)
}

# Functions of data alone, such as mean(), would take the indices for another argument.
check_second_argument <- function(statistic, stype, call) {
  of_data <- list(
    mean = base::mean, sum = base::sum, var = stats::var, sd = stats::sd, median = stats::median,
    iqr = stats::IQR, mad = stats::mad, cor = stats::cor, cov = stats::cov, max = base::max,
    min = base::min, range = base::range, length = base::length, quantile = stats::quantile
  )
  name <- names(of_data)[vapply(of_data, identical, NA, statistic)]
  if (!length(name)) {
    return(check_arguments_of(statistic, c("data", switch(stype, i = "indices", f = "frequencies", w = "weights")), "statistic", call))
  }
  native <- if (name == "quantile") "stat_quantiles()" else if (name %in% names(named_statistics())) sprintf("\"%s\"", name)
  abort_rustle(
    sprintf(
      "`statistic` is called as f(data, %s), which %s() is not made for.%s",
      switch(stype, i = "indices", f = "frequencies", w = "weights"),
      switch(name, iqr = "IQR", name),
      if (is.null(native)) "" else sprintf(" The native statistic is %s.", native)
    ),
    "rustle_error_argument", argument = "statistic", value = statistic, call = call
  )
}

# Equal weights that sum to 1 in every stratum, as boot gives them.
unit_weights <- function(job) {
  w <- rep(1 / job$n, job$n)
  for (rows in job$rows) w[rows] <- 1 / length(rows)
  if (job$kind == "formula") rep(1 / job$n, job$n) else w
}

# A function of r and attempt that gives the indices, counts or weights of a replicate.
# rows: rows of each stratum. place: do indices come stratum by stratum? to_one: do
# weights sum to 1 over all strata?
new_resampler <- function(spec, stype, rows, place, to_one) {
  engine <- engine_here(spec)
  function(r, attempt = 0) {
    drawn <- unpack(rs_boot_resample(engine(), r - 1, attempt, stype))
    # As boot does: what is drawn from a stratum stands at the places of its rows.
    if (stype == "i" && place) drawn[unlist(rows)] <- drawn
    if (stype == "w") {
      if (length(rows) && !to_one) {
        for (r in rows) drawn[r] <- drawn[r] / sum(drawn[r])
      } else {
        drawn <- drawn / sum(drawn)
      }
    }
    drawn
  }
}

# A function of ours that calls functions of the user, which it names: workers that share
# no memory get the globals of these.
calls_user <- function(f, ...) structure(f, user = list(...))

# list() of the functions of the user that `f` is or calls.
user_functions <- function(f) {
  if (!is.function(f)) return(list())
  inner <- attr(f, "user")
  if (is.null(inner)) list(f) else unlist(lapply(inner, user_functions), recursive = FALSE)
}

# The function that a task calls; X[[i]] is the number of the replicate. `user` is an
# argument so that the globals of the user's functions travel too.
boot_frame <- function(job, from = 0) {
  list2env(list(
    statistic = job$compute, data = job$data, dots = if (job$kind == "function") job$dots else list(),
    sim = job$sim, ran.gen = job$parametric$ran.gen, mle = job$parametric$mle, p = length(job$t0),
    attempt = 0, X = from + seq_len(job$R - from), FUN = replicate_value,
    user = c(user_functions(job$statistic), user_functions(job$parametric$ran.gen)),
    resample = if (job$sim != "parametric") {
      new_resampler(
        engine_spec(job$scheme, job$n, job$stream), job$stype, job$rows,
        !is.null(job$scheme$strata), job$kind == "formula"
      )
    }
  ), parent = topenv())
}

replicate_call <- quote(FUN(X[[i]], statistic, data, dots, sim, ran.gen, mle, p, attempt, resample))

replicate_value <- function(i, statistic, data, dots, sim, ran.gen, mle, p, attempt, resample) {
  arguments <- if (sim == "parametric") list(ran.gen(data, mle)) else list(data, resample(i, attempt))
  value <- if (length(dots)) {
    do.call(statistic, c(arguments, dots), quote = TRUE)
  } else if (sim == "parametric") {
    statistic(arguments[[1L]])
  } else {
    statistic(arguments[[1L]], arguments[[2L]])
  }
  if (!is.numeric(value) && !is.logical(value)) {
    stop(sprintf("the statistic gave %s, not numbers", describe(value)), call. = FALSE)
  }
  if (length(value) != p) {
    stop(sprintf("the statistic gave %d values, but %d on the data", length(value), p), call. = FALSE)
  }
  as.double(value)
}

replicate_or_condition <- function(...) tryCatch(replicate_value(...), error = identity)

# The L'Ecuyer seed that the two words of the run make: replicate r draws from substream r.
# After the first `from` replicates tasks have these seeds one by one.
worker_streams <- function(job, from = 0) {
  number <- (job$stream[[1L]] * 1566083941 + job$stream[[2L]]) %% .Machine$integer.max
  seed <- lecuyer_of_number(as.integer(number), "seed", job$call)
  if (!from) return(list(streams = "substream", seed = seed, after = NULL, check = FALSE))
  seeds <- unpack(rs_task_seeds(seed, as.double(from + seq_len(job$R - from)), "substream"))
  list(streams = "list", seed = seeds, after = NULL, check = FALSE)
}

# Replicates after the first `from`, as run_native().
run_boot_workers <- function(job, from = 0) {
  R <- job$R - from
  p <- length(job$t0)
  stopping <- job$options$on_error == "stop"
  frame <- boot_frame(job, from)
  # Where errors do not stop the run, a task returns them as values, on every plan.
  if (!stopping) frame$FUN <- replicate_or_condition
  work <- new_job(
    replicate_call, frame, R, policy_of_plan(job$plan), worker_streams(job, from),
    relay = new_relay(NA, list(classes = "condition", exclude = NULL)),
    label = "bootstrap-%d", origin = job$call,
    # A replicate that is stopped for its time has failed like any other.
    on_error = if (stopping) "stop" else "keep",
    shape = if (stopping) list(template = double(p)),
    ours = TRUE
  )
  work[c("machine", "compiled")] <- machine_of_boot(job, frame, from)[c("machine", "compiled")]
  if (!is.null(work$compiled)) on.exit(let_go(work$compiled, job$statistic, work$compiled$key))
  work$finish <- finish_replicates(p)
  outcome <- tryCatch(
    keep_random_seed(run_job(work, job$plan)),
    error = function(e) {
      if (is.null(e$task) || inherits(e, "rustle_error_worker_lost")) stop(e)
      stop_statistic(as.integer(e$task + from), conditionMessage(e), e, job$call)
    }
  )
  if (!is.null(outcome$vector)) {
    return(list(t = matrix(outcome$vector, R, p, byrow = TRUE), failed = integer(), messages = character()))
  }
  failed <- which(vapply(outcome$values, inherits, NA, "condition"))
  fine <- setdiff(seq_len(R), failed)
  t <- matrix(NA_real_, R, p)
  t[fine, ] <- matrix(as.double(unlist(outcome$values[fine], use.names = FALSE)), length(fine), p, byrow = TRUE)
  list(
    t = t, failed = failed, conditions = outcome$values[failed],
    messages = vapply(outcome$values[failed], function(e) paste(conditionMessage(e), collapse = " "), "")
  )
}

# Computes one replicate again, in this session.
again_function <- function(job, replicate, attempt) {
  frame <- boot_frame(job)
  frame$attempt <- attempt
  frame$i <- replicate
  value <- keep_random_seed(tryCatch(
    {
      seed <- worker_streams(job)$seed
      set_random_seed(unpack(rs_task_seeds(seed, as.double(replicate + attempt * 2^31), "substream"))[[1L]])
      eval(replicate_call, frame)
    },
    error = identity
  ))
  if (inherits(value, "error")) return(list(t = NULL, message = conditionMessage(value)))
  list(t = value, message = NULL)
}
