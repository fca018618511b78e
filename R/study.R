# Simulation studies: a task per condition and replication.

#' Run a simulation study
#'
#' Calls a function for every condition of a grid, so many times, on the workers of the
#' [plan()], and returns one data frame. The random numbers of a replication depend on
#' `seed`, the condition and the number of the replication alone. So a study can be cut into
#' parts that run on several machines or months, be extended by conditions and replications,
#' and be resumed ([with_checkpoint()]): what has been computed stays valid.
#'
#' @param grid A data frame with a row per condition, all different, such as
#'   [expand.grid()] makes.
#' @param fun A function that gets the columns of one condition as named arguments, each of
#'   length one (an element of a list column as it is). It returns a number, a named vector,
#'   a list of single values, or a data frame.
#' @param ... Further arguments of `fun`, the same for all conditions.
#' @param replications A whole number n of at least 1, for the replications 1 to n; or a
#'   vector of different whole numbers, the replications to run, such as `101:200`.
#' @param seed A whole number. `NULL` (default): one is drawn from R's generator, so
#'   [set.seed()] governs; otherwise R's generator does not move.
#' @param packages Packages that are attached where `fun` runs.
#' @details Tasks draw from L'Ecuyer-CMRG: a state for each condition is made by a hash of
#'   `seed` and the condition, and replication r has its r-th stream ([parallel::nextRNGStream()]).
#'   Conditions are told by content: the order of rows and columns, and other rows, do not
#'   matter.
#'
#'   An error in a replication is data: the study goes on, the row is missing, and
#'   `study_failures()` has it. To see it again, `rerun_task(task = f$task[[1]])` right after the
#'   study; or later put its seed in place and call the function:
#'   `assign(".Random.seed", f$seed[[1]], globalenv())`.
#'
#'   To cut a study over the elements of a job array: every element runs
#'   `with_checkpoint(dir, study(grid, fun, replications = part, seed = 1))` with its own part of
#'   the replications, and in the end the same call with all of them collects what is there.
#' @return A data frame of class `rustle_study`, with the columns of `grid`, `replication`, and
#'   what `fun` returned: columns by name, `value` where it has none; several rows for a
#'   data frame with several. Rows are in the order of `grid`, then of replications.
#'   Attribute `seed` is the seed. `study_failures()`: a data frame with the columns of `grid`,
#'   `replication`, `class`, `message`, `seed` (a list of `.Random.seed` vectors) and `task` (its
#'   number, see [rerun_task()]), a row per failure.
#' @section Errors: `rustle_error_argument` for wrong arguments, before anything runs;
#'   `rustle_error_worker_lost` as in [future_lapply()].
#' @examples
#' grid <- expand.grid(n = c(10, 40), sd = c(1, 3))
#' one <- function(n, sd) {
#'   x <- rnorm(n, sd = sd)
#'   c(mean = mean(x), covered = t.test(x)$p.value > 0.05)
#' }
#' oplan <- plan(multicore, workers = 2)
#' result <- study(grid, one, replications = 50, seed = 1)
#' plan(oplan)
#' aggregate(covered ~ n + sd, result, mean)
#' #>    n sd covered
#' #> 1 10  1    0.94
#' #> 2 40  1    0.96
#' #> 3 10  3    0.88
#' #> 4 40  3    0.96
#' study_failures(result)
#' @seealso [with_checkpoint()], [future_lapply()].
#' @export
study <- function(grid, fun, ..., replications, seed = NULL, packages = NULL) {
  call <- sys.call()
  check_required("grid", "fun", "replications", .call = call)
  grid <- check_grid(grid, call)
  fun <- check_function(fun, "fun", parent.frame())
  check_columns(fun, grid, ...names(), call)
  replications <- check_replications(replications, call)
  packages <- check_packages(packages, "packages", call)
  if (!is.null(seed)) seed <- check_whole(seed, "seed", call)
  rows <- nrow(grid)
  conditions <- lapply(seq_len(rows), function(k) lapply(grid, function(column) column[[k]]))
  hashes <- vapply(conditions, function(condition) content_hash(condition[order(names(condition), method = "radix")]), "")
  if (anyDuplicated(hashes)) {
    stop_argument("grid", "a data frame whose rows differ", grid, call, was = sprintf("one whose row %d has been there before", anyDuplicated(hashes)))
  }
  if (is.null(seed)) {
    note_state()
    seed <- sample.int(.Machine$integer.max, 1L)
  }
  which <- rep(seq_len(rows), each = length(replications))
  number <- rep(replications, rows)
  seeds <- unlist(lapply(hashes, function(hash) {
    unpack(rs_task_seeds(state_of_hash(seed, hash), as.double(replications), "stream"))
  }), recursive = FALSE)
  frame <- open_frame(...)
  list2env(list(FUN = fun, X = conditions[which]), envir = frame)
  streams <- list(streams = "list", seed = seeds, after = random_state(), check = FALSE)
  job <- new_job(
    quote(do.call(FUN, c(X[[i]], list(...)), quote = TRUE)), frame, length(which), policy_of_plan(current_plan()), streams,
    relay = new_relay(TRUE, list(classes = "condition")), on_error = "keep", packages = packages,
    envir = parent.frame(), origin = call, forced = 0L
  )
  # What a task is known by in a checkpoint: not its place among the others.
  job$prints <- list(hashes[which], number)
  outcome <- run_job(job, current_plan())
  as_study(grid, which, number, outcome, seeds, seed)
}

