# Whatever a task returns arrives as it was. (Not the name of an R file: values
# pass through crates/shared and src/rust/src/jobs/{encode,attributes,decode,ahead}.rs.)

expect_arrives <- function(make, same = identical, n = 3L) {
  skip_without_fork()
  FUN <- if (is.function(make)) make else function(i) make
  oracle <- lapply(seq_len(n), FUN)
  got <- with_plan("multicore", future_lapply(seq_len(n), FUN), workers = 2)
  expect_true(same(got, oracle))
  got <- mclapply(seq_len(n), FUN, mc.cores = 2)
  expect_true(same(got, oracle))
}

same_but_environments <- function(x, y) {
  identical(x, y, ignore.environment = TRUE, ignore.bytecode = TRUE, ignore.srcref = TRUE)
}

test_that("scalars of every type arrive, with and without attributes", {
  for (x in list(
    TRUE, NA, 1L, NA_integer_, -.Machine$integer.max, 1.5, NA_real_, NaN, Inf, -Inf, -0, 5e-324, 1i,
    NA_complex_, complex(real = NaN, imaginary = -0), as.raw(255), "a", "", NA_character_, "NA", NULL,
    c(a = 1), c(a = NA), structure(1L, class = "k"), structure("a", u = "v"), structure(TRUE, names = NA_character_)
  )) {
    expect_arrives(x)
  }
})

test_that("NA and NaN keep their bits", {
  odd <- c(NA_real_, NaN, -NaN, NA_real_ + 1, 0 / 0)
  bits <- function(x) lapply(x, function(v) writeBin(as.double(v), raw()))
  expect_arrives(odd, function(x, y) identical(bits(x), bits(y)) && identical(is.na(x[[1]]), is.na(y[[1]])))
})

test_that("empty vectors of every type arrive", {
  for (x in list(
    logical(), integer(), double(), complex(), raw(), character(), list(), expression(), pairlist(),
    matrix(0, 0, 3), data.frame(), data.frame(a = integer()), factor(character()),
    structure(list(), names = character()), array(1L, c(2, 0, 2))
  )) {
    expect_arrives(x)
  }
})

test_that("vectors, matrices, arrays and time series arrive with their attributes", {
  for (x in list(
    c(a = 1, b = NA), matrix(1:6, 2, dimnames = list(c("r1", "r2"), NULL)),
    matrix(letters[1:4], 2, dimnames = list(rows = c("u", "v"), cols = c("x", "y"))),
    array(1:24, 2:4), array(1:3, 3), array(1:3, 3, list(k = c("a", "b", "c"))),
    ts(1:24, start = c(2020, 3), frequency = 12), ts(matrix(1:6, 3), names = c("a", "b")),
    table(c("a", "b", "a"), c("u", "u", "v")), as.raw(0:255), complex(real = 1:3, imaginary = c(0, NA, 1)),
    structure(1:3, tsp = c(1, 3, 1)), structure(list(1, "a"), dim = c(1L, 2L)),
    structure(1:2, levels = c("a", "b")), structure(c(1, 2), comment = "hidden", note = list(1, "b"))
  )) {
    expect_arrives(x)
  }
})

test_that("factors, dates, times and data frames arrive", {
  for (x in list(
    factor(c("u", NA, "v")), factor("a", levels = c("b", "a")), ordered(c("lo", "hi"), c("lo", "hi")),
    addNA(factor(c("u", NA))), Sys.Date(), as.Date(NA), as.POSIXct("2024-05-06 07:08:09.123", tz = "Asia/Tokyo"),
    as.POSIXlt("2024-05-06 07:08:09", tz = "UTC"), as.difftime(c(1, 2), units = "hours"), mtcars, iris,
    data.frame(a = 1:2, row.names = c("x", "y")), data.frame(l = I(list(1, "a"))),
    data.frame(a = 1:3)[c(3, 1), , drop = FALSE], numeric_version("1.2.3"), as.octmode(8L), package_version("1.0")
  )) {
    expect_arrives(x)
  }
  expect_arrives(function(i) data.frame(i = i, name = letters[i], stringsAsFactors = TRUE), n = 20L)
})

test_that("strings of every encoding arrive with it", {
  latin <- "caf\xe9"
  Encoding(latin) <- "latin1"
  bytes <- "\xff\xfe"
  Encoding(bytes) <- "bytes"
  strings <- c("plain", "caf\u00e9", latin, bytes, "\u65e5\u672c\u8a9e", NA, "", strrep("long ", 1e5), "\U1F600")
  encodings <- function(x, y) identical(x, y) && identical(lapply(x, Encoding), lapply(y, Encoding))
  expect_arrives(strings, encodings)
  expect_arrives(function(i) strings[[i]], encodings, n = length(strings))
  expect_arrives(stats::setNames(1:2, c("\u00e9", latin)))
  expect_arrives(rep(strings, 50), encodings)
  expect_arrives(as.character(1:20000))
})

