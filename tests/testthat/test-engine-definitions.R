# Methods and classes that the session defines: tasks have them on every plan.

# Defined in the global environment of a script, with what code does with them.
definitions_script <- quote({
  scale_of <- function(o) UseMethod("scale_of")
  scale_of.default <- function(o) 1
  scale_of.foot <- function(o) factor_of_foot * o$length
  factor_of_foot <- 0.3048
  mean.foot <- function(x, ...) "mean of feet"
  "[.foot" <- function(x, i) "some of feet"
  Ops.foot <- function(e1, e2) "sum of feet"
  predict.guess <- function(object, ...) object$at
  # Not methods: `t.stat` looks like one, and is sent in vain.
  x.train <- 1:3
  t.stat <- function(x) x.train
  methods::setClass("Point", representation(x = "numeric"), validity = function(object) if (length(object@x) > 1L) "too long" else TRUE)
  methods::setClass("Weighted", contains = "Point", representation(w = "numeric"))
  methods::setClassUnion("NumberOrName", c("numeric", "character"))
  Box <- methods::setClass("Box", representation(what = "NumberOrName"))
  methods::setGeneric("area", function(o, ...) standardGeneric("area"))
  methods::setMethod("area", "Point", function(o, ...) power(o@x))
  power <- function(x) x^2
  methods::setMethod("show", "Point", function(object) cat("<Point>\n"))
  methods::setMethod("+", methods::signature("Point", "Point"), function(e1, e2) methods::new("Point", x = e1@x + e2@x))
  methods::setMethod("length", "Point", function(x) 99L)
  methods::setMethod("initialize", "Point", function(.Object, ...) {
    .Object <- methods::callNextMethod(.Object, ...)
    if (!length(.Object@x)) .Object@x <- 7
    .Object
  })
  Counter <- methods::setRefClass("Counter", fields = list(n = "numeric"), methods = list(add = function(k) { n <<- n + k; invisible(.self) }))
  Twice <- methods::setRefClass("Twice", contains = "Counter", methods = list(add = function(k) callSuper(2 * k)))
  of <- function(class, ...) structure(list(...), class = class)
  uses <- list(
    generic = function(i) scale_of(of("foot", length = i)), internal = function(i) of("foot", a = i)[1],
    base = function(i) mean(of("foot", a = i)), operator = function(i) of("foot", a = i) + 1,
    package = function(i) stats::predict(of("guess", at = i)), by_name = function(i) getS3method("mean", "foot")(i),
    new = function(i) new("Point", x = i)@x, prototype = function(i) new("Point")@x,
    validity = function(i) tryCatch(new("Point", x = c(i, i)), error = conditionMessage),
    formal = function(i) area(new("Point", x = i)), inherited = function(i) area(new("Weighted", x = i, w = 1)),
    is = function(i) is(new("Weighted"), "Point"), union = function(i) Box(what = "a")@what, shown = function(i) capture.output(print(new("Point"))),
    arithmetic = function(i) (new("Point", x = i) + new("Point", x = 1))@x, primitive = function(i) length(new("Point")),
    exists = function(i) existsMethod("area", "Point"), reference = function(i) Counter$new(n = i)$add(2)$n, super = function(i) Twice$new(n = i)$add(2)$n
  )
  differing <- function() Filter(function(name) {
    got <- tryCatch(future_lapply(1:3, uses[[name]]), error = conditionMessage)
    !identical(got, tryCatch(lapply(1:3, uses[[name]]), error = conditionMessage))
  }, names(uses))
})

