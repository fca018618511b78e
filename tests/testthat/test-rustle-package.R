# What the package exports, as a whole.

test_that("no exported name masks one of packages that are attached beside it", {
  # `cluster` does what survival's does (test-plan-cluster.R), `collect` hands on to dplyr's
  # (test-plan-slurm-runs.R).
  drop_ins <- list(survival = "cluster", dplyr = "collect")
  for (package in c("ggplot2", "dplyr", "data.table", "survival", "Matrix", "MASS")) {
    if (!requireNamespace(package, quietly = TRUE)) next
    both <- intersect(getNamespaceExports("rustle"), getNamespaceExports(package))
    expect_identical(setdiff(both, drop_ins[[package]]), character(), info = package)
  }
  # Of versions that are not here.
  newer <- c("stat_align", "stat_connect", "stat_manual", "stat_sum", "stat_quantile", "stat_summary", "stat_ecdf")
  expect_identical(intersect(getNamespaceExports("rustle"), newer), character())
})

test_that("no function is defined twice: the later file would win, and nothing would say so", {
  home <- testthat::test_path("..", "..", "R")
  skip_if_not(dir.exists(home), "no sources here")
  names_of <- function(file) {
    assigned <- function(e) if (is.call(e) && identical(e[[1L]], quote(`<-`)) && is.symbol(e[[2L]])) as.character(e[[2L]])
    unlist(lapply(as.list(parse(file, keep.source = FALSE)), assigned))
  }
  names <- unlist(lapply(list.files(home, "[.]R$", full.names = TRUE), names_of))
  expect_gt(length(names), 1000L)
  expect_identical(names[duplicated(names)], character())
})

test_that("functions of future are future's own, and future is loaded by the first that is asked for", {
  code <- paste(
    "library(rustle); before <- isNamespaceLoaded('future'); x <- mt_crossprod(diag(2));",
    "same <- vapply(rustle:::late_imports, function(n) identical(getExportedValue('rustle', n), getExportedValue('future', n)), NA);",
    "cat(before, isNamespaceLoaded('future'), all(same), identical(class(slurm)[1], 'slurm'), length(same))"
  )
  said <- system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", "-e", shQuote(code)), stdout = TRUE)
  expect_identical(said, paste("FALSE TRUE TRUE TRUE", length(late_imports)))
})

test_that("tools/setup installs what R CMD check asks for", {
  needed <- read.dcf(source_file("DESCRIPTION"), c("Imports", "Suggests"))
  needed <- sub(" .*", "", trimws(unlist(strsplit(needed, ","))))
  lines <- readLines(source_file("tools", "setup"))
  begin <- grep("^r_packages=\\($", lines)
  listed <- unlist(strsplit(trimws(lines[begin + seq_len(which(lines[-seq_len(begin)] == ")")[[1L]])]), " +"))
  expect_identical(setdiff(needed, c(listed, rownames(utils::installed.packages(priority = "base")))), character())
})
