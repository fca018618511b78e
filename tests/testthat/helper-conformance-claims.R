# The claims of the conformance suite: see helper-conformance.R.

value_claims <- list(
  "values come in the order of X" = function(plan) {
    expect_as(function(apply) apply(1:23, function(i) i^2))
    expect_as(function(apply) apply(list(3, "a", NULL, TRUE), identity))
  },
  "uneven tasks come in the order of X" = function(plan) {
    expect_as(function(apply) apply(1:9, function(i) { if (i %% 3L == 1L) Sys.sleep(0.003); i }))
  },
  "names are those of X" = function(plan) {
    for (X in list(
      c(b = 1, a = 2, c = 3), c(a = 1, 2, 3), structure(list(1, 2), names = c("x", NA)), c("u", "v"),
      list2env(list(a = 1, b = 2, c = 3))
    )) {
      expect_as(function(apply) apply(X, identity))
    }
  },
  "names are those that as.list() gives" = function(plan) {
    registerS3method("as.list", "rustle_renamed", function(x, ...) list(first = 1, second = unclass(x)[[1L]], 3))
    registerS3method("as.list", "rustle_nameless", function(x, ...) unname(as.list(unclass(x))))
    for (X in list(
      list2env(list(.hidden = 0, a = 1, b = 2)), new.env(), structure(c(a = 1, b = 2), class = "rustle_renamed"),
      structure(c(a = 1, b = 2), class = "rustle_nameless"), structure(c("u", "v"), class = "rustle_renamed")
    )) {
      expect_as(function(apply) apply(X, identity))
      expect_identical(observe(future_sapply(X, identity))[1:3], observe(sapply(X, identity))[1:3])
      expect_identical(parLapply(NULL, X, identity), lapply(X, identity))
    }
    X <- structure(c(a = 1, b = 2), class = "rustle_renamed")
    expect_identical(future_Filter(function(x) x < 2, X), Filter(function(x) x < 2, X))
  },
  "values keep their attributes and types" = function(plan) {
    values <- list(
      c(a = 1L, b = NA), matrix(1:4, 2, dimnames = list(NULL, c("x", "y"))), factor(c("u", NA)), iris[1:3, ],
      as.POSIXct(0, origin = "1970-01-01", tz = "UTC"), structure(list(1), class = "k", note = "n"), 1i,
      as.raw(7), quote(f(x)), "\u65e5\u672c", NaN, -0, character(), sum, globalenv(), 1:3 + 0
    )
    expect_as(function(apply) apply(seq_along(values), function(i) values[[i]]))
  },
  "no element gives what lapply() gives, calls nothing and moves nothing" = function(plan) {
    for (X in list(list(), NULL, character(), structure(list(), names = character()), expression())) {
      expect_as(function(apply) apply(X, function(x) stop("called")))
    }
    state <- test_seeds()$mersenne
    expect_identical(observe(future_lapply(list(), stop, future.seed = TRUE), state)$seed, state)
  },
  "one element gives what lapply() gives" = function(plan) {
    expect_as(function(apply) apply(list(7), identity))
    expect_as(function(apply) apply(c(a = 7), function(x) NULL))
  },
  "NULL results are kept" = function(plan) {
    expect_as(function(apply) apply(1:6, function(i) if (i %% 2L) NULL else i))
    expect_as(function(apply) apply(c(a = 1, b = 2), function(i) NULL))
  },
  "X may be anything that lapply() takes" = function(plan) {
    for (X in list(
      data.frame(x = 1:3, y = letters[1:3]), expression(a + b, c, 3), as.Date("2024-01-01") + 0:3,
      factor(c("u", "v", "u")), pairlist(a = 1, 2), as.POSIXct(0:2, origin = "1970-01-01", tz = "UTC"),
      quote(f(x, y)), matrix(1:4, 2), as.raw(1:3), complex(real = 1:2, imaginary = 3:4),
      as.POSIXlt(as.Date("2024-01-01") + 0:1), numeric_version(c("1.2", "3.4.5")), table(c(1, 1, 2))
    )) {
      expect_as(function(apply) apply(X, function(x) list(class(x), x)))
    }
  },
  "S3 methods of as.list() count" = function(plan) {
    registerS3method("as.list", "rustle_bag", function(x, ...) as.list(rev(unclass(x))))
    expect_as(function(apply) apply(structure(1:4, class = "rustle_bag"), identity))
  },
  "S3 methods of `[[` count" = function(plan) {
    registerS3method("as.list", "rustle_lazy", function(x, ...) x)
    registerS3method("[[", "rustle_lazy", function(x, i) paste("element", i))
    registerS3method("length", "rustle_lazy", function(x) 3L)
    expect_as(function(apply) apply(structure(list(1, 2, 3), class = "rustle_lazy"), identity))
  },
  "thousands of tasks arrive, each once" = function(plan) {
    expect_identical(future_lapply(1:20000, identity), as.list(1:20000))
  },
  "large results arrive" = function(plan) {
    expect_as(function(apply) apply(1:3, function(i) as.numeric(seq_len(3e5)) + i))
    expect_as(function(apply) apply(1:2, function(i) list(a = rep("s", 1e5), b = rep(as.raw(i), 1e6))))
  },
  "functions arrive with their variables" = function(plan) {
    got <- future_lapply(1:3, function(i) { k <- i * 10; function() k })
    expect_identical(lapply(got, function(f) f()), list(10, 20, 30))
  }
)

