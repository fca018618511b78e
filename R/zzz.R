.onLoad <- function(libname, pkgname) {
  remember_session()
  rs_parcel_arrivals(list(open_table, close_table, travelling_value))
  remember_environment()
  open_again()
  import_late()
  home <- topenv()
  delayedAssign("cluster", cluster_of_future(), assign.env = home)
  delayedAssign("slurm", slurm_of_future(), assign.env = home)
  delayedAssign("threads", threads_of_future(), assign.env = home)
  register_links()
  # With dplyr attached last its generic is the one that is called.
  give_method <- function(...) registerS3method("collect", "rustle_run", collect.rustle_run, asNamespace("dplyr"))
  if (isNamespaceLoaded("dplyr")) give_method()
  setHook(packageEvent("dplyr", "onLoad"), give_method)
  # A plan is a function too, and a notebook would show its code.
  print_alone <- function(...) {
    for (form in c("repr_html", "repr_latex", "repr_markdown")) registerS3method(form, "rustle_plan", function(obj, ...) NULL, asNamespace("repr"))
  }
  if (isNamespaceLoaded("repr")) print_alone()
  setHook(packageEvent("repr", "onLoad"), print_alone)
  # If another package masks our functions, its own run instead and nobody notices.
  for (package in c("future.apply", "parallel", "future", "boot")) {
    setHook(packageEvent(package, "attach"), function(name, path) {
      if (name == "future" && attaches_itself()) put_behind(name)
      warn_masked(name)
    })
  }
}

# A future attaches the packages of the plan's next levels, future itself among them, where it is
# evaluated: in this session under plan(list(sequential, sequential)). Nobody has asked for it.
attaches_itself <- function() {
  of_future <- function(f) is.function(f) && !is.primitive(f) && identical(environmentName(topenv(environment(f))), "future")
  any(vapply(seq_len(sys.nframe()), function(k) of_future(sys.function(k)), NA))
}

# What is attached in front of rustle is attached again behind it.
put_behind <- function(name) {
  place <- paste0("package:", name)
  if (!isTRUE(match(place, search()) < match("package:rustle", search()))) return(invisible())
  detach(place, character.only = TRUE)
  suppressPackageStartupMessages(attachNamespace(name, pos = match("package:rustle", search()) + 1L))
}

# Tells which of our functions a package attached after us now masks.
warn_masked <- function(name) {
  if (!isTRUE(match(paste0("package:", name), search()) < match("package:rustle", search()))) return()
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
