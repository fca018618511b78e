# Two workers everywhere, no progress bars; and the session that runs the tests
# has its own options, random numbers and plan again when they end.

withr::local_options(
  list(mc.cores = 2L, rustle.progress = FALSE),
  .local_envir = teardown_env()
)
withr::local_preserve_seed(.local_envir = teardown_env())
withr::defer(rustle::plan("sequential"), teardown_env())
