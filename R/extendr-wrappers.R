# Made by tools/wrappers from the functions in src/rust/src: do not edit.
# nolint start

#' @useDynLib rustle, .registration = TRUE
NULL

#' What a job that runs in this process is told of its tasks; see R/engine-sequential.R.
#' @noRd
rs_here_open <- function(spec) .Call(wrap__rs_here_open, spec)

#' `.Random.seed` of tasks `tasks` (from 1), as a list; `numbering` is
#' "substream" or "stream".
#' @noRd
rs_task_seeds <- function(seed, tasks, numbering) .Call(wrap__rs_task_seeds, seed, tasks, numbering)

#' `list(physical, logical)`: cores.
#' @noRd
rs_cores <- function() .Call(wrap__rs_cores)

rs_run_here <- function(call, rho, values, order, here, check) .Call(wrap__rs_run_here, call, rho, values, order, here, check)

rs_here_report <- function(here) .Call(wrap__rs_here_report, here)

rs_check_interrupt <- function() .Call(wrap__rs_check_interrupt)

rs_matrix <- function(nrow, ncol) .Call(wrap__rs_matrix, nrow, ncol)

rs_code_key <- function(code) .Call(wrap__rs_code_key, code)

rs_locate <- function(names, rho) .Call(wrap__rs_locate, names, rho)

rs_waiting <- function(names, rho, functions) .Call(wrap__rs_waiting, names, rho, functions)

rs_holds_code <- function(x) .Call(wrap__rs_holds_code, x)

rs_holds_environment <- function(x) .Call(wrap__rs_holds_environment, x)

rs_named_among <- function(x, names) .Call(wrap__rs_named_among, x, names)

rs_is_plain <- function(x) .Call(wrap__rs_is_plain, x)

#' Finds R's BLAS and LAPACK: `""`, or why closures that need them are left to R. `lapack`:
#' the file of R's LAPACK; `reference`: the file of R's BLAS is one of the reference BLAS.
#' @noRd
rs_compiled_blas <- function(lapack, reference) .Call(wrap__rs_compiled_blas, lapack, reference)

#' Would threads that solve equations wait for each other?
#' @noRd
rs_compiled_blas_waits <- function() .Call(wrap__rs_compiled_blas_waits)

#' Opens the engine of a scheme and a statistic, that of the engine `like` if there is
#' one; see R/bootstrap-schemes.R.
#' @noRd
rs_boot_open <- function(spec, like) .Call(wrap__rs_boot_open, spec, like)

#' Does the handle belong to this process?
#' @noRd
rs_boot_alive <- function(handle) .Call(wrap__rs_boot_alive, handle)

#' What the states of rows that are not 0 mean.
#' @noRd
rs_boot_reasons <- function() .Call(wrap__rs_boot_reasons)

#' Replicates `from` (from 0) to `to`, or the first of them that can be begun within a
#' slice.
#' @noRd
rs_boot_run <- function(handle, from, to, attempt, threads) .Call(wrap__rs_boot_run, handle, from, to, attempt, threads)

#' The statistic of the data with weights, a column of a matrix for each case: from the case
#' `from` (from 0) on, as many as can be begun within a slice.
#' @noRd
rs_boot_weighted <- function(handle, weights, from, threads) .Call(wrap__rs_boot_weighted, handle, weights, from, threads)

#' The statistic on the data.
#' @noRd
rs_boot_observed <- function(handle) .Call(wrap__rs_boot_observed, handle)

#' The statistic without each of `groups` (a list of rows; NULL: each observation), from
#' the group `from` (from 0) on, as many as can be begun within a slice.
#' @noRd
rs_boot_without <- function(handle, left_out, from, threads) .Call(wrap__rs_boot_without, handle, left_out, from, threads)

#' Infinitesimal influence values of the observations from `from` (from 0) on, as many
#' as can be begun within a slice. `strata`: a list of rows.
#' @noRd
rs_boot_infinitesimal <- function(handle, strata, from, threads) .Call(wrap__rs_boot_infinitesimal, handle, strata, from, threads)

#' What replicate `replicate` (from 0) is made of: `what` is "i" (indices), "f"
#' (frequencies), "w" (weights as they are) or "v" (multipliers of residuals).
#' @noRd
rs_boot_resample <- function(handle, replicate, attempt, what) .Call(wrap__rs_boot_resample, handle, replicate, attempt, what)

