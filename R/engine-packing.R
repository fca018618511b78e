# Packing: an R object becomes files in memory that workers map (src/rust/src/parcel.rs),
# and large vectors among it are sent once.

# A handle of the files; they exist as long as it does.
pack_object <- function(object) rs_parcel_pack(object, thread_allotment())

# What a worker makes of the files, made here.
unpack_here <- function(handle) rs_parcel_unpack_here(handle)
