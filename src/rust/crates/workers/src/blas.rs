//! The threads of whatever BLAS and OpenMP runtime R is linked with.
//!
//! They are reached by name in the running process: R does not say which BLAS it
//! uses, and linking one would choose it. A library that is not there is skipped.

use std::ffi::{c_int, CStr};
use std::sync::OnceLock;

/// Functions `void f(int)` of MKL, BLIS and OpenMP.
const SETTERS: [&CStr; 3] = [
    c"MKL_Set_Num_Threads",
    c"bli_thread_set_num_threads",
    c"omp_set_num_threads",
];

/// The libraries that were found.
#[derive(Clone, Copy, Debug)]
struct Found {
    /// Address of OpenBLAS's variable; 0 when it is not there.
    openblas: usize,
    setters: [Option<extern "C" fn(c_int)>; 3],
}

static FOUND: OnceLock<Found> = OnceLock::new();

/// Looks the libraries up, once: before a fork, so that workers need not.
pub fn look_up() {
    FOUND.get_or_init(find);
}

fn find() -> Found {
    let symbol = |name: &CStr| {
        // SAFETY: a lookup by a terminated name in the global scope.
        unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
    };
    let setter = |name| {
        let address = symbol(name);
        // SAFETY: these names are void(int) in every release of the three.
        (!address.is_null()).then(|| unsafe {
            std::mem::transmute::<*mut libc::c_void, extern "C" fn(c_int)>(address)
        })
    };
    Found {
        openblas: symbol(c"blas_cpu_number") as usize,
        setters: SETTERS.map(setter),
    }
}

/// How many threads OpenBLAS had when [`allot`] was first called.
static BEFORE: OnceLock<c_int> = OnceLock::new();

/// Gives every BLAS and OpenMP runtime of this process `threads` threads, for a worker that
/// has another number in its next job. OpenBLAS never gets more than it began with.
pub fn allot(threads: usize) {
    let openblas = FOUND.get_or_init(find).openblas as *mut c_int;
    if !openblas.is_null() {
        // SAFETY: see `limit`.
        unsafe {
            *openblas = *BEFORE.get_or_init(|| *openblas);
        }
    }
    limit(threads);
}

/// Limits every BLAS and OpenMP runtime of this process to `threads` threads.
///
/// For a fresh worker. OpenBLAS is told through its variable `blas_cpu_number`,
/// which its kernels read at each call: its function `openblas_set_num_threads()`
/// would first start, after a fork, the very threads that shall not be used (and
/// in the parent threads that spin for milliseconds).
pub fn limit(threads: usize) {
    let threads = threads as c_int;
    let found = FOUND.get_or_init(find);
    let openblas = found.openblas as *mut c_int;
    if !openblas.is_null() {
        // SAFETY: the variable of that name is an int in all releases of
        // OpenBLAS that have it; no thread of this fresh process reads it now.
        unsafe {
            if *openblas > threads {
                *openblas = threads;
            }
        }
    }
    for set in found.setters.into_iter().flatten() {
        set(threads);
    }
}
