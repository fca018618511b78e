# The strategy `slurm`: for future one that runs in the session, with further arguments, in
# which the settings of ours are kept.

#' Job arrays of Slurm
#'
#' Under `plan(slurm, dir = )`, set on a login node, each call is one job array: its tasks wait as
#' files in a directory that all nodes share, and each element of the array takes them on a node
#' of its own, with workers on all of its cores. Every finished task is journalled in `dir`. So the
#' session may end, and the same script, run again, or [collect()], goes on where the call was.
#'
#' @name slurm
#' @usage
#' ## plan(slurm, dir = , partition = NULL, time = NULL, memory = NULL, cores = NULL,
#' ##      nodes = NULL, array_limit = NULL, modules = NULL, prologue = NULL, setup = NULL,
#' ##      options = NULL, template = NULL, rscript = NULL, wait = TRUE, retries = 1)
#' @section Settings:
#'   \describe{
#'   \item{`dir`}{A directory that the login node and all nodes see; made if it is not there. It is
#'     a directory of checkpoints ([with_checkpoint()]).}
#'   \item{`partition`}{A name, or several. Default: Slurm's.}
#'   \item{`time`}{The walltime of an element, as `sbatch` takes it: a string such as
#'     `"02:00:00"` or `"1-12"`, or a number of minutes. Default: the partition's.}
#'   \item{`memory`}{The memory of an element, as `sbatch --mem` takes it: `"16G"`, or a
#'     number of megabytes. Several, `c("16G", "32G", "64G")`: tasks of an element that died for want of memory
#'     run again with the next. Default: all of the node, or with `cores` the partition's. It must suffice for
#'     as many tasks as there are cores, and for a while for a quarter more of them.}
#'   \item{`cores`}{Cores of an element. Default: all of a node, which is taken `--exclusive`.}
#'   \item{`nodes`}{Elements of an array, each on one node. Default: the nodes of the partition
#'     that are up, at most 8. There are never more than tasks.}
#'   \item{`array_limit`}{How many elements may run at the same time. Default: no limit.}
#'   \item{`modules`}{Names of environment modules to load.}
#'   \item{`prologue`}{Lines of shell code that run before R.}
#'   \item{`setup`}{R code that runs once in each element, as for [plan()].}
#'   \item{`options`}{Further options of `sbatch`: `c(account = "stats", qos = "high", requeue = NA)`;
#'     `NA` for those without a value.}
#'   \item{`template`}{For sites that need it, the text of a whole script, or the name of a file with it. `{{options}}`
#'     (the lines `#SBATCH`), `{{modules}}`, `{{prologue}}` and `{{command}}` are replaced; the last must be there.}
#'   \item{`rscript`}{How R is started on a node, as for [plan()]. Default: the `Rscript` of this
#'     session.}
#'   \item{`wait`}{`FALSE`: a call submits its array and returns a handle for [status()],
#'     [collect()] and [cancel()].}
#'   \item{`retries`}{How often tasks run again that an element had when it died. The last time they
#'     run one after another, to find which it is; then `rustle_error_worker_lost`.}
#'   }
#'   `schedule`, `chunk_size`, `timeout`, `progress` and `worker_threads` hold as for [plan()];
#'   `checkpoint` and [with_checkpoint()] have no effect, as all is kept in `dir`.
#' @section What happens: Chunks of tasks shrink, so that nodes end together. An element takes the
#'   next one when its workers have nothing left to claim, and ends when there is none: one that
#'   starts late finds less to do, and no task waits for a particular node. Before its time is
#'   over (60 seconds; a tenth of a `time` below ten minutes) an element stops; tasks that it was
#'   running start again in the next array. Elements that were killed, whose node was lost or
#'   preempted, or that ran out of memory or time are replaced, with a message of class
#'   `rustle_message_node_lost`. A task that has been journalled never runs again. What tasks said
#'   in the last second before their element was killed may be lost.
#'
#'   The session looks into `dir` once a second and asks `squeue` every two to five seconds (after the first five seconds),
#'   `sacct` only for jobs that `squeue` has forgotten. A message of class `rustle_message_slurm` says when they do
#'   not answer, and when they answer again; the call waits. Replacing elements takes a session: without one, those that
#'   run go on until nothing is left to take.
#'
#'   An interrupt (Ctrl-C) or an error cancels the job array; finished tasks stay in the
#'   journal, and the same call goes on with the others. A session that is killed, or whose machine goes down, leaves it running.
#'   To leave a run on purpose, use `wait = FALSE`.
#'
#'   Values, random numbers, order, output, conditions, errors and timings are those of every plan.
#'   What is in the journal is not run again, so it says nothing again. Calls that need workers of
#'   this machine ([mclapply()]) fork here. `future()` runs in this session.
#' @section Costs: An array costs some seconds: Slurm's scheduling and the start of R. Tasks
#'   should add up to minutes. Each worker of a chunk has a file in `dir`.
#' @section Errors: `rustle_error_slurm` where there is no Slurm, or with its words where it refuses a job
#'   (unknown partition, limits), would never start it, cannot start R on a node, or a node does not
#'   see `dir`; `rustle_error_checkpoint` when `dir` cannot be written; `rustle_error_setup`;
#'   and those of every plan. Nothing is left running.
#' @examples
#' \dontrun{
#' plan(slurm, dir = "/shared/me/runs", partition = "long", time = "04:00:00",
#'   memory = c("16G", "32G"), nodes = 4)
#' result <- future_lapply(files, analyse, future.seed = 1)
#' }
#' @seealso [plan()], [collect()], [with_checkpoint()], [study()], `vignette("clusters")`.
#' @export slurm
NULL

# A copy of future's `sequential`, made by .onLoad() from the version of future that is
# installed.
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
      what <- if (several) "memory" else "a time"
      more <- if (several) ", or several that grow" else ""
      stop_argument(name, sprintf("%s as sbatch takes it, such as \"%s\"%s, or NULL", what, unit, more), x, call)
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