call_claims <- list(
  "FUN may be a string, a primitive, a special or a generic" = function(plan) {
    expect_as(function(apply) apply(c(4, 9, 16), "sqrt"))
    expect_as(function(apply) apply(list(1:3, 4:6), sum))
    expect_as(function(apply) apply(list(quote(x + y), 2), `(`))
    expect_as(function(apply) apply(list(1:2, 3:4), methods::cbind2, 5:6))
    expect_as(function(apply) apply(list(list(a = 1), list(a = 2)), `[[`, "a"))
    local_string <- function(x) paste("local", x)
    expect_identical(future_lapply(1:3, "local_string"), lapply(1:3, local_string))
  },
  "dots reach FUN by name, by position and missing" = function(plan) {
    matrices <- list(matrix(1:4, 2), matrix(5:8, 2))
    expect_as(function(apply) apply(1:4, function(x, y, ...) c(x, y, ...), y = 2, 3))
    expect_as(function(apply) apply(matrices, "[", , 1))
    expect_as(function(apply) apply(matrices, `[`, 1, ))
    expect_as(function(apply) apply(1:3, function(x, ...) list(...), NULL, a = NULL))
    expect_as(function(apply) apply(1:3, function(i, n, call) c(i, n, call), n = 1, call = 2))
    expect_as(function(apply) apply(1:2, function(x, ...) nargs(), 1, 2))
    expect_as(function(apply) apply(1:2, function(x, ...) ...names(), a = 1, 2))
    expect_as(function(apply) apply(1:2, function(x, e) e, quote(a + b)))
  },
  "dots are evaluated once, before any task" = function(plan) {
    count <- 0
    future_lapply(1:9, function(i, x) x, { count <- count + 1; count })
    expect_identical(count, 1)
    expect_as_future(
      function(apply) apply(1:3, function(i, x) x, stop("bad dot")), parts = c("class", "message", "warnings")
    )
    expect_as_future(function(apply) apply(1:3, function(i, x) x, rustle_no_such_variable), parts = c("class", "message", "warnings"))
  },
  "dots that only FUN can evaluate reach it as they were written" = function(plan) {
    groups <- split(mtcars, mtcars$cyl)
    expect_as(function(apply) apply(groups, with, mean(mpg / wt)))
    expect_as(function(apply) apply(groups, subset, mpg > 20 & hp < 100, select = c(mpg, hp)))
    expect_as(function(apply) apply(groups, transform, ratio = mpg / wt))
    expect_as(function(apply) apply(1:2, function(i, x) i, stop("not used")))
    expect_as(function(apply) apply(1:2, function(i, x) tryCatch(x, error = conditionMessage), stop("used")))
    expect_identical(future_sapply(groups, with, mean(mpg)), sapply(groups, with, mean(mpg)))
  },
  "FUN sees match.call(), sys.call(), missing() and substitute() as under lapply()" = function(plan) {
    expect_as(function(apply) apply(1:3, function(x, ...) sys.call()))
    expect_as(function(apply) apply(1:3, function(x, ...) match.call(), 5))
    expect_as(function(apply) apply(1:3, function(x, y) missing(y)))
    expect_as(function(apply) apply(1:3, function(x) substitute(x)))
    expect_as(function(apply) apply(1:3, function(x, y) substitute(x), 1))
  },
  "FUN may read lapply()'s index" = function(plan) {
    expect_as(function(apply) apply(5:9, function(x) parent.frame()$i))
  },
  "FUN may rebind and remove lapply()'s index, and keep its argument" = function(plan) {
    expect_as(function(apply) apply(5:9, function(x) { assign("i", 1L, parent.frame()); x }))
    expect_as(function(apply) apply(5:9, function(x) { rm("i", envir = parent.frame()); x }))
    functions <- future_lapply(1:3, function(x) function() x)
    expect_identical(lapply(functions, function(f) f()), list(1L, 2L, 3L))
  },
  "FUN finds its variables, those of the session, and so do functions among the elements" = function(plan) {
    assign("rustle_offset", 10, envir = globalenv())
    on.exit(rm("rustle_offset", envir = globalenv()))
    FUN <- function(i) i + rustle_offset
    environment(FUN) <- globalenv()
    expect_as(function(apply) apply(1:3, FUN))
    factor <- 2
    helper <- function() factor * 3
    expect_as(function(apply) apply(1:3, function(i) i * factor + helper()))
    expect_as(function(apply) apply(list(function() helper(), function() factor), function(f) f()))
  },
  "globals given as a list override those of the session, but not a closure's own" = function(plan) {
    assign("rustle_a", 1, envir = globalenv())
    on.exit(rm("rustle_a", envir = globalenv()))
    FUN <- function(i) i + rustle_a
    environment(FUN) <- globalenv()
    expect_identical(future_lapply(1:3, FUN, future.globals = list(rustle_a = 10)), list(11, 12, 13))
    expect_identical(future_lapply(1:3, FUN, future.globals = "rustle_a"), list(2, 3, 4))
    # As on sessions of their own: in functions that FUN calls, and where FUN is a closure.
    helper <- FUN
    expect_identical(future_lapply(1:2, function(i) helper(i), future.globals = list(rustle_a = 10, helper = helper)), list(11, 12))
    make <- function(k) function(i) c(k, rustle_a, rustle_b)
    environment(make) <- globalenv()
    expect_identical(future_sapply(1:2, make(3), future.globals = list(rustle_a = 10, rustle_b = 0)), cbind(c(3, 10, 0), c(3, 10, 0)))
    expect_error(future_lapply(1:2, function(i) stop("e"), future.globals = list(rustle_a = 10)), "e")
    expect_identical(rustle_a, 1)
    expect_false(exists("rustle_b"))
    a <- 1
    expect_as_future(function(apply) apply(1:3, function(i) i + a, future.globals = list(a = 10)))
  },
  "future.packages are attached where tasks run" = function(plan) {
    attached <- future_lapply(1:2, function(i) "package:splines" %in% search(), future.packages = "splines")
    expect_identical(attached, list(TRUE, TRUE))
  },
  "labels do not matter to values" = function(plan) {
    for (label in list(TRUE, FALSE, "chunk-%d", "plain")) {
      expect_identical(future_lapply(1:2, identity, future.label = label), list(1L, 2L))
    }
  },
  "every chunking and ordering gives the same values, every chunking the same error" = function(plan) {
    for (chunking in test_chunkings(7L)) {
      expect_identical(do.call(future_lapply, c(list(1:7, sqrt), chunking)), lapply(1:7, sqrt))
    }
    for (chunking in test_chunkings(7L)[1:10]) {
      error <- tryCatch(
        do.call(future_lapply, c(list(1:7, function(i) if (i >= 4L) stop("bad ", i) else i), chunking)),
        error = identity
      )
      expect_identical(list(conditionMessage(error), error$task), list("bad 4", 4L))
    }
  },
  "a call inside a call gives what lapply() gives" = function(plan) {
    nested <- function(f) f(1:3, function(i) f(1:i, function(j) i * j))
    expect_identical(nested(future_lapply), nested(lapply))
  }
)

