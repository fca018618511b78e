# Clusters that are drawn again are clusters of their own.

clustered <- function() {
  d <- data.frame(
    id = rep(c(11, 12, 20, 31, 45), c(3, 2, 4, 1, 3)), x = (1:13 * 5) %% 17 + 0, within = c(1, 1, 2, 1, 2, 1, 1, 2, 2, 1, 1, 2, 1)
  )
  d$whole <- as.integer(d$id) + 1L
  d$name <- letters[match(d$id, unique(d$id))]
  d$group <- factor(d$name, c("e", "d", "c", "b", "a", "z"))
  # A measurement of the cluster, not its label.
  d$size <- c(3.5, 2.5, 4.5, 1.5, 9.5)[match(d$id, unique(d$id))]
  d
}

test_that("a function sees as many labels as clusters were drawn, on every plan", {
  d <- clustered()
  first <- which(!duplicated(d$id))
  f <- function(d, i) {
    d <- d[i, ]
    labels <- vapply(c("id", "whole", "name", "group"), function(k) length(unique(d[[k]])), 0)
    means <- tapply(d$x, d$id, mean)
    c(labels, between = var(means), mean = mean(d$x), rows = nrow(d), sizes = length(unique(d$size)))
  }
  run <- function(...) bootstrap(d, f, R = 40, cluster = d$id, seed = 1, ...)
  oracle <- local({
    local_plan("sequential")
    run()
  })
  expect_identical(oracle$relabel, c("id", "name", "group"))
  # Numbers other than the clusters' own are left alone, unless they are named.
  all_labels <- run(relabel = c("id", "whole", "name", "group"))
  expect_true(all(all_labels$t[, c("id", "whole", "name", "group")] == 5))
  expect_true(all(oracle$t[, c("id", "name", "group")] == 5))
  expect_lt(min(oracle$t[, "whole"]), 5)
  # Not a label: it is as it was drawn.
  plain <- run(relabel = FALSE)
  expect_null(plain$relabel)
  expect_identical(oracle$t[, c("mean", "rows", "sizes")], plain$t[, c("mean", "rows", "sizes")])
  # By hand: every cluster's mean counts as often as the cluster.
  counts <- boot_array(plain)[, first]
  means <- tapply(d$x, d$id, mean)
  by_hand <- apply(counts, 1L, function(k) var(rep(means, k)))
  expect_equal(unname(oracle$t[, "between"]), by_hand)
  for (plan in c(if (parallelly::supportsMulticore()) "multicore", "multisession")) {
    local_plan(plan, workers = 2)
    expect_identical(run()$t, oracle$t, info = plan)
  }
})

test_that("new labels are those of no other row, whatever their type", {
  d <- clustered()
  d$dotted <- c("a", "a.2", "b", "b..2", "c")[match(d$id, unique(d$id))]
  d$decimal <- c(1.5, 2, 2.25, -3, 7)[match(d$id, unique(d$id))]
  d$ordered <- factor(d$name, ordered = TRUE)
  seen <- list()
  f <- function(d, i) {
    d <- d[i, ]
    one_to_one <- function(a, b) identical(match(a, unique(a)), match(b, unique(b)))
    same <- vapply(c("id", "whole", "name", "group", "dotted", "decimal", "ordered"), function(k) one_to_one(d[[k]], d$id), NA)
    types <- c(is.integer(d$whole), is.double(d$decimal), is.factor(d$group), is.ordered(d$ordered), is.character(d$dotted))
    c(all(same), length(unique(d$dotted)), all(types), !anyNA(d))
  }
  labels <- c("id", "whole", "name", "group", "dotted", "decimal", "ordered")
  b <- bootstrap(d, f, R = 60, cluster = d$name, seed = 2, relabel = labels)
  expect_true(all(b$t == rep(c(1, 5, 1, 1), each = 60)))
  # Labels within clusters are those of the copy.
  nested <- function(d, i) {
    d <- d[i, ]
    c(length(unique(d$within)), nrow(unique(d[c("id", "within")])) - length(unique(d$within)))
  }
  b <- bootstrap(d, nested, R = 60, cluster = d$id, seed = 2, relabel = c("id", "within"))
  expect_gt(max(b$t[, 1L]), 2)
})

test_that("the first copy of a cluster lies where it lay, and further ones behind the data", {
  d <- clustered()
  f <- function(data, i) {
    stopifnot(identical(data$x[seq_len(13)], d$x), identical(data$id[seq_len(13)], d$id))
    # Those of the data by their old labels, each once; the others by new ones.
    old <- i[i <= 13]
    stopifnot(!anyDuplicated(i), nrow(data) == 13 || all(data$id[i[i > 13]] %in% c(d$id, d$id + 35, d$id + 70, d$id + 105, d$id + 140)))
    sum(data$x[i])
  }
  plain <- bootstrap(d, function(data, i) sum(data$x[i]), R = 30, cluster = d$id, seed = 3, relabel = FALSE)
  b <- bootstrap(d, f, R = 30, cluster = d$id, seed = 3, relabel = "id")
  expect_equal(b$t, plain$t)
})

