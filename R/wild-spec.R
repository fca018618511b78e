# From a model, hypotheses and clusters to what Rust needs for replicates; see
# src/rust/crates/bootstrap/src/wild.rs. All sums are in a basis in which the design has
# orthonormal columns, so that the scale and the correlation of regressors do not matter.

# What a test is made of, a list:
#   a        k x q, the restrictions in the orthonormal basis
#   C        n x q, design times restrictions
#   delta    estimate less null value, q numbers
#   U        n x (1 + d): residuals at the estimate, and their change per unit of delta
#   parts    see variance_parts(), each with `C` where the jackknife has directions of its own
#   V        covariance of the estimate of the restrictions
prepare_test <- function(model, null, parts, boot, type, impose, threads, call) {
  # Columns of further fixed effects are behind the coefficients that have names.
  R <- cbind(null$R, matrix(0, nrow(null$R), nrow(model$back) - ncol(null$R)))
  a <- crossprod(model$back, t(R))
  C <- design_times(model$X, model$back %*% a, threads)
  q <- ncol(a)
  estimate <- as.vector(R %*% model$coef)
  delta <- estimate - null$r
  inner <- solve(crossprod(a))
  U <- cbind(model$residual, if (impose) C %*% inner)
  w <- if (is.null(model$w)) 1 else model$w
  test <- list(
    a = a, C = C, estimate = estimate, delta = delta, U = U, w = w, d = ncol(U) - 1L, q = q, boot = boot, parts = parts, model = model,
    type = type, threads = threads, singular = 0L
  )
  if (type != "11") test <- add_jackknife(test, type, impose)
  test$V <- observed_covariance(test)
  test
}

# Design times restrictions, as the variance of this part has it.
directions <- function(test, part) if (is.null(part$C)) test$C else part$C

observed_covariance <- function(test) {
  V <- matrix(0, test$q, test$q)
  for (part in test$parts) {
    scores <- group_sums(directions(test, part), test$w * test$model$residual, part$group, part$count)
    V <- V + part$factor * crossprod(scores)
  }
  V
}

# The jackknife by blocks: everything follows from the k x k products of the design within
# clusters (MacKinnon, Nielsen and Webb 2023). First digit of `type`: residuals are multiplied
# with the inverse of I less the hat matrix of their bootstrap cluster, in the restricted model where
# the null hypothesis is imposed. Second: the scores of a cluster are those of the estimate without it,
# for each of the clusterings that a variance adds (MacKinnon, Nielsen and Webb 2024).
add_jackknife <- function(test, type, impose) {
  k <- nrow(test$a)
  root <- sqrt(test$w)
  Q <- (root * whole_design(test$model$X)) %*% test$model$back
  singular <- 0L
  if (substr(type, 2L, 2L) == "3") {
    test$parts <- lapply(test$parts, function(part) {
      made <- without_groups(Q, diag(k), part, function(rows, inverse) Q[rows, , drop = FALSE] %*% (inverse %*% test$a), test$C * root)
      singular <<- singular + made$singular
      part$C <- made$values / root
      part
    })
  }
  if (substr(type, 1L, 1L) == "3") {
    others <- if (impose) qr.Q(qr(test$a), complete = TRUE)[, -seq_len(test$q), drop = FALSE] else diag(k)
    u <- root * test$U
    H <- Q %*% others
    if (ncol(others)) {
      made <- without_groups(H, diag(ncol(others)), test$boot, function(rows, inverse) {
        u[rows, , drop = FALSE] + H[rows, , drop = FALSE] %*% (inverse %*% crossprod(H[rows, , drop = FALSE], u[rows, , drop = FALSE]))
      }, u)
      singular <- singular + made$singular
      test$U <- made$values / root
    }
  }
  test$singular <- singular
  test
}