error_claims <- list(
  "an error keeps class, message, call and data, and gains its task" = function(plan) {
    got <- expect_as(parts = c("class", "message", "call", "seed"), function(apply) apply(1:9, function(i) {
      if (i >= 4L) stop(structure(
        class = c("my_error", "error", "condition"),
        list(message = paste("bad", i), call = quote(f(x)), extra = i)
      ))
      i
    }))
    expect_identical(got$task, 4L)
    big <- structure(
      class = c("big_error", "error", "condition"),
      list(message = strrep("m", 1e5), call = NULL, data = as.numeric(1:1e5))
    )
    error <- tryCatch(future_lapply(1:3, function(i) stop(big)), error = identity)
    expect_identical(unclass(error)[names(unclass(big))], unclass(big), ignore_attr = TRUE)
    expect_identical(error$data, big$data)
  },
  "a plain error has the message and call that lapply() gives" = function(plan) {
    parts <- c("class", "message", "call", "seed")
    expect_as(function(apply) apply(1:7, function(i) if (i == 3L) stop("three ", i) else i), parts = parts)
    expect_as(function(apply) apply(list(1, "a"), function(x) x + 1), parts = parts)
    expect_as(function(apply) apply(list(1, "a"), sqrt), parts = c("class", "message", "seed"))
  },
  "the failing task with the lowest index is raised" = function(plan) {
    error <- tryCatch(future_lapply(1:8, function(i) {
      if (i == 2L) Sys.sleep(0.02)
      if (i > 1L) stop("task ", i)
    }), error = identity)
    expect_identical(conditionMessage(error), "task 2")
    expect_identical(error$task, 2L)
  },
  "stop() of a condition that is no error ends the call and reaches a handler of its class" = function(plan) {
    halt <- structure(class = c("halt", "condition"), list(message = "bar", call = NULL))
    got <- tryCatch(future_lapply(1:3, function(i) if (i == 2L) stop(halt) else i), halt = identity)
    expect_s3_class(got, "halt")
    expect_identical(conditionMessage(got), "bar")
  },
  "an interrupt that a task signals is no error" = function(plan) {
    FUN <- function(i) signalCondition(structure(class = c("interrupt", "condition"), list()))
    got <- tryCatch(future_lapply(1:3, FUN), interrupt = function(c) "interrupted", error = conditionMessage)
    expect_identical(got, "interrupted")
  },
  "options(warn = 2) makes a task's warning the error that lapply() gives" = function(plan) {
    withr::local_options(warn = 2)
    expect_as(function(apply) apply(1:2, function(i) as.integer(c("1", "x")[i])), parts = c("class", "message"))
  },
  "after an error the next call is as ever" = function(plan) {
    expect_error(future_lapply(1:9, function(i) stop("no")), "no")
    expect_as(function(apply) apply(1:9, function(i) i))
  }
)

