# Families of generated calls: see helper-differential.R.

# A list of code for each family: data and arguments. `kind`: what FUN does.
families <- list(
  future_lapply = function(kind) lapply_case(kind),
  future_sapply = function(kind) {
    lapply_case(kind, more = c(
      if (chance(0.3)) list(simplify = pick(TRUE, FALSE, "array")), if (chance(0.3)) list(USE.NAMES = pick(TRUE, FALSE))
    ))
  },
  future_vapply = function(kind) {
    out <- lapply_case(kind, more = list(
      FUN.VALUE = pick(1, 1L, NA, "", numeric(2), c(a = 1, b = 2), list(1), 1i, character(0), matrix(1, 2, 2))
    ))
    if (chance(0.3)) out$arguments$USE.NAMES <- pick(TRUE, FALSE)
    # Most functions do not fit most templates.
    if (kind == "plain" && chance(0.8)) {
      fitting <- pick(
        list(function(x, ...) length(x) / 2, 1), list(function(x, ...) length(x), 1L), list(function(x, ...) is.null(x), NA),
        list(function(x, ...) typeof(x), ""), list(function(x, ...) c(a = 1, b = length(x)), numeric(2)),
        list(function(x, ...) length(x), 1), list(function(x, ...) matrix(length(x), 2, 2), matrix(1, 2, 2)),
        list(function(x, ...) list(x), list(1)), list(function(x, ...) as.raw(1), raw(1)),
        list(function(x, ...) if (is.null(x)) 1L else 2, 1), list(function(x, ...) c(p = NA, q = 1), c(u = 0, v = 0))
      )
      out$setup$FUN <- fitting[[2L]]
      out$arguments$FUN.VALUE <- fitting[[3L]]
    }
    out
  },
  future_replicate = function(kind) {
    n <- any_length()
    f <- any_function(kind)
    arguments <- future_arguments(kind, n)
    arguments$future.seed <- if (kind == "random") any_seed(kind, n) else TRUE
    list(
      setup = list(FUN = f, f = quote(match.fun(FUN))),
      arguments = c(list(n, quote(f(2))), if (chance(0.4)) list(simplify = pick(TRUE, FALSE, "array")), arguments), n = n
    )
  },
  future_eapply = function(kind) {
    out <- lapply_case(kind)
    out$setup$X <- pick(list2env(list(a = 1, b = "u", .hidden = 2, c = NULL)), new.env(), list2env(list(x = 1:3, y = -2)))
    out$arguments <- rename(out$arguments, "env")
    flags <- list(all.names = pick(TRUE, FALSE), USE.NAMES = pick(TRUE, FALSE))
    out$arguments <- c(out$arguments, flags[c(chance(0.4), chance(0.3))])
    out
  },
  future_tapply = function(kind) {
    n <- max(2L, any_length())
    list(
      setup = list(
        X = put_n(pick(seq_len(.n), rep_len(c(2.5, NA, 1), .n), rep_len(letters, .n), as.list(seq_len(.n))), n),
        INDEX = put_n(pick(
          rep_len(1:3, .n), factor(rep_len(c("u", "v"), .n), levels = c("v", "w", "u")), rep_len(c("a", NA), .n),
          list(g = rep_len(1:2, .n), h = rep_len(c("p", "p", "q"), .n)), rep(1, .n)
        ), n), FUN = any_function(kind)
      ),
      arguments = c(
        list(quote(X), quote(INDEX), quote(FUN)), if (chance(0.3)) list(simplify = pick(TRUE, FALSE)),
        if (chance(0.2)) list(default = pick(NA, 0, "none")), future_arguments(kind, 0L)
      ), n = n
    )
  },
  future_by = function(kind) {
    f <- any_function(kind)
    list(
      setup = list(
        data = pick(warpbreaks[c(1:3, 28:33), ], warpbreaks[1:9, "breaks"], data.frame(breaks = 1:9, tension = "a"), as.matrix(mtcars[1:9, 1:2])),
        g = pick(rep(1:3, 3), factor(rep(c("u", "v", "u"), 3)), list(rep(1:2, length.out = 9), first = rep(c("a", "b", "b"), 3)), warpbreaks[c(1:3, 28:33), "tension"]),
        FUN = bquote(match.fun(.(f)))
      ),
      arguments = c(
        list(quote(data), quote(g), quote(FUN)), if (chance(0.3)) list(simplify = pick(TRUE, FALSE)), future_arguments(kind, 0L)
      ), n = 3L
    )
  },
  future_apply = function(kind) {
    list(
      setup = list(
        X = pick(
          matrix(1:6, 2), matrix(c(1.5, NA, 3, 4), 2, dimnames = list(c("r", "s"), c("x", "y"))), array(1:24, 2:4),
          array(1:12, c(2, 3, 2), list(a = c("i", "j"), b = NULL, c = c("k", "l"))), matrix(letters[1:4], 2), as.matrix(iris[1:4, 1:2]),
          data.frame(u = 1:3, v = c(2, 5, 1)), matrix(0, 0, 3), matrix(1:3, 1), matrix(list(1, "a", NULL, 2), 2), table(c(1, 1, 2), c("a", "b", "a"))
        ), FUN = any_function(kind)
      ),
      arguments = c(
        list(quote(X), pick(1, 2, 2L, c(1, 2), 1L), quote(FUN)), any_dots(), if (chance(0.3)) list(simplify = pick(TRUE, FALSE)),
        future_arguments(kind, 0L)
      ), n = 3L
    )
  },
  future_mapply = function(kind) mapply_case(kind, list(
    if (chance(0.3)) list(MoreArgs = pick(NULL, list(z = 1), list(z = quote(a), 2))),
    if (chance(0.3)) list(SIMPLIFY = pick(TRUE, FALSE, "array")), if (chance(0.3)) list(USE.NAMES = pick(TRUE, FALSE))
  )),
  future_Map = function(kind) mapply_case(kind, list(), "f"),
  future_.mapply = function(kind) {
    n <- max(1L, any_length())
    arguments <- list(
      FUN = quote(FUN), dots = call("list", any_data(n), y = any_data(n)), MoreArgs = pick(NULL, list(), list(z = 1))
    )
    list(setup = list(FUN = any_function(kind)), arguments = c(arguments, future_arguments(kind, n)), n = n)
  },
  future_Filter = function(kind) {
    out <- lapply_case(kind)
    if (kind == "plain") out$setup$FUN <- pick(is.numeric, function(x, ...) length(x) == 1L, "is.character", function(x, ...) NA)
    out$arguments <- rename(out$arguments, c("x", "f"))
    out
  },
  mclapply = function(kind) {
    out <- lapply_case(kind, future = FALSE, more = c(
      list(mc.cores = sample.int(4L, 1L)), if (chance(0.6)) list(mc.preschedule = pick(TRUE, FALSE)),
      if (chance(0.3)) list(mc.set.seed = pick(TRUE, FALSE)), if (chance(0.2)) list(mc.silent = pick(TRUE, FALSE)),
      if (chance(0.1)) list(mc.cleanup = pick(TRUE, FALSE)), if (chance(0.1)) list(mc.allow.recursive = pick(TRUE, FALSE))
    ))
    out$state <- if (kind == "random") lecuyer_state
    out
  },
  mcmapply = function(kind) mc_mapply_case(kind, c(
    if (chance(0.3)) list(SIMPLIFY = pick(TRUE, FALSE)), if (chance(0.3)) list(USE.NAMES = pick(TRUE, FALSE)),
    if (chance(0.3)) list(MoreArgs = pick(NULL, list(z = 1)))
  )),
  mcMap = function(kind) mc_mapply_case(kind, list(), "f"),
  pvec = function(kind) {
    n <- any_length()
    FUN <- switch(kind,
      plain = pick(sqrt, function(x) x^2, function(x) stats::setNames(x, NULL), "rev", as.character, function(x) list(1)[rep(1L, length(x))], paste),
      failing = pick(function(x) if (any(x > 3, na.rm = TRUE)) stop("too large") else x, function(x) stop("always")),
      saying = pick(function(x) { cat("out\n"); x }, function(x) { message("m"); x }, function(x) as.integer(paste0("a", x))),
      random = pick(function(x) stats::rnorm(length(x)), function(x) x + stats::runif(length(x)))
    )
    v <- put_n(pick(seq_len(.n), seq(0.5, by = 1.25, length.out = .n), stats::setNames(seq_len(.n), rep_len(letters, .n)), as.list(seq_len(.n))), n)
    if (identical(v[[1L]], quote(as.list)) && kind != "plain") v <- put_n(quote(seq_len(.n)), n)
    list(
      setup = list(v = v, FUN = FUN), arguments = c(list(quote(v), quote(FUN)), mc_arguments()), n = n,
      state = if (kind == "random") lecuyer_state
    )
  },
  parLapply = function(kind) cluster_case(kind, "fun"),
  parLapplyLB = function(kind) cluster_case(kind, "fun"),
  parSapply = function(kind) cluster_case(kind, "FUN", list(simplify = pick(TRUE, FALSE), USE.NAMES = pick(TRUE, FALSE))),
  parSapplyLB = function(kind) cluster_case(kind, "FUN", list(simplify = pick(TRUE, FALSE), USE.NAMES = pick(TRUE, FALSE))),
  clusterApply = function(kind) cluster_case(kind, "fun", chunks = FALSE),
  clusterApplyLB = function(kind) cluster_case(kind, "fun", chunks = FALSE),
  clusterMap = function(kind) {
    n <- max(1L, any_length())
    more <- list(
      MoreArgs = pick(NULL, list(z = 1)), RECYCLE = pick(TRUE, FALSE), SIMPLIFY = pick(TRUE, FALSE), USE.NAMES = pick(TRUE, FALSE),
      .scheduling = pick("static", "dynamic")
    )
    list(
      setup = list(fun = fixed_function(kind)), n = n,
      arguments = c(list(quote(cl), quote(fun), any_data(n)), if (chance(0.6)) list(any_data(if (chance(0.5)) 1L else n)), more[stats::runif(5L) < 0.3])
    )
  },
  parApply = function(kind) matrix_case(kind, list(pick(1, 2, 2L))),
  parRapply = function(kind) matrix_case(kind, list()),
  parCapply = function(kind) matrix_case(kind, list())
)

