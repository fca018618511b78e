# Are the primitives of compiled closures R's own functions, bit for bit, on this machine and
# with this R? Each is compared once a session, when a closure first needs it, and switched
# off when it differs: closures that need it are then left to R.

# What comparisons have found: "" where a primitive agrees, else a reason.
primitive_verdicts <- new.env(parent = emptyenv())

# Why primitives are switched off: a character vector with the names of those of `names` that
# differ from R's functions. Names without a comparison are not in it.
primitives_refused <- function(names) {
  known <- mget(names, envir = primitive_verdicts, ifnotfound = list(NA))
  if (identical(getOption("matprod"), "default") && all(unlist(known) %in% "")) return(character())
  # Other ways to multiply matrices have other bits; this may change at any time.
  other <- if (!identical(getOption("matprod"), "default")) intersect(names, c("%*%", "crossprod", "tcrossprod", "outer"))
  for (name in setdiff(names, names(primitive_table))) primitive_verdicts[[name]] <- ""
  names <- setdiff(intersect(names, names(primitive_table)), other)
  for (name in setdiff(names, names(primitive_verdicts))) {
    primitive_verdicts[[name]] <- compare_primitive(name)
  }
  found <- vapply(names, function(name) primitive_verdicts[[name]], "")
  c(found[nzchar(found)], stats::setNames(rep("the option `matprod` is not R's default", length(other)), other))
}

# "" or what differs.
compare_primitive <- function(name, entry = primitive_table[[name]]) {
  # Some need a library, which may be one that cannot be used.
  why <- if (is.null(entry$missing)) "" else entry$missing()
  if (nzchar(why)) return(why)
  keep_random_seed({
    for (arguments in entry$cases()) {
      set_random_seed(selftest_seed)
      want <- call_reference(entry, arguments)
      set_random_seed(selftest_seed)
      got <- call_primitive(name, arguments)
      if (!same_bits(want, got)) return(sprintf("%s() gives other numbers here than R's own function", name))
    }
    ""
  })
}

# Any state of L'Ecuyer-CMRG with inversion and rejection: tasks draw from such streams.
selftest_seed <- c(10407L, 362436069L, 521288629L, 123456789L, 88675123L, 5783321L, 6615241L)

# list(value = , seed = ) of R's own function; NULL where it fails or warns.
call_reference <- function(entry, arguments) {
  value <- tryCatch(do.call(entry$reference, arguments), error = function(e) NULL, warning = function(w) NULL)
  if (!is.null(value)) list(value = value, seed = get_random_seed())
}

# The same of the primitive; NULL where it gives up.
call_primitive <- function(name, arguments) {
  result <- unpack(rs_primitive(name, unname(arguments), get_random_seed()))
  if (is.null(result$bail)) result[c("value", "seed")]
}

# Zeros of different signs differ.
same_bits <- function(x, y) identical(x, y, num.eq = FALSE)

# Compared are R's functions themselves, whatever the search path has of these names.
from_stats <- function(name) get(name, envir = asNamespace("stats"))
from_base <- function(name) get(name, envir = baseenv())

# Vectors of all kinds, about 1e4 numbers, the same in each session.
selftest_doubles <- function() {
  sizes <- c(2L, 3L, 4L, 5L, 8L, 10L, 33L, 100L, 1000L)
  u <- function(n, k) (((seq_len(n) * 0.6180339887498949) + k * 0.3247179572447460) %% 1)
  unlist(lapply(seq_along(sizes), function(k) {
    x <- u(sizes[[k]], k)
    list(x, 10^(30 * x - 15), (x - 0.5) * exp(20 * u(length(x), k + 0.5)), 1e8 + x, round(10 * x) - 5)
  }), recursive = FALSE)
}

selftest_integers <- function() {
  lapply(c(1L, 2L, 3L, 10L, 11L, 100L, 5000L), function(n) {
    as.integer(((seq_len(n) * 7919) %% 1009) - 500)
  })
}

# A primitive of one vector (and `...`), on doubles, integers or both.
of_vectors <- function(reference, ..., on = c("doubles", "integers")) {
  more <- list(...)
  list(reference = reference, cases = function() {
    x <- c(if ("doubles" %in% on) selftest_doubles(), if ("integers" %in% on) selftest_integers())
    lapply(x, function(x) c(list(x), more))
  })
}

