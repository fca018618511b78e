# What a function returns must not depend on whether base R or our own code computes it:
# values and attributes are compared on both sides of every size where our code takes over.

# Hundreds of functions are made here and called once: compiling them would take minutes.
jit <- compiler::enableJIT(0L)
withr::defer(compiler::enableJIT(jit), testthat::teardown_env())

# A matrix with everything that base R may keep or drop, in a variant of these names.
variants <- list(
  plain = identity,
  rows = function(x) `rownames<-`(x, sprintf("r%d", seq_len(nrow(x)))),
  columns = function(x) `colnames<-`(x, sprintf("c%d", seq_len(ncol(x)))),
  both = function(x) `dimnames<-`(x, list(sprintf("r%d", seq_len(nrow(x))), sprintf("c%d", seq_len(ncol(x))))),
  titled = function(x) `dimnames<-`(x, list(of = sprintf("r%d", seq_len(nrow(x))), by = sprintf("c%d", seq_len(ncol(x))))),
  half_titled = function(x) `dimnames<-`(x, list(of = NULL, by = sprintf("c%d", seq_len(ncol(x))))),
  noted = function(x) structure(x, note = "kept?", "scaled:center" = 1),
  integer = function(x) {
    x[] <- round(10 * x)
    storage.mode(x) <- "integer"
    x
  },
  titled_integer = function(x) variants$titled(variants$integer(x)),
  table = function(x) structure(variants$titled(x), class = "table"),
  series = function(x) stats::ts(x, start = 1990),
  frame = function(x) as.data.frame(variants$both(x))
)

# Enough where another argument varies too.
some <- c("plain", "columns", "titled", "noted", "integer", "table")

value_or_error <- function(expr) {
  tryCatch(suppressWarnings(expr), error = function(e) paste("error:", conditionMessage(e)))
}

# all.equal() would take most of the time of these tests.
are_near <- function(a, b, tolerance) {
  if (is.list(b)) return(is.list(a) && length(a) == length(b) && all(mapply(are_near, a, b, tolerance)))
  if (is.numeric(b)) {
    if (!is.numeric(a) || length(a) != length(b)) return(FALSE)
    there <- is.finite(b)
    return(identical(a[!there], b[!there]) && all(abs(a - b)[there] <= tolerance * max(1, abs(b[there]))))
  }
  isTRUE(all.equal(a, b, tolerance = tolerance))
}

# Of the parts of a list, in no order.
attributes_of <- function(out) {
  in_order <- function(part) {
    of <- attributes(part)
    if (length(of)) of[sort(names(of))]
  }
  if (is.list(out)) lapply(out, in_order)
}

# `f()` of every variant of `x` gives what `g()` does.
expect_both_alike <- function(f, g, x, of, tolerance = 1e-10, which = names(variants)) {
  for (variant in which) {
    y <- variants[[variant]](x)
    base <- value_or_error(g(y))
    ours <- value_or_error(f(y, 2L))
    alike <- are_near(ours, base, tolerance) &&
      identical(attributes(ours), attributes(base)) && identical(attributes_of(ours), attributes_of(base))
    if (alike) next
    info <- paste(of, "of", variant, paste(dim(x), collapse = "x"))
    expect_identical(attributes(ours), attributes(base), info = info)
    expect_identical(attributes_of(ours), attributes_of(base), info = info)
    expect_equal(ours, base, tolerance = tolerance, info = info)
  }
  expect_true(TRUE)
}

# Signs of vectors are free.
unsigned <- function(out, parts) {
  if (is.list(out)) out[parts] <- lapply(out[parts], abs)
  out
}

test_that("square matrices: attributes are base's on both sides of order 16", {
  set.seed(1)
  for (n in c(1L, 3L, 16L, 17L, 40L)) {
    x <- crossprod(random(n + 20L, n)) + diag(5, n)
    expect_both_alike(function(x, k) mt_chol(x, threads = k), chol, x, "chol")
    expect_both_alike(function(x, k) mt_chol2inv(x, threads = k), chol2inv, chol(x), "chol2inv")
    expect_both_alike(function(x, k) mt_chol2inv(x, n - 1L, threads = k), function(x) chol2inv(x, n - 1L), chol(x), "chol2inv of a part")
    expect_both_alike(function(x, k) mt_solve(x, threads = k), solve, x, "solve")
    expect_both_alike(function(x, k) mt_determinant(x, threads = k), determinant, x, "determinant")
    expect_both_alike(function(x, k) mt_determinant(x, FALSE, threads = k), function(x) determinant(x, FALSE), x, "determinant")
    expect_both_alike(function(x, k) mt_det(x, threads = k), det, x, "det")
    for (only in c(TRUE, FALSE)) {
      expect_both_alike(
        function(x, k) unsigned(mt_eigen(x, only.values = only, threads = k), "vectors"),
        function(x) unsigned(eigen(x, only.values = only), "vectors"), x, "eigen", 1e-6
      )
    }
    expect_both_alike(function(x, k) mt_eigen(x + row(x), threads = k)$values, function(x) eigen(x + row(x))$values, x, "eigen, general", 1e-6)
    sides <- list(
      vector = seq_len(n), named = stats::setNames(seq_len(n) + 0.5, sprintf("b%d", seq_len(n))),
      column = matrix(1, n), noted = structure(seq_len(n), note = 1), array = array(1, n),
      both = variants$both(random(n, 3L)), titled = variants$titled(random(n, 3L)), table = variants$table(random(n, 2L))
    )
    for (name in names(sides)) {
      b <- sides[[name]]
      expect_both_alike(function(x, k) mt_solve(x, b, threads = k), function(x) solve(x, b), x, paste("solve,", name), which = some)
    }
    expect_both_alike(function(b, k) mt_solve(x, b, threads = k), function(b) solve(x, b), x, "solve, right-hand sides")
  }
})

