# What cannot travel as it is: external pointers, connections and weak references lead to
# something that is in one process only. Rust notices while R serializes whether there may be
# such things (src/rust/src/parcel/watch.rs); only then the code here looks where they are.
#
# Objects of a class with a serializer travel by that. They are taken out of the object that
# travels (whatever holds them, environments included), and made anew where it arrives.

# Serializers by class, written here only: list(serialize, unserialize), or list(refuse) with
# advice. First those of users.
serializers <- new.env(parent = emptyenv())
serializers$own <- list()
serializers$ready <- list(
  xml_document = list(serialize = function(x) xml2::xml_serialize(x, NULL), unserialize = function(x) xml2::xml_unserialize(x)),
  xml_node = list(serialize = function(x) xml2::xml_serialize(x, NULL), unserialize = function(x) xml2::xml_unserialize(x)),
  xml_nodeset = list(serialize = function(x) xml2::xml_serialize(x, NULL), unserialize = function(x) xml2::xml_unserialize(x)),
  DBIConnection = list(
    refuse = "Connect in the task, or once in each worker: by the code of `setup` of the plan",
    returned = "Return what was read by it instead"
  )
)

set_serializers <- function(own) {
  before <- serializers$own
  serializers$own <- own
  # Those that are ready concern objects with pointers, which are noticed anyhow.
  rs_watch_classes(as.character(names(own)))
  before
}

# The users' serializers as they are sent to workers: the names of classes are not those that
# Rust looks for.
packed_serializers <- function() {
  own <- serializers$own
  if (length(own)) structure(own, names = paste0("class ", names(own)))
}

unpacked_serializers <- function(sent) structure(as.list(sent), names = sub("^class ", "", names(sent)))

# The serializer of an object, with its `class`, or NULL.
serializer_of <- function(x) {
  if (!is.object(x)) return()
  classes <- if (isS4(x)) methods::is(x) else class(x)
  for (known in list(serializers$own, serializers$ready)) {
    class <- classes[classes %in% names(known)]
    if (length(class)) return(c(known[[class[[1L]]]], class = class[[1L]]))
  }
}

#' Send objects of a class to workers in a way of their own
#'
#' Objects that hold external pointers (models of torch and xgboost, tables of arrow, rasters
#' of terra) are dead in another process. With a serializer they travel: `serialize()` makes
#' of an object something that can be sent, `unserialize()` makes the object of that again.
#' Both directions are served, from the session to workers and back, wherever the object is:
#' among globals, data and arguments, in lists, attributes, slots and the environments of
#' functions.
#'
#' Sent are, under `plan(multisession)`, what FUN needs and what workers keep (`setup` of the plan,
#' [clusterExport()] and its relatives with `cl = NULL`), and what tasks return under every plan
#' with workers of our own. (Forked workers have the objects of the session already. Futures
#' of other plans are sent by future. Nodes of `plan(cluster)` are sent FUN without serializers.)
#'
#' Ready-made: documents, nodes and node sets of xml2. Connections of DBI are refused with an
#' error, because a connection belongs to its process: connect in the task, or in each worker
#' once.
#'
#' An object that appears at several places arrives once if it is an environment or an
#' external pointer; otherwise each of the places has its own copy.
#'
#' @section Without a serializer:
#' A pointer that is sent to workers is treated as the option
#' `future.globals.onReference` says, on nodes of `plan(cluster)`, too: `"ignore"` (the default), `"warning"` or `"error"`, of
#' class `rustle_warning_reference` and `rustle_error_reference`. A pointer that a task
#' returns is dead in the session: a warning of class `rustle_warning_reference` says
#' so, once per call, with `task`, the number of the first such task, and `path`, the place
#' in its value.
#'
#' @section Examples for packages:
#' \preformatted{
#' register_serializer("torch_tensor", torch::torch_serialize, torch::torch_load)
#' register_serializer(
#'   "ArrowTabular",
#'   function(x) arrow::write_to_raw(x, format = "stream"),
#'   function(x) arrow::read_ipc_stream(x, as_data_frame = FALSE)
#' )
#' register_serializer("SpatRaster", terra::wrap, terra::unwrap)
#' # (Versions of xgboost before 2 need xgb.load.raw(x, as_booster = TRUE).)
#' register_serializer("xgb.Booster", xgboost::xgb.save.raw, xgboost::xgb.load.raw)
#' }
#'
#' @param class Name of a class, a string. An object has the serializer of the first of its
#'   classes (`class(x)`; for S4 objects with those that they extend) that has one.
#' @param serialize A function of an object that returns what is sent: anything without
#'   pointers, for example a raw vector. `NULL` with `unserialize = NULL`: the class has none
#'   from now on.
#' @param unserialize A function of what `serialize()` has returned that returns the object.
#'   It travels along: what it needs beyond its own environment it calls by `package::name`.
#' @return Invisibly, the serializer that users had given the class before:
#'   `list(serialize, unserialize)`, or `NULL`.
#' @section Errors:
#' * `rustle_error_argument`: wrong arguments.
#' * `rustle_error_serializer`: one of the two functions failed; the message says which, and
#'   of what class. Field `class_name`.
#' @seealso [plan()]; `?"rustle-plans"` for what workers see.
#' @examples
#' counter <- function(value) {
#'   structure(list(value = value, handle = new.env()), class = "counter")
#' }
#' register_serializer("counter", function(x) x$value, counter)
#' sent <- counter(3)
#' future_sapply(1:2, function(i) i + sent$value)
#' #> [1] 4 5
#' register_serializer("counter", NULL, NULL)
#' @export
register_serializer <- function(class, serialize, unserialize) {
  call <- sys.call()
  if (!is.character(class) || length(class) != 1L || is.na(class) || !nzchar(class)) {
    stop_argument("class", "the name of a class", class, call)
  }
  own <- serializers$own
  before <- own[[class]]
  if (is.null(serialize) && is.null(unserialize)) {
    own[[class]] <- NULL
  } else {
    if (!is.function(serialize)) stop_argument("serialize", "a function, or NULL like `unserialize`", serialize, call)
    if (!is.function(unserialize)) stop_argument("unserialize", "a function, or NULL like `serialize`", unserialize, call)
    own[[class]] <- list(serialize = serialize, unserialize = unserialize)
  }
  set_serializers(own)
  invisible(before)
}

