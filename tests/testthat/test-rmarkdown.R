# A document with parallel chunks: what tasks print and signal and the error of a call stand
# where the chunk stands; the progress of a call is for the console.

skip_on_cran()
skip_without_fork()
skip_if_not_installed("rmarkdown")

# Sections of the document: each chunk lies between two lines of text. What must be seen is
# pasted together by the tasks, so that the source does not have it.
sections <- list(
  output = c(
    "x <- future_lapply(1:3, function(i) {",
    "  Sys.sleep((3 - i) / 50)",
    "  cat(paste0('printed-', i), '\\n')",
    "  print(c(value = i * 11))",
    "})"
  ),
  conditions = c(
    "x <- future_lapply(1:2, function(i) {",
    "  message('told-', i)",
    "  cat(paste0('between-', i), '\\n')",
    "  warning('warned-', i)",
    "})"
  ),
  progress = c(
    "options(rustle.progress = TRUE, rustle.progress.seconds = 0.1, rustle.progress.after = 0)",
    "x <- future_lapply(1:4, function(i) { Sys.sleep(0.25); cat(paste0('step-', i), '\\n') })",
    "options(rustle.progress = NULL)"
  ),
  error = c(
    "x <- future_lapply(1:4, function(i) {",
    "  cat(paste0('before-', i), '\\n')",
    "  if (i == 2) stop('failed-', i)",
    "})"
  ),
  after = c("cat(paste0('goes-', 'on'), '\\n')", "future_sapply(1:3, function(i) i * 111)"),
  mclapply = c(
    "x <- mclapply(1:4, function(i) if (i == 3) stop('spoiled-', i) else i, mc.cores = 2)",
    "cat(paste0('kept-', unlist(x[c(1, 2, 4)])), conditionMessage(attr(x[[3]], 'condition')))"
  ),
  foreach = if (requireNamespace("foreach", quietly = TRUE)) c(
    "registerDoRustle()",
    "library(foreach)",
    "x <- foreach(i = 1:3) %dopar% cat(paste0('loop-', i), '\\n')",
    "x <- foreach(i = 1:3) %dopar% if (i > 1) stop('broke-', i)"
  ),
  lost = c(
    "x <- with_plan(multicore, workers = 2, retries = 0, future_lapply(1:3, function(i) {",
    "  if (i == 2) { tools::pskill(Sys.getpid(), 9); Sys.sleep(5) }",
    "}))"
  )
)

# What each section shows, in this order.
shown <- list(
  output = c("printed-1", "11", "printed-2", "22", "printed-3", "33"),
  conditions = c("told-1", "between-1", "warned-1", "told-2", "between-2", "warned-2"),
  progress = c("step-1", "step-4"),
  error = c("before-1", "before-2", "Error", "failed-2"),
  after = c("goes-on", "111 222 333"),
  mclapply = c("1 function call resulted in an error", "kept-1 kept-2 kept-4 spoiled-3"),
  foreach = c("loop-1", "loop-2", "loop-3", "Error", "task 2 failed", "broke-2"),
  lost = c("Error", "while it ran task 2: signal 9")
)
# What none of it shows: progress, and tasks behind the one that failed.
hidden <- list(progress = c("/4 tasks", "workers busy"), error = c("before-3", "before-4", "failed-3"), foreach = c("broke-3"))

write_document <- function(file) {
  body <- unlist(lapply(names(Filter(length, sections)), function(name) c(
    paste0("begin-", name), "", "```{r, error = TRUE}", sections[[name]], "```", "", paste0("end-", name), ""
  )))
  writeLines(c(
    "---", "title: Parallel chunks", "output: md_document", "---", "",
    "```{r, include = FALSE}",
    "library(rustle)",
    "plan(multicore, workers = 2)",
    "knitr::opts_chunk$set(echo = FALSE, comment = '')",
    "```", "", body, "```{r, include = FALSE}", "plan(sequential)", "stopifnot(sink.number() == base_sinks)", "```"
  ), file)
}

