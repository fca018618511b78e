# The texts that users may read, as lines of util-texts.md. tools/texts writes the file.

# What reads as words: character constants with a letter beside a space.
reads_as_words <- function(x) !is.na(x) & grepl("[[:alpha:]%`.,:;)] +[[:alpha:]%`(]", x)

# The character constants in R code, in order.
constants_in <- function(code) {
  if (is.character(code)) return(code)
  if (is.function(code)) code <- as.call(c(quote(list), as.list(formals(code)), body(code)))
  if (is.pairlist(code)) code <- as.list(code)
  if (!is.call(code) && !is.list(code)) return(character())
  parts <- as.list(code)
  parts <- parts[!vapply(parts, identical, NA, quote(expr = ))]
  as.character(unlist(lapply(parts, constants_in)))
}

# Texts of functions and vectors of the namespace, by name. Functions that are re-exported
# belong to other packages.
texts_of_r <- function(ns = asNamespace("rustle")) {
  names <- sort(ls(ns, all.names = TRUE), method = "radix")
  lines <- lapply(names, function(name) {
    x <- get(name, ns)
    ours <- !is.function(x) ||
      !is.primitive(x) && (identical(topenv(environment(x)), ns) || identical(environment(x), baseenv()))
    if (!ours || startsWith(name, ".__")) return()
    texts <- unique(Filter(reads_as_words, constants_in(x)))
    if (length(texts)) c("", paste("##", name), "", paste("*", encodeString(texts)))
  })
  unlist(lines)
}

# Texts in the Rust sources under `root`, by file, without tests and comments.
texts_of_rust <- function(root) {
  files <- list.files(root, "[.]rs$", recursive = TRUE)
  files <- files[!grepl("(^|/)(target|tests|examples|vendor)/|tests[.]rs$|build[.]rs$", files)]
  lines <- lapply(sort(files, method = "radix"), function(file) {
    code <- readLines(file.path(root, file), encoding = "UTF-8")
    tests <- grep("#[cfg(test)]", code, fixed = TRUE)
    if (length(tests)) code <- code[seq_len(tests[[1L]] - 1L)]
    code <- paste(code[!grepl("^ *//|reason = \"", code)], collapse = "\n")
    found <- regmatches(code, gregexpr('"([^"\\\\]|\\\\[^\'])*"', code, perl = TRUE))[[1L]]
    texts <- gsub("\\\\\n *", "", substring(found, 2L, nchar(found) - 1L))
    texts <- unique(Filter(function(x) reads_as_words(x) && !grepl("\n", x), texts))
    if (length(texts)) c("", paste("##", file), "", paste("*", texts))
  })
  unlist(lines)
}
