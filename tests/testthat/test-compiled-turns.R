# What small jobs cost: what is known of a function is seen at once, and R and the machine have turns.

not_eager <- function(env = parent.frame()) {
  eager <- machine$eager
  machine$eager <- FALSE
  withr::defer(machine$eager <- eager, env)
}

frame_of <- function(X, FUN, ...) list2env(list(X = X, FUN = FUN), open_frame(...))

test_that("the key of a call is told at once, and of calls that need a longer look nothing", {
  skip_if_not(can_look_at_bindings())
  f <- function(i, ...) i
  for (frame in list(frame_of(1:3, f), frame_of(1, f, 2), frame_of(TRUE, f, b = 2, 3, `a b` = 1), frame_of(1, f, , c = 4))) {
    expect_identical(.Call(wrap__rs_call_key, frame), key_of_call(f, frame_dots(frame), NULL))
  }
  # Elements that are none of a vector of numbers, functions that are no closures, unevaluated ones.
  others <- list(frame_of("a", f), frame_of(factor("a"), f), frame_of(list(1), f), frame_of(1, sum), lapply_frame(1, f), new.env())
  for (frame in others) expect_null(.Call(wrap__rs_call_key, frame))
  several <- several_frame(f, list(1:2, 3:4))
  force(several$X)
  force(several$FUN)
  expect_null(.Call(wrap__rs_call_key, several))
})

test_that("a name means a function only where it is bound to that and nothing must be evaluated", {
  skip_if_not(can_look_at_bindings())
  means <- function(f) .Call(wrap__rs_means, f, "paste", paste)
  expect_true(means(function(i) paste(i)))
  expect_true(local({
    paste <- "not a function"
    means(function(i) paste(i))
  }))
  expect_false(local({
    paste <- function(...) 1
    means(function(i) paste(i))
  }))
  late <- function(paste) means(function(i) paste(i))
  expect_false(late(stop("never")))
  active <- new.env()
  makeActiveBinding("paste", function() stop("never"), active)
  expect_false(means(local(function(i) paste(i), active)))
})

test_that("a function that does not compile is looked at again where what it calls has changed", {
  not_eager()
  oplan <- plan(threads, workers = 1)
  on.exit(plan(oplan))
  told <- function(f, ...) list(future_sapply(1:2, f, ...), last_compiled$told$why)
  odd <- function(i, more = 0) nchar(i) + more
  why <- "`nchar()` is not in the subset"
  for (k in 1:3) expect_identical(told(odd), list(c(1, 1), why))
  for (k in 1:3) expect_identical(told(odd, more = 1), list(c(2, 2), why))
  expect_identical(job_report()$compiled$why, why)
  expect_identical(explain_compiled(odd)$run$why, why)
  nchar <- function(x) x * 10
  expect_identical(told(odd)[[1L]], c(10, 20))
  expect_identical(told(odd, more = 1)[[1L]], c(11, 21))
  for (k in 1:2) expect_identical(future_sapply(4:5, is.null), c(FALSE, FALSE))
  expect_identical(last_compiled$told$why, why_no_closure)
})

test_that("of small jobs that are compiled anew each time R has its turns, and goes on where it is faster", {
  not_eager()
  oplan <- plan(threads, workers = 1)
  on.exit(plan(oplan))
  big <- sin(1:3000)
  f <- function(i, k) sum(big) * k + i
  call <- function(k) future_sapply(1:4, f, k = k)
  right <- function(k) expect_identical(call(k), sapply(1:4, f, k = k))
  why <- function() last_compiled$told$why
  key <- key_of_call(f, list(k = 1), NULL)
  note <- function(seconds) for (k in 1:2) note_turn_of_machine(key, f, 4L, seconds, 1e-6, list())
  right(1)
  suppressWarnings(rm(list = key, envir = turns_known))
  note(60)
  expect_null(turns_of_call(key, 4L))
  note(2e-3)
  one <- turns_of_call(key, 4L)
  right(2)
  expect_identical(why(), turn_refused$why)
  expect_identical(one$turns, c(2L, 1L))
  # As if both times had been R's, and it was faster. (On a busy machine this turn may have been slow.)
  one$left <- 0L
  one$quickest <- c(1, 1e-9)
  note_turn(one, 2L, 1e-9)
  expect_true(one$slower)
  expect_identical(one$left, most_span)
  right(3)
  expect_identical(why(), r_faster$why)
  expect_identical(job_report()$compiled$why, r_faster$why)
  # Jobs of another size, and of what requires to be compiled, are others.
  expect_identical(future_sapply(1:40, f, k = 1), sapply(1:40, f, k = 1))
  expect_null(why())
  with_plan(threads, workers = 1, compiled = "require", right(4))
  expect_null(why())
  # R is slow all of a sudden, twice: all begins anew.
  one$left <- 10L
  one$slow <- FALSE
  for (k in 1:2) note_turn(one, 2L, 1)
  expect_identical(list(one$left, one$turns), list(0L, c(0L, 0L)))
  # R is slower: it has one turn, and the machine goes on.
  note(1e-6)
  note_turn(one, 2L, 1e-3)
  expect_false(one$slower)
  right(5)
  expect_null(why())
})

test_that("the same loop of foreach is known again", {
  skip_if_not_installed("foreach")
  expr <- quote(paste(i, j))
  key <- function() rs_code_key(foreach_body(expr, c("i", "j"), globalenv()))
  expect_identical(key(), key())
  expect_identical(names(formals(foreach_body(expr, "j", globalenv()))), "j")
  expect_null(formals(foreach_body(expr, NULL, globalenv())))
})
