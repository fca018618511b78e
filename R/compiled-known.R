# What is known of functions from earlier calls, so that the next one costs less: that they do not
# compile, that they take no time, and their programs.

# The identity of a function's code and of the form of its call; NULL where that is too much.
key_of_call <- function(fun, dots, names) {
  if (typeof(fun) != "closure") return(NULL)
  key <- rs_code_key(fun)
  if (is.null(key) || !length(dots) && is.null(names)) return(key)
  paste(c(key, length(dots), names(dots), names), collapse = " ")
}

# As long as this lives, the key means the same code.
held_by_key <- function(fun) list(formals(fun), body(fun), attributes(fun))

# Notes something by a key.
note_known <- function(record, key, value) {
  if (is.null(key)) return()
  if (length(record) >= 200L) rm(list = names(record), envir = record)
  record[[key]] <- value
}

# Functions that did not compile, by key_of_call(): `verdict`, as not_compiled(). Where that is since they
# call a function that cannot be compiled, `name` and `fun`, that function: it holds while the name means
# that. Else it holds for some more calls (`left` of `span`) with data of the same `kinds` and a variable of the
# same kind at the place (`at`): to leave a function to R is right in any case. Written here only.
verdicts_known <- new.env(parent = emptyenv())

# How often a verdict is taken for granted at first; twice as often each time that it was right.
first_span <- 7L
most_span <- 1000L
next_span <- function(before = NULL) max(first_span, min(most_span, 2L * max(0L, before) + 1L))

keep_verdict <- function(key, fun, data, code, opened) {
  if (is.null(key)) return()
  at <- expression_at(fun, opened$path)
  env <- environment(fun)
  verdict <- not_compiled(opened$why, opened$path)
  if (is.call(at) && is.name(at[[1L]])) {
    name <- as.character(at[[1L]])
    foreign <- !name %in% c(names(machine_homes()), names(code$calls), names(formals(fun)), all.vars(body(fun)))
    if (foreign && !is_hidden(name, env)) {
      note_known(verdicts_known, key, list(
        name = name, fun = get0(name, envir = env, mode = "function"), verdict = verdict, held = held_by_key(fun)
      ))
      return()
    }
  }
  before <- verdicts_known[[key]]$span
  span <- next_span(before)
  note_known(verdicts_known, key, list(
    verdict = verdict, held = held_by_key(fun), kinds = kinds_of_data(data), at = at,
    kind = kind_at(at, env), span = span, left = span
  ))
}

# Of what kind the elements, and further arguments, are.
kinds_of_data <- function(data) {
  vapply(data, function(x) {
    if (is.list(x)) paste(c(oldClass(x), vapply(utils::head(unclass(x), 20L), typeof, "")), collapse = " ") else paste(typeof(x), is.object(x))
  }, "")
}

# Of what kind a variable is; NULL where it is none, or may have to be evaluated first.
kind_at <- function(at, env) {
  if (!is.name(at)) return(NULL)
  name <- as.character(at)
  frame <- rs_locate(name, env)[[1L]]
  if (is.null(frame) || bindingIsActive(at, frame)) return(NULL)
  if (!is.null(rs_waiting(name, frame, FALSE)) || is_function_frame(frame) && !is.null(promise_in_frame(name, frame))) return(NULL)
  value <- frame[[name]]
  list(typeof(value), names(attributes(value)), oldClass(value))
}

# Must be looked at with care what function a name is: as it stands in the frame of a function, or would
# be evaluated?
is_hidden <- function(name, env) {
  if (!is.null(rs_waiting(name, env, TRUE))) return(TRUE)
  if (!is_function_frame(env)) return(FALSE)
  at <- rs_locate(name, env)
  !is.null(at) && is_function_frame(at[[1L]])
}

# Why a function was not compiled before, where that is likely to hold still: it is seen at once. NULL
# where it is not known.
verdict_of <- function(fun, key, data) {
  known <- if (!is.null(key)) verdicts_known[[key]]
  if (is.null(known)) return(NULL)
  if (!is.null(known$name)) return(if (means_still(fun, known)) known$verdict)
  if (known$left == 0L || !identical(known$kinds, kinds_of_data(data)) || !identical(known$kind, kind_at(known$at, environment(fun)))) return(NULL)
  once_more(key, known)
}

# The verdict of a call more, which counts.
once_more <- function(key, known) {
  known$left <- known$left - 1L
  verdicts_known[[key]] <- known
  known$verdict
}

# Does the name of a verdict, in the code of the function, mean what it meant?
means_still <- function(fun, known) {
  if (.Call(wrap__rs_means, fun, known$name, known$fun)) return(TRUE)
  # Nothing is evaluated to see that, and so not all is seen.
  env <- environment(fun)
  !is_hidden(known$name, env) && identical(get0(known$name, envir = env, mode = "function"), known$fun)
}

