# Generated calls for the differential tests: what they are made of. All is code,
# so that a case can be printed as a script.

# One of `...`, as code.
pick <- function(...) {
  choices <- as.list(substitute(c(...)))[-1L]
  choices[[sample.int(length(choices), 1L)]]
}

chance <- function(p) stats::runif(1) < p

any_length <- function() sample(c(0L, 1L, 2L, 3L, 5L, 8L, 13L, 30L), 1L, prob = c(1, 1, 2, 3, 4, 4, 3, 2))

# Code over the number of elements, `.n`, for one such number.
put_n <- function(code, n) do.call(substitute, list(code, list(.n = as.integer(n))))

any_names <- function(code, n) {
  if (n == 0L || chance(0.6)) return(code)
  names <- pick(letters[seq_len(.n)], paste0("v", seq_len(.n)), rep("same", .n), rep_len(c("k", ""), .n))
  names <- do.call(substitute, list(names, list(letters = quote(c(letters, LETTERS)))))
  bquote(stats::setNames(.(code), .(put_n(names, n))))
}

# Data that any function below takes; elements are numbers when `numeric`.
any_data <- function(n = any_length(), numeric = chance(0.5)) {
  code <- if (numeric) {
    pick(seq_len(.n), seq(0.5, by = 1.25, length.out = .n), as.list(seq_len(.n)), rep_len(c(3L, NA, -1L), .n), -seq_len(.n) / 3)
  } else {
    pick(
      rep_len(letters, .n), rep_len(c(TRUE, NA, FALSE), .n), as.raw(seq_len(.n)), complex(real = seq_len(.n), imaginary = 1),
      rep_len(list(1, "a", NULL, TRUE, 2:3, quote(f(x)), list(a = 1)), .n), lapply(seq_len(.n), seq_len),
      lapply(seq_len(.n), function(i) data.frame(a = i, b = letters[seq_len(2)])),
      rep_len(list(sum, function(x, ...) x, iris[1:3, ]), .n), as.list(rep_len(c("x", "yy", NA), .n))
    )
  }
  any_names(put_n(code, n), n)
}

# Data with a class, where names make no sense.
odd_data <- function() {
  pick(
    NULL, list(), data.frame(x = 1:3, y = c(2.5, 3, 1)), factor(c("u", "v", "u")), as.Date("2024-01-01") + 0:3,
    expression(a + b, c, 3), pairlist(a = 1, b = 2:3), list2env(list(a = 1, b = 2, c = "z")), matrix(1:6, 2),
    as.POSIXct(c(0, 86400), origin = "1970-01-01", tz = "UTC"), quote(f(x, y, 3)), table(c(1, 1, 2)),
    structure(list(1, 2), class = "bag"), numeric_version(c("1.2", "3.4.5")), list(asS4(structure(list(1), class = "k")))
  )
}

# Functions of one argument and dots, by what they do. Random ones draw.
plain_function <- function() {
  pick(
    function(x, ...) x, function(x, ...) NULL, function(x, ...) class(x), function(x, ...) list(x, length(x)),
    function(x, ...) if (length(x) != 1L) NULL else x, function(x, ...) structure(list(x), class = "value"),
    function(x, ...) length(x), function(x, ...) c(a = length(x), b = 2), function(x, ...) factor(class(x)),
    function(x, ...) matrix(length(x), 2, 2), function(x, ...) is.numeric(x), function(x, ...) typeof(x),
    function(x, ...) data.frame(n = length(x), type = typeof(x)), function(x, ...) complex(real = length(x)),
    function(x, ...) as.raw(length(x)), function(x, ...) asS4(structure(list(x), class = "k")), function(x, ...) quote(g(y)),
    function(x, ...) function(y) y + 1, function(x, ...) seq_len(min(length(x), 3L)), function(x, ...) character(),
    function(x, ...) as.Date("2024-01-01") + length(x), function(x, ...) Sys.Date() > as.Date("2000-01-01"),
    function(x, ...) nargs(), function(x, ...) ...length(), function(x, ...) tryCatch(x + 1, error = function(e) NA),
    function(x, ...) unlist(lapply(1:3, function(j) j * length(x))), function(x, ...) strrep("text", 5000),
    function(x, ...) as.numeric(1:4000) * length(x), "length", "class", identity, list, is.na,
    local({ k <- 3; function(x, ...) rep(length(x), k) }), local({ f <- function(n) if (n < 2) 1 else n * f(n - 1); function(x, ...) f(5) }),
    function(x, ...) suppressWarnings({ warning("hidden"); 1 }), function(x, ...) NaN, function(x, ...) NA_character_,
    function(x, ...) "\u65e5\u672c", function(x, ...) emptyenv(), function(x, ...) stats::setNames(nm = c("p", "q"))
  )
}

failing_function <- function() {
  pick(
    function(x, ...) if (is.null(x) || is.na(x[[1L]])) stop("missing value") else x,
    function(x, ...) if (is.numeric(x) && any(x > 3, na.rm = TRUE)) stop("too large: ", x[[1L]]) else x,
    function(x, ...) x + 1, "sqrt", log, function(x, ...) stop("always"), function(x, ...) undefined_function(x),
    function(x, ...) { if (length(x) > 1L) stop(structure(class = c("my_error", "error", "condition"), list(message = "long", call = quote(f(x)), extra = 1))); x },
    function(x, ...) as.numeric(list(1, 2:3)), function(x, ...) stop("no call", call. = FALSE),
    function(x, ...) tryCatch(stop("inner"), error = function(e) stop("outer"))
  )
}

