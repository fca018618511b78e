# Which settings of plan() have an effect with which workers.

# By executor (engine-executors.R), those that not all have a use for.
own_settings <- list(
  multicore = "compiled",
  multisession = c("setup", "idle_timeout", "rscript", "memory_limit", "cache", "compiled"),
  cluster = c("cores", "heartbeat", "setup", "rscript"),
  slurm = c("cores", "setup", "rscript"),
  threads = "compiled"
)

# Warns of settings among `changes` (a list; NULL is a default) that no level of `stack` has a use
# for.
warn_idle_settings <- function(changes, stack) {
  given <- names(changes)[!vapply(changes, is.null, NA)]
  if (!any(given %in% unlist(own_settings))) return(invisible())
  kinds <- vapply(unclass(stack), function(strategy) executor_of(strategy)$name, "")
  # There mclapply() and its like run on workers of multisession, whatever the plan is.
  if (!supports_fork() && has_standing_workers()) kinds <- c(kinds, "multisession")
  idle <- setdiff(intersect(given, unlist(own_settings)), unlist(own_settings[kinds]))
  homes <- vapply(idle, function(name) {
    of <- names(Filter(function(own) name %in% own, own_settings))
    paste0("plan(", of, ")", collapse = ", ")
  }, "")
  for (home in unique(homes)) {
    some <- idle[homes == home]
    warn_rustle(
      sprintf(
        "%s no effect: only workers of %s have such a setting, and the plan is %s.",
        paste0(paste0("`", some, "`", collapse = ", "), if (length(some) > 1L) " have" else " has"), home,
        paste(unique(vapply(unclass(stack), strategy_name, "")), collapse = ", ")
      ),
      "rustle_warning_setting", settings = some
    )
  }
}
