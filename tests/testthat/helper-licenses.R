# Which licenses of crates may be compiled into a package under MIT. Used by tools/sbom too.

accepted_licenses <- c(
  "MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib", "Unlicense",
  "0BSD", "Unicode-3.0", "BSL-1.0", "MIT-0", "CC0-1.0"
)

# An SPDX expression of AND, OR and brackets, as its value with accepted licenses TRUE.
is_accepted_license <- function(expression) {
  if (length(expression) != 1L || !nzchar(expression)) return(FALSE)
  words <- gsub("([()])", " \\1 ", gsub("/", " OR ", expression, fixed = TRUE))
  words <- strsplit(trimws(gsub(" +", " ", words)), " (?=OR |AND |[()])|(?<=OR|AND|[()]) ", perl = TRUE)[[1L]]
  words <- trimws(words)
  known <- vapply(words, function(w) switch(w, OR = "||", AND = "&&", `(` = "(", `)` = ")", if (w %in% accepted_licenses) "TRUE" else "FALSE"), "")
  isTRUE(eval(parse(text = paste(known, collapse = " ")), baseenv()))
}