#' @rdname study
#' @param x What `study()` returned.
#' @export
study_failures <- function(x) {
  if (!inherits(x, "rustle_study")) stop_argument("x", "what study() returned", x, sys.call())
  attr(x, "failures")
}

check_grid <- function(grid, call) {
  good <- is.data.frame(grid) && nrow(grid) > 0L && ncol(grid) > 0L && !anyDuplicated(names(grid)) && all(nzchar(names(grid)))
  if (!good) stop_argument("grid", "a data frame with rows and different names of columns", grid, call)
  if ("replication" %in% names(grid)) {
    stop_argument("grid", "without a column of the name `replication`, which the result has", grid, call, was = "one with it")
  }
  grid <- as.data.frame(grid, stringsAsFactors = FALSE)
  attr(grid, "out.attrs") <- NULL
  rownames(grid) <- NULL
  grid
}

# fun must have an argument for every column.
check_columns <- function(fun, grid, more, call) {
  known <- names(formals(args(fun)))
  if (is.null(known) || "..." %in% known) return()
  missing <- setdiff(names(grid), known)
  if (length(missing)) {
    stop_argument(
      "fun", sprintf("a function with an argument for every column of `grid`: %s", paste0("`", names(grid), "`", collapse = ", ")),
      fun, call, was = sprintf("one without `%s`", missing[[1L]])
    )
  }
}

check_replications <- function(x, call) {
  good <- is.numeric(x) && length(x) > 0L && !anyNA(x) && all(x >= 1) && all(x == floor(x)) &&
    all(x <= .Machine$integer.max) && !anyDuplicated(x)
  if (!good) stop_argument("replications", "a whole number of at least 1, or several that differ", x, call)
  if (length(x) == 1L) seq_len(x) else as.integer(x)
}

check_whole <- function(x, argument, call) {
  good <- is.numeric(x) && length(x) == 1L && !is.na(x) && x == floor(x) && abs(x) <= .Machine$integer.max
  if (!good) stop_argument(argument, "a whole number or NULL", x, call)
  as.integer(x)
}

# A state of L'Ecuyer-CMRG, as `.Random.seed` has it, for a seed and the hash of a condition.
# The six words are below the two moduli of the generator; states that are chosen so at random
# do not come near each other in its period of 2^191.
state_of_hash <- function(seed, hash) {
  digits <- paste0(rs_hash(charToRaw(paste("first", seed, hash))), rs_hash(charToRaw(paste("second", seed, hash))))
  halves <- substring(digits, seq(1L, 45L, by = 4L), seq(4L, 48L, by = 4L))
  halves <- strtoi(halves, 16L)
  words <- halves[c(TRUE, FALSE)] * 65536 + halves[c(FALSE, TRUE)]
  words <- 1 + words %% (rep(c(4294967087, 4294944443), each = 3L) - 1)
  # R keeps them as signed integers.
  c(10407L, as.integer(ifelse(words >= 2^31, words - 2^32, words)))
}

