# Tests of the desk. Session and worker are R processes of their own: a desk travels from one
# to the other in a file.

# What can be seen of a desk in a process.
desk_functions <- quote({
  library(utils)
  facts <- function() {
    list(
      directory = getwd(), libraries = .libPaths(), mask = Sys.umask(NA),
      options = options()[setdiff(names(options()), rustle:::own_options())],
      locale = rustle:::locale_categories(), search = search(), kinds = RNGkind()
    )
  }
  session_desk <- rustle:::session_desk
  lay_desk <- rustle:::lay_desk
  note_desk <- rustle:::note_desk
  clear_desk <- rustle:::clear_desk
  a_pointer <- function() unclass(getLoadedDLLs()[["stats"]])$handle
  # What lay_desk() warns of.
  told <- function(expr) {
    texts <- character()
    withCallingHandlers(expr, warning = function(w) {
      texts <<- c(texts, conditionMessage(w))
      invokeRestart("muffleWarning")
    })
    texts
  }
})

# Evaluates `session` in one process, whose `out` is read by `worker` in another as `given`.
in_two <- function(session, worker) {
  file <- withr::local_tempfile(fileext = ".rds")
  run <- eval(bquote(run_r(.(substitute(session)), before = desk_functions)))
  saveRDS(run$value, file)
  before <- as.call(c(as.list(desk_functions), quote(given <- readRDS(commandArgs(TRUE)[[1L]]))))
  eval(bquote(run_r(.(substitute(worker)), before = before, args = file)))$value
}
