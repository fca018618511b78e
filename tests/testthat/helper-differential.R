# Differential tests: a generated call does what the installed original does.
#
# A case is a list of code: `setup` (assignments), `call`, `plan`, `state` (sets
# the random state), and what it is (`family`, `package`, `number`, `kind`).
# expect_no_difference() runs it both ways and prints a script of it when the two
# differ by more than the table `differences` (helper-differential-known.R) says.

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
  case <- case_of(
    family, made$setup, made$arguments, kind, if (is.null(plan)) any_plan() else plan,
    if (is.null(made$state)) any_state() else made$state, number
  )
  # Decided last: the rest of a case is the same whatever its workers are.
  if (is.null(plan) && case$plan[[1L]] == "multicore" && chance(0.2)) case$plan[1:2] <- list("multisession", sample(2:3, 1L))
  if (is.null(plan) && case$plan[[1L]] != "sequential" && chance(0.7)) case$plan$compiled <- "never"
  case
}

case_of <- function(family, setup, arguments, kind = "plain", plan = list("multicore", workers = 2, schedule = "static"),
                    state = quote(RNGkind("Mersenne-Twister", "Inversion", "Rejection")), number = 1L) {
  list(
    family = family, number = number, kind = kind, setup = setup, call = as.call(c(as.name(family), arguments)),
    arguments = arguments, plan = plan, state = state
  )
}

# What the call of a case did with `package`'s function.
observe_case <- function(case, package, original = original_function(case$family, package), cl = NULL) {
  envir <- new.env(parent = globalenv())
  envir$cl <- cl
  assign(case$family, original, envir = envir)
  for (name in names(case$setup)) assign(name, eval(case$setup[[name]], envir), envir = envir)
  withr::local_preserve_seed()
  eval(case$state)
  set.seed(case$number)
  seen <- observe(eval(case$call, envir))
  # How output and conditions are interleaved is not compared.
  seen$conditions <- lapply(seen$conditions, function(c) c[c("class", "message", "call")])
  seen
}

same_value <- function(x, y) {
  identical(x, y, ignore.environment = TRUE, ignore.bytecode = TRUE, ignore.srcref = TRUE)
}

compared_parts <- c("value", "class", "message", "call", "conditions", "output", "seed")

# What both did, without the differences that are accepted; NULL when nothing is left
# to compare.
without_differences <- function(case, ours, oracle, accepted = differences) {
  both <- list(ours, oracle)
  for (difference in accepted) {
    both <- difference(both[[1L]], both[[2L]], case)
    if (is.null(both)) break
  }
  both
}

differing_parts <- function(both) {
  Filter(function(part) !same_value(both[[1L]][[part]], both[[2L]][[part]]), compared_parts)
}

# What differs, by part; an empty list if nothing does.
compare_case <- function(case, ours, oracle) {
  both <- without_differences(case, ours, oracle)
  lapply(stats::setNames(nm = differing_parts(both)), function(part) {
    utils::head(as.character(
      getExportedValue("waldo", "compare")(both[[1L]][[part]], both[[2L]][[part]], x_arg = "ours", y_arg = "original")
    ), 3L)
  })
}

# A script that shows a case: plain R code.
script_of <- function(case) {
  assignments <- Map(function(name, value) call("<-", as.name(name), value), names(case$setup), case$setup)
  on <- if (case$family %in% on_cluster) list(rustle = quote(cl <- NULL), parallel = quote(cl <- parallel::makeCluster(2L)))
  both <- function(package) {
    one <- as.call(list(as.name("::"), as.name(package), as.name(case$family)))
    c(on[package], call("<-", as.name(case$family), one), case$state, call("set.seed", case$number), call("print", call("try", case$call)), quote(.Random.seed[1:3]))
  }
  code <- c(
    unname(assignments), list(as.call(c(quote(rustle::plan), case$plan))), both("rustle"),
    list(quote(rustle::plan("sequential"))), both(original_package(case$family))
  )
  c(sprintf("# case %d of %s", case$number, case$family), unlist(lapply(code, deparse)))
}

expect_no_difference <- function(case, ours = under_plan(case$plan, observe_case(case, "rustle")),
                                 oracle = under_future(observe_case(case, original_package(case$family), cl = cl)), cl = NULL) {
  found <- compare_case(case, ours, oracle)
  expect(!length(found), paste(c(
    sprintf("Ours and the original differ in: %s.", paste(names(found), collapse = ", ")),
    unlist(found), "", script_of(case)
  ), collapse = "\n"))
}