as_study <- function(grid, which, number, outcome, seeds, seed) {
  values <- outcome$values
  failed <- outcome$failed
  at <- function(tasks) {
    out <- grid[which[tasks], , drop = FALSE]
    out$replication <- number[tasks]
    rownames(out) <- NULL
    out
  }
  failures <- at(failed)
  errors <- values[failed]
  failures$class <- vapply(errors, function(e) class(e)[[1L]], "")
  failures$message <- vapply(errors, function(e) paste(conditionMessage(e), collapse = "\n"), "")
  failures$seed <- seeds[failed]
  failures$task <- failed
  good <- setdiff(seq_along(values), failed)
  frames <- result_frame(values[good])
  out <- at(good[frames$from])
  clash <- intersect(names(frames$data), names(out))
  names(frames$data)[match(clash, names(frames$data))] <- paste0(clash, ".value")
  out <- cbind(out, frames$data)
  structure(out, class = c("rustle_study", "data.frame"), seed = seed, failures = failures)
}

# list(data, from): a data frame of results, and which result each row came from.
result_frame <- function(values) {
  n <- length(values)
  plain <- vapply(values, function(v) is.atomic(v) && !is.object(v) && is.null(dim(v)), NA)
  if (n && all(plain) && length(unique(lengths(values))) == 1L && length(values[[1L]]) > 0L) {
    names <- names(values[[1L]])
    alike <- all(vapply(values, function(v) identical(names(v), names) && typeof(v) == typeof(values[[1L]]), NA))
    if (alike) {
      table <- matrix(unlist(values, use.names = FALSE), n, byrow = TRUE)
      data <- as.data.frame(table)
      names(data) <- value_names(names, ncol(table))
      return(list(data = data, from = seq_len(n)))
    }
  }
  frames <- lapply(values, as_result_row)
  columns <- unique(unlist(lapply(frames, names)))
  frames <- lapply(frames, function(frame) {
    for (name in setdiff(columns, names(frame))) frame[[name]] <- rep(NA, nrow(frame))
    frame[columns]
  })
  list(
    data = if (length(frames)) do.call(rbind, c(frames, make.row.names = FALSE)) else data.frame(),
    from = rep(seq_along(frames), vapply(frames, nrow, 1L))
  )
}

as_result_row <- function(value) {
  if (is.data.frame(value)) return(as.data.frame(value))
  if (is.null(value)) return(data.frame(row.names = integer()))
  single <- is.list(value) && !is.object(value) && length(names(value)) && all(nzchar(names(value))) &&
    all(vapply(value, function(v) is.atomic(v) && length(v) == 1L, NA))
  if (single) return(as.data.frame(value, optional = TRUE, stringsAsFactors = FALSE))
  if (is.atomic(value) && !is.object(value) && length(value)) {
    out <- stats::setNames(as.list(value), value_names(names(value), length(value)))
    return(as.data.frame(lapply(out, unname), optional = TRUE, stringsAsFactors = FALSE))
  }
  out <- data.frame(row.names = 1L)
  out$value <- list(value)
  out
}

value_names <- function(names, n) {
  if (is.null(names)) return(if (n == 1L) "value" else paste0("value", seq_len(n)))
  bare <- !nzchar(names) | is.na(names)
  names[bare] <- paste0("value", seq_len(n))[bare]
  make.unique(names)
}

#' @export
print.rustle_study <- function(x, n = 6L, ...) {
  failures <- attr(x, "failures")
  frame <- plain_frame(x)
  cat(sprintf(
    "study: %d row%s, seed %s, %s\n", nrow(frame), if (nrow(frame) == 1L) "" else "s",
    format(attr(x, "seed")), if (NROW(failures)) sprintf("%d failures: see study_failures()", nrow(failures)) else "no failures"
  ))
  print(utils::head(frame, n), ...)
  if (nrow(frame) > n) cat(sprintf("... and %d more rows\n", nrow(frame) - n))
  invisible(x)
}
