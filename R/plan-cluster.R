# cluster is the name of a strategy of future and of a term of survival's formulas. Ours
# is both: survival's function returns what it is given.

# A copy of future's function, made by .onLoad() from the version of future that is
# installed. It has the same class, arguments and attributes, so that plan() and tweak()
# treat it as future's own.
cluster <- NULL

cluster_of_future <- function(f = future::cluster) {
  value <- if (identical(names(formals(f))[[1L]], "...")) quote(..1) else as.name(names(formals(f))[[1L]])
  # It travels to workers that may have no rustle: base R and stats alone.
  out <- f
  body(out) <- bquote({
    if (nargs() == 1L && is.null(names(sys.call()))) {
      for (k in seq_len(sys.nframe() - 1L)) {
        if (identical(sys.function(k), stats::model.frame.default)) return(.(value))
      }
    }
    .(body(f))
  })
  # `body<-` drops the class.
  attributes(out) <- attributes(f)[setdiff(names(attributes(f)), "srcref")]
  out
}