#' Compiles a closure: `list(program, types, draws)`, or `list(path, why)` where it cannot be;
#' `path` leads to the expression in the body. See R/compiled-closure.R.
#' @noRd
rs_compiled_open <- function(spec) .Call(wrap__rs_compiled_open, spec)

#' Other elements for what is compiled, the first of `data`, which the handle keeps instead of what
#' it had: `FALSE` where their type is another one, and nothing has changed.
#' @noRd
rs_compiled_again <- function(handle, data) .Call(wrap__rs_compiled_again, handle, data)

#' `list(functions, variables, free)`: the functions that pieces of code call, the other names in
#' it, and of these those that may be read where they have not been assigned.
#' @noRd
rs_compiled_names <- function(code) .Call(wrap__rs_compiled_names, code)

#' Lets go of the elements and of what the tasks have left: what is compiled may wait for others. The
#' handle keeps `data` instead.
#' @noRd
rs_compiled_rest <- function(handle, data) .Call(wrap__rs_compiled_rest, handle, data)

#' The seconds that the tasks have taken on all threads.
#' @noRd
rs_compiled_seconds <- function(handle) .Call(wrap__rs_compiled_seconds, handle)

#' How many tasks have ended, and how many of these were given up.
#' @noRd
rs_compiled_counts <- function(handle) .Call(wrap__rs_compiled_counts, handle)

#' Ends what is compiled, and lets go of all that it had of R.
#' @noRd
rs_compiled_close <- function(handle) .Call(wrap__rs_compiled_close, handle)

#' Moves the element of the list `from` to place `at` (from 1) of the list `to`. R counts who has an object,
#' and forgets to count down when a list is collected: what was in one is copied when it is
#' changed next, however large it is. So elements are taken out of lists by hand.
#' @noRd
rs_move_value <- function(to, at, from) .Call(wrap__rs_move_value, to, at, from)

#' Takes all elements out of a list that nobody needs any more, or the argument out of a call of one; see
#' [`rs_move_value`].
#' @noRd
rs_release <- function(list) .Call(wrap__rs_release, list)

#' Ends the job before all tasks have ended: the others count as given up at the end of the call.
#' @noRd
rs_compiled_stop <- function(handle) .Call(wrap__rs_compiled_stop, handle)

#' Begins tasks `from` (from 0) to `to`; see R/compiled-run.R. `spec`: streams, seed, schedule,
#' chunk, threads, bail (every task is given up), behind (values are those of the tasks before, too).
#' @noRd
rs_compiled_begin <- function(handle, from, to, spec) .Call(wrap__rs_compiled_begin, handle, from, to, spec)

#' Runs tasks for a slice of time; `TRUE` when all have ended.
#' @noRd
rs_compiled_step <- function(handle, threads) .Call(wrap__rs_compiled_step, handle, threads)

#' Are the functions at the same places of two lists the same, and nobody is watching them?
#' @noRd
rs_compiled_same <- function(x, y) .Call(wrap__rs_compiled_same, x, y)

rs_compiled_values <- function(handle, simple) .Call(wrap__rs_compiled_values, handle, simple)

#' Notes the program of a function and what it rests on, if that is what the function means now.
#' @noRd
rs_again_note <- function(fun, x, spec) .Call(wrap__rs_again_note, fun, x, spec)

rs_again <- function(fun, x, call, simple, schedule, seed) .Call(wrap__rs_again, fun, x, call, simple, schedule, seed)

rs_again_step <- function(handle) .Call(wrap__rs_again_step, handle)

rs_again_end <- function(handle, x, simple) .Call(wrap__rs_again_end, handle, x, simple)

rs_again_leave <- function(handle) .Call(wrap__rs_again_leave, handle)

rs_again_wants <- function(fun, x, later) .Call(wrap__rs_again_wants, fun, x, later)

rs_again_knows <- function(fun, x) .Call(wrap__rs_again_knows, fun, x)

rs_glance <- function(frame) .Call(wrap__rs_glance, frame)

rs_means <- function(fun, name, value) .Call(wrap__rs_means, fun, name, value)

rs_set_options <- function(names) .Call(wrap__rs_set_options, names)

#' Where the notes of the last call are that must be gone when the next one begins: for each a frame
#' and a name.
#' @noRd
rs_again_open <- function(spec) .Call(wrap__rs_again_open, spec)