test_that("products: attributes are base's on both sides of 512 products", {
  set.seed(2)
  for (n in c(2L, 7L, 9L, 30L)) {
    x <- random(n, n + 1L)
    for (name in setdiff(names(variants), "frame")) {
      y <- variants[[name]](random(n, n + 1L))
      of <- paste("with", name)
      expect_both_alike(function(x, k) mt_matmul(x, t(y), threads = k), function(x) x %*% t(y), x, of, which = some)
      expect_both_alike(function(x, k) mt_crossprod(x, y, threads = k), function(x) crossprod(x, y), x, of, which = some)
      expect_both_alike(function(x, k) mt_tcrossprod(x, y, threads = k), function(x) tcrossprod(x, y), x, of, which = some)
    }
    expect_both_alike(function(x, k) mt_crossprod(x, threads = k), crossprod, x, "crossprod")
    expect_both_alike(function(x, k) mt_tcrossprod(x, threads = k), tcrossprod, x, "tcrossprod")
    v <- stats::setNames(seq_len(n + 1L), letters[seq_len(n + 1L) %% 26L + 1L])
    expect_both_alike(function(x, k) mt_matmul(x, v, threads = k), function(x) x %*% v, x, "matmul with a vector")
  }
})

test_that("rows, columns, distances and correlations: attributes are base's for all sizes", {
  set.seed(3)
  for (size in list(c(1L, 1L), c(4L, 3L), c(3L, 5L), c(17L, 16L), c(60L, 20L))) {
    x <- random(size[[1L]], size[[2L]])
    for (na.rm in c(FALSE, TRUE)) {
      expect_both_alike(function(x, k) mt_rowSums(x, na.rm, threads = k), function(x) rowSums(x, na.rm), x, "rowSums")
      expect_both_alike(function(x, k) mt_colSums(x, na.rm, threads = k), function(x) colSums(x, na.rm), x, "colSums")
      expect_both_alike(function(x, k) mt_rowMeans(x, na.rm, threads = k), function(x) rowMeans(x, na.rm), x, "rowMeans")
      expect_both_alike(function(x, k) mt_colMeans(x, na.rm, threads = k), function(x) colMeans(x, na.rm), x, "colMeans")
    }
    for (method in c("pearson", "spearman", "kendall")) {
      if (method == "kendall" && nrow(x) > 100L) next
      expect_both_alike(function(x, k) mt_cor(x, method = method, threads = k), function(x) cor(x, method = method), x, "cor")
      expect_both_alike(function(x, k) mt_cov(x, method = method, threads = k), function(x) cov(x, method = method), x, "cov")
    }
    y <- variants$titled(random(nrow(x), 2L))
    expect_both_alike(function(x, k) mt_cor(x, y, threads = k), function(x) cor(x, y), x, "cor with y")
    expect_both_alike(function(x, k) mt_cov(y, x, threads = k), function(x) cov(y, x), x, "cov with y")
    expect_both_alike(function(x, k) mt_cov(x, y[, 1L], threads = k), function(x) cov(x, y[, 1L]), x, "cov with a vector")
    uncalled <- function(d) if (is.character(d)) d else structure(d, call = NULL)
    if (nrow(x) > 100L) next
    for (method in c("euclidean", "maximum", "manhattan", "canberra", "binary", "minkowski")) {
      expect_both_alike(
        function(x, k) uncalled(mt_dist(x, method, threads = k)), function(x) uncalled(stats::dist(x, method)), x, method
      )
    }
  }
})

