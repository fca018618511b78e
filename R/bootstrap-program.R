# From R expressions to the stack programs of src/rust/crates/bootstrap/src/program.rs,
# which knows the names of the steps: those of R's functions, and `constant`, `input`
# (number `values`, from 1), `neg`, `floor_at` and `store` (the next output).

# `exprs`: a list of expressions in the symbols `inputs`, numbers and the operations
# above; `floor_at(a, b)` is a, or 0 where a < b. One output each.
compile_program <- function(exprs, inputs) {
  steps <- unlist(lapply(exprs, function(e) c(program_steps(e, inputs), list(program_step("store")))), recursive = FALSE)
  list(ops = vapply(steps, `[[`, "", "op"), values = vapply(steps, `[[`, 0, "value"))
}

# The statistic is its inputs.
no_program <- list(ops = character(), values = double())

program_step <- function(op, value = 0) list(op = op, value = as.double(value))

program_steps <- function(e, inputs) {
  if (is.numeric(e) || is.logical(e)) return(list(program_step("constant", e)))
  if (is.symbol(e)) return(list(program_step("input", match(as.character(e), inputs))))
  name <- as.character(e[[1L]])
  arguments <- lapply(as.list(e)[-1L], program_steps, inputs)
  if (name == "(") return(arguments[[1L]])
  if (name == "-" && length(arguments) == 1L) name <- "neg"
  if (name == "+" && length(arguments) == 1L) return(arguments[[1L]])
  c(unlist(arguments, recursive = FALSE), list(program_step(name)))
}

program_functions <- c("(", "+", "-", "*", "/", "^", "sqrt", "exp", "log", "abs")

# A formula in `.w` as columns and a program, or NULL: every `.w` must be inside a
# sum() whose argument is `.w` times something without it. Weights sum to n.
#
# list(z = n x q matrix, exprs, names). `data` is where columns are found.
compile_formula <- function(formula, data) {
  expr <- formula[[length(formula)]]
  n <- NROW(data)
  value <- function(e) value_in_formula(e, formula, data)
  columns <- list()
  # The sum of `.w` times f.
  input <- function(f) {
    column <- rep_len(as.double(value(f)), n)
    columns[[length(columns) + 1L]] <<- column
    # The sum for weights that sum to n, whatever they sum to.
    bquote(.(as.name(paste0("S", length(columns)))) * (.(as.double(n)) / N))
  }
  # An expression of the program: what is not inside of a sum().
  outer <- function(e) {
    if (!has_weights(e)) {
      x <- value(e)
      if (length(x) != 1L) not_linear()
      return(as.double(x))
    }
    if (!is.call(e) || !is.symbol(e[[1L]])) not_linear()
    name <- as.character(e[[1L]])
    plain <- is.null(names(e))
    if (name == "sum" && plain && length(e) == 2L) return(input(weight_factor(e[[2L]])))
    if (name == "mean" && plain && length(e) == 2L) {
      return(call("/", input(weight_factor(e[[2L]])), as.double(n)))
    }
    if (name == "length" && plain && identical(e[[2L]], quote(.w))) return(as.double(n))
    if (!name %in% program_functions || !plain || (name == "log" && length(e) > 2L)) not_linear()
    as.call(c(e[[1L]], lapply(as.list(e)[-1L], outer)))
  }
  parts <- if (is.call(expr) && identical(expr[[1L]], quote(c))) as.list(expr)[-1L] else list(expr)
  tryCatch(
    {
      exprs <- lapply(unname(parts), outer)
      if (!length(columns)) not_linear()
      list(z = do.call(cbind, columns), exprs = exprs, names = names(parts))
    },
    not_linear = function(c) NULL
  )
}

# Signals that the formula has no form that Rust can compute.
not_linear <- function() stop(structure(class = c("not_linear", "condition"), list()))

has_weights <- function(e) ".w" %in% all.names(e)

# e = .w * f: the expression f.
weight_factor <- function(e) {
  times <- function(a, b) if (identical(a, 1)) b else if (identical(b, 1)) a else call("*", a, b)
  if (identical(e, quote(.w))) return(1)
  if (!is.call(e)) not_linear()
  name <- if (is.symbol(e[[1L]])) as.character(e[[1L]]) else ""
  if (name == "(") return(call("(", weight_factor(e[[2L]])))
  if (name %in% c("+", "-") && length(e) == 2L) return(call(name, weight_factor(e[[2L]])))
  if (name %in% c("+", "-")) return(call(name, weight_factor(e[[2L]]), weight_factor(e[[3L]])))
  if (name == "*" && !has_weights(e[[3L]])) return(times(weight_factor(e[[2L]]), e[[3L]]))
  if (name == "*" && !has_weights(e[[2L]])) return(times(e[[2L]], weight_factor(e[[3L]])))
  if (name == "/" && !has_weights(e[[3L]])) return(call("/", weight_factor(e[[2L]]), e[[3L]]))
  not_linear()
}

# The numbers of an expression without weights: one, or one per row.
value_in_formula <- function(e, formula, data) {
  frame <- formula_frame(data)
  x <- tryCatch(eval(e, frame, environment(formula)), error = function(err) {
    check_variables(formula, names(frame), "statistic", NULL)
    stop_statistic(0L, conditionMessage(err), err, NULL)
  })
  n <- NROW(data)
  # Without this check R would recycle other lengths, and use the codes of factors.
  if (!(is.numeric(x) || is.logical(x)) || !length(x) %in% c(1L, n)) {
    stop_argument("statistic", sprintf("a formula of numbers, one or %d of them in `%s`", n, deparse1(e)), x, NULL)
  }
  x
}

# Columns by name; a plain vector is `.x`.
formula_frame <- function(data) {
  if (is.data.frame(data)) return(data)
  if (is.matrix(data) && !is.null(colnames(data))) return(as.data.frame(data))
  list(.x = data)
}

# The data with a row per observation.
as_rows <- function(data) {
  if (is.data.frame(data) || is.matrix(data)) data else matrix(data, ncol = 1L)
}
