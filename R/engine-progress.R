# Progress of a job, drawn by the session while it waits: a bar of cli on a terminal, plain lines
# elsewhere and of tasks that run in the session, or what progressr::handlers(global = TRUE) has registered. Nothing is shown of a
# call that takes less than two seconds. Tasks know nothing of it.
#
# A progress is a list of functions: `update(done, busy, look)` when something has changed or
# time has passed, where `look` is a function whose result is list(task, seconds, memory), a
# number per worker (rs_job_seen()), called only when something is drawn; `clear()` before
# something else is printed; and `close(done)` at the end, NULL where the call did not get there.

wants_progress <- function(plan) {
  isTRUE(if (is.null(plan$settings$progress)) getOption("rustle.progress") else plan$settings$progress)
}

no_progress <- list(
  update = function(done, busy, look = NULL) NULL, clear = function() NULL, close = function(done = NULL) NULL
)

# Seconds that a call takes before it shows progress.
progress_after <- function() getOption("rustle.progress.after", 2)

new_progress <- function(job, workers, plan) {
  if (!wants_progress(plan)) return(no_progress)
  # What a task prints in this session goes to the terminal at once, into the line of a bar.
  terminal <- interactive() && !plan$executor$in_session && !isTRUE(getOption("knitr.in.progress")) &&
    requireNamespace("cli", quietly = TRUE) && cli::is_dynamic_tty()
  safe_progress(
    if (has_progressr()) {
      progress_of_handlers(job$n, workers)
    } else if (terminal) {
      progress_bar(job$n, workers)
    } else {
      progress_lines(job$n, workers)
    }
  )
}

# When Ctrl-C stops cli in the middle of drawing, every later progress bar of the session is
# an error. So interrupts wait until the drawing is done. If there is an error nevertheless,
# the job goes on without a progress bar.
draw <- function(expr) suspendInterrupts(tryCatch({ expr; TRUE }, error = function(e) FALSE))

# What is drawn now, written in this file only: `clear`, a function, or NULL.
on_screen <- new.env(parent = emptyenv())

# For whoever prints in this session while a job runs.
clear_progress <- function() if (!is.null(on_screen$clear) && !is_worker()) on_screen$clear()

# `progress` is evaluated here and not before, because that may draw.
safe_progress <- function(progress) {
  drawing <- FALSE
  good <- draw(progress)
  if (!good) give_up_progress()
  # cli draws by messages, for which a handler may call clear().
  safely <- function(expr) {
    if (!good || drawing) return(invisible())
    drawing <<- TRUE
    on.exit(drawing <<- FALSE)
    good <<- draw(expr)
    if (!good) give_up_progress()
  }
  before <- on_screen$clear
  on_screen$clear <- function() safely(progress$clear())
  list(
    update = function(done, busy, look = NULL) safely(progress$update(done, busy, look)),
    clear = on_screen$clear,
    close = function(done = NULL) {
      on_screen$clear <- before
      safely(progress$close(done))
    }
  )
}

# Ends the bar, so that the next call can have one.
give_up_progress <- function() draw(if (interactive()) cli::cli_progress_cleanup())

# What is known at a moment, as text. begun: when the call did.
progress_text <- function(done, n, busy, workers, begun, look = NULL) {
  spent <- max(seconds_now() - begun, 1e-3)
  rate <- done / spent
  parts <- sprintf("%.0f/%.0f tasks, %s/s", done, n, format(signif(rate, 3), big.mark = ","))
  if (done > 0 && done < n) parts <- c(parts, paste("ETA", duration((n - done) / rate)))
  parts <- c(parts, sprintf("%d/%d workers busy", as.integer(busy), as.integer(workers)))
  seen <- if (is.function(look)) look()
  memory <- sum(seen$memory)
  if (memory > 0) parts <- c(parts, sprintf("%.0f MB", memory / 1e6))
  at_work <- which(seen$task > 0)
  if (length(at_work)) {
    longest <- at_work[[which.max(seen$seconds[at_work])]]
    if (seen$seconds[[longest]] >= 1) {
      parts <- c(parts, sprintf("task %.0f since %s", seen$task[[longest]], duration(seen$seconds[[longest]])))
    }
  }
  paste(parts, collapse = ", ")
}

