# Things that are in one process only: told by the path to them, or sent in a way of their
# own.

own_plans <- list(multicore = list("multicore", workers = 2), multisession = list("multisession", workers = 2))

# A pointer that leads to something.
live_pointer <- function(class = NULL) {
  structure(rs_parcel_pack(1, 1), class = class)
}

in_globalenv <- function(..., envir = parent.frame()) {
  values <- list(...)
  list2env(values, envir = globalenv())
  withr::defer(rm(list = intersect(names(values), ls(globalenv())), envir = globalenv()), envir = envir)
}

global_function <- function(f) {
  environment(f) <- globalenv()
  f
}

# Classes of three kinds, which say where they were made: a list, an environment and a
# pointer. The serializer sends their number.
local_serializers <- function(envir = parent.frame()) {
  before <- set_serializers(list())
  withr::defer(set_serializers(before), envir = envir)
  make <- function(value, kind) {
    x <- switch(kind,
      list = list(value = value, pointer = rustle:::rs_parcel_pack(1, 1)), pointer = rustle:::rs_parcel_pack(1, 1),
      environment = list2env(list(value = value, pointer = rustle:::rs_parcel_pack(1, 1)), parent = emptyenv())
    )
    if (kind == "pointer") attr(x, "value") <- value
    class(x) <- paste0("sent_", kind)
    attr(x, "by") <- Sys.getpid()
    x
  }
  environment(make) <- globalenv()
  number <- function(x) if (inherits(x, "sent_pointer")) attr(x, "value") else x[["value"]]
  environment(number) <- globalenv()
  for (kind in c("list", "environment", "pointer")) {
    unserialize <- eval(call("function", as.pairlist(alist(sent = )), bquote((.(make))(sent, .(kind)))), globalenv())
    register_serializer(paste0("sent_", kind), number, unserialize)
  }
  list(make = make, number = number)
}

test_that("objects with a serializer arrive whole, wherever they are", {
  kit <- local_serializers()
  check <- eval(bquote(function(x) attr(x, "by") == Sys.getpid() && rustle:::rs_pointer_lives(
    if (inherits(x, "sent_pointer")) x else x[["pointer"]]
  ) && (.(kit$number))(x) == 7), globalenv())
  methods::setClass("SentHolder", slots = c(inside = "ANY"), where = globalenv())
  withr::defer(methods::removeClass("SentHolder", where = globalenv()))
  local_plan("multisession", workers = 2)
  for (kind in c("list", "environment", "pointer")) {
    x <- kit$make(7, kind)
    in_globalenv(sent_check = check, sent_one = x, sent_deep = list(a = list(b = 1, c = x)))
    in_globalenv(sent_attribute = structure(1, note = x), sent_slot = methods::new("SentHolder", inside = x))
    in_globalenv(sent_table = structure(list(y = 1:2), extra = list(x), class = "data.frame", row.names = 1:2))
    ok <- list(TRUE, TRUE)
    at <- function(f, ...) expect_identical(future_lapply(1:2, global_function(f), ...), ok, info = paste(kind, deparse(body(f))[[1]]))
    at(function(i) sent_check(sent_one))
    at(function(i) sent_check(sent_deep$a$c) && sent_deep$a$b == 1)
    at(function(i) sent_check(attr(sent_attribute, "note")) && sent_attribute == 1)
    at(function(i) sent_check(sent_slot@inside))
    at(function(i) sent_check(attr(sent_table, "extra")[[1]]) && nrow(sent_table) == 2)
    at(function(i, y) sent_check(y), y = x)
    at(function(i, ...) sent_check(..1[[1]]), list(x))
    expect_identical(future_lapply(list(x, x), check), ok)
    f <- eval(quote(function(i) sent_check(mine) && other == 5), list2env(list(mine = x, other = 5), parent = globalenv()))
    expect_identical(future_lapply(1:2, f), ok)
    g <- eval(quote(function(i) f(i)), list2env(list(f = f), parent = globalenv()))
    expect_identical(future_lapply(1:2, g), ok)
  }
})

