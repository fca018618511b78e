# Random programs for the machine of plan(threads), and their comparison with the interpreter.

# Jobs that take no time run on threads, too.
machine$eager <- TRUE

# A function of one number, made of the subset and of what lies just outside of it; the same for
# the same seed.
random_program <- function(seed) {
  withr::local_preserve_seed()
  set.seed(seed, "Mersenne-Twister", "Inversion", "Rejection")
  one <- function(...) sample(c(...), 1L)
  number <- function() one("0", "1", "2", "3", "0.5", "-1", "1e3", "7", "2.5", "x", "k", "pi")
  whole <- function() one("1L", "2L", "3L", "5L", "0L", "-2L", "n", "length(v)", "length(w)", "as.integer(x)")
  d <- function(depth) {
    if (depth <= 0L) return(one("x", "k", "s", number(), whole()))
    a <- function() d(depth - 1L)
    switch(sample.int(27L, 1L, prob = rep(c(1, 3, 1), c(19L, 1L, 7L))),
      sprintf("(%s + %s)", a(), a()), sprintf("(%s - %s)", a(), a()), sprintf("(%s * %s)", a(), a()),
      sprintf("(%s / %s)", a(), a()), sprintf("(%s %%%% %s)", a(), a()), sprintf("(%s %%/%% %s)", a(), a()),
      sprintf("(%s ^ %s)", a(), one("2", "3", "0.5", "2L", "k")), sprintf("sqrt(abs(%s))", a()),
      sprintf("%s(%s)", one("exp", "sin", "cos", "log", "floor", "round", "abs", "tanh", "log1p"), a()),
      sprintf("v[%s]", i(depth - 1L)), sprintf("%s(%s)", one("sum", "mean", "var", "sd", "max", "min", "prod", "median"), v(depth - 1L)),
      sprintf("%s(%s, %s)", one("max", "min"), a(), a()), sprintf("(if (%s) %s else %s)", l(depth - 1L), a(), a()),
      sprintf("-%s", a()), sprintf("w[[%s]]", i(depth - 1L)), one(
        "runif(1)", "rnorm(1)", "rexp(1, 2)", "rnorm(1, k, 0.5)", "rgamma(1, 2.5, 0.5)", "rbeta(1, 2, k)", "rchisq(1, 3)",
        "rt(1, 4)", "rlnorm(1)", "rweibull(1, 2)"
      ),
      sprintf("ifelse(%s, %s, %s)", l(depth - 1L), "k", "2.5"), sprintf("sum(%s)", w(depth - 1L)), i(depth - 1L), call(depth - 1L),
      each(depth - 1L), sprintf("labels[[%s]]", one("\"q\"", "1", i(0L))), sprintf("%s(%s)", one("force", "identity", "(function(k) { force(k); 1 })"), a()),
      one("l$a", "l$b[1]", "sum(l$b)", "l[[\"a\"]]", "df$u[2]", "nrow(df)", "sum(df$w)", "colMeans(df)[[1]]", "mean(df[df$u > 1, ]$u)", "sapply(df, sum)[[2]]", "with(df, sum(u * w))", "summary_of(v)$m", "length(l)"),
      # Without names a string makes different errors in R, as code is byte-compiled or not.
      one(sprintf("switch(%s, %s, %s, %s)", one("n", "2", "sample.int(3L, 1)", "as.integer(k)"), a(), a(), a()), sprintf("switch(word, a = s, q = %s, %s)", a(), a())),
      one(sprintf("dnorm(%s)", a()), sprintf("pnorm(%s, k)", a()), sprintf("sum(dnorm(%s, log = TRUE))", v(0L)), sprintf("plogis(%s)", a()), "t.test(v)$p.value", sprintf("(if (word == \"q\") %s else \"no\")", a()), sprintf("rank(%s)[1]", v(0L)), sprintf("length(unique(%s))", v(0L)), "sum(sapply(1:2, function(j) c(j, s)))",
        sprintf("sum(%s, %s)", a(), v(0L)), sprintf("sum(%s, n, %s)", whole(), a()), "stats::rnorm(1)"),
      one(sprintf("%s(%s)", one("sign", "is.finite", "as.logical"), a()), sprintf("%s(%s)", one("floor", "round", "median"), w(depth - 1L)), sprintf("quantile(%s, %s)[[1]]", one("w", "counts", "v", "c(w, n)"), one("0.3", "c(0.5, 1)", "k")), sprintf("quantile(w, type = %s)[2]", one("1", "3", "7")), sprintf("length(Filter(function(j) j > %s, %s))", one("x", "1", "k"), one("v", "w")), sprintf("var(%s, rev(%s))", "v", "v"), sprintf("max(tabulate(%s))", one("w", "u", "c(w, 2.5)")))
    )
  }
  # Functions that are called for each of several elements.
  each <- function(depth) {
    body <- one("j * 2", "x + j", "if (j > 2) k else s", "k * j - s", "{ k <- j + 1; k * s }", d(max(depth, 0L)))
    of <- one("sum", "mean", "max", "rev")
    switch(sample.int(6L, 1L),
      sprintf("%s(sapply(%s, function(j) %s))[1]", of, one("1:3", "w", "v", "seq_len(n)", "data"), body),
      sprintf("%s(vapply(%s, function(j) %s, %s))[1]", of, one("1:3", "w", "v"), body, one("numeric(1)", "1", "integer(1)", "logical(1)")),
      sprintf("%s(replicate(%s, %s))[1]", of, one("3", "n", "2L"), one("rnorm(1)", body, "{ s <- runif(1); s + x }", d(0L))),
      sprintf("sum(sapply(%s, function(j, p) p + j, %s))", one("w", "1:2"), one("rnorm(1)", "p = k", d(0L))),
      sprintf("max(sapply(%s, %s))", one("v", "w", "data"), one("exp", "abs", "first", "sqrt")),
      sprintf("sum(sapply(1:2, function(h) sum(sapply(1:h, function(j) %s))))", body)
    )
  }
  # Functions of their own surroundings; those of `callable` are there already.
  callable <- character()
  call <- function(depth) {
    if (!length(callable)) return(d(depth))
    a <- function() d(depth)
    switch(sample.int(8L, 1L),
      sprintf("%s(%s)", one(callable), a()), sprintf("%s(%s, %s)", one(callable), a(), a()),
      sprintf("%s(k = %s, %s)", one(callable), a(), a()), sprintf("%s(x = %s, numb = %s)", one(callable), a(), i(0L)),
      sprintf("%s(%s, more = %s)", one(callable), a(), one("rnorm(1)", "stop(1)", a())), sprintf("mean(c(%s(%s), 1))", one(callable), a()),
      sprintf("apply_to(%s, %s)", one(callable, "sqrt", "function(z) z * k"), a()), sprintf("%s(rnorm(1), runif(1), %s)", one(callable), i(0L))
    )
  }
  i <- function(depth) {
    if (depth <= 0L) return(whole())
    a <- function() i(depth - 1L)
    switch(sample.int(9L, 1L),
      sprintf("(%s + %s)", a(), a()), sprintf("(%s * %s)", a(), a()), sprintf("(%s %%%% %s)", a(), one("3L", "5L", whole())),
      sprintf("(%s %%/%% %s)", a(), one("2L", whole())), one("sample.int(5L, 1)", "sample.int(n, 1)", "rpois(1, 3)", "rbinom(1, 10, 0.3)", "sum(rpois(n, c(1, 20)))"),
      sprintf("length(%s)", v(depth - 1L)), sprintf("sum(%s)", w(depth - 1L)), sprintf("(%s - %s)", a(), a()), whole()
    )
  }
  l <- function(depth) {
    op <- one("<", "<=", ">", ">=", "==", "!=")
    switch(sample.int(6L, 1L),
      sprintf("(%s %s %s)", d(depth - 1L), op, d(depth - 1L)), sprintf("(%s %s %s)", i(depth - 1L), op, i(depth - 1L)),
      sprintf("(%s %s %s && !(%s > 2))", d(0L), op, d(0L), d(depth - 1L)), sprintf("any(%s > %s)", v(depth - 1L), d(0L)),
      sprintf("is.na(%s)", d(depth - 1L)), sprintf("(%s || %s < 1)", one("TRUE", "x > 2"), d(0L))
    )
  }
  v <- function(depth) {
    if (depth <= 0L) return(one("v", "data", "u", "numeric(3)", "c(1, 2.5, k)"))
    a <- function() v(depth - 1L)
    switch(sample.int(16L, 1L),
      sprintf("(%s + %s)", a(), d(0L)), sprintf("(%s * %s)", d(0L), a()), sprintf("(%s - %s)", a(), a()),
      sprintf("%s(%s)", one("rev", "cumsum", "sort", "diff", "abs", "exp"), a()), sprintf("%s[%s]", one("v", "data"), w(depth - 1L)),
      sprintf("%s[%s > %s]", one("v"), "v", d(0L)), sprintf("v[-%s]", whole()), sprintf("c(%s, %s)", a(), d(0L)),
      sprintf("rnorm(%s)", one("3", "n", "2L")), sprintf("runif(4, 0, %s)", one("1", "k", "3")), sprintf("rep(%s, %s)", a(), one("2", "2L")),
      sprintf("sample(%s)", one("data", "v")), sprintf("data[sample.int(length(data), %s, replace = TRUE)]", one("3", "5L", "n")),
      sprintf("pmin(%s, %s)", a(), d(0L)), sprintf("ifelse(%s > 1, %s, 0)", "v", "v"),
      one(sprintf("%s(%s, %s)", one("head", "tail"), a(), whole()), sprintf("rep(%s, %s)", one("c(k, 2)", "w", a()), one("c(n, 2)", "w", "c(2, 1)")), sprintf("%s[%s]", a(), one("c(TRUE, FALSE)", "c(0, 1, n)", "-w")), sprintf("diff(%s, differences = 2)", a()), sprintf("%s(%s, v)", one("union", "setdiff", "intersect"), a()))
    )
  }
  w <- function(depth) {
    if (depth <= 0L) return(one("w", "seq_len(3)", "1:2", "c(1L, 2L)", "counts"))
    switch(sample.int(7L, 1L),
      sprintf("(%s:%s)", one("1", "1L", "n", "2"), one("3", "n", "2L", "1")), sprintf("seq_along(%s)", v(depth - 1L)),
      sprintf("order(%s)", v(depth - 1L)), sprintf("which(%s > %s)", v(depth - 1L), d(0L)), sprintf("rev(%s)", w(depth - 1L)),
      sprintf("(%s + %s)", w(depth - 1L), one("1L", "n")), sprintf("sample.int(%s)", one("4L", "5", "n"))
    )
  }
  statement <- function(depth) {
    block <- function(n = sample.int(2L, 1L)) paste(vapply(seq_len(n), function(j) statement(depth - 1L), ""), collapse = "; ")
    switch(sample.int(if (depth > 0L) 19L else 12L, 1L),
      sprintf("s <- %s", d(2L)), sprintf("k <- %s", one(d(1L), "k + 1", "k * 2")), sprintf("n <- %s", one(i(1L), "n + 1L", "n + 1")),
      sprintf("v <- %s", v(2L)), sprintf("w <- %s", w(2L)), sprintf("v[%s] <- %s", one(whole(), "1", "length(v) + 1L", "-1", "-n", "-w", "", "-length(v)"), d(1L)),
      sprintf("u <- %s", v(1L)), sprintf("w[%s] <- %s", one("1L", "2L", "n"), one(whole(), "2")),
      sprintf("l$%s <- %s", one("a", "b", "c", "a"), one(d(1L), v(1L), "n", "\"t\"", "l$a", "NULL", "list(s, k)")), sprintf("l$b[%s] <- %s", one("1", "n", "3L"), d(0L)),
      sprintf("df%s <- %s", one("$u", "$w", "$z", "[[\"u\"]]", "[2, \"u\"]", "[df$u > 1, \"w\"]", "[, \"u\"]"), one(d(1L), "df$u * 2", "v", "rev(df$u)", "n")),
      sprintf("l <- %s", one("list(a = s, b = v)", "list(b = l$b, a = l$a)", "if (s > 1) list(a = 1, b = v) else list(a = k, b = v)", "summary_of(v)", "list()", "l")),
      sprintf("for (j in %s) { %s }", one("1:3", "seq_len(min(n, 5))", "3:1", "u", "1:2", "1:0"), block()),
      sprintf("for (j in 1:4) { s <- s + j; if (%s) %s; %s }", l(1L), one("break", "next"), block(1L)),
      sprintf("if (%s) { %s } else { %s }", l(1L), block(), block()), sprintf("if (%s) { %s }", l(1L), block()),
      sprintf("m <- 0; while (s < %s && m < 7) { m <- m + 1; s <- s + 1; %s }", one("3", "5", "k"), statement(0L)),
      sprintf("if (%s) return(%s)", l(1L), d(1L)), sprintf("if (%s > 1e6) stop(\"large\")", d(1L))
    )
  }
  env <- program_data()
  # A function of the program: arguments that may wait, and defaults of other arguments.
  helper <- function() {
    lines <- c(
      "s <- 0.5", one("n <- number", "n <- 2L"), "v <- c(1, 2, 3)", "w <- c(1L, 3L)", "u <- numeric(2)", "l <- settings", "df <- table",
      one("", "force(k)", "if (missing(number)) s <- s + 1", "if (!missing(k) && x > 0) s <- k", "if (missing(absent)) absent <- 2; s <- s * absent"),
      vapply(seq_len(sample(0:2, 1L)), function(j) statement(1L), ""),
      one("x + s", "s * k", "if (x > 1) k else s", "for (j in 1:2) s <- s + k; s", d(1L), "m <- s > 0 && k > 0; x")
    )
    lines <- lines[sort(unique(c(sample.int(length(lines), length(lines) - sample(0:1, 1L)), length(lines))))]
    lines <- lines[nzchar(lines)]
    sprintf(
      "function(x, k = %s, number = %s, more = stop(\"more\"), absent) {\n%s\n}", one("2", "x", "s", "-x", "rnorm(1)"), one("2L", "1L", "length(v)"),
      paste(lines, collapse = "\n")
    )
  }
  for (name in c("first", "second")) {
    assign(name, eval(parse(text = helper(), keep.source = FALSE)[[1L]], env), env)
    callable <- c(callable, name)
  }
  value <- one("s", "v", "w", "k", "n", "c(s, k)", call(1L), call(1L), "c(a = s, b = k)", "list(s, v)", "labels * s", "labels + v",
    "sqrt(labels)", "{ names(v) <- c(\"e\", \"f\", \"g\"); v[[\"f\"]] <- k; -v }", "{ z <- c(a = s, b = k); z[\"b\"] <- n; z }", "setNames(v, c(\"e\", \"f\", \"g\"))",
    "if (s > 1) labels else labels * 2", "labels > s", "{ out <- list(a = s, b = labels); out }", "list(n = n, l = s > 1)", "data.frame(s, k, w = \"q\")", "data.frame(v = v, s)", "l", "df", "list(l, df, word)", "df[1:2, ]", "do.call(rbind, lapply(1:2, function(j) c(a = j, b = s)))", "sapply(1:2, function(j) v * j)", "cbind(s = v, k)",
    "{ names(l) <- rev(names(l)); l }", "switch(word, p = s, q = list(s, k), 0)", "c(labels, s)", "c(z = k, labels * s, n)", "round(labels * s, 1)", "{ k <- c(labels, rnorm(1)); k }", "colMeans(df)", "s > k", "sum(v)", d(2L), v(2L), w(2L))
  lines <- c(
    "s <- 0", "k <- 1.5", "n <- 2L", "v <- c(x, 2, 3)", "w <- c(1L, 3L)", "u <- numeric(2)", "l <- list(a = 0.5, b = c(1, x))", "df <- data.frame(u = c(1.5, 2, x), w = 1:3)",
    vapply(seq_len(sample.int(6L, 1L)), function(j) statement(2L), ""), value
  )
  lines <- lines[sort(unique(c(sample.int(length(lines), length(lines) - sample(0:1, 1L)), length(lines))))]
  fun <- eval(parse(text = sprintf("function(x) {\n%s\n}", paste(lines, collapse = "\n")), keep.source = FALSE)[[1L]], env)
  fun
}

