# The smallest data that travel in a file of their own (LARGE_BYTES of the crate parcels).
large_bytes <- 2^20

there_and_back <- function(object) unpack_here(pack_object(object))

sizes_of <- function(object) rs_parcel_sizes(pack_object(object))

is_mapped <- function(x) any(grepl(" mapped ", utils::capture.output(.Internal(inspect(x)))))

# Vectors of every type with `bytes` bytes of data.
vectors_of <- function(bytes) {
  n <- bytes / c(4, 4, 8, 16, 1)
  list(
    rep_len(c(TRUE, FALSE, NA), n[[1]]), rep_len(c(1:7, NA), n[[2]]),
    rep_len(c(pi, NA, NaN, -Inf, -0), n[[3]]), rep_len(complex(real = c(1, NA), imaginary = c(2, NaN)), n[[4]]),
    rep_len(as.raw(0:255), n[[5]])
  )
}

test_that("what comes out is what went in", {
  big <- rnorm(2e5)
  recursive <- new.env()
  recursive$self <- recursive
  recursive$big <- big
  sealed <- list2env(list(a = 1), parent = emptyenv())
  lockEnvironment(sealed, bindings = TRUE)
  objects <- list(
    NULL, 1:3, numeric(), "a", NA_character_, letters, list(), list(1, list("b", NULL)),
    structure(big, class = "mine", note = "n"), matrix(big, 400, dimnames = list(NULL, paste0("v", 1:500))),
    factor(sample(letters, 5e5, TRUE)), structure(rep_len(1:3, 5e5), levels = c("x", "y", "z"), class = c("ordered", "factor")),
    as.POSIXct(big, origin = "1970-01-01", tz = "UTC"), data.frame(x = big, y = rev(big), z = "s"),
    list(a = big, b = list(big, c = big)), ts(big, frequency = 12), paste0("text", seq_len(3e5)),
    1:1e6, seq(2, 4e6, by = 2), array(1:6e5, c(100, 100, 60)), quote(f(x, y = 2)), structure(y ~ x + log(z), .Environment = globalenv()),
    expression(a, b + 1), as.name("a"), structure(list(1), class = "s3"), pairlist(a = 1, b = big),
    globalenv(), baseenv(), emptyenv(), asNamespace("stats"), stats::sd, sum, base::`if`
  )
  for (object in objects) expect_identical(there_and_back(object), object)
  back <- there_and_back(list(recursive, sealed))
  expect_identical(back[[1]]$self, back[[1]])
  expect_identical(back[[1]]$big, big)
  expect_true(environmentIsLocked(back[[2]]) && bindingIsLocked("a", back[[2]]))
})

test_that("vectors around the size from which they travel apart come out identical", {
  for (bytes in large_bytes + c(-16, 0, 16)) {
    x <- vectors_of(bytes)
    back <- there_and_back(x)
    expect_identical(back, x)
    expect_identical(vapply(back, is_mapped, NA), rep(bytes >= large_bytes, 5), info = bytes)
  }
})

test_that("every bit of a number is kept, NA and NaN alike", {
  bits <- as.raw(c(0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0xf8, 0x7f))
  payload <- readBin(bits, "double", endian = "little")
  x <- rep_len(c(NA, NaN, payload, -payload, 0, -0), 2e5)
  expect_identical(serialize(there_and_back(x), NULL), serialize(x, NULL))
})

test_that("S4 objects and reference classes travel with their large slots", {
  setClass("Holder", slots = c(data = "numeric", name = "character"), where = globalenv())
  on.exit(removeClass("Holder", where = globalenv()))
  x <- new("Holder", data = rnorm(2e5), name = "h")
  back <- there_and_back(x)
  expect_identical(back, x)
  expect_true(is_mapped(back@data))
  numbers <- setClass("Numbers", contains = "numeric", where = globalenv())
  on.exit(removeClass("Numbers", where = globalenv()), add = TRUE)
  y <- numbers(rnorm(2e5))
  expect_identical(there_and_back(y), y)
  expect_true(isS4(there_and_back(y)))
})

