# The call under "Its reports" in README.md, and its report. What this prints is kept in
# bench/record: Rscript bench/readme.R
library(rustle)
cat(sprintf("# R %s, rustle %s, 2 workers, %d cores\n", getRversion(), packageVersion("rustle"), parallel::detectCores()))
cat("# load average (1, 5 minutes):", paste(strsplit(readLines("/proc/loadavg"), " ")[[1L]][1:2], collapse = ", "), "\n")
plan(multisession, workers = 2)
slow <- function(i) Sys.sleep(i / 40)
x <- future_lapply(1:2, slow) # the workers stand by
x <- future_lapply(1:16, slow, future.chunk.size = 8)
print(job_report())
seconds <- system.time(future_lapply(1:16, slow))[["elapsed"]]
cat(sprintf("Without: %.2f s.\n", seconds))
