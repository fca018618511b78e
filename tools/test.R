# Runs one test file on the installed package and writes how many expectations
# passed, failed and were skipped. Called by tools/test: FILE COUNTS.

args <- commandArgs(trailingOnly = TRUE)
name <- sub("^test-(.*)[.]R$", "\\1", basename(args[[1L]]))
cat("\n", name, "\n", sep = "")

# The test that runs is written down: a crash or a hang tells no more than that.
written <- R6::R6Class("WrittenReporter", inherit = testthat::SummaryReporter, public = list(
  start_test = function(context, test) {
    writeLines(test, paste0(args[[2L]], ".test"))
    super$start_test(context, test)
  }
))

out <- testthat::test_file(
  args[[1L]],
  reporter = written$new(show_praise = FALSE),
  package = "rustle",
  load_package = "installed"
)
out <- as.data.frame(out)
failed <- sum(out$failed) + sum(out$error)
writeLines(paste(sum(out$passed), failed, sum(out$skipped)), args[[2L]])
quit("no", status = as.integer(failed > 0))
