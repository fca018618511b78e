#' @importFrom stats cor median pt var
NULL

# Functions of R's own that are compiled as other code, which has the same numbers: the parts of it
# that programs ask for. Each is compared with R's function at first use (test_of_stand_in()).

# By name: `fun`, of the same arguments in the same order; `package`; `opaque`: its value is a list
# that has more than what `fun` gives, and a class; `generic`; `cases`: arguments to compare with.
stand_ins <- function() {
  if (is.null(machine$stand_ins)) {
    # Their names mean what they mean to R's own functions.
    home <- new.env(parent = asNamespace("stats"))
    for (name in c("compiled_t_test", "compiled_t_of_one", "compiled_t_p", "compiled_cor_test", "compiled_weighted_mean", "compiled_iqr", "compiled_mad")) {
      fun <- get(name)
      environment(fun) <- home
      home[[name]] <- fun
    }
    x <- c(2.5, -1, 0.3, 4.75, 1e-3, 12, 3.3, -7.25)
    y <- c(0.5, 3, 1.25, -2, 6, 8.8, 1, 0.1)
    machine$stand_ins <- list(
      t.test = list(
        fun = home$compiled_t_test, package = "stats", opaque = TRUE, generic = TRUE,
        cases = list(
          list(x), list(x, y), list(x, y[1:5]), list(x, mu = 1.5), list(x, y, var.equal = TRUE), list(x, y[-1L], var.equal = TRUE, mu = 0.5),
          list(x, y, paired = TRUE), list(x, y, alternative = "less"), list(x, y, "greater"), list(x, alternative = "greater"), list(x, alternative = "less", mu = 2)
        )
      ),
      cor.test = list(
        fun = home$compiled_cor_test, package = "stats", opaque = TRUE, generic = TRUE,
        cases = list(list(x, y), list(x, y, "less"), list(x, y, alternative = "greater"))
      ),
      weighted.mean = list(
        fun = home$compiled_weighted_mean, package = "stats", generic = TRUE,
        cases = list(list(x), list(x, abs(y)), list(x, c(0, 1, 1, 0, 2, 3, 1, 1)), list(1:3, c(1L, 2L, 2L)))
      ),
      IQR = list(fun = home$compiled_iqr, package = "stats", cases = list(list(x), list(y[1:5]), list(c(1, 2)))),
      mad = list(fun = home$compiled_mad, package = "stats", cases = list(list(x), list(y[1:5]), list(x, 1.5), list(x, constant = 1), list(y, mean(y), 2)))
    )
    short <- short_stand_ins()
    for (name in names(short)) environment(short[[name]]$fun) <- home
    machine$stand_ins <- c(machine$stand_ins, short)
  }
  machine$stand_ins
}

# The stand-in of a function that is R's own; NULL of others. env: where it is called.
stand_in_for <- function(name, fun, env) {
  one <- stand_ins()[[name]]
  if (is.null(one) || !identical(fun, get0(name, envir = asNamespace(one$package))) || rs_is_watched(fun)) return(NULL)
  if (isTRUE(one$generic) && has_own_method(name, env, one$package)) return(NULL)
  if (is.null(machine$stand_ins[[name]]$same)) machine$stand_ins[[name]]$same <- test_of_stand_in(one, fun)
  if (machine$stand_ins[[name]]$same) one$fun
}

is_opaque <- function(fun) {
  opaque <- lapply(Filter(function(one) isTRUE(one$opaque), machine$stand_ins), `[[`, "fun")
  any(rs_compiled_same(rep(list(fun), length(opaque)), unname(opaque)))
}

# Does the stand-in give what R's function gives?
test_of_stand_in <- function(one, fun) {
  all(vapply(one$cases, function(case) {
    ours <- do.call(one$fun, case)
    theirs <- do.call(fun, case)
    same_bits(ours, if (isTRUE(one$opaque)) unclass(theirs)[names(ours)] else theirs)
  }, NA))
}