test_that("a function that uses the data otherwise keeps its labels, with a warning, or is refused", {
  d <- clustered()
  elsewhere <- d$x
  for (f in list(
    function(d, i) mean(elsewhere[i]), function(d, i) mean(d$x[i]) - mean(d$x), function(d, i) nrow(d) + mean(d$x[i]),
    function(d, i) if (max(i) > 13) stop("no") else mean(d$x[i])
  )) {
    expect_warning(b <- bootstrap(d, f, R = 20, cluster = d$id, seed = 1), class = "rustle_warning_relabel")
    expect_no_warning(plain <- bootstrap(d, f, R = 20, cluster = d$id, seed = 1, relabel = FALSE))
    expect_identical(b$t, plain$t)
    expect_argument_error(bootstrap(d, f, R = 20, cluster = d$id, seed = 1, relabel = "id"), "statistic")
  }
  # Random numbers of the statistic are no difference.
  expect_no_warning(bootstrap(d, function(d, i) mean(d$x[i]) + rnorm(1), R = 5, cluster = d$id, seed = 1))
})

test_that("what has no labels is not asked for, and refused when it is", {
  d <- clustered()
  f <- function(d, i) mean(d$x[i])
  refused <- function(...) expect_argument_error(bootstrap(..., R = 5, seed = 1), "relabel")
  refused(d, f, relabel = "id")
  refused(d, f, cluster = d$id, relabel = "nothing")
  refused(d, f, cluster = d$id, relabel = TRUE)
  refused(d, f, cluster = list(d$id, d$within), relabel = "id")
  refused(d, function(d, w) sum(d$x * w), cluster = d$id, stype = "w", relabel = "id")
  refused(as.matrix(d[1:3]), function(m, i) mean(m[i, 2]), cluster = d$id, relabel = "id")
  refused(d, stat_mean("x"), cluster = d$id, relabel = "id")
  d$early <- d$id < 3
  refused(d, f, cluster = d$id, relabel = "early")
  expect_null(bootstrap(d, f, R = 5, seed = 1)$relabel)
  expect_null(bootstrap(d, stat_mean("x"), R = 5, cluster = d$id, seed = 1)$relabel)
  expect_null(bootstrap(d, function(d, w) sum(d$x * w), R = 5, cluster = d$id, stype = "w", seed = 1)$relabel)
  expect_null(bootstrap(d["x"], f, R = 5, cluster = d$id, seed = 1)$relabel)
  # The table says so.
  row <- bootstrap_validity("cluster", "function", "perc")
  expect_identical(row$status, "adapted")
  expect_match(row$note, "relabel")
})

test_that("models that are fitted again see new labels", {
  d <- clustered()
  fit <- lm(x ~ within, d)
  b <- boot_lm(fit, R = 10, seed = 1, cluster = d$id, f = function(m) coef(m))
  expect_identical(b$relabel, c("id", "name", "group"))
  expect_equal(unname(b$t), unname(boot_lm(fit, R = 10, seed = 1, cluster = d$id)$t), tolerance = 1e-6)
})

test_that("standard errors of a mixed model are those of resampled subjects", {
  skip_if_not_installed("lme4")
  skip_on_cran()
  # Not among the packages that tests ask for.
  lmer <- getExportedValue("lme4", "lmer")
  fixef <- getExportedValue("lme4", "fixef")
  sleep <- getExportedValue("lme4", "sleepstudy")
  slopes <- function(d) fixef(suppressWarnings(suppressMessages(lmer(Reaction ~ Days + (Days | Subject), d))))
  b <- bootstrap(sleep, function(d, i) slopes(d[i, ]), R = 60, cluster = sleep$Subject, seed = 1)
  counts <- boot_array(b)[, !duplicated(sleep$Subject)]
  by_subject <- split(sleep, sleep$Subject)
  by_hand <- function(k) {
    drawn <- rep(seq_along(by_subject), k)
    slopes(do.call(rbind, Map(function(j, new) transform(by_subject[[j]], Subject = new), drawn, seq_along(drawn))))
  }
  # The optimizer stops at about four digits.
  for (r in 1:8) expect_equal(unname(b$t[r, ]), unname(by_hand(counts[r, ])), tolerance = 1e-3)
  same <- bootstrap(sleep, function(d, i) slopes(d[i, ]), R = 60, cluster = sleep$Subject, seed = 1, relabel = FALSE)
  expect_gt(sd(b$t[, 2L]), 1.15 * sd(same$t[, 2L]))
})

test_that("dates and other numbers with a class get new labels; what cannot have them is told", {
  days <- as.Date("2026-01-01") + rep(1:8, each = 5)
  distinct <- function(d, i) length(unique(d[i, ]$id))
  for (id in list(days, as.POSIXct(days), structure(as.double(days), class = "labelled"), as.double(days), as.integer(days))) {
    d <- data.frame(y = 1:40)
    d$id <- id
    b <- bootstrap(d, distinct, R = 20, cluster = d$id, seed = 1)
    expect_identical(b$relabel, "id")
    expect_true(all(b$t == 8))
  }
  dated <- function(d, i) inherits(d[i, ]$id, "Date") + 0
  d$id <- days
  expect_true(all(bootstrap(d, dated, R = 5, cluster = d$id, seed = 1)$t == 1))
  d <- data.frame(y = 1:8, id = rep(c(TRUE, FALSE), each = 4))
  expect_warning(b <- bootstrap(d, distinct, R = 5, cluster = d$id, seed = 1), "`id`", class = "rustle_warning_relabel")
  expect_null(b$relabel)
  expect_no_warning(bootstrap(d, distinct, R = 5, cluster = d$id, seed = 1, relabel = FALSE))
})