# Both directions.
sorting <- function(reference) {
  list(reference = reference, cases = function() {
    x <- c(selftest_doubles(), selftest_integers())
    unlist(lapply(x, function(x) list(list(x, FALSE), list(x, TRUE))), recursive = FALSE)
  })
}

# Numbers looked up among some of them, and others.
looking_up <- function(reference, prepare = identity) {
  list(reference = reference, cases = function() {
    zeros <- list(list(c(0, -0, 1, 2.5), prepare(c(-0, 2.5, 7))), list(c(3, 1, 1e300, -Inf), prepare(c(Inf, 1, -Inf, 1e300, 3, 3, 9, 8, 7))))
    c(zeros, lapply(selftest_doubles(), function(x) list(c(x, rev(x) / 2), prepare(x[seq_len((length(x) + 1L) %/% 2L)]))))
  })
}

# A law, with vectors of parameters that are recycled.
drawing <- function(name, ..., n = 10000) {
  parameters <- list(...)
  list(reference = from_stats(name), cases = function() list(c(list(n), parameters)))
}

# A function of two numbers, on all pairs.
of_pairs <- function(reference, x, y, integers = FALSE) {
  list(reference = reference, cases = function() {
    pairs <- expand.grid(x = x, y = y)
    doubles <- list(as.double(pairs$x), as.double(pairs$y))
    small <- pairs[pairs$x == trunc(pairs$x) & pairs$y == trunc(pairs$y), ]
    c(list(doubles), if (integers) list(list(as.integer(small$x), as.integer(small$y))))
  })
}

# A function of a matrix, given as its elements and its number of rows.
of_one_matrix <- function(name) {
  f <- from_base(name)
  list(reference = function(x, nrow) as.vector(f(matrix(x, nrow))), cases = function() {
    lapply(c(1L, 2L, 7L, 65L, 200L), function(nrow) list(rep_len(unlist(selftest_doubles()), nrow * 9L), nrow))
  })
}

# Why R's BLAS cannot be called on threads; "" when it can. La_library() loads LAPACK.
unfit_blas <- function() {
  lapack <- La_library()
  file <- extSoftVersion()[["BLAS"]]
  file <- if (nzchar(file)) normalizePath(file, mustWork = FALSE) else ""
  reference <- grepl("^libR?blas[.]", basename(file)) && !grepl("openblas|atlas|mkl|blis|veclib|accelerate", file, ignore.case = TRUE)
  unpack(rs_compiled_blas(lapack, reference))
}

# A product of matrices, which are given as elements and numbers of rows (0: a vector), with
# shapes that take each of BLAS's functions, and its loops for large and small ones.
of_two_matrices <- function(name, shape) {
  f <- from_base(name)
  as_given <- function(x, nrow) if (nrow > 0) matrix(x, nrow) else x
  list(missing = unfit_blas, reference = function(x, nrow, y, nrow_y) {
    out <- if (missing(y)) f(as_given(x, nrow)) else f(as_given(x, nrow), as_given(y, nrow_y))
    c(if (is.matrix(out)) dim(out) else c(length(out), 1), out)
  }, cases = function() {
    u <- unlist(selftest_doubles()[c(TRUE, FALSE, TRUE, TRUE, TRUE)])
    given <- function(dim, from) list(rep_len(u[-seq_len(from)], prod(dim)), if (length(dim) == 2L) dim[[1L]] else 0)
    sizes <- list(c(1, 1, 1), c(2, 3, 2), c(5, 1, 4), c(1, 7, 3), c(9, 4, 1), c(8, 17, 5), c(33, 20, 31), c(100, 6, 6), c(3, 150, 64))
    cases <- lapply(sizes, function(n) shape(n[[1L]], n[[2L]], n[[3L]]))
    cases <- c(cases, list(shape(6, NULL, 6), shape(20, NULL, NULL)))
    cases <- unlist(cases, recursive = FALSE)
    lapply(seq_along(cases), function(k) unlist(Map(given, cases[[k]], 7 * k + c(0, 3)[seq_along(cases[[k]])]), recursive = FALSE))
  })
}

logical_vectors <- function() list(list(TRUE), list(FALSE), list(rep(c(TRUE, FALSE, FALSE), 1000L)), list(rep(TRUE, 99L)))