rs_again_drop <- function() .Call(wrap__rs_again_drop)

rs_again_last <- function() .Call(wrap__rs_again_last)

#' Sees where the marks are, of a plain function and of three that were marked in turn by `debug()`,
#' `trace()` and `debugonce()`.
#' @noRd
rs_watched_open <- function(functions) .Call(wrap__rs_watched_open, functions)

#' Is somebody watching the function?
#' @noRd
rs_is_watched <- function(fun) .Call(wrap__rs_is_watched, fun)

rs_desk_glance <- function(seed, sinks) .Call(wrap__rs_desk_glance, seed, sinks)

rs_random_kinds <- function() .Call(wrap__rs_random_kinds)

#' Does what R code prints come to the connection of a worker's output?
#' @noRd
rs_output_arrives <- function() .Call(wrap__rs_output_arrives)

#' The number of sinks for output; `sink.number()` of R takes twenty times as long.
#' @noRd
rs_sinks <- function() .Call(wrap__rs_sinks)

#' A fingerprint of the environment variables. R takes a tenth of a millisecond to list
#' them, and a desk is looked at before every job.
#' @noRd
rs_environment_hash <- function() .Call(wrap__rs_environment_hash)

#' Bytes of memory that process `pid` (0: this one) has in use and shares with no file: `NA`
#' where the system does not tell.
#' @noRd
rs_own_memory <- function(pid) .Call(wrap__rs_own_memory, pid)

#' Opens a job; see R/engine-job.R for the fields of `spec` and of `code`.
#' @noRd
rs_job_open <- function(spec, code) .Call(wrap__rs_job_open, spec, code)

#' Exit statuses of workers that have a meaning.
#' @noRd
rs_exit_statuses <- function() .Call(wrap__rs_exit_statuses)

rs_worker_begin <- function() .Call(wrap__rs_worker_begin)

rs_worker_run <- function() .Call(wrap__rs_worker_run)

rs_worker_fail <- function(condition) .Call(wrap__rs_worker_fail, condition)

rs_worker_signal <- function(condition) .Call(wrap__rs_worker_signal, condition)

rs_worker_task <- function() .Call(wrap__rs_worker_task)

rs_worker_seat <- function() .Call(wrap__rs_worker_seat)

rs_worker_order <- function(part) .Call(wrap__rs_worker_order, part)

rs_worker_stand <- function(main, after) .Call(wrap__rs_worker_stand, main, after)

rs_worker_called_off <- function() .Call(wrap__rs_worker_called_off)

rs_worker_break_off <- function() .Call(wrap__rs_worker_break_off)

rs_server_next <- function() .Call(wrap__rs_server_next)

rs_job_start <- function(handle) .Call(wrap__rs_job_start, handle)

rs_job_wait <- function(handle, seconds) .Call(wrap__rs_job_wait, handle, seconds)

rs_job_collect <- function(handle) .Call(wrap__rs_job_collect, handle)

rs_job_report <- function(handle) .Call(wrap__rs_job_report, handle)

rs_job_seen <- function(handle) .Call(wrap__rs_job_seen, handle)

rs_job_close <- function(handle, signal, grace) .Call(wrap__rs_job_close, handle, signal, grace)

rs_output_connection <- function() .Call(wrap__rs_output_connection)

#' The calls that the workers of this session are in, in the order of `rs_pool_status()`, a
#' string each; "": it runs no task, or has not answered within `seconds`.
#' @noRd
rs_pool_calls <- function(seconds) .Call(wrap__rs_pool_calls, seconds)

#' Makes the pool of this session: `program`, `arguments`, `names` and `values` of variables of
#' the environment, `size`. Starts nothing.
#' @noRd
rs_pool_open <- function(spec) .Call(wrap__rs_pool_open, spec)

#' Ends the workers of this session.
#' @noRd
rs_pool_close <- function() .Call(wrap__rs_pool_close)

#' Keeps so many workers from now on.
#' @noRd
rs_pool_resize <- function(size) .Call(wrap__rs_pool_resize, size)

#' Lets go of all workers that stand by.
#' @noRd
rs_pool_dismiss <- function() .Call(wrap__rs_pool_dismiss)

#' Before a job: starts the server if there is none, and waits for it, at most `seconds`: its greeting, or
#' `NULL` while it is not up, or a list of `printed` and the system's error `number` (0: it
#' was started, and has ended).
#' @noRd
rs_pool_prepare <- function(seconds) .Call(wrap__rs_pool_prepare, seconds)

