# The strategy `slurm`: for future one that runs in the session, with further arguments, in
# which the settings of ours are kept.

# A copy of future's `sequential`, made by .onLoad() from the version of future that is
# installed.
#' @rdname plan
#' @format NULL
#' @export
slurm <- NULL

slurm_of_future <- function(f = future::sequential) {
  out <- f
  formals(out) <- c(formals(f), slurm_defaults)
  # `formals<-` drops the class.
  attributes(out) <- attributes(f)[setdiff(names(attributes(f)), "srcref")]
  class(out) <- c("slurm", class(f))
  out
}

slurm_defaults <- list(
  dir = NULL, partition = NULL, time = NULL, memory = NULL, nodes = NULL, array_limit = NULL, modules = NULL,
  prologue = NULL, options = NULL, template = NULL, wait = TRUE
)

is_slurm <- function(strategy) inherits(strategy, "slurm")

# The settings that a strategy has, tweaked once or several times.
slurm_given <- function(strategy) {
  own <- as.list(formals(strategy))
  own <- own[intersect(names(own), names(slurm_defaults))]
  below <- if (inherits(strategy, "tweaked")) environment(strategy)$strategy
  if (!is_slurm(below)) return(own)
  deeper <- slurm_given(below)
  c(own, deeper[setdiff(names(deeper), names(own))])
}

# The same with another setting.
slurm_again <- function(strategy, arguments) {
  kept <- Filter(Negate(is.null), slurm_given(strategy))
  c(arguments, kept[setdiff(names(kept), names(arguments))])
}

# The settings of plan(slurm), checked: slurm_defaults and `cores`, `rscript`, `setup`.
slurm_settings <- function(plan, call) {
  given <- utils::modifyList(slurm_defaults, slurm_given(plan$stack[[1L]]), keep.null = TRUE)
  given <- lapply(given, function(x) if (is.language(x)) eval(x, globalenv()) else x)
  texts <- function(name) {
    x <- given[[name]]
    if (is.null(x) || (is.character(x) && length(x) && !anyNA(x))) return(x)
    stop_argument(name, "a character vector, or NULL", x, call)
  }
  amount <- function(name, unit, several) {
    x <- given[[name]]
    good <- (is.character(x) && all(nzchar(x) & !is.na(x))) || (is.numeric(x) && all(is.finite(x) & x > 0))
    if (is.null(x)) return(NULL)
    if (!good || !length(x) || (!several && length(x) > 1L)) {
      stop_argument(name, sprintf("%s as sbatch takes it, such as \"%s\"%s, or NULL", if (several) "memory" else "a time", unit, if (several) ", or several that grow" else ""), x, call)
    }
    if (is.numeric(x)) format(ceiling(x), scientific = FALSE, trim = TRUE) else x
  }
  if (is.null(given$dir)) stop_missing("dir", call)
  given$dir <- check_checkpoint(given$dir, argument = "dir", call = call)
  given["partition"] <- list(texts("partition"))
  if (length(given$partition) > 1L) given$partition <- paste(given$partition, collapse = ",")
  given["time"] <- list(amount("time", "02:00:00", FALSE))
  given["memory"] <- list(amount("memory", "16G", TRUE))
  given["nodes"] <- list(check_count(given$nodes, "nodes", null = TRUE, call = call))
  given["array_limit"] <- list(check_count(given$array_limit, "array_limit", null = TRUE, call = call))
  for (name in c("modules", "prologue", "options")) given[name] <- list(texts(name))
  given["template"] <- list(read_template(given$template, call))
  given$wait <- check_flag(given$wait, "wait", call = call)
  given["cores"] <- list(plan$settings$cores)
  given["rscript"] <- list(plan$settings$rscript)
  given["setup"] <- list(plan$settings$keep)
  given
}

# A template is the text of a script, or the name of a file with it.
read_template <- function(template, call) {
  if (is.null(template)) return(NULL)
  must <- "the text of a script for sbatch with `{{command}}` in it, or the name of a file with one"
  if (!is.character(template) || !length(template) || anyNA(template)) stop_argument("template", must, template, call)
  if (length(template) == 1L && !grepl("\n", template) && !grepl("{{command}}", template, fixed = TRUE)) {
    if (!file.exists(template)) stop_argument("template", must, template, call, was = sprintf("\"%s\", which is no file", template))
    template <- readLines(template, warn = FALSE)
  }
  template <- paste(template, collapse = "\n")
  if (!grepl("{{command}}", template, fixed = TRUE)) stop_argument("template", must, template, call, was = "one without `{{command}}`")
  template
}

# What can be checked when the plan is set.
check_slurm <- function(stack, settings, call) {
  if (!is_slurm(stack[[1L]])) return(invisible())
  slurm_settings(list(stack = stack, settings = settings), call)
  if (!nzchar(Sys.which("sbatch"))) {
    abort_rustle(
      "There is no command `sbatch` here: plan(slurm) is for a login node of a cluster that runs Slurm.",
      "rustle_error_slurm", call = call
    )
  }
}

# Elements and cores that a call may have.
count_slurm <- function(stack, settings) {
  given <- slurm_given(stack[[1L]])
  shape <- partition_shape(given$partition)
  nodes <- if (is.null(given$nodes)) min(shape$nodes, most_elements) else given$nodes
  cores <- if (is.null(settings$cores)) shape$cores else settings$cores
  max(1L, as.integer(nodes * cores))
}

# Elements of an array when the plan does not say how many.
most_elements <- 8L
