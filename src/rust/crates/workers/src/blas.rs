//! The threads of whatever BLAS and OpenMP runtime R is linked with.
//!
//! They are reached by name in the running process: R does not say which BLAS it
//! uses, and linking one would choose it. A library that is not there is skipped.

use std::ffi::{c_int, CStr};

struct Library {
    get: &'static CStr,
    set: &'static CStr,
}

const LIBRARIES: [Library; 4] = [
    Library {
        get: c"openblas_get_num_threads",
        set: c"openblas_set_num_threads",
    },
    Library {
        get: c"MKL_Get_Max_Threads",
        set: c"MKL_Set_Num_Threads",
    },
    Library {
        get: c"bli_thread_get_num_threads",
        set: c"bli_thread_set_num_threads",
    },
    Library {
        get: c"omp_get_max_threads",
        set: c"omp_set_num_threads",
    },
];

fn symbol(name: &CStr) -> *mut libc::c_void {
    // SAFETY: a lookup by a terminated name in the global scope.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}

/// The thread counts as they were; restored on drop.
#[derive(Debug)]
pub struct Limited {
    before: Vec<(usize, c_int)>,
}

/// Limits every BLAS and OpenMP runtime of this process to `threads` threads.
///
/// Set in the parent, before the fork: a worker inherits the limit. Setting it
/// in the worker would make OpenBLAS start its threads there first.
pub fn limit(threads: usize) -> Limited {
    let mut before = Vec::new();
    for (index, library) in LIBRARIES.iter().enumerate() {
        let (get, set) = (symbol(library.get), symbol(library.set));
        if get.is_null() || set.is_null() {
            continue;
        }
        // SAFETY: these names belong to int(void) and void(int) in every
        // release of the four libraries; the pointers are not null.
        unsafe {
            let get: extern "C" fn() -> c_int = std::mem::transmute(get);
            let set: extern "C" fn(c_int) = std::mem::transmute(set);
            let now = get();
            if now > threads as c_int {
                before.push((index, now));
                set(threads as c_int);
            }
        }
    }
    Limited { before }
}

impl Drop for Limited {
    fn drop(&mut self) {
        for &(index, threads) in &self.before {
            let set = symbol(LIBRARIES[index].set);
            if !set.is_null() {
                // SAFETY: as in `limit`.
                unsafe {
                    let set: extern "C" fn(c_int) = std::mem::transmute(set);
                    set(threads);
                }
            }
        }
    }
}
