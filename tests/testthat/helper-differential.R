# Differential tests: a generated call does what the installed original does.
#
# A case is a list of code: `setup` (assignments), `call`, `plan`, `state` (sets
# the random state), and what it is (`family`, `package`, `number`, `kind`).
# expect_no_difference() runs it both ways and prints a script of it when the two
# differ by more than the table `differences` says they may.

# A list of code for each family: data and arguments. `kind`: what FUN does.
families <- list(
  future_lapply = function(kind) lapply_case(kind),
  future_sapply = function(kind) {
    lapply_case(kind, more = c(
      if (chance(0.3)) list(simplify = pick(TRUE, FALSE, "array")), if (chance(0.3)) list(USE.NAMES = pick(TRUE, FALSE))
    ))
  },
  future_vapply = function(kind) {
    out <- lapply_case(kind, more = list(
      FUN.VALUE = pick(1, 1L, NA, "", numeric(2), c(a = 1, b = 2), list(1), 1i, character(0), matrix(1, 2, 2))
    ))
    if (chance(0.3)) out$arguments$USE.NAMES <- pick(TRUE, FALSE)
    # Most functions do not fit most templates.
    if (kind == "plain" && chance(0.8)) {
      fitting <- pick(
        list(function(x, ...) length(x) / 2, 1), list(function(x, ...) length(x), 1L), list(function(x, ...) is.null(x), NA),
        list(function(x, ...) typeof(x), ""), list(function(x, ...) c(a = 1, b = length(x)), numeric(2)),
        list(function(x, ...) length(x), 1), list(function(x, ...) matrix(length(x), 2, 2), matrix(1, 2, 2)),
        list(function(x, ...) list(x), list(1)), list(function(x, ...) as.raw(1), raw(1)),
        list(function(x, ...) if (is.null(x)) 1L else 2, 1), list(function(x, ...) c(p = NA, q = 1), c(u = 0, v = 0))
      )
      out$setup$FUN <- fitting[[2L]]
      out$arguments$FUN.VALUE <- fitting[[3L]]
    }
    out
  },
  future_replicate = function(kind) {
    n <- any_length()
    f <- any_function(kind)
    arguments <- future_arguments(kind, n)
    arguments$future.seed <- if (kind == "random") any_seed(kind, n) else TRUE
    list(
      setup = list(FUN = f, f = quote(match.fun(FUN))),
      arguments = c(list(n, quote(f(2))), if (chance(0.4)) list(simplify = pick(TRUE, FALSE, "array")), arguments), n = n
    )
  },
  future_eapply = function(kind) {
    out <- lapply_case(kind)
    out$setup$X <- pick(list2env(list(a = 1, b = "u", .hidden = 2, c = NULL)), new.env(), list2env(list(x = 1:3, y = -2)))
    out$arguments <- rename(out$arguments, "env")
    flags <- list(all.names = pick(TRUE, FALSE), USE.NAMES = pick(TRUE, FALSE))
    out$arguments <- c(out$arguments, flags[c(chance(0.4), chance(0.3))])
    out
  },
  future_tapply = function(kind) {
    n <- max(2L, any_length())
    list(
      setup = list(
        X = put_n(pick(seq_len(.n), rep_len(c(2.5, NA, 1), .n), rep_len(letters, .n), as.list(seq_len(.n))), n),
        INDEX = put_n(pick(
          rep_len(1:3, .n), factor(rep_len(c("u", "v"), .n), levels = c("v", "w", "u")), rep_len(c("a", NA), .n),
          list(g = rep_len(1:2, .n), h = rep_len(c("p", "p", "q"), .n)), rep(1, .n)
        ), n), FUN = any_function(kind)
      ),
      arguments = c(
        list(quote(X), quote(INDEX), quote(FUN)), if (chance(0.3)) list(simplify = pick(TRUE, FALSE)),
        if (chance(0.2)) list(default = pick(NA, 0, "none")), future_arguments(kind, 0L)
      ), n = n
    )
  },
  future_by = function(kind) {
    f <- any_function(kind)
    list(
      setup = list(
        data = pick(warpbreaks[c(1:3, 28:33), ], warpbreaks[1:9, "breaks"], data.frame(breaks = 1:9, tension = "a"), as.matrix(mtcars[1:9, 1:2])),
        g = pick(rep(1:3, 3), factor(rep(c("u", "v", "u"), 3)), list(rep(1:2, length.out = 9), first = rep(c("a", "b", "b"), 3)), warpbreaks[c(1:3, 28:33), "tension"]),
        FUN = bquote(match.fun(.(f)))
      ),
      arguments = c(
        list(quote(data), quote(g), quote(FUN)), if (chance(0.3)) list(simplify = pick(TRUE, FALSE)), future_arguments(kind, 0L)
      ), n = 3L
    )
  },
  future_apply = function(kind) {
    list(
      setup = list(
        X = pick(
          matrix(1:6, 2), matrix(c(1.5, NA, 3, 4), 2, dimnames = list(c("r", "s"), c("x", "y"))), array(1:24, 2:4),
          array(1:12, c(2, 3, 2), list(a = c("i", "j"), b = NULL, c = c("k", "l"))), matrix(letters[1:4], 2), as.matrix(iris[1:4, 1:2]),
          data.frame(u = 1:3, v = c(2, 5, 1)), matrix(0, 0, 3), matrix(1:3, 1), matrix(list(1, "a", NULL, 2), 2), table(c(1, 1, 2), c("a", "b", "a"))
        ), FUN = any_function(kind)
      ),
      arguments = c(
        list(quote(X), pick(1, 2, 2L, c(1, 2), 1L), quote(FUN)), any_dots(), if (chance(0.3)) list(simplify = pick(TRUE, FALSE)),
        future_arguments(kind, 0L)
      ), n = 3L
    )
  },
  future_mapply = function(kind) mapply_case(kind, list(
    if (chance(0.3)) list(MoreArgs = pick(NULL, list(z = 1), list(z = quote(a), 2))),
    if (chance(0.3)) list(SIMPLIFY = pick(TRUE, FALSE, "array")), if (chance(0.3)) list(USE.NAMES = pick(TRUE, FALSE))
  )),
  future_Map = function(kind) mapply_case(kind, list(), "f"),
  future_.mapply = function(kind) {
    n <- max(1L, any_length())
    arguments <- list(
      FUN = quote(FUN), dots = call("list", any_data(n), y = any_data(n)), MoreArgs = pick(NULL, list(), list(z = 1))
    )
    list(setup = list(FUN = any_function(kind)), arguments = c(arguments, future_arguments(kind, n)), n = n)
  },
  future_Filter = function(kind) {
    out <- lapply_case(kind)
    if (kind == "plain") out$setup$FUN <- pick(is.numeric, function(x, ...) length(x) == 1L, "is.character", function(x, ...) NA)
    out$arguments <- rename(out$arguments, c("x", "f"))
    out
  },
  mclapply = function(kind) {
    out <- lapply_case(kind, future = FALSE, more = c(
      list(mc.cores = sample.int(4L, 1L)), if (chance(0.6)) list(mc.preschedule = pick(TRUE, FALSE)),
      if (chance(0.3)) list(mc.set.seed = pick(TRUE, FALSE)), if (chance(0.2)) list(mc.silent = pick(TRUE, FALSE)),
      if (chance(0.1)) list(mc.cleanup = pick(TRUE, FALSE)), if (chance(0.1)) list(mc.allow.recursive = pick(TRUE, FALSE))
    ))
    out$state <- if (kind == "random") lecuyer_state
    out
  }
)

