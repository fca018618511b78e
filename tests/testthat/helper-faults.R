# Fault tests run in an R process of their own with a time limit: a hang fails.

skip_unless_faults <- function() {
  skip_on_cran()
  skip_on_os("windows")
  skip_if_not(parallelly::supportsMulticore(), "forking is not possible here")
}

# Containers may have no pseudo-terminals.
skip_without_terminal <- function() {
  skip_if(Sys.which("script") == "", "no script(1)")
  skip_if_not(grepl("util-linux", paste(suppressWarnings(
    system2("script", "--version", stdout = TRUE, stderr = TRUE)
  ), collapse = "")), "not the script(1) of util-linux")
  probe <- run_command(c("script", "-qec", "test -t 1", "/dev/null"), 10)
  skip_if_not(identical(probe$status, 0L), "script(1) can make no pseudo-terminal here")
}

skip_unless_linux <- function() {
  skip_if_not(dir.exists("/proc/self/fd"), "needs /proc")
}

# What every script finds. `squares()` is the job of most of them: task `at`
# calls `fault()` when it runs for the first time, and its value is i^2.
fault_preamble <- quote({
  library(rustle)
  options(mc.cores = 2L)
  scratch <- tempfile("faults-")
  dir.create(scratch)
  # TRUE once per tag, in whatever process.
  first_time <- function(tag) dir.create(file.path(scratch, tag), showWarnings = FALSE)
  # How often a task has started is the size of its file.
  note_run <- function(i) cat("x", file = file.path(scratch, paste0("run-", i)), append = TRUE)
  runs <- function(i) {
    sizes <- file.size(file.path(scratch, paste0("run-", i)))
    ifelse(is.na(sizes), 0, sizes)
  }
  die <- function(signal) {
    tools::pskill(Sys.getpid(), signal)
    Sys.sleep(5)
  }
  squares <- function(tag, fault, n = 20L, at = 7L, apply = future_lapply, ...) {
    apply(seq_len(n), function(i) {
      if (i %in% at && first_time(paste0(tag, i))) fault()
      i^2
    }, ...)
  }
  expected <- function(n = 20L) lapply(seq_len(n), function(i) i^2)
  right <- function(tag, fault, n = 20L, ...) {
    tryCatch(identical(squares(tag, fault, n, ...), expected(n)), error = conditionMessage)
  }
  # Process ids of the children of `parent`, zombies included.
  children <- function(parent = Sys.getpid()) {
    pids <- list.files("/proc", "^[0-9]+$")
    lines <- vapply(pids, function(pid) {
      text <- tryCatch(readLines(file.path("/proc", pid, "stat"), warn = FALSE),
        error = function(e) "", warning = function(w) "")
      if (length(text)) text[[1L]] else ""
    }, "")
    rest <- strsplit(sub("^.*\\) ", "", lines), " ")
    mine <- vapply(rest, function(words) length(words) > 2L && words[[2L]] == parent, NA)
    as.integer(pids[mine])
  }
  # Is the process there, and no zombie? Waits for its end up to `seconds`: what is told to end
  # does so, on a machine however busy.
  alive <- function(pids, seconds = 30) {
    one <- function(pid) {
      state <- tryCatch(
        sub("^.*\\) ", "", readLines(file.path("/proc", pid, "stat"), warn = FALSE)),
        error = function(e) "X", warning = function(w) "X"
      )
      !substr(state, 1L, 1L) %in% c("X", "Z", "")
    }
    until <- Sys.time() + seconds
    repeat {
      there <- vapply(pids, one, NA)
      if (!any(there) || Sys.time() > until) return(there)
      Sys.sleep(0.02)
    }
  }
  # Waits until `test()` is TRUE.
  wait_until <- function(test, seconds = 30) {
    until <- Sys.time() + seconds
    while (!isTRUE(test()) && Sys.time() < until) Sys.sleep(0.02)
    isTRUE(test())
  }
  # Is every worker gone and reaped? One that was told to end may need a moment
  # for it, and a thread reaps what left last.
  none_left <- function() wait_until(function() !length(children()))
  # Sends SIGINT to `target` (a pid; a group when negative) `delay` seconds from now.
  interrupt_later <- function(delay, target = Sys.getpid()) {
    system(sprintf("(sleep %g; kill -s INT -- %d) >/dev/null 2>&1 &", delay, target))
  }
  # Sends SIGINT to `target` when `n` files of `scratch` whose names match the pattern of a shell
  # have something in them: when tasks have come so far, that is.
  interrupt_when <- function(pattern, n = 1L, target = Sys.getpid()) {
    system(sprintf(
      "(while kill -0 %d && [ $(find %s -name '%s' -size +0 | wc -l) -lt %d ]; do sleep 0.05; done; sleep 0.1; kill -s INT -- %d) >/dev/null 2>&1 &",
      Sys.getpid(), scratch, pattern, n, target
    ))
  }
})

