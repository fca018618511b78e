# Packing: what workers are sent becomes files in memory that they map
# (src/rust/src/parcel.rs), and large vectors among it are sent once.

# A handle of the files; they exist as long as it does.
pack_object <- function(object, threads = thread_allotment()) packed(rs_parcel_pack(object, threads))

# Rust returns a text when the system has no memory or no descriptor left.
packed <- function(handle) {
  if (is.character(handle)) abort_rustle(handle, "rustle_error_system")
  handle
}

# What a worker makes of the files, made here.
unpack_here <- function(handle) rs_parcel_unpack_here(handle)

# The parts of an order (engine-multisession.R) in which there may be anything, and what the
# user calls their elements.
order_parts <- list(
  FUN = NULL, globals = "a global of FUN", variables = "a variable of the call", dots = "an argument of FUN",
  data = "the data of the tasks", check = NULL
)

# Packs an order: list(handle, sizes). Objects with serializers are taken out. `call`: the user's call, for errors.
pack_order <- function(order, call = NULL) {
  threads <- thread_allotment()
  handle <- rs_parcel_pack_light(order, threads)
  if (is.character(handle)) with_call(call, packed(handle))
  sizes <- rs_parcel_sizes(handle)
  # A pointer may belong to an object with a serializer.
  if (sizes$classes || sizes$pointers) {
    handle <- with_call(call, pack_apart(order, handle, threads))
    sizes <- rs_parcel_sizes(handle)
  }
  if (sizes$sent > getOption("rustle.size.warning", 500e6)) warn_size(order, sizes$sent)
  list(handle = handle, sizes = sizes)
}

# The same where something was noticed. `handle`: what was packed as it is.
pack_apart <- function(order, handle, threads) {
  departure <- new_departure()
  left <- walk_order(order, departure$walk)
  found <- departure$result()
  if (length(found$dead)) tell_reference(found$dead[[1L]], getOption("future.globals.onReference", "ignore"))
  if (!length(found$keys)) return(handle)
  rs_parcel_close(handle)
  sent <- departing(left, found)
  packed(rs_parcel_pack_with(sent$object, threads, sent$table, sent$keys, sent$names))
}

# The check alone, for a parcel (engine-parcel.R) that others send, without serializers.
check_references <- function(parcel, call) {
  action <- getOption("future.globals.onReference", "ignore")
  if (identical(action, "ignore")) return()
  order <- parts_of_parcel(parcel)
  handle <- pack_object(order)
  sizes <- rs_parcel_sizes(handle)
  rs_parcel_close(handle)
  if (!sizes$pointers) return()
  dead <- NULL
  visit <- function(x, path) {
    what <- dead_reference(x)
    if (is.null(what)) return()
    if (is.null(dead) && nzchar(what)) dead <<- list(path = path, what = what)
    list(x)
  }
  walk_order(order, object_walker(visit, function(envir, values) NULL))
  if (!is.null(dead)) with_call(call, tell_reference(dead, action))
}

# What there is in a parcel, as the parts of an order.
parts_of_parcel <- function(parcel) {
  c(list(FUN = parcel$worker$FUN), parcel$worker[c("variables", "dots")], parcel[c("globals", "data")])
}

# The order with `walk(x, path)` in the place of each of its parts.
walk_order <- function(order, walk, parts = order_parts) {
  for (part in names(parts)) {
    x <- order[[part]]
    if (is.null(x)) next
    what <- parts[[part]]
    if (is.null(what)) {
      order[[part]] <- walk(x, part)
      next
    }
    names <- names(x)
    for (k in seq_along(x)) {
      if (is.null(x[[k]]) || identical(x[[k]], quote(expr = ))) next
      name <- if (is.null(names) || !nzchar(names[[k]])) paste0("..", k) else names[[k]]
      order[[part]][[k]] <- walk(x[[k]], structure(name, what = what))
    }
  }
  order
}

# A path, and what it starts from, in words.
place_of <- function(path) {
  what <- attr(path, "what")
  paste0("`", path, "`", if (!is.null(what)) paste0(", ", what))
}

# Option future.globals.onReference.
tell_reference <- function(dead, action) {
  place <- place_of(dead$path)
  if (identical(action, "error")) stop_reference(dead$what, place, reference_advice)
  message <- sprintf("Workers will have no use of %s, in %s. %s.", dead$what, place, reference_advice)
  if (identical(action, "warning")) warn_rustle(message, "rustle_warning_reference", place = place)
  if (identical(action, "message")) message(message)
}

reference_advice <- paste(
  "Make such an object in the task or once in each worker (`setup` of the plan), or tell how objects of its class",
  "travel: register_serializer()"
)