relay_claims <- list(
  "output comes in the order of the tasks, and so do conditions" = function(plan) {
    expect_same_log(log_of(future_lapply(1:7, chatty)), log_of(lapply(1:7, chatty)))
  },
  "output and conditions are interleaved as the tasks made them" = function(plan) {
    expect_same_log(log_of(future_lapply(1:7, chatty)), log_of(lapply(1:7, chatty)), "all")
  },
  "what early tasks say comes first when they end last" = function(plan) {
    chatty <- chatty # Helpers of tests are not in the package that workers have.
    FUN <- function(i) { if (i %in% c(1L, 5L)) Sys.sleep(0.02); chatty(i) }
    expect_same_log(log_of(future_lapply(1:8, FUN)), log_of(lapply(1:8, chatty)))
  },
  "before an error, what came before it is relayed, and nothing of later tasks" = function(plan) {
    chatty <- chatty
    FUN <- function(i) { chatty(i); if (i == 3L) stop("three"); i }
    expect_same_log(log_of(future_lapply(1:6, FUN)), log_of(lapply(1:6, FUN)))
  },
  "conditions keep class, call and data" = function(plan) {
    custom <- custom
    FUN <- function(i) { signalCondition(custom("text", data = list(i, letters))); warning("w") }
    keep <- function(f) {
      kept <- list()
      withCallingHandlers(f(1:2, FUN), condition = function(c) {
        if (inherits(c, c("custom", "warning"))) kept[[length(kept) + 1L]] <<- c
        if (inherits(c, "warning")) invokeRestart("muffleWarning")
      })
      kept
    }
    expect_identical(keep(future_lapply), keep(lapply))
  },
  "output is the same byte for byte" = function(plan) {
    FUN <- function(i) {
      cat("no newline")
      cat("", strrep("x", 9000L), "\n\n")
      writeLines(c("caf\u00e9", "\u65e5\u672c", ""), useBytes = TRUE)
      print(data.frame(a = 1:2, b = c("u", "v")))
      write(1:3, stdout())
      cat(sprintf("%d%%\t\\n", i))
      utils::str(list(1, "a"))
    }
    expect_same_log(log_of(future_lapply(1:5, FUN)), log_of(lapply(1:5, FUN)))
  },
  "long lines of output and hundreds of messages arrive" = function(plan) {
    FUN <- function(i) { cat(strrep("abcdefghij", 2e3L), "\n"); for (k in 1:100) message(k); i }
    expect_same_log(log_of(future_lapply(1:4, FUN)), log_of(lapply(1:4, FUN)))
  },
  "future.stdout = FALSE drops output and keeps conditions" = function(plan) {
    say <- function(i) { message("first ", i); warning("careful ", i); message("second ", i) }
    loud <- function(i) { cat("out"); message("first ", i); print(i); warning("careful ", i); message("second ", i) }
    expect_same_log(log_of(future_lapply(1:5, loud, future.stdout = FALSE)), log_of(lapply(1:5, say)))
  },
  "conditions that have no restart are signalled once, also when output is dropped" = function(plan) {
    FUN <- function(i) signalCondition(structure(class = c("custom", "condition"), list(message = i, call = NULL)))
    for (stdout in c(TRUE, FALSE)) {
      log <- log_of(future_lapply(1:3, FUN, future.stdout = stdout))
      expect_identical(log$conditions, sprintf("<custom %d>", 1:3))
      expect_identical(log$all, paste(log$conditions, collapse = ""))
    }
  },
  "future.conditions names classes, and its attribute exclude those that are dropped" = function(plan) {
    only <- function(...) function(i) {
      for (what in c(...)) switch(what, out = cat("out", i, "\n"), m = message("m ", i), w = warning("w ", i))
    }
    check <- function(conditions, ...) {
      expect_same_log(
        log_of(future_lapply(1:4, only("out", "m", "w"), future.conditions = conditions)),
        log_of(lapply(1:4, only(...)))
      )
    }
    check("message", "out", "m")
    check("warning", "out", "w")
    check(character(0), "out")
    check(structure("condition", exclude = "message"), "out", "w")
    check(structure(c("message", "warning"), exclude = "simpleWarning"), "out", "m")
  },
  "future.conditions drops conditions that have no restart" = function(plan) {
    custom <- custom
    FUN <- function(i) signalCondition(custom("c"))
    expect_identical(log_of(future_lapply(1:3, FUN, future.conditions = "message"))$conditions, character())
  },
  "future.conditions = NULL does not intercept: values and errors are as ever" = function(plan) {
    got <- observe(future_lapply(1:3, function(i) { warning("w"); i }, future.conditions = NULL))
    expect_identical(got$value, as.list(1:3))
    got <- observe(future_lapply(1:3, function(i) stop("e", i), future.conditions = NULL))
    expect_identical(got$message, "e1")
  },
  "errors are raised whatever future.conditions says" = function(plan) {
    for (conditions in list(NULL, character(0), "message", structure("condition", exclude = "error"))) {
      got <- observe(future_lapply(1:3, function(i) if (i == 2L) stop("two") else i, future.conditions = conditions))
      expect_identical(got$message, "two")
    }
  },
  "what a task handles itself is not relayed" = function(plan) {
    FUN <- function(i) {
      suppressWarnings({ warning("hidden"); 1 })
      suppressMessages(message("hidden"))
      tryCatch(stop("hidden"), error = function(e) NULL)
      try(stop("hidden"), silent = TRUE)
      withCallingHandlers(
        warning("seen"),
        warning = function(w) { cat("handled\n"); invokeRestart("muffleWarning") }
      )
      utils::capture.output(cat("hidden"))
      i
    }
    expect_same_log(log_of(future_lapply(1:4, FUN)), log_of(lapply(1:4, FUN)))
  },
  "a handler of the caller ends the call, and the next is as ever" = function(plan) {
    got <- tryCatch(
      future_lapply(1:50, function(i) { warning("w", i); i }), warning = function(w) conditionMessage(w)
    )
    expect_identical(got, "w1")
    expect_identical(future_lapply(1:3, identity), as.list(1:3))
  },
  "immediate conditions are relayed, each once" = function(plan) {
    seen <- integer()
    withCallingHandlers(
      future_lapply(1:9, function(i) {
        signalCondition(structure(
          class = c("soon", "immediateCondition", "condition"), list(message = "", call = NULL, i = i)
        ))
        i
      }),
      soon = function(c) seen <<- c(seen, c$i)
    )
    expect_setequal(seen, 1:9)
    expect_length(seen, 9L)
  },
  "messages and warnings have their restarts, and those of the caller repeat nothing" = function(plan) {
    FUN <- function(i) { message("m", i); warning("w", i); i }
    expect_identical(suppressMessages(suppressWarnings(future_lapply(1:2, FUN))), list(1L, 2L))
    told <- log_of(withRestarts(future_lapply(1:2, FUN), other = function() NULL))
    expect_identical(told$conditions, c("<message m1>", "<warning w1>", "<message m2>", "<warning w2>"))
  },
  "sinks and connections are as they were, also after an error" = function(plan) {
    future_lapply(1:2, identity) # Workers that live on have connections of their own.
    before <- list(sink.number(), nrow(showConnections()))
    for (stdout in c(TRUE, FALSE, NA)) {
      future_lapply(1:3, function(i) i, future.stdout = stdout)
      try(future_lapply(1:3, function(i) stop("e"), future.stdout = stdout), silent = TRUE)
    }
    expect_identical(list(sink.number(), nrow(showConnections())), before)
  },
  "random numbers without a seed are warned about once, and only they" = function(plan) {
    FUN <- function(i) if (i == 3L) runif(1) else i
    told <- observe(future_lapply(1:4, function(i) runif(1)), test_seeds()[[1L]])$warnings
    expect_match(told, "^UNRELIABLE VALUE: One of the .future.apply. iterations")
    expect_length(told, 1L)
    for (state in test_seeds()[1:2]) {
      for (seed in list(FALSE, NULL, TRUE)) {
        said <- character()
        observe(withCallingHandlers(
          future_lapply(1:4, FUN, future.seed = seed),
          RngFutureWarning = function(w) said <<- c(said, class(w)[[1L]])
        ), state)
        expect_length(said, if (isFALSE(seed)) 1L else 0L)
      }
    }
    expect_silent(future_lapply(1:4, identity))
  },
  "option future.rng.onMisuse makes that an error, or nothing" = function(plan) {
    withr::local_preserve_seed()
    withr::with_options(list(future.rng.onMisuse = "error"), {
      expect_error(future_lapply(1:3, function(i) runif(1)), class = "RngFutureError")
      expect_error(future_lapply(1:3, identity), NA)
    })
    withr::with_options(list(future.rng.onMisuse = "ignore"), {
      expect_warning(future_lapply(1:3, function(i) runif(1)), NA)
    })
  }
)