program_data <- function() {
  env <- list2env(list(data = c(2.5, -1, 4, 0.25, 8), counts = c(4L, 1L, 2L), labels = c(p = 1.5, q = -2, r = 0.5)), parent = globalenv())
  env$settings <- list(a = 2, b = c(0.5, 3, 1), name = "set")
  env$table <- data.frame(u = c(0.5, 2, 4), w = c(2L, 1L, 3L))
  env$word <- "q"
  env$summary_of <- eval(quote(function(v) { m <- mean(v); list(a = m, b = v - m, m = m) }), env)
  env$apply_to <- eval(quote(function(f, x) f(x)), env)
  env
}

# All that a call does: value or error, warnings in order, and the random state.
observe_program <- function(fun, X = list(1, 2, 0.5, -3, 10), plan = list("sequential")) {
  warned <- character()
  set.seed(20, "L'Ecuyer-CMRG", "Inversion", "Rejection")
  value <- under_plan(plan, withCallingHandlers(
    tryCatch(future_lapply(X, fun, future.seed = TRUE), error = function(e) list(class(e), conditionMessage(e), e$task)),
    warning = function(w) {
      warned <<- c(warned, conditionMessage(w))
      invokeRestart("muffleWarning")
    }
  ))
  list(value = value, warned = warned, state = get_random_seed())
}

