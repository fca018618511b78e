# Made by tools/wrappers from the functions in src/rust/src: do not edit.
# nolint start

#' @useDynLib rustle, .registration = TRUE
NULL

rs_here_open <- function(spec) .Call(wrap__rs_here_open, spec)

rs_task_seeds <- function(seed, tasks, numbering) .Call(wrap__rs_task_seeds, seed, tasks, numbering)

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

rs_compiled_blas <- function(lapack, reference) .Call(wrap__rs_compiled_blas, lapack, reference)

rs_compiled_blas_waits <- function() .Call(wrap__rs_compiled_blas_waits)

rs_boot_open <- function(spec, like) .Call(wrap__rs_boot_open, spec, like)

rs_boot_alive <- function(handle) .Call(wrap__rs_boot_alive, handle)

rs_boot_reasons <- function() .Call(wrap__rs_boot_reasons)

rs_boot_run <- function(handle, from, to, attempt, threads) .Call(wrap__rs_boot_run, handle, from, to, attempt, threads)

rs_boot_weighted <- function(handle, weights, from, threads) .Call(wrap__rs_boot_weighted, handle, weights, from, threads)

rs_boot_observed <- function(handle) .Call(wrap__rs_boot_observed, handle)

rs_boot_without <- function(handle, left_out, from, threads) .Call(wrap__rs_boot_without, handle, left_out, from, threads)

rs_boot_infinitesimal <- function(handle, strata, from, threads) .Call(wrap__rs_boot_infinitesimal, handle, strata, from, threads)

rs_boot_resample <- function(handle, replicate, attempt, what) .Call(wrap__rs_boot_resample, handle, replicate, attempt, what)

rs_compiled_open <- function(spec) .Call(wrap__rs_compiled_open, spec)

rs_compiled_again <- function(handle, data) .Call(wrap__rs_compiled_again, handle, data)

rs_compiled_names <- function(code) .Call(wrap__rs_compiled_names, code)

rs_compiled_rest <- function(handle, data) .Call(wrap__rs_compiled_rest, handle, data)

rs_compiled_seconds <- function(handle) .Call(wrap__rs_compiled_seconds, handle)

rs_compiled_counts <- function(handle) .Call(wrap__rs_compiled_counts, handle)

rs_compiled_close <- function(handle) .Call(wrap__rs_compiled_close, handle)

rs_move_value <- function(to, at, from) .Call(wrap__rs_move_value, to, at, from)

rs_release <- function(list) .Call(wrap__rs_release, list)

rs_compiled_stop <- function(handle) .Call(wrap__rs_compiled_stop, handle)

rs_compiled_begin <- function(handle, from, to, spec) .Call(wrap__rs_compiled_begin, handle, from, to, spec)

rs_compiled_step <- function(handle, threads) .Call(wrap__rs_compiled_step, handle, threads)

rs_compiled_same <- function(x, y) .Call(wrap__rs_compiled_same, x, y)

rs_compiled_values <- function(handle, simple) .Call(wrap__rs_compiled_values, handle, simple)

rs_again_note <- function(fun, x, spec) .Call(wrap__rs_again_note, fun, x, spec)

rs_again <- function(fun, x, call, simple, schedule, seed) .Call(wrap__rs_again, fun, x, call, simple, schedule, seed)

rs_again_step <- function(handle) .Call(wrap__rs_again_step, handle)

rs_again_end <- function(handle, x, simple) .Call(wrap__rs_again_end, handle, x, simple)

rs_again_leave <- function(handle) .Call(wrap__rs_again_leave, handle)

rs_again_wants <- function(fun, x, later) .Call(wrap__rs_again_wants, fun, x, later)

rs_again_knows <- function(fun, x) .Call(wrap__rs_again_knows, fun, x)

rs_call_key <- function(frame) .Call(wrap__rs_call_key, frame)

rs_means <- function(fun, name, value) .Call(wrap__rs_means, fun, name, value)

rs_set_options <- function(names) .Call(wrap__rs_set_options, names)

rs_again_open <- function(spec) .Call(wrap__rs_again_open, spec)

rs_again_drop <- function() .Call(wrap__rs_again_drop)

rs_again_last <- function() .Call(wrap__rs_again_last)

rs_watched_open <- function(functions) .Call(wrap__rs_watched_open, functions)

rs_is_watched <- function(fun) .Call(wrap__rs_is_watched, fun)

rs_desk_glance <- function(seed, sinks) .Call(wrap__rs_desk_glance, seed, sinks)

rs_random_kinds <- function() .Call(wrap__rs_random_kinds)

rs_output_arrives <- function() .Call(wrap__rs_output_arrives)

rs_sinks <- function() .Call(wrap__rs_sinks)

rs_environment_hash <- function() .Call(wrap__rs_environment_hash)

