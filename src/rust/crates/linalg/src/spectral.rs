//! Singular values and eigenvalues: faer's algorithms as they are. They run in one go;
//! matrices must be finite, or they take seconds to fail.

use std::num::NonZeroUsize;

use faer::diag::DiagMut;
use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::evd::{self, ComputeEigenvectors};
use faer::linalg::svd::{self, ComputeSvdVectors};
use faer::{MatMut, MatRef, Par};
use rustle_threads::pool::with_pool;
use rustle_threads::vector::clean_after;

/// From this order on two threads were seen to gain; results then depend on their
/// number in the last bits.
pub const PARALLEL_ORDER: usize = 1000;

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// Iterations did not converge.
    NoConvergence,
    /// There is no memory to work in.
    Memory,
}

/// Runs `op` with faer's own parallelism where the order is worth it.
fn parallel<R: Send>(threads: NonZeroUsize, order: usize, op: impl Fn(Par) -> R + Sync) -> R {
    if threads.get() > 1 && order >= PARALLEL_ORDER {
        let result = with_pool(threads, || {
            let result = op(Par::rayon(threads.get()));
            // faer leaves every thread of the pool with dirty vector registers.
            rayon::broadcast(|_| clean_after(|| ()));
            result
        });
        if let Ok(result) = result {
            return result;
        }
    }
    clean_after(|| op(Par::Seq))
}

fn workspace(need: StackReq) -> Result<MemBuffer, Failed> {
    MemBuffer::try_new(need).map_err(|_| Failed::Memory)
}

/// Singular values of `x`, largest first; `u` and `v` have as many columns as there are
/// singular values, or as they have rows.
///
/// # Errors
///
/// See [`Failed`].
pub fn svd(
    x: MatRef<'_, f64>,
    d: &mut [f64],
    mut u: Option<MatMut<'_, f64>>,
    mut v: Option<MatMut<'_, f64>>,
    threads: NonZeroUsize,
) -> Result<(), Failed> {
    let (nrow, ncol) = x.shape();
    let order = nrow.min(ncol);
    let kind = |m: &Option<MatMut<'_, f64>>| match m {
        None => ComputeSvdVectors::No,
        Some(m) if m.ncols() == order => ComputeSvdVectors::Thin,
        Some(_) => ComputeSvdVectors::Full,
    };
    let (of_u, of_v) = (kind(&u), kind(&v));
    // faer reads a corner of full `u` and `v` of tall and wide matrices that it has not
    // written.
    if let Some(u) = u.as_mut() {
        u.fill(0.0);
    }
    if let Some(v) = v.as_mut() {
        v.fill(0.0);
    }
    let cell = std::sync::Mutex::new((d, u.as_mut(), v.as_mut()));
    parallel(threads, order, |par| {
        let Ok(mut held) = cell.lock() else {
            return Err(Failed::NoConvergence);
        };
        let (d, u, v) = &mut *held;
        let need = svd::svd_scratch::<f64>(nrow, ncol, of_u, of_v, par, Default::default());
        let mut memory = workspace(need)?;
        svd::svd(
            x,
            DiagMut::from_slice_mut(d),
            u.as_mut().map(|m| m.as_mut()),
            v.as_mut().map(|m| m.as_mut()),
            par,
            MemStack::new(&mut memory),
            Default::default(),
        )
        .map_err(|_| Failed::NoConvergence)
    })
}

/// Eigenvalues, smallest first, and eigenvectors of the symmetric matrix whose lower
/// triangle is that of `x`.
///
/// # Errors
///
/// See [`Failed`].
pub fn eigen_symmetric(
    x: MatRef<'_, f64>,
    values: &mut [f64],
    mut vectors: Option<MatMut<'_, f64>>,
    threads: NonZeroUsize,
) -> Result<(), Failed> {
    let n = x.ncols();
    let kind = match vectors {
        None => ComputeEigenvectors::No,
        Some(_) => ComputeEigenvectors::Yes,
    };
    if let Some(vectors) = vectors.as_mut() {
        vectors.fill(0.0);
    }
    let cell = std::sync::Mutex::new((values, vectors.as_mut()));
    parallel(threads, n, |par| {
        let Ok(mut held) = cell.lock() else {
            return Err(Failed::NoConvergence);
        };
        let (values, vectors) = &mut *held;
        let need = evd::self_adjoint_evd_scratch::<f64>(n, kind, par, Default::default());
        let mut memory = workspace(need)?;
        evd::self_adjoint_evd(
            x,
            DiagMut::from_slice_mut(values),
            vectors.as_mut().map(|m| m.as_mut()),
            par,
            MemStack::new(&mut memory),
            Default::default(),
        )
        .map_err(|_| Failed::NoConvergence)
    })
}

/// Eigenvalues of any square matrix, and right eigenvectors: of a pair of conjugate
/// values the first column is the real part and the second the imaginary part of the
/// vector that belongs to the first value.
///
/// # Errors
///
/// See [`Failed`].
pub fn eigen_general(
    x: MatRef<'_, f64>,
    real: &mut [f64],
    imaginary: &mut [f64],
    mut vectors: Option<MatMut<'_, f64>>,
) -> Result<(), Failed> {
    let n = x.ncols();
    let kind = match vectors {
        None => ComputeEigenvectors::No,
        Some(_) => ComputeEigenvectors::Yes,
    };
    if let Some(vectors) = vectors.as_mut() {
        vectors.fill(0.0);
    }
    let params = Default::default();
    let need = evd::evd_scratch::<f64>(n, ComputeEigenvectors::No, kind, Par::Seq, params);
    let mut memory = workspace(need)?;
    clean_after(|| {
        evd::evd_real(
            x,
            DiagMut::from_slice_mut(real),
            DiagMut::from_slice_mut(imaginary),
            None,
            vectors,
            Par::Seq,
            MemStack::new(&mut memory),
            params,
        )
    })
    .map_err(|_| Failed::NoConvergence)
}