draw <- function(i) list(i, rnorm(2), sample(10L, 3L), RNGkind())

stream_claims <- list(
  "future.seed gives future.apply's numbers and moves the state as it does" = function(plan) {
    states <- test_seeds()
    seeds <- list(yes = TRUE, whole = 42L, lecuyer = states$lecuyer, list = rep(list(states$wichmann), 5L))
    for (state in names(states)) {
      for (seed in names(seeds)) {
        expect_as_future(
          function(apply) apply(1:5, draw, future.seed = seeds[[seed]]), states[[state]], key = paste(state, seed)
        )
      }
    }
  },
  "the numbers are the same for every chunking" = function(plan) {
    for (chunking in c(list(list()), test_chunkings(7L))) {
      expect_as_future(
        function(apply) do.call(apply, c(list(1:7, draw, future.seed = 7), chunking)), key = "chunking", parts = "value"
      )
    }
  },
  "an error moves the state as it does in future.apply" = function(plan) {
    FUN <- function(i) if (i == 3L) stop("no") else rnorm(1)
    for (seed in list(TRUE, 42L)) {
      expect_as_future(function(apply) apply(1:5, FUN, future.seed = seed), test_seeds()$lecuyer, c("message", "seed"), paste("error", seed))
    }
  },
  "calls inside calls with seeds give future.apply's numbers" = function(plan) {
    expect_as_future(
      function(apply) apply(1:3, function(i) apply(1:2, function(j) runif(1), future.seed = TRUE), future.seed = 8),
      parts = "value", key = "nested"
    )
  },
  "without a seed the state of the session stays" = function(plan) {
    for (state in c(test_seeds(), list(NULL))) {
      for (seed in list(FALSE, NULL)) {
        expect_identical(observe(future_lapply(1:4, function(i) runif(1), future.seed = seed), state)$seed, state)
      }
    }
  },
  "without a seed no two tasks draw the same numbers" = function(plan) {
    got <- observe(
      future_sapply(1:8, function(i) { Sys.sleep(0.002); runif(1) }, future.seed = NULL), test_seeds()$mersenne
    )
    expect_identical(anyDuplicated(got$value), 0L)
  },
  "set.seed() in a task gives lapply()'s numbers, whatever kinds the session has and R last drew from" = function(plan) {
    FUN <- function(i) { set.seed(i); list(rnorm(2), sample(10L, 2L), RNGkind()) }
    states <- test_seeds()
    for (state in states) {
      expected <- observe(lapply(1:3, FUN), state)$value
      for (last in states[c("mersenne", "wichmann")]) {
        for (seed in list(FALSE, NULL)) {
          # R draws from one state, and another is put in its place by assignment.
          observe(rnorm(1), last)
          got <- observe(future_lapply(1:3, FUN, future.seed = seed), state)
          expect_identical(got$value, expected)
          expect_identical(got$seed, state)
        }
      }
    }
  },
  "a task that sets a seed of its own disturbs nobody" = function(plan) {
    FUN <- function(i) {
      if (i %% 2L) set.seed(i, kind = "Wichmann-Hill")
      runif(1)
    }
    expect_as_future(function(apply) apply(1:8, FUN, future.seed = 1), test_seeds()$mersenne, key = "own seed")
  }
)