# Takes what cannot travel out of an object: `walk(x, path)` does that for a part, and returns
# what travels in its place; `result()` is list(table, keys, frames, dead): what the objects
# with serializers became, in whose place `keys` travel; environments (among the keys) of
# which the contents travel apart, because something was taken out of them; and the pointers
# that will be dead, each list(path, what). returned: is it the value of a task?
new_departure <- function(returned = FALSE) {
  table <- keys <- frames <- dead <- list()
  numbers <- new.env(parent = emptyenv())

  add <- function(key, entry) {
    keys <<- c(keys, list(key))
    table <<- c(table, list(entry))
    numbers[[rs_code_key(key)]] <- length(keys)
  }
  take_out <- function(x, serializer, path) {
    if (!is.null(serializer$refuse)) {
      stop_reference(
        sprintf("an object of class \"%s\"", serializer$class), place_of(path),
        if (returned) serializer$returned else serializer$refuse, returned
      )
    }
    by_reference <- typeof(x) %in% c("environment", "externalptr")
    if (by_reference && !is.null(numbers[[rs_code_key(x)]])) return(x)
    sent <- by_serializer(serializer$class, "serialize", serializer$serialize, x)
    key <- if (by_reference) x else new.env(parent = emptyenv())
    add(key, list(class = serializer$class, unserialize = serializer$unserialize, sent = sent))
    key
  }
  visit <- function(x, path) {
    serializer <- serializer_of(x)
    if (!is.null(serializer)) return(list(take_out(x, serializer, path)))
    what <- dead_reference(x)
    if (is.null(what)) return()
    if (nzchar(what)) dead <<- c(dead, list(list(path = path, what = what)))
    list(x)
  }
  keep_frame <- function(envir, values) {
    add(envir, NULL)
    frames <<- c(frames, list(list(
      number = length(keys), values = values, parent = parent.env(envir), attributes = attributes(envir),
      locked = environmentIsLocked(envir), fixed = Filter(function(name) bindingIsLocked(name, envir), names(values))
    )))
  }
  walk <- object_walker(visit, keep_frame)
  list(walk = walk, result = function() list(table = table, keys = keys, frames = frames, dead = dead))
}

# What kind of reference this is that will be dead elsewhere; "" when it is one that was dead
# before, or that is the same everywhere; NULL when it is none.
dead_reference <- function(x) {
  if (inherits(x, "connection")) {
    # Standard input, output and error are everywhere.
    return(if (unclass(x)[[1L]] > 2L) "a connection" else "")
  }
  switch(typeof(x),
    externalptr = if (!rs_pointer_lives(x)) "" else {
      class <- setdiff(class(x), "externalptr")
      paste0("an external pointer", if (length(class)) sprintf(" of class \"%s\"", class[[1L]]))
    },
    weakref = "a weak reference"
  )
}