#' The workers of this session: a list of columns, and the `server`'s process id (0: none).
#' @noRd
rs_pool_status <- function() .Call(wrap__rs_pool_status)

#' Makes this process a server: of the session that has started it, and which is told
#' `greeting`. `FALSE` when no session has.
#' @noRd
rs_server_open <- function(greeting) .Call(wrap__rs_server_open, greeting)

#' This worker cannot be used again.
#' @noRd
rs_worker_retire <- function() .Call(wrap__rs_worker_retire)

#' Takes the seat of the job that was ordered. R code keeps `code` alive until it is over.
#' @noRd
rs_worker_enlist <- function(spec, code) .Call(wrap__rs_worker_enlist, spec, code)

#' Opens the log of this worker: output and the lines of `rs_worker_log()` go there. `FALSE`
#' where it cannot be opened.
#' @noRd
rs_worker_log_to <- function(path) .Call(wrap__rs_worker_log_to, path)

#' A line for the log of this worker, if it has one.
#' @noRd
rs_worker_log <- function(line) .Call(wrap__rs_worker_log, line)

rs_journal_append <- function(path, key, entry) .Call(wrap__rs_journal_append, path, key, entry)

#' Waits until what this process has written is on the disk, and closes its journal.
#' @noRd
rs_journal_close <- function() .Call(wrap__rs_journal_close)

#' Waits until what any process has written to these files is on the disk.
#' @noRd
rs_journal_sync <- function(paths) .Call(wrap__rs_journal_sync, paths)

#' `list(bodies, count, torn)`: for every column of `wanted` (raw, 16 rows) the body that
#' journals hold for it, or NULL; how many keys they hold; how many have a torn tail.
#' @noRd
rs_journal_read <- function(paths, wanted) .Call(wrap__rs_journal_read, paths, wanted)

#' Keys of n tasks as a raw vector, 16 bytes each: of `base` and of the elements of `parts`, a
#' list of integer, logical, double and character vectors.
#' @noRd
rs_task_keys <- function(base, parts, n) .Call(wrap__rs_task_keys, base, parts, n)

#' The content of an atomic vector, its attributes left out, in 32 hexadecimal digits. NULL
#' when it is none.
#' @noRd
rs_hash_atomic <- function(x) .Call(wrap__rs_hash_atomic, x)

#' Names of the vector instructions that are used, and faer's version.
#' @noRd
rs_linalg_info <- function() .Call(wrap__rs_linalg_info)

#' Are the vector registers of this thread clean? For tests; NA: not known.
#' @noRd
rs_vector_clean <- function() .Call(wrap__rs_vector_clean)

#' The scale of the columns of `x`, a double vector of columns of `nrow` elements: the
#' largest absolute element of the column where it is smallest (but zero), that of all,
#' and whether there are gaps: elements that are NaN, which do not count. `weights` multiply
#' the rows; NULL: none.
#' @noRd
rs_scale <- function(x, nrow, weights, threads) .Call(wrap__rs_scale, x, nrow, weights, threads)

#' One slice of solving `n` x `n` systems `a` for `ncol` right-hand sides `b` each into
#' the new vector `out`; `b` NULL: inverses.
#' @noRd
rs_solve_batch <- function(a, b, dims, tol, schedule, out, state, threads) .Call(wrap__rs_solve_batch, a, b, dims, tol, schedule, out, state, threads)

#' One slice of the Cholesky factors of `count` matrices of order `n` into `out`.
#' @noRd
rs_chol_batch <- function(a, n, matrices, schedule, out, state, threads) .Call(wrap__rs_chol_batch, a, n, matrices, schedule, out, state, threads)

#' One slice of least squares with matrices `x` (one if `shared`) and vectors `y`;
#' `dims` are rows, columns and problems.
#' @noRd
rs_lm_batch <- function(x, y, dims, shared, tol, schedule, coefficients, residuals, state, threads) .Call(wrap__rs_lm_batch, x, y, dims, shared, tol, schedule, coefficients, residuals, state, threads)

#' One slice of centering the columns of `x` into the new matrix `out`, with their
#' lengths; `unit`: divided by these.
#' @noRd
rs_centered <- function(x, unit, schedule, out, lengths, state, threads) .Call(wrap__rs_centered, x, unit, schedule, out, lengths, state, threads)