test_that("tasks find methods and classes of the session on every plan", {
  skip_unless_faults()
  run <- run_r(timeout = 90, before = definitions_script, {
    out <- list()
    for (kind in c("sequential", "multicore", "multisession", "cluster", "threads")) {
      if (kind == "sequential") plan(kind) else plan(kind, workers = 2)
      out[[kind]] <- differing()
    }
    plan(multisession, workers = 2)
    objects <- list(new("Point", x = 1), new("Weighted", x = 3, w = 1))
    out$objects <- identical(future_sapply(objects, area), c(1, 9))
    out$parallel <- identical(parSapply(NULL, 1:3, uses$formal), c(1, 4, 9))
    out$package <- identical(unlist(mclapply(1:3, uses$package)), 1:3)
    # What changes counts from the next call on, and what is gone is gone.
    factor_of_foot <- 1
    out$variable <- identical(future_sapply(1:3, uses$generic), as.numeric(1:3))
    scale_of.foot <- function(o) 2 * o$length
    out$method <- identical(future_sapply(1:3, uses$generic), 2 * (1:3))
    setMethod("area", "Point", function(o, ...) -o@x)
    out$table <- identical(future_sapply(1:3, uses$formal), -(1:3))
    setClass("Point", representation(x = "numeric", y = "numeric"))
    out$class <- identical(future_sapply(1:2, function(i) length(slotNames("Point"))), c(2L, 2L))
    Counter$methods(add = function(k) { n <<- n - k; invisible(.self) })
    out$in_place <- identical(future_sapply(1:3, uses$reference), 1:3 - 2)
    rm(scale_of.foot)
    removeMethod("show", "Point")
    removeClass("Box")
    out$removed <- identical(future_sapply(1:3, uses$generic), c(1, 1, 1)) &&
      identical(future_sapply(1:2, function(i) isClass("Box")), c(FALSE, FALSE)) && !length(differing())
    # A task that changes them changes nothing for the next.
    invisible(future_sapply(1:2, function(i) { mean.foot <<- function(x, ...) "changed"; rm("t.stat", envir = globalenv()) }))
    out$kept <- identical(future_sapply(1:2, uses$base), rep("mean of feet", 2))
  })
  value <- run$value
  kinds <- c("sequential", "multicore", "multisession", "cluster", "threads")
  for (kind in kinds) expect_identical(value[[kind]], character(), info = kind)
  expect_all_true(value[setdiff(names(value), kinds)])
})

test_that("nodes of the user's have them for a call, and those without rustle too", {
  skip_unless_faults()
  run <- run_r(timeout = 90, before = definitions_script, {
    out <- list()
    cl <- parallel::makePSOCKcluster(1)
    there <- function() unlist(parallel::clusterCall(cl, function() c(exists("mean.foot"), methods::isClass("Point"), methods::existsMethod("length", "Point"))))
    plan(cluster, workers = cl)
    out$users <- differing()
    out$gone <- identical(there(), c(FALSE, FALSE, FALSE))
    plan(sequential)
    parallel::stopCluster(cl)
    Sys.setenv(R_LIBS = "", R_LIBS_USER = tempdir())
    cl <- parallel::makePSOCKcluster(1)
    suppressMessages(plan(cluster, workers = cl, cores = 1))
    out$plain <- differing()
    out$gone_there <- identical(there(), c(FALSE, FALSE, FALSE))
    plan(sequential)
    # The session's own are not touched.
    out$here <- exists("mean.foot") && isClass("Point")
  })
  expect_identical(run$value$users, character())
  expect_identical(run$value$plain, character())
  expect_all_true(run$value[c("gone", "gone_there", "here")])
})

test_that("chunks that run as futures have them", {
  skip_unless_faults()
  skip_if_not_installed("future.batchtools")
  run <- run_r(timeout = 90, before = definitions_script, {
    dir <- tempfile()
    dir.create(dir)
    setwd(dir)
    batch <- getExportedValue("future.batchtools", "batchtools_local") # no package that is asked for
    suppressMessages(plan(batch))
    use <- function(i) list(scale_of(of("foot", length = i)), stats::predict(of("guess", at = i)), area(new("Point", x = i)), Twice$new(n = i)$add(2)$n)
    out <- identical(future_lapply(1:2, use), lapply(1:2, use)) && exists("mean.foot") && isClass("Point")
  })
  expect_true(run$value)
})

