# The strategy `threads`: for future one that runs in the session; ours has a number of threads.
# What is compiled, and how, is in compiled-closure.R; with_threads() is about other threads
# (plan-threads.R).

#' Threads for functions of your own
#'
#' Under `plan(threads, workers = )` calls whose function compiles run on threads of this
#' process; all others run in this session, as under `plan(sequential)`. Values, random numbers,
#' warnings and errors are those of `plan(sequential)` in any case, to the last bit.
#'
#' The function is compiled at the call to a register machine that
#' knows R's numbers, vectors and matrices. A task that does anything unusual there (a missing value, an
#' overflow, a warning, an error, a subscript out of bounds) is given up, and R runs it from its
#' start, with its own stream of random numbers. So the result is never another one; at worst it
#' took longer. When more than a fifth of the tasks are given up, R runs the rest. `plan(multicore)` and
#' `plan(multisession)` use such threads by themselves (section "Other plans").
#'
#' A call with nothing but a vector of numbers and a function (and `future.seed = TRUE`), as
#' `future_lapply(X, FUN)`, uses the program of an earlier one if the function still means the same: ten small
#' tasks take some ten microseconds then, and a few hundred else. Small calls that have to be compiled anew each time
#' are left to R where that is faster: it is tried.
#'
#' [explain_compiled()] says whether a function compiles, or which expression does not and why;
#' [job_report()] how many tasks of the last call R had to run.
#'
#' @name threads
#' @usage
#' ## plan(threads, workers = availableCores(), compiled = c("auto", "never", "require"))
#' @section What compiles:
#'   Functions of an element of the data (or of one of each of several vectors), a number, a vector or matrix of numbers, or a
#'   list or data frame of these, and of further arguments that are such, which use nothing but:
#'   * numbers, logical values, and vectors and matrices of these; names of vectors that the code has, which arithmetic and
#'     functions of single numbers keep; names of rows and columns that the code or a variable has
#'     (`matrix(dimnames = )`, `colnames(m) <-`, `cbind(a = , b = )`); other names as long as the value does not
#'     have them; `NULL`; `NA` as what a vector or matrix is filled with before doubles are assigned to it;
#'   * strings that are there in the code, in variables or in further arguments: `if (method == "a")`, `switch(method, a = )`, `x[[name]]`;
#'   * elements of lists and columns of data frames, `fit$beta`, `fits[[i]]$aic`, `d[["x"]]`, `d[rows, ]$x`, `d[rows, "x"]`,
#'     `d[rows, c("x", "y")]`, `nrow(d)`, `length(fits)`; `colMeans(d[rows, ])` and its like, `as.matrix(d)`, `sapply(d, f)`, `with(d, code)`;
#'   * lists and data frames that the code makes, whose elements it has names or numbers for: `list()`, `data.frame()`, `out$a <- x`,
#'     `fit$beta[k] <- x`, `d$y <- sample(d$y)`, `d[rows, "y"] <- x`, functions that return such lists;
#'   * arithmetic, comparison and logic with R's rules; `if`, `for`, `while`, `repeat`,
#'     `break`, `next`, `switch`, `return()`, `stop()`, `stopifnot()`; assignment to variables and to elements;
#'   * subscripts by numbers, logical vectors and what is left out (`x[-1]`, `x[-1] <- 0`, `x[] <- 0`), of matrices too (`m[i, ]`,
#'     `m[rows, ]`, `m[, j] <- v`, `m[m > 0]`, `drop = FALSE`), and by names that the code has (`x["a"]`);
#'   * `abs`, `sqrt`, `exp`, `log` and their kin, `sin` and its kin, `floor`, `ceiling`, `trunc`,
#'     `round` and `signif` to some digits, `sign`; `sum`, `prod`, `mean` (trimmed too), `var`, `sd`, `median`, `min`, `max`,
#'     `range`, `pmin`, `pmax`, `any`, `all`, these also with `na.rm`, `which`, `which.min`, `which.max`, `cumsum`,
#'     `cumprod`, `cummax`, `cummin`, `diff`, `rev`, `sort`, `order`, `tabulate`, `cor` and `cov` of two vectors, `rank`, `unique`, `duplicated`, `quantile` of any
#'     type (of integers: 1, 3 and 7), with names for probabilities that the code or a variable has; `%in%`, `match`, `findInterval`, `union`, `intersect`, `setdiff`, `head` and `tail` of
#'     vectors; `c`, `numeric` and its kin, `rep`, `rep_len`, `seq`, `seq_len`, `seq_along`,
#'     `a:b`, `length`, `ifelse`, `is.na`, `anyNA`, `is.finite` and its kin, `as.numeric`, `as.integer`, `as.logical`, `is.null` and its kin, `isTRUE`, `xor`, `names`;
#'   * densities and their like: `dnorm`, `pnorm`, `qnorm`, those of the uniform, exponential, logistic and log-normal distributions, `dt`, `pt`,
#'     `dchisq`, `pchisq`, `dgamma`, `dbeta`, `dbinom`, `dpois`; `gamma`, `lgamma`, `beta`, `lbeta`, `choose`, `factorial`, `lfactorial`;
#'   * elements by name of the value of `t.test()` and `cor.test()` of vectors (`$p.value`, `$statistic`, `$parameter`); `weighted.mean`, `IQR`, `mad`;
#'   * of matrices `matrix`, `dim`, `nrow`, `ncol`, `t`, `diag` (`diag(m) <- v`, too), `row`, `col`, `lower.tri`, `upper.tri`, `drop`, `as.matrix`, `as.vector`, `cbind`, `rbind`, `rowSums`, `rowMeans`,
#'     `colSums`, `colMeans`, and, by R's own BLAS and LAPACK, `%*%`, `crossprod`, `tcrossprod`, `outer`, `solve`; `outer(x, y, f)`, `sweep`;
#'   * random numbers of R's default kinds, where tasks have streams (`future.seed = TRUE`):
#'     `runif`, `rnorm`, `rexp`, `rlnorm`, `rlogis`, `rcauchy`, `rweibull`, `rgamma`, `rbeta`,
#'     `rchisq`, `rt`, `rf`, `rpois`, `rgeom`, `rnbinom`, `rbinom`, `sample`, `sample.int`;
#'   * variables of where the function was written, which are copied; `stats::f()` and `base::f()` for these functions;
#'   * calls of other functions of yours (or of packages) that use nothing but these, functions that it
#'     defines itself, and functions as arguments. Arguments are evaluated when R evaluates them; `missing()`, `force()`;
#'   * `sapply`, `vapply`, `apply` of rows or columns, `mapply`, `unlist(lapply())`, `do.call(rbind, lapply())` and `replicate`, of functions
#'     whose value is one number or a vector; `Reduce`, `Filter`; `do.call` of arguments that are known;
#'   * `tryCatch` with handlers that are there in the code, `try`, `suppressWarnings`, `suppressMessages`: a task in which
#'     a condition is signalled is R's;
#'   * as its value a number, a vector, a matrix, a string that is known, or a list or data frame of these; names that the code has as
#'     constants, as in `c(a = , b = )`, `names(x) <- c("a", "b")`, `setNames()`, `x[["a"]]`.
#'
#'   The functions of mathematics, statistics and random numbers among these are compared with R's
#'   own when a session first needs them, on some thousand values and the random state after them. One that differs, because of another version
#'   of R or another processor, is not used, and functions that call it do not compile.
#'
#'   A part of a matrix by several rows, as `m[rows, ]`, is a matrix to the machine. Where one row or
#'   column is left, R makes it a vector, and such tasks are R's. A BLAS may have threads of its own
#'   (OpenBLAS): then products and equations wait for each other, as their bits depend on how many
#'   there are. With one (`OPENBLAS_NUM_THREADS=1` before R starts) they do not. R's reference BLAS and
#'   OpenBLAS without OpenMP are used; with another BLAS, and on Windows, functions with products or
#'   equations do not compile.
#'
#'   The median of an odd number of integers is an integer, and of others a double: tasks of the first kind are R's.
#'   Interrupts and time limits are answered within 100 ms, but for one call that takes longer by itself, as `order()` of
#'   ten million numbers or a product of large matrices; R does not interrupt these either.
#'
#'   Not: vectors of more than 16 million elements that a task makes (those that it reads may be longer), strings that are computed (`paste()`), lists whose length is computed, data frames with other names of rows than their numbers as the
#'   value, models (`lm()`), factors, tables, functions that call themselves or use `...`, `set.seed()`, an argument that draws random numbers and is read again
#'   where it may not have been read before. Of 20 kinds
#'   of functions that public scripts hand to such calls, 8 compile; of 20 that were written here in the manner of simulation studies,
#'   permutation tests, resampling and Markov chains, 18 (a test has both). Do not expect yours to be among them: look.
#'
#'   A job whose tasks have taken less time on threads before than it takes to look at its function runs in this session
#'   (`job_report()` says so); `compiled = "require"` compiles it.
#' @section Calls: `%dopar%` of [registerDoRustle()]; those of [future_lapply()], [future_sapply()], [future_vapply()],
#'   `future_replicate()`, [future_mapply()] and [future_Map()], and [parLapply()], [parSapply()] and [clusterMap()] with `cl = NULL`, [boot()] whose data are numbers or
#'   a data frame (boot's own code draws the resamples), and [bootstrap()] of a function, whose data are a vector or
#'   matrix of numbers, or a data frame. [mclapply()] and [mcmapply()] have `mc.cores` threads instead of forked workers where their function compiles
#'   and the plan in force does; with `mc.preschedule = TRUE` only functions that draw no random numbers. Tasks that are given up, and all others, fork as ever.
#' @section Other plans: Under `plan(multicore)` and `plan(multisession)` calls whose function compiles run on
#'   as many threads of this session as the plan has workers, and all others on its workers. Values, random numbers and
#'   errors are the same. Tasks that are given up run on the workers, too, unless they are few and quick. When
#'   more than a fifth of those that have ended was given up, the others are ended and go to the workers: what is lost
#'   is the time of the tasks that had begun, which is a fraction of that which R takes. Left to workers are calls
#'   * that workers were made ready for: by `setup`, [clusterExport()], [clusterEvalQ()] or [clusterCall()] with `cl = NULL`, packages that
#'     are not attached here, or `future.globals` and `.noexport` that say what they get;
#'   * of plans with a `timeout` or a `log`, with a checkpoint, and with the options `rustle.timings` or `rustle.memory`;
#'   * of functions with products or equations of matrices, where R's BLAS has threads of its own (see above): processes do
#'     not wait for each other;
#'   * of functions of long vectors without loops which R is faster at: it is tried with a task or two, and
#'     remembered;
#'   * where the address space of the session is limited (`ulimit -v`).
#'
#'   [mclapply()] and its like, and calls that say how many workers they want, as `ncpus` of [boot()], follow the plan in
#'   force: under `plan(sequential)`, as in a session without a plan, they have forked workers for all functions.
#'   `plan(..., compiled = "never")` leaves everything to workers.
#' @section Settings: `compiled = "never"` compiles nothing; `"require"` makes it an error of
#'   class `rustle_error_not_compiled` when a call's function does not compile. `schedule` and
#'   `chunk_size` hold as for [plan()].
#' @examples
#' oplan <- plan(threads, workers = 2)
#' inside <- function(i) {
#'   hits <- 0
#'   for (k in 1:1000) if (runif(1)^2 + runif(1)^2 < 1) hits <- hits + 1
#'   4 * hits / 1000
#' }
#' mean(future_sapply(1:100, inside, future.seed = 1))
#' #> [1] 3.14336
#' job_report()$compiled$tasks # on threads
#' #> [1] 100
#' plan(oplan)
#' @seealso [explain_compiled()], [plan()], `vignette("threads")`.
#' @export threads
NULL

# A copy of future's `sequential`, made by .onLoad() from the version of future that is
# installed. The number has a name of its own there, since some versions of `sequential` have an
# argument `workers` that may not be set.
threads <- NULL

threads_of_future <- function(f = future::sequential) {
  out <- f
  formals(out) <- c(formals(f), list(threads = NULL))
  # `formals<-` drops the class.
  attributes(out) <- attributes(f)[setdiff(names(attributes(f)), "srcref")]
  class(out) <- c("threads", class(f))
  out
}

is_threads <- function(strategy) inherits(strategy, "threads")

# The arguments of the strategy, from those of plan().
threads_again <- function(arguments, call) {
  if ("workers" %in% names(arguments)) {
    arguments$threads <- check_count(arguments$workers, "workers", call = call)
    arguments$workers <- NULL
  }
  arguments
}

count_threads <- function(stack, settings) {
  given <- formals(stack[[1L]])$threads
  if (is.language(given)) given <- eval(given, environment(stack[[1L]]))
  if (is.null(given)) available_workers() else as.integer(given)
}

# The words of the setting `compiled`.
compiled_choices <- c("auto", "never", "require")
