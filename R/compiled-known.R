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

# Functions that call one that cannot be compiled, by key_of_call(): `name` and `fun`, that function;
# `verdict`, as not_compiled(). Written here only.
verdicts_known <- new.env(parent = emptyenv())

keep_verdict <- function(key, fun, code, opened) {
  at <- expression_at(fun, opened$path)
  if (is.null(key) || !is.call(at) || !is.name(at[[1L]])) return()
  name <- as.character(at[[1L]])
  foreign <- !name %in% c(names(machine_homes()), names(code$calls), names(formals(fun)), all.vars(body(fun)))
  env <- environment(fun)
  if (!foreign || is_hidden(name, env)) return()
  note_known(verdicts_known, key, list(
    name = name, fun = get0(name, envir = env, mode = "function"), verdict = not_compiled(opened$why, opened$path),
    held = held_by_key(fun)
  ))
}

# Does the name stand in the frame of a function, where it must be looked at with care?
is_hidden <- function(name, env) {
  if (!is_function_frame(env)) return(FALSE)
  at <- rs_locate(name, env)
  !is.null(at) && is_function_frame(at[[1L]])
}

# Why a function was not compiled before, where the function that it calls is still the same: that is
# seen at once. NULL where it is not known.
verdict_of <- function(fun, key) {
  known <- if (!is.null(key)) verdicts_known[[key]]
  if (is.null(known)) return(NULL)
  env <- environment(fun)
  hidden <- !identical(env, globalenv()) && is_hidden(known$name, env)
  if (!hidden && identical(get0(known$name, envir = env, mode = "function"), known$fun)) known$verdict
}

# Functions of single numbers whose tasks took no time on threads, by key_of_call(): `seconds` of one
# task. Written here only.
paces_known <- new.env(parent = emptyenv())

# A job that takes less on threads is not worth the time to find out what its function means now.
least_seconds <- 3e-6

keep_pace <- function(key, frame, seconds) {
  if (is.finite(seconds) && seconds < least_seconds && is.atomic(frame$X)) {
    note_known(paces_known, key, list(seconds = seconds, held = held_by_key(frame$FUN)))
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

# Only where what is kept alive by it is small. Returns whether it is.
most_kept <- 1000

keep_program <- function(key, fun, compiled) {
  values <- values_of_program(compiled$from)
  if (is.null(key) || any(vapply(values, is.list, NA)) || sum(lengths(values)) > most_kept) return(FALSE)
  unpack(rs_compiled_rest(compiled$program, list(NULL, compiled$from)))
  compiled$held <- held_by_key(fun)
  # Single numbers are in the program itself, and C code may change them where they are.
  compiled$numbers <- unlist(values, use.names = FALSE)
  note_known(programs_known, key, compiled)
  TRUE
}

# The constants and variables that a program was compiled of.
values_of_program <- function(from) {
  c(from[[1L]]$constants, unlist(lapply(from[[2L]], `[[`, "variables"), recursive = FALSE))
}

# Are these as they were when the program was kept? One that was not kept has run just now.
is_unchanged <- function(compiled, from) {
  is.null(compiled$held) || same_bits(unlist(values_of_program(from), use.names = FALSE), compiled$numbers)
}

take_program <- function(key) {
  known <- if (!is.null(key)) programs_known[[key]]
  if (!is.null(known)) rm(list = key, envir = programs_known)
  known
}
