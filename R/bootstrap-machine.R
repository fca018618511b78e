# Functions given to bootstrap() that are compiled (compiled-run.R): the resamples are drawn
# here, those that workers would draw, and the machine calls the function on each.

# The calls f(data, resample, ...) of the replicates after `from`: list(machine = a frame as lapply_frame()
# makes it, compiled = what was compiled for the first). NULL where calls have another form; with one
# replicate only where the function does not compile, which compile_job() then tells. frame: of boot_frame().
machine_of_boot <- function(job, frame, from) {
  f <- job$statistic
  plain <- job$kind == "function" && job$sim != "parametric" && is.null(job$relabel) && identical(job$compute, f) &&
    is.null(attr(f, "user")) && (is_plain(job$data) || is_list_of_data(job$data))
  if (!plain || !compiles(job$plan) || !is.null(why_for_workers(list(globals = TRUE), job$plan))) return(NULL)
  first <- names(formals(f))[1L]
  if (is.null(first) || first %in% c(NA, "...", names(job$dots))) return(NULL)
  calls <- function(X) {
    do.call(lapply_frame, c(list(X, f), stats::setNames(list(job$data), first), job$dots), quote = TRUE)
  }
  one <- calls(list(frame$resample(from + 1)))
  size <- as.double(utils::object.size(one$X[[1L]]))
  if ((job$R - from) * size > replay_bytes()) return(NULL)
  dots <- frame_dots(one)
  key <- key_of_call(f, dots, NULL)
  compiled <- compile_closure(f, one$X, dots, key = key)
  compiled$key <- key
  if (is.null(compiled$program) || !is.null(why_blas_waits(compiled$products, job$plan))) {
    let_go(compiled, f, key)
    return(list(machine = one))
  }
  list(machine = calls(lapply(from + seq_len(job$R - from), frame$resample)), compiled = compiled)
}

# Makes of what the machine has computed what replicate_value() makes of it: a function of a part
# of the tasks (rs_compiled_values()), which gives NULL where R must tell what is wrong.
# p: how many numbers a value has.
finish_replicates <- function(p) {
  function(part) {
    if (!is.null(part$vector)) {
      if (p != 1L) return(NULL)
      part$vector <- as.double(part$vector)
      return(part)
    }
    done <- !vapply(part$values, is.null, NA)
    values <- part$values[done]
    fit <- all(lengths(values) == p) && !any(vapply(values, is.list, NA)) && sum(!done) == length(part$bailed)
    if (!fit) return(NULL)
    part$values[done] <- lapply(values, as.double)
    part
  }
}