# Runs `code` (an expression in braces) after the preamble in a fresh R process.
# Its variable `out` comes back as `value`, with `status` (128 + n after signal n),
# `stdout` and `stderr`. A script that hangs fails the test.
#
# wrap: a command line put before `Rscript`. args: given to the script.
# before: further functions of the script, as a quoted expression in braces.
# directory: for the script and its answer.
run_r <- function(code, timeout = 30, wrap = character(), args = character(), quietly = FALSE,
                  before = quote({}), directory = tempdir()) {
  script <- tempfile("script-", directory, fileext = ".R")
  answer <- tempfile("answer-", directory, fileext = ".rds")
  withr::defer(unlink(c(script, answer)))
  text <- c(
    deparse_body(fault_preamble),
    deparse_body(before),
    sprintf("answer_file <- %s", deparse(answer)),
    deparse_body(substitute(code)),
    "if (exists('out')) saveRDS(out, answer_file)"
  )
  writeLines(text, script)
  run_script(script, answer, timeout, wrap, args, quietly)
}

run_script <- function(script, answer, timeout, wrap, args, quietly) {
  command <- c(wrap, file.path(R.home("bin"), "Rscript"), "--vanilla", script, args)
  result <- run_command(command, timeout)
  result$value <- if (file.exists(answer)) readRDS(answer)
  if (result$timeout) {
    fail(sprintf("The script did not end within %g s.\n%s%s", 3 * timeout, result$stdout, result$stderr))
  } else if (!quietly && !file.exists(answer)) {
    fail(sprintf(
      "The script gave no answer (status %d).\n%s%s", result$status, result$stdout, result$stderr
    ))
  }
  result
}

# A command with a time limit; at its end the whole process group is killed. timeout: seconds
# that it may take on an idle machine. A busy one gets more, since a limit is for what hangs.
run_command <- function(command, timeout) {
  timeout <- 3 * timeout
  files <- tempfile(c("stdout-", "stderr-"))
  withr::defer(unlink(files))
  libraries <- paste(.libPaths(), collapse = .Platform$path.sep)
  # exec: the script leads the process group that system2() makes.
  command <- c("env", paste0("R_LIBS=", libraries), "R_TESTS=", "TESTTHAT=", command)
  status <- suppressWarnings(system2(
    "exec", shQuote(command), stdout = files[[1L]], stderr = files[[2L]], timeout = timeout
  ))
  text <- function(file) paste(readLines(file, warn = FALSE), collapse = "\n")
  list(
    status = status, timeout = status == 124L, stdout = text(files[[1L]]), stderr = text(files[[2L]])
  )
}

# `value`: a named list of claims that hold. What is not TRUE is shown.
expect_all_true <- function(value) {
  bad <- Filter(Negate(isTRUE), value)
  shown <- vapply(bad, function(x) paste(format(x), collapse = " "), "")
  expect(
    length(value) > 0L && !length(bad),
    paste0(c("Not TRUE:", paste0(names(bad), ": ", shown)), collapse = "\n")
  )
}

