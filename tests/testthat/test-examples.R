# The examples of the help pages of future.apply and parallel, unchanged, with rustle
# attached in their place. They are taken from the installed packages when the tests
# run. The original runs twice: what it prints both times is what ours must print, and
# what it prints once (process ids, times, unseeded numbers) ours prints in its own way.

skip_on_cran()
skip_without_fork()

# Runs the expressions of a file one by one in a fresh process, as at top level: what
# observe() saw of each, and its code.
run_examples <- function(package, file) {
  script <- withr::local_tempfile(fileext = ".R")
  answer <- withr::local_tempfile(fileext = ".rds")
  writeLines(c(
    "options(mc.cores = 2L, cl.cores = 2L, width = 80, digits = 7)",
    sprintf("suppressMessages(library(%s))", package),
    sprintf("attach(list(observe = local({ source(%s, local = TRUE); observe })))", deparse(normalizePath(test_path("helper-observe.R")))),
    "set.seed(1)",
    sprintf("expressions <- parse(%s, keep.source = FALSE)", deparse(file)),
    ".record <- lapply(expressions, function(.e) {",
    "  .seen <- observe({",
    "    .v <- withVisible(eval(.e, globalenv()))",
    "    if (.v$visible) print(.v$value)",
    "  })",
    "  # One expression goes on where the one before it ended.",
    "  if (!is.null(.seen$seed)) assign('.Random.seed', .seen$seed, globalenv())",
    "  c(.seen[c('output', 'warnings', 'message')], code = paste(deparse(.e), collapse = '\\n'))",
    "})",
    sprintf("saveRDS(.record, %s)", deparse(answer))
  ), script)
  result <- run_command(c(file.path(R.home("bin"), "Rscript"), "--vanilla", script), 180)
  if (!file.exists(answer)) {
    stop(sprintf("%s: status %d, time limit: %s\n%s", package, result$status, result$timeout, result$stderr))
  }
  readRDS(answer)
}

# The text of the examples of a help page.
example_file <- function(rd, directory) {
  file <- tempfile("example-", directory, fileext = ".R")
  tools::Rd2ex(rd, file, commentDontrun = TRUE)
  if (!file.exists(file)) return(NULL)
  text <- readLines(file)
  if (length(parse(text = text))) text
}

# What the originals print of their own machinery, and what lapply() gives there: the name
# of the variable in which future.apply keeps an element, which table() takes for a
# dimension's name.
as_lapply <- function(output) sub("^[.]{3}future[.]X_jj$", "", output)

expect_same_examples <- function(package) {
  skip_if_not_installed(package)
  directory <- withr::local_tempdir()
  pages <- tools::Rd_db(package)
  attach_ours <- sprintf("\\b(library|require|requireNamespace)\\((\"?)%s\\b", gsub(".", "[.]", package, fixed = TRUE))
  compared <- 0L
  for (page in names(pages)) {
    text <- example_file(pages[[page]], directory)
    if (is.null(text)) next
    theirs <- file.path(directory, "theirs.R")
    ours <- file.path(directory, "ours.R")
    writeLines(text, theirs)
    writeLines(gsub(attach_ours, "\\1(\\2rustle", text), ours)
    first <- run_examples(package, theirs)
    says_nothing <- !length(unlist(lapply(first, `[`, c("output", "warnings"))))
    second <- if (says_nothing) first else run_examples(package, theirs)
    got <- run_examples("rustle", ours)
    expect_length(got, length(first))
    for (k in seq_along(first)) {
      where <- paste0(page, ": ", got[[k]]$code)
      expect_identical(got[[k]]$message, first[[k]]$message, info = where)
      for (part in c("output", "warnings")) {
        if (!identical(first[[k]][[part]], second[[k]][[part]])) next
        expect_identical(got[[k]][[part]], as_lapply(first[[k]][[part]]), info = where)
        compared <- compared + length(first[[k]][[part]])
      }
    }
  }
  # The originals printed something to compare with.
  expect_gt(compared, 10L)
}

test_that("the examples of future.apply print the same with rustle", {
  expect_same_examples("future.apply")
})

test_that("the examples of parallel print the same with rustle", {
  expect_same_examples("parallel")
})