helpers_of_program <- function(fun) {
  env <- environment(fun)
  unlist(lapply(c("first", "second"), function(name) c(paste(name, "<-"), deparse(env[[name]]))))
}

# The same function without the statements that it does not need to differ. differs: a function
# of a function.
shrink_program <- function(fun, differs) {
  k <- length(body(fun))
  while (k > 1L) {
    smaller <- fun
    body(smaller) <- as.call(as.list(body(fun))[-k])
    if (length(body(smaller)) > 1L && differs(smaller)) fun <- smaller
    k <- k - 1L
  }
  fun
}

program_differs <- function(fun, workers = 2) {
  ours <- observe_program(fun, plan = list("threads", workers = workers))
  !identical(ours, observe_program(fun), num.eq = FALSE, single.NA = FALSE)
}

# Programs of these seeds under plan(threads): how many compiled, and how many tasks were not
# given up; those that differ from the interpreter are shown.
expect_programs <- function(seeds, workers = 2, make = random_program) {
  withr::local_preserve_seed()
  compiled <- kept <- 0L
  for (seed in seeds) {
    fun <- make(seed)
    oracle <- observe_program(fun)
    ours <- observe_program(fun, plan = list("threads", workers = workers))
    told <- last_compiled$told
    if (identical(last_compiled$fun, fun) && is.null(told$why)) {
      compiled <- compiled + 1L
      kept <- kept + told$tasks
    }
    same <- identical(ours, oracle, num.eq = FALSE, single.NA = FALSE)
    if (!same) {
      fun <- shrink_program(fun, function(fun) program_differs(fun, workers))
      testthat::expect(FALSE, paste(c(
        sprintf("Program %d differs under plan(threads):", seed), deparse(fun), helpers_of_program(fun),
        utils::capture.output(utils::str(oracle)), utils::capture.output(utils::str(ours))
      ), collapse = "\n"))
    }
  }
  testthat::expect(TRUE, "")
  c(compiled = compiled, kept = kept)
}