duration <- function(seconds) {
  if (seconds < 120) return(sprintf("%.0f s", seconds))
  if (seconds < 7200) return(sprintf("%.0f min", seconds / 60))
  sprintf("%.1f h", seconds / 3600)
}

# The line that is left of a progress that was shown.
summary_text <- function(done, last, n, workers, begun) {
  spent <- seconds_now() - begun
  if (is.null(done)) return(sprintf("stopped after %.0f of %.0f tasks, %s", last, n, duration(spent)))
  sprintf(
    "%.0f/%.0f tasks in %s on %d worker%s, %s/s", done, n, duration(spent), as.integer(workers),
    if (workers == 1L) "" else "s", format(signif(done / max(spent, 1e-3), 3), big.mark = ",")
  )
}

# The bar itself, in what room the text leaves in its line: the text says more.
bar_text <- function(share, room) {
  width <- min(30, room)
  if (width < 5) return("")
  full <- round(width * min(1, share))
  paste0(cli::col_green(strrep(if (cli::is_utf8_output()) "\u25a0" else "=", full)), strrep(" ", width - full), " ")
}

# The bar is taken away before anything is printed, and comes back with the next update.
progress_bar <- function(n, workers) {
  begun <- seconds_now()
  text <- ""
  id <- NULL
  drawn <- -Inf
  last <- 0
  shown <- FALSE
  home <- environment()
  clear <- function() {
    if (!is.null(id)) cli::cli_progress_done(id = id)
    id <<- NULL
  }
  list(
    update = function(done, busy, look = NULL) {
      last <<- done
      now <- seconds_now()
      if (now - begun < progress_after() || now - drawn < 0.2) return()
      drawn <<- now
      shown <<- TRUE
      said <- progress_text(done, n, busy, workers, begun, look)
      text <<- paste0(bar_text(done / n, cli::console_width() - nchar(said) - 2), said)
      before <- options(cli.progress_show_after = 0)
      on.exit(options(before))
      if (is.null(id)) {
        id <<- cli::cli_progress_bar(
          total = n, clear = TRUE, .auto_close = FALSE, .envir = home, format = "{text}"
        )
      }
      cli::cli_progress_update(set = min(done, n), id = id, force = TRUE, .envir = home)
    },
    clear = clear,
    close = function(done = NULL) {
      clear()
      if (shown) message(summary_text(done, last, n, workers, begun))
      shown <<- FALSE
    }
  )
}

# A document that is being knitted is not the place for what differs each time: there lines go to
# the console alone.
say_line <- function(text) {
  if (isTRUE(getOption("knitr.in.progress"))) cat(text, "\n", sep = "", file = stderr()) else message(text)
}

progress_lines <- function(n, workers, every = getOption("rustle.progress.seconds", 10)) {
  begun <- seconds_now()
  # The first line comes as early as a bar would.
  due <- begun + progress_after()
  last <- 0
  shown <- FALSE
  list(
    update = function(done, busy, look = NULL) {
      last <<- done
      now <- seconds_now()
      if (now < due) return()
      due <<- now + every
      shown <<- TRUE
      say_line(progress_text(done, n, busy, workers, begun, look))
    },
    clear = function() NULL,
    close = function(done = NULL) {
      if (shown) say_line(summary_text(done, last, n, workers, begun))
      shown <<- FALSE
    }
  )
}

# Has the user registered handlers of progressr for everything that tells progress?
has_progressr <- function() {
  isNamespaceLoaded("progressr") && isTRUE(tryCatch(progressr::handlers(global = NA), error = function(e) FALSE))
}

# The display is that of the handlers. It decides by itself when it shows something.
progress_of_handlers <- function(n, workers) {
  begun <- seconds_now()
  tell <- progressr::progressor(steps = n, on_exit = FALSE, auto_finish = FALSE, envir = environment())
  last <- 0
  drawn <- -Inf
  open <- TRUE
  step <- function(done, text) {
    amount <- done - last
    last <<- done
    tell(text, amount = amount)
  }
  list(
    update = function(done, busy, look = NULL) {
      now <- seconds_now()
      if (now - drawn < 0.2) return()
      drawn <<- now
      step(done, progress_text(done, n, busy, workers, begun, look))
    },
    clear = function() NULL,
    close = function(done = NULL) {
      if (!open) return()
      open <<- FALSE
      if (!is.null(done)) step(done, summary_text(done, last, n, workers, begun))
      tell(type = "finish")
    }
  )
}