rs_own_memory <- function(pid) .Call(wrap__rs_own_memory, pid)

rs_job_open <- function(spec, code) .Call(wrap__rs_job_open, spec, code)

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

rs_pool_calls <- function(seconds) .Call(wrap__rs_pool_calls, seconds)

rs_pool_open <- function(spec) .Call(wrap__rs_pool_open, spec)

rs_pool_close <- function() .Call(wrap__rs_pool_close)

rs_pool_resize <- function(size) .Call(wrap__rs_pool_resize, size)

rs_pool_dismiss <- function() .Call(wrap__rs_pool_dismiss)

rs_pool_prepare <- function(seconds) .Call(wrap__rs_pool_prepare, seconds)

rs_pool_status <- function() .Call(wrap__rs_pool_status)

rs_server_open <- function(greeting) .Call(wrap__rs_server_open, greeting)

rs_worker_retire <- function() .Call(wrap__rs_worker_retire)

rs_worker_enlist <- function(spec, code) .Call(wrap__rs_worker_enlist, spec, code)

rs_worker_log_to <- function(path) .Call(wrap__rs_worker_log_to, path)

rs_worker_log <- function(line) .Call(wrap__rs_worker_log, line)

rs_journal_append <- function(path, key, entry) .Call(wrap__rs_journal_append, path, key, entry)

rs_journal_close <- function() .Call(wrap__rs_journal_close)

rs_journal_sync <- function(paths) .Call(wrap__rs_journal_sync, paths)

rs_journal_read <- function(paths, wanted) .Call(wrap__rs_journal_read, paths, wanted)

rs_task_keys <- function(base, parts, n) .Call(wrap__rs_task_keys, base, parts, n)

rs_hash_atomic <- function(x) .Call(wrap__rs_hash_atomic, x)

rs_linalg_info <- function() .Call(wrap__rs_linalg_info)

rs_vector_clean <- function() .Call(wrap__rs_vector_clean)

rs_scale <- function(x, nrow, weights, threads) .Call(wrap__rs_scale, x, nrow, weights, threads)

rs_solve_batch <- function(a, b, dims, tol, schedule, out, state, threads) .Call(wrap__rs_solve_batch, a, b, dims, tol, schedule, out, state, threads)

rs_chol_batch <- function(a, n, matrices, schedule, out, state, threads) .Call(wrap__rs_chol_batch, a, n, matrices, schedule, out, state, threads)

rs_lm_batch <- function(x, y, dims, shared, tol, schedule, coefficients, residuals, state, threads) .Call(wrap__rs_lm_batch, x, y, dims, shared, tol, schedule, coefficients, residuals, state, threads)

rs_centered <- function(x, unit, schedule, out, lengths, state, threads) .Call(wrap__rs_centered, x, unit, schedule, out, lengths, state, threads)

rs_pairwise <- function(x, y, measure, schedule, out, state, threads) .Call(wrap__rs_pairwise, x, y, measure, schedule, out, state, threads)

rs_ranks <- function(x, schedule, out, state, threads) .Call(wrap__rs_ranks, x, schedule, out, state, threads)

rs_distances <- function(x, method, power, schedule, out, state, threads) .Call(wrap__rs_distances, x, method, power, schedule, out, state, threads)

rs_eigen_symmetric <- function(x, values, vectors, threads) .Call(wrap__rs_eigen_symmetric, x, values, vectors, threads)

rs_eigen_general <- function(x, values, vectors) .Call(wrap__rs_eigen_general, x, values, vectors)

rs_fitted <- function(x, y, coefficients, fitted, residuals, state, threads) .Call(wrap__rs_fitted, x, y, coefficients, fitted, residuals, state, threads)

rs_effects <- function(qr, aux, rank, y, out, state, threads) .Call(wrap__rs_effects, qr, aux, rank, y, out, state, threads)

rs_product <- function(kind, x, y, out, state, threads) .Call(wrap__rs_product, kind, x, y, out, state, threads)

rs_qr <- function(x, rank, out, state, threads) .Call(wrap__rs_qr, x, rank, out, state, threads)

rs_triangle <- function(x, y, weights, state, threads) .Call(wrap__rs_triangle, x, y, weights, state, threads)

rs_moments <- function(x, margin, moment, skip, schedule, out, state, threads) .Call(wrap__rs_moments, x, margin, moment, skip, schedule, out, state, threads)

rs_quantiles <- function(x, margin, probs, kind, skip, schedule, out, state, threads) .Call(wrap__rs_quantiles, x, margin, probs, kind, skip, schedule, out, state, threads)

rs_chol <- function(x, out, state, threads) .Call(wrap__rs_chol, x, out, state, threads)

rs_chol2inv <- function(x, out, state, threads) .Call(wrap__rs_chol2inv, x, out, state, threads)