# A function walk(x, path) that goes through an object as R serializes it. `visit(x, path)`
# returns NULL, then the walk goes on into x, or list(y): y stands in the place of x. Where
# something in an environment has changed, `keep_frame(environment, values)` is told; the
# environment stays as it is. plain: are lists of nothing but plain vectors left out?
object_walker <- function(visit, keep_frame, plain = TRUE) {
  seen <- new.env(parent = emptyenv())
  same <- function(x, y) identical(rs_code_key(x), rs_code_key(y))
  walk <- function(x, path) {
    instead <- visit(x, path)
    if (!is.null(instead)) return(instead[[1L]])
    if (is.environment(x)) {
      walk_environment(x, path)
    } else if (typeof(x) == "closure") {
      walk(environment(x), further("environment(%s)", path))
    } else if (is.list(x) && !(plain && rs_is_plain(x))) {
      x <- walk_list(x, path)
    }
    walk_attributes(x, path)
  }
  walk_list <- function(x, path) {
    bare <- unclass(x)
    changed <- FALSE
    names <- names(bare)
    for (k in seq_along(bare)) {
      # An argument that is missing is no value of a variable.
      if (is.null(bare[[k]]) || identical(bare[[k]], quote(expr = ))) next
      old <- bare[[k]]
      new <- walk(old, further("%s%s", path, element_path(names, k)))
      if (!same(old, new)) {
        bare[[k]] <- new
        changed <- TRUE
      }
    }
    if (!changed) return(x)
    attributes(bare) <- attributes(x)
    bare
  }
  walk_attributes <- function(x, path) {
    all <- attributes(x)
    for (name in setdiff(names(all), plain_attributes)) {
      old <- all[[name]]
      if (is.null(old)) next
      new <- walk(old, further(if (isS4(x)) "%s@%s" else "attr(%s, \"%s\")", path, name))
      # (An environment is not copied when its attributes change.)
      if (!same(old, new) && !is.environment(x)) attr(x, name) <- new
    }
    x
  }
  walk_environment <- function(x, path) {
    if (is_everywhere(x) || !is.null(seen[[rs_code_key(x)]])) return()
    seen[[rs_code_key(x)]] <- TRUE
    values <- list()
    changed <- FALSE
    for (name in ls(x, all.names = TRUE)) {
      if (name == "..." || bindingIsActive(name, x)) next
      # An argument that was not given has no value.
      old <- tryCatch(list(get(name, x, inherits = FALSE)), error = function(e) NULL)
      if (is.null(old)) next
      new <- if (is.null(old[[1L]])) NULL else walk(old[[1L]], further("%s%s", path, element_path(name, 1L)))
      if (!is.null(new) && !same(old[[1L]], new)) changed <- TRUE
      values[name] <- list(new)
    }
    if (changed) keep_frame(x, values)
    walk_environment(parent.env(x), further("parent.env(%s)", path))
  }
  walk
}

# A longer path from the same start.
further <- function(format, path, ...) structure(sprintf(format, path, ...), what = attr(path, "what"))

plain_attributes <- c("names", "dim", "dimnames", "class", "levels", "row.names", "tsp", "srcref", "comment")

element_path <- function(names, k) {
  name <- names[k]
  if (is.null(name) || is.na(name) || !nzchar(name)) return(sprintf("[[%d]]", k))
  if (make.names(name) == name) paste0("$", name) else sprintf("[[\"%s\"]]", name)
}

# Environments that R sends by name.
is_everywhere <- function(envir) {
  identical(envir, globalenv()) || identical(envir, baseenv()) || identical(envir, emptyenv()) ||
    isNamespace(envir) || grepl("^(package|imports):", environmentName(envir)) || is_attached(envir)
}

# What travels when something was taken out: arguments of rs_parcel_pack_with(). It arrives
# by open_table() and close_table().
departing <- function(object, found) {
  list(
    object = list(object = object, frames = found$frames), table = found$table, keys = found$keys,
    names = as.list(as.character(seq_along(found$keys)))
  )
}

# Where a table has arrived: the objects in place of the keys. Environments have no contents
# as yet. In place of an object that cannot be made stands the error.
open_table <- function(table, ...) {
  lapply(table, function(entry) {
    if (is.null(entry)) return(new.env(parent = emptyenv()))
    tryCatch(
      by_serializer(entry$class, "unserialize", entry$unserialize, entry$sent),
      error = function(e) structure(list(error = e), class = "rustle_unmade")
    )
  })
}

close_table <- function(arrived, made) {
  for (frame in arrived$frames) {
    envir <- made[[frame$number]]
    list2env(frame$values, envir = envir)
    parent.env(envir) <- frame$parent
    attributes(envir) <- frame$attributes
    for (name in frame$fixed) lockBinding(name, envir)
    if (frame$locked) lockEnvironment(envir)
  }
  failed <- Find(function(x) inherits(x, "rustle_unmade"), made)
  if (is.null(failed)) arrived$object else without_object(arrived$object, failed$error)
}

# What a worker does with an order that has not arrived whole: each task fails with the
# error. (Before a task there is nobody who could be told.)
without_object <- function(object, error) {
  if (!is.function(object$FUN)) stop(error)
  object$FUN <- function(...) stop(error)
  object
}

by_serializer <- function(class, what, f, x) {
  tryCatch(f(x), error = function(e) {
    abort_rustle(
      sprintf("The function `%s` that was registered for class \"%s\" failed: %s", what, class, conditionMessage(e)),
      "rustle_error_serializer", class_name = class
    )
  })
}

# returned: what follows on "Task 1 returned".
stop_reference <- function(what, place, advice, returned = FALSE) {
  abort_rustle(
    sprintf(
      if (returned) "%s, in %s, which is of no use outside of its worker. %s." else "This cannot travel to workers: %s, in %s. %s.",
      what, place, advice
    ),
    "rustle_error_reference", place = place, call = NULL
  )
}