test_that("functions keep their byte code and their environment", {
  scale <- local({
    by <- rnorm(2e5)
    compiler::cmpfun(function(x) x * by)
  })
  back <- there_and_back(scale)
  expect_identical(environment(back)$by, environment(scale)$by)
  expect_true(is_mapped(environment(back)$by))
  expect_identical(back(2), scale(2))
  has_byte_code <- function(f) any(grepl("BCODESXP|bytecode", utils::capture.output(.Internal(inspect(f)), print(f))))
  expect_true(has_byte_code(scale))
  expect_true(has_byte_code(back))
})

test_that("data that looks like the head of a vector does not mislead", {
  # Flags and length of a large double vector as integers, before and within real data.
  head <- c(14L, 200000L)
  long <- c(-1L, 0L, 200000L)
  for (x in list(
    list(head, raw(8096 * 8), rnorm(2e5)), list(c(14L, -1L), rnorm(2e5)), list(c(14L, long), rnorm(2e5)),
    rep_len(head, 5e5), list(rep_len(c(14L, long), 8096), rnorm(8096)), list(-1L, rnorm(2e5)),
    list(strrep("x", 8096 * 8), rnorm(2e5))
  )) expect_identical(there_and_back(x), x)
})

test_that("what was sent is not sent again, wherever it stands", {
  rs_parcel_keep(0)
  rs_parcel_keep(2^30)
  on.exit(rs_parcel_keep(2^30))
  x <- rnorm(3e5)
  first <- sizes_of(list(x, x))
  expect_identical(first$bytes, c(2.4e6, 2.4e6))
  expect_identical(first$found, c(FALSE, TRUE))
  expect_gt(first$sent, 2.4e6)
  again <- sizes_of(data.frame(y = x + 0, z = rev(x)))
  expect_identical(again$found, c(TRUE, FALSE))
  expect_lt(again$sent, 2.41e6)
  f <- local({ y <- x; function() y })
  expect_true(all(sizes_of(f)$found))
})

test_that("what was changed in place is sent anew", {
  skip_if_not_installed("data.table")
  x <- data.table::data.table(a = rnorm(3e5), b = rnorm(3e5))
  pack_object(x)
  expect_identical(sizes_of(x)$found, c(TRUE, TRUE))
  data.table::set(x, 7L, "b", 99)
  expect_identical(sizes_of(x)$found, c(TRUE, FALSE))
  expect_identical(there_and_back(x)$b[[7]], 99)
})

test_that("what is kept is bounded", {
  on.exit(rs_parcel_keep(2^30))
  rs_parcel_keep(0)
  rs_parcel_keep(5e6)
  for (k in 1:10) pack_object(rnorm(2e5))
  expect_lte(rs_parcel_kept()$bytes, 5e6)
  # A parcel larger than that is whole as long as its handle lives.
  x <- lapply(1:6, function(k) rnorm(2e5))
  handle <- pack_object(x)
  expect_lte(rs_parcel_kept()$bytes, 5e6)
  expect_identical(unpack_here(handle), x)
  rs_parcel_keep(0)
  expect_identical(rs_parcel_kept(), list(bytes = 0, files = 0))
})

test_that("hundreds of large vectors share a few files", {
  x <- lapply(1:300, function(k) rnorm(131072))
  handle <- pack_object(x)
  expect_lt(rs_parcel_sizes(handle)$files, 10)
  expect_identical(unpack_here(handle), x)
})