# For each group `f(rows, inverse)`, `inverse` that of the unit matrix less the products of the
# columns of H within the group; of groups of one observation `alone` over 1 less the leverage. By generalized
# inverses where a group alone determines a coefficient: `singular` counts these.
without_groups <- function(H, unit, group, f, alone) {
  if (group$count == nrow(H)) {
    left <- 1 - rowSums(H^2)
    # By the generalized inverse nothing is left of an observation with leverage 1.
    lost <- left <= 1e-10
    return(list(values = alone / ifelse(lost, Inf, left), singular = sum(lost)))
  }
  singular <- 0L
  values <- matrix(0, nrow(H), ncol(alone))
  rows <- split(seq_len(nrow(H)), group$group)
  for (g in seq_along(rows)) {
    i <- rows[[g]]
    left <- unit - crossprod(H[i, , drop = FALSE])
    root <- tryCatch(chol(left), error = function(e) NULL)
    inverse <- if (!is.null(root) && min(diag(root)) > 1e-5) chol2inv(root) else {
      singular <- singular + 1L
      parts <- eigen(left, symmetric = TRUE)
      v <- parts$vectors[, parts$values > 1e-10, drop = FALSE]
      v %*% (t(v) / parts$values[parts$values > 1e-10])
    }
    values[i, ] <- f(i, inverse)
  }
  list(values = values, singular = singular)
}

# The sums that the replicates are made of:
#   S   list over j of (boot clusters) x (k + effect means): scores of the residuals
#   P   list over parts: data frame of intersections, `error`, `boot` and a column per pair
#   B   list over parts, list over restrictions: (error clusters) x (k + effect)
#   nu  (boot clusters) x pairs: numerators
# Pairs (a, j) are counted with j first.
sums_of_test <- function(test) {
  model <- test$model
  boot <- test$boot
  each <- test$d + 1L
  wU <- if (identical(test$w, 1)) test$U else test$w * test$U
  all <- group_sums(model$X, wU, boot$group, boot$count, test$threads)
  at <- function(j) (seq_len(nrow(model$back)) - 1L) * each + j
  flat <- matrix(all, boot$count)
  S <- lapply(seq_len(each), function(j) flat[, at(j), drop = FALSE] %*% model$back)
  nu <- do.call(cbind, lapply(seq_len(test$q), function(i) do.call(cbind, lapply(S, function(s) s %*% test$a[, i]))))
  pairs <- expand.grid(j = seq_len(each), i = seq_len(test$q))
  # The change of the residuals is that of the restrictions, up to a factor.
  from_scores <- function(part) test$type == "11" && test$d > 0L && identical(part$group, boot$group)
  within <- crossprod(test$a)
  B <- lapply(test$parts, function(part) lapply(seq_len(test$q), function(i) {
    if (from_scores(part)) {
      Reduce(`+`, Map(`*`, S[-1L], within[, i]))
    } else {
      group_sums(model$X, test$w * directions(test, part)[, i], part$group, part$count, test$threads) %*% model$back
    }
  }))
  P <- lapply(test$parts, function(part) {
    both <- intersect_groups(list(part, boot))
    # matrix(): group_sums() is in the order of the pairs.
    values <- matrix(group_sums(directions(test, part), wU, both$group, both$count, test$threads), both$count)
    same <- identical(part$group, boot$group)
    first <- if (!same) match(seq_len(both$count), both$group)
    of <- function(group) if (same) seq_len(both$count) else group[first]
    list(error = of(part$group), boot = of(boot$group), values = values)
  })
  out <- list(S = S, nu = nu, B = B, P = P, pairs = pairs)
  # Means of an effect that is not within the bootstrap's clusters change with the weights.
  if (!is.null(model$effect) && !is_nested(model$effect, boot)) out <- add_effect(out, test)
  out
}