test_that("environments out of which something was taken are the same for all who hold them", {
  kit <- local_serializers()
  number <- kit$number
  shared <- list2env(list(count = 0, one = kit$make(3, "list"), two = kit$make(4, "environment")), parent = globalenv())
  add <- eval(quote(function() count <<- count + 1), shared)
  read <- eval(quote(function() count), shared)
  inner <- new.env(parent = shared)
  locked <- list2env(list(fixed = kit$make(5, "list"), plain = 1), parent = emptyenv())
  lockEnvironment(locked, bindings = TRUE)
  class(inner) <- "marked"
  tools <- list(add = add, read = read, inner = inner, locked = locked)
  in_globalenv(sent_tools = tools, sent_number = number)
  local_plan("multisession", workers = 2)
  f <- global_function(function(i) {
    before <- sent_tools$read()
    sent_tools$add()
    home <- environment(sent_tools$read)
    list(
      sent_tools$read() - before, identical(parent.env(sent_tools$inner), home), class(sent_tools$inner),
      sent_number(home$one), sent_number(home$two), sent_number(sent_tools$locked$fixed),
      environmentIsLocked(sent_tools$locked), bindingIsLocked("plain", sent_tools$locked), identical(parent.env(home), globalenv())
    )
  })
  expect_identical(future_lapply(1:2, f), rep(list(list(1, TRUE, "marked", 3, 4, 5, TRUE, TRUE, TRUE)), 2))
  # The session's own are as they were.
  expect_identical(shared$count, 0)
  expect_s3_class(shared$one, "sent_list")
})

test_that("what tasks return arrives by its serializer, in values, errors and conditions", {
  kit <- local_serializers()
  make <- kit$make
  for (plan in names(own_plans)) under_plan(own_plans[[plan]], {
    for (kind in c("list", "environment", "pointer")) {
      expect_no_warning(out <- future_lapply(1:3, function(i) list(i, x = if (i > 1) make(i, kind))))
      expect_identical(vapply(out[2:3], function(v) kit$number(v$x), 0), c(2, 3), info = paste(plan, kind))
      expect_identical(attr(out[[3]]$x, "by"), Sys.getpid())
      expect_identical(out[[1]], list(1L, x = NULL))
      failure <- tryCatch(future_lapply(1:2, function(i) {
        stop(structure(class = c("mine", "error", "condition"), list(message = "m", call = NULL, x = make(8, kind))))
      }), error = identity)
      expect_s3_class(failure, "mine")
      expect_identical(kit$number(failure$x), 8, info = paste(plan, kind))
      heard <- NULL
      withCallingHandlers(
        future_lapply(1:2, function(i) {
          message(structure(class = c("note", "message", "condition"), list(message = "m", call = NULL, x = make(i, kind))))
        }),
        note = function(m) { heard <<- c(heard, kit$number(m$x)); invokeRestart("muffleMessage") }
      )
      expect_equal(heard, 1:2, info = paste(plan, kind))
    }
    f <- future_lapply(1, function(i) { z <- make(6, "list"); function() z })[[1]]
    expect_identical(kit$number(f()), 6)
  })
})

test_that("a class without pointers travels by its serializer too", {
  before <- set_serializers(list())
  withr::defer(set_serializers(before))
  restore <- global_function(function(x) structure(list(x, from = Sys.getpid()), class = "plain_sent"))
  register_serializer("plain_sent", function(x) x[[1]], restore)
  x <- restore(4)
  for (plan in names(own_plans)) under_plan(own_plans[[plan]], {
    out <- future_lapply(1:2, function(i) list(seen = x$from == Sys.getpid(), back = structure(list(i), class = "plain_sent")))
    expect_identical(out[[2]]$seen, plan == "multisession")
    expect_identical(out[[2]]$back, restore(2L), info = plan)
  })
  register_serializer("plain_sent", NULL, NULL)
  local_plan("multisession", workers = 2)
  expect_identical(future_lapply(1, function(i) x)[[1]], x)
})

test_that("a serializer that fails is named, with its class and the task", {
  before <- set_serializers(list())
  withr::defer(set_serializers(before))
  x <- structure(list(1), class = "fails")
  fine <- function(x) unclass(x)
  broken <- function(x) stop("out of order")
  for (plan in names(own_plans)) under_plan(own_plans[[plan]], {
    register_serializer("fails", broken, fine)
    make <- global_function(function(i) structure(list(i), class = "fails"))
    if (plan == "multisession") {
      e <- expect_error(future_lapply(1:2, function(i) x), class = "rustle_error_serializer")
      expect_match(conditionMessage(e), "`serialize` that was registered for class \"fails\" failed: out of order", fixed = TRUE)
      expect_identical(e$class_name, "fails")
    }
    e <- expect_error(future_lapply(1:2, make), class = "rustle_error_serializer")
    expect_match(conditionMessage(e), "value of task 1 cannot be sent: .*\"fails\" failed: out of order", info = plan)
    register_serializer("fails", fine, broken)
    if (plan == "multisession") {
      e <- expect_error(future_lapply(1:2, function(i) x), class = "rustle_error_serializer")
      expect_match(conditionMessage(e), "`unserialize` that was registered for class \"fails\"", fixed = TRUE)
    }
    e <- expect_error(future_lapply(1:2, make), class = "rustle_error_serializer")
    expect_match(conditionMessage(e), "`unserialize` that was registered for class \"fails\"", fixed = TRUE)
    register_serializer("fails", NULL, NULL)
    expect_identical(future_lapply(1:2, function(i) i), list(1L, 2L))
  })
})