# The function under plan(threads) beside plan(sequential): values, and the random state afterwards.
on_threads <- function(code, workers = 2, ...) under_plan(list("threads", workers = workers, ...), code)

expect_same_on_threads <- function(X, fun, ..., kept = length(X)) {
  withr::local_preserve_seed()
  set.seed(1, "L'Ecuyer-CMRG", "Inversion", "Rejection")
  before <- get_random_seed()
  oracle <- under_plan(list("sequential"), future_lapply(X, fun, ..., future.seed = TRUE))
  after <- get_random_seed()
  for (workers in 1:3) {
    set_random_seed(before)
    ours <- on_threads(future_lapply(X, fun, ..., future.seed = TRUE), workers)
    expect_identical(ours, oracle)
    expect_identical(get_random_seed(), after)
    expect_null(last_compiled$told$why)
    expect_identical(last_compiled$told$tasks, kept)
  }
}

# Functions that all compile, and of which no task is given up: with 1, 2 and 3 threads they do what
# they do in the session, and when all tasks are given up.
expect_all_on_threads <- function(..., X = list(1, 2, 0.5)) {
  withr::local_preserve_seed()
  funs <- list(...)
  seen <- function(plan) {
    under_plan(plan, lapply(funs, function(fun) {
      set.seed(1, "L'Ecuyer-CMRG", "Inversion", "Rejection")
      list(future_lapply(X, fun, future.seed = TRUE), get_random_seed(), last_compiled$told$why, last_compiled$told$bailed)
    }))
  }
  same <- function(x, y) identical(x[1:2], y[1:2], num.eq = FALSE)
  oracle <- seen(list("sequential"))
  for (workers in 1:3) {
    ours <- seen(list("threads", workers = workers))
    for (k in seq_along(funs)) {
      expect_true(same(ours[[k]], oracle[[k]]), label = deparse1(body(funs[[k]])))
      expect_null(ours[[k]][[3L]], label = deparse1(body(funs[[k]])))
      expect_equal(ours[[k]][[4L]], 0, label = deparse1(body(funs[[k]])))
    }
  }
  withr::defer(machine$bail <- FALSE)
  machine$bail <- TRUE
  expect_true(all(mapply(same, seen(list("threads", workers = 2)), oracle)))
}

