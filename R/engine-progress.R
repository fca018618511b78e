# Progress of a job, drawn by the waiting parent: a cli bar on a terminal, a
# plain line every ten seconds (option `rustle.progress.seconds`) elsewhere. Tasks know
# nothing of it.

wants_progress <- function(plan) {
  isTRUE(if (is.null(plan$settings$progress)) getOption("rustle.progress") else plan$settings$progress)
}

new_progress <- function(job, workers, plan) {
  if (!wants_progress(plan)) {
    return(list(update = function(done, busy) NULL, close = function(done = NULL) NULL))
  }
  terminal <- interactive() && !isTRUE(getOption("knitr.in.progress")) && cli::is_dynamic_tty()
  safe_progress(if (terminal) progress_bar(job$n, workers) else progress_lines(job$n, workers))
}

# When Ctrl-C stops cli in the middle of drawing, every later progress bar of the session is
# an error. So interrupts wait until the drawing is done. If there is an error nevertheless,
# the job goes on without a progress bar.
draw <- function(expr) suspendInterrupts(tryCatch({ expr; TRUE }, error = function(e) FALSE))

# `progress` is evaluated here and not before, because that may draw.
safe_progress <- function(progress) {
  good <- draw(progress)
  if (!good) give_up_progress()
  safely <- function(expr) {
    if (!good) return(invisible())
    good <<- draw(expr)
    if (!good) give_up_progress()
  }
  list(
    update = function(done, busy) safely(progress$update(done, busy)),
    close = function(done = NULL) safely(progress$close(done))
  )
}

# Ends the bar, so that the next call can have one.
give_up_progress <- function() draw(if (interactive()) cli::cli_progress_cleanup())

progress_bar <- function(n, workers) {
  busy_now <- 0L
  id <- cli::cli_progress_bar(
    total = n, clear = TRUE, .auto_close = FALSE,
    format = paste(
      "{cli::pb_bar} {cli::pb_current}/{cli::pb_total} tasks, {cli::pb_rate}, ETA {cli::pb_eta},",
      "{busy_now}/{workers} workers busy"
    )
  )
  open <- TRUE
  list(
    update = function(done, busy) {
      busy_now <<- busy
      cli::cli_progress_update(set = min(done, n), id = id)
    },
    close = function(done = NULL) {
      if (open) cli::cli_progress_done(id = id)
      open <<- FALSE
    }
  )
}

progress_lines <- function(n, workers, every = getOption("rustle.progress.seconds", 10)) {
  begun <- last <- proc.time()[["elapsed"]]
  shown <- FALSE
  say <- function(done, busy, now) {
    rate <- done / max(now - begun, 1e-3)
    eta <- if (done > 0 && done < n) sprintf(", ETA %.0f s", (n - done) / rate) else ""
    message(sprintf(
      "%.0f/%.0f tasks, %.1f/s%s, %d/%d workers busy", done, n, rate, eta, busy, workers
    ))
  }
  list(
    update = function(done, busy) {
      now <- proc.time()[["elapsed"]]
      if (now - last < every) return()
      last <<- now
      shown <<- TRUE
      say(done, busy, now)
    },
    close = function(done = NULL) {
      if (!is.null(done) && shown) say(done, 0L, proc.time()[["elapsed"]])
    }
  )
}