test_that("register_serializer() says what was there before, and refuses what is none", {
  before <- set_serializers(list())
  withr::defer(set_serializers(before))
  expect_null(register_serializer("k", identity, identity))
  expect_identical(register_serializer("k", force, force), list(serialize = identity, unserialize = identity))
  expect_identical(register_serializer("k", NULL, NULL), list(serialize = force, unserialize = force))
  expect_null(register_serializer("k", NULL, NULL))
  for (class in list(1, c("a", "b"), NA_character_, "", NULL)) {
    expect_error(register_serializer(class, identity, identity), class = "rustle_error_argument")
  }
  expect_error(register_serializer("k", NULL, identity), "`serialize` must be", class = "rustle_error_argument")
  expect_error(register_serializer("k", identity, 1), "`unserialize` must be", class = "rustle_error_argument")
})

test_that("documents of xml2 travel in both directions", {
  skip_if_not_installed("xml2")
  doc <- xml2::read_xml("<a><b x='1'>text</b><b>more</b></a>")
  nodes <- xml2::xml_find_all(doc, "//b")
  local_plan("multisession", workers = 2)
  expect_identical(future_sapply(1:2, function(i) xml2::xml_text(doc)), rep("textmore", 2))
  expect_identical(future_sapply(1:2, function(i) xml2::xml_text(nodes[[i]])), c("text", "more"))
  for (plan in own_plans) under_plan(plan, {
    expect_no_warning(out <- future_lapply(1:2, function(i) xml2::read_xml(sprintf("<k>%d</k>", i))))
    expect_identical(vapply(out, xml2::xml_text, ""), c("1", "2"))
  })
})

test_that("a connection of DBI is refused with advice", {
  skip_if_not_installed("DBI")
  skip_if_not_installed("RSQLite")
  local_plan("multisession", workers = 2)
  con <- DBI::dbConnect(RSQLite::SQLite(), ":memory:")
  withr::defer(DBI::dbDisconnect(con))
  e <- expect_error(future_lapply(1:2, function(i) DBI::dbListTables(con)), class = "rustle_error_reference")
  expect_match(conditionMessage(e), "in `environment[(]FUN[)][$]con`. Connect in the task, or once in each worker")
  expect_identical(conditionCall(e)[[1]], quote(future_lapply))
})

test_that("future.globals.onReference has its three answers, with the path", {
  local_plan("multisession", workers = 2)
  pointer <- live_pointer("handle_of_model")
  in_globalenv(fit = list(model = 1, handle = pointer), ref_con = textConnection("a"))
  withr::defer(close(get("ref_con", globalenv())), priority = "first")
  f <- global_function(function(i) is.null(fit))
  expect_no_warning(expect_identical(future_lapply(1:2, f), list(FALSE, FALSE)))
  withr::local_options(future.globals.onReference = "warning")
  w <- expect_warning(future_lapply(1:2, f), class = "rustle_warning_reference")
  expect_match(conditionMessage(w), "an external pointer of class \"handle_of_model\", in `fit$handle`, a global of FUN", fixed = TRUE)
  withr::local_options(future.globals.onReference = "error")
  own <- eval(quote(function(i) length(kept)), list2env(list(kept = list(1, pointer)), parent = globalenv()))
  slot <- structure(list(a = 1), hidden = pointer)
  cases <- list(
    list("`fit$handle`, a global of FUN", quote(future_lapply(1:2, f))),
    list("`ref_con`, a global of FUN", quote(future_lapply(1:2, global_function(function(i) readLines(ref_con))))),
    list("`environment(FUN)$kept[[2]]`", quote(future_lapply(1:2, own))),
    list("`X[[2]]`, the data of the tasks", quote(future_lapply(list(1, pointer), global_function(function(x) 1)))),
    list("`y`, an argument of FUN", quote(future_lapply(1:2, global_function(function(x, y) 1), y = pointer))),
    list("`..1`, an argument of FUN", quote(future_lapply(1:2, global_function(function(x, y) 1), pointer))),
    list("`attr(y, \"hidden\")`, an argument of FUN", quote(future_lapply(1:2, global_function(function(x, y) 1), y = slot)))
  )
  for (case in cases) {
    e <- tryCatch(eval(case[[2]]), error = identity)
    expect_s3_class(e, "rustle_error_reference")
    expect_match(conditionMessage(e), case[[1]], fixed = TRUE)
    expect_match(conditionMessage(e), "register_serializer()", fixed = TRUE)
  }
  # What loses nothing on its way is no reference.
  null_pointer <- methods::new("externalptr")
  in_globalenv(ref_null = null_pointer, ref_out = stdout())
  typed <- global_function(function(i) { ref_out; typeof(ref_null) })
  expect_identical(future_sapply(1:2, typed), rep("externalptr", 2))
  skip_if_not_installed("data.table")
  in_globalenv(ref_table = data.table::data.table(a = 1:3))
  expect_identical(future_sapply(1:2, global_function(function(i) nrow(ref_table))), c(3L, 3L))
})