mc_arguments <- function() {
  more <- list(mc.set.seed = pick(TRUE, FALSE), mc.silent = pick(TRUE, FALSE), mc.cleanup = pick(TRUE, FALSE))
  c(list(mc.cores = sample.int(4L, 1L)), more[stats::runif(3L) < 0.2])
}

mc_mapply_case <- function(kind, more, name = "FUN") {
  out <- mapply_case(kind, list(), name)
  out$arguments <- out$arguments[!startsWith(paste(names(out$arguments), ""), "future.")]
  cut <- if (chance(0.5)) list(mc.preschedule = pick(TRUE, FALSE))
  out$arguments <- c(out$arguments, more, cut, mc_arguments())
  # mcMap() has this one of its own.
  if (name == "f") out$arguments$mc.silent <- NULL
  out$state <- if (kind == "random") lecuyer_state
  out
}

# Calls on the workers of a cluster; those of the plan where ours runs.
cluster_case <- function(kind, name, more = list(), chunks = TRUE) {
  out <- lapply_case(if (kind == "random") "plain" else kind, future = FALSE)
  out$arguments <- c(
    list(quote(cl), quote(X)), stats::setNames(list(quote(FUN)), name), out$arguments[-(1:2)], more[stats::runif(length(more)) < 0.3],
    if (chunks && chance(0.4)) list(chunk.size = pick(1, 2, 3, 0))
  )
  out
}

