# From a closure to a program of the machine in src/rust/crates/compiled: what its names mean
# where it was written. Nothing that R has not evaluated yet is evaluated here, unless it can
# neither fail nor draw nor change anything.
#
# (bootstrap-compile.R compiles something else: statistics of columns.)

# Functions that the machine knows, by the package whose own they must be.
machine_functions <- list(
  base = c(
    "{", "(", "<-", "=", "if", "for", "while", "repeat", "break", "next", "return", "invisible",
    "+", "-", "*", "/", "^", "%%", "%/%", "<", "<=", ">", ">=", "==", "!=", "&&", "||", "&", "|", "!",
    "[", "[[", "[<-", "[[<-", ":", "c", "list", "length", "seq_len", "seq_along", "numeric", "double",
    "integer", "logical", "vector", "rep", "rep_len", "rep.int", "ifelse", "is.na", "anyNA",
    "as.numeric", "as.double", "as.integer", "abs", "sqrt", "exp", "expm1", "log", "log1p", "log2",
    "log10", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "floor", "ceiling",
    "trunc", "round", "sum", "prod", "min", "max", "any", "all", "pmin", "pmax", "mean", "which",
    "which.min", "which.max", "cumsum", "cumprod", "cummax", "cummin", "rev", "diff", "sort", "order", "seq",
    "range", "tabulate", "signif", "sample",
    "sample.int", "stop", "warning", "message", "print", "cat", "matrix", "nrow", "ncol", "dim", "t", "drop", "diag", "diag<-",
    "crossprod", "tcrossprod", "%*%", "solve", "rowSums", "rowMeans", "colSums", "colMeans", "as.matrix", "as.vector",
    "outer", "cbind", "rbind", "match", "%in%", "findInterval", "tryCatch", "try", "suppressWarnings", "suppressMessages",
    "unlist", "lapply", "mapply", "Reduce", "$", "force", "identity", "missing", "sapply", "vapply", "replicate", "apply", "names<-", "unname", "names",
    "data.frame", "$<-", "switch", "stopifnot", "is.null", "is.numeric", "is.logical", "is.character", "is.double", "is.integer",
    "is.list", "is.matrix", "is.data.frame", "isTRUE", "isFALSE", "xor", "identical",
    "do.call", "NROW", "NCOL", "%o%", "with", "unique", "duplicated", "rank", "colnames", "rownames", "colnames<-", "rownames<-", "gamma", "lgamma", "beta", "lbeta", "choose", "factorial", "lfactorial"
  ),
  stats = c(
    "runif", "rnorm", "rexp", "rlnorm", "rlogis", "rcauchy", "rweibull", "rgamma", "rchisq", "rt", "rf", "rbeta",
    "rpois", "rgeom", "rnbinom", "rbinom", "var", "sd", "cor", "cov", "median", "quantile",
    "setNames", "dnorm", "pnorm", "qnorm", "dunif", "punif", "dexp", "pexp", "dgamma", "dbeta", "dt", "pt", "dchisq", "pchisq",
    "dbinom", "dpois", "dlogis", "plogis", "qlogis", "dlnorm", "plnorm"
  )
)

# What the compiler knows as the form of code, not as functions that somebody may have masked.
machine_syntax <- c(
  "{", "(", "<-", "=", "if", "for", "while", "repeat", "break", "next", "return", "[", "[[", "[<-", "[[<-", "function"
)

# Of these R calls the method for the class that numbers have without attributes but a shape.
machine_generics <- c(
  "unique", "duplicated", "mean", "median", "quantile", "sort", "rev", "diff", "seq", "range", "t", "solve", "as.matrix", "aperm"
)

# Generic functions that R's own ones call, which find the methods of the session, too.
hidden_generics <- list(
  median = c("sort", "mean"), quantile = c("sort", "unique"), sapply = "unique", replicate = "unique",
  mapply = "unique", apply = "aperm", outer = "t"
)

# The generic functions that calls of these would call.
generics_called <- function(functions) {
  intersect(machine_generics, c(functions, unlist(hidden_generics[intersect(functions, names(hidden_generics))], use.names = FALSE)))
}