rename <- function(arguments, first) {
  if (is.null(names(arguments))) names(arguments) <- rep("", length(arguments))
  names(arguments)[seq_along(first)] <- first
  arguments
}

lapply_case <- function(kind, more = list(), future = TRUE) {
  n <- any_length()
  odd <- chance(0.2)
  FUN <- any_function(kind)
  list(
    setup = list(X = if (odd) odd_data() else any_data(n), FUN = FUN),
    arguments = c(
      list(quote(X), quote(FUN)), any_dots(), more, if (future) future_arguments(kind, if (odd) 0L else n)
    ), n = n
  )
}

mapply_case <- function(kind, more, name = "FUN") {
  n <- max(1L, any_length())
  arguments <- c(list(quote(FUN), any_data(n)), if (chance(0.7)) list(any_data(if (chance(0.3)) 1L else n)))
  names(arguments) <- c(name, if (chance(0.3)) c("x", "y")[seq_along(arguments[-1L])] else rep("", length(arguments) - 1L))
  list(setup = list(FUN = any_function(kind)), arguments = c(arguments, unlist(more, FALSE), future_arguments(kind, n)), n = n)
}

original_package <- function(family) if (startsWith(family, "future_")) "future.apply" else "parallel"

original_function <- function(family, package) {
  if (family %in% getNamespaceExports(package)) return(getExportedValue(package, family))
  # future.apply has it since 1.11.
  stopifnot(family == "future_Filter")
  future_lapply <- future.apply::future_lapply
  function(f, x, ...) {
    f <- match.fun(f)
    x[which(as.logical(unlist(future_lapply(x, f, ...))))]
  }
}

