library(testthat)
library(rustle)

test_check("rustle")