# Functions that neither draw, nor fail, nor change anything: a promise of them may be forced.
harmless_functions <- c("{", "(", "+", "-", "*", "/", "^", ":", "c", "length", "seq_len", "numeric", "rep")

# The record of what is asked once: R's own functions (`homes`), the `methods` of generic ones and of `sets` of these,
# `stand_ins` (compiled-standins.R), why its BLAS is of no use (`blas`, compiled-workers.R). Tests set `eager`, `bail` and
# `never_quick`.
machine <- new.env(parent = emptyenv())

machine_homes <- function() {
  if (is.null(machine$homes)) {
    of <- function(package) {
      space <- if (package == "base") baseenv() else asNamespace(package)
      mget(machine_functions[[package]], envir = space, mode = "function")
    }
    machine$homes <- c(of("base"), of("stats"))
  }
  machine$homes
}

# Is somebody watching a function, by debug(), debugonce() or trace()? Where R marks that is seen once
# (watched.rs in src/rust/src/compiled), before any function is compiled.
is_watched <- function(fun) {
  if (is.null(machine$watched)) {
    marked <- lapply(1:4, function(k) function() NULL)
    debug(marked[[2L]])
    .primTrace(marked[[3L]])
    debugonce(marked[[4L]])
    rs_watched_open(marked)
    machine$watched <- TRUE
  }
  # The marks of debug() alone are told by R, too, wherever they are.
  isdebugged(fun) || rs_is_watched(fun)
}

# A closure that is not compiled: why, and the path to the expression in its body.
not_compiled <- function(why, path = NULL) list(program = NULL, why = why, path = path)

why_no_closure <- "it is a primitive function, which R runs as fast as can be"

# Compiles `fun` for calls FUN(X[[i]], ...), where `dots` is a list of the further arguments.
# A list: `program` (an external pointer), `types`, `draws` and `solves`; or as not_compiled().
# before: NULL, or what was compiled of the same call for other elements, which is used again where
# nothing that it is made of has changed. several: X is a list of vectors of one length, and calls are
# FUN(X[[1]][[i]], X[[2]][[i]], ...), by the names of X.
compile_closure <- function(fun, X, dots = list(), before = NULL, several = FALSE, key = key_of_call(fun, dots, if (several) names(X))) {
  if (typeof(fun) != "closure") return(not_compiled(why_no_closure))
  if (is.object(fun)) return(not_compiled("the function has a class"))
  if (is_watched(fun)) return(not_compiled("it is being debugged or traced"))
  columns <- if (several) X else list(X)
  for (column in columns) {
    why <- unfit_elements(column)
    if (!is.null(why)) return(not_compiled(why))
  }
  matched <- match_task(fun, dots, columns)
  if (is.character(matched)) return(not_compiled(matched))
  read <- read_closures(fun, c(matched$item, names(matched$constants)))
  from <- list(matched, read, options()[c("digits", "OutDec")])
  if (is.null(before)) before <- take_program(key)
  same <- !is.null(before$program) && same_bits(from, before$from) && is_unchanged(before, from)
  if (same && unpack(rs_compiled_again(before$program, list(columns, before$from)))) {
    release_variables(read)
    return(before)
  }
  code <- read[[1L]]
  opened <- unpack(rs_compiled_open(list(
    body = code$body, item = matched$item, items = columns, frames = frames_are_plain(matched, read, columns, fun), constants = matched$constants, defaults = code$formals,
    variables = code$variables, reasons = code$reasons, functions = code$functions, calls = code$calls, same = code$same,
    closures = read[-1L], data = list(columns, from)
  )))
  if (is.null(opened$program)) {
    release_variables(read)
    keep_verdict(key, fun, c(columns, dots), code, opened)
    return(not_compiled(opened$why, opened$path))
  }
  opened$solves <- calls_some(read, "solve")
  opened$products <- opened$solves || calls_some(read, blas_functions)
  opened$from <- from
  opened
}