rs_solve <- function(a, b, tol, lu, out, state, threads) .Call(wrap__rs_solve, a, b, tol, lu, out, state, threads)

rs_determinant <- function(x, lu, state, threads) .Call(wrap__rs_determinant, x, lu, state, threads)

rs_sort <- function(x, order, decreasing, schedule, out, state, threads) .Call(wrap__rs_sort, x, order, decreasing, schedule, out, state, threads)

rs_svd <- function(x, d, u, v, threads) .Call(wrap__rs_svd, x, d, u, v, threads)

rs_node_chunk <- function(left, cores, idle, part, task, bounds) .Call(wrap__rs_node_chunk, left, cores, idle, part, task, bounds)

rs_simulate_nodes <- function(times, cores, speed, hand_out) .Call(wrap__rs_simulate_nodes, times, cores, speed, hand_out)

rs_sockets_at <- function(port) .Call(wrap__rs_sockets_at, port)

rs_acknowledge <- function(sockets) .Call(wrap__rs_acknowledge, sockets)

rs_hash <- function(content) .Call(wrap__rs_hash, content)

rs_hash_object <- function(object) .Call(wrap__rs_hash_object, object)

rs_parcel_keep <- function(bytes) .Call(wrap__rs_parcel_keep, bytes)

rs_parcel_kept <- function() .Call(wrap__rs_parcel_kept)

rs_parcel_pack <- function(object, threads) .Call(wrap__rs_parcel_pack, object, threads)

rs_parcel_pack_light <- function(object, threads) .Call(wrap__rs_parcel_pack_light, object, threads)

rs_parcel_pack_with <- function(object, threads, table, keys, names) .Call(wrap__rs_parcel_pack_with, object, threads, table, keys, names)

rs_parcel_arrivals <- function(functions) .Call(wrap__rs_parcel_arrivals, functions)

rs_parcel_unpack_here <- function(handle) .Call(wrap__rs_parcel_unpack_here, handle)

rs_parcel_sizes <- function(handle) .Call(wrap__rs_parcel_sizes, handle)

rs_parcel_close <- function(handle) .Call(wrap__rs_parcel_close, handle)

rs_watch_classes <- function(names) .Call(wrap__rs_watch_classes, names)

rs_pointer_lives <- function(x) .Call(wrap__rs_pointer_lives, x)

rs_permutation <- function(test, seed, from, to, threads) .Call(wrap__rs_permutation, test, seed, from, to, threads)

rs_permutation_observed <- function(test) .Call(wrap__rs_permutation_observed, test)

rs_permutation_values <- function(test, seed, count) .Call(wrap__rs_permutation_values, test, seed, count)

rs_primitive <- function(name, arguments, seed) .Call(wrap__rs_primitive, name, arguments, seed)

rs_now <- function() .Call(wrap__rs_now)

rs_peak_memory <- function() .Call(wrap__rs_peak_memory)

rs_space_is_limited <- function() .Call(wrap__rs_space_is_limited)

rs_span_columns <- function(spans) .Call(wrap__rs_span_columns, spans)

rs_resample <- function(seed, strata, stype, sim, influence, replicates, first, count) .Call(wrap__rs_resample, seed, strata, stype, sim, influence, replicates, first, count)

rs_resampled_free <- function(handle) .Call(wrap__rs_resampled_free, handle)

rs_resampled_row <- function(handle, replicate) .Call(wrap__rs_resampled_row, handle, replicate)

rs_simulate <- function(times, schedules, chunks, workers, start_up, claim, threads) .Call(wrap__rs_simulate, times, schedules, chunks, workers, start_up, claim, threads)

rs_utilization <- function(busy, makespan) .Call(wrap__rs_utilization, busy, makespan)

rs_wild_open <- function(spec) .Call(wrap__rs_wild_open, spec)

rs_wild_run <- function(handle, from, to, threads) .Call(wrap__rs_wild_run, handle, from, to, threads)

rs_wild_instruments <- function(spec, from, to, threads) .Call(wrap__rs_wild_instruments, spec, from, to, threads)

rs_wild_weights <- function(handle, r) .Call(wrap__rs_wild_weights, handle, r)

rs_wild_count <- function(draws, rows, floor, delta, t, threads) .Call(wrap__rs_wild_count, draws, rows, floor, delta, t, threads)

rs_wild_joint <- function(draws, shape, delta, f, threads) .Call(wrap__rs_wild_joint, draws, shape, delta, f, threads)

rs_wild_sums <- function(x, factors, group, groups, threads) .Call(wrap__rs_wild_sums, x, factors, group, groups, threads)

rs_wild_product <- function(x, by, n, threads) .Call(wrap__rs_wild_product, x, by, n, threads)

# nolint end
