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

# The least limit of the groups above this process; of version 2 of control groups, and of 1.
read_memory_limit <- function(root = "/sys/fs/cgroup", own = "/proc/self/cgroup") {
  lines <- tryCatch(suppressWarnings(readLines(own)), error = function(e) character())
  of <- function(pattern, file, root) {
    path <- sub(pattern, "", grep(pattern, lines, value = TRUE))
    if (!length(path)) return(Inf)
    path <- path[[1L]]
    limits <- Inf
    repeat {
      at <- file.path(paste0(root, sub("/$", "", path)), file)
      text <- if (file.exists(at)) tryCatch(readLines(at, n = 1L), error = function(e) "")
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

start_memory <- function(terms) c(terms, list(start = rs_own_memory(0)))

# Has this worker grown too much since start_memory()? What R would give back does not count.
has_grown <- function(memory) {
  over <- function() {
    now <- rs_own_memory(0)
    isTRUE(now - memory$start > memory$growth) || isTRUE(now > memory$total)
  }
  if (!over()) return(FALSE)
  gc()
  over()
}
