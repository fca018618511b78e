# README, vignettes and help: that their code runs as printed, and that they lead somewhere.

test_that("the block of README runs as printed, with its output", {
  skip_on_cran()
  skip_without_fork()
  blocks <- r_blocks(source_file("README.md"))
  expect_length(blocks, 1L)
  for (block in blocks) expect_identical(run_block(block), block)
})

test_that("blocks of vignettes that are shown and not run do run", {
  skip_on_cran()
  skip_if_not_installed("future.apply")
  skip_if_not_installed("doParallel")
  skip_without_fork()
  files <- list.files(source_file("vignettes"), "[.]Rmd$", full.names = TRUE)
  for (file in files) {
    for (block in r_blocks(file)) {
      # What needs other machines is code at least, with arguments by their names.
      if (basename(file) == "clusters.Rmd") {
        expect_no_error(parse(text = block))
        next
      }
      ready <- if (any(grepl("library(rustle)", block, fixed = TRUE))) block else c("library(rustle)", block)
      expect_no_error(run_block(ready))
    }
  }
})

test_that("README is short, and its links lead to files", {
  lines <- readLines(source_file("README.md"), encoding = "UTF-8")
  expect_lte(length(unlist(strsplit(lines, "[[:space:]]+"))), 900)
  links <- unlist(regmatches(lines, gregexpr("\\]\\([^)]+\\)", lines)))
  links <- gsub("^\\]\\(|\\)$", "", links)
  links <- links[!grepl("^(https?:|#)", links)]
  expect_gt(length(links), 5L)
  for (link in links) expect_true(file.exists(test_path("..", "..", link)), info = link)
  named <- unlist(regmatches(lines, gregexpr("vignette\\(\"[^\"]+", lines)))
  for (name in sub(".*\"", "", named)) expect_true(file.exists(test_path("..", "..", "vignettes", paste0(name, ".Rmd"))), info = name)
})

test_that("figures of README are those of bench/record", {
  lines <- readLines(source_file("README.md"), encoding = "UTF-8")
  kept <- readLines(source_file("bench", "record", "2026-11-29-R4.2.2-readme.txt"), encoding = "UTF-8")
  begin <- grep("^> job_report\\(\\)$", lines)
  end <- begin + grep("^```$", lines[-seq_len(begin)])[[1L]]
  expect_identical(setdiff(lines[seq(begin + 1L, end - 1L)], kept), character())
  expect_match(lines[[end + 2L]], grep("^Without", kept, value = TRUE), fixed = TRUE)

  times <- utils::read.csv(source_file("bench", "record", "2026-11-23-R4.2.2.csv"), comment.char = "#")
  text <- paste(lines, collapse = " ")
  for (case in c("400 tasks, every second 20 x longer", "50 results of 8 MB")) {
    row <- times[times$case == case & times$peer == "parallel::mclapply", ]
    expect_match(text, sprintf("%.0f ms instead of %.0f", row$call_ms, row$peer_ms), fixed = TRUE)
  }
  own <- times$call_ms[times$case == "10 trivial tasks"]
  expect_match(text, sprintf("about %.0f ms on forked workers", own), fixed = TRUE)
})

test_that("badges of README say what DESCRIPTION and the run of all tests hold", {
  lines <- readLines(source_file("README.md"), encoding = "UTF-8")
  named <- unlist(regmatches(lines, gregexpr("badge-[a-z]+[.]svg", lines)))
  expect_setequal(named, list.files(source_file("man", "figures"), "^badge-"))
  said <- function(name) {
    text <- readLines(source_file("man", "figures", sprintf("badge-%s.svg", name)), encoding = "UTF-8")[[1L]]
    sub(".*aria-label=\"([^\"]+)\".*", "\\1", text)
  }
  of <- read.dcf(source_file("DESCRIPTION"), c("Depends", "License"))[1L, ]
  expect_identical(sub(" to .*", "", said("r")), sub(".*>= ([0-9.]+).*", "R: \\1", of[["Depends"]]))
  expect_identical(said("license"), paste("license:", sub(" [+].*", "", of[["License"]])))
  expect_match(lines, paste0("| ", sub(".*: ", "", sub("tested on", "", said("systems"))), " | developed and tested here"), fixed = TRUE, all = FALSE)
  # The run of all tests fails when fewer pass than this.
  expect_match(said("tests"), "^tests: [0-9]+,000 or more pass$")
  skip_if_not(file.exists(test_path("..", "..", ".ci", "run")), "the run of all tests is not here")
  expect_match(readLines(test_path("..", "..", ".ci", "run")), "badge-tests.svg", fixed = TRUE, all = FALSE)
})

test_that("vignettes name vignettes that exist", {
  files <- list.files(source_file("vignettes"), "[.]Rmd$", full.names = TRUE)
  text <- unlist(lapply(files, readLines, encoding = "UTF-8"))
  named <- unlist(regmatches(text, gregexpr("vignette\\(\"[^\"]+", text)))
  expect_identical(setdiff(sub(".*\"", "", named), sub("[.]Rmd$", "", basename(files))), character())
})

test_that("no line of a vignette is cut at the right edge of its page: long ones are wrapped", {
  files <- list.files(source_file("vignettes"), "[.]Rmd$", full.names = TRUE)
  # Pandoc's own rule for code with colours is the more specific one.
  wraps <- vapply(files, function(file) any(grepl("white-space: pre-wrap !important", readLines(file, encoding = "UTF-8"), fixed = TRUE)), NA)
  expect_identical(basename(files[!wraps]), character())
})

