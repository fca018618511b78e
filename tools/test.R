# Runs one test file on the installed package and writes how many expectations
# passed, failed and were skipped. Called by tools/test: FILE COUNTS.

args <- commandArgs(trailingOnly = TRUE)
name <- sub("^test-(.*)[.]R$", "\\1", basename(args[[1L]]))
cat("\n", name, "\n", sep = "")

out <- testthat::test_file(
  args[[1L]],
  reporter = testthat::SummaryReporter$new(show_praise = FALSE),
  package = "rustle",
  load_package = "installed"
)
out <- as.data.frame(out)
failed <- sum(out$failed) + sum(out$error)
writeLines(paste(sum(out$passed), failed, sum(out$skipped)), args[[2L]])
quit("no", status = as.integer(failed > 0))