# The function of a job as not_compiled(), where it is known from earlier calls that it does not compile, or that it
# is not worth it; as look_at_call() and compile_call() would say it, of the most frequent calls: of a function of
# each number of a vector. All that is done for a job of one task takes little longer than these two. NULL where there
# is more to look at.
refused_before <- function(job, plan) {
  if (job$relay$unforced || !is.null(job$compiled)) return(NULL)
  frame <- if (is.null(job$machine)) job$frame else job$machine
  if (is.primitive(frame$FUN)) return(refused_primitive)
  key <- .Call(wrap__rs_call_key, frame)
  if (is.null(key)) return(NULL)
  known <- verdicts_known[[key]]
  if (is.null(known)) {
    why <- if (isTRUE(paces_known[[key]]$plain)) too_small(key, job, plan)
    return(if (is.null(why)) why_quicker(key, job, plan, frame) else why)
  }
  if (!is.null(known$name)) return(if (.Call(wrap__rs_means, frame$FUN, known$name, known$fun)) known$verdict)
  # Refused more than once: of what kind a variable is by now (verdict_of()) is looked at now and then.
  if (known$span == first_span || known$left %% look_after == 0L || length(known$kinds) != 1L) return(NULL)
  if (known$kinds != paste(typeof(frame$X), FALSE)) return(NULL)
  once_more(key, known)
}

# In so many calls.
look_after <- 32L

refused_primitive <- not_compiled(why_no_closure)

# Functions of single numbers whose tasks took no time on threads, by key_of_call(): `seconds` of one
# task. Written here only.
paces_known <- new.env(parent = emptyenv())

# A job that takes less on threads is not worth the time to find out what its function means now.
least_seconds <- 3e-6

# plain: nothing is to be told of it but that.
keep_pace <- function(compiled, frame, seconds) {
  if (is.finite(seconds) && seconds < least_seconds && is.atomic(frame$X)) {
    note_known(paces_known, compiled$key, list(seconds = seconds, plain = !isTRUE(compiled$draws), held = held_by_key(frame$FUN)))
  }
}

# As not_compiled() of a job that is too small; NULL of others. With `pace`, the key under which it is known.
too_small <- function(key, job, plan) {
  known <- if (!is.null(key) && plan$executor$in_session && !isTRUE(machine$eager)) paces_known[[key]]
  if (is.null(known) || job$n * known$seconds >= least_seconds) return(NULL)
  # It has gone the short way (compiled-again.R), and may again when it is compiled as it is now.
  frame <- frame_for_machine(job)
  if (is.atomic(frame$X) && rs_again_knows(frame$FUN, frame$X) && rs_again_wants(frame$FUN, frame$X, TRUE)) return(NULL)
  c(not_compiled("its tasks take less time than it takes to compile it"), list(pace = key))
}

# What such a function computes with may have grown since.
forget_slow <- function(key, seconds) {
  if (seconds > 3e-4 && !is.null(key)) rm(list = intersect(key, names(paces_known)), envir = paces_known)
}

# Programs of functions that may be called again, as compile_closure() returns them, by key_of_call().
# One that runs is not among them. Written here only.
programs_known <- new.env(parent = emptyenv())

# Only where what is kept alive by it is small.
most_kept <- 1000

# Was it kept?
keep_program <- function(key, fun, compiled) {
  lists <- c(list(compiled$from[[1L]]$constants), lapply(compiled$from[[2L]], `[[`, "variables"))
  simple <- !any(vapply(lists, function(values) any(vapply(values, is.list, NA)), NA))
  if (is.null(key) || !simple || sum(vapply(lists, function(values) sum(lengths(values)), 0)) > most_kept) return(FALSE)
  unpack(rs_compiled_rest(compiled$program, list(NULL, compiled$from)))
  compiled$held <- held_by_key(fun)
  # Single numbers are in the program itself, and C code may change them where they are.
  compiled$contents <- contents_of_program(compiled$from)
  note_known(programs_known, key, compiled)
  TRUE
}

# Keeps what compile_closure() has returned for later calls, or ends it.
let_go <- function(compiled, fun, key) {
  if (!is.null(compiled$program) && !keep_program(key, fun, compiled)) close_compiled(compiled)
}

# What a program was compiled of, its constants and variables, without lists: the numbers, the strings, and
# the attributes, which C code may change where they are, too.
contents_of_program <- function(from) {
  values <- c(from[[1L]]$constants, unlist(lapply(from[[2L]], `[[`, "variables"), recursive = FALSE))
  text <- vapply(values, is.character, NA)
  marks <- lapply(values, attributes)
  list(
    unlist(values[!text], use.names = FALSE), unlist(values[text], use.names = FALSE),
    if (any(lengths(marks) > 0L)) serialize(marks, NULL, version = 3L)
  )
}

# Are these as they were when the program was kept? One that was not kept has run just now.
is_unchanged <- function(compiled, from) {
  is.null(compiled$held) || same_bits(contents_of_program(from), compiled$contents)
}

take_program <- function(key) {
  known <- if (!is.null(key)) programs_known[[key]]
  if (!is.null(known)) rm(list = key, envir = programs_known)
  known
}