matrix_case <- function(kind, margin) {
  list(
    setup = list(
      x = pick(matrix(1:6, 2), matrix(c(1.5, NA, 3, 4), 2, dimnames = list(c("r", "s"), c("x", "y"))), matrix(letters[1:6], 3), as.matrix(iris[1:5, 1:3]), matrix(1:3, 1)),
      FUN = fixed_function(kind)
    ),
    arguments = c(list(quote(cl), quote(x)), margin, list(quote(FUN)), if (chance(0.4)) list(chunk.size = pick(1, 2, 0))), n = 3L
  )
}

fixed_function <- function(kind) any_function(if (kind == "random") "plain" else kind)

on_cluster <- c(
  "parLapply", "parLapplyLB", "parSapply", "parSapplyLB", "parApply", "parRapply", "parCapply", "clusterApply",
  "clusterApplyLB", "clusterMap"
)
on_forks <- c("mclapply", "mcmapply", "mcMap", "pvec")

rename <- function(arguments, first) {
  if (is.null(names(arguments))) names(arguments) <- rep("", length(arguments))
  names(arguments)[seq_along(first)] <- first
  arguments
}

lapply_case <- function(kind, more = list(), future = TRUE) {
  n <- any_length()
  odd <- chance(0.2)
  FUN <- any_function(kind)
  list(
    setup = list(X = if (odd) odd_data() else any_data(n), FUN = FUN),
    arguments = c(
      list(quote(X), quote(FUN)), any_dots(), more, if (future) future_arguments(kind, if (odd) 0L else n)
    ), n = n
  )
}

mapply_case <- function(kind, more, name = "FUN") {
  n <- max(1L, any_length())
  arguments <- c(list(quote(FUN), any_data(n)), if (chance(0.7)) list(any_data(if (chance(0.3)) 1L else n)))
  names(arguments) <- c(name, if (chance(0.3)) c("x", "y")[seq_along(arguments[-1L])] else rep("", length(arguments) - 1L))
  list(setup = list(FUN = any_function(kind)), arguments = c(arguments, unlist(more, FALSE), future_arguments(kind, n)), n = n)
}