test_that("QR, singular values and components: attributes are base's on both sides of 16 columns", {
  set.seed(4)
  for (size in list(c(5L, 3L), c(40L, 16L), c(40L, 17L), c(17L, 17L), c(20L, 30L), c(600L, 20L), c(22000L, 3L))) {
    x <- random(size[[1L]], size[[2L]])
    # Elements of qraux behind the rank, and for square ones the last, are not read.
    read <- function(q) {
      if (is.list(q)) q$qraux[length(q$qraux)] <- 0
      q
    }
    expect_both_alike(function(x, k) read(mt_qr(x, threads = k)), function(x) read(qr(x)), x, "qr", 1e-6)
    expect_both_alike(function(x, k) mt_qr(x, LAPACK = TRUE, threads = k), function(x) qr(x, LAPACK = TRUE), x, "qr by LAPACK")
    if (nrow(x) > 1000L) next
    parts <- c("u", "v")
    few <- function(out) unsigned(out, intersect(parts, names(out)))
    expect_both_alike(function(x, k) few(mt_svd(x, threads = k)), function(x) few(svd(x)), x, "svd", 1e-6)
    for (n in list(c(0, 0), c(0, 2), c(2, 0), c(1, 1))) {
      expect_both_alike(function(x, k) few(mt_svd(x, n[[1L]], n[[2L]], threads = k)), function(x) few(svd(x, n[[1L]], n[[2L]])), x, "svd", 1e-6)
    }
    both <- function(out) unsigned(out, intersect(c("rotation", "x"), names(out)))
    # Of a wide matrix the last component has no variance, and any direction.
    some <- min(dim(x)) - 1L
    expect_both_alike(
      function(x, k) both(mt_prcomp(x, rank. = some, threads = k)), function(x) both(stats::prcomp(x, rank. = some)),
      x, "prcomp", 1e-6
    )
    expect_both_alike(
      function(x, k) both(mt_prcomp(x, FALSE, FALSE, TRUE, tol = 0.1, rank. = 2, threads = k)),
      function(x) both(stats::prcomp(x, FALSE, FALSE, TRUE, tol = 0.1, rank. = 2)), x, "prcomp", 1e-6
    )
  }
})

test_that("sorting: attributes are base's for all sizes", {
  set.seed(5)
  for (n in c(0L, 1L, 5L, 64L, 65L, 3000L)) {
    x <- stats::rnorm(n)
    x[n %/% 2L] <- NA
    named <- stats::setNames(x, sprintf("n%d", seq_along(x)))
    inputs <- list(
      x, named, round(x), as.integer(round(3 * x)), x > 0, as.character(round(x)), structure(named, note = "n"),
      array(x, n), factor(round(x)), as.Date("2026-01-01") + round(10 * x), sort(x), rev(sort(named))
    )
    for (y in inputs) {
      for (na.last in c(TRUE, FALSE, NA)) {
        for (decreasing in c(TRUE, FALSE)) {
          info <- paste(n, class(y)[[1L]], na.last, decreasing)
          method <- if (is.object(y)) "auto" else "radix"
          sorted <- if (is.object(y)) sort(y, decreasing, na.last = na.last) else sort(y, decreasing, na.last = na.last, method = "radix")
          expect_identical(mt_sort(y, decreasing, na.last, threads = 2), sorted, info = info)
          by <- order(y, na.last = na.last, decreasing = decreasing, method = "radix")
          expect_identical(mt_order(y, na.last = na.last, decreasing = decreasing, threads = 2), by, info = info)
          if (is.object(y)) next
          placed <- sort(y, decreasing, na.last = na.last, method = "radix", index.return = TRUE)
          expect_identical(mt_sort(y, decreasing, na.last, index.return = TRUE, threads = 2), placed, info = info)
        }
      }
    }
  }
})