pages_of_help <- function() {
  files <- list.files(source_file("man"), "[.]Rd$", full.names = TRUE)
  pages <- lapply(files, readLines, encoding = "UTF-8")
  names(pages) <- vapply(pages, function(p) sub("^\\\\name\\{(.*)\\}$", "\\1", grep("^\\\\name\\{", p, value = TRUE)[[1L]]), "")
  pages
}

test_that("every help page leads on: it has See also", {
  pages <- pages_of_help()
  without <- names(Filter(function(p) !any(startsWith(p, "\\seealso{")), pages))
  expect_identical(without, character())
})

test_that("no line of usage is cut in the manual", {
  usages <- lapply(pages_of_help(), function(p) {
    start <- which(p == "\\usage{")
    if (length(start)) p[seq(start, length.out = match("}", p[seq(start, length(p))]))]
  })
  expect_identical(names(Filter(function(usage) any(nchar(sub("^.method[{]([^}]*)[}][{][^}]*[}]", "\\1", usage)) > 90), usages)), character())
})

test_that("a help page has the name of the function that it is about", {
  pages <- pages_of_help()
  expect_identical(grep("[.]rustle_", names(pages), value = TRUE), character())
})

test_that("every help page stands in the index of the site, once, and nothing else does", {
  lines <- readLines(source_file("_pkgdown.yml"))
  lines <- lines[seq(match("reference:", lines) + 1L, length(lines))]
  listed <- sub("^  - ", "", grep("^  - ", lines, value = TRUE))
  pages <- names(pages_of_help())
  patterns <- grep("^starts_with", listed, value = TRUE)
  expanded <- unlist(lapply(sub(".*\"(.*)\".*", "\\1", patterns), function(start) pages[startsWith(pages, start)]))
  expect_setequal(c(setdiff(listed, patterns), expanded), pages)
  expect_identical(anyDuplicated(c(setdiff(listed, patterns), expanded)), 0L)
  vignettes <- sub("[.]Rmd$", "", list.files(source_file("vignettes"), "[.]Rmd$"))
  articles <- readLines(source_file("_pkgdown.yml"))
  articles <- articles[seq(match("articles:", articles), match("reference:", articles))]
  expect_setequal(sub("^  - ", "", grep("^  - ", articles, value = TRUE)), vignettes)
})

test_that("the examples of every help page run, and print what their comments say", {
  skip_on_cran()
  skip_without_fork()
  files <- list.files(source_file("man"), "[.]Rd$", full.names = TRUE)
  seen <- run_help_examples(files)
  expect_identical(seen$failed, character())
  expect_gt(length(seen$run), length(files) / 2)
  # Other versions of R print some results in another form.
  if (getRversion() < "4.4.0") expect_identical(seen$differs, character())
})

test_that("examples run without the packages that are only suggested", {
  suggested <- gsub("[ \n]|[(].*?[)]", "", strsplit(read.dcf(source_file("DESCRIPTION"), "Suggests")[[1L]], ",")[[1L]])
  use <- sprintf("(library[(](%1$s)[)]|\\b(%1$s)::)", paste(gsub(".", "[.]", suggested, fixed = TRUE), collapse = "|"))
  for (file in list.files(source_file("man"), "[.]Rd$", full.names = TRUE)) {
    code <- withr::local_tempfile()
    tools::Rd2ex(file, code)
    if (!file.exists(code)) next
    lines <- sub("^##.*|#>.*", "", readLines(code, encoding = "UTF-8"))
    for (expression in parse(text = lines, keep.source = FALSE)) {
      text <- paste(deparse(expression), collapse = "\n")
      if (grepl(use, text)) expect_match(text, "requireNamespace", info = basename(file))
    }
  }
})

test_that("a page whose examples fail is named, and one that needs what is not here is skipped", {
  skip_on_cran()
  page <- function(name, ...) {
    file <- file.path(directory, paste0(name, ".Rd"))
    writeLines(c(sprintf("\\name{%s}", name), sprintf("\\title{%s}", name), "\\examples{", ..., "}"), file)
    file
  }
  directory <- withr::local_tempdir()
  seen <- run_help_examples(c(
    page("good", "x <- future_lapply(1:2, identity)", "unlist(x)", "#> [1] 1 2", "\\dontrun{stop('not run')}"),
    page("wrong", "1 + 1", "#> [1] 3", "2 + 2", "#> [1] 4"),
    page("bad", "stopifnot(!exists('x'))", "stop('no such luck')"),
    page("absent", "library(nosuchpackage)"),
    page("absent2", "nosuchpackage::f()")
  ))
  expect_identical(seen, list(failed = c(bad = "no such luck"), run = c("good", "wrong", "bad"), skipped = c("absent", "absent2"), differs = "wrong ;  #> [1] 3 ; is  #> [1] 2"))
})

# R CMD check wants them in DESCRIPTION; what is there must be there for every check. Others are taken
# by getExportedValue().
test_that("tests name no package by :: that DESCRIPTION does not name", {
  of <- read.dcf(source_file("DESCRIPTION"), c("Depends", "Imports", "Suggests"))
  base <- rownames(utils::installed.packages(priority = "base"))
  known <- c(sub("[[:space:]]*[(].*", "", trimws(unlist(strsplit(of, ",")))), base, "rustle")
  for (file in list.files(test_path(), "[.]R$", full.names = TRUE)) {
    named <- utils::getParseData(parse(file, keep.source = TRUE, encoding = "UTF-8"))
    expect_identical(setdiff(named$text[named$token == "SYMBOL_PACKAGE"], known), character(), info = basename(file))
  }
})
