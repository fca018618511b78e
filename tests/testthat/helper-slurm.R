# A throw-away Slurm (tools/cluster-up) for the tests of a file; they are skipped where the
# parts cannot be had.

# The directory of what tools/cluster-up has started, which `frame` ends.
local_slurm <- function(frame = parent.frame(), nodes = 3L) {
  skip_on_cran()
  up <- cluster_tool("cluster-up")
  skip_if(is.null(up), "tools/cluster-up is not there: this is a package without its sources")
  skip_if(Sys.which("sbatch") == "", "Slurm is not installed")
  dir <- tempfile("slurm-", tmpdir = "/tmp")
  dir.create(dir)
  withr::defer({
    system2(cluster_tool("cluster-down"), dir)
    # A node that was killed leaves a socket, which unlink() does not remove.
    system2("rm", c("-rf", dir))
  }, envir = frame)
  said <- suppressWarnings(system2(up, c("slurm", dir, nodes), stdout = TRUE, stderr = TRUE))
  status <- attr(said, "status")
  skip_if(identical(status, 77L), paste(said, collapse = " "))
  if (!is.null(status)) stop(paste(c("tools/cluster-up has failed:", said), collapse = "\n"))
  withr::local_envvar(c(SLURM_CONF = file.path(dir, "slurm.conf"), R_LIBS = paste(.libPaths(), collapse = ":")), .local_envir = frame)
  dir
}

cluster_tool <- function(name) {
  for (up in c("../..", "..", ".", "../../..")) {
    file <- file.path(up, "tools", name)
    if (file.exists(file)) return(normalizePath(file))
  }
}

# A new directory for runs, and the plan on it, until `frame` ends.
local_slurm_plan <- function(..., frame = parent.frame()) {
  dir <- withr::local_tempdir("runs-", tmpdir = "/tmp", .local_envir = frame)
  local_plan(slurm, dir = dir, ..., .local_envir = frame)
  dir
}

jobs_left <- function() {
  until <- Sys.time() + 60
  repeat {
    left <- length(system2("squeue", c("-h", "-r"), stdout = TRUE))
    if (!left || Sys.time() > until) return(left)
    Sys.sleep(0.2)
  }
}

# How often tasks have started: each appends to a file of its own in `notes`.
starts <- function(notes, n) {
  sizes <- file.size(file.path(notes, seq_len(n)))
  ifelse(is.na(sizes), 0, sizes)
}

# A task notes its start in the file of its process: its number and the time.
note_start <- quote(cat(i, format(as.numeric(Sys.time()), digits = 17), "\n", file = file.path(notes, Sys.getpid()), append = TRUE))

# list(starts, again): how often tasks have started, and those that have started after another
# process had finished and journalled them, that is, had gone on to its next task.
noted_starts <- function(notes, n) {
  one <- function(file) {
    x <- utils::read.table(file)
    data.frame(task = x[[1L]], at = x[[2L]], over = c(x[[2L]][-1L], Inf))
  }
  files <- list.files(notes, "^[0-9]+$", full.names = TRUE)
  # A process that was killed in between has written nothing yet.
  all <- do.call(rbind, lapply(files[file.size(files) > 0], one))
  over <- stats::ave(all$over, all$task, FUN = min)
  list(starts = tabulate(all$task, n), again = all$task[all$at > over])
}
