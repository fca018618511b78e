# util-texts.md lists what users may read, for reviewers. After a change of a text run
# tools/texts, and look at what it has changed in the file.

recorded <- function(from, to = NULL) {
  lines <- readLines(test_path("util-texts.md"), encoding = "UTF-8")
  lines <- lines[seq(match(from, lines) + 1L, if (is.null(to)) length(lines) else match(to, lines) - 1L)]
  lines[nzchar(lines)]
}

expect_recorded <- function(texts, recorded) {
  texts <- texts[nzchar(texts)]
  expect_identical(setdiff(texts, recorded), character(), info = "new: run tools/texts")
  expect_identical(setdiff(recorded, texts), character(), info = "gone: run tools/texts")
  expect_identical(texts, recorded, info = "run tools/texts")
}

test_that("the texts of the R code are those on record", {
  skip_if(nzchar(Sys.getenv("R_COVR")), "covr changes the code")
  expect_recorded(texts_of_r(), recorded("# Texts in R", "# Texts in Rust"))
})

test_that("the texts of the Rust code are those on record", {
  root <- test_path("..", "..", "src", "rust")
  skip_if_not(dir.exists(file.path(root, "crates")), "the Rust sources are not here, so their texts")
  expect_recorded(texts_of_rust(root), recorded("# Texts in Rust"))
})

test_that("constants in nested functions, defaults and lists are found", {
  code <- function(a = "a default", b) {
    f <- function() stop("an inner text")
    list(x = "single", y = c("of a vector", NA), x[, 1L], f)
  }
  expect_identical(Filter(reads_as_words, constants_in(code)), c("a default", "an inner text", "of a vector"))
})
