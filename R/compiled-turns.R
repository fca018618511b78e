# Small jobs, called again and again: is it quicker to compile a function anew at each call, as its variables
# change or are too much to be kept, or to leave it to R? Both have two turns, and then the quicker one some
# more calls. For plans in this session: for others R would have to start workers.

# Of a job that takes longer as a whole, or whose tasks, with loops in them (compiled-trial.R), take longer on threads,
# this is not asked: R may be slow.
small_job <- list(seconds = 3e-3, tasks = 1e-4)

# R's time must be below this share of the other.
quicker_share <- 0.95

# Where one takes so many times longer than the other, it has no more turns for long.
clear_factor <- 2

# By key_of_call(), for jobs of so many tasks (the power of two above is the place in `sizes`) an environment: `turns` of
# the machine and of R, the seconds of the `quickest` of both, is the machine `slower`, for `left` of `span` calls? `held`: see
# held_by_key(); `slow`: was R's last time one? Written here only.
turns_known <- new.env(parent = emptyenv())

# The one of these for which R runs the job that begins now, or NULL (`now`).
turn_of_r <- new.env(parent = emptyenv())

size_of_job <- function(n) 1L + as.integer(log2(n))

turns_of_call <- function(key, n, sizes = turns_known[[key]]$sizes) {
  size <- size_of_job(n)
  if (size <= length(sizes)) sizes[[size]]
}

turn_refused <- not_compiled("R is tried at it, to see whether it is faster")
r_faster <- not_compiled("R was faster at it, when both were timed")

# As not_compiled() of a job that R runs now, as it is faster, or has its turn; NULL of others. A call counts.
why_quicker <- function(key, job, plan, frame) {
  known <- turns_known[[key]]
  if (is.null(known) || !plan$executor$in_session || isTRUE(machine$eager)) return(NULL)
  one <- turns_of_call(key, job$n, known$sizes)
  if (is.null(one) || one$left == 0L && one$turns[[1L]] < 2L) return(NULL)
  # It may go the short way (compiled-again.R) when it is compiled as it is now.
  X <- frame$X
  if (is.atomic(X) && rs_again_knows(frame$FUN, X) && rs_again_wants(frame$FUN, X, TRUE)) return(NULL)
  if (one$left == 0L) {
    turn_of_r$now <- one
    return(turn_refused)
  }
  one$left <- one$left - 1L
  if (one$left == 0L) forget_turns(one)
  if (!one$slower) return(NULL)
  turn_of_r$now <- one
  r_faster
}

forget_turns <- function(one) {
  one$turns <- c(0L, 0L)
  one$quickest <- c(Inf, Inf)
}

# The machine has run a job, every task of it, in so many `seconds`; and was on its tasks for `tasks`.
# read: as of read_closures().
note_turn_of_machine <- function(key, fun, n, seconds, tasks, read) {
  if (is.null(key) || seconds > small_job$seconds || tasks > small_job$tasks && calls_some(read, loops)) return()
  one <- turns_of_call(key, n)
  if (is.null(one)) {
    one <- list2env(list(span = 0L, left = 0L, slower = FALSE, slow = FALSE), parent = emptyenv())
    forget_turns(one)
    known <- turns_known[[key]]
    if (is.null(known)) known <- list(held = held_by_key(fun), sizes = list())
    known$sizes[[size_of_job(n)]] <- one
    note_known(turns_known, key, known)
  }
  note_turn(one, 1L, seconds)
}

# who: 1 the machine, 2 R.
note_turn <- function(one, who, seconds) {
  if (one$left > 0L) {
    if (who == 1L) return()
    # What the function computes with may have grown; but the processor may have been busy, too.
    slow <- seconds > 1e-3 && seconds > 4 * one$quickest[[2L]]
    if (slow && one$slow) {
      one$left <- 0L
      forget_turns(one)
    }
    one$slow <- slow
    return()
  }
  one$turns[[who]] <- one$turns[[who]] + 1L
  one$quickest[[who]] <- min(one$quickest[[who]], seconds)
  ratio <- one$quickest[[2L]] / one$quickest[[1L]]
  # R may be slow: not twice, where that is clear.
  if (one$turns[[1L]] < 2L || one$turns[[2L]] < 2L && !(one$turns[[2L]] == 1L && ratio > 2 * clear_factor)) return()
  one$slower <- ratio < quicker_share
  clear <- ratio > clear_factor || ratio < 1 / clear_factor
  one$span <- if (clear) most_span else next_span(one$span)
  one$left <- one$span
}
