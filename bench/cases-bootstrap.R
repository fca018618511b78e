# Bootstrap on 2 threads, against boot::boot (serial, and multicore for one case), tricks
# with matrices in R, and scipy and arch where Python has them (RUSTLE_BENCH_PYTHON names
# the interpreter). R is the same on both sides, and as large as a peer can take that
# should not need more than some seconds. Peers compute no influence values, so neither do
# ours, but for BCa. tools/bench reads this file after cases.R.
#
# What drawing alone costs beside a mean, and what memory could deliver:
# cargo run --release -p rustle-bootstrap --example draws

boot_numbers <- local({
  set.seed(1)
  n <- 1000L
  x <- rexp(n)
  X <- cbind(1, matrix(rnorm(n * 4L), n))
  y <- as.vector(X %*% c(1, 0.5, -0.5, 0.2, 0)) + rnorm(n)
  event <- as.numeric(runif(n) < stats::plogis(as.vector(X %*% c(0, 0.5, -0.5, 0.2, 0))))
  list(
    x = x, pair = cbind(x = x, y = x + rnorm(n)), X = X, y = y, event = event,
    frame = data.frame(y = y, event = event, X[, -1L]), large = rexp(1e5), skewed = rexp(2000L)
  )
})

boot_case <- function(name, against, bar, call, peer, reps = 5L) {
  case(paste0("bootstrap ", name), against, bar, call, peer, reps, settle = 0.03)
}
natively <- function(data, statistic, R, ...) {
  function() {
    bootstrap(data, statistic, R, seed = 1, threads = 2L, influence = "none", progress = FALSE, ...)
  }
}
serially <- function(data, statistic, R) function() boot::boot(data, statistic, R)

mean_of <- function(d, i) mean(d[i])
cor_of <- function(d, i) cor(d[i, 1L], d[i, 2L])
median_of <- function(d, i) median(d[i])
fit_of <- function(d, i) .lm.fit(d$X[i, , drop = FALSE], d$y[i])$coefficients
lm_of <- function(d, i) coef(lm(y ~ X1 + X2 + X3 + X4, d[i, ]))
logistic_of <- function(d, i) glm.fit(d$X[i, , drop = FALSE], d$event[i], family = binomial())$coefficients
# boot() counts the elements of a list as observations.
by_rows <- function(f) {
  d <- boot_numbers[c("X", "y", "event")]
  function(rows, i) f(d, i)
}

# All resamples at once.
drawn <- function(n, R) sample.int(n, n * R, TRUE)
mean_trick <- function() colMeans(matrix(boot_numbers$x[drawn(1000L, 1e4)], 1000L))
median_trick <- function() matrixStats::colMedians(matrix(boot_numbers$x[drawn(1000L, 1e4)], 1000L))
resample_counts <- function(n, R) {
  cells <- drawn(n, R) + rep((seq_len(R) - 1L) * n, each = n)
  matrix(as.double(tabulate(cells, n * R)), n)
}
cor_trick <- function() {
  x <- boot_numbers$pair[, 1L]
  y <- boot_numbers$pair[, 2L]
  s <- crossprod(cbind(x, y, x^2, y^2, x * y), resample_counts(1000L, 1e4)) / 1000
  (s[5L, ] - s[1L, ] * s[2L, ]) / sqrt((s[3L, ] - s[1L, ]^2) * (s[4L, ] - s[2L, ]^2))
}
lm_trick <- function() {
  X <- boot_numbers$X
  products <- cbind(X[, rep(1:5, 5L)] * X[, rep(1:5, each = 5L)], X * boot_numbers$y)
  s <- crossprod(products, resample_counts(1000L, 1e4))
  vapply(seq_len(ncol(s)), function(r) {
    R <- chol.default(matrix(s[1:25, r], 5L))
    backsolve(R, backsolve(R, s[26:30, r], transpose = TRUE))
  }, double(5L))
}
in_boot <- function(data, statistic, boot) function() boot(data, statistic, 5000L, parallel = "multicore", ncpus = 2L)
# What the workers of boot() cannot do without: R's medians, half of them in each of two processes.
medians_alone <- function() {
  i <- drawn(1000L, 1L)
  parallel::mclapply(1:2, function(k) for (r in 1:2500) median_of(boot_numbers$x, i), mc.cores = 2L)
}
many_rows <- local({
  made <- NULL
  function() {
    if (is.null(made)) made <<- matrix(stats::runif(25e6), 5e6L)
    made
  }
})
draw_large <- function() for (r in 1:200) sample.int(1e5L, 1e5L, TRUE)