#' One slice of covariances, or Pearson's or Spearman's correlations over the rows that
#' are complete in both columns, into the new matrix `out`; `y` NULL: the upper triangle.
#' @noRd
rs_pairwise <- function(x, y, measure, schedule, out, state, threads) .Call(wrap__rs_pairwise, x, y, measure, schedule, out, state, threads)

#' One slice of the average ranks within the columns of `x` into the new matrix `out`.
#' @noRd
rs_ranks <- function(x, schedule, out, state, threads) .Call(wrap__rs_ranks, x, schedule, out, state, threads)

#' One slice of the distances between the rows of `x` into the new vector `out`.
#' @noRd
rs_distances <- function(x, method, power, schedule, out, state, threads) .Call(wrap__rs_distances, x, method, power, schedule, out, state, threads)

#' Eigenvalues of the symmetric `x`, smallest first, into the new matrix `values`, and
#' eigenvectors into `vectors` if that is not NULL.
#' @noRd
rs_eigen_symmetric <- function(x, values, vectors, threads) .Call(wrap__rs_eigen_symmetric, x, values, vectors, threads)

#' Eigenvalues of `x` as the columns (real, imaginary) of the new matrix `values`, and
#' eigenvectors into `vectors` if that is not NULL.
#' @noRd
rs_eigen_general <- function(x, values, vectors) .Call(wrap__rs_eigen_general, x, values, vectors)

#' One slice of fitted values `x %*% coefficients` and residuals into new matrices.
#' @noRd
rs_fitted <- function(x, y, coefficients, fitted, residuals, state, threads) .Call(wrap__rs_fitted, x, y, coefficients, fitted, residuals, state, threads)

#' One slice of Q'Y, into the new matrix `out`, from `rank` reflections as "qr" objects
#' hold them.
#' @noRd
rs_effects <- function(qr, aux, rank, y, out, state, threads) .Call(wrap__rs_effects, qr, aux, rank, y, out, state, threads)

#' One slice of `x %*% y` (kind 0), `crossprod(x, y)` (1) or `tcrossprod(x, y)` (2);
#' `y` NULL: the same matrix, and a symmetric result. `out` is a new matrix, `state`
#' NULL in the first slice.
#' @noRd
rs_product <- function(kind, x, y, out, state, threads) .Call(wrap__rs_product, kind, x, y, out, state, threads)

#' One slice of the QR of `x` by `rank` reflections into `out`, a new matrix. The value
#' at the end is `qraux`, empty if some column is too near to the others.
#' @noRd
rs_qr <- function(x, rank, out, state, threads) .Call(wrap__rs_qr, x, rank, out, state, threads)

#' One slice of the triangle R of the QR of `cbind(x, y)`, at least its rows for `x`;
#' rows of both are multiplied by `weights` first; `y` and `weights` may be NULL.
#' @noRd
rs_triangle <- function(x, y, weights, state, threads) .Call(wrap__rs_triangle, x, y, weights, state, threads)

#' One slice of sums (`moment` 0), means (1) or variances (2) of the rows (`margin` 1)
#' or columns (2) of `x` into the new vector `out`.
#' @noRd
rs_moments <- function(x, margin, moment, skip, schedule, out, state, threads) .Call(wrap__rs_moments, x, margin, moment, skip, schedule, out, state, threads)

#' One slice of quantiles of the rows (`margin` 1) or columns (2) of `x` into the columns
#' of the new matrix `out`.
#' @noRd
rs_quantiles <- function(x, margin, probs, kind, skip, schedule, out, state, threads) .Call(wrap__rs_quantiles, x, margin, probs, kind, skip, schedule, out, state, threads)

#' One slice of `chol(x)`; the value is NULL when `x` is not positive definite.
#' @noRd
rs_chol <- function(x, out, state, threads) .Call(wrap__rs_chol, x, out, state, threads)

#' One slice of `chol2inv(x)`.
#' @noRd
rs_chol2inv <- function(x, out, state, threads) .Call(wrap__rs_chol2inv, x, out, state, threads)

#' One slice of `solve(a, b, tol)`; `b` NULL is the identity; `lu` is a new matrix for
#' the factors. The value is NULL when `a` is singular or ill-conditioned.
#' @noRd
rs_solve <- function(a, b, tol, lu, out, state, threads) .Call(wrap__rs_solve, a, b, tol, lu, out, state, threads)

