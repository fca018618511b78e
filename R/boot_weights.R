# Statistics as R functions of weights (as boot's stype = "w": they sum to 1 in each
# stratum), for abc intervals and the jackknife of what has no influence values stored.

# A function of data and weights, or NULL. sizes: of the stratum of each observation.
statistic_of_weights <- function(x, statistic, sizes) {
  if (is.function(statistic)) return(if (identical(x$stype[1L], "w")) statistic)
  formula <- x$statistic
  if (inherits(formula, "formula")) {
    return(function(data, w, ...) {
      frame <- c(as.list(formula_frame(data)), list(.w = w * sizes))
      unlist(eval(formula[[length(formula)]], frame, environment(formula)))
    })
  }
  if (!inherits(formula, "rustle_statistic") || is.null(x$data)) return(NULL)
  native <- compile_statistic(formula, x$data, FALSE, NULL)$compiled$native
  if (!identical(native$source, "sums")) return(NULL)
  z <- matrix(native$z, NROW(x$data))
  function(data, w, ...) {
    counts <- w * sizes
    run_program(native$ops, native$values, c(colSums(z * counts), sum(counts)))
  }
}

# The stack programs of bootstrap-program.R, as crates/bootstrap/src/program.rs runs them.
run_program <- function(ops, values, input) {
  name <- names(program_codes)[match(ops, program_codes)]
  stack <- out <- list()
  pop <- function() {
    top <- stack[[length(stack)]]
    stack[[length(stack)]] <<- NULL
    top
  }
  for (k in seq_along(name)) {
    if (name[[k]] == "store") {
      out[[length(out) + 1L]] <- pop()
      next
    }
    stack[[length(stack) + 1L]] <- switch(name[[k]],
      constant = values[[k]], input = input[[values[[k]]]], neg = -pop(), sqrt = sqrt(pop()),
      exp = exp(pop()), log = log(pop()), abs = abs(pop()),
      {
        b <- pop()
        a <- pop()
        switch(name[[k]],
          `+` = a + b, `-` = a - b, `*` = a * b, `/` = a / b, `^` = a^b,
          floor_at = if (a < b) 0 else a
        )
      }
    )
  }
  unlist(out)
}
