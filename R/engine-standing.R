# What a worker that stands by does for an order (engine-multisession.R).

# The record of the order that this worker carries out, written here only: `code`, which
# Rust evaluates and which lives as long as the job; `main`, the loop; the `terms` that it knows,
# by number; the `desk` that was laid, its `number`, the plan that was `nested` with it, what was
# `noted` of it, and a `glance` at it then; `made`, the number of the last step that was made
# (workers-keep.R); `voice`, what its output is redirected for, and the number of the
# `connection` that takes it; and of the job its `memory` (workers-memory.R), the names of its
# `globals`, and `own_state`: does the random state stay?
standing <- list2env(list(made = 0L), parent = emptyenv())

# What a worker evaluates for an order; see task_loop() for `again`.
perform_order <- function(again) {
  if (!again) take_order(rs_worker_order(0))
  # The order could not be read.
  if (is.null(standing$main)) rs_worker_retire()
  standing$main(again)
}

take_order <- function(order) {
  terms <- known_terms(order$terms)
  if (!is.null(terms$serializers) || length(serializers$own)) {
    set_serializers(unpacked_serializers(terms$serializers))
  }
  standing$code <- list(
    call = terms$call, frame = parcel_frame(order, order$data), main = NULL, check = order$check,
    inherited = order$inherited, seeds = if (terms$spec$streams == "list") order$seed
  )
  spec <- terms$spec
  spec["seed"] <- list(order$seed)
  unpack(rs_worker_enlist(spec, standing$code))
  fresh <- TRUE
  run <- function() {
    withCallingHandlers(interrupt = end_task, {
      if (fresh) {
        fresh <<- FALSE
        prepare_order(order, terms)
      }
      rs_worker_run()
    })
    NULL
  }
  standing$main <- task_loop(terms$relay, run, called_off = break_off)
}

# Terms that were read once are known as long as this worker lives, the last of them.
known_terms <- function(number) {
  name <- as.character(number)
  terms <- standing$terms[[name]]
  if (is.null(terms)) {
    terms <- rs_worker_order(2)
    standing$terms <- c(utils::tail(standing$terms, sent_terms_most - 1L), stats::setNames(list(terms), name))
  }
  terms
}

# An interrupt that the session has sent ends the task in flight, with its on.exit(). One
# that a task signals is a condition like others. NA: it was meant for the task before.
end_task <- function(interrupt) {
  off <- rs_worker_called_off()
  if (isTRUE(off)) signalCondition(structure(class = c("called_off", "condition"), list()))
  if (is.na(off)) tryInvokeRestart("resume")
}

break_off <- function(condition) {
  rs_worker_break_off()
  NULL
}

# In a worker, before its first task.
prepare_order <- function(order, terms) {
  standing$memory <- start_memory(terms$memory)
  standing$own_state <- terms$own_state
  start_log(terms$relay$log)
  lay_order(order, terms)
  if (!terms$own_state) set_random_seed(if (terms$spec$streams == "keep") order$inherited)
  for (package in order$packages) library(package, character.only = TRUE)
  if (order$backend && !foreach::getDoParRegistered()) registerDoRustle()
  if (length(order$globals)) {
    standing$globals <- names(order$globals)
    set_globals(order$globals)
  }
}

# What a worker has as the session has it, what its plan is, what its plan's steps make, and
# where its output goes: laid anew where it has changed.
lay_order <- function(order, terms) {
  nested <- terms$nested
  new_desk <- !identical(order$desk, standing$number)
  new_plan <- !identical(nested, standing$nested)
  new_steps <- order$last_step > standing$made
  # Another connection than ours cannot be told from one that a task has put in its place.
  new_voice <- isFALSE(terms$relay$stdout) || !identical(terms$relay$stdout, standing$voice)
  if (!new_desk && !new_plan && !new_steps && !new_voice) return()
  # Until it is laid this worker cannot be cleared, and would be replaced.
  standing$noted <- standing$number <- standing$nested <- NULL
  end_redirection()
  if (new_desk) {
    setTimeLimit()
    setSessionTimeLimit()
    options(worker_options)
    desk <- rs_worker_order(1)
    # No task runs yet to which a warning would belong: it goes where the session prints.
    withCallingHandlers(lay_desk(desk, standing$desk), warning = function(w) {
      message("Warning in a worker: ", conditionMessage(w))
      invokeRestart("muffleWarning")
    })
    standing$desk <- desk
  }
  # The options of a worker forbid what a nested level may need.
  if (new_plan || (new_desk && length(nested$levels))) enter_standing(nested)
  standing$number <- order$desk
  standing$nested <- nested
  if (new_steps) make_steps(rs_worker_order(3))
  standing$connection <- as.integer(redirect_output(terms$relay))
  standing$voice <- terms$relay$stdout
  note_standing()
}

note_standing <- function() {
  standing$noted <- note_desk()
  standing$glance <- glance_desk()
}

# The plan of calls in a task: the next level of the session's plan, or none.
enter_standing <- function(nested) {
  if (!length(nested$levels) && length(unclass(in_force$stack)) && !is.null(noted_stack())) {
    # The plan before had levels, which were the worker's own.
    put_back_stack(NULL, nested$settings)
    options(worker_options)
  }
  stack <- stack_of_future()
  put_in_force(stack, nested$settings)
  nested$plan <- new_plan(executor("sequential"), 1L, nested$settings, stack)
  set_thread_allotment(nested$threads)
  enter_worker(nested)
}

# After a job: the worker is as it was before, or it is replaced. interrupted: the session has
# sent an interrupt, which may come only now.
clear_order <- function(interrupted) {
  if (interrupted) tryCatch(rs_check_interrupt(), interrupt = function(i) NULL)
  globals <- standing$globals
  standing$code <- standing$main <- standing$globals <- NULL
  if (is.null(standing$noted)) rs_worker_retire()
  if (length(globals)) remove_globals(globals)
  if (standing$own_state) {
    standing$noted <- with_state_now(standing$noted)
    standing$glance <- NULL
  }
  if (!clear_standing() || has_grown(standing$memory)) rs_worker_retire()
}

# Most tasks change nothing: a glance tells.
clear_standing <- function() {
  setTimeLimit()
  setSessionTimeLimit()
  if (!is.null(standing$glance) && identical(glance_desk(), standing$glance)) return(TRUE)
  if (!clear_desk(standing$noted)) return(FALSE)
  # What may stay of a job belongs to the worker from now on.
  note_standing()
  TRUE
}

# Variables that the order itself has set.
remove_globals <- function(names) {
  names <- names[!names %in% names(standing$noted$globals)]
  if (!environmentIsLocked(globalenv())) rm(list = intersect(names, names(globalenv())), envir = globalenv())
}

end_redirection <- function() {
  if (length(standing$connection)) {
    sink()
    close(getConnection(standing$connection))
  }
  standing$connection <- standing$voice <- NULL
}
