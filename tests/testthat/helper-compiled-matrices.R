# Random programs with matrices, as those of random_program().

random_matrix_program <- function(seed) {
  withr::local_preserve_seed()
  set.seed(seed, "Mersenne-Twister", "Inversion", "Rejection")
  one <- function(...) sample(c(...), 1L)
  s <- function(depth) {
    if (depth <= 0L) return(one("x", "k", "s", "2", "0.5", "-1", "n"))
    a <- function() s(depth - 1L)
    switch(sample.int(14L, 1L),
      sprintf("(%s + %s)", a(), a()), sprintf("(%s * %s)", a(), a()), sprintf("%s[%s, %s]", m(0L), i(), i()),
      sprintf("%s(%s)", one("sum", "mean", "max", "min", "prod", "sd"), m(depth - 1L)), sprintf("%s(%s)", one("nrow", "ncol", "length"), m(depth - 1L)),
      sprintf("%s[%s]", m(0L), i()), sprintf("%s[[%s, %s]]", m(0L), one("1L", "2L", "n", "i"), one("1L", "2", "n")), sprintf("sum(%s)", v(depth - 1L)),
      sprintf("(if (%s > 0) %s else %s)", a(), a(), a()), "rnorm(1)", sprintf("%s[%s]", v(depth - 1L), i()),
      one("fits[[n]]$a", "fits[[1]]$b[n]", "sum(lists[[i]])", "frame$u[[n]]", "nrow(frame)", "length(lists)", "sum(fits[[i]]$b)"),
      sprintf("%s(N[%s, %s])", one("sum", "mean", "max"), one("1", "n", ""), one("i", "2L", "")),
      one("match(s, v, nomatch = 0L)", "sum(v %in% w)", "findInterval(k, sort(v))", "Reduce(`+`, v)", "Reduce(function(a, b) a * 2 - b, w, k)", "tryCatch(s, error = function(e) 0)", "labels[[\"a\"]]", "N[[1, \"b\"]]", "sum(N[2, \"a\"])", "frame[n, ]$u", "sum(colMeans(frame))", "nrow(frame[frame$g > 1, ])", "as.numeric(labels[2])", "quantile(v, 0.3)[[1]]")
    )
  }
  i <- function() one("1L", "1L", "2L", "2", "3L", "n", "i", "0L", "-1L", "1.9")
  index <- function() one("", "", "1L", "2L", "n", "1:2", "c(1, 2)", "-1", "-1L", "-(1:2)", "c(2L, 1L, 1L)", "w", "v > 0", "seq_len(n)", "integer(0)", "i", "XI[, 1] > 2L")
  m <- function(depth) {
    if (depth <= 0L) return(one("m", "m", "X", "X", "XI", "a", "a", "wide", "square", "none"))
    a <- function() m(depth - 1L)
    b <- function() m(max(depth - 2L, 0L))
    switch(sample.int(29L, 1L),
      sprintf("t(%s)", one(a(), v(depth - 1L))), sprintf("(%s %s %s)", a(), one("+", "-", "*", "/"), s(0L)), sprintf("(%s %s %s)", a(), one("+", "*"), b()),
      sprintf("(%s %s %s)", s(0L), one("-", "*", "%%"), a()), sprintf("%s[%s, %s]", a(), index(), index()),
      sprintf("%s[%s, %s, drop = FALSE]", a(), index(), index()), sprintf("%s[%s, ]", one("X", "m"), one("sample.int(4L, 4L, TRUE)", "sample.int(2, 3, replace = TRUE)", "-2", "w")),
      sprintf("crossprod(%s)", a()), sprintf("crossprod(%s, %s)", a(), one(b(), v(0L))), sprintf("tcrossprod(%s)", a()),
      sprintf("(%s %%*%% %s)", a(), b()), sprintf("(%s %%*%% %s)", a(), v(0L)), sprintf("(%s %%*%% %s)", v(0L), a()),
      sprintf("matrix(%s, %s)", v(depth - 1L), one("2", "3", "2L", "n", "ncol = 2", "1, 3", "2, 2, TRUE", "3, 3, byrow = TRUE")),
      sprintf("diag(%s)", one("2", "3L", "n", "v", "2, 3")), sprintf("%s(%s)", one("abs", "sqrt", "exp", "-", "+"), a()),
      sprintf("solve(%s)", one("square", "a", a())), sprintf("solve(%s, %s)", one("square", "a", a()), b()),
      sprintf("as.matrix(%s)", one(v(0L), a())), sprintf("(%s %s %s)", a(), one("+", "*"), v(0L)),
      sprintf("tcrossprod(%s, %s)", a(), b()), sprintf("%s", one(sprintf("set(%s)", a()), sprintf("early(%s, %s)", a(), s(0L)), sprintf("centred(%s)", a()), sprintf("either(%s, %s)", a(), s(0L)), sprintf("own(%s)", b()))), sprintf("matrix(rnorm(%s), 2)", one("4", "6")), one("matrix(0, n, 2)", sprintf("outer(%s, %s)", v(0L), v(0L)), sprintf("ifelse(%s > 1, %s, 2.5)", a(), b()), sprintf("pmax(%s, %s)", a(), s(0L))), sprintf("(%s > %s)", a(), one(s(0L), b())),
      sprintf("cbind(%s, %s)", one("1", "c(1, 2)", a()), one(a(), "x", "w + 0")), sprintf("rbind(%s, %s, %s)", b(), one("1:2", "c(k, s, n)", b()), b()),
      one("cbind(p = v, q = s)", "rbind(p = w, q = k)", "sapply(1:2, function(j) c(a = j, b = s))", "t(N)", "outer(v, w, \"-\")", "outer(w, v, function(a, b) a * b + s)", "do.call(rbind, lapply(1:2, function(j) v * j))", "as.matrix(frame)", "N[w, ]", "N[, c(\"b\", \"a\")]"),
      one("unname(N)", "unname(cbind(v, 1))", "unname(crossprod(N))", "matrix(N %*% c(1, k), 1)")
    )
  }
  v <- function(depth) {
    if (depth <= 0L) return(one("v", "v", "w", "c(1, 2)", "y", "numeric(n)"))
    a <- function() m(depth - 1L)
    switch(sample.int(19L, 1L),
      sprintf("%s[%s, ]", a(), one("1L", "2L", "i", "n")), sprintf("%s[, %s]", a(), one("1L", "2L", "i", "n")), sprintf("%s(%s)", one("rowSums", "colSums", "rowMeans", "colMeans"), a()),
      sprintf("%s(%s)", one("c", "as.vector", "as.numeric", "drop", "dim", "cumsum"), a()), sprintf("diag(%s)", a()), sprintf("m[m %s %s]", one(">", "<", "!="), s(0L)),
      sprintf("solve(%s, %s)", one("square", a()), v(0L)), sprintf("drop(%s %%*%% %s)", a(), v(0L)), sprintf("X[%s, 2]", one("1:2", "-1", "w")), sprintf("(%s + %s)", v(0L), s(0L)),
      sprintf("which(%s > 1)", a()), sprintf("m[%s]", one("1:3", "-1L", "w")), sprintf("drop(quad(%s, %s))", a(), v(0L)), sprintf("c(%s, %s)", a(), s(0L)), v(0L),
      one("N[, \"b\"]", "N[1, ]", "colMeans(N)", "cbind(p = v, q = s)[2, ]", "sapply(frame, mean)", "colMeans(frame[w, ])", "frame[w, c(\"u\", \"g\")]$g", "rbind(p = w, q = k)[\"q\", ]", "as.numeric(N[, 2])"),
      one("lists[[n]]", "fits[[n]]$b", "frame$u", "frame[c(3L, 1L), ]$u", "frame[frame$g > 1L, \"u\"]", "frame[-n, ]$u", "frame[[\"u\"]][w]"),
      sprintf("%s(function(a, b) a %s b, %s, %s)", "mapply", one("+", "*"), one("v", "w"), one("v", "w", "c(1, 2, 3)")),
      one("unlist(lapply(v, function(z) z * k))", "unname(quantile(v, c(0.25, 0.5)))", "labels", "labels[-1]", "labels[c(\"b\", \"a\")] * 2", "quantile(v, c(0.1, 0.9))", "as.numeric(N[1, ])", "unname(labels * 2)", "sapply(labels, function(z) z + 1)")
    )
  }
  statement <- function(depth) {
    block <- function() paste(vapply(seq_len(sample.int(2L, 1L)), function(j) statement(depth - 1L), ""), collapse = "; ")
    switch(sample.int(if (depth > 0L) 21L else 11L, 1L),
      sprintf("m <- %s", one(m(2L), "matrix(NA, 2, 2)", "matrix(NA, 3, 2, dimnames = list(NULL, c(\"e\", \"f\")))")), sprintf("a <- %s", m(2L)), sprintf("v <- %s", v(2L)), sprintf("s <- %s", s(2L)),
      sprintf("m[%s, %s] <- %s", i(), i(), s(1L)), sprintf("m[%s, %s] <- %s", index(), index(), one(s(0L), v(0L), "0L", "m")),
      sprintf("m[%s > %s] <- %s", "m", s(0L), one("0", "k", "1L")), sprintf("XI[%s, %s] <- %s", i(), i(), one("5L", "0.5")),
      sprintf("m[%s] <- %s", one("1L", "n", "1:2", "length(m)"), s(0L)), "n <- n + 1L", sprintf("a <- %s", one("diag(2)", "crossprod(X)", "square * 2", "t(m)")),
      sprintf("if (%s > %s) { %s } else { %s }", s(1L), s(0L), block(), block()), sprintf("for (i in 1:2) { %s }", block()),
      sprintf("for (i in seq_len(ncol(m))) s <- s + m[1, i]"), sprintf("N[%s, %s] <- %s", i(), one("\"a\"", "\"b\"", "1L"), s(0L)), "colnames(m) <- c(\"e\", \"f\")", sprintf("{ colnames(m) <- c(\"e\", \"f\"); m[%s, \"e\"] <- %s }", i(), s(0L)), sprintf("frame$%s <- %s", one("u", "g", "h"), one("v", "frame$u * s", s(0L), "sample(3L)")),
      sprintf("if (%s > 0) return(%s)", s(1L), one(s(1L), m(1L))),
      sprintf("for (i in 1:2) { p <- fits[[%s]]; s <- s + p$a; %s }", one("i", "n"), block()),
      sprintf("{ part <- frame[%s, ]; s <- s + %s }", index(), one("nrow(part)", "sum(part$u)", "part$g[1]"))
    )
  }
  value <- one("m", "a", "m", "v", "s", "list(m, v, s)", "list(m = m, d = dim(a))", "c(s = s, n = n)", "frame", "N", "list(N, t(N), colMeans(N))", m(2L), m(2L), v(2L), "XI")
  lines <- c(
    "s <- 0", "k <- 1.5", "n <- 2L", "i <- 1L", "v <- c(x, 2, 3)", "w <- c(1L, 2L)", "m <- matrix(c(x, 1, 2.5, -1, 3, 0.5), 3)",
    "a <- diag(2) + 0.5", "own <- function(b) { m[1, 1] <- 9; b + m[1, 1] }", vapply(seq_len(sample.int(6L, 1L)), function(j) statement(2L), ""), value
  )
  eval(parse(text = sprintf("function(x) {\n%s\n}", paste(lines, collapse = "\n")), keep.source = FALSE)[[1L]], matrix_program_data())
}