#' One slice of the determinant of `x`; `lu` is a new matrix for the factors. The value
#' is (logarithm of the modulus, sign, modulus), NULL when `x` is singular.
#' @noRd
rs_determinant <- function(x, lu, state, threads) .Call(wrap__rs_determinant, x, lu, state, threads)

#' One slice of sorting `x` (double, integer or UTF-8 strings) into the new vector
#' `out`; `order`: the places (from 1), equal elements in their order; strings: always.
#' @noRd
rs_sort <- function(x, order, decreasing, schedule, out, state, threads) .Call(wrap__rs_sort, x, order, decreasing, schedule, out, state, threads)

#' Singular values of `x` into the new vector `d`, singular vectors into the new
#' matrices `u` and `v` where they are not NULL. The value says whether there is a result.
#' @noRd
rs_svd <- function(x, d, u, v, threads) .Call(wrap__rs_svd, x, d, u, v, threads)

#' Tasks for a node; see the crate's `node_chunk()`. `task` is negative before anything is known.
#' @noRd
rs_node_chunk <- function(left, cores, idle, part, task, bounds) .Call(wrap__rs_node_chunk, left, cores, idle, part, task, bounds)

#' A job on nodes in simulated time; see the crate's `simulate_nodes()`.
#' @noRd
rs_simulate_nodes <- function(times, cores, speed, hand_out) .Call(wrap__rs_simulate_nodes, times, cores, speed, hand_out)

#' The system's numbers of the sockets of this process whose own port this is; none where
#' [`rs_acknowledge`] can do nothing.
#' @noRd
rs_sockets_at <- function(port) .Call(wrap__rs_sockets_at, port)

#' Tells the other ends of sockets at once that their messages have come.
#' @noRd
rs_acknowledge <- function(sockets) .Call(wrap__rs_acknowledge, sockets)

#' The content of a raw vector in 32 hexadecimal digits (XXH3, 128 bits): no secret, but
#' different content does not meet by accident.
#' @noRd
rs_hash <- function(content) .Call(wrap__rs_hash, content)

rs_hash_object <- function(object) .Call(wrap__rs_hash_object, object)

#' Sets how many bytes of large vectors are kept for later parcels; 0 forgets them.
#' @noRd
rs_parcel_keep <- function(bytes) .Call(wrap__rs_parcel_keep, bytes)

#' `list(bytes, files)`: what is kept for later parcels.
#' @noRd
rs_parcel_kept <- function() .Call(wrap__rs_parcel_kept)

rs_parcel_pack <- function(object, threads) .Call(wrap__rs_parcel_pack, object, threads)

rs_parcel_pack_light <- function(object, threads) .Call(wrap__rs_parcel_pack_light, object, threads)

rs_parcel_pack_with <- function(object, threads, table, keys, names) .Call(wrap__rs_parcel_pack_with, object, threads, table, keys, names)

rs_parcel_arrivals <- function(functions) .Call(wrap__rs_parcel_arrivals, functions)

rs_parcel_unpack_here <- function(handle) .Call(wrap__rs_parcel_unpack_here, handle)

rs_parcel_sizes <- function(handle) .Call(wrap__rs_parcel_sizes, handle)

rs_parcel_close <- function(handle) .Call(wrap__rs_parcel_close, handle)

#' Names of classes of which the objects are noticed when they are sent.
#' @noRd
rs_watch_classes <- function(names) .Call(wrap__rs_watch_classes, names)

#' Is it a pointer to something in this process?
#' @noRd
rs_pointer_lives <- function(x) .Call(wrap__rs_pointer_lives, x)

#' Counts permutations `from` (from 0) to `to`, or the first that can be looked at
#' within a slice. `seed`: NULL for all of them.
#' @noRd
rs_permutation <- function(test, seed, from, to, threads) .Call(wrap__rs_permutation, test, seed, from, to, threads)

#' The observed statistics and the number of permutations.
#' @noRd
rs_permutation_observed <- function(test) .Call(wrap__rs_permutation_observed, test)

#' The statistics of the first `count` permutations, one permutation after another.
#' @noRd
rs_permutation_values <- function(test, seed, count) .Call(wrap__rs_permutation_values, test, seed, count)