bca_peer <- local({
  made <- NULL
  function() {
    if (is.null(made)) {
      set.seed(1)
      made <<- boot::boot(boot_numbers$skewed, mean_of, 2500L)
      attr(made, "L") <<- boot_numbers$skewed - mean(boot_numbers$skewed)
    }
    made
  }
})
bca_ours <- function() {
  boot_ci(
    bootstrap(boot_numbers$skewed, "mean", 2500L, seed = 1, threads = 2L, progress = FALSE), type = "bca"
  )
}
bca_made <- local({
  made <- NULL
  function() {
    if (is.null(made)) made <<- bootstrap(boot_numbers$skewed, "mean", 2500L, seed = 1, progress = FALSE)
    made
  }
})

# A Python process that runs named jobs and says how many seconds each took.
python <- Sys.getenv("RUSTLE_BENCH_PYTHON", "python3")
python_has <- function(module) {
  look <- sprintf("import importlib.util as u, sys; sys.exit(u.find_spec('%s') is None)", module)
  identical(0L, suppressWarnings(system2(python, c("-c", shQuote(look)), stdout = FALSE, stderr = FALSE)))
}
python_jobs <- c(
  "import socket, sys, time", "import numpy as np",
  "x, y, X, z = [np.loadtxt(f) for f in sys.argv[2:6]]",
  "def cor(a, b, axis):",
  "    a = a - a.mean(axis=axis, keepdims=True)",
  "    b = b - b.mean(axis=axis, keepdims=True)",
  "    return (a * b).sum(axis=axis) / np.sqrt((a * a).sum(axis=axis) * (b * b).sum(axis=axis))",
  "def scipy_ci(data, f, **more):",
  "    from scipy.stats import bootstrap",
  "    return bootstrap(data, f, n_resamples=10000, batch=100, method='percentile', rng=1, **more)",
  "def fit():",
  "    from arch.bootstrap import IIDBootstrap",
  "    solve = lambda X, z: np.linalg.lstsq(X, z, rcond=None)[0]",
  "    return IIDBootstrap(X, z, seed=1).apply(solve, 2000)",
  "jobs = {",
  "    'mean': lambda: scipy_ci((x,), np.mean),",
  "    'median': lambda: scipy_ci((x,), np.median),",
  "    'cor': lambda: scipy_ci((x, y), cor, paired=True),",
  "    'lm': fit,",
  "}",
  "link = socket.create_connection(('localhost', int(sys.argv[1])))",
  "for line in link.makefile('r'):",
  "    began = time.perf_counter()",
  "    jobs[line.strip()]()",
  "    link.sendall(b'%.9f\\n' % (time.perf_counter() - began))"
)
in_python <- local({
  link <- NULL
  start <- function() {
    files <- file.path(tempdir(), c("jobs.py", "x", "y", "design", "response"))
    writeLines(python_jobs, files[[1L]])
    write_numbers <- function(v, file) write.table(v, file, row.names = FALSE, col.names = FALSE)
    Map(write_numbers, boot_numbers[c("x", "y", "X", "y")], files[-1L])
    write_numbers(boot_numbers$pair[, 2L], files[[3L]])
    for (port in sample(20000:40000, 20L)) {
      server <- tryCatch(serverSocket(port), error = function(e) NULL)
      if (!is.null(server)) break
    }
    # One thread, as the peers in R.
    system2(
      python, c(shQuote(files[[1L]]), port, shQuote(files[-1L])), wait = FALSE,
      env = c("OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")
    )
    link <<- socketAccept(server, blocking = TRUE, open = "r+", timeout = 120)
    close(server)
  }
  function(job) {
    function() {
      if (is.null(link)) start()
      writeLines(job, link)
      structure(as.double(readLines(link, 1L)), class = "seconds")
    }
  }
})
percentiles <- function(data, statistic) {
  run <- natively(data, statistic, 1e4)
  function() boot_ci(run(), type = "perc")
}