matrix_program_data <- function() {
  list2env(list(
    X = matrix(c(1.5, 2, 0.5, 3, 1, 2, -1, 4, 0.25, 6, 2, 1), 4L), XI = matrix(c(4L, 1L, 2L, 3L, -1L, 7L), 3L), y = c(0.5, -2, 1, 3),
    fits = list(list(a = 1.5, b = c(1, 2)), list(a = -2, b = c(0.5, 3))), lists = list(c(1, 2.5), c(3, -4, 1)),
    frame = data.frame(u = c(1.5, -2, 3), g = c(1L, 2L, 2L)), labels = c(a = 1.5, b = -2, c = 0.25),
    N = matrix(c(1, 2.5, -3, 0.5), 2L, dimnames = list(NULL, c("a", "b"))), wide = matrix(c(1, 0.25, -3, 2, 5, 1.75), 2L), square = matrix(c(3, 1, 0.5, 1, 4, 1, -1, 2, 5), 3L), none = matrix(0, 0L, 3L),
    set = function(b) { b[1, 1] <- 0; b }, early = function(b, s) { if (s > 0) return(b * 2); b }, centred = function(b, by = mean(b)) b - by,
    either = function(b, s) if (s > 0) b else b[1, ], quad = function(b, d) { d[1] <- 0; b %*% d }
  ), parent = globalenv())
}