# Case `number` of a family, always the same.
new_case <- function(family, number, plan = NULL) {
  withr::local_preserve_seed()
  RNGkind("Mersenne-Twister", "Inversion", "Rejection")
  set.seed(number)
  kind <- any_kind()
  made <- families[[family]](kind)
  list(
    family = family, number = number, kind = kind, setup = made$setup,
    call = as.call(c(as.name(family), made$arguments)), arguments = made$arguments,
    plan = if (is.null(plan)) any_plan() else plan, state = if (is.null(made$state)) any_state() else made$state
  )
}

# What a call did: value or error, conditions, output and the random state.
record <- function(case, package, original = original_function(case$family, package)) {
  envir <- new.env(parent = globalenv())
  assign(case$family, original, envir = envir)
  for (name in names(case$setup)) assign(name, eval(case$setup[[name]], envir), envir = envir)
  withr::local_preserve_seed()
  eval(case$state)
  set.seed(case$number)
  conditions <- list()
  keep <- function(c) conditions[[length(conditions) + 1L]] <<- list(
    class = class(c), message = conditionMessage(c), call = conditionCall(c)
  )
  errors <- tempfile()
  message <- file(errors, "w")
  sink(message, type = "message")
  on.exit({ sink(type = "message"); close(message); unlink(errors) }, add = TRUE)
  output <- utils::capture.output(result <- withCallingHandlers(
    tryCatch(list(value = eval(case$call, envir)), error = function(e) list(error = e)),
    warning = function(w) { keep(w); invokeRestart("muffleWarning") },
    message = function(m) { keep(m); invokeRestart("muffleMessage") },
    custom = keep
  ))
  error <- result$error
  list(
    value = result$value,
    error = if (!is.null(error)) list(class = class(error), message = conditionMessage(error), call = conditionCall(error)),
    conditions = conditions, output = output, state = globalenv()[[".Random.seed"]]
  )
}

