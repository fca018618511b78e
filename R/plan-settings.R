# Which settings of plan() have an effect with which workers.

# By executor (engine-executors.R), those that the others have no use for.
own_settings <- list(
  multisession = c("setup", "idle_timeout", "rscript", "memory_limit", "cache"),
  cluster = c("cores", "heartbeat")
)

# Warns of settings among `changes` (a list; NULL is a default) that no level of `stack` has a use
# for.
warn_idle_settings <- function(changes, stack) {
  given <- names(changes)[!vapply(changes, is.null, NA)]
  if (!any(given %in% unlist(own_settings))) return(invisible())
  kinds <- vapply(unclass(stack), function(strategy) executor_of(strategy)$name, "")
  # There mclapply() and its like run on workers of multisession, whatever the plan is.
  if (!supports_fork() && has_standing_workers()) kinds <- c(kinds, "multisession")
  for (kind in setdiff(names(own_settings), kinds)) {
    idle <- intersect(given, own_settings[[kind]])
    if (!length(idle)) next
    warn_rustle(
      sprintf(
        "%s no effect: only workers of plan(%s) have such a setting, and the plan is %s.",
        paste0(paste0("`", idle, "`", collapse = ", "), if (length(idle) > 1L) " have" else " has"), kind,
        paste(unique(vapply(unclass(stack), strategy_name, "")), collapse = ", ")
      ),
      "rustle_warning_setting", settings = idle
    )
  }
}
