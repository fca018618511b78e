# Makes src/Makevars (on Windows src/Makevars.win) from its template.
# Called by configure.
#
# NOT_CRAN set: build directory kept, the user's own cargo registry.
# DEBUG set: debug build. RUSTLE_CHECKED set: optimized, with debug assertions.
# RUSTLE_POSIX set: without Linux's own calls, as on other systems (for tests).
# RUSTLE_TARGET set: the build directory, which then stays; builds may share it.

source("tools/msrv.R")

is_set <- function(name) !tolower(Sys.getenv(name)) %in% c("", "false", "0")

windows <- .Platform$OS.type == "windows"
developer <- is_set("NOT_CRAN")
profile <- if (is_set("DEBUG")) "debug" else if (is_set("RUSTLE_CHECKED")) "checked" else "release"
shared <- Sys.getenv("RUSTLE_TARGET")
vendored <- !developer && file.exists("src/rust/vendor.tar.xz")

# The target of Rust and the linker of Rtools that belong to R's compiler there.
windows_target <- function(arch) {
  of <- if (grepl("aarch64", arch)) {
    c(TARGET = "aarch64-pc-windows-gnullvm", LINKER = "aarch64-w64-mingw32.static.posix-clang.exe")
  } else {
    c(TARGET = "x86_64-pc-windows-gnu", LINKER = "x86_64-w64-mingw32.static.posix-gcc.exe")
  }
  c(of, LINKER_VARIABLE = sprintf("CARGO_TARGET_%s_LINKER", toupper(gsub("-", "_", of[["TARGET"]]))))
}

unpack <- paste(
  'rm -rf "$(VENDOR_DIR)" && tar xf rust/vendor.tar.xz &&',
  'mkdir -p "$(CARGO_TMP)" && cp rust/vendor-config.toml "$(CARGO_TMP)/config.toml" &&',
  'export CARGO_HOME="$(CARGO_TMP)" &&'
)
values <- c(
  TARGET_DIR = if (nzchar(shared)) shared else "$(OWN_TARGET)",
  PROFILE_DIR = profile,
  CARGO_FLAGS = paste(c(
    if (profile != "debug") paste("--profile", profile),
    if (is_set("RUSTLE_POSIX")) "--features posix",
    if (vendored) c("--offline", "-j", "2")
  ), collapse = " "),
  VENDOR = if (vendored) unpack else "",
  CLEAN = paste(c(
    '"$(CARGO_TMP)"', '"$(VENDOR_DIR)"',
    if (!developer) '"$(OWN_TARGET)"'
  ), collapse = " "),
  windows_target(R.version$arch)
)

makevars <- if (windows) "src/Makevars.win" else "src/Makevars"
lines <- readLines(paste0(makevars, ".in"))
for (name in names(values)) {
  lines <- gsub(paste0("@", name, "@"), values[[name]], lines, fixed = TRUE)
}
# Recipe lines may have lost their first word: a tab alone leads them. Written in binary mode,
# since make takes no CRLF, which text mode writes on Windows.
out <- file(makevars, "wb")
writeLines(sub("^\t +", "\t", lines), out, sep = "\n")
close(out)
