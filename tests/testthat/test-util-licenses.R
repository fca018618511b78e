# The licenses of the crates that the package is compiled with.

test_that("expressions of licenses are read", {
  for (good in c("MIT", "MIT OR Apache-2.0", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "(MIT OR Apache-2.0) AND Unicode-3.0", "Apache-2.0 WITH LLVM-exception OR MIT")) {
    expect_true(is_accepted_license(good), info = good)
  }
  for (bad in c("GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Apache-2.0) AND GPL-2.0", "see the crate's license file", "")) {
    expect_false(is_accepted_license(bad), info = bad)
  }
})

test_that("every crate of Cargo.lock is in LICENSE.note and inst/AUTHORS, under a license that is accepted", {
  note <- readLines(source_file("LICENSE.note"), encoding = "UTF-8")
  field <- function(name) sub("^[^:]*: +", "", grep(paste0("^", name, ":"), note, value = TRUE))
  listed <- paste(field("Name"), field("Version"))
  licenses <- field("License")
  expect_identical(listed[!vapply(licenses, is_accepted_license, NA)], character())
  lock <- readLines(source_file("src", "rust", "Cargo.lock"))
  entries <- split(lock, cumsum(lock == "[[package]]"))[-1L]
  value <- function(entry, name) sub("^[^\"]*\"(.*)\"$", "\\1", grep(paste0("^", name, " = "), entry, value = TRUE))
  others <- Filter(function(entry) any(startsWith(entry, "source = ")), entries)
  locked <- vapply(others, function(entry) paste(value(entry, "name"), value(entry, "version")), "")
  expect_setequal(listed, unname(locked))
  authors <- readLines(source_file("inst", "AUTHORS"), encoding = "UTF-8")
  expect_setequal(sub(":.*", "", authors[-(1:3)]), unname(locked))
})