# Where ours may differ from the original, and why. Each takes away the difference:
# a function of what both did and of the case, which gives both again; NULL when
# nothing is left to compare.
differences <- list(
  "wrong arguments are a rustle_error_argument, whatever the original makes of them" = function(ours, oracle, case) {
    if (!("rustle_error_argument" %in% ours$error$class && length(oracle$error))) list(ours, oracle)
  },
  "Box-Muller keeps a normal deviate outside of .Random.seed: what a task draws depends on what ran before it" = function(ours, oracle, case) {
    if (!(case$kind == "random" && "Box-Muller" %in% as.list(case$state))) list(ours, oracle)
  },
  "a value fits the template of future_vapply() as it fits vapply()'s, with its message" = function(ours, oracle, case) {
    if (case$family == "future_vapply" && !same_value(ours, oracle)) {
      oracle <- under_future(record(case, original = function(X, FUN, FUN.VALUE, ..., USE.NAMES = TRUE) {
        values <- future.apply::future_lapply(X, FUN, ...)
        if (is.character(X) && USE.NAMES && is.null(names(values))) names(values) <- X
        FUN <- function(x) x
        X <- values
        vapply(X, FUN, FUN.VALUE, USE.NAMES = USE.NAMES)
      }))
      ours$error["call"] <- oracle$error["call"] <- list(NULL)
    }
    list(ours, oracle)
  },
  "future_apply() takes names of globals; that of 1.10 fails" = function(ours, oracle, case) {
    if (!startsWith(paste(oracle$error$message, ""), "missing value where TRUE/FALSE needed")) list(ours, oracle)
  },
  "the call of a condition of future_mapply() and its kin has FUN and the index by name" = function(ours, oracle, case) {
    if (!case$family %in% c("future_mapply", "future_Map", "future_.mapply")) return(list(ours, oracle))
    plain <- function(what) {
      what["call"] <- list(NULL)
      if (startsWith(what$message, "unused argument")) what$message <- "unused argument"
      what
    }
    for (who in c("ours", "oracle")) {
      one <- get(who)
      if (!is.null(one$error)) one$error <- plain(one$error)
      one$conditions <- lapply(one$conditions, plain)
      assign(who, one)
    }
    list(ours, oracle)
  },
  "the call of a condition is lapply()'s, not one of the original's own variables" = function(ours, oracle, case) {
    own <- function(call) any(grepl("^[.][.][.]future|^future[.]call", all.names(call)))
    if (own(oracle$error$call)) ours$error["call"] <- oracle$error["call"] <- list(NULL)
    for (k in seq_along(oracle$conditions)) {
      if (k > length(ours$conditions) || !own(oracle$conditions[[k]]$call)) next
      ours$conditions[[k]]["call"] <- oracle$conditions[[k]]["call"] <- list(NULL)
    }
    list(ours, oracle)
  },
  "a call among the arguments of FUN is data, as in lapply(); future.apply evaluates it" = function(ours, oracle, case) {
    language <- any(vapply(case$arguments, function(a) "quote" %in% all.names(a), NA))
    if (!(language && startsWith(case$family, "future_"))) list(ours, oracle)
  },
  "a condition without a restart is signalled once; future's sequential plan lets it pass and relays it" = function(ours, oracle, case) {
    once <- function(conditions) {
      custom <- vapply(conditions, function(c) "custom" %in% c$class, NA)
      # Where they cannot be stopped, future.conditions has no say.
      c(conditions[!custom], if (!"future.conditions" %in% names(case$arguments)) unique(conditions[custom]))
    }
    ours$conditions <- once(ours$conditions)
    oracle$conditions <- once(oracle$conditions)
    list(ours, oracle)
  },
  "future_by() of a matrix names its dimension as by() does" = function(ours, oracle, case) {
    if (case$family == "future_by" && is.call(case$setup$data) && identical(case$setup$data[[1L]], quote(as.matrix))) {
      if (!is.null(ours$value)) names(dimnames(ours$value)) <- names(dimnames(oracle$value))
    }
    list(ours, oracle)
  },
  "an error spoils its own task of mclapply(), not all of its worker" = function(ours, oracle, case) {
    spoiled <- case$family == "mclapply" && any(vapply(oracle$value, inherits, NA, "try-error"))
    if (spoiled) {
      case$call$mc.preschedule <- FALSE
      oracle <- record(case, "parallel")
    }
    list(ours, oracle)
  },
  "an error of mclapply() has lapply()'s call, its warning none" = function(ours, oracle, case) {
    if (case$family != "mclapply") return(list(ours, oracle))
    lapply(list(ours, oracle), function(one) {
      for (k in which(vapply(one$value, inherits, NA, "try-error"))) {
        condition <- attr(one$value[[k]], "condition")
        one$value[[k]] <- list(class(condition), conditionMessage(condition))
      }
      one$conditions <- lapply(one$conditions, function(c) c[c("class", "message")])
      one
    })
  },
  "conditions of mclapply()'s tasks reach the caller's handlers; parallel handles them in its workers" = function(ours, oracle, case) {
    forked <- case$family == "mclapply" && length(ours$value) > 1L && case$arguments$mc.cores > 1L
    if (forked) {
      own <- function(c) grepl("function calls? resulted in an error$", c$message)
      ours$conditions <- Filter(own, ours$conditions)
      oracle$conditions <- Filter(own, oracle$conditions)
    }
    list(ours, oracle)
  },
  "a label need not have a place for a number" = function(ours, oracle, case) {
    wanted <- vapply(oracle$conditions, function(c) !startsWith(c$message, "one argument not used by format"), NA)
    oracle$conditions <- oracle$conditions[wanted]
    list(ours, oracle)
  },
  "no warning precedes the error of a task" = function(ours, oracle, case) {
    caught <- vapply(oracle$conditions, function(c) grepl("Canceling all iterations", c$message, fixed = TRUE), NA)
    oracle$conditions <- oracle$conditions[!caught]
    list(ours, oracle)
  },
  "what is not intercepted goes where the output of workers goes" = function(ours, oracle, case) {
    if (identical(case$plan[[1L]], "sequential")) return(list(ours, oracle))
    if (identical(case$arguments[["future.stdout"]], NA)) ours$output <- oracle$output <- NULL
    left <- "future.conditions" %in% names(case$arguments) && is.null(case$arguments[["future.conditions"]])
    if (left) ours$conditions <- oracle$conditions <- NULL
    list(ours, oracle)
  },
  "an error carries the number of its task" = function(ours, oracle, case) {
    ours$value <- without_task(ours$value)
    list(ours, oracle)
  }
)

