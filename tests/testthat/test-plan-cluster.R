# cluster, which is future's strategy and survival's term.

test_that("`cluster` is future's strategy, with its arguments, class and attributes", {
  expect_identical(formals(cluster), formals(future::cluster))
  attributes_of <- function(f) attributes(f)[setdiff(names(attributes(f)), "srcref")]
  expect_identical(attributes_of(cluster), attributes_of(future::cluster))
  local_plan(cluster, workers = 1L)
  pid <- value(future(Sys.getpid()))
  expect_false(identical(pid, Sys.getpid()))
  expect_identical(future_lapply(1:3, function(i) i + 1), lapply(1:3, function(i) i + 1))
  local_plan(tweak(cluster, workers = 1L))
  expect_identical(value(future(1 + 1)), 2)
  local_plan(list(tweak(cluster, workers = 1L), sequential))
  expect_identical(value(future(1 + 1)), 2)
})

test_that("`cluster` in formulas of survival does what survival's does, whichever is attached last", {
  skip_if_not_installed("survival")
  with_cluster_of <- function(package, f) {
    home <- new.env(parent = asNamespace("survival"))
    home$cluster <- getExportedValue(package, "cluster")
    environment(f) <- home
    f
  }
  lung <- survival::lung
  f <- Surv(time, status) ~ sex + cluster(inst)
  for (fit in list(survival::survfit, survival::coxph, survival::survreg)) {
    ours <- fit(with_cluster_of("rustle", f), data = lung)
    original <- fit(with_cluster_of("survival", f), data = lung)
    ours$call <- original$call <- ours$terms <- original$terms <- ours$formula <- original$formula <- NULL
    expect_equal(ours, original)
  }
  frame <- stats::model.frame(with_cluster_of("rustle", ~ cluster(inst)), lung)
  expect_identical(as.vector(frame[[1L]]), as.vector(na.omit(lung$inst)))
})