cases <- c(
  list(
    boot_case("mean n = 1e3, R = 1e4", "boot", 1 / 100, natively(boot_numbers$x, "mean", 1e4),
      serially(boot_numbers$x, mean_of, 1e4)),
    boot_case("mean n = 1e3, R = 1e4", "boot multicore", 1 / 80, natively(boot_numbers$x, "mean", 1e4),
      function() boot::boot(boot_numbers$x, mean_of, 1e4, parallel = "multicore", ncpus = 2L)),
    boot_case("mean n = 1e3, R = 1e4", "colMeans of all resamples", 1 / 24,
      natively(boot_numbers$x, "mean", 1e4), mean_trick),
    boot_case("cor n = 1e3, R = 1e4", "boot", 1 / 100, natively(boot_numbers$pair, "cor", 1e4),
      serially(boot_numbers$pair, cor_of, 1e4)),
    boot_case("cor n = 1e3, R = 1e4", "products with counts", 1 / 24,
      natively(boot_numbers$pair, "cor", 1e4), cor_trick),
    boot_case("median n = 1e3, R = 1e4", "boot", 1 / 120, natively(boot_numbers$x, "median", 1e4),
      serially(boot_numbers$x, median_of, 1e4)),
    boot_case("lm n = 1000, p = 5, R = 1e4", "boot of .lm.fit", 1 / 60,
      natively(boot_numbers$frame, stat_lm(y ~ X1 + X2 + X3 + X4), 1e4),
      serially(boot_numbers$y, by_rows(fit_of), 1e4)),
    # The peer takes some ten seconds: fewer replicates would time our set-up.
    boot_case("lm n = 1000, p = 5, R = 1e4", "boot of lm", 1 / 600,
      natively(boot_numbers$frame, stat_lm(y ~ X1 + X2 + X3 + X4), 1e4),
      serially(boot_numbers$frame, lm_of, 1e4), reps = 3L),
    boot_case("lm n = 1000, p = 5, R = 1e4", "products with counts, Cholesky", 1 / 24,
      natively(boot_numbers$frame, stat_lm(y ~ X1 + X2 + X3 + X4), 1e4), lm_trick),
    boot_case("logistic n = 1000, p = 5, R = 2000", "boot of glm.fit", 1 / 60,
      natively(boot_numbers$frame, stat_glm(event ~ X1 + X2 + X3 + X4), 2000L),
      serially(boot_numbers$y, by_rows(logistic_of), 2000L)),
    boot_case("BCa n = 2000, R = 2500, replicates included", "boot.ci", 1 / 100, bca_ours,
      function() boot::boot.ci(bca_peer(), type = "bca")),
    boot_case("BCa n = 2000, R = 2500", "boot.ci given L", 1,
      function() boot_ci(bca_made(), type = "bca"),
      function() boot::boot.ci(bca_peer(), type = "bca", L = attr(bca_peer(), "L")), reps = 15L),
    # The drop-in, whose resamples this session draws as boot does.
    boot_case("boot() of a mean, R = 5000", "boot multicore", 0.6, in_boot(boot_numbers$x, mean_of, rustle::boot),
      in_boot(boot_numbers$x, mean_of, boot::boot)),
    boot_case("boot() of a median, R = 5000", "boot multicore", 0.6, in_boot(boot_numbers$x, median_of, rustle::boot),
      in_boot(boot_numbers$x, median_of, boot::boot)),
    boot_case("boot() of a median, R = 5000", "its medians alone, in two processes", 1.25,
      in_boot(boot_numbers$x, median_of, rustle::boot), medians_alone),
    # At most 0.5 s.
    boot_case("means of 5 columns, n = 5e6, R = 8", "colMeans of eight resamples", 0.1, function() natively(many_rows(), "mean", 8L)(),
      function() for (r in 1:8) colMeans(many_rows()[sample.int(5e6L, 5e6L, TRUE), ]), reps = 3L),
    boot_case("mean n = 1e5, R = 200", "sample.int alone", 0.1, natively(boot_numbers$large, "mean", 200L), draw_large)
  ),
  if (requireNamespace("matrixStats", quietly = TRUE)) {
    list(boot_case("median n = 1e3, R = 1e4", "matrixStats::colMedians", 1 / 24,
      natively(boot_numbers$x, "median", 1e4), median_trick))
  },
  if (python_has("scipy")) {
    list(
      boot_case("mean with interval", "scipy", 1 / 8, percentiles(boot_numbers$x, "mean"), in_python("mean")),
      boot_case("median with interval", "scipy", 1 / 8, percentiles(boot_numbers$x, "median"), in_python("median")),
      boot_case("cor with interval", "scipy", 1 / 8, percentiles(boot_numbers$pair, "cor"), in_python("cor"))
    )
  },
  if (python_has("arch")) {
    list(boot_case("lm n = 1000, p = 5, R = 2000", "arch of lstsq", 1 / 8,
      natively(boot_numbers$frame, stat_lm(y ~ X1 + X2 + X3 + X4), 2000L), in_python("lm")))
  }
)
cases <- c(cases, as_it_comes(cases, paste("bootstrap", c("boot() of a mean, R = 5000", "boot() of a median, R = 5000"))))