# Why the machine cannot take the elements of X; NULL when it can. In a list single ones may
# be of another kind: R runs these.
unfit_elements <- function(X) {
  if (is.object(X)) return("the data have a class")
  if (is.list(X)) {
    if (is_plain(X[[1L]])) return(NULL)
    if (!is_list_of_data(X[[1L]])) return("the elements of the data are not plain vectors or matrices of numbers")
    return(if (!all(names(attributes(X)) %in% "names")) "the data are a list with other attributes than names")
  }
  if (!typeof(X) %in% c("double", "integer", "logical")) "the elements of the data are not numbers"
}

# Numbers or logical values, without attributes other than the shape of a matrix, and names.
is_plain <- function(x) {
  if (!typeof(x) %in% c("double", "integer", "logical") || !is.double(x) && anyNA(x)) return(FALSE)
  is.null(attributes(x)) || !is.object(x) && all(names(attributes(x)) %in% if (is.matrix(x)) c("dim", "dimnames") else "names")
}

# Strings that the compiler may know.
is_text <- function(x) {
  is.character(x) && is.null(attributes(x)) && length(x) > 0L && length(x) <= 64L && !anyNA(x) &&
    !any(grepl("[^\001-\177]", x, perl = TRUE, useBytes = TRUE))
}

# A list, or a data frame, of which a function may read elements.
is_list_of_data <- function(x) is.list(x) && (!is.object(x) || identical(class(x), "data.frame"))

# May data frames be read as lists? Not where somebody has methods for them. FALSE, too, where there are no
# lists at all.
frames_are_plain <- function(matched, read, columns, fun) {
  any_list <- FALSE
  for (x in columns) any_list <- any_list || is.list(x) && is.list(x[[1L]])
  for (x in matched$constants) any_list <- any_list || is.list(x)
  # No list of all variables: it would be a trace at them (variables_of_closure()).
  for (one in read) any_list <- any_list || any(vapply(one$variables, is.list, NA))
  any_list && frames_untouched(environment(fun))
}

# Does nobody have methods of data frames that are not R's own?
frames_untouched <- function(env) {
  own <- unname(mget(frame_methods, envir = baseenv(), ifnotfound = list(NULL)))
  tables <- list(env, .BaseNamespaceEnv[[".__S3MethodsTable__."]])
  all(vapply(tables, function(table) {
    found <- mget(frame_methods, envir = table, mode = "function", ifnotfound = list(NULL), inherits = TRUE)
    all(rs_compiled_same(unname(found), own))
  }, NA))
}

frame_methods <- c(
  paste0(c("$", "length", "names", "[[", "[", "dim", "$<-", "[[<-", "[<-", "as.matrix", "dimnames", "row.names", "as.list", "with", "names<-"), ".data.frame"),
  paste0("as.data.frame.", c("double", "integer", "numeric", "logical", "character", "vector"))
)

# Which arguments of `fun` the parts of FUN(X[[i]], ...) are: list(item = names of those that vary, one
# for each of `columns`, constants = list by name), or why that cannot be told.
match_task <- function(fun, dots, columns = list(NULL)) {
  for (k in seq_along(dots)) {
    if (identical(dots[[k]], quote(expr = ))) return("an argument of the call is left out")
  }
  if (!length(dots) && length(columns) == 1L && is.null(names(columns))) {
    item <- names(formals(fun))[1L]
    if (!item %in% c(NA, "...")) return(list(item = item, constants = list()))
  }
  marks <- lapply(seq_along(dots), function(k) as.name(paste0("..rustle", k)))
  names(marks) <- names(dots)
  varying <- paste0("..rustle..", seq_along(columns))
  items <- lapply(varying, as.name)
  names(items) <- names(columns)
  call <- tryCatch(
    match.call(fun, as.call(c(list(quote(FUN)), items, marks)), expand.dots = FALSE),
    error = function(e) conditionMessage(e)
  )
  if (is.character(call)) return("the arguments of the call do not fit the function")
  call <- as.list(call)[-1L]
  # What no code asks for is never evaluated, as with future_replicate().
  rest <- call[["..."]]
  if (length(rest)) {
    asks <- grepl("^[.][.]([.]|[0-9])", all.names(body(fun)))
    if (any(asks)) return("an argument goes to the function's `...`")
    call[["..."]] <- NULL
  }
  words <- vapply(call, as.character, "")
  left <- setdiff(varying, words)
  if (length(left) && (length(columns) > 1L || !length(rest))) return("the arguments of the call do not fit the function")
  if (length(left)) words <- c(words, ... = left)
  rest <- names(words)[!words %in% varying]
  constants <- lapply(stats::setNames(rest, rest), function(name) dots[[match(words[[name]], as.character(marks))]])
  for (name in rest) {
    value <- constants[[name]]
    if (!is_plain(value) && !is_list_of_data(value) && !is_text(value)) {
      return(sprintf("the argument `%s` is not a plain vector or matrix of numbers", name))
    }
  }
  list(item = names(words)[match(varying, words)], constants = constants)
}

