# The table of known differences: see helper-differential.R.

# Where ours may differ from the original, and why. Each takes away the difference:
# a function of what both did and of the case, which gives both again; NULL when
# nothing is left to compare.
differences <- list(
  "an error on a worker is raised as it is; parallel counts those of its nodes" = function(ours, oracle, case) {
    counted <- "^([0-9]+ nodes?|one node) produced (an error|errors): |^[0-9]+ nodes produced errors; first error: "
    if (case$family %in% on_cluster && grepl(counted, paste(oracle$message, ""))) {
      oracle$message <- sub(counted, "", oracle$message)
      ours[c("class", "call")] <- oracle[c("class", "call")] <- list(NULL)
    }
    list(ours, oracle)
  },
  "wrong arguments are a rustle_error_argument, whatever the original makes of them" = function(ours, oracle, case) {
    if (!("rustle_error_argument" %in% ours$class && has_failed(oracle))) list(ours, oracle)
  },
  "Box-Muller keeps a normal deviate outside of .Random.seed: what a task draws depends on what ran before it" = function(ours, oracle, case) {
    if (!(case$kind == "random" && "Box-Muller" %in% as.list(case$state))) list(ours, oracle)
  },
  "a value fits the template of future_vapply() as it fits vapply()'s, with its message" = function(ours, oracle, case) {
    if (case$family == "future_vapply" && !same_value(ours, oracle)) {
      oracle <- under_future(observe_case(case, original = function(X, FUN, FUN.VALUE, ..., USE.NAMES = TRUE) {
        values <- future.apply::future_lapply(X, FUN, ...)
        if (is.character(X) && USE.NAMES && is.null(names(values))) names(values) <- X
        FUN <- function(x) x
        X <- values
        vapply(X, FUN, FUN.VALUE, USE.NAMES = USE.NAMES)
      }))
      ours["call"] <- oracle["call"] <- list(NULL)
      # That oracle looks at values when all tasks have run; ours stops at the first.
      text <- function(what) paste(what$output, collapse = "\n")
      if (has_failed(oracle) && startsWith(text(oracle), text(ours))) oracle$output <- ours$output
    }
    list(ours, oracle)
  },
  "future_apply() takes names of globals; that of 1.10 fails" = function(ours, oracle, case) {
    if (!startsWith(paste(oracle$message, ""), "missing value where TRUE/FALSE needed")) list(ours, oracle)
  },
  "the call of a condition of functions like mapply() has FUN and the index by name" = function(ours, oracle, case) {
    kin <- c("future_mapply", "future_Map", "future_.mapply", "mcmapply", "mcMap", "clusterMap")
    if (!case$family %in% kin) return(list(ours, oracle))
    plain <- function(what) {
      what["call"] <- list(NULL)
      if (startsWith(what$message, "unused argument")) what$message <- "unused argument"
      what
    }
    for (who in c("ours", "oracle")) {
      one <- get(who)
      if (has_failed(one)) one <- plain(one)
      one$conditions <- lapply(one$conditions, plain)
      assign(who, one)
    }
    list(ours, oracle)
  },
  "the call of a condition is lapply()'s, not one of the original's own variables" = function(ours, oracle, case) {
    own <- function(call) any(grepl("^[.][.][.]future|^future[.]call", all.names(call)))
    if (own(oracle$call)) ours["call"] <- oracle["call"] <- list(NULL)
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
    spoiled <- case$family %in% on_forks[1:3] && any(vapply(oracle$value, inherits, NA, "try-error"))
    if (spoiled) {
      case$call$mc.preschedule <- FALSE
      oracle <- observe_case(case, "parallel")
    }
    list(ours, oracle)
  },
  "an error of mclapply() has lapply()'s call; its warning that of the user, not of a function within" = function(ours, oracle, case) {
    if (!case$family %in% on_forks) return(list(ours, oracle))
    lapply(list(ours, oracle), function(one) {
      for (k in which(vapply(one$value, inherits, NA, "try-error"))) {
        condition <- attr(one$value[[k]], "condition")
        one$value[[k]] <- list(class(condition), conditionMessage(condition))
      }
      one$conditions <- lapply(one$conditions, function(c) c[c("class", "message")])
      one
    })
  },
  "conditions of mclapply() and its kin: those of tasks reach the caller's handlers; parallel handles them in its workers" = function(ours, oracle, case) {
    forked <- case$family %in% on_forks && case$arguments$mc.cores > 1L &&
      (length(ours$value) > 1L || case$family == "pvec")
    if (!forked) return(list(ours, oracle))
    lapply(list(ours, oracle), function(one) {
      one$conditions <- Filter(function(c) grepl("function calls? resulted in an error$|^some results may be", c$message), one$conditions)
      for (k in seq_along(one$conditions)) {
        one$conditions[[k]]$message <- sub("function calls", "function call", one$conditions[[k]]$message)
      }
      one
    })
  },
  "pvec() raises the error of a piece; in parallel it becomes an element" = function(ours, oracle, case) {
    element <- case$family == "pvec" && has_failed(ours) && any(grepl(ours$message, unlist(oracle$value), fixed = TRUE))
    if (!element) list(ours, oracle)
  },
  "pvec() of an empty vector is FUN() of it on any number of cores" = function(ours, oracle, case) {
    empty <- case$family == "pvec" && length(eval(case$setup$v)) == 0L && has_failed(oracle)
    if (!empty) list(ours, oracle)
  },
  "pvec() takes the name of a function on one core too" = function(ours, oracle, case) {
    named <- case$family == "pvec" && is.character(case$setup$FUN) && case$arguments$mc.cores == 1L
    if (!(named && has_failed(oracle) && !has_failed(ours))) list(ours, oracle)
  },
  "names beyond the shortest vector of clusterMap() are dropped; they stop parallel" = function(ours, oracle, case) {
    short <- case$family == "clusterMap" && identical(case$arguments$RECYCLE, FALSE)
    if (!(short && has_failed(oracle) && !has_failed(ours))) list(ours, oracle)
  },
  "no element is no error, whatever chunk.size" = function(ours, oracle, case) {
    empty <- case$family %in% on_cluster && identical(case$arguments$chunk.size, 0) && has_failed(oracle) &&
      !has_failed(ours) && !length(ours$value)
    if (!empty) list(ours, oracle)
  },
  "parallel's clusters drop output and conditions; ours relay them" = function(ours, oracle, case) {
    if (case$family %in% on_cluster) ours[c("output", "conditions")] <- oracle[c("output", "conditions")] <- list(NULL)
    list(ours, oracle)
  },
  "with L'Ecuyer-CMRG tasks on the plan's workers have streams, and the state moves" = function(ours, oracle, case) {
    if (case$family %in% on_cluster && identical(case$state, lecuyer_state)) ours$seed <- oracle$seed
    list(ours, oracle)
  },
  "a label need not have a place for a number" = function(ours, oracle, case) {
    wanted <- vapply(oracle$conditions, function(c) !startsWith(c$message, "one argument not used by format"), NA)
    oracle$conditions <- oracle$conditions[wanted]
    list(ours, oracle)
  },
  "what is not intercepted goes where the output of workers goes" = function(ours, oracle, case) {
    if (identical(case$plan[[1L]], "sequential")) return(list(ours, oracle))
    if (identical(case$arguments[["future.stdout"]], NA)) ours$output <- oracle$output <- NULL
    left <- "future.conditions" %in% names(case$arguments) && is.null(case$arguments[["future.conditions"]])
    if (left) ours$conditions <- oracle$conditions <- NULL
    list(ours, oracle)
  },
  "nothing of tasks after the one that fails is relayed; future.apply 1.20 may relay chunks that have run, and warns that it cancels" = function(ours, oracle, case) {
    if (has_failed(oracle)) for (part in c("output", "conditions")) {
      told <- seq_along(ours[[part]])
      if (same_value(ours[[part]], oracle[[part]][told])) oracle[[part]] <- oracle[[part]][told]
    }
    list(ours, oracle)
  }
)

