# Writes inst/AUTHORS and LICENSE.note from the output of `cargo metadata`.
# Called by tools/vendor with the path of that output.

meta <- jsonlite::read_json(commandArgs(trailingOnly = TRUE)[[1L]])
crates <- Filter(function(crate) !is.null(crate$source), meta$packages)
key <- vapply(crates, function(crate) paste(crate$name, crate$version), "")
crates <- crates[order(key, method = "radix")]

or <- function(x, otherwise) if (length(x) == 0L) otherwise else x
authors <- function(crate) {
  who <- unlist(crate$authors)
  or(paste(sub(" *<.*>$", "", who), collapse = ", ")[length(who) > 0L], "authors not stated")
}

writeLines(
  c(
    "The authors of the Rust crates that this package is compiled with, as their",
    "manifests state them.",
    "",
    vapply(crates, function(crate) {
      sprintf(
        "%s %s: %s (%s)", crate$name, crate$version, authors(crate),
        or(crate$repository, "no repository stated")
      )
    }, "")
  ),
  "inst/AUTHORS"
)

writeLines(
  c(
    "The package contains the source code of these Rust crates, in",
    "src/rust/vendor.tar.xz. Each is under the license that it states.",
    "",
    unlist(lapply(crates, function(crate) {
      c(
        strrep("-", 60),
        "",
        paste("Name:       ", crate$name),
        paste("Version:    ", crate$version),
        paste("Repository: ", or(crate$repository, "not stated")),
        paste("Authors:    ", authors(crate)),
        paste("License:    ", or(crate$license, "see the crate's license file")),
        ""
      )
    }))
  ),
  "LICENSE.note"
)