test_that("least squares: attributes are base's on both sides of 512 elements", {
  set.seed(6)
  for (n in c(15L, 600L)) {
    x <- cbind(1, random(n, 2L))
    y <- random(n, 1L)[, 1L]
    labels <- sprintf("o%d", seq_len(n))
    responses <- list(
      plain = y, named = stats::setNames(y, labels), column = cbind(y), unnamed_column = matrix(y),
      scaled = scale(y), several = cbind(a = y, b = 2 * y), titled = variants$titled(cbind(y, y^2)),
      noted = structure(y, note = "n"), scaled_pair = scale(cbind(y, y^2)), integer = as.integer(round(10 * y)),
      rows = matrix(y, dimnames = list(labels, NULL)), series = stats::ts(y, start = 3), array = array(y, n), none = random(n, 0L)
    )
    offsets <- list(NULL, y / 2, matrix(y), stats::setNames(y, labels), responses$several)
    w <- stats::runif(n) + 0.1
    zeros <- w
    zeros[3:4] <- 0
    weighted <- list(NULL, w, stats::setNames(w, rev(labels)), structure(w, note = "w"), zeros, stats::setNames(zeros, labels))
    designs <- list(x, variants$both(x), structure(x, assign = 0:2, note = "x"), cbind(x, d = x[, 2L]))
    for (x in designs) for (name in names(responses)) for (k in seq_along(weighted)) for (offset in offsets[if (ncol(x) == 3L) 1:5 else 1:2]) {
      y <- responses[[name]]
      w <- weighted[[k]]
      base <- value_or_error(if (is.null(w)) stats::lm.fit(x, y, offset) else stats::lm.wfit(x, y, w, offset))
      parts <- c("coefficients", "residuals", "fitted.values", "rank", "df.residual", "effects", "qr")
      for (qr in c(FALSE, TRUE)) {
        info <- paste(n, name, "weights", k, class(offset)[[1L]], "qr", qr, ncol(x))
        ours <- value_or_error(mt_lm_fit(x, y, offset, weights = w, qr = qr, threads = 2))
        if (is.character(base)) {
          if (!identical(ours, base)) expect_identical(ours, base, info = info)
          next
        }
        compared <- if (qr) parts else parts[1:5]
        # The residual effects depend on reflections that rounding decides on in deficient designs.
        near <- are_near(ours[parts[1:5]], base[parts[1:5]], 1e-8) &&
          (!qr || ncol(x) > 3L || are_near(ours$effects, base$effects, 1e-8))
        if (near && identical(attributes_of(ours[compared]), attributes_of(base[compared]))) next
        expect_identical(attributes_of(ours[compared]), attributes_of(base[compared]), info = info)
        expect_equal(ours[compared], base[compared], tolerance = 1e-8, info = info)
      }
    }
  }
  succeed()
})

test_that("constant rows and columns are found: their mean is the constant, their variance 0", {
  set.seed(7)
  for (size in list(c(6L, 2L), c(7L, 9L), c(3L, 300L), c(70L, 3L), c(200L, 5L), c(9000L, 2L), c(2L, 9000L), c(70000L, 2L))) {
    for (k in seq_len(if (prod(size) < 1e4) 60L else 4L)) {
      constant <- stats::runif(1L, -1, 1) * 10^sample(-8:8, 1L)
      x <- matrix(constant, size[[1L]], size[[2L]])
      rows <- rep(constant, nrow(x))
      cols <- rep(constant, ncol(x))
      threads <- k %% 3L + 1L
      schedule <- c("stealing", "static", "guided")[[threads]]
      for (na.rm in c(FALSE, TRUE)) {
        info <- paste(format(constant, digits = 17), size[[1L]], size[[2L]], na.rm)
        expect_identical(mt_rowMeans(x, na.rm, schedule = schedule, threads = threads), rows, info = info)
        expect_identical(mt_colMeans(x, na.rm, schedule = schedule, threads = threads), cols, info = info)
        expect_identical(mt_rowVars(x, na.rm, schedule, threads), 0 * abs(rows), info = info)
        expect_identical(mt_colVars(x, na.rm, schedule, threads), 0 * abs(cols), info = info)
        # Of two elements one would be left, which has no variance.
        if (min(size) > 2L) x[2L, 1L] <- NA
      }
      x[2L, 1L] <- constant
      for (use in c("everything", "pairwise.complete.obs")) {
        if (nrow(x) < 3L) break
        few <- x[, seq_len(min(3L, ncol(x)))]
        expect_identical(mt_cov(few, use = use, threads = threads), 0 * abs(few[seq_len(ncol(few)), ]))
        varied <- cbind(few, seq_len(nrow(x)))
        if (use == "pairwise.complete.obs") varied[1L, ] <- NA
        last <- ncol(varied)
        cov <- mt_cov(varied, use = use, threads = threads)
        expect_true(all(cov[-last, ] == 0, cov[, -last] == 0, cov[last, last] > 0))
        expect_warning(cor <- mt_cor(varied, use = use, threads = threads), "the standard deviation is zero")
        expect_true(all(is.na(cor[last, -last]), cor[last, last] == 1))
        # By pairs, base R misses constants of many rows.
        if (nrow(x) < 100L) expect_identical(cor, suppressWarnings(stats::cor(varied, use = use)))
      }
    }
  }
  # A sum that overflows, and elements that have no normal number below them.
  expect_identical(mt_colMeans(matrix(1.7e308, 300, 2)), rep(1.7e308, 2))
  expect_identical(mt_rowVars(matrix(1.7e308, 2, 300)), c(0, 0))
  expect_identical(mt_colMeans(matrix(5e-324, 300, 2)), rep(5e-324, 2))
  x <- random(50, 5)
  x[, 3L] <- 0.1
  expect_identical(which(mt_colVars(x) == 0), 3L)
  expect_like_base(mt_prcomp(x, scale. = TRUE), stats::prcomp(x, scale. = TRUE))
})
