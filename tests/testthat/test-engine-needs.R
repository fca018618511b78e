# Globals are future's. Here: the same names where future is right, at every call anew.

# Names of what travels to the global environment of workers, and packages.
needs <- function(f, envir = globalenv()) {
  found <- find_globals(list(f), envir)
  list(globals = sort(names(sent_globals(found, found$outer))), all = sort(unique(found$names)), packages = sort(found$packages))
}

by_future <- function(f) {
  envir <- list2env(list(FUN = f), parent = globalenv())
  found <- future::getGlobalsAndPackages(quote(FUN()), envir = envir, globals = TRUE)
  list(all = sort(setdiff(names(found$globals), "FUN")), packages = sort(found$packages))
}

in_globalenv <- function(..., envir = parent.frame()) {
  values <- list(...)
  list2env(values, envir = globalenv())
  withr::defer(rm(list = names(values), envir = globalenv()), envir = envir)
}

global_function <- function(f) {
  environment(f) <- globalenv()
  f
}

# All that code finds, now and when it is known.
expect_as_future <- function(f) {
  for (round in 1:2) {
    found <- needs(f)
    expect_identical(found[c("all", "packages")], by_future(f), info = deparse(f)[[1]])
  }
}

test_that("globals and packages are those that future finds", {
  in_globalenv(
    na = 3, nf = global_function(function(x) x + na), ng = global_function(function(x) nf(x) * nb), nb = 1:3,
    recursive = global_function(function(n) if (n > 0) recursive(n - 1) else na), empty = NULL
  )
  functions <- list(
    function(x) x, function(x) x + na, function(x) nf(x), function(x) ng(x), function(x) recursive(x),
    function(na) na, function(x) { na <- na + 1; na }, function(x) { na <- 1; na }, function(x) sapply(x, function(y) y + nb),
    function(x) lm(mpg ~ wt, mtcars), function(x, y = na) y, function(x) absent_thing(x), function(x) quote(na),
    function(x) ~ na, function(x) local({ z <- na; z }), function(x) empty, function(x) is.null(na$b$c), function(x) na[[x]] <- 2,
    function(x) nb[x] <<- 1, function(x) stats::sd(x), function(x) sd(x), function(x, ...) sum(...), function(x) for (nb in 1:3) nb,
    function(x) with(x, na), function(x) repeat if (na > x) break
  )
  for (f in functions) expect_as_future(global_function(f))
  for (f in functions) expect_as_future(compiler::cmpfun(global_function(f)))
  factory <- function(k) {
    inner <- function(x) x * k + na
    function(x) inner(x) + k
  }
  f <- eval(body(factory), list2env(list(k = 2), parent = globalenv()))
  expect_as_future(f)
  # What is in its own environment travels with it.
  expect_identical(needs(f)$globals, "na")
})

test_that("functions that a string names or a list holds are found, formulas and quoted code, with what they name", {
  of <- function(f) needs(global_function(f))$globals
  in_globalenv(
    nk = 3, nf = global_function(function(x) x * nk), ng = global_function(function(x) nf(x)), n_data = list(1, "zz", a = 2),
    n_list = list(a = global_function(function(x) ng(x)), b = list(global_function(function(x) nk))),
    n_self = list(f = global_function(function(x) n_self$f(x - nk))), n_formula = eval(quote(y ~ x + nk), globalenv()), n_code = quote(nf(2)),
    n_expression = expression(ng(1), nk)
  )
  for (round in 1:2) {
    expect_identical(of(function(x) do.call("nf", list(x))), c("nf", "nk"))
    expect_identical(of(function(x, how = "ng") sapply(x, how)), c("nf", "ng", "nk"))
    # A string that names a variable, or a function of a package, is a string.
    expect_identical(of(function(x) c("nk", "mean", "n_list", "")), character())
    expect_identical(of(function(x) n_data), "n_data")
    expect_identical(of(function(x) n_list$a(x)), c("n_list", "nf", "ng", "nk"))
    expect_identical(of(function(x) n_self$f(x)), c("n_self", "nk"))
    expect_identical(of(function(x) lm(n_formula, x)), c("n_formula", "nk"))
    expect_identical(of(function(x) eval(n_code)), c("n_code", "nf", "nk"))
    expect_identical(of(function(x) eval(n_expression[[x]])), c("n_expression", "nf", "ng", "nk"))
  }
  in_globalenv(n_names = c("mean", "ng"), n_table = data.frame(f = factor(c("nf", "x")), k = 1:2))
  expect_identical(of(function(x) match.fun(n_names[x])), c("n_names", "nf", "ng", "nk"))
  expect_identical(of(function(x) as.character(n_table$f[x])), c("n_table", "nf", "nk"))
  expect_identical(sort(as.character(functions_named_among(c("ng", "no"), 1:3, list("nk", list("nf", list("ng")))))), c("nf", "ng"))
  # A function that is defined later is one from then on.
  expect_identical(of(function(x) do.call("n_later", list(x))), character())
  in_globalenv(n_later = global_function(function(x) nk))
  expect_identical(of(function(x) do.call("n_later", list(x))), c("n_later", "nk"))
})

