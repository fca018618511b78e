# What tools/config.R writes for Windows, where this is not tested otherwise.

windows_makevars <- function(arch) {
  template <- readLines(source_file("src", "Makevars.win.in"))
  code <- parse(source_file("tools", "config.R"))
  made <- Filter(function(e) is.call(e) && identical(e[[1L]], as.name("<-")) && identical(e[[2L]], as.name("windows_target")), code)
  values <- eval(made[[1L]][[3L]], baseenv())(arch)
  for (name in names(values)) template <- gsub(paste0("@", name, "@"), values[[name]], template, fixed = TRUE)
  list(values = values, lines = template)
}

test_that("target, linker and the variable that names it belong together", {
  intel <- windows_makevars("x86_64")
  expect_identical(intel$values[["LINKER_VARIABLE"]], "CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER")
  expect_match(intel$lines, "^\texport CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=\"x86_64-w64-mingw32.static.posix-gcc.exe\"", all = FALSE)
  arm <- windows_makevars("aarch64")
  expect_identical(arm$values[["LINKER_VARIABLE"]], "CARGO_TARGET_AARCH64_PC_WINDOWS_GNULLVM_LINKER")
  expect_match(arm$values[["LINKER"]], "^aarch64.*clang")
})

test_that("no variable of make is used that nothing defines", {
  text <- paste(readLines(source_file("src", "Makevars.win.in")), collapse = "\n")
  used <- unique(unlist(regmatches(text, gregexpr("(?<=[^$]\\$\\()[A-Z_]+(?=\\))", text, perl = TRUE))))
  defined <- sub(" =.*", "", grep("^[A-Z_]+ =", strsplit(text, "\n")[[1L]], value = TRUE))
  given <- c("CURDIR", "SHLIB", "OBJECTS", "PATH", "HOME", "USERPROFILE")
  expect_identical(setdiff(used, c(defined, given)), character())
})
