# What an element of a job array of plan(slurm) costs beside a plain job with the same R work, on
# a throw-away Slurm (tools/cluster-up), which ends with this session. tools/bench reads this
# file after cases.R; where Slurm is not installed there are no cases.

slurm_bench <- local({
  place <- NULL
  function() {
    if (!is.null(place)) return(place)
    place <<- tempfile("slurm-bench-", "/tmp")
    dir.create(place)
    stopifnot(system2(file.path(root, "tools", "cluster-up"), c("slurm", place, 1, workers)) == 0L)
    Sys.setenv(SLURM_CONF = file.path(place, "slurm.conf"), R_LIBS = paste(.libPaths(), collapse = ":"))
    down <- file.path(root, "tools", "cluster-down")
    reg.finalizer(parent.env(environment()), function(e) {
      system2(down, place)
      system2("rm", c("-rf", place))
    }, onexit = TRUE)
    place
  }
})

# Tasks that were journalled would not run again, so each call has a directory of its own.
array_of_one <- function() {
  plan(slurm, dir = tempfile("runs-", slurm_bench()), nodes = 1)
  clock <- Sys.time()
  future_lapply(1:4, function(i) { Sys.sleep(0.5); i })
  structure(as.double(Sys.time() - clock, units = "secs"), class = "seconds")
}

# From sbatch until its result is there, which is looked for as often.
plain_sbatch <- function() {
  file <- tempfile("plain-", slurm_bench())
  code <- sprintf(
    "x <- parallel::mclapply(1:4, function(i) { Sys.sleep(0.5); i }, mc.cores = %d); saveRDS(x, '%s.part'); file.rename('%s.part', '%s')",
    workers, file, file, file
  )
  clock <- Sys.time()
  system2("sbatch", shQuote(c(
    "--parsable", "--exclusive", "--mem=0", "--output=/dev/null", "--wrap", paste(shQuote(file.path(R.home("bin"), "Rscript")), "-e", shQuote(code))
  )), stdout = FALSE)
  while (!file.exists(file)) Sys.sleep(0.1)
  structure(as.double(Sys.time() - clock, units = "secs") + 1.5, class = "seconds")
}

cases <- if (nzchar(Sys.which("sbatch")) && nzchar(Sys.which("slurmctld"))) list(case(
  "slurm: an element of an array, 4 tasks of 0.5 s", "a plain sbatch of them + 1.5 s", 1, array_of_one, plain_sbatch, 5L,
  prepare = slurm_bench
)) else list()