without_task <- function(x) {
  if (is.list(x) && !is.object(x)) {
    for (k in which(vapply(x, inherits, NA, "try-error"))) attr(x[[k]], "condition")$task <- NULL
  }
  x
}

same_value <- function(x, y) {
  identical(x, y, ignore.environment = TRUE, ignore.bytecode = TRUE, ignore.srcref = TRUE)
}

# What differs, by part; an empty list if nothing does.
compare_case <- function(case, ours, oracle) {
  for (difference in differences) {
    both <- difference(ours, oracle, case)
    if (is.null(both)) return(list())
    ours <- both[[1L]]
    oracle <- both[[2L]]
  }
  parts <- Filter(function(part) !same_value(ours[[part]], oracle[[part]]), names(oracle))
  lapply(stats::setNames(nm = parts), function(part) {
    utils::head(as.character(waldo::compare(ours[[part]], oracle[[part]], x_arg = "ours", y_arg = "original")), 3L)
  })
}

# A script that shows a case: plain R code.
script_of <- function(case) {
  assignments <- Map(function(name, value) call("<-", as.name(name), value), names(case$setup), case$setup)
  both <- function(package) {
    one <- as.call(list(as.name("::"), as.name(package), as.name(case$family)))
    list(call("<-", as.name(case$family), one), case$state, call("set.seed", case$number), call("print", call("try", case$call)), quote(.Random.seed[1:3]))
  }
  code <- c(
    unname(assignments), list(as.call(c(quote(rustle::plan), case$plan))), both("rustle"),
    list(quote(rustle::plan("sequential"))), both(original_package(case$family))
  )
  c(sprintf("# case %d of %s", case$number, case$family), unlist(lapply(code, deparse)))
}

expect_no_difference <- function(case, ours = under_plan(case$plan, record(case, "rustle")),
                                 oracle = under_future(record(case, original_package(case$family)))) {
  found <- compare_case(case, ours, oracle)
  expect(!length(found), paste(c(
    sprintf("Ours and the original differ in: %s.", paste(names(found), collapse = ", ")),
    unlist(found), "", script_of(case)
  ), collapse = "\n"))
}
