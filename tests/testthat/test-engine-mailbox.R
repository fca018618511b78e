# Events between their arrival and their turn.

arrived <- function(...) {
  events <- list(...)
  list(
    task = vapply(events, function(e) e[[1L]], 1L), event = vapply(events, function(e) e[[2L]], ""),
    object = lapply(events, function(e) if (length(e) > 2L) e[[3L]])
  )
}

said_by <- function(expr) utils::capture.output(invisible(expr))

test_that("events wait for the tasks before theirs, and keep their order within a task", {
  box <- new_mailbox(NULL, 3L)
  box$add(arrived(list(3L, "output", "c"), list(1L, "output", "a"), list(3L, "output", "d")))
  expect_identical(said_by(box$flush(0)), character())
  expect_identical(said_by(box$flush(2)), "a")
  box$add(arrived(list(2L, "output", "b")))
  expect_identical(said_by(box$flush(3)), "bcd")
  expect_identical(said_by(box$flush(3)), character())
})

test_that("with an order tasks wait for those before them in it; the last task ends it", {
  box <- new_mailbox(c(3L, 1L, 2L), 3L)
  box$add(arrived(list(1L, "output", "a"), list(2L, "output", "b"), list(3L, "output", "c")))
  expect_identical(said_by(box$flush(1)), "c")
  expect_identical(said_by(box$flush(Inf, 1L)), "a")
  expect_identical(said_by(box$flush(Inf)), "b")
})

test_that("what a task said is void when it runs again, and what was told is not told twice", {
  box <- new_mailbox(NULL, 2L)
  box$add(arrived(list(2L, "output", "early")))
  box$add(arrived(list(2L, "output", "late"), list(2L, "discard"), list(2L, "output", "again")))
  expect_identical(said_by(box$flush(2)), "again")
  box$add(arrived(list(2L, "discard"), list(2L, "output", "again")))
  expect_identical(said_by(box$flush(2)), character())
})

test_that("immediate conditions do not wait; misuse and timeouts are noted, not relayed", {
  box <- new_mailbox(NULL, 5L)
  now <- structure(class = c("immediateCondition", "message", "condition"), list(message = "now\n", call = NULL))
  expect_message(box$add(arrived(list(5L, "condition", now), list(4L, "misuse"), list(2L, "timeout"))), "now")
  expect_identical(said_by(box$flush(5)), character())
  expect_identical(box$misuse(), 4L)
  expect_identical(box$timeouts(), 2L)
  expect_null(box$add(NULL))
})

test_that("the tasks at the head of a line that are done are counted, wherever they are known to begin", {
  counted <- function(done, line) {
    k <- 0
    while (k < length(line) && done[[line[[k + 1]]]]) k <- k + 1
    k
  }
  set.seed(3)
  for (n in c(1L, 5L, 999L, 1000L, 1001L, 2500L)) {
    line <- sample.int(n)
    for (open in unique(pmin(n, c(0L, 1L, 2L, n %/% 2L, n)))) {
      done <- !seq_len(n) %in% sample.int(n, open)
      expect_identical(done_in_line(done, line, 0), as.numeric(counted(done, line)))
      expect_identical(done_in_line(done, line, floor(counted(done, line) / 2)), as.numeric(counted(done, line)))
    }
  }
})