# For each of them a case that differs by it alone: a generated one by its number, or
# one that is made for it. `original`: there with such versions of future.apply only.
difference_cases <- list(
  "an error on a worker is raised as it is; parallel counts those of its nodes" = list("clusterMap", 2L),
  "wrong arguments are a rustle_error_argument, whatever the original makes of them" = list("future_eapply", 13L),
  "a value fits the template of future_vapply() as it fits vapply()'s, with its message" = list("future_vapply", 4L),
  "Box-Muller keeps a normal deviate outside of .Random.seed: what a task draws depends on what ran before it" = list("future_replicate", 126L),
  "future_apply() takes names of globals; that of 1.10 fails" = list(
    "future_apply", list(X = quote(matrix(1:6, 2)), FUN = quote(function(x, ...) sum(x))),
    list(quote(X), 1, quote(FUN), future.globals = quote(c("X", "FUN"))), original = function(version) version < "1.11"
  ),
  "the call of a condition of functions like mapply() has FUN and the index by name" = list("future_mapply", 18L),
  "the call of a condition is lapply()'s, not one of the original's own variables" = list("future_lapply", 4L),
  "a call among the arguments of FUN is data, as in lapply(); future.apply evaluates it" = list("future_lapply", 30L),
  "a condition without a restart is signalled once; future's sequential plan lets it pass and relays it" = list("future_lapply", 10L),
  "future_by() of a matrix names its dimension as by() does" = list("future_by", 11L),
  "an error spoils its own task of mclapply(), not all of its worker" = list("mclapply", 39L),
  "an error of mclapply() has lapply()'s call; its warning that of the user, not of a function within" = list("mclapply", 47L),
  "conditions of mclapply() and its kin: those of tasks reach the caller's handlers; parallel handles them in its workers" = list("mclapply", 4L),
  "pvec() raises the error of a piece; in parallel it becomes an element" = list("pvec", 7L),
  "pvec() of an empty vector is FUN() of it on any number of cores" = list("pvec", 17L),
  "pvec() takes the name of a function on one core too" = list(
    "pvec", list(v = quote(1:4), FUN = "sqrt"), list(quote(v), quote(FUN), mc.cores = 1L)
  ),
  "names beyond the shortest vector of clusterMap() are dropped; they stop parallel" = list(
    "clusterMap", list(fun = quote(function(x, y) x)),
    list(quote(cl), quote(fun), quote(c(a = 1, b = 2, c = 3)), quote(1:2), RECYCLE = FALSE)
  ),
  "no element is no error, whatever chunk.size" = list("parSapplyLB", 7L),
  "parallel's clusters drop output and conditions; ours relay them" = list("parLapply", 4L),
  "with L'Ecuyer-CMRG tasks on the plan's workers have streams, and the state moves" = list("parLapply", 5L),
  "a label need not have a place for a number" = list("future_lapply", 75L),
  "what is not intercepted goes where the output of workers goes" = list("future_lapply", 111L),
  "nothing of tasks after the one that fails is relayed; future.apply 1.20 may relay chunks that have run, and warns that it cancels" = list("future_vapply", 23L)
)

# The case of a known difference; NULL if the versions that are installed lack it.
difference_case <- function(name) {
  of <- difference_cases[[name]]
  if (!is.null(of$original) && !of$original(utils::packageVersion("future.apply"))) return(NULL)
  if (is.list(of[[2L]])) case_of(of[[1L]], of[[2L]], of[[3L]]) else new_case(of[[1L]], of[[2L]])
}

# Is the difference `name` the reason why this case is accepted?
is_needed <- function(name, case, ours, oracle) {
  differs <- function(accepted) length(differing_parts(without_differences(case, ours, oracle, accepted))) > 0L
  !differs(differences) && differs(differences[names(differences) != name])
}