# The scores of the residuals less their means by effect: the means are further
# coefficients, and the sums of C by error cluster and effect are what they are multiplied
# with.
add_effect <- function(sums, test) {
  effect <- test$model$effect
  boot <- test$boot
  w <- if (is.null(test$model$w)) rep(1, test$model$n) else test$model$w
  size <- rowsum(w, effect$group)[, 1L]
  cross <- function(x, groups) {
    both <- intersect_groups(list(groups, effect))
    first <- match(seq_len(both$count), both$group)
    out <- matrix(0, groups$count, effect$count)
    out[cbind(groups$group[first], effect$group[first])] <- group_sums(x, w, both$group, both$count)
    out
  }
  sums$S <- lapply(seq_along(sums$S), function(j) {
    cbind(sums$S[[j]], cross(test$U[, j], boot) / rep(size, each = boot$count))
  })
  sums$B <- Map(function(part, B) {
    lapply(seq_along(B), function(i) cbind(B[[i]], cross(directions(test, part)[, i], part)))
  }, test$parts, sums$B)
  sums
}

# The specification. Parts of the variance whose error clusters are within bootstrap clusters
# may be computed by coefficients, where that is less work; others by scores of error clusters.
spec_of_test <- function(test, law, seed) {
  sums <- if (is.null(test$sums)) sums_of_test(test) else test$sums
  clusters <- test$boot$count
  pairs <- nrow(sums$pairs)
  k <- ncol(sums$S[[1L]])
  # Products that parts `at` need by scores.
  rows_of <- function(at) pairs * min(sum(vapply(test$parts[at], `[[`, 0, "count")), pairs * clusters)
  within <- vapply(test$parts, is_nested, NA, test$boot)
  by_coefficients <- k * (test$d + 1L + test$q * pairs) + pairs * (pairs + 1) / 2
  less <- any(within) && by_coefficients + rows_of(!within) < rows_of(rep(TRUE, length(within)))
  choose <- function(at) {
    test$parts <- test$parts[at]
    sums$P <- sums$P[at]
    sums$B <- sums$B[at]
    list(test = test, sums = sums)
  }
  by <- function(spec, at) if (any(at)) list(with(choose(at), spec(test, sums)))
  variance <- if (less) c(by(coefficients_spec, within), by(rows_spec, !within)) else by(rows_spec, !logical(length(within)))
  list(
    spec = list(
      law = law, seed = seed, restrictions = test$q, trials = test$d, clusters = clusters, variance = variance,
      linear = as.double(do.call(cbind, c(list(sums$nu), lapply(variance, `[[`, "linear")))),
      squares = as.double(do.call(cbind, lapply(variance, `[[`, "squares")))
    ),
    floor = floor_of(test, sums)
  )
}

# A variance is degenerate when it is rounding error beside the sum of squares it is made of.
floor_of <- function(test, sums) {
  size <- function(j, l) {
    sum(mapply(function(part, P) abs(part$factor) * sum(P$values[, j] * P$values[, l]), test$parts, sums$P))
  }
  if (test$d == 0L || test$q > 1L) return(1e-12 * c(size(1L, 1L), 0, 0))
  1e-12 * c(size(1L, 1L), 2 * size(1L, 2L), size(2L, 2L))
}

