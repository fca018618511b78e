# Generated calls: ours does what the installed original does. What a case is made
# of is in helper-differential-cases.R; `tools/test --long` runs twelve times as many.

case_count <- function(usual) if (long_tests()) 8L * usual else ceiling(usual * 2 / 3)

test_that("the comparison sees a difference in each part, and its script runs", {
  skip_without_fork()
  case <- new_case("future_lapply", 1L)
  oracle <- under_future(observe_case(case, "future.apply"))
  expect_length(compare_case(case, oracle, oracle), 0L)
  other <- list(
    value = list("other"), class = "error", message = "other", call = quote(other()),
    conditions = list(list(class = c("warning", "condition"), message = "other", call = NULL)), output = "other", seed = 1:3
  )
  expect_setequal(names(other), compared_parts)
  for (part in names(other)) {
    ours <- oracle
    ours[[part]] <- other[[part]]
    expect_named(compare_case(case, ours, oracle), part)
  }
  envir <- new.env(parent = globalenv())
  utils::capture.output(under_plan(list("sequential"), withr::with_preserve_seed(
    for (code in parse(text = script_of(case))) eval(code, envir)
  )))
  expect_true(all(names(case$setup) %in% names(envir)))
})

test_that("a case is the same whenever it is made", {
  expect_identical(new_case("future_mapply", 7L), new_case("future_mapply", 7L))
})

test_that("every accepted difference is there: a case needs it, and differs without it", {
  skip_on_cran()
  skip_without_fork()
  withr::local_options(keep.source = FALSE)
  expect_setequal(names(difference_cases), names(differences))
  cl <- test_cluster()
  for (name in names(differences)) {
    case <- difference_case(name)
    if (is.null(case)) next
    ours <- under_plan(case$plan, observe_case(case, "rustle"))
    oracle <- under_future(observe_case(case, original_package(case$family), cl = cl))
    expect(is_needed(name, case, ours, oracle), paste(c(
      paste0("Nothing differs any more for this reason: ", name, "."), script_of(case)
    ), collapse = "\n"))
  }
})

counts <- c(
  future_lapply = 120L, future_sapply = 40L, future_vapply = 40L, future_replicate = 30L, future_eapply = 20L,
  future_apply = 40L, future_mapply = 50L, future_Map = 20L, future_.mapply = 20L, future_Filter = 20L,
  future_tapply = 30L, future_by = 25L, mclapply = 60L, mcmapply = 30L, mcMap = 15L, pvec = 30L, parLapply = 25L,
  parLapplyLB = 25L, parSapply = 25L, parSapplyLB = 15L, clusterApply = 15L, clusterApplyLB = 15L, clusterMap = 25L,
  parApply = 20L, parRapply = 15L, parCapply = 15L
)

for (family in names(families)) {
  test_that(paste0(family, "()"), {
    skip_on_cran()
    skip_without_fork()
    withr::local_options(keep.source = FALSE)
    cl <- if (family %in% on_cluster) test_cluster()
    for (number in seq_len(case_count(counts[[family]]))) expect_no_difference(new_case(family, number), cl = cl)
  })
}

test_that("future_*() on sessions of their own", {
  skip_on_cran()
  withr::local_options(keep.source = FALSE)
  plan <- list("multisession", workers = 2, compiled = "never")
  some <- c("future_lapply", "future_sapply", "future_mapply", "future_apply", "future_tapply")
  # Workers live as long as the plan does, so the originals run first.
  cases <- do.call(c, lapply(some, function(family) lapply(1000L + seq_len(case_count(8L)), new_case, family = family, plan = plan)))
  oracles <- lapply(cases, function(case) under_future(observe_case(case, original_package(case$family))))
  under_plan(plan, for (k in seq_along(cases)) {
    expect_no_difference(cases[[k]], observe_case(cases[[k]], "rustle"), oracles[[k]])
  })
})

test_that("future_*() on threads: what they do under plan(sequential)", {
  skip_on_cran()
  withr::local_options(keep.source = FALSE)
  some <- c("future_lapply", "future_sapply", "future_vapply", "future_replicate")
  for (family in some) {
    for (number in seq_len(case_count(10L))) {
      case <- new_case(family, 3000L + number, plan = list("sequential"))
      oracle <- under_plan(list("sequential"), observe_case(case, "rustle"))
      ours <- under_plan(list("threads", workers = 2), observe_case(case, "rustle"))
      expect_length(compare_case(case, ours, oracle), 0L)
    }
  }
})
