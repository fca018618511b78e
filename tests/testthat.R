library(testthat)
library(rustle)

# Where R CMD check limits the cores to two, parallel refuses more workers, and so
# do we: most tests compare the two on one to five. tools/test runs them all.
limited <- nzchar(Sys.getenv("_R_CHECK_LIMIT_CORES_"))
few <- "^(engine-simulate|plan|util-checks)$"
test_check("rustle", filter = if (limited) few)