session_claims <- list(
  "tasks leave options, directory, environment and search path of the session alone" = function(plan) {
    look <- function() list(options()[c("digits", "warn", "mc.cores")], getwd(), Sys.getenv("RUSTLE_TEST"), search())
    before <- look()
    future_lapply(1:4, function(i) {
      old <- options(digits = 3, warn = 2)
      directory <- setwd(tempdir())
      Sys.setenv(RUSTLE_TEST = "set")
      assign("rustle_leak", 1, envir = globalenv())
      # Workers may live on.
      on.exit({ options(old); setwd(directory); Sys.unsetenv("RUSTLE_TEST") })
      i
    })
    expect_identical(look(), before)
    expect_false(exists("rustle_leak", globalenv()))
  },
  "tasks start with the options, directory and environment of the session" = function(plan) {
    withr::local_options(rustle_option = "here")
    withr::local_dir(tempdir())
    withr::local_envvar(RUSTLE_TEST = "set")
    expect_as(function(apply) apply(1:2, function(i) list(getOption("rustle_option"), getwd(), Sys.getenv("RUSTLE_TEST"))))
  },
  "tasks run in other processes, as many as there are workers at most" = function(plan) {
    for (n in c(1L, 8L)) {
      pids <- unlist(future_lapply(seq_len(n), function(i) Sys.getpid()))
      expect_false(Sys.getpid() %in% pids)
      expect_lte(length(unique(pids)), nbrOfWorkers())
    }
  }
)

fault_claims <- list(
  "a lost worker is an error, never a silent NULL" = function(plan) {
    expect_s3_class(fault_run(plan)$lost, "error")
  },
  "a worker that is lost twice is an error that names its task" = function(plan) {
    error <- fault_run(plan)$lost
    expect_s3_class(error, "rustle_error_worker_lost")
    expect_identical(as.integer(error$tasks), 4L)
  },
  "the tasks of a lost worker run again, with the same numbers" = function(plan) {
    run <- fault_run(plan)
    expect_identical(run$again, run$expected)
  },
  "after a lost worker and a new plan calls are as ever" = function(plan) {
    expect_identical(fault_run(plan)$next_call, lapply(1:4, sqrt))
  },
  "a closed plan leaves no process behind" = function(plan) {
    skip_unless_linux()
    expect_true(fault_run(plan)$none_left)
  }
)