# Which of the generic functions have methods that are not R's own for what numbers are. Methods
# are looked for where R does.
generics_with_methods <- function(generics, env) {
  if (!length(generics)) return(character())
  known <- methods_of_generics(generics)
  found <- mget(known$names, envir = env, mode = "function", ifnotfound = list(NULL), inherits = TRUE)
  other <- lengths(found) > 0L & !rs_compiled_same(unname(found), known$defaults)
  nowhere <- !any(other) && !known$base && is.null(rs_locate(known$methods, env))
  for (table in machine$methods$tables) nowhere <- nowhere && is.null(rs_locate(known$methods, table))
  if (nowhere) character() else generics[vapply(generics, has_own_method, NA, env)]
}

# Of the table below what these generics have together; kept, as few sets of them are ever asked for.
methods_of_generics <- function(generics) {
  set <- paste(generics, collapse = " ")
  known <- machine$sets[[set]]
  if (!is.null(known)) return(known)
  if (is.null(machine$methods)) machine$methods <- table_of_methods()
  all <- machine$methods
  machine$sets[[set]] <- list(
    names = paste0(generics, ".default"), defaults = unname(all$defaults[generics]),
    methods = unlist(all$methods[generics], use.names = FALSE), base = any(generics %in% all$base)
  )
}

# By name of the generic: `defaults`, R's own (NULL where there is none), and `methods`, names of
# others; `base`: those that have such a one in base; `tables`: where methods are registered.
table_of_methods <- function() {
  generics <- stats::setNames(nm = machine_generics)
  methods <- lapply(generics, paste0, ".", method_classes)
  list(
    defaults = lapply(generics, function(name) get0(paste0(name, ".default"), envir = asNamespace("stats"), mode = "function")),
    methods = methods,
    base = generics[vapply(methods, function(names) any(vapply(names, exists, NA, envir = baseenv(), inherits = FALSE)), NA)],
    tables = method_tables()
  )
}

# Where methods of R's own generic functions are registered, of base and of a package.
method_tables <- function(package = "stats") lapply(list(.BaseNamespaceEnv, asNamespace(package)), `[[`, ".__S3MethodsTable__.")

method_classes <- c("double", "integer", "numeric", "logical", "matrix", "array")

# package: whose function it is, as far as it is not in base.
has_own_method <- function(name, env, package = "stats") {
  home <- asNamespace(package)
  default <- paste0(name, ".default")
  found <- get0(default, envir = env, mode = "function")
  if (!is.null(found) && (!identical(found, get0(default, envir = home, mode = "function")) || rs_is_watched(found))) return(TRUE)
  methods <- paste0(name, ".", method_classes)
  tables <- c(list(env), method_tables(package))
  any(vapply(methods, function(method) {
    own <- get0(method, envir = baseenv(), mode = "function", inherits = FALSE)
    if (is.null(own)) own <- get0(method, envir = home, mode = "function", inherits = FALSE)
    any(vapply(tables, function(table) {
      found <- get0(method, envir = table, mode = "function")
      !is.null(found) && !identical(found, own)
    }, NA))
  }, NA))
}