compiled_t_test <- function(x, y = NULL, alternative = "two.sided", mu = 0, paired = FALSE, var.equal = FALSE, conf.level = 0.95) {
  # R evaluates them in this order.
  force(x)
  force(mu)
  if (!(conf.level >= 0 && conf.level <= 1)) stop("other")
  if (!is.null(y) && paired) {
    if (length(x) != length(y)) stop("lengths")
    return(compiled_t_of_one(x - y, alternative, mu))
  }
  if (is.null(y)) {
    if (paired) stop("other")
    return(compiled_t_of_one(x, alternative, mu))
  }
  nx <- length(x)
  ny <- length(y)
  if (nx < 2 || ny < 2) stop("few")
  mx <- mean(x)
  my <- mean(y)
  vx <- var(x)
  vy <- var(y)
  if (var.equal) {
    df <- nx + ny - 2
    v <- ((nx - 1) * vx + (ny - 1) * vy) / df
    stderr <- sqrt(v * (1 / nx + 1 / ny))
  } else {
    stderrx <- sqrt(vx / nx)
    stderry <- sqrt(vy / ny)
    stderr <- sqrt(stderrx^2 + stderry^2)
    df <- stderr^4 / (stderrx^4 / (nx - 1) + stderry^4 / (ny - 1))
  }
  if (stderr < 10 * 2.220446049250313e-16 * max(abs(mx), abs(my))) stop("constant")
  tstat <- (mx - my - mu) / stderr
  list(
    statistic = c(t = tstat), parameter = c(df = df), p.value = compiled_t_p(tstat, df, alternative),
    estimate = c(`mean of x` = mx, `mean of y` = my)
  )
}

compiled_t_of_one <- function(x, alternative, mu) {
  nx <- length(x)
  if (nx < 2) stop("few")
  mx <- mean(x)
  df <- nx - 1
  stderr <- sqrt(var(x) / nx)
  if (stderr < 10 * 2.220446049250313e-16 * abs(mx)) stop("constant")
  tstat <- (mx - mu) / stderr
  list(statistic = c(t = tstat), parameter = c(df = df), p.value = compiled_t_p(tstat, df, alternative))
}

compiled_t_p <- function(tstat, df, alternative) {
  switch(alternative,
    less = pt(tstat, df), greater = pt(tstat, df, lower.tail = FALSE), two.sided = 2 * pt(-abs(tstat), df), stop("other")
  )
}

compiled_cor_test <- function(x, y, alternative = "two.sided", method = "pearson", exact = NULL, conf.level = 0.95, continuity = FALSE) {
  if (method != "pearson" || !(conf.level >= 0 && conf.level <= 1)) stop("other")
  n <- length(x)
  if (n < 3L) stop("few")
  r <- cor(x, y)
  df <- n - 2L
  tstat <- sqrt(df) * r / sqrt(1 - r^2)
  p <- switch(alternative,
    less = pt(tstat, df), greater = pt(tstat, df, lower.tail = FALSE),
    two.sided = 2 * min(pt(tstat, df), pt(tstat, df, lower.tail = FALSE)), stop("other")
  )
  list(statistic = c(t = tstat), parameter = c(df = df), p.value = p, estimate = c(cor = r))
}

compiled_weighted_mean <- function(x, w, ..., na.rm = FALSE) {
  force(x)
  if (missing(w)) return(mean(x))
  if (length(w) != length(x)) stop("lengths")
  w <- as.double(w)
  sum((x * w)[w != 0]) / sum(w)
}

compiled_iqr <- function(x, na.rm = FALSE) {
  ends <- quantile(as.numeric(x), c(0.25, 0.75), names = FALSE)
  ends[2L] - ends[1L]
}

compiled_mad <- function(x, center = median(x), constant = 1.4826, na.rm = FALSE) {
  force(x)
  constant * median(abs(x - center))
}