# Functions that are left to R, and do what they do there.
expect_left_to_r <- function(funs, X = list(1, 2)) {
  seen <- function(plan) {
    under_plan(plan, lapply(funs, function(fun) {
      list(tryCatch(future_lapply(X, fun, future.seed = 1), error = conditionMessage), last_compiled$told$why)
    }))
  }
  oracle <- seen(list("sequential"))
  ours <- seen(list("threads", workers = 2))
  for (k in seq_along(funs)) {
    expect_true(identical(ours[[k]][[1L]], oracle[[k]][[1L]], num.eq = FALSE), label = deparse1(body(funs[[k]])))
    expect_type(ours[[k]][[2L]], "character")
  }
}

# Under plan(threads) the same values, types, warnings, errors and random numbers as in the session;
# why: NULL where it must compile, else a part of the reason.
expect_called <- function(fun, why = NULL, X = list(1, 2, 0.5, -3, 10), kept = length(X)) {
  oracle <- observe_program(fun, X)
  for (workers in 1:3) {
    ours <- observe_program(fun, X, list("threads", workers = workers))
    expect_true(identical(ours, oracle, num.eq = FALSE), label = deparse1(body(fun)))
  }
  told <- last_compiled$told
  if (is.null(why)) {
    expect_null(told$why, label = deparse1(body(fun)))
    expect_identical(told$tasks, kept, label = deparse1(body(fun)))
  } else {
    expect_match(told$why, why, label = deparse1(body(fun)))
  }
  withr::defer(machine$bail <- FALSE)
  machine$bail <- TRUE
  expect_true(identical(observe_program(fun, X, list("threads", workers = 2)), oracle, num.eq = FALSE))
  machine$bail <- FALSE
}