test_that("values are looked up at every call, and so is where they are", {
  f <- global_function(function(x) value_of_mine + median(x))
  expect_identical(needs(f)$globals, character())
  in_globalenv(value_of_mine = 1)
  expect_identical(needs(f), list(globals = "value_of_mine", all = "value_of_mine", packages = "stats"))
  assign("value_of_mine", 2, globalenv())
  expect_identical(find_globals(list(f), globalenv())$values, list(2))
  # A function of a package becomes the user's, and a package's again.
  local({
    in_globalenv(median = global_function(function(x) helper_of_mine), helper_of_mine = 5)
    expect_identical(needs(f)$globals, c("helper_of_mine", "median", "value_of_mine"))
    expect_identical(needs(f)$packages, character())
    # The helper's code changes, not the name.
    assign("median", global_function(function(x) other_of_mine), globalenv())
    expect_identical(needs(f)$globals, c("median", "value_of_mine"))
    in_globalenv(other_of_mine = 6)
    expect_identical(needs(f)$globals, c("median", "other_of_mine", "value_of_mine"))
  })
  expect_identical(needs(f)$globals, "value_of_mine")
  expect_identical(needs(f)$packages, "stats")
})

test_that("functions with one body and different environments or attributes are told apart", {
  make <- global_function(function(k) { force(k); function(x) x + k + w })
  in_globalenv(w = 1)
  one <- make(1)
  two <- make(2)
  value_of_k <- function(f) {
    found <- find_globals(list(f), globalenv())
    found$values[[which(found$names == "k")]]
  }
  expect_identical(c(value_of_k(one), value_of_k(two)), c(1, 2))
  environment(two) <- globalenv()
  in_globalenv(k = 3)
  expect_identical(needs(one)$globals, "w")
  expect_identical(needs(two)$globals, c("k", "w"))
  attr(two, "helper") <- quote(v)
  in_globalenv(v = 4)
  expect_as_future(two)
  formals(two) <- alist(x = , u = v2)
  in_globalenv(v2 = 4)
  expect_identical(needs(two)$globals, c("k", "v2", "w"))
})

test_that("a variable of a function does not hide one of the same name elsewhere", {
  in_globalenv(twice = "global", reader = global_function(function() twice))
  f <- eval(quote(function(x) paste(twice, reader())), list2env(list(twice = "own"), parent = globalenv()))
  expect_identical(needs(f)$globals, c("reader", "twice"))
  local_plan("multisession", workers = 2)
  expect_identical(future_sapply(1:2, f), rep("own global", 2))
})

test_that("code is walked anew where one of its words means something else", {
  f <- global_function(function(x) quote(quoted_name))
  in_globalenv(quoted_name = 1)
  expect_as_future(f)
  local({
    in_globalenv(quote = global_function(function(x) x))
    expect_as_future(f)
    expect_true("quote" %in% needs(f)$globals)
  })
  expect_as_future(f)
})

test_that("what is attached and no package goes to workers", {
  attach(list(attached_value = 7), name = "attached_for_test")
  on.exit(detach("attached_for_test"))
  f <- global_function(function(x) attached_value + x)
  expect_as_future(f)
  expect_identical(needs(f)$globals, "attached_value")
})

test_that("an argument that was not given is no global, and `...` stays where it is", {
  outer <- global_function(function(given, absent, ...) function(x) if (x > 5) absent else sum(given, ...))
  f <- outer(1, , 2)
  expect_identical(needs(f)$globals, character())
  local_plan("multisession", workers = 2)
  expect_identical(future_sapply(1:2, f), c(3, 3))
})

test_that("functions among data and arguments bring their globals", {
  in_globalenv(needed = 10)
  f <- global_function(function(x) x + needed)
  expect_identical(length(code_among(list(1, list(f, quote(a + b))), "text")), 2L)
  expect_identical(code_among(list(1, "a", list(2)), NULL, mtcars), list())
  expect_identical(code_among(list(quote(expr = ))), list())
  local_plan("multisession", workers = 2)
  expect_identical(future_sapply(1:2, function(i, g) g(i), g = f), c(11, 12))
  expect_identical(future_sapply(list(f, f), function(g) g(1)), c(11, 11))
})

test_that("what is known of code is bounded and given up", {
  for (k in seq_len(known_code_most + 10L)) find_globals(list(eval(call("function", NULL, call("f", k)))), globalenv())
  expect_lte(length(known_code), known_code_most)
})

test_that("future.globals.maxSize counts what future counts", {
  in_globalenv(large_one = numeric(1e5), small_one = 1)
  f <- global_function(function(x) length(large_one) + small_one)
  own <- eval(quote(function(x) length(inside)), list2env(list(inside = numeric(1e5)), parent = globalenv()))
  refused <- function(f, most) {
    withr::local_options(future.globals.maxSize = most)
    tryCatch({ check_size(find_globals(list(f), globalenv()), f, globalenv()); FALSE }, error = function(e) TRUE)
  }
  by_them <- function(f, most) {
    withr::local_options(future.globals.maxSize = most)
    tryCatch({ by_future(f); FALSE }, error = function(e) TRUE)
  }
  for (g in list(f, own, global_function(function(x) x))) for (most in c(100, 5e5, 1e6, Inf)) {
    expect_identical(refused(g, most), by_them(g, most), info = paste(deparse(g)[[1]], most))
  }
})
