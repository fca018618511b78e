# Steps that workers keep (workers-keep.R) are made again at any time, as they were when they were
# given, whatever has become of the variables meanwhile. So the session keeps copies, made as
# everything is that travels (engine-packing.R): large vectors are in files that workers map, and
# are in memory once; objects with serializers travel by these; pointers that will be dead are told.

# The parts of a step in which there may be anything, as order_parts.
step_parts <- list(
  values = "a variable that is exported", fun = NULL, arguments = "an argument of the function that workers call",
  code = NULL, setup = NULL, globals = "a variable that `setup` uses"
)

# The step with a copy of its parts as `content`, for step_content(), and how many vectors of it are
# in files.
freeze_step <- function(step, call = NULL) {
  apart <- names(step) %in% c("number", "what")
  c(step[apart], with_call(call, frozen(step[!apart])))
}

frozen <- function(content) {
  handle <- pack_object(content)
  on.exit(rs_parcel_close(handle))
  sizes <- rs_parcel_sizes(handle)
  if (sizes$sent > getOption("rustle.size.warning", 500e6)) warn_size(content, sizes$sent, step_parts)
  if (sizes$classes || sizes$pointers) {
    departure <- new_departure()
    left <- walk_order(content, departure$walk, step_parts)
    found <- departure$result()
    if (length(found$dead)) tell_reference(found$dead[[1L]], getOption("future.globals.onReference", "ignore"))
    # Made anew in each worker; large vectors beside them are copied there.
    if (length(found$keys)) return(list(content = new_travelled(as_bytes(left, found)), large = 2L))
  }
  list(content = unpack_here(handle), large = length(sizes$bytes))
}

# The steps as workers get them, for make_steps(): NULL without steps. It is packed again where a
# plan was read from a file.
parcel_of_steps <- function(keep) {
  if (length(keep$steps) && !rs_pointer_lives(keep$parcel)) keep$parcel <- pack_object(steps_to_send(keep), machine_cores())
  keep$parcel
}

# Each file costs the session a descriptor as long as the plan lasts, and there may be no more than
# 256: many vectors travel in one piece, of which every worker has a copy. Later steps stand beside it
# until these are many, too. A piece is list(number, count, steps): of the last of its steps, how many
# there are, and their bytes.
steps_to_send <- function(keep, most = 100L) {
  beside <- keep$steps[seq_along(keep$steps) > max(0L, keep$piece$count)]
  if (sum(vapply(beside, `[[`, 1L, "large")) > most) {
    bytes <- new_travelled(as_bytes(keep$steps, list(frames = list(), table = list(), keys = list())))
    handle <- pack_object(bytes)
    on.exit(rs_parcel_close(handle))
    keep$piece <- list(number = last_step(keep), count = length(keep$steps), steps = unpack_here(handle))
    beside <- list()
  }
  c(if (!is.null(keep$piece)) list(keep$piece), beside)
}

# Where a step is made.
step_content <- function(step) {
  if (inherits(step$content, "rustle_travelled")) from_bytes(step$content) else step$content
}
