# How much memory a worker that stands by may take before it is replaced, and how much it
# takes. Memory that it shares with others does not count: that of the server of which it is
# a copy does until either writes to it, so growth is what is looked at.

# What a worker is told: `growth` over a job and `total`, in bytes; Inf: no limit.
memory_terms <- function(plan) {
  limit <- plan$settings$memory_limit
  list(growth = if (is.null(limit)) Inf else limit, total = memory_of_group() / plan$workers)
}

# Bytes that the control group of this session may have; Inf where there is no limit.
memory_of_group <- function() {
  if (is.null(budget$memory)) budget$memory <- read_memory_limit()
  budget$memory
}

# Bytes of memory that this machine has; Inf where it does not tell.
memory_of_machine <- function(file = "/proc/meminfo") {
  lines <- tryCatch(suppressWarnings(readLines(file)), error = otherwise(character()))
  kilobytes <- as.numeric(gsub("[^0-9]", "", grep("^MemTotal:", lines, value = TRUE)))
  if (length(kilobytes)) kilobytes * 1024 else Inf
}

# Sets how many bytes of large vectors are kept for the next call; NULL: the default.
set_cache <- function(bytes) {
  if (is.null(bytes)) {
    if (is.null(budget$cache)) budget$cache <- min(memory_of_group(), memory_of_machine(), 2^36) / 4
    bytes <- budget$cache
  }
  if (identical(budget$kept, bytes)) return(invisible())
  rs_parcel_keep(min(bytes, 2^52))
  budget$kept <- bytes
}

# What a worker needs before it has done anything, in bytes, with an allowance for small tasks.
worker_bytes <- 1e8

# Tells, once, that the control group has too little memory for all workers of the plan.
tell_memory <- function(plan) {
  limit <- memory_of_group()
  allowed <- max(1, limit %/% worker_bytes)
  if (plan$workers <= allowed || !first_time("memory_of_group")) return(invisible())
  message(sprintf(
    "This session may use %.0f MB of memory (the limit of its container or batch job), enough for about %.0f workers; the plan has %d.",
    limit / 1e6, allowed, plan$workers
  ))
}

# The least limit of the groups above this process; of version 2 of control groups, and of 1.
read_memory_limit <- function(root = "/sys/fs/cgroup", own = "/proc/self/cgroup") {
  lines <- tryCatch(suppressWarnings(readLines(own)), error = otherwise(character()))
  of <- function(pattern, file, root) {
    path <- sub(pattern, "", grep(pattern, lines, value = TRUE))
    if (!length(path)) return(Inf)
    path <- path[[1L]]
    limits <- Inf
    repeat {
      at <- file.path(paste0(root, sub("/$", "", path)), file)
      text <- if (file.exists(at)) tryCatch(readLines(at, n = 1L), error = otherwise(""))
      limits <- c(limits, suppressWarnings(as.numeric(text)))
      if (!nzchar(path) || path == "/") break
      path <- dirname(path)
    }
    # No limit is "max", or in version 1 more than any machine has.
    min(limits[!is.na(limits) & limits < 2^60], Inf)
  }
  min(
    of("^0::", "memory.max", root),
    of("^[0-9]+:([^:]*,)?memory(,[^:]*)?:", "memory.limit_in_bytes", file.path(root, "memory"))
  )
}

# What is not limited is not looked at.
start_memory <- function(terms) {
  if (is.finite(terms$growth)) terms$start <- rs_own_memory(0)
  terms
}

# Has this worker grown too much since start_memory()? What R would give back does not count.
has_grown <- function(memory) {
  if (is.infinite(memory$growth) && is.infinite(memory$total)) return(FALSE)
  over <- function() {
    now <- rs_own_memory(0)
    isTRUE(now > memory$total) || (is.finite(memory$growth) && isTRUE(now - memory$start > memory$growth))
  }
  if (!over()) return(FALSE)
  gc()
  over()
}
