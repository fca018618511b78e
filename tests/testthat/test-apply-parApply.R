matrices <- function() {
  m <- matrix(c(4, 1, 3, 6, 2, 5), 2)
  list(
    plain = m, named = structure(m, dimnames = list(c("a", "b"), NULL)),
    full = structure(m, dimnames = list(row = c("a", "b"), column = c("x", "y", "z"))),
    text = matrix(letters[1:6], 3), one = m[1, , drop = FALSE], frame = data.frame(a = 1:3, b = c(2.5, 1, 0))
  )
}

test_that("parApply() has parallel's shapes on every plan", {
  skip_without_fork()
  plans <- few_plans()[c("sequential", "stealing 3")]
  functions <- list(length, range, function(x) x, function(x) NULL, function(x) as.list(x), function(x) seq_along(x)[x == x[[1L]]], names)
  margins <- list(1, 2, c(1, 2), c(2, 1))
  cases <- combinations(X = seq_along(matrices()), MARGIN = seq_along(margins), FUN = seq_along(functions))
  for (k in seq_len(nrow(cases))) {
    expect_as_cluster("parApply", matrices()[[cases$X[[k]]]], margins[[cases$MARGIN[[k]]]], functions[[cases$FUN[[k]]]], plans = plans)
  }
  arrays <- list(array(1:24, 2:4, dimnames = list(u = c("a", "b"), NULL, w = NULL)), Titanic)
  functions <- list(sum, dim, function(x) x * 2, function(x, k) x[[1L]] + k)
  margins <- list(1, 3, c(1, 3), c(3, 1), 1:2)
  cases <- combinations(X = seq_along(arrays), MARGIN = seq_along(margins), FUN = seq_along(functions))
  for (k in seq_len(nrow(cases))) {
    FUN <- functions[[cases$FUN[[k]]]]
    arguments <- if (length(formals(FUN)) == 2L) list(k = 5)
    call <- list("parApply", arrays[[cases$X[[k]]]], margins[[cases$MARGIN[[k]]]], FUN, plans = plans["stealing 3"])
    do.call(expect_as_cluster, c(call, arguments))
  }
  expect_as_cluster("parApply", matrices()$full, "column", range)
  expect_as_cluster("parApply", matrices()$full, c("column", "row"), identity)
  expect_as_cluster("parApply", matrices()$full, 2, "sum", chunk.size = 1)
})

test_that("arrays without extent are as in parallel", {
  skip_without_fork()
  m <- matrices()$full
  for (FUN in list(sum, range, length, identity, function(x) NULL)) {
    suppressWarnings({
      expect_as_cluster("parApply", m[0, ], 1, FUN)
      expect_as_cluster("parApply", m[, 0], c(1, 2), FUN)
    })
  }
  expect_as_cluster("parApply", m[0, ], 2, length)
  expect_as_cluster("parRapply", m[0, ], sum)
  expect_as_cluster("parCapply", m[, 0], sum)
})

test_that("parRapply() and parCapply() are parallel's", {
  skip_without_fork()
  for (x in matrices()[c("plain", "named", "full", "text", "one")]) {
    for (FUN in list(length, range, identity, function(x) NULL, function(x) as.list(x[1]))) {
      expect_as_cluster("parRapply", x, FUN)
      expect_as_cluster("parCapply", x, FUN)
    }
  }
  expect_as_cluster("parRapply", matrices()$plain, function(x, p) sum(x^p), 2, chunk.size = 1)
  expect_as_cluster("parCapply", matrices()$plain, "sum", chunk.size = 2)
  expect_as_cluster("parCapply", matrices()$frame, sum)
})

test_that("workers without shared memory give the same, and extra arguments have any name", {
  skip_on_cran()
  m <- matrices()$full
  expect_as_cluster("parApply", m, 1, function(x) x * 2, plans = other_plans())
  expect_as_cluster("parRapply", m, range, plans = other_plans())
  for (plan in c(few_plans()[1:2], other_plans())) {
    under_plan(plan, {
      got <- parApply(NULL, m, 1, function(v, x, fun, simplify) sum(v) + x + fun + simplify, x = 1, fun = 2, simplify = 3)
      expect_identical(got, apply(m, 1, sum) + 6)
      expect_identical(parRapply(NULL, m, function(v, X, MARGIN) sum(v) + X + MARGIN, X = 1, MARGIN = 2), apply(m, 1, sum) + 3)
    })
  }
})

test_that("errors name the task", {
  skip_without_fork()
  local_plan("multicore", workers = 2)
  error <- tryCatch(parCapply(NULL, matrix(1:6, 2), function(x) if (x[[1L]] > 1) stop("big") else 0), error = identity)
  expect_identical(error$task, 2L)
  expect_identical(error$failed, 2:3)
})

test_that("wrong arguments stop before anything has started", {
  ran <- FALSE
  FUN <- function(...) ran <<- TRUE
  m <- matrix(1:4, 2)
  expect_argument_error(parApply(NULL, 1:3, 1, FUN), "X")
  for (MARGIN in list(3, 0, "row", NA, integer(), c(1, 1), NULL)) {
    expect_argument_error(parApply(NULL, m, MARGIN, FUN), "MARGIN")
  }
  expect_argument_error(parApply(NULL, m, 1, 3), "FUN")
  expect_argument_error(parApply("a", m, 1, FUN), "cl")
  expect_argument_error(parApply(NULL, m, 1, FUN, chunk.size = NA), "chunk.size")
  expect_argument_error(parRapply(NULL, 1:3, FUN), "x")
  expect_argument_error(parRapply(NULL, array(1:8, c(2, 2, 2)), FUN), "x")
  expect_argument_error(parCapply(NULL, list(1), FUN), "x")
  expect_argument_error(parCapply(NULL, m, "no such function"), "FUN")
  expect_false(ran)
})