# Renders the document in an R process started by `command`, in which `call` makes
# document.md of document.Rmd.
render <- function(command, call) {
  directory <- withr::local_tempdir()
  write_document(file.path(directory, "document.Rmd"))
  script <- file.path(directory, "script.R")
  writeLines(c(
    sprintf("setwd(%s)", deparse(directory)),
    # knitr captures output by a sink of its own.
    "base_sinks <- sink.number() + 1L",
    call,
    "cat('interactive:', interactive(), '\\n')",
    "quit('no')"
  ), script)
  result <- run_command(command(script), 60)
  output <- file.path(directory, "document.md")
  result$text <- if (file.exists(output)) paste(readLines(output), collapse = "\n")
  result
}

expect_document <- function(result, interactive) {
  expect_false(result$timeout)
  expect_false(is.null(result$text), label = paste("no document:", result$stdout, result$stderr))
  if (is.null(result$text)) return()
  expect_match(result$stdout, paste("interactive:", interactive))
  for (name in names(Filter(length, sections))) {
    part <- sub(sprintf("^.*begin-%s\\b(.*)end-%s\\b.*$", name, name), "\\1", result$text)
    at <- 1L
    for (piece in shown[[name]]) {
      found <- regexpr(piece, substring(part, at), fixed = TRUE)
      expect_true(found > 0L, label = sprintf("'%s' in its place in section %s:\n%s\n", piece, name, part))
      if (found < 0L) break
      at <- at + found + nchar(piece) - 1L
    }
    for (piece in hidden[[name]]) expect_no_match(part, piece, fixed = TRUE)
    # Each section says its own and nothing of the others; the terminal nothing of any.
    elsewhere <- sub(part, "", result$text, fixed = TRUE)
    marks <- grep("^[a-z]+-[0-9]$", shown[[name]], value = TRUE)
    for (mark in marks) {
      expect_no_match(elsewhere, mark, fixed = TRUE)
      expect_no_match(result$stdout, mark, fixed = TRUE)
      expect_no_match(result$stderr, mark, fixed = TRUE)
    }
  }
}

r <- file.path(R.home("bin"), "R")
rscript <- function(script) c(file.path(R.home("bin"), "Rscript"), "--vanilla", script)
# An interactive R reads what somebody types; the command `script` gives it a terminal.
typed <- function(script, command) {
  c("sh", "-c", sprintf("echo 'source(\"%s\")' | %s", script, command))
}
interactive_r <- function(script) typed(script, paste(shQuote(r), "--vanilla --quiet --interactive"))
on_terminal <- function(script) {
  typed(script, sprintf("script -qec %s %s", shQuote(paste(shQuote(r), "--vanilla --quiet --interactive")), nullfile()))
}
by_rmarkdown <- "rmarkdown::render('document.Rmd', quiet = TRUE, envir = globalenv())"
by_knitr <- "invisible(knitr::knit('document.Rmd', 'document.md', quiet = TRUE, envir = globalenv()))"

test_that("a document rendered by Rscript has everything in its place", {
  skip_if_not(rmarkdown::pandoc_available(), "no pandoc")
  result <- render(rscript, by_rmarkdown)
  expect_document(result, FALSE)
  expect_match(result$stderr, "[0-4]/4 tasks, .* workers busy")
  expect_match(result$stderr, "4/4 tasks in")
})

test_that("a document knitted by knitr alone has everything in its place", {
  expect_document(render(rscript, by_knitr), FALSE)
})

test_that("a document rendered by an interactive R has everything in its place", {
  skip_if_not(rmarkdown::pandoc_available(), "no pandoc")
  expect_document(render(interactive_r, by_rmarkdown), TRUE)
})

test_that("a document rendered by R on a terminal has everything in its place", {
  skip_if_not(rmarkdown::pandoc_available(), "no pandoc")
  skip_without_terminal()
  expect_document(render(on_terminal, by_rmarkdown), TRUE)
})
