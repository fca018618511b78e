# Copies that the session keeps of what workers keep.

frozen_plan <- function(.local_envir = parent.frame()) {
  skip_without_fork()
  local_plan("multisession", workers = 2L, .local_envir = .local_envir)
}

test_that("a large variable that is exported is in memory once", {
  skip_on_os("mac")
  frozen_plan()
  kept_matrix <- matrix(runif(4e6), 1000)
  own <- function() {
    sum(get("kept_matrix", globalenv()))
    lines <- readLines("/proc/self/smaps_rollup")
    mine <- grep("^Private_Dirty:", lines, value = TRUE)
    1024 * as.numeric(gsub("[^0-9]", "", mine))
  }
  environment(own) <- globalenv()
  before <- max(unlist(clusterCall(NULL, function() {
    1024 * as.numeric(gsub("[^0-9]", "", grep("^Private_Dirty:", readLines("/proc/self/smaps_rollup"), value = TRUE)))
  })))
  clusterExport(NULL, "kept_matrix", environment())
  expect_lt(max(unlist(clusterCall(NULL, own))) - before, 0.5 * 8 * length(kept_matrix))
  # As it was, not as it has become.
  sums <- clusterCall(NULL, function() sum(get("kept_matrix", globalenv())))
  expect_identical(sums, rep(list(sum(kept_matrix)), 2L))
  kept_matrix[] <- 0
  expect_identical(clusterCall(NULL, function() sum(get("kept_matrix", globalenv()))), sums)
})

test_that("what workers keep travels by serializers, also into replacements", {
  skip_if_not_installed("xml2")
  kept_doc <- xml2::read_xml("<a><k>1</k><k>2</k></a>")
  skip_without_fork()
  local_plan("multisession", workers = 2L, setup = { kept_text <- xml2::xml_text(kept_doc) })
  expect_identical(clusterEvalQ(NULL, kept_text), list("12", "12"))
  expect_identical(clusterCall(NULL, xml2::xml_text, kept_doc), list("12", "12"))
  plain <- 1
  clusterExport(NULL, "plain", environment())
  clusterExport(NULL, "kept_doc", environment())
  expect_identical(clusterEvalQ(NULL, paste(xml2::xml_text(kept_doc), plain)), list("12 1", "12 1"))
  reset_workers()
  expect_identical(clusterEvalQ(NULL, paste(xml2::xml_text(kept_doc), plain)), list("12 1", "12 1"))
})

test_that("pointers in what workers keep are told as those of tasks", {
  model <- list(fit = 1, handle = structure(rs_parcel_pack(1, 1), class = "handle_of_model"))
  frozen_plan()
  expect_no_warning(expect_identical(clusterCall(NULL, length, model), list(2L, 2L)))
  withr::local_options(future.globals.onReference = "warning")
  w <- expect_warning(clusterExport(NULL, "model", environment()), class = "rustle_warning_reference")
  expect_match(conditionMessage(w), "`model$handle`, a variable that is exported", fixed = TRUE)
  withr::local_options(future.globals.onReference = "error")
  expect_refused <- function(expr, place) {
    e <- expect_error(expr, class = "rustle_error_reference")
    expect_match(conditionMessage(e), place, fixed = TRUE)
  }
  expect_refused(clusterCall(NULL, length, model), "`..1$handle`, an argument of the function that workers call")
  expect_refused(local_plan("multisession", workers = 2L, setup = { length(model) }), "`model$handle`, a variable that `setup` uses")
  expect_refused(local_plan("multisession", workers = 2L, setup = function() length(model)), "`environment(setup)$model$handle`")
  # The same where the user names the variables.
  f <- function(i) 1
  environment(f) <- globalenv()
  expect_refused(future_lapply(1:2, f, future.globals = list(model = model)), "`model$handle`, a global of FUN")
})

test_that("a connection of DBI that a task returns is refused with another advice", {
  skip_if_not_installed("RSQLite")
  frozen_plan()
  connect <- function(i) list(con = DBI::dbConnect(RSQLite::SQLite(), ":memory:"))
  e <- expect_error(future_lapply(1:2, connect), class = "rustle_error_reference")
  expect_match(conditionMessage(e), "^Task 1 returned an object of class \"DBIConnection\", in `value[$]con`, .*Return what was read by it instead[.]$")
})

test_that("a setup finds the variables of the code that sets the plan, and needs no arguments", {
  skip_without_fork()
  by_others <- function(expr) expr
  mine <- 7
  by_others(local_plan("multisession", workers = 2L, setup = { kept_mine <- mine }))
  expect_identical(clusterEvalQ(NULL, kept_mine), list(7, 7))
  expect_argument_error(plan("multisession", setup = function(x) x), "setup")
  # Where the code that sets it is in no frame that runs.
  late <- function(mine) {
    delayedAssign("planned", local_plan("multisession", workers = 2L, setup = { kept_mine <- mine }, .local_envir = here))
    environment()
  }
  here <- environment()
  late(8)$planned
  expect_identical(clusterEvalQ(NULL, kept_mine), list(8, 8))
})

test_that("a setup that ends its worker is named", {
  skip_unless_faults()
  local_plan("multisession", workers = 2L, compiled = "never", setup = { quit("no") })
  e <- expect_error(future_lapply(1:2, identity), class = "rustle_error_worker_lost")
  expect_match(conditionMessage(e), "quit().* It may have been `setup` of the plan")
})

test_that("many large variables cost few descriptors, and a plan that was saved keeps what it had", {
  skip_if_not(dir.exists("/proc/self/fd"))
  frozen_plan()
  values <- lapply(1:6, function(k) { x <- numeric(2^17); x[[1L]] <- k; x })
  names(values) <- paste0("kept_", 1:6)
  keep <- new_keep()
  keep_step(keep, new_step(keep, "export", values = values))
  sent <- steps_to_send(keep, most = 5L)
  handle <- pack_object(sent)
  expect_lt(rs_parcel_sizes(handle)$files, 4)
  rs_parcel_close(handle)
  expect_identical(step_content(from_bytes(sent[[1L]]$steps)[[1L]])$values, values)
  # A later step stands beside the piece; what changes it makes it anew.
  keep_step(keep, new_step(keep, "call", fun = length, arguments = values[1L]))
  expect_identical(steps_to_send(keep, most = 5L), c(sent, keep$steps[2L]))
  keep_step(keep, new_step(keep, "export", values = values[2:3]))
  keep_step(keep, new_step(keep, "export", values = values[3:4]))
  expect_identical(lengths(steps_to_send(keep, most = 5L)), c(3L, 4L, 4L))
  expect_identical(lengths(steps_to_send(keep, most = 3L)), 3L)
  keep_step(keep, new_step(keep, "export", values = values[1L]))
  expect_null(keep$piece)
  clusterExport(NULL, names(values), list2env(values))
  first <- function() vapply(paste0("kept_", 1:6), function(name) get(name, globalenv())[[1L]], 1)
  expect_identical(clusterCall(NULL, first), rep(list(vapply(values, `[[`, 1, 1L)), 2L))
  saved <- tempfile()
  withr::defer(unlink(saved))
  saveRDS(plan(multisession, workers = 2L), saved)
  plan(readRDS(saved))
  expect_identical(clusterCall(NULL, first), rep(list(vapply(values, `[[`, 1, 1L)), 2L))
})
