//! Functions of BLAS and LAPACK by their names.

use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rustle_compiled::host::Factor;

type Char = *const c_char;
type Int = *const c_int;
type In = *const f64;
type Out = *mut f64;
/// The length of a string, which Fortran hands on behind the arguments.
type Hidden = usize;

type Dgemm = unsafe extern "C" fn(
    Char,
    Char,
    Int,
    Int,
    Int,
    In,
    In,
    Int,
    In,
    Int,
    In,
    Out,
    Int,
    Hidden,
    Hidden,
);
type Dgemv = unsafe extern "C" fn(Char, Int, Int, In, In, Int, In, Int, In, Out, Int, Hidden);
type Dsyrk = unsafe extern "C" fn(Char, Char, Int, Int, In, In, Int, In, Out, Int, Hidden, Hidden);
type Dgesv = unsafe extern "C" fn(Int, Int, Out, Int, *mut c_int, Out, Int, *mut c_int);
type Dlange = unsafe extern "C" fn(Char, Int, Int, In, Int, Out, Hidden) -> f64;
type Dgecon =
    unsafe extern "C" fn(Char, Int, In, Int, In, Out, Out, *mut c_int, *mut c_int, Hidden);

struct Library {
    dgemm: Dgemm,
    dgemv: Dgemv,
    dsyrk: Dsyrk,
    dgesv: Dgesv,
    dlange: Dlange,
    dgecon: Dgecon,
    /// The address of OpenBLAS's number of threads.
    openblas: Option<usize>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Fortran, which keeps nothing between calls.
    Reference,
    /// OpenBLAS without threads: perhaps also without locks.
    Serial,
    /// OpenBLAS with threads of its own, and locks.
    Threaded,
}

static LIBRARY: OnceLock<Result<Library, &'static str>> = OnceLock::new();
/// Where OpenBLAS divides its work, how depends on its number of threads: calls wait for each
/// other then, as R's do.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// R calls a matrix singular whose reciprocal condition is below 2.2e-16. Tasks that come
/// near it are R's.
const NEARLY_SINGULAR: f64 = 1e-14;

fn symbol(scope: *mut c_void, name: &CStr) -> Option<*mut c_void> {
    // SAFETY: a lookup by a terminated name in a scope that is there.
    let address = unsafe { libc::dlsym(scope, name.as_ptr()) };
    (!address.is_null()).then_some(address)
}

pub(super) fn find(lapack: &str, reference: bool) -> Result<(), &'static str> {
    match LIBRARY.get_or_init(|| look_up(lapack, reference)) {
        Ok(_) => Ok(()),
        Err(why) => Err(why),
    }
}

fn look_up(lapack: &str, reference: bool) -> Result<Library, &'static str> {
    let everywhere = libc::RTLD_DEFAULT;
    let kind = match symbol(everywhere, c"openblas_get_parallel") {
        Some(address) => {
            // SAFETY: the function is int(void) in every release.
            let parallel = unsafe {
                std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> c_int>(address)()
            };
            match parallel {
                0 => Kind::Serial,
                1 => Kind::Threaded,
                _ => return Err("R's BLAS has threads of OpenMP"),
            }
        }
        None => {
            let others = [
                c"MKL_Set_Num_Threads",
                c"bli_thread_set_num_threads",
                c"flexiblas_get_version",
                c"ATL_buildinfo",
            ];
            if !reference || others.iter().any(|name| symbol(everywhere, name).is_some()) {
                return Err(
                    "R's BLAS is one that is not known to give the same numbers on every thread",
                );
            }
            Kind::Reference
        }
    };
    // R's module for LAPACK, which it has loaded, may have libraries that nobody else sees.
    let module = CString::new(lapack).map_err(|_| NOT_FOUND)?;
    // SAFETY: the name is terminated; a library that is not loaded is not loaded now.
    let module = unsafe { libc::dlopen(module.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
    let of = |name: &CStr| {
        symbol(everywhere, name)
            .or_else(|| (!module.is_null()).then(|| symbol(module, name)).flatten())
            .ok_or(NOT_FOUND)
    };
    // SAFETY: the functions of these names have these arguments in every BLAS and LAPACK with
    // integers of 32 bits, as R needs them.
    unsafe {
        Ok(Library {
            dgemm: std::mem::transmute::<*mut c_void, Dgemm>(of(c"dgemm_")?),
            dgemv: std::mem::transmute::<*mut c_void, Dgemv>(of(c"dgemv_")?),
            dsyrk: std::mem::transmute::<*mut c_void, Dsyrk>(of(c"dsyrk_")?),
            dgesv: std::mem::transmute::<*mut c_void, Dgesv>(of(c"dgesv_")?),
            dlange: std::mem::transmute::<*mut c_void, Dlange>(of(c"dlange_")?),
            dgecon: std::mem::transmute::<*mut c_void, Dgecon>(of(c"dgecon_")?),
            openblas: symbol(everywhere, c"blas_cpu_number").map(|address| address as usize),
            kind,
        })
    }
}

const NOT_FOUND: &str = "R's BLAS and LAPACK are not found by name";

/// So few multiplications OpenBLAS does on the thread of the caller.
const FEW: usize = 4096;

/// Do equations wait for each other, since the library has threads of its own?
pub(super) fn waits() -> bool {
    matches!(library(usize::MAX), Some((_, Some(_))))
}

/// The library, and what must be held while one of its functions runs, with so many
/// multiplications.
fn library(cost: usize) -> Option<(&'static Library, Option<MutexGuard<'static, ()>>)> {
    let library = LIBRARY.get()?.as_ref().ok()?;
    let alone = match (library.kind, library.openblas) {
        (Kind::Reference, _) => false,
        (Kind::Threaded, _) if cost <= FEW => false,
        (Kind::Threaded, Some(threads)) => {
            // SAFETY: the variable of that name is an int in all releases that have it; it is
            // aligned, and written by the main thread only, which waits for this one.
            unsafe { *(threads as *const c_int) != 1 }
        }
        _ => true,
    };
    // Nobody panics who holds it.
    let held = alone.then(|| ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner));
    Some((library, held))
}