test_that("writing into what came out reaches nobody else", {
  x <- rnorm(3e5)
  handle <- pack_object(x)
  one <- unpack_here(handle)
  two <- unpack_here(handle)
  expect_true(is_mapped(one))
  one[[1]] <- 1000
  one[1e5 + 1:100] <- 0
  expect_identical(one[[1]], 1000)
  expect_identical(two, x)
  expect_identical(unpack_here(handle), x)
  # C code that writes through the pointer that it asks for.
  three <- unpack_here(handle)
  y <- sort(three, method = "quick")
  expect_identical(three, x)
  expect_identical(y, sort(x))
})

test_that("mapped vectors compute, subset, save and travel again as ordinary ones do", {
  m <- matrix(rnorm(3e5), 500)
  x <- c(m)
  i <- sample(1.2e6)
  l <- i > 5e5
  z <- complex(real = x, imaginary = rev(x))
  r <- as.raw(i %% 256)
  back <- there_and_back(list(m = m, x = x, i = i, l = l, z = z, r = r))
  expect_true(all(vapply(back, is_mapped, NA)))
  expect_identical(crossprod(back$m), crossprod(m))
  expect_identical(back$m %*% back$m[1, ], m %*% m[1, ])
  expect_identical(sum(back$x), sum(x))
  expect_identical(range(back$x), range(x))
  expect_identical(sort(back$x), sort(x))
  expect_identical(order(back$i), order(i))
  expect_identical(cumsum(back$x), cumsum(x))
  expect_identical(back$x[c(3, 1e5, NA, 4e5)], x[c(3, 1e5, NA, 4e5)])
  expect_identical(back$m[2:3, ], m[2:3, ])
  expect_identical(back$x[-1], x[-1])
  expect_identical(which(back$l), which(l))
  expect_identical(rev(back$r), rev(r))
  expect_identical(Mod(back$z), Mod(z))
  expect_identical(as.character(back$i[1:10]), as.character(i[1:10]))
  expect_identical(as.numeric(back$i), as.numeric(i))
  expect_identical(back$i[[17]] + back$x[[3]], i[[17]] + x[[3]])
  expect_identical(unserialize(serialize(back, NULL)), unserialize(serialize(list(m = m, x = x, i = i, l = l, z = z, r = r), NULL)))
  expect_identical(serialize(back$x, NULL), serialize(x, NULL))
  file <- withr::local_tempfile()
  saveRDS(back, file)
  read <- readRDS(file)
  expect_identical(read$m, m)
  expect_false(is_mapped(read$x))
  sizes <- sizes_of(back)
  expect_true(all(sizes$found))
  expect_identical(there_and_back(back)$z, z)
  back$x[2:3] <- c(0, 0)
  expect_identical(back$x[1:4], c(x[[1]], 0, 0, x[[4]]))
})

test_that("memory goes back when what came out is collected", {
  skip_on_os(c("mac", "windows"))
  mappings <- function() sum(grepl("memfd:rustle", readLines("/proc/self/maps")))
  descriptors <- function() length(list.files("/proc/self/fd"))
  rs_parcel_keep(0)
  rs_parcel_keep(2^30)
  x <- lapply(1:20, function(k) rnorm(2e5))
  invisible(gc())
  before <- c(mappings(), descriptors())
  back <- there_and_back(x)
  expect_gte(mappings(), before[[1]] + 20)
  rm(back)
  invisible(gc())
  rs_parcel_keep(0)
  rs_parcel_keep(2^30)
  expect_identical(c(mappings(), descriptors()), before)
})

test_that("an error while an object is written or read leaves nothing behind", {
  descriptors <- function() length(list.files("/proc/self/fd"))
  deep <- NULL
  for (k in 1:1e6) deep <- list(deep)
  x <- rnorm(2e5)
  handle <- pack_object(x)
  invisible(gc())
  before <- descriptors()
  for (k in 1:3) {
    message <- tryCatch(pack_object(list(x, deep)), error = conditionMessage)
    expect_match(message, "stack|nested")
  }
  invisible(gc())
  expect_identical(descriptors(), before)
  expect_identical(there_and_back(x), x)
})