rows_spec <- function(test, sums) {
  clusters <- test$boot$count
  rows <- sum(vapply(test$parts, `[[`, 0, "count"))
  signs <- vapply(test$parts, function(part) sign(part$factor), 0)
  compress <- rows > nrow(sums$pairs) * clusters
  # Each pair a matrix: error clusters by bootstrap clusters.
  matrices <- function(p) {
    lapply(seq_len(nrow(sums$pairs)), function(pair) {
      P <- sums$P[[p]]
      J <- -tcrossprod(sums$B[[p]][[sums$pairs$i[[pair]]]], sums$S[[sums$pairs$j[[pair]]]])
      at <- cbind(P$error, P$boot)
      J[at] <- J[at] + P$values[, pair]
      sqrt(abs(test$parts[[p]]$factor)) * J
    })
  }
  if (!compress) {
    order <- order(-signs)
    blocks <- lapply(order, matrices)
    linear <- do.call(cbind, lapply(seq_len(nrow(sums$pairs)), function(pair) {
      t(do.call(rbind, lapply(blocks, `[[`, pair)))
    }))
    positive <- sum(vapply(test$parts[signs > 0], `[[`, 0, "count"))
    return(list(kind = "rows", rows = rows, positive = positive, linear = linear))
  }
  # More error clusters than the quadratic form has dimensions: its eigenvectors do as well.
  form <- 0
  for (p in seq_along(test$parts)) form <- form + signs[[p]] * crossprod(do.call(cbind, matrices(p)))
  parts <- mt_eigen(form, symmetric = TRUE, threads = test$threads)
  kept <- which(abs(parts$values) > 1e-15 * max(abs(parts$values)))
  kept <- kept[order(-sign(parts$values[kept]))]
  L <- parts$vectors[, kept, drop = FALSE] * rep(sqrt(abs(parts$values[kept])), each = nrow(form))
  linear <- do.call(cbind, lapply(seq_len(nrow(sums$pairs)), function(pair) {
    L[(pair - 1L) * clusters + seq_len(clusters), , drop = FALSE]
  }))
  list(
    kind = "rows", rows = length(kept), positive = sum(parts$values[kept] > 0), linear = linear
  )
}

coefficients_spec <- function(test, sums) {
  k <- ncol(sums$S[[1L]])
  clusters <- test$boot$count
  pairs <- sums$pairs
  q <- Map(function(part, B) function(a, b) part$factor * crossprod(B[[a]], B[[b]]), test$parts, sums$B)
  product <- function(a, b) Reduce(`+`, lapply(q, function(f) f(a, b)))
  if (test$q == 1L) {
    # In the basis of its eigenvectors the matrix is its diagonal.
    turn <- mt_eigen(product(1L, 1L), symmetric = TRUE, threads = test$threads)
    sums$S <- lapply(sums$S, `%*%`, turn$vectors)
    sums$B <- lapply(sums$B, lapply, `%*%`, turn$vectors)
    q <- turn$values
  } else {
    # By rows.
    q <- apply(upper_pairs(test$q), 1L, function(ab) t(product(ab[[1L]], ab[[2L]])))
  }
  by_boot <- function(x, part, P) {
    # Sums over the error clusters of each bootstrap cluster.
    if (part$count == clusters && identical(P$error, P$boot)) return(x[order(P$boot), , drop = FALSE])
    rowsum(x, P$boot, reorder = TRUE)
  }
  w <- lapply(seq_len(test$q), function(b) lapply(seq_len(nrow(pairs)), function(pair) {
    Reduce(`+`, Map(function(part, P, B) {
      part$factor * by_boot(B[[b]][P$error, , drop = FALSE] * P$values[, pair], part, P)
    }, test$parts, sums$P, sums$B))
  }))
  squares <- apply(upper_pairs(nrow(pairs)), 1L, function(xy) {
    Reduce(`+`, Map(function(part, P) {
      part$factor * by_boot(cbind(P$values[, xy[[1L]]] * P$values[, xy[[2L]]]), part, P)
    }, test$parts, sums$P))
  })
  list(
    kind = "coefficients", k = k, q = as.double(q),
    linear = do.call(cbind, c(sums$S, unlist(w, recursive = FALSE))), squares = squares
  )
}

# The pairs (i, j), i <= j, in the order of an upper triangle by rows.
upper_pairs <- function(n) do.call(rbind, lapply(seq_len(n), function(i) cbind(i, i:n)))

# The numbers of all replicates, a row each.
run_wild <- function(spec, R, threads, call) {
  handle <- unpack(rs_wild_open(spec), call)
  pieces <- list()
  in_slices(function(done) {
    if (is.null(done)) done <- 0
    piece <- unpack(rs_wild_run(handle, done, R, threads), call)
    pieces[[length(pieces) + 1L]] <<- piece
    done <- done + nrow(piece)
    list(value = NULL, state = if (done < R) done)
  })
  if (length(pieces) == 1L) pieces[[1L]] else do.call(rbind, pieces)
}
