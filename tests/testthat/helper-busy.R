# Claims about times, which a busy machine may spoil and never helps: they are made again until
# they hold. What is wrong fails every time.

# claims: a function that measures, and returns a named list of what must be TRUE.
expect_in_some_try <- function(claims, tries = 10L) {
  for (k in seq_len(tries)) {
    seen <- claims()
    if (length(seen) && all(vapply(seen, isTRUE, NA))) break
  }
  expect_all_true(seen)
}

# Waits until `test()` is TRUE. The limit is for what never comes.
wait_for <- function(test, seconds = 60) {
  until <- Sys.time() + seconds
  while (!isTRUE(test()) && Sys.time() < until) Sys.sleep(0.05)
  isTRUE(test())
}

# A task that tells its process when tasks in `n` processes have begun: a worker that is slow to
# come would otherwise find the work done by others.
meeting <- function(n, tell = function() Sys.getpid()) {
  task <- function(i, ...) {
    me <- tell()
    file.create(file.path(here, me))
    until <- Sys.time() + 60
    while (length(list.files(here)) < n && Sys.time() < until) Sys.sleep(0.01)
    me
  }
  here <- tempfile("meeting-", tmpdir = normalizePath(tempdir()))
  dir.create(here)
  environment(task) <- list2env(list(here = here, n = n, tell = tell), envir = new.env(parent = globalenv()))
  task
}

# Does this process ignore interrupts, and so do its workers? So it is with what a shell without job
# control has started with `&`, from R 4.6 on. Known on Linux alone.
ignores_interrupts <- function() {
  lines <- tryCatch(suppressWarnings(readLines("/proc/self/status")), error = function(e) character())
  mask <- sub("^SigIgn:\\s*", "", grep("^SigIgn:", lines, value = TRUE))
  length(mask) == 1L && strtoi(substring(mask, nchar(mask)), 16L) %/% 2L %% 2L == 1L
}