# Functions of one number, on the numbers where they have values.
of_numbers <- function(names) {
  all <- c(-745, -20.5, -3.7, -1, -0.99, -0.5, -1e-9, -0, 0, 5e-324, 1e-9, 0.1, 0.5, 0.99, 1, 1.5, 3.7, 20.5, 700, 1e9, 1e300)
  all <- c(all, seq(-4, 4, length.out = 1501))
  lapply(stats::setNames(names, names), function(name) {
    f <- from_base(name)
    list(reference = f, cases = function() {
      # Primitives give up where the value is -0, or would be.
      fine <- suppressWarnings(f(all))
      list(list(all[!is.nan(fine) & (all != 0 | 1 / all > 0)]))
    })
  })
}

primitive_table <- local({
  signed <- c(-1000.5, -7, -2.5, -1, -0.3, -1e-9, 0, 1e-9, 0.1, 0.7, 1, 2, 3.3, 10, 255, 65536.25, 1e6)
  divisors <- signed[signed != 0]
  lengths <- c(0.5, 1, 2, 3, 10, 40, 199)
  samples <- function() {
    sizes <- c(1, 2, 3, 5, 17, 100, 255, 256, 257, 1000)
    c(
      lapply(sizes, function(n) list(n, 700, TRUE)), lapply(sizes, function(n) list(n, n, FALSE)),
      list(list(65536, 500, TRUE), list(1e6, 10, TRUE), list(2147483647, 500, TRUE), list(5, 0, FALSE)),
      unlist(lapply(c(2, 7, 150, 201, 400), function(n) {
        p <- list(rep_len(c(1, 2, 2, 3, 0.5), n), 1 + ((seq_len(n) * 0.618) %% 1))
        unlist(lapply(p, function(p) list(list(n, 500, TRUE, p), list(n, n, FALSE, p))), recursive = FALSE)
      }), recursive = FALSE)
    )
  }
  quantiles <- function() {
    usual <- c(0, 1, 0.5, 0.25, 0.75, 0.025, 0.975, 0.1, 0.9, 1 / 3, 2 / 3)
    between <- c(0, 1, ((1:20) * 0.61803398875) %% 1)
    x <- selftest_doubles()[c(TRUE, FALSE, FALSE, FALSE)]
    all <- unlist(lapply(x, function(x) lapply(1:9, function(type) list(x, if (type == 7) usual else between, type))), recursive = FALSE)
    # Of integers the compiler asks for the types that this version of R keeps.
    kept <- Filter(function(type) typeof(stats::quantile(1:3, 0.5, type = type)) == if (type == 7L) "double" else "integer", c(1L, 3L, 7L))
    c(all, unlist(lapply(selftest_integers()[-1L], function(x) lapply(kept, function(type) list(x, usual, type))), recursive = FALSE))
  }
  sequences <- function() {
    ends <- expand.grid(from = c(0, -1.5, 0.1, 3, 1e6), to = c(1, 2.7, -4, 10, 1e6 + 1))
    steps <- (ends$to - ends$from) / rep_len(c(10, 3, 7.5, 0.9, 33.3), nrow(ends))
    sizes <- rep_len(c(1, 2, 3, 11, 100), nrow(ends))
    each <- function(second, third, kind) lapply(seq_along(second), function(k) list(ends$from[[k]], second[[k]], third[[k]], kind))
    whole <- list(list(1L, 10L, 3L), list(10L, -7L, -2L), list(5L, 6L, 1L), list(-3L, 3L, 2L))
    c(each(ends$to, steps, 0), each(ends$to, sizes, 1), each(steps, sizes, 2), whole)
  }
  own <- list(
    sample = list(
      reference = function(n, size, replace, prob = NULL) sample(n, size, replace, prob), cases = samples
    ),
    runif = drawing("runif", c(0, -2, 1e-5), c(1, 5, 1e-5)),
    # Many of one law are drawn side by side.
    rnorm = list(reference = from_stats("rnorm"), cases = function() {
      list(list(10000, c(0, -3.5, 1e6), c(1, 2, 0)), list(10007, 0, 1), list(1001, -3.5, 2), list(3, 2, 0))
    }),
    rexp = drawing("rexp", c(1, 0.3, 1e4)),
    rlnorm = drawing("rlnorm", c(0, 3), c(1, 0.5)),
    rlogis = drawing("rlogis", c(0, 3), c(1, 0.5)),
    rcauchy = drawing("rcauchy", c(0, 3), c(1, 0.5)),
    rweibull = drawing("rweibull", c(1, 0.5, 3), c(1, 2)),
    rgamma = list(
      reference = function(n, shape, scale) stats::rgamma(n, shape, scale = scale),
      cases = function() list(list(10000, c(0.01, 0.5, 1, 1.5, 3.686, 5, 13.022, 40, 1e4), c(1, 2.5)))
    ),
    rchisq = drawing("rchisq", lengths),
    rt = drawing("rt", lengths),
    rf = drawing("rf", lengths, c(3, 10)),
    rbeta = drawing("rbeta", c(0.01, 0.5, 1, 1.5, 3, 100), c(0.3, 1, 2, 30, 1.5), n = 9999),
    rpois = drawing("rpois", c(0, 0.01, 1, 1.5, 5, 9.99, 10, 11, 50, 1000, 1e6)),
    rgeom = drawing("rgeom", c(0.001, 0.1, 0.5, 0.99, 1)),
    rnbinom = list(reference = function(n, size, prob, mu) if (missing(mu)) stats::rnbinom(n, size, prob) else as.integer(stats::rnbinom(n, size, mu = mu)), cases = function() {
      size <- c(0.3, 1, 3.3, 50)
      list(list(10000, size, c(0.01, 0.5, 0.9)), list(10000, size, 1, c(0, 0.2, 4, 11, 300)))
    }),
    rbinom = drawing("rbinom", c(0, 1, 10, 59, 100, 1000, 1e5), c(0, 0.01, 0.3, 0.5, 0.9)),
    sample.int = list(
      reference = function(n, size, replace, prob = NULL) sample.int(n, size, replace, prob), cases = samples
    ),
    sum = of_vectors(from_base("sum")),
    mean = list(reference = function(x, trim = 0) mean(x, trim = trim), cases = function() {
      whole <- lapply(c(selftest_doubles(), selftest_integers()), list)
      trims <- c(0.02, 0.1, 0.25, 0.499, 0.5)
      c(whole, unlist(lapply(selftest_doubles()[c(TRUE, FALSE, FALSE)], function(x) lapply(trims, function(trim) list(x, trim))), recursive = FALSE))
    }),
    seq = list(
      reference = function(from, second, third, kind = 0) {
        switch(kind + 1, seq(from, second, by = third), seq(from, second, length.out = third), seq(from, by = second, length.out = third))
      },
      cases = sequences
    ),
    var = list(reference = function(x, ...) stats::var(x, ...), cases = function() {
      c(lapply(selftest_doubles(), list), lapply(selftest_doubles()[c(TRUE, FALSE, FALSE)], function(x) list(x, sin(seq_along(x)))))
    }),
    sd = of_vectors(from_stats("sd"), on = "doubles"),
    cor = list(
      reference = function(x, y) stats::cor(x, y),
      cases = function() lapply(selftest_doubles(), function(x) list(x, sin(seq_along(x)) + rev(x) / 2))
    ),
    cov = list(
      reference = function(x, y) stats::cov(x, y),
      cases = function() lapply(selftest_doubles(), function(x) list(x, sin(seq_along(x)) + rev(x) / 2))
    ),
    unique = of_vectors(from_base("unique")),
    duplicated = of_vectors(from_base("duplicated")),
    rank = of_vectors(from_base("rank")),
    prod = of_vectors(from_base("prod"), on = "doubles"),
    min = of_vectors(from_base("min")),
    max = of_vectors(from_base("max")),
    which.min = of_vectors(from_base("which.min"), on = "doubles"),
    which.max = of_vectors(from_base("which.max"), on = "doubles"),
    cumsum = of_vectors(from_base("cumsum")),
    cumprod = of_vectors(from_base("cumprod"), on = "doubles"),
    cummax = of_vectors(from_base("cummax")),
    cummin = of_vectors(from_base("cummin")),
    diff = list(reference = function(x, lag) diff(x, lag), cases = function() {
      x <- c(selftest_doubles(), selftest_integers())
      unlist(lapply(x, function(x) list(list(x, 1L), list(x, 3L))), recursive = FALSE)
    }),
    rev = of_vectors(from_base("rev")),
    rep = of_vectors(function(x, times, each) rep(x, times, each = each), 3, 2),
    rep_len = of_vectors(from_base("rep_len"), 17),
    sort = sorting(function(x, decreasing) sort(x, decreasing)),
    order = sorting(function(x, decreasing) order(x, decreasing = decreasing)),
    median = of_vectors(from_stats("median")),
    quantile = list(
      reference = function(x, probs, type) stats::quantile(x, probs, names = FALSE, type = type), cases = quantiles
    ),
    match = looking_up(function(x, table) match(x, table, nomatch = 0L)),
    `%in%` = looking_up(function(x, table) x %in% table),
    findInterval = looking_up(function(x, table) findInterval(x, table), sort),
    tabulate = of_vectors(function(bin, nbins) tabulate(bin, nbins), 9, on = "integers"),
    which = list(reference = from_base("which"), cases = logical_vectors),
    any = list(reference = function(x) any(x), cases = logical_vectors),
    all = list(reference = function(x) all(x), cases = logical_vectors),
    `%%` = of_pairs(from_base("%%"), c(signed, seq(-30, 30, by = 0.7)), c(divisors, seq(0.3, 20, by = 0.9)), TRUE),
    `%/%` = of_pairs(from_base("%/%"), c(signed, seq(-30, 30, by = 0.7)), c(divisors, seq(0.3, 20, by = 0.9)), TRUE),
    `^` = of_pairs(from_base("^"), c(1e-300, 1e-9, 0.3, 1, 2, 3.3, 10, 1e5, seq(0.1, 9, by = 0.1)), c(-3:8, seq(-2, 2, by = 0.3))),
    round = of_pairs(function(x, digits) round(x, digits), c(signed, seq(-3, 3, by = 0.005)), c(0, 1, 2, 3, 5)),
    log = list(reference = function(x, ...) log(x, ...), cases = function() {
      x <- c(1e-300, 1e-9, 0.1, 0.5, 1, 1.5, 3.7, 20.5, 700, 1e9, 1e300, seq(0.001, 9, length.out = 1501))
      c(list(list(x)), lapply(c(2, 10, 3, 0.5, exp(1), 7.25), function(base) list(x, base)))
    }),
    signif = of_pairs(function(x, digits) signif(x, digits), c(signed, seq(-3, 3, by = 0.005)), c(1, 2, 3, 5)),
    colSums = of_one_matrix("colSums"),
    colMeans = of_one_matrix("colMeans"),
    rowSums = of_one_matrix("rowSums"),
    rowMeans = of_one_matrix("rowMeans"),
    t = of_one_matrix("t"),
    `%*%` = of_two_matrices("%*%", function(n, k, m) {
      if (is.null(k)) return(list(list(n, n), list(c(n, n), n), list(n, c(n, n))))
      list(list(c(n, k), c(k, m)))
    }),
    crossprod = of_two_matrices("crossprod", function(n, k, m) {
      if (is.null(k)) return(list(list(n, n), list(c(n, 3), n), list(n, c(n, 4)), list(n)))
      list(list(c(k, n), c(k, m)), list(c(n, k)))
    }),
    tcrossprod = of_two_matrices("tcrossprod", function(n, k, m) {
      if (is.null(k)) return(list(list(n, 5), list(n)))
      list(list(c(n, k), c(m, k)), list(c(n, k)))
    }),
    outer = of_two_matrices("outer", function(n, k, m) if (is.null(k)) list(list(n, 5)) else list(list(n + 1, m + 1))),
    solve = list(missing = unfit_blas, reference = function(a, nrow, b, nrow_b) {
      a <- matrix(a, nrow)
      out <- if (missing(b)) solve(a) else solve(a, if (nrow_b > 0) matrix(b, nrow_b) else b)
      c(if (is.matrix(out)) dim(out) else c(length(out), 1), out)
    }, cases = function() {
      u <- unlist(selftest_doubles()[c(TRUE, FALSE, FALSE, FALSE, FALSE)])
      unlist(lapply(c(1L, 2L, 3L, 5L, 8L, 13L, 40L), function(n) {
        a <- rep_len(u, n * n) + 3 * c(diag(n))
        b <- rep_len(rev(u), 3 * n)
        list(list(a, n), list(a, n, b, n), list(a, n, b[seq_len(n)], 0))
      }), recursive = FALSE)
    })
  )
  c(own, curve_table(), of_numbers(c(
    "sqrt", "exp", "expm1", "log1p", "log2", "log10", "sin", "cos", "tan", "asin", "acos", "atan", "sinh",
    "cosh", "tanh", "floor", "ceiling", "trunc"
  )))
})