test_that("a checkpoint knows them, whatever was called before", {
  skip_unless_faults()
  run <- run_r(timeout = 60, before = definitions_script, {
    hash <- function() get("hash_definitions", asNamespace("rustle"))()
    first <- hash()
    for (use in uses) use(1)
    out <- list(same = identical(first, hash()))
    differs <- function(code) {
      before <- hash()
      eval(substitute(code), globalenv())
      !identical(before, hash())
    }
    out$shows <- !differs(print.foot <- function(x, ...) cat("foot\n"))
    out$method <- differs(predict.guess <- function(object, ...) object$at + 1)
    out$formal <- differs(setMethod("area", "Point", function(o, ...) o@x))
    out$validity <- differs(setClass("Point", representation(x = "numeric")))
    out$in_place <- differs(Counter$methods(add = function(k) n <<- k))
    dir <- tempfile()
    at <- function() with_checkpoint(dir, future_sapply(1:2, function(i) stats::predict(of("guess", at = i))))
    out$stored <- identical(at(), c(2, 3))
    predict.guess <- function(object, ...) object$at + 2
    said <- ""
    values <- withCallingHandlers(at(), message = function(m) { said <<- paste(said, conditionMessage(m)); invokeRestart("muffleMessage") })
    out$again <- identical(values, c(3, 4))
    out$told <- grepl("methods and classes of the session", said)
  })
  expect_all_true(run$value)
})

test_that("a checkpoint knows functions that strings name", {
  skip_unless_faults()
  run <- run_r(timeout = 60, {
    ols <- function(x) x + shift
    ridge <- function(x) x * 2
    shift <- 1
    dir <- tempfile()
    said <- ""
    kept <- function(code) {
      said <<- ""
      withCallingHandlers(with_checkpoint(dir, code), message = function(m) { said <<- paste(said, conditionMessage(m)); invokeRestart("muffleMessage") })
    }
    by_code <- function() kept(future_sapply(1:2, function(i) do.call("ols", list(i))))
    by_element <- function(methods) kept(future_sapply(methods, function(m) do.call(m, list(5)), USE.NAMES = FALSE))
    by_argument <- function() kept(future_sapply(1:2, function(i, how) sapply(i, how), how = "ols"))
    by_pair <- function() kept(future_mapply(function(m, i) do.call(m, list(i)), c("ols", "ridge"), 1:2, USE.NAMES = FALSE))
    in_study <- function() kept(study(expand.grid(m = c("ols", "ridge")), function(m) do.call(as.character(m), list(1)), replications = 2, seed = 1)$value)
    first <- list(by_code(), by_element(c("ols", "ridge")), by_argument(), by_pair(), in_study())
    again <- list(by_code(), by_element(c("ols", "ridge")), by_argument(), by_pair(), in_study())
    shift <- 10
    out <- list(
      first = identical(first, list(c(2, 3), c(6, 10), c(2, 3), c(2, 4), c(2, 2, 2, 2))), again = identical(first, again),
      code = identical(by_code(), c(11, 12)), element = identical(by_element(c("ols", "ridge")), c(15, 10)),
      argument = identical(by_argument(), c(11, 12)), pair = identical(by_pair(), c(11, 4)), study = identical(sort(in_study()), c(2, 2, 11, 11))
    )
    # Elements that are added leave the others valid.
    lasso <- function(x) x - 1
    out$more <- identical(by_element(c("ols", "ridge", "lasso")), c(15, 10, 4))
    out$reused <- grepl("2 of 3 tasks", said)
  })
  expect_all_true(run$value)
})

test_that("a session that defines nothing sends nothing", {
  run <- run_r(timeout = 30, {
    plain.name <- 1
    .hidden <- 2
    makeActiveBinding("print.active", function() stop("nobody asked for it"), globalenv())
    out <- is.null(get("session_definitions", asNamespace("rustle"))()) && is.null(get("hash_definitions", asNamespace("rustle"))())
  })
  expect_true(run$value)
})

test_that("names of the session that begin with a dot are no methods", {
  withr::local_preserve_seed()
  set.seed(1)
  expect_identical(starts_of(".Random.seed"), ".Random")
  expect_false(is_s3_method(".Random.seed"))
  definitions_seen$names <- NULL
  expect_no_error(look_for_definitions())
})
