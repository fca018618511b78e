# Documents of the sources (README, vignettes, help), which are not there when an installed
# package is checked.

source_file <- function(...) {
  file <- test_path("..", "..", ...)
  skip_if_not(file.exists(file), "the sources are not here")
  file
}

# The R blocks of a Markdown file that no vignette runs, as a list of lines.
r_blocks <- function(file) {
  lines <- readLines(file, encoding = "UTF-8")
  starts <- grep("^```r$", lines)
  lapply(starts, function(start) {
    end <- start + grep("^```$", lines[-seq_len(start)])[[1L]]
    lines[seq(start + 1L, length.out = end - start - 1L)]
  })
}

# Runs a block in a fresh session and returns it with what it printed, as comments "#>" after
# the expression that printed it.
run_block <- function(block) {
  code <- withr::local_tempfile(fileext = ".R")
  out <- withr::local_tempfile()
  writeLines(block[!grepl("^#>", block)], code)
  script <- withr::local_tempfile(fileext = ".R")
  writeLines(c(
    "options(width = 80, digits = 7, warn = 1)",
    sprintf(".lines <- readLines(%s)", deparse(code)),
    ".parsed <- parse(text = .lines, keep.source = TRUE)",
    ".refs <- attr(.parsed, 'srcref')",
    ".out <- character(); .at <- 1L",
    "for (.k in seq_along(.parsed)) {",
    "  .end <- .refs[[.k]][[3L]]",
    "  .printed <- capture.output({ .v <- withVisible(suppressPackageStartupMessages(eval(.parsed[[.k]], globalenv()))); if (.v$visible) print(.v$value) })",
    "  .out <- c(.out, .lines[seq_len(.end)[seq_len(.end) >= .at]], if (length(.printed)) paste('#>', .printed))",
    "  .at <- .end + 1L",
    "}",
    "if (.at <= length(.lines)) .out <- c(.out, .lines[.at:length(.lines)])",
    sprintf("writeLines(.out, %s)", deparse(out))
  ), script)
  result <- run_command(c(file.path(R.home("bin"), "Rscript"), "--vanilla", script), 180)
  if (!file.exists(out)) stop(result$stderr)
  readLines(out)
}

# Runs the examples of all help pages in one fresh session, a page after the other, each from an
# empty workspace and no plan, as R CMD check runs them. A list: `failed`, the error of each page
# that has one; `run`, the pages that ran; `skipped`, those that use a package that is not here;
# `differs`, the results that are not those that the page has in comments "#>".
run_help_examples <- function(files) {
  answer <- withr::local_tempfile(fileext = ".rds")
  script <- withr::local_tempfile(fileext = ".R")
  writeLines(c(
    "library(rustle)",
    "options(warn = 1, digits = 7, width = 80, keep.source = TRUE)",
    "grDevices::pdf(NULL)",
    sprintf(".files <- %s", paste(deparse(normalizePath(files)), collapse = "")),
    ".seen <- list(failed = character(), run = character(), skipped = character(), differs = character())",
    ".attached <- search()",
    # The results in comments after each expression, and those that are printed; without empty
    # lines at the end.
    ".lines_of <- function(x) { x <- sub('[[:space:]]+$', '', x); while (length(x) && x[[length(x)]] == '#>') x <- x[-length(x)]; x }",
    ".run <- function(lines, page) {",
    "  parsed <- parse(text = lines, keep.source = TRUE)",
    "  refs <- attr(parsed, 'srcref')",
    "  for (k in seq_along(parsed)) {",
    "    printed <- utils::capture.output({",
    "      v <- withVisible(suppressMessages(eval(parsed[[k]], globalenv())))",
    "      if (v$visible) print(v$value)",
    "    })",
    "    at <- refs[[k]][[3L]] + 1L",
    "    end <- at",
    "    while (end <= length(lines) && startsWith(lines[[end]], '#>')) end <- end + 1L",
    "    said <- lines[seq_len(end - at) + at - 1L]",
    "    is <- if (length(printed)) paste('#>', printed)",
    "    if (length(said) && !identical(.lines_of(said), .lines_of(is))) {",
    "      .seen$differs <<- c(.seen$differs, paste(c(page, '; ', said, '; is ', is), collapse = ' '))",
    "    }",
    "  }",
    "}",
    "for (.file in .files) {",
    "  .page <- sub('[.]Rd$', '', basename(.file))",
    "  .code <- tempfile(fileext = '.R')",
    "  tools::Rd2ex(.file, .code)",
    "  if (!file.exists(.code)) next",
    "  .text <- readLines(.code, encoding = 'UTF-8')",
    "  .all <- paste(.text, collapse = '\n')",
    "  .named <- regmatches(.all, gregexpr('library[(][A-Za-z0-9.]+|[A-Za-z][A-Za-z0-9.]+(?=::)', .all, perl = TRUE))[[1L]]",
    "  .named <- unique(sub('^library[(]', '', .named))",
    "  if (!all(nzchar(vapply(.named, function(p) system.file(package = p), '')))) {",
    "    .seen$skipped <- c(.seen$skipped, .page)",
    "    next",
    "  }",
    "  .error <- tryCatch({ .run(.text, .page); NULL }, error = function(e) conditionMessage(e))",
    "  .seen$run <- c(.seen$run, .page)",
    "  if (!is.null(.error)) .seen$failed[[.page]] <- .error",
    "  plan(sequential)",
    "  rm(list = ls(globalenv()), envir = globalenv())",
    "  for (.extra in setdiff(search(), .attached)) detach(.extra, character.only = TRUE)",
    "}",
    sprintf("saveRDS(.seen, %s)", deparse(answer))
  ), script)
  result <- run_command(c(file.path(R.home("bin"), "Rscript"), "--vanilla", script), 300)
  if (!file.exists(answer)) stop("the session that ran the examples ended: ", result$stderr)
  readRDS(answer)
}