deparse_body <- function(code) {
  lines <- if (identical(code[[1L]], as.name("{"))) as.list(code)[-1L] else list(code)
  unlist(lapply(lines, deparse, control = c("keepNA", "keepInteger", "niceNames", "showAttributes")))
}

# A shared object with ways to die that R does not offer; NULL without a compiler.
fault_library <- local({
  built <- NULL
  function() {
    if (!is.null(built) && file.exists(built)) return(built)
    directory <- tempfile("faultlib-")
    dir.create(directory)
    writeLines(c(
      "#include <signal.h>", "#include <stdlib.h>", "#include <unistd.h>",
      "#include <string.h>", "#include <fcntl.h>", "#include <sys/stat.h>",
      "void fault_segv(void) { *(volatile int *)8 = 1; }",
      "void fault_abort(void) { abort(); }",
      "void fault_exit(int *status) { _exit(*status); }",
      "void fault_stack(int *n) { volatile char page[65536]; page[0] = 1; page[65535] = 2;",
      "  if (*n >= 0) fault_stack(n); page[1] = page[0]; }",
      "void fault_close(int *fd) { close(*fd); }",
      "#ifdef __linux__", "#include <errno.h>", "#include <stddef.h>", "#include <sys/prctl.h>",
      "#include <sys/syscall.h>", "#include <linux/filter.h>", "#include <linux/seccomp.h>",
      "void fault_no_memfd(int *done) { struct sock_filter code[] = {",
      "  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),",
      "  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_memfd_create, 0, 1),",
      "  BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };",
      "  struct sock_fprog program = { 4, code }; prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);",
      "  *done = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0; }", "#endif",
      "void fault_write(int *fd, int *n) { *n = (int) write(*fd, \"x\", 1); }"
    ), file.path(directory, "faults.c"))
    object <- file.path(directory, paste0("faults", .Platform$dynlib.ext))
    status <- withr::with_dir(directory, system2(
      file.path(R.home("bin"), "R"), c("CMD", "SHLIB", "-o", basename(object), "faults.c"),
      stdout = FALSE, stderr = FALSE
    ))
    if (status == 0L && file.exists(object)) built <<- object
    built
  }
})

skip_without_fault_library <- function() {
  library <- fault_library()
  skip_if(is.null(library), "no C compiler")
  library
}

# A directory that a user without rights can read and write, and that user.
nobody <- function() {
  skip_if_not(identical(unname(Sys.info()[["user"]]), "root"), "needs root to become somebody else")
  skip_if(Sys.which("setpriv") == "" || Sys.which("prlimit") == "", "no setpriv or prlimit")
  # Limits count what a user has: test files that run at the same time have a user each.
  id <- as.character(50000L + Sys.getpid() %% 10000L)
  home <- tempfile("nobody-", tmpdir = "/tmp")
  dir.create(home)
  Sys.chmod(home, "0777", use_umask = FALSE)
  withr::defer_parent(unlink(home, recursive = TRUE))
  able <- suppressWarnings(system2("setpriv", c(
    "--reuid", id, "--regid", id, "--clear-groups", "test", "-r",
    shQuote(file.path(find.package("rustle"), "DESCRIPTION"))
  ), stdout = FALSE, stderr = FALSE))
  skip_if_not(identical(able, 0L), "somebody else cannot read the package")
  list(
    home = home, wrap = c(
      "setpriv", "--reuid", id, "--regid", id, "--clear-groups", "env",
      paste0("HOME=", home), paste0("TMPDIR=", home)
    )
  )
}

# In scripts: from now on only `extra` more processes for this user, who has no
# other than the script itself.
limit_processes <- quote({
  limit_processes <- function(extra) {
    # The thread that reaps the workers of the call before is not to be counted.
    none_left()
    threads <- function(k) { Sys.sleep(0.02); length(list.files("/proc/self/task")) }
    now <- min(vapply(1:25, threads, 1L))
    system(sprintf("prlimit --pid %d --nproc=%d", Sys.getpid(), now + extra))
  }
})
