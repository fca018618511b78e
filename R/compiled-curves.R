# Densities and their like among the primitives of compiled closures (compiled-primitives.R).

# A density (`log`), a distribution function or quantile (`tail`), of numbers with parameters that are
# recycled; R's own is called as closures call it.
of_curve <- function(call, x, a = 0, b = 0, tail = FALSE, log = TRUE) {
  list(reference = call, cases = function() {
    flags <- expand.grid(lower = if (tail) c(TRUE, FALSE) else TRUE, log = if (log) c(FALSE, TRUE) else FALSE)
    lapply(seq_len(nrow(flags)), function(k) list(x, a, b, flags$lower[[k]], flags$log[[k]]))
  })
}

curve_table <- function() {
  line <- c(-30.5, -8, -5.7, -1e-9, 0, 1e-300, 0.3, 1, 2.5, 37.5, 1000, seq(-6, 6, length.out = 601))
  positive <- c(1e-9, 1e-3, 0.2, 1, 2, 5.5, 15, 15.5, 40, 300, 1e4, seq(0.01, 30, length.out = 600))
  p <- c(1e-300, 1e-10, 0.02425, 0.5, 1 - 1e-12, seq(0.001, 0.999, length.out = 599))
  df <- c(1, 1.5, 2, 3, 4.7, 10, 29, 30, 100, 1234.5, 9999)
  locations <- c(0, -2.5, 3)
  scales <- c(1, 0.3, 7, 2.25)
  rates <- 1 / scales
  own <- from_stats
  list(
    dnorm = of_curve(function(x, a, b, lower, log) own("dnorm")(x, a, b, log), line, locations, scales),
    pnorm = of_curve(function(x, a, b, lower, log) own("pnorm")(x, a, b, lower, log), line, locations, scales, TRUE),
    qnorm = of_curve(function(x, a, b, lower, log) own("qnorm")(x, a, b, lower, log), p, locations, scales, TRUE, FALSE),
    dunif = of_curve(function(x, a, b, lower, log) own("dunif")(x, a, b, log), line, -2, scales),
    punif = of_curve(function(x, a, b, lower, log) own("punif")(x, a, b, lower, log), line, -2, scales, TRUE),
    dexp = of_curve(function(x, a, b, lower, log) own("dexp")(x, 1 / a, log), line, 1 / rates),
    pexp = of_curve(function(x, a, b, lower, log) own("pexp")(x, 1 / a, lower, log), line, 1 / rates, 0, TRUE),
    dgamma = of_curve(function(x, a, b, lower, log) own("dgamma")(x, a, scale = b, log = log), positive, c(0.5, 1, 2.7, 16, 100), scales),
    dbeta = of_curve(function(x, a, b, lower, log) own("dbeta")(x, a, b, log = log), p[-1L], c(0.5, 1, 2.7, 16, 100), c(1, 3.3, 0.2)),
    dt = of_curve(function(x, a, b, lower, log) own("dt")(x, a, log = log), line, df),
    pt = of_curve(function(x, a, b, lower, log) own("pt")(x, a, lower.tail = lower, log.p = log), line[abs(line) < 35 & (line == 0 | abs(line) > 1e-10)], df, 0, TRUE),
    dchisq = of_curve(function(x, a, b, lower, log) own("dchisq")(x, a, log = log), positive, df),
    pchisq = of_curve(function(x, a, b, lower, log) own("pchisq")(x, a, lower.tail = lower, log.p = log), positive, df, 0, TRUE),
    dbinom = of_curve(function(x, a, b, lower, log) own("dbinom")(x, a, b, log), 0:500, c(10, 33, 1000), c(0, 0.1, 0.5, 0.93, 1)),
    dpois = of_curve(function(x, a, b, lower, log) own("dpois")(x, a, log), 0:500, c(0.1, 1, 7.7, 100)),
    dlogis = of_curve(function(x, a, b, lower, log) own("dlogis")(x, a, b, log), line, locations, scales),
    plogis = of_curve(function(x, a, b, lower, log) own("plogis")(x, a, b, lower, log), line, locations, scales, TRUE),
    qlogis = of_curve(function(x, a, b, lower, log) own("qlogis")(x, a, b, lower, log), p, locations, scales, TRUE, FALSE),
    dlnorm = of_curve(function(x, a, b, lower, log) own("dlnorm")(x, a, b, log), positive, locations, scales),
    plnorm = of_curve(function(x, a, b, lower, log) own("plnorm")(x, a, b, lower, log), positive, locations, scales, TRUE),
    gamma = of_curve(function(x, a, b, lower, log) gamma(x), positive[positive < 169], log = FALSE),
    lgamma = of_curve(function(x, a, b, lower, log) lgamma(x), positive, log = FALSE),
    factorial = of_curve(function(x, a, b, lower, log) factorial(x), positive[positive < 168], log = FALSE),
    lfactorial = of_curve(function(x, a, b, lower, log) lfactorial(x), positive, log = FALSE),
    beta = of_curve(function(x, a, b, lower, log) beta(x, a), positive[positive > 1e-5], df, log = FALSE),
    lbeta = of_curve(function(x, a, b, lower, log) lbeta(x, a), positive[positive > 1e-5], df, log = FALSE),
    choose = of_curve(function(x, a, b, lower, log) choose(x, a), 100:400, c(0, 1, 2, 29, 30, 31, 77, 100), log = FALSE)
  )
}