# The values of variables where the closure was written, and why others cannot be used. They are in no
# other list (rs_move_value()), so that release_variables() leaves no trace at them.
variables_of_closure <- function(names, env) {
  reasons <- list()
  if (!length(names)) return(list(values = list(), reasons = reasons))
  values <- vector("list", length(names))
  there <- logical(length(names))
  at <- rs_locate(names, env)
  for (k in seq_along(names)) {
    frame <- at[[k]]
    # What is left stands in base, if anywhere: functions mostly.
    if (is.null(frame)) {
      value <- get0(names[[k]], envir = baseenv())
      if (is.null(value) || is.function(value)) next
      frame <- baseenv()
    }
    found <- variable_in_frame(names[[k]], frame)
    if (is.character(found)) {
      reasons[[names[[k]]]] <- found
    } else if (length(found)) {
      there[[k]] <- TRUE
      rs_move_value(values, k, found)
    }
  }
  found <- values[there]
  rs_release(values)
  names(found) <- names[there]
  list(values = found, reasons = reasons)
}

# The closures that were read (read_closures()) are not needed any more.
release_variables <- function(read) for (one in read) rs_release(one$variables)

# As compile_closure() returned it, and nobody has kept it.
close_compiled <- function(compiled) {
  if (is.null(compiled$program)) return()
  rs_compiled_close(compiled$program)
  release_variables(compiled$from[[2L]])
}

# list(value), why it cannot be used, or an empty list where there is none, or a function.
find_variable <- function(name, env) {
  if (!exists(name, envir = env)) return(list())
  while (!identical(env, emptyenv()) && !exists(name, envir = env, inherits = FALSE)) env <- parent.env(env)
  if (identical(env, emptyenv())) return(list())
  variable_in_frame(name, env)
}

# The same, where the variable stands in this very frame.
variable_in_frame <- function(name, env) {
  if (is_dots(name)) return("it uses the `...` of a function around it")
  if (bindingIsActive(as.name(name), env)) return(sprintf("`%s` is an active binding", name))
  if (is_function_frame(env)) {
    promise <- promise_in_frame(name, env)
    if (!is.null(promise) && identical(promise[[2L]], quote(expr = ))) return(sprintf("`%s` is an argument without a value", name))
    why <- if (!is.null(promise)) unsafe_promise(promise[[2L]], name, env)
    if (!is.null(why)) return(why)
  } else if (!is.null(rs_waiting(name, env, FALSE))) {
    return(why_waiting(name))
  }
  unusable <- function(condition) sprintf("`%s` cannot be evaluated", name)
  value <- tryCatch(list(env[[name]]), error = unusable, warning = unusable)
  if (is.character(value) || is.null(value[[1L]])) return(value)
  type <- typeof(value[[1L]])
  usable <- type %in% c("double", "integer", "logical") || is_list_of_data(value[[1L]]) || is_text(value[[1L]])
  if (usable) return(value)
  rs_release(value)
  if (type %in% c("closure", "builtin", "special")) list() else sprintf("`%s` is not numeric", name)
}

# `list(code)` where a name stands for code in a frame, as an argument does, evaluated or not; else NULL.
# Then it is in no call any more: whoever has a value counts (rs_move_value()).
promise_in_frame <- function(name, frame) {
  found <- do.call(substitute, list(call("list", as.name(name)), frame))
  if (is.language(found[[2L]])) return(found)
  rs_release(found)
  NULL
}

is_dots <- function(name) grepl("^[.][.]([.]|[0-9]+$)", name)

# Only there are arguments that may still have to be evaluated.
is_function_frame <- function(env) {
  !identical(env, globalenv()) && !identical(env, baseenv()) && !isNamespace(env) && is.null(attr(env, "name"))
}

# Why the promise `name` with this code may not be forced here; NULL when it may: its functions
# are harmless, and its variables can be evaluated where it was written, in the frame of the
# caller, which is found only while that runs.
unsafe_promise <- function(code, name, env) {
  unknown <- sprintf("`%s` is an argument that may not have been evaluated yet (`%s <- %s` before the call does it)", name, name, name)
  variables <- all.vars(code)
  if (!all(all.names(code) %in% c(harmless_functions, variables))) return(unknown)
  if (!length(variables)) return(NULL)
  frames <- sys.frames()
  at <- which(vapply(frames, identical, NA, env))
  if (!length(at)) return(unknown)
  parent <- sys.parents()[[at[[1L]]]]
  caller <- if (parent) frames[[parent]] else globalenv()
  for (variable in variables) {
    found <- find_variable(variable, caller)
    if (is.character(found)) return(unknown)
    rs_release(found)
  }
  NULL
}