test_that("a pointer among results gives one warning, which names task and path", {
  pointer <- global_function(function() structure(rustle:::rs_parcel_pack(1, 1), class = "thing"))
  for (plan in names(own_plans)) under_plan(own_plans[[plan]], {
    told <- 0
    out <- withCallingHandlers(
      future_lapply(1:6, function(i) if (i > 2) list(a = i, b = list(handle = pointer())) else i),
      warning = function(w) {
        told <<- told + 1
        expect_s3_class(w, "rustle_warning_reference")
        expect_identical(w[c("task", "path")], list(task = 3L, path = "value$b$handle"), info = plan)
        expect_match(conditionMessage(w), "Task 3 returned an external pointer of class \"thing\", in `value$b$handle`", fixed = TRUE)
        invokeRestart("muffleWarning")
      }
    )
    expect_identical(told, 1)
    expect_identical(lengths(out), c(1L, 1L, 2L, 2L, 2L, 2L))
    expect_identical(out[[6]]$a, 6L)
    expect_warning(future_lapply(1:2, function(i) { p <- pointer(); function() p }), "environment\\(value\\)\\$p")
    expect_no_warning(future_lapply(1:2, function(i) list(methods::new("externalptr"), stdout(), new.env())))
    expect_no_warning(future_lapply(1:2, function(i) lm(mpg ~ wt, mtcars)))
    if (requireNamespace("data.table", quietly = TRUE)) {
      expect_no_warning(out <- future_lapply(1:2, function(i) data.table::data.table(i)))
      expect_identical(out[[2]]$i, 2L)
    }
  })
})

test_that("large vectors beside an object with a serializer are still sent once", {
  kit <- local_serializers()
  big <- rnorm(3e5)
  order <- list(globals = list(big = big, x = kit$make(1, "list")), FUN = function() NULL)
  environment(order$FUN) <- globalenv()
  handle <- pack_order(order)$handle
  again <- pack_order(order)$handle
  expect_identical(rs_parcel_sizes(again)$found, TRUE)
  back <- unpack_here(again)
  expect_identical(back$globals$big, big)
  expect_identical(kit$number(back$globals$x), 1)
})

test_that("a large first sending is told once, with the three largest objects", {
  withr::local_options(rustle.size.warning = 4e6)
  told$size <- NULL
  withr::defer(told$size <- TRUE)
  f <- local({ a <- numeric(1); function(i) i }, new.env(parent = globalenv()))
  environment(f)$a <- rnorm(2e5)
  order <- list(
    FUN = f, globals = list(b = list(x = rnorm(3e5), small = 1), text = "t"), data = list(X = data.frame(u = rnorm(1e5), v = 1L)),
    dots = list(z = 3)
  )
  w <- expect_warning(pack_order(order), class = "rustle_warning_size")
  expect_identical(w$largest$place, c("`b$x`, a global of FUN", "`environment(FUN)$a`", "`X$u`, the data of the tasks"))
  expect_match(conditionMessage(w), "`b$x`, a global of FUN (2.4 MB); `environment(FUN)$a` (1.6 MB)", fixed = TRUE)
  order$globals$b$x <- rnorm(9e5)
  expect_no_warning(pack_order(order))
  # What was sent before does not count.
  told$size <- NULL
  expect_no_warning(pack_order(order))
  order$globals$b$x[[1]] <- 0
  expect_warning(pack_order(order), class = "rustle_warning_size")
})
