# Small data and statistics in plain R, which native ones are compared with.

boot_data <- function(n = 40) {
  x <- (seq_len(n) * 37) %% 41 / 7 + seq_len(n) / 50
  data.frame(
    x = x, y = 2 * x + sin(seq_len(n) * 3) * 4, u = 1 + (seq_len(n) * 11) %% 17,
    g = rep(c("a", "b"), length.out = n), z = round(x),
    b = as.numeric((seq_len(n) * 7) %% 5 + x / 3 > 3.2)
  )
}

gini_of <- function(x) sum(abs(outer(x, x, `-`))) / (2 * length(x)^2 * mean(x))

auc_of <- function(x, g) {
  a <- x[g == "a"]
  b <- x[g == "b"]
  mean(outer(b, a, `>`) + 0.5 * outer(b, a, `==`))
}

km_of <- function(time, status, at) {
  times <- sort(unique(time[status == 1 & time <= at]))
  prod(vapply(times, function(t) 1 - sum(time == t & status == 1) / sum(time >= t), 0))
}

rmst_of <- function(time, status, until) {
  grid <- sort(unique(c(0, time[time < until], until)))
  heights <- vapply(utils::head(grid, -1L), function(t) km_of(time, status, t), 0)
  sum(diff(grid) * heights)
}

# Pairs of a native statistic and a function of data and indices.
statistic_pairs <- function() {
  list(
    mean = list(stat_mean(c("x", "y")), function(d, i) c(mean(d$x[i]), mean(d$y[i]))),
    sum = list(stat_sums("x"), function(d, i) sum(d$x[i])),
    var = list(stat_var("x"), function(d, i) var(d$x[i])),
    sd = list(stat_sd(c("x", "u")), function(d, i) c(sd(d$x[i]), sd(d$u[i]))),
    cov = list(stat_cov("x", "y"), function(d, i) cov(d$x[i], d$y[i])),
    cor = list(stat_cor("x", "y"), function(d, i) cor(d$x[i], d$y[i])),
    spearman = list(
      stat_cor("z", "y", method = "spearman"), function(d, i) cor(d$z[i], d$y[i], method = "spearman")
    ),
    ratio = list(stat_ratio("y", "u"), function(d, i) sum(d$y[i]) / sum(d$u[i])),
    proportion = list(stat_proportion("b"), function(d, i) mean(d$b[i])),
    difference = list(stat_diff("mean", "x", "g"), function(d, i) {
      d <- d[i, ]
      mean(d$x[d$g == "a"]) - mean(d$x[d$g == "b"])
    }),
    medians = list(stat_diff("median", "x", "g"), function(d, i) {
      d <- d[i, ]
      median(d$x[d$g == "a"]) - median(d$x[d$g == "b"])
    }),
    median = list(stat_median(c("x", "u")), function(d, i) c(median(d$x[i]), median(d$u[i]))),
    iqr = list(stat_iqr(columns = "x"), function(d, i) IQR(d$x[i])),
    mad = list(stat_mad(columns = "z"), function(d, i) mad(d$z[i])),
    trimmed = list(stat_trimmed(0.1, "x"), function(d, i) mean(d$x[i], trim = 0.1)),
    gini = list(stat_gini("u"), function(d, i) gini_of(d$u[i])),
    auc = list(stat_auc("z", "g"), function(d, i) auc_of(d$z[i], d$g[i])),
    survival = list(stat_km("z", "b", at = c(2, 4)), function(d, i) {
      c(km_of(d$z[i], d$b[i], 2), km_of(d$z[i], d$b[i], 4))
    }),
    rmst = list(stat_rmst("z", "b", until = 4), function(d, i) rmst_of(d$z[i], d$b[i], 4)),
    lm = list(stat_lm(y ~ x + u + g), function(d, i) coef(lm(y ~ x + u + g, d[i, ]))),
    simple = list(stat_lm(y ~ x), function(d, i) coef(lm(y ~ x, d[i, ]))),
    large = list(stat_lm(y ~ poly(x, 8) + poly(u, 4) + g), function(d, i) {
      X <- model.matrix(~ poly(x, 8) + poly(u, 4) + g, d)
      qr.coef(qr(X[i, ], tol = 1e-12), d$y[i])
    }),
    logistic = list(stat_glm(b ~ x), function(d, i) {
      suppressWarnings(coef(glm(b ~ x, binomial, d[i, ], control = list(epsilon = 1e-12, maxit = 50))))
    }),
    poisson = list(stat_glm(u ~ x + offset(log(z + 1)), poisson), function(d, i) {
      coef(glm(u ~ x + offset(log(z + 1)), poisson, d[i, ], control = list(epsilon = 1e-12)))
    }),
    formula = list(~ c(a = sum(.w * y) / sum(.w * u), b = sqrt(sum(.w * x^2) / 40)), function(d, i) {
      c(sum(d$y[i]) / sum(d$u[i]), sqrt(mean(d$x[i]^2)))
    })
  )
}
