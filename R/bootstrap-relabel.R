# Clusters that are drawn twice are two clusters: a function that groups by a column of
# the data must see two labels there.

# Columns of the data that get new labels, or NULL. relabel: NULL, FALSE or names.
check_relabel <- function(job) {
  relabel <- job$design$relabel
  call <- job$call
  if (isFALSE(relabel) || !"relabel" %in% names(job$design)) return(NULL)
  possible <- job$kind == "function" && is.data.frame(job$data) && job$scheme$spec$kind == "clusters" && job$stype == "i"
  if (is.null(relabel)) {
    if (!possible) return(NULL)
    warn_kept_labels(job$data, job$design$cluster)
    return(columns_of_cluster(job$data, job$design$cluster))
  }
  if (!possible) {
    must <- "NULL or FALSE, except for a function of a data frame and indices with one vector of clusters"
    stop_argument("relabel", must, relabel, call)
  }
  good <- is.character(relabel) && length(relabel) && all(relabel %in% names(job$data))
  if (!good) stop_argument("relabel", "FALSE or names of columns of `data`", relabel, call)
  for (name in relabel) {
    column <- job$data[[name]]
    if (!is_label(column)) {
      stop_argument("relabel", sprintf("of columns of labels (factors, characters or numbers), which `%s` is not", name), column, call)
    }
  }
  relabel
}

is_label <- function(x) is.factor(x) || is.character(x) || is_number(x)

# Numbers that can be moved: of a class too (dates, times, labelled numbers), but for those
# whose bits are none (bit64).
is_number <- function(x) {
  typeof(x) %in% c("integer", "double") && !is.factor(x) && !inherits(x, "integer64") && is.null(dim(x))
}

# The columns that hold the clusters themselves, or that name each cluster by one label. A
# numeric column with other numbers than the clusters' is left alone: it may be measured.
columns_of_cluster <- function(data, cluster) {
  cluster <- one_clustering(cluster)
  codes <- function(x) match(x, unique(x))
  of <- codes(cluster)
  named <- as.character(cluster)
  same <- vapply(data, function(x) {
    if (!is_label(x) || anyNA(x)) return(FALSE)
    if (is_number(x)) identical(as.character(x), named) else identical(codes(x), of)
  }, NA)
  if (any(same)) names(data)[same]
}

one_clustering <- function(cluster) if (is.list(cluster) && !is.object(cluster)) cluster[[1L]] else cluster

# Tells of a column that holds the clusters and cannot have new labels.
warn_kept_labels <- function(data, cluster) {
  named <- as.character(one_clustering(cluster))
  kept <- vapply(data, function(x) !is_label(x) && is.atomic(x) && identical(as.character(x), named), NA)
  if (!any(kept)) return()
  warn_rustle(
    sprintf(
      "Clusters that are drawn again keep their labels in %s, of class %s: make it a factor, or say `relabel = FALSE`.",
      paste0("`", names(data)[kept], "`", collapse = ", "), sQuote(class(data[[which(kept)[[1L]]]])[[1L]], FALSE)
    ),
    "rustle_warning_relabel"
  )
}

# The statistic, given the data with a further copy of each cluster for every time that
# it is drawn again, with labels of its own, and indices of these rows. Rows of the
# data themselves stay where they are.
relabelling <- function(statistic, columns, data) {
  force(statistic)
  marks <- lapply(data[columns], label_maker)
  rm(data)
  function(data, i, ...) {
    n <- NROW(data)
    # How often the row has been drawn before, plus one.
    sorted <- order(i)
    runs <- rle(i[sorted])$lengths
    copy <- integer(length(i))
    copy[sorted] <- sequence(runs)
    again <- copy > 1L
    if (any(again)) {
      rows <- i[again]
      data <- data[c(seq_len(n), rows), , drop = FALSE]
      for (name in columns) data[[name]] <- marks[[name]](data[[name]], n, copy[again])
      i[again] <- n + seq_along(rows)
    }
    statistic(data, i, ...)
  }
}

# A function that gives the labels after the first n new ones, by the number of the
# copy: labels that no other row has.
label_maker <- function(x) {
  if (is_number(x)) {
    numbers <- as.vector(unclass(x))
    far <- ceiling(max(numbers, na.rm = TRUE)) - floor(min(numbers, na.rm = TRUE)) + 1
    return(function(x, n, copy) {
      moved <- as.vector(unclass(x)) + c(rep(0, n), copy - 1) * far
      if (is.integer(x) && max(abs(moved), na.rm = TRUE) <= .Machine$integer.max) moved <- as.integer(moved)
      attributes(moved) <- attributes(x)
      moved
    })
  }
  labels <- if (is.factor(x)) levels(x) else unique(x)
  mark <- "."
  while (any(grepl(paste0(gsub(".", "[.]", mark, fixed = TRUE), "[0-9]+$"), labels))) mark <- paste0(mark, ".")
  function(x, n, copy) {
    given <- as.character(x)
    after <- n + seq_along(copy)
    given[after] <- paste0(given[after], mark, copy)
    if (is.factor(x)) factor(given, c(levels(x), unique(given[after])), ordered = is.ordered(x)) else given
  }
}

# Does the statistic look at the data through its indices alone? Then it has the same
# value at a copy of all rows behind other rows.
sees_rows_alone <- function(job) {
  n <- job$n
  others <- seq_len(max(1L, n %/% 3L))
  data <- job$data[c(seq_len(n), others, seq_len(n)), , drop = FALSE]
  # Both calls get the same random numbers, in case the statistic draws some.
  value_of <- function(data, i) {
    set.seed(1)
    out <- tryCatch(
      suppressMessages(suppressWarnings(do.call(job$compute, c(list(data, i), job$dots), quote = TRUE))),
      error = function(e) NULL
    )
    as.vector(out)
  }
  moved <- value_of(data, n + length(others) + seq_len(n))
  same <- function(value) isTRUE(all.equal(value, moved, tolerance = 1e-6))
  !is.null(moved) && (same(unname(job$t0)) || same(value_of(job$data, seq_len(n))))
}

# The job with a statistic that sees new labels.
relabel_clusters <- function(job) {
  columns <- job$relabel
  if (is.null(columns)) return(job)
  if (!sees_rows_alone(job)) {
    job["relabel"] <- list(NULL)
    if (!is.null(job$design$relabel)) {
      abort_rustle(
        paste(
          "`statistic` must use `data` only as data[i, ] here: clusters that are drawn twice get new labels,",
          "and the rows with these labels are added to `data`."
        ),
        "rustle_error_argument", argument = "statistic", call = job$call
      )
    }
    warn_rustle(
      sprintf(
        "Clusters that are drawn again keep their labels in %s: the statistic does not look at the data through its indices alone. `relabel = FALSE` says that this is right.",
        paste0("`", columns, "`", collapse = ", ")
      ),
      "rustle_warning_relabel"
    )
    return(job)
  }
  job$compute <- relabelling(job$compute, columns, job$data)
  job
}
