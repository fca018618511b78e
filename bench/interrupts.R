# How long an interrupt waits in the functions of linear algebra (section "Interrupts" of their help), and in
# compiled functions (?threads).
# What this prints is kept in bench/record: Rscript bench/interrupts.R
# Each call is interrupted five times, later and later; one that ends before is said.
library(rustle)
cat(sprintf("# R %s, rustle %s, 2 threads, %d cores\n", getRversion(), packageVersion("rustle"), parallel::detectCores()))
cat("# load average (1, 5 minutes):", paste(strsplit(readLines("/proc/loadavg"), " ")[[1L]][1:2], collapse = ", "), "\n")

# Milliseconds from the signal to the handler; NA where the call has ended before.
waited <- function(call, after) {
  sent <- tempfile()
  stop <- tempfile()
  on.exit(unlink(c(sent, stop)))
  # The time is noted before the signal is sent.
  system(sprintf("(sleep %g; [ -e %s ] || { date +%%s.%%N > %s; kill -INT %d; }) &", after, stop, sent, Sys.getpid()))
  tryCatch(
    {
      eval(call)
      file.create(stop)
      Sys.sleep(after)
      NA_real_
    },
    interrupt = function(e) 1000 * (as.numeric(Sys.time()) - as.numeric(readLines(sent)))
  )
}

set.seed(1)
m <- matrix(runif(4e6), 2000)
square <- matrix(runif(36e6), 6000)
tall <- matrix(runif(5e7), 1e7)
wide <- matrix(runif(4e7), 2e5)
long <- runif(1e8)
small <- array(runif(16 * 1e6), c(4, 4, 1e6))
response <- runif(1e7)
positive <- crossprod(m[, 1:1500])
points <- matrix(runif(2e5), 2e4)

calls <- list(
  "mt_matmul(), 6000 x 6000" = quote(mt_matmul(square, square, threads = 2)),
  "mt_crossprod(), 1e7 x 5" = quote(for (i in 1:20) mt_crossprod(tall, threads = 2)),
  "mt_cor(), 1e7 x 5" = quote(for (i in 1:20) mt_cor(tall, threads = 2)),
  "mt_solve(), order 6000" = quote(mt_solve(square, threads = 2)),
  "mt_lm_fit(), 1e7 x 5" = quote(for (i in 1:20) mt_lm_fit(tall, response, threads = 2)),
  "mt_lm_fit(), 2e5 x 200" = quote(for (i in 1:20) mt_lm_fit(wide, response[seq_len(2e5)], threads = 2)),
  "mt_dist(), 20,000 points" = quote(mt_dist(points, threads = 2)),
  "mt_rowSums(), 2e5 x 200" = quote(for (i in 1:100) mt_rowSums(wide, threads = 2)),
  "mt_colMeans(), 1e7 x 5" = quote(for (i in 1:100) mt_colMeans(tall, threads = 2)),
  "mt_sort(), 1e8" = quote(mt_sort(long, threads = 2)),
  "mt_solve_batch(), 1e6 of 4 x 4" = quote(for (i in 1:20) mt_solve_batch(small, threads = 2))
)

# Loops that would not end, over numbers, and over what only reads a vector or makes much of one.
plan(threads, workers = 2, compiled = "require")
short <- runif(20000)
weights <- runif(20000)
endless <- function(step) {
  one <- eval(call("function", as.pairlist(alist(i = )), bquote({
    s <- 0
    while (s < 1e300) s <- s + .(step)
    s
  })))
  bquote(future_sapply(1:2, .(one), future.seed = TRUE))
}
calls <- c(calls, lapply(c(
  "compiled: numbers" = quote(i),
  "compiled: cor() of 20,000" = quote(cor(short, weights)),
  "compiled: quantile() of 20,000" = quote(quantile(short, 0.3, names = FALSE)[1]),
  "compiled: colMeans(), 2000 x 2000" = quote(colMeans(m)[1]),
  "compiled: weighted sample.int()" = quote(sample.int(20000, 1, prob = weights)),
  "compiled: order() of 20,000" = quote(order(short)[1]),
  "compiled: solve(), order 200" = quote(solve(m[1:200, 1:200])[1, 1])
), endless))
cat(sprintf("%-34s %s\n", "call", "milliseconds that five interrupts waited"))
for (name in names(calls)) {
  ms <- vapply(c(0.1, 0.2, 0.35, 0.5, 0.8), function(after) waited(calls[[name]], after), 0)
  cat(sprintf("%-34s %s\n", name, paste(ifelse(is.na(ms), "ended before", sprintf("%4.0f", ms)), collapse = " ")))
}
