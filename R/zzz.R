.onLoad <- function(libname, pkgname) {
  remember_session()
  rs_parcel_arrivals(list(open_table, close_table, travelling_value))
  remember_environment()
  assign("cluster", cluster_of_future(), envir = topenv())
  assign("slurm", slurm_of_future(), envir = topenv())
  assign("threads", threads_of_future(), envir = topenv())
  register_links()
  # With dplyr attached last its generic is the one that is called.
  give_method <- function(...) registerS3method("collect", "rustle_run", collect.rustle_run, asNamespace("dplyr"))
  if (isNamespaceLoaded("dplyr")) give_method()
  setHook(packageEvent("dplyr", "onLoad"), give_method)
  # If another package masks our functions, its own run instead and nobody notices.
  for (package in c("future.apply", "parallel", "future", "boot")) {
    setHook(packageEvent(package, "attach"), function(name, path) warn_masked(name))
  }
}

# Tells which of our functions a package attached after us now masks.
warn_masked <- function(name) {
  if (!"package:rustle" %in% search()) return()
  ours <- ls("package:rustle")
  masked <- Filter(function(f) {
    exists(f, paste0("package:", name), inherits = FALSE) &&
      !identical(get(f, paste0("package:", name)), get(f, "package:rustle"))
  }, ours)
  if (length(masked)) {
    packageStartupMessage(sprintf(
      "Package '%s' was attached after rustle and now runs in place of: %s. Attach rustle last.",
      name, paste0(masked, "()", collapse = ", ")
    ))
  }
}
