# Resamples of boot() in this package's own code, with boot's numbers: those of one replicate lie
# together, and boot's matrix of all of them, of which each replicate takes a row, is not made.
# What is drawn in another way is left to boot's code (boot-replay.R).
#
# A draw is a list: `row` (a function: what the statistic gets in the k-th of `count` replicates, of
# which `to` is the last), `free` (gives their memory back), `seed` (the random state after all were
# drawn), `begin` (that before), `R`, `n`, `strata` (the rows of each) and `stype`.

# How often resamples are drawn at most to keep a part of them each time.
draw_passes <- 8L

# NULL: boot's own code is to draw.
draw_resamples <- function(replay) {
  frame <- replay$frame
  plain <- identical(replay$call[[1L]], quote(boot::boot)) && frame$sim != "parametric" && identical(frame$simple, FALSE) &&
    isTRUE(all(frame$m == 0)) && is.null(frame$weights)
  if (!plain) return(NULL)
  R <- frame$R
  n <- NROW(replay$data)
  sim <- frame$sim
  # One permutation of the rows of all replicates waits beside those that are kept.
  passes <- if (sim == "balanced") 1L else draw_passes
  if (R < fewest_drawn(sim) || n * R >= 2^31 || n * R * 4 > passes * replay_bytes()) return(NULL)
  strata <- strata_of_boot(frame$strata, n)
  stype <- frame$stype[1L]
  L <- double()
  if (sim == "antithetic") {
    L <- if (is.null(frame$L)) replay$envir[["L"]] else frame$L
    # boot's own code has NA for the mirror images of several strata.
    if (length(strata) != 1L || !is.numeric(L) || is.object(L) || length(L) != n || anyNA(L)) return(NULL)
  }
  # Where sizes of strata differ, boot's weights of a replicate depend on how many there are.
  equal <- stype != "w" || length(unique(lengths(strata))) == 1L
  if (is.null(strata) || !equal || !draws_as_boot(replay$seed, sim)) return(NULL)
  rows_from(list(R = R, n = n, strata = strata, begin = replay$seed, stype = stype, sim = sim, L = as.double(L)), 1)
}

# boot does not permute for one replicate.
fewest_drawn <- function(sim) if (sim == "permutation") 2L else 1L

# The rows of each stratum, in boot's order; NULL where it is not plain.
strata_of_boot <- function(strata, n) {
  if (!is.numeric(strata) && !is.factor(strata) || is.object(strata) && !is.factor(strata)) return(NULL)
  unname(split(seq_len(n), as.numeric(strata)))
}

# Replicates from `from` on, as many as may wait.
rows_from <- function(drawn, from) {
  drawn$count <- min(drawn$R - from + 1, max(1, floor(replay_bytes() / (4 * drawn$n))))
  drawn$to <- from + drawn$count - 1
  draw <- function() {
    unpack(rs_resample(
      drawn$begin, drawn$strata, drawn$stype, drawn$sim, drawn$L, as.double(drawn$R), as.double(from - 1), as.double(drawn$count)
    ))
  }
  made <- draw()
  drawn$seed <- made$seed
  rows <- made$rows
  # A replicate that runs again later has its rows drawn again.
  drawn$row <- function(k) {
    if (is.null(rows)) rows <<- draw()$rows
    rs_resampled_row(rows, k)
  }
  drawn$free <- function() {
    if (!is.null(rows)) rs_resampled_free(rows)
    rows <<- NULL
  }
  if (!is.null(made)) drawn
}

# NULL where there are no more.
draw_more <- function(drawn) {
  if (drawn$to < drawn$R) rows_from(drawn, drawn$to + 1)
}

# The object that boot's own code makes, but for `t`: it runs for as few replicates as it can. first:
# called as the statistic is, for the data; blank: for those replicates.
object_of_boot <- function(replay, drawn, first, blank) {
  calls <- 0L
  envir <- new.env(parent = replay$envir)
  envir$statistic <- function(...) {
    calls <<- calls + 1L
    if (calls > 1L) return(blank(...))
    # boot calls it when all is drawn.
    set_random_seed(drawn$seed)
    first(...)
  }
  call <- replay$call
  call$R <- fewest_drawn(drawn$sim)
  out <- eval(call, envir)
  out$R <- drawn$R
  out
}

# Kinds of random numbers and schemes for which numbers have been compared with those of boot: by name,
# TRUE where they are the same.
compared <- new.env(parent = emptyenv())

draws_as_boot <- function(seed, sim = "ordinary") {
  kind <- paste(seed[[1L]], sim)
  if (is.null(compared[[kind]])) assign(kind, compare_draws(sim), envir = compared)
  compared[[kind]]
}

# Draws small resamples here and by boot, from the present kind of generator.
compare_draws <- function(sim = "ordinary") {
  begin <- get_random_seed()
  L <- if (sim == "antithetic") c(2, 1, 2, 5, 2, 3, 1, 9, 0)
  same <- function(stype, strata) {
    set_random_seed(begin)
    rows <- list()
    boot::boot(1:9, function(d, i) { rows[[length(rows) + 1L]] <<- i; 1 }, 71L, sim = sim, stype = stype, strata = strata, L = L)
    drawn <- rows_from(list(
      R = 71, n = 9L, strata = strata_of_boot(strata, 9L), begin = begin, stype = stype, sim = sim, L = as.double(L)
    ), 1)
    !is.null(drawn) && identical(lapply(1:71, drawn$row), rows[-1L]) && identical(drawn$seed, get_random_seed())
  }
  strata <- list(i = c(1, 3, 2, 3, 1, 1, 3, 1, 3), f = rep(1, 9), w = c(2, 1, 3, 1, 2, 2, 3, 1, 3), w = rep(1, 9))
  if (sim == "antithetic") strata <- strata[c(2L, 4L)]
  keep_random_seed(all(mapply(same, names(strata), strata)))
}
