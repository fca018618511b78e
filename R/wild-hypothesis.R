# Linear hypotheses about coefficients: list(R, r, labels, terms) with R a q x k matrix, labels the equations
# and terms what is estimated, R %*% coef. `null` is a character vector of equations, or list(R =, r =).

read_hypotheses <- function(null, names, call) {
  out <- if (is.list(null)) hypotheses_of_list(null, names, call) else hypotheses_of_text(null, names, call)
  used <- rowSums(out$R != 0) > 0
  if (!all(used)) {
    stop_argument("null", "hypotheses about coefficients", null, call, was = sprintf("\"%s\"", out$labels[!used][[1L]]))
  }
  if (qr(t(out$R))$rank < nrow(out$R)) {
    stop_argument("null", "restrictions that do not depend on each other", null, call, was = paste(out$labels, collapse = ", "))
  }
  out
}

hypotheses_of_list <- function(null, names, call) {
  must <- sprintf("list(R =, r =), R with a column for each of the %d coefficients", length(names))
  R <- null[["R"]]
  r <- null[["r"]]
  if (is.numeric(R) && is.null(dim(R))) R <- matrix(R, 1L)
  good <- is.matrix(R) && is.numeric(R) && ncol(R) == length(names) && nrow(R) > 0L && all(is.finite(R)) &&
    is.numeric(r) && length(r) == nrow(R) && all(is.finite(r)) && all(names(null) %in% c("R", "r"))
  if (!good) stop_argument("null", must, null, call)
  labels <- vapply(seq_len(nrow(R)), function(i) label_of_row(R[i, ], r[[i]], names), "")
  terms <- vapply(seq_len(nrow(R)), function(i) term_of_row(R[i, ], names), "")
  list(R = unname(R), r = as.double(r), labels = labels, terms = terms)
}

label_of_row <- function(row, r, names) paste(term_of_row(row, names), "=", format(r))

term_of_row <- function(row, names) {
  at <- which(row != 0)
  terms <- ifelse(abs(row[at]) == 1, names[at], paste(format(abs(row[at]), trim = TRUE), "*", names[at]))
  signs <- ifelse(row[at] < 0, " - ", " + ")
  trimws(sub("^ \\+ ", "", paste0(signs, terms, collapse = "")))
}

hypotheses_of_text <- function(null, names, call) {
  good <- is.character(null) && length(null) && !anyNA(null) && all(nzchar(trimws(null)))
  if (!good) stop_argument("null", "equations such as \"x = 0\", or list(R =, r =)", null, call)
  rows <- lapply(null, read_equation, names, call)
  list(
    R = do.call(rbind, lapply(rows, `[[`, "row")), r = vapply(rows, `[[`, 0, "r"), labels = trimws(null),
    terms = vapply(rows, `[[`, "", "term")
  )
}

# Coefficients and right-hand side of one equation. Names of coefficients need not be names
# of R, so each is replaced by a variable before the equation is parsed.
read_equation <- function(text, names, call) {
  wrong <- function(must) stop_argument("null", must, text, call)
  coded <- code_names(text, names)
  sides <- strsplit(coded, "={1,2}")[[1L]]
  equation <- sprintf("an equation such as \"%s = 0\", of %s", names[[length(names)]], told_few(names))
  if (length(sides) > 2L || grepl("[<>]|!=|=\\s*$", coded)) wrong(equation)
  parsed <- tryCatch(lapply(sides, str2lang), error = function(e) NULL)
  if (is.null(parsed)) wrong(equation)
  variables <- sprintf("..b%d..", seq_along(names))
  unknown <- setdiff(unlist(lapply(parsed, all.vars)), variables)
  # A name in a product such as x:z, of which the model has none.
  if (length(unknown) && unknown[[1L]] %in% names) wrong(equation)
  if (length(unknown)) {
    meant <- nearest_name(unknown[[1L]], names)
    abort_rustle(
      sprintf(
        "`null` must be about coefficients of the model, and `%s` is none.%s", unknown[[1L]],
        if (is.null(meant)) sprintf(" They are: %s.", paste(names, collapse = ", ")) else sprintf(" Did you mean `%s`?", meant)
      ),
      class = "rustle_error_argument", argument = "null", value = text, coefficients = names, call = call
    )
  }
  known <- c("+", "-", "*", "/", "^", "(")
  if (length(setdiff(unlist(lapply(parsed, function(e) setdiff(all.names(e), all.vars(e)))), known))) {
    wrong("an equation of sums and multiples of coefficients")
  }
  values_at <- function(b, of = parsed) {
    scope <- list2env(stats::setNames(as.list(b), variables), parent = baseenv())
    vapply(of, function(e) as.double(eval(e, scope)), 0)
  }
  at <- function(b) {
    values <- values_at(b)
    values[[1L]] - if (length(values) > 1L) values[[2L]] else 0
  }
  at_left <- function(b) values_at(b, parsed[1L])
  k <- length(names)
  origin <- at(double(k))
  row <- vapply(seq_len(k), function(j) at(replace(double(k), j, 1)) - origin, 0)
  # A linear function is what its values at these points say; another is not.
  b <- sin(seq_len(k)) + 2
  expected <- origin + sum(row * b)
  linear <- all(is.finite(c(origin, row))) && abs(at(b) - expected) <= 1e-8 * (abs(origin) + sum(abs(row * b)))
  if (!linear) wrong("a linear equation")
  # "0 = x" is about x, not about -x.
  left <- variables %in% all.vars(parsed[[1L]])
  side <- if (any(left)) 1 else -1
  # What stands on the left is what is estimated, unless a constant is with it or a coefficient on the right.
  as_written <- any(left) && at_left(double(k)) == 0 && (length(parsed) < 2L || !any(variables %in% all.vars(parsed[[2L]])))
  term <- if (as_written) trimws(decode_names(sides[[1L]], names)) else term_of_row(side * row, names)
  list(row = side * row, r = -side * origin, term = term)
}

# The first of many names.
told_few <- function(names) paste0(paste(utils::head(names, 8L), collapse = ", "), if (length(names) > 8L) ", ...")

decode_names <- function(text, names) {
  for (j in seq_along(names)) text <- gsub(sprintf("..b%d..", j), names[[j]], text, fixed = TRUE)
  text
}

# `text` with `..b<j>..` in place of the j-th name; longer names first. The interaction x:z is also z:x.
code_names <- function(text, names) {
  turned <- sub("^([^:()]+):([^:()]+)$", "\\2:\\1", names)
  turned[turned %in% names] <- NA
  known <- c(names, turned[!is.na(turned)])
  number <- c(seq_along(names), which(!is.na(turned)))
  for (k in order(-nchar(known))) {
    name <- known[[k]]
    code <- sprintf("..b%d..", number[[k]])
    from <- 1L
    repeat {
      at <- regexpr(name, substring(text, from), fixed = TRUE)
      if (at < 0L) break
      at <- at + from - 1L
      end <- at + nchar(name)
      inside <- "[A-Za-z0-9._:]"
      whole <- !grepl(inside, substr(text, at - 1L, at - 1L)) && !grepl(inside, substr(text, end, end))
      # Backticks around a name belong to it.
      quoted <- substr(text, at - 1L, at - 1L) == "`" && substr(text, end, end) == "`"
      if (whole) {
        text <- paste0(substr(text, 1L, at - 1L - quoted), code, substring(text, end + quoted))
        from <- at + nchar(code)
      } else {
        from <- at + 1L
      }
    }
  }
  text
}