fn ints(shape: [usize; 2]) -> Option<[c_int; 2]> {
    let [nrow, ncol] = shape.map(|n| c_int::try_from(n).ok().filter(|n| *n > 0));
    Some([nrow?, ncol?])
}

fn word(transposed: bool) -> Char {
    if transposed { c"T" } else { c"N" }.as_ptr()
}

const ONE: f64 = 1.0;
const ZERO: f64 = 0.0;
const STEP: c_int = 1;

/// `x %*% y`, each perhaps transposed, as in matprod(), crossprod() and tcrossprod() of array.c.
pub(crate) fn product((x, sx, tx): Factor<'_>, (y, sy, ty): Factor<'_>, to: &mut [f64]) -> bool {
    let (Some([nrx, ncx]), Some([nry, ncy])) = (ints(sx), ints(sy)) else {
        return false;
    };
    let (rows, inner) = if tx { (ncx, nrx) } else { (nrx, ncx) };
    let (inner_y, columns) = if ty { (ncy, nry) } else { (nry, ncy) };
    let sizes = [(x.len(), sx), (y.len(), sy)];
    if inner != inner_y
        || sizes.iter().any(|(n, s)| *n != s[0] * s[1])
        || to.len() != rows as usize * columns as usize
    {
        return false;
    }
    let Some((library, _held)) = library(to.len().saturating_mul(inner as usize)) else {
        return false;
    };
    let (px, py, z) = (x.as_ptr(), y.as_ptr(), to.as_mut_ptr());
    // SAFETY: the shapes are those of the slices, and `to` has the size of the result, as was
    // just checked; the functions read and write nothing else, and keep nothing.
    unsafe {
        if columns == 1 {
            // A matrix with a vector.
            (library.dgemv)(
                word(tx),
                &nrx,
                &ncx,
                &ONE,
                px,
                &nrx,
                py,
                &STEP,
                &ZERO,
                z,
                &STEP,
                1,
            );
        } else if rows == 1 {
            // A vector with a matrix: the transposed product.
            (library.dgemv)(
                word(!ty),
                &nry,
                &ncy,
                &ONE,
                py,
                &nry,
                px,
                &STEP,
                &ZERO,
                z,
                &STEP,
                1,
            );
        } else {
            (library.dgemm)(
                word(tx),
                word(ty),
                &rows,
                &columns,
                &inner,
                &ONE,
                px,
                &nrx,
                py,
                &nry,
                &ZERO,
                z,
                &rows,
                1,
                1,
            );
        }
    }
    true
}

/// `t(x) %*% x` (`first`), `x %*% t(x)`: as in symcrossprod() and symtcrossprod() of array.c.
pub(crate) fn self_product(x: &[f64], shape: [usize; 2], first: bool, to: &mut [f64]) -> bool {
    let Some([nrow, ncol]) = ints(shape) else {
        return false;
    };
    let (n, inner) = if first { (ncol, nrow) } else { (nrow, ncol) };
    let side = n as usize;
    if x.len() != shape[0] * shape[1] || to.len() != side * side {
        return false;
    }
    let Some((library, _held)) = library(usize::MAX) else {
        return false;
    };
    // SAFETY: as in product().
    unsafe {
        (library.dsyrk)(
            c"U".as_ptr(),
            word(first),
            &n,
            &inner,
            &ONE,
            x.as_ptr(),
            &nrow,
            &ZERO,
            to.as_mut_ptr(),
            &n,
            1,
            1,
        );
    }
    for i in 1..side {
        for j in 0..i {
            to[i + side * j] = to[j + side * i];
        }
    }
    true
}

/// `solve(a, b)` as in La_solve() of Lapack.c; `b` becomes the result.
pub(crate) fn solve(a: &[f64], n: usize, b: &mut [f64], columns: usize) -> bool {
    let Some([side, p]) = ints([n, columns]) else {
        return false;
    };
    if a.len() != n * n || b.len() != n * columns {
        return false;
    }
    let Some((library, _held)) = library(usize::MAX) else {
        return false;
    };
    let mut factors = a.to_vec();
    let mut pivots = vec![0; n];
    let mut work = vec![0.0; 4 * n];
    let (mut info, mut condition) = (0, 0.0);
    // SAFETY: `a` and `factors` have n by n elements, `b` n by p, `pivots` n, and `work` the 4 n
    // that dgecon() needs; nothing else is read or written, and nothing kept.
    unsafe {
        (library.dgesv)(
            &side,
            &p,
            factors.as_mut_ptr(),
            &side,
            pivots.as_mut_ptr(),
            b.as_mut_ptr(),
            &side,
            &mut info,
        );
        if info != 0 {
            return false;
        }
        let norm = (library.dlange)(
            c"1".as_ptr(),
            &side,
            &side,
            a.as_ptr(),
            &side,
            std::ptr::null_mut(),
            1,
        );
        (library.dgecon)(
            c"1".as_ptr(),
            &side,
            factors.as_ptr(),
            &side,
            &norm,
            &mut condition,
            work.as_mut_ptr(),
            pivots.as_mut_ptr(),
            &mut info,
            1,
        );
    }
    info == 0 && condition >= NEARLY_SINGULAR
}
