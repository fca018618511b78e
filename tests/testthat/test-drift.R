# Every mirrored function has the arguments of its original, in order and with the
# same defaults: those of the versions that are installed, whichever they are.

# Deliberate differences: the arguments concerned and why, by function.
drift <- list()

# Functions that an older original lacks.
younger <- c("future_Filter", "future_kernapply", "future_kernapply.default", "future_kernapply.ts")

mirrored <- list(
  future.apply = c(
    "future_lapply", "future_sapply", "future_vapply", "future_eapply", "future_tapply", "future_replicate",
    "future_apply", "future_mapply", "future_.mapply", "future_Map", "future_Filter", "future_by",
    "future_kernapply", "future_by.default", "future_by.data.frame", "future_kernapply.default", "future_kernapply.ts"
  ),
  parallel = c(
    "mclapply", "mcmapply", "mcMap", "pvec", "mcparallel", "mccollect", "parLapply", "parLapplyLB", "parSapply",
    "parSapplyLB", "parApply", "parRapply", "parCapply", "clusterApply", "clusterApplyLB", "clusterMap",
    "clusterCall", "clusterEvalQ", "clusterExport", "clusterSplit", "clusterSetRNGStream", "setDefaultCluster",
    "getDefaultCluster", "makePSOCKcluster", "makeForkCluster", "mcaffinity", "makeCluster", "stopCluster",
    "detectCores", "splitIndices", "nextRNGStream", "nextRNGSubStream", "mc.reset.stream"
  )
)
# Exports of the originals that have no counterpart here: for those who write
# types of clusters, who extend parallel itself.
not_mirrored <- c("closeNode", "recvData", "recvOneData", "sendData", "registerClusterType")

# Not there on Windows.
forking <- c("mcparallel", "mccollect", "mcaffinity", "makeForkCluster")

# Arguments of `ours` that are not as those of `original`; "order" when these are the
# same, but not in the same order.
drifted <- function(ours, original) {
  a <- as.list(formals(args(ours)))
  b <- as.list(formals(args(original)))
  all <- union(names(b), names(a))
  differ <- Filter(function(name) {
    !name %in% names(a) || !name %in% names(b) || !identical(deparse(a[[name]]), deparse(b[[name]]))
  }, all)
  if (!length(differ) && !identical(names(a), names(b))) differ <- "order"
  as.character(differ)
}

test_that("drift is seen", {
  f <- function(x, y = 2, ...) NULL
  expect_identical(drifted(f, f), character())
  expect_identical(drifted(function(x, y = 3, ...) NULL, f), "y")
  expect_identical(drifted(function(x, ...) NULL, f), "y")
  expect_identical(drifted(function(x, y = 2, ..., z) NULL, f), "z")
  expect_identical(drifted(function(y = 2, x, ...) NULL, f), "order")
})

for (package in names(mirrored)) {
  test_that(paste("functions of", package, "have its arguments"), {
    skip_if_not_installed(package)
    original <- asNamespace(package)
    names <- mirrored[[package]]
    if (.Platform$OS.type == "windows") names <- setdiff(names, forking)
    for (name in names) {
      if (name %in% younger && !exists(name, original, inherits = FALSE)) next
      found <- drifted(get(name, asNamespace("rustle")), get(name, original, inherits = FALSE))
      expect_identical(found, as.character(names(drift[[name]])), info = paste(name, packageVersion(package)))
    }
  })
}

test_that("what the originals export is exported here", {
  for (package in names(mirrored)) {
    skip_if_not_installed(package)
    exports <- getNamespaceExports(package)
    expect_identical(setdiff(exports, c(mirrored[[package]], not_mirrored)), character(), info = package)
    expect_identical(
      setdiff(intersect(exports, mirrored[[package]]), getNamespaceExports("rustle")), character(), info = package
    )
  }
})

# The functions of linear algebra have the arguments of base R's in its order; their own
# come behind. Where the original is generic, those of its method for matrices or vectors.
algebra <- list(
  mt_matmul = function(x, y) NULL, mt_crossprod = crossprod, mt_tcrossprod = tcrossprod,
  mt_chol = chol.default, mt_chol2inv = chol2inv, mt_solve = solve.default, mt_determinant = determinant.matrix,
  mt_det = det, mt_qr = qr.default, mt_svd = svd, mt_eigen = eigen, mt_prcomp = stats::prcomp,
  mt_prcomp.default = utils::getS3method("prcomp", "default"), mt_prcomp.formula = utils::getS3method("prcomp", "formula"),
  mt_lm = stats::lm, mt_lm_fit = stats::lm.fit, mt_dist = stats::dist, mt_cor = stats::cor, mt_cov = stats::cov,
  mt_rowSums = rowSums, mt_colSums = colSums, mt_rowMeans = rowMeans, mt_colMeans = colMeans,
  mt_sort = sort.default, mt_order = order
)
# Without an original in base R.
our_own <- c(
  "mt_rowVars", "mt_colVars", "mt_rowMedians", "mt_colMedians", "mt_rowQuantiles", "mt_colQuantiles",
  "mt_solve_batch", "mt_chol_batch", "mt_lm_batch"
)
behind <- c("schedule", "threads", "weights", "qr", "tol")
# Arguments that differ, and why.
differing <- list(
  mt_order = c(method = "strings are compared as in the C locale, which order() does when told \"radix\"")
)
# Before R 4.4 crossprod() had no dots; R may drop its obsolete arguments.
optional <- c("...", "LINPACK", "EISPACK")

test_that("functions of linear algebra have the arguments of base R in its order, and theirs behind", {
  exported <- grep("^mt_", getNamespaceExports("rustle"), value = TRUE)
  expect_identical(sort(setdiff(exported, our_own)), sort(intersect(names(algebra), exported)))
  for (name in names(algebra)) {
    ours <- as.list(formals(args(get(name, asNamespace("rustle")))))
    base <- as.list(formals(args(algebra[[name]])))
    lacking <- setdiff(optional, names(base))
    own <- setdiff(names(ours), c(names(base), lacking))
    expect_identical(setdiff(own, behind), character(), info = name)
    expect_identical(setdiff(names(ours), c(own, lacking)), names(base), info = name)
    expect_identical(utils::tail(names(ours), length(own)), own, info = name)
    for (argument in setdiff(names(base), names(differing[[name]]))) {
      expect_identical(deparse(ours[[argument]]), deparse(base[[argument]]), info = paste(name, argument))
    }
  }
})
