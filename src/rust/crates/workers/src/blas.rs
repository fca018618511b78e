//! The threads of whatever BLAS and OpenMP runtime R is linked with.
//!
//! They are reached by name in the running process: R does not say which BLAS it
//! uses, and linking one would choose it. A library that is not there is skipped.

use std::ffi::{c_int, CStr};

fn symbol(name: &CStr) -> *mut libc::c_void {
    // SAFETY: a lookup by a terminated name in the global scope.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}

/// Functions `void f(int)` of MKL, BLIS and OpenMP.
const SETTERS: [&CStr; 3] = [
    c"MKL_Set_Num_Threads",
    c"bli_thread_set_num_threads",
    c"omp_set_num_threads",
];

/// Limits every BLAS and OpenMP runtime of this process to `threads` threads.
///
/// For a fresh worker. OpenBLAS is told through its variable `blas_cpu_number`,
/// which its kernels read at each call: its function `openblas_set_num_threads()`
/// would first start, after a fork, the very threads that shall not be used (and
/// in the parent threads that spin for milliseconds).
pub fn limit(threads: usize) {
    let threads = threads as c_int;
    let openblas = symbol(c"blas_cpu_number").cast::<c_int>();
    if !openblas.is_null() {
        // SAFETY: the variable of that name is an int in all releases of
        // OpenBLAS that have it; no thread of this fresh process reads it now.
        unsafe {
            if *openblas > threads {
                *openblas = threads;
            }
        }
    }
    for name in SETTERS {
        let set = symbol(name);
        if !set.is_null() {
            // SAFETY: these names are void(int) in every release of the three.
            unsafe {
                let set: extern "C" fn(c_int) = std::mem::transmute(set);
                set(threads);
            }
        }
    }
}
