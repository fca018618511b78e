//! Dense linear algebra for R on faer.
//!
//! What R's users expect and faer leaves to its caller is here: blocks that run on
//! threads with the same bits for every number of threads, rank and singularity in
//! R's way, R's pivoting, and the difference between `NA` and `NaN`.
//!
//! Rules that hold everywhere:
//!
//! * Threads run over blocks whose sizes depend on the shapes alone; inside a block
//!   faer is sequential (`Par::Seq`). Partial sums are added in block order.
//! * Every call that can reach faer's matrix product is under
//!   [`rustle_threads::vector::clean_after`]; [`rustle_threads::blocks::run`] does that.
//! * Long work is a state with an `advance` method that returns after a slice of
//!   time, `true` when all is done. The caller passes the same matrices each time.
//! * The caller promises that shapes fit: functions panic when they do not.
//!
//! Nothing here knows R.

#![forbid(unsafe_code)]

pub mod batch;
mod cholesky;
pub mod correlation;
pub mod distance;
mod effects;
mod gram;
mod lu;
mod missing;
mod norm;
mod parts;
mod product;
mod qr;
pub mod quantile;
pub mod rows;
mod solve;
pub mod sort;
pub mod spectral;
mod sum;
mod tall_qr;
mod tall_reflections;
mod tiles;

pub use cholesky::{Cholesky, CholeskyInverse, NotPositive};
pub use effects::Effects;
pub use lu::{Lu, LuSolve, Singular};
pub use norm::{all_finite, norm1, scale, Scale};
pub use product::Product;
pub use qr::{Fitted, Qr};
pub use rustle_threads::blocks::Slice;
pub use solve::{Solve, Unsolved};
pub use tall_qr::TallQr;

/// The vector instructions of this processor that faer uses: for matrix products, and
/// for all else.
pub fn simd() -> (&'static str, &'static str) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        if has!("avx2") && has!("fma") {
            let product = if has!("avx512f") { "AVX-512" } else { "AVX2" };
            return (product, "AVX2");
        }
    }
    if cfg!(target_arch = "x86_64") {
        ("SSE2", "SSE2")
    } else if cfg!(target_arch = "aarch64") {
        ("NEON", "NEON")
    } else {
        ("none", "none")
    }
}
