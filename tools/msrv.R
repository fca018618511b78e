# Are cargo and a rustc that is new enough there? Called by configure.
# The version asked for is the one that DESCRIPTION states.

tool_version <- function(tool) {
  out <- tryCatch(
    suppressWarnings(system2(tool, "--version", stdout = TRUE, stderr = TRUE)),
    error = function(e) character()
  )
  pattern <- sprintf("^%s ([0-9]+[.][0-9]+[.][0-9]+).*", tool)
  out <- grep(pattern, out, value = TRUE)
  if (length(out) == 0L) NULL else package_version(sub(pattern, "\\1", out[[1L]]))
}

stop_toolchain <- function(problem) {
  message(
    "\n", problem, "\n",
    "rustle is compiled by Rust's compiler (rustc) and package manager (cargo).\n",
    "To install the newest of both: https://rustup.rs\n",
    "  - Linux, macOS: curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh\n",
    "  - Windows: run rustup-init, then `rustup target add x86_64-pc-windows-gnu` (on Arm: aarch64-pc-windows-gnullvm)\n",
    "Where rustup is there already: rustup update stable\n"
  )
  quit("no", status = 1L)
}

home <- Sys.getenv(if (.Platform$OS.type == "windows") "USERPROFILE" else "HOME")
Sys.setenv(PATH = paste(
  Sys.getenv("PATH"), file.path(home, ".cargo", "bin"),
  sep = .Platform$path.sep
))

needs <- read.dcf("DESCRIPTION", fields = "SystemRequirements")[[1L]]
wanted <- package_version(sub(".*rustc >= ([0-9.]+).*", "\\1", needs))

cargo <- tool_version("cargo")
rustc <- tool_version("rustc")
if (is.null(cargo) || is.null(rustc)) {
  absent <- c("cargo", "rustc")[c(is.null(cargo), is.null(rustc))]
  stop_toolchain(sprintf("Not found: %s.", paste(absent, collapse = " and ")))
}
if (rustc < wanted) {
  stop_toolchain(sprintf("rustc is %s, but %s or newer is needed.", rustc, wanted))
}
message("Using cargo ", cargo, " and rustc ", rustc)