#' Calls primitive `name` with random state `seed` (a whole `.Random.seed`):
#' `list(value = , seed = , bail = )`, of which `bail` says why there is no value.
#' @noRd
rs_primitive <- function(name, arguments, seed) .Call(wrap__rs_primitive, name, arguments, seed)

rs_now <- function() .Call(wrap__rs_now)

#' The most memory that this process has had, in bytes; 0 where the system does not tell.
#' @noRd
rs_peak_memory <- function() .Call(wrap__rs_peak_memory)

#' Is the address space of this process limited?
#' @noRd
rs_space_is_limited <- function() .Call(wrap__rs_space_is_limited)

#' Spans, as a list of columns: the first task of each (from 1), how many tasks it has, the
#' worker (from 1), when they began and ended (seconds of the monotonic clock), by how
#' many bytes they have raised the most memory that the worker had (`growth`), whether the
#' worker was lost in them, and whether the first was stolen from another worker's block.
#' @noRd
rs_span_columns <- function(spans) .Call(wrap__rs_span_columns, spans)

#' Draws the resamples of `replicates` replicates with random state `seed` (a whole
#' `.Random.seed`), and keeps `count` from `first` (from 0) on. `strata`: the rows of each
#' stratum, from 1. `stype` and `sim`: those of boot; with weights strata have one size.
#' `influence`: the influence values of the rows of an antithetic scheme, which has one stratum.
#' `list(rows = , seed = )`, of which `seed` is the random state afterwards; `NULL` where its
#' kind is not known, or memory is short.
#' @noRd
rs_resample <- function(seed, strata, stype, sim, influence, replicates, first, count) .Call(wrap__rs_resample, seed, strata, stype, sim, influence, replicates, first, count)

rs_resampled_free <- function(handle) .Call(wrap__rs_resampled_free, handle)

rs_resampled_row <- function(handle, replicate) .Call(wrap__rs_resampled_row, handle, replicate)

#' Simulates every combination of schedule, chunk and workers (three vectors of
#' one length) on the same task times.
#' @noRd
rs_simulate <- function(times, schedules, chunks, workers, start_up, claim, threads) .Call(wrap__rs_simulate, times, schedules, chunks, workers, start_up, claim, threads)

#' How well workers were used that were busy for these seconds until the last task
#' ended after `makespan` seconds.
#' @noRd
rs_utilization <- function(busy, makespan) .Call(wrap__rs_utilization, busy, makespan)

#' Opens a test; see R/wild-spec.R.
#' @noRd
rs_wild_open <- function(spec) .Call(wrap__rs_wild_open, spec)

#' Replicates `from` (from 0, at the start of a block) to `to`, or the first of them that can
#' be begun within a slice, as rows of a matrix.
#' @noRd
rs_wild_run <- function(handle, from, to, threads) .Call(wrap__rs_wild_run, handle, from, to, threads)

#' Replicates after an estimation with instruments, as [`rs_wild_run`]; see
#' R/wild-instruments.R.
#' @noRd
rs_wild_instruments <- function(spec, from, to, threads) .Call(wrap__rs_wild_instruments, spec, from, to, threads)

#' The weights of replicate `r` (from 0).
#' @noRd
rs_wild_weights <- function(handle, r) .Call(wrap__rs_wild_weights, handle, r)

#' Counts replicates beyond statistics `t` at trial values `delta`. `draws`: a matrix of 2
#' columns (without trial value) or 5.
#' @noRd
rs_wild_count <- function(draws, rows, floor, delta, t, threads) .Call(wrap__rs_wild_count, draws, rows, floor, delta, t, threads)

#' The same of several restrictions: `trials` numbers of `delta` belong to each of `f`.
#' @noRd
rs_wild_joint <- function(draws, shape, delta, f, threads) .Call(wrap__rs_wild_joint, draws, shape, delta, f, threads)

#' Sums of `x * factors` by group (numbers from 1), as columns of `groups` numbers: those of
#' `factors` within those of `x`, a matrix or a list of columns.
#' @noRd
rs_wild_sums <- function(x, factors, group, groups, threads) .Call(wrap__rs_wild_sums, x, factors, group, groups, threads)

#' The product of a design, a matrix or a list of columns of `n` numbers, and of a matrix.
#' @noRd
rs_wild_product <- function(x, by, n, threads) .Call(wrap__rs_wild_product, x, by, n, threads)

# nolint end