test_that("nested lists arrive, 60 deep and more", {
  deep <- function(depth) Reduce(function(inner, k) list(k, a = inner), seq_len(depth), "core")
  for (depth in c(1, 5, 60, 500)) expect_arrives(deep(depth))
  expect_arrives(list(a = 1, b = list(c = NULL, d = list(), e = list(NULL)), 3L))
  expect_arrives(structure(list(1, list(2)), class = "k", meta = list(data.frame(a = 1))))
  expect_arrives(function(i) rep(list(list(i, letters)), 100))
  expect_arrives(as.list(1:20000))
})

test_that("language, functions, formulas, S4 and symbols arrive", {
  for (x in list(
    quote(f(x, y = 2)), quote(x), expression(a + b, c), as.pairlist(list(a = 1, 2)), sum, `if`,
    quote(if (a) b else c[[1]]$d)
  )) {
    expect_arrives(list(x))
  }
  expect_arrives(function(i) quote(f(x)))
  expect_arrives(function(i) quote(x))
  expect_arrives(function(i) `if`)
  expect_arrives(function(i) function(x) x + i, same_but_environments)
  expect_arrives(function(i) y ~ x + log(z), function(x, y) isTRUE(all.equal(x, y)))
  methods::setClass("RustlePoint", representation(x = "numeric", names = "character"))
  on.exit(methods::removeClass("RustlePoint"))
  expect_arrives(function(i) methods::new("RustlePoint", x = i, names = "p"))
  expect_arrives(function(i) list(methods::new("RustlePoint", x = i), i))
})

test_that("a closure's environment comes with it", {
  skip_without_fork()
  got <- with_plan("multicore", future_lapply(1:3, function(i) { k <- i * 10; function() k }), workers = 2)
  expect_identical(lapply(got, function(f) f()), list(10, 20, 30))
})

test_that("environments arrive with what is in them, well-known ones as themselves", {
  skip_without_fork()
  got <- with_plan("multicore", future_lapply(1:3, function(i) list2env(list(a = i, b = letters))), workers = 2)
  expect_identical(lapply(got, function(e) e$a), as.list(1:3))
  expect_arrives(globalenv())
  expect_arrives(baseenv())
  expect_arrives(emptyenv())
  expect_arrives(asNamespace("stats"))
})

test_that("an object that is in a result twice is one object there", {
  skip_without_fork()
  got <- with_plan("multicore", workers = 2, future_lapply(1:2, function(i) { e <- new.env(); list(e, e) }))
  expect_identical(got[[1L]][[1L]], got[[1L]][[2L]])
})

test_that("compact sequences and other deferred vectors arrive", {
  expect_arrives(function(i) 1:1e6)
  expect_arrives(function(i) seq_len(10L))
  expect_arrives(function(i) as.character(1:1000))
  expect_arrives(function(i) list(1:1e5, rev(1:10), sort(c(3, 1, 2))))
  expect_arrives(function(i) data.frame(a = 1:5))
  got <- with_plan("multicore", workers = 2, future_lapply(1:2, function(i) 1:10))
  got[[1L]][2L] <- 99L
  expect_identical(got[[2L]], 1:10)
})

test_that("models arrive", {
  fit <- function(i) stats::coef(stats::lm(mpg ~ wt, mtcars[-i, ]))
  expect_arrives(fit, n = 5L)
  expect_arrives(function(i) summary(stats::glm(am ~ wt, stats::binomial(), mtcars))$coefficients)
})

test_that("large vectors of every type arrive", {
  skip_on_cran()
  expect_arrives(function(i) as.numeric(seq_len(1e6)) + i, n = 6L)
  expect_arrives(function(i) rep(c(TRUE, NA, FALSE), 3e5), n = 2L)
  expect_arrives(function(i) seq_len(1e6) + i, n = 2L)
  expect_arrives(function(i) complex(real = seq_len(3e5), imaginary = i))
  expect_arrives(function(i) as.raw(rep(0:255, 2e4)))
  expect_arrives(function(i) matrix(as.numeric(1:4e5), 1000, dimnames = list(NULL, paste0("v", 1:400))), n = 2L)
  expect_arrives(function(i) list(small = i, big = as.numeric(1:5e5) * i, more = list(rep("s", 1e5))))
  expect_arrives(function(i) structure(i, big = as.numeric(1:5e5)))
  expect_arrives(function(i) as.data.frame(matrix(as.numeric(1:5e5), ncol = 5)))
})