# Tells, once in a session, that much is sent for the first time.
warn_size <- function(order, sent, parts = order_parts) {
  if (!first_time("size")) return()
  largest <- largest_objects(order, parts = parts)
  # Beside a large one small ones say nothing.
  largest <- largest[largest$bytes >= 0.01 * max(largest$bytes), , drop = FALSE]
  warn_rustle(
    sprintf(
      "%s are sent to workers for the first time. The largest objects: %s. %s", format_bytes(sent),
      paste(sprintf("%s (%s)", largest$place, vapply(largest$bytes, format_bytes, "")), collapse = "; "),
      "Is all of that needed? (Option rustle.size.warning; said once.)"
    ),
    "rustle_warning_size", bytes = sent, largest = largest
  )
}

# The largest vectors in an order: a data frame (place, bytes).
largest_objects <- function(order, n = 3L, parts = order_parts) {
  places <- character()
  bytes <- numeric()
  visit <- function(x, path) {
    if (!is.atomic(x) || is.null(x)) return()
    size <- as.numeric(utils::object.size(x))
    if (length(bytes) < n || size > min(bytes)) {
      keep <- utils::head(order(-c(bytes, size)), n)
      places <<- c(places, place_of(path))[keep]
      bytes <<- c(bytes, size)[keep]
    }
    list(x)
  }
  walk_order(order, object_walker(visit, function(envir, values) NULL, plain = FALSE), parts)
  data.frame(place = places, bytes = bytes)
}

# In a worker, when R must serialize a value (`boxed`, in a list) and there is something in it
# that cannot travel as it is: what is sent in its place, or NULL. `path`: where a pointer is
# that will be dead. An error is sent, too: at this point nobody handles it here.
travelling_value <- function(boxed, ...) {
  tryCatch({
    departure <- new_departure(returned = TRUE)
    left <- departure$walk(boxed[[1L]], "value")
    found <- departure$result()
    if (!length(found$dead) && !length(found$keys)) return()
    dead <- if (length(found$dead)) found$dead[[1L]]
    new_travelled(c(as_bytes(left, found), list(path = dead$path, what = dead$what)))
  }, error = function(e) {
    refused <- inherits(e, "rustle_error_reference")
    new_travelled(list(failure = conditionMessage(e), refused = refused, class_name = e$class_name, place = e$place))
  })
}

# What is left of an object, and what was taken out of it, as bytes: list(bytes, table).
as_bytes <- function(left, found) {
  sent <- departing(left, found)
  numbers <- list2env(structure(as.list(seq_along(found$keys)), names = vapply(found$keys, rs_code_key, "")), parent = emptyenv())
  hook <- function(x) {
    number <- numbers[[rs_code_key(x)]]
    if (!is.null(number)) as.character(number)
  }
  list(bytes = serialize(sent$object, NULL, xdr = FALSE, refhook = hook), table = serialize(sent$table, NULL, xdr = FALSE))
}

# The object again.
from_bytes <- function(x) {
  made <- open_table(unserialize(x$table))
  close_table(unserialize(x$bytes, refhook = function(name) made[[as.integer(name)]]), made)
}

new_travelled <- function(x) structure(x, class = "rustle_travelled")

# In the session: the value again.
arrived_value <- function(x, task, call = NULL) {
  if (!inherits(x, "rustle_travelled")) return(x)
  with_call(call, {
    if (!is.null(x$failure)) {
      abort_rustle(
        sprintf(if (isTRUE(x$refused)) "Task %d returned %s" else "The value of task %d cannot be sent: %s", task, x$failure),
        if (isTRUE(x$refused)) "rustle_error_reference" else "rustle_error_serializer",
        task = task, class_name = x$class_name, place = x$place
      )
    }
    from_bytes(x)
  })
}

# The values with those of tasks that did not travel as they are: list(values, dead). dead:
# the first dead pointer, list(task, path, what), or NULL.
arrive_values <- function(values, tasks, call = NULL) {
  dead <- NULL
  if (!length(tasks)) return(list(values = values, dead = dead))
  for (task in sort(unique(tasks))) {
    x <- values[[task]]
    if (!inherits(x, "rustle_travelled")) next
    if (is.null(dead) && !is.null(x$path)) dead <- list(task = task, path = as.character(x$path), what = x$what)
    values[task] <- list(arrived_value(x, task, call))
  }
  list(values = values, dead = dead)
}

warn_dead <- function(dead) {
  warn_rustle(
    sprintf(
      "Task %d returned %s, in `%s`: it led to memory of its worker, and is dead here. %s", dead$task, dead$what, dead$path,
      "Return what can be kept instead, or tell how objects of its class travel: register_serializer()."
    ),
    "rustle_warning_reference", task = dead$task, path = dead$path
  )
}