saying_function <- function() {
  pick(
    function(x, ...) { cat("class", class(x), "\n"); x }, function(x, ...) { message("is ", class(x)[[1L]]); length(x) },
    function(x, ...) { warning("take care"); x }, function(x, ...) as.integer("no number"), function(x, ...) { print(x); NULL },
    function(x, ...) { cat("no newline"); message("m"); cat("!"); warning("w", call. = FALSE); 1L },
    function(x, ...) { signalCondition(structure(class = c("custom", "condition"), list(message = "c", call = NULL))); length(x) },
    function(x, ...) { cat("before\n"); message("before"); if (length(x) == 1L) stop("then this") else 2 },
    function(x, ...) { for (k in 1:3) message("line ", k); cat(rep(".", 100), "\n", sep = ""); k },
    function(x, ...) tryCatch({ warning("caught"); 1 }, warning = function(w) { cat("caught\n"); 2 })
  )
}

random_function <- function() {
  pick(
    function(x, ...) stats::rnorm(1), function(x, ...) stats::runif(2), function(x, ...) sample.int(100L, 3L),
    function(x, ...) list(stats::rexp(1), length(x)), function(x, ...) c(stats::rnorm(3), stats::rbinom(2, 5, 0.3)),
    function(x, ...) if (length(x) == 1L) stats::rnorm(1) else NULL, function(x, ...) sample(letters, 2),
    function(x, ...) { cat("draws\n"); stats::rgamma(1, 2) }, function(x, ...) { set.seed(1); stats::runif(1) },
    function(x, ...) stats::rnorm(2) + stats::rpois(1, 3)
  )
}

any_function <- function(kind) {
  switch(kind,
    plain = plain_function(), failing = failing_function(), saying = saying_function(), random = random_function()
  )
}

any_kind <- function() sample(c("plain", "failing", "saying", "random"), 1L, prob = c(4, 2, 2, 2))

any_dots <- function() if (chance(0.75)) list() else as.list(pick(c(), c(5), c(k = 2), c(1, a = NULL), c(y = quote(a + b)), c(n = 2), c(d = 1, o = 2), c(i = 3, r = 4)))[-1L]

any_state <- function() {
  pick(
    RNGkind("Mersenne-Twister", "Inversion", "Rejection"), RNGkind("L'Ecuyer-CMRG", "Inversion", "Rejection"),
    RNGkind("Wichmann-Hill", "Inversion", "Rejection"), RNGkind("Mersenne-Twister", "Box-Muller", "Rejection")
  )
}

lecuyer_state <- quote(RNGkind("L'Ecuyer-CMRG", "Inversion", "Rejection"))

any_seed <- function(kind, n) {
  seeds <- quote(lapply(seq_len(.n), function(i) { set.seed(i, "L'Ecuyer-CMRG"); .Random.seed }))
  if (kind == "random") {
    chosen <- pick(TRUE, 42L, 1, c(10407L, 1:6), list)
    return(if (identical(chosen, quote(list)) && n > 0L) put_n(seeds, n) else if (identical(chosen, quote(list))) TRUE else chosen)
  }
  pick(FALSE, NULL, TRUE, 7L, NA)
}

# Arguments of every future_*() function over n tasks.
future_arguments <- function(kind, n, plenty = chance(0.6)) {
  out <- list()
  if (kind == "random" || chance(0.25)) out["future.seed"] <- list(any_seed(kind, n))
  if (!plenty) return(out)
  if (chance(0.5)) {
    order <- put_n(pick(rev(seq_len(.n)), function(n) rev(seq_len(n)), c(seq_len(.n)[-1L], 1L)[seq_len(.n)], "random"), n)
    rule <- if (chance(0.5)) {
      list("future.chunk.size", pick(1, 2, 3, 4.5, Inf, 0.5))
    } else {
      list("future.scheduling", pick(0, 0.5, 1, 2, 3.7, TRUE, FALSE, Inf))
    }
    value <- rule[[2L]]
    if (chance(0.3) && n > 0L && kind %in% c("plain", "random")) value <- bquote(structure(.(value), ordering = .(order)))
    out[[rule[[1L]]]] <- value
  }
  if (chance(0.2)) out["future.stdout"] <- list(pick(TRUE, FALSE, NA))
  if (chance(0.2)) {
    out["future.conditions"] <- list(pick(
      "condition", "message", c("message", "warning"), character(0), NULL,
      structure("condition", exclude = "message"), structure("condition", exclude = "warning")
    ))
  }
  if (chance(0.15)) out["future.globals"] <- list(pick(TRUE, FALSE, list(unused = 1), character(0), structure(TRUE, add = list(more = 2))))
  if (chance(0.1)) out["future.packages"] <- list(pick(NULL, "stats", c("stats", "utils")))
  if (chance(0.1)) out["future.label"] <- list(pick(TRUE, FALSE, "mine-%d", "mine"))
  out
}

any_plan <- function() {
  if (chance(0.12)) return(list("sequential"))
  schedule <- sample(c("stealing", "static", "cyclic", "dynamic", "guided"), 1L)
  plan <- list("multicore", workers = sample.int(4L, 1L), schedule = schedule)
  if (schedule %in% c("dynamic", "guided") && chance(0.5)) plan$chunk_size <- sample.int(4L, 1L)
  plan
}