test_that("sizes around every limit of the transport arrive", {
  skip_on_cran()
  sizes <- unlist(lapply(2^(0:21), function(s) s + (-1:1)))
  expect_arrives(function(i) rep(as.raw(i %% 256), sizes[[i]]), n = length(sizes))
  expect_arrives(function(i) as.numeric(seq_len(sizes[[i]] %/% 8)), n = length(sizes))
  expect_arrives(function(i) strrep("x", sizes[[i]]), n = length(sizes))
})

test_that("a result may be changed without changing another or the next call's", {
  skip_without_fork()
  x <- with_plan("multicore", workers = 2, future_lapply(1:4, function(i) as.numeric(1:1e5)))
  x[[1L]][1L] <- -1
  y <- with_plan("multicore", workers = 2, future_lapply(1:4, function(i) as.numeric(1:1e5)))
  expect_identical(x[[2L]][1L], 1)
  expect_identical(y[[1L]][1L], 1)
})

# Attributes that results have in common travel once.
test_that("attributes of each result arrive, be they those of the one before, others or none", {
  various <- function(i) {
    if (i %% 7 == 0) return(list(i))
    if (i %% 11 == 0) return(function() i)
    x <- list(id = i, sub = structure(list(u = 1, v = c(w = i)), class = c("k", if (i %% 5 == 0) "five")))
    if (i %% 3 == 0) names(x$sub) <- NULL
    attr(x, if (i %% 13 == 0) "odd" else "even") <- c(a = i %/% 10)
    if (i > 150) x <- as.data.frame(matrix(i, 2, 2, dimnames = list(c("r", i), c("p", "q"))))
    if (i %% 17 == 0) warning(structure(class = c("w", "warning", "condition"), list(message = "m", call = NULL, at = c(k = i))))
    x
  }
  many <- function(i) lapply(1:40, function(k) c(a = i, b = k %% 3))
  withCallingHandlers(
    for (plan in c("multicore", "multisession")) {
      if (plan == "multicore" && !supports_fork()) next
      heard <- list()
      got <- withCallingHandlers(
        with_plan(plan, future_lapply(1:200, various), workers = 2),
        w = function(w) heard <<- c(heard, list(w$at))
      )
      oracle <- suppressWarnings(lapply(1:200, various))
      expect_true(same_but_environments(got, oracle))
      expect_identical(heard, lapply(17L * c(1:6, 8:10), function(i) c(k = i)))
      expect_identical(with_plan(plan, future_lapply(1:50, many), workers = 2), lapply(1:50, many))
    },
    w = function(w) invokeRestart("muffleWarning")
  )
})

test_that("to change an attribute of one result changes no other, nor one that arrives later", {
  small <- function(i) data.frame(a = i, b = "u")
  for (plan in c("multicore", "multisession")) {
    if (plan == "multicore" && !supports_fork()) next
    got <- with_plan(plan, future_lapply(1:20, small), workers = 2)
    names(got[[1]])[[2]] <- "changed"
    row.names(got[[2]]) <- "r"
    levels(got[[3]]$b) <- NULL
    class(got[[4]]) <- "list"
    expect_identical(got[5:20], lapply(5:20, small))
    expect_identical(with_plan(plan, future_lapply(1:20, small), workers = 2), lapply(1:20, small))
  }
})

test_that("values of a worker that was lost and of its successor arrive whole", {
  small <- function(i) {
    if (i == 60 && !file.exists(flag)) { file.create(flag); tools::pskill(Sys.getpid(), 9L) }
    list(id = i, name = c(a = "u"))
  }
  for (plan in c("multicore", "multisession")) {
    if (plan == "multicore" && !supports_fork()) next
    flag <- tempfile()
    expect_identical(with_plan(plan, future_lapply(1:200, small), workers = 2), lapply(1:200, small))
  }
  # Values of very many tasks become objects while others run, and anew when these run again.
  many <- function(i) {
    if (i == 9000 && !file.exists(flag)) { Sys.sleep(0.05); file.create(flag); tools::pskill(Sys.getpid(), 9L) }
    if (i %% 1000 == 0) c(a = i) else if (i %% 2) i else i / 2
  }
  for (plan in c("multicore", "multisession")) {
    if (plan == "multicore" && !supports_fork()) next
    flag <- tempfile()
    expect_identical(with_plan(plan, future_lapply(1:20000, many), workers = 2), lapply(1:20000, many))
    flag <- tempfile()
    if (plan == "multicore") expect_identical(mclapply(1:20000, many, mc.cores = 2), lapply(1:20000, many))
  }
})
