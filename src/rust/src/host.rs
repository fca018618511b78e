//! What compiled closures compute with R's own library and compiler.

use std::ffi::c_int;
use std::sync::OnceLock;

use rustle_compiled::primitives::curves::Curve;
use rustle_compiled::primitives::normal;
use rustle_compiled::Host;

use crate::blas;

// src/wide.c.
extern "C" {
    fn rustle_wide_sum(x: *const f64, n: usize) -> f64;
    fn rustle_wide_mean(x: *const f64, n: usize) -> f64;
    fn rustle_wide_mean_once(x: *const f64, n: usize) -> f64;
    fn rustle_wide_ratio(sum: i64, n: usize) -> f64;
    fn rustle_wide_var(x: *const f64, n: usize) -> f64;
    fn rustle_wide_var_around(x: *const f64, n: usize, mean: f64) -> f64;
    fn rustle_wide_cov(x: *const f64, y: *const f64, n: usize) -> f64;
    fn rustle_wide_cor(x: *const f64, y: *const f64, n: usize) -> f64;
    fn rustle_wide_prod(x: *const f64, n: usize) -> f64;
    fn rustle_wide_cumsum(x: *const f64, n: usize, to: *mut f64);
    fn rustle_wide_cumprod(x: *const f64, n: usize, to: *mut f64);
    fn rustle_wide_rows(x: *const f64, nrow: usize, ncol: usize, mean: c_int, to: *mut f64);
    fn rustle_wide_modulo(x: f64, y: f64) -> f64;
    fn rustle_wide_int_div(x: f64, y: f64) -> f64;
}

// Of R's library, as Rmath.h and Arith.h declare them.
extern "C" {
    fn R_pow(x: f64, y: f64) -> f64;
    fn Rf_qnorm5(p: f64, mean: f64, sd: f64, lower: c_int, log: c_int) -> f64;
    fn Rf_fround(x: f64, digits: f64) -> f64;
    fn Rf_fprec(x: f64, digits: f64) -> f64;
    fn Rf_dnorm4(x: f64, mean: f64, sd: f64, log: c_int) -> f64;
    fn Rf_pnorm5(x: f64, mean: f64, sd: f64, lower: c_int, log: c_int) -> f64;
    fn Rf_dunif(x: f64, a: f64, b: f64, log: c_int) -> f64;
    fn Rf_punif(x: f64, a: f64, b: f64, lower: c_int, log: c_int) -> f64;
    fn Rf_dexp(x: f64, scale: f64, log: c_int) -> f64;
    fn Rf_pexp(x: f64, scale: f64, lower: c_int, log: c_int) -> f64;
    fn Rf_dgamma(x: f64, shape: f64, scale: f64, log: c_int) -> f64;
    fn Rf_dbeta(x: f64, a: f64, b: f64, log: c_int) -> f64;
    fn Rf_dt(x: f64, df: f64, log: c_int) -> f64;
    fn Rf_pt(x: f64, df: f64, lower: c_int, log: c_int) -> f64;
    fn Rf_dchisq(x: f64, df: f64, log: c_int) -> f64;
    fn Rf_pchisq(x: f64, df: f64, lower: c_int, log: c_int) -> f64;
    fn Rf_dbinom(x: f64, n: f64, p: f64, log: c_int) -> f64;
    fn Rf_dpois(x: f64, lambda: f64, log: c_int) -> f64;
    fn Rf_dlogis(x: f64, m: f64, s: f64, log: c_int) -> f64;
    fn Rf_plogis(x: f64, m: f64, s: f64, lower: c_int, log: c_int) -> f64;
    fn Rf_qlogis(p: f64, m: f64, s: f64, lower: c_int, log: c_int) -> f64;
    fn Rf_dlnorm(x: f64, m: f64, s: f64, log: c_int) -> f64;
    fn Rf_plnorm(x: f64, m: f64, s: f64, lower: c_int, log: c_int) -> f64;
    fn Rf_gammafn(x: f64) -> f64;
    fn Rf_lgammafn(x: f64) -> f64;
    fn Rf_beta(a: f64, b: f64) -> f64;
    fn Rf_lbeta(a: f64, b: f64) -> f64;
    fn Rf_choose(n: f64, k: f64) -> f64;
}

/// Densities and their like.
fn curve(which: Curve, [x, a, b]: [f64; 3], lower: bool, log: bool) -> f64 {
    let (lower, log) = (c_int::from(lower), c_int::from(log));
    // SAFETY: for the arguments that the crate hands on (primitives/curves.rs) the functions only
    // compute: they neither allocate, nor warn, nor jump.
    unsafe {
        match which {
            Curve::NormalDensity => Rf_dnorm4(x, a, b, log),
            Curve::Normal => Rf_pnorm5(x, a, b, lower, log),
            Curve::NormalQuantile => Rf_qnorm5(x, a, b, lower, log),
            Curve::UniformDensity => Rf_dunif(x, a, b, log),
            Curve::Uniform => Rf_punif(x, a, b, lower, log),
            Curve::ExponentialDensity => Rf_dexp(x, a, log),
            Curve::Exponential => Rf_pexp(x, a, lower, log),
            Curve::GammaDensity => Rf_dgamma(x, a, b, log),
            Curve::BetaDensity => Rf_dbeta(x, a, b, log),
            Curve::TDensity => Rf_dt(x, a, log),
            Curve::T => Rf_pt(x, a, lower, log),
            Curve::ChiSquaredDensity => Rf_dchisq(x, a, log),
            Curve::ChiSquared => Rf_pchisq(x, a, lower, log),
            Curve::BinomialDensity => Rf_dbinom(x, a, b, log),
            Curve::PoissonDensity => Rf_dpois(x, a, log),
            Curve::LogisticDensity => Rf_dlogis(x, a, b, log),
            Curve::Logistic => Rf_plogis(x, a, b, lower, log),
            Curve::LogisticQuantile => Rf_qlogis(x, a, b, lower, log),
            Curve::LogNormalDensity => Rf_dlnorm(x, a, b, log),
            Curve::LogNormal => Rf_plnorm(x, a, b, lower, log),
            Curve::Gamma => Rf_gammafn(x),
            Curve::LogGamma => Rf_lgammafn(x),
            Curve::Beta => Rf_beta(x, a),
            Curve::LogBeta => Rf_lbeta(x, a),
            Curve::Choose => Rf_choose(x, a),
        }
    }
}

/// A function of a vector in src/wide.c.
macro_rules! of_vector {
    ($function:ident) => {
        // SAFETY: the function reads the n doubles of the slice and nothing else.
        |x| unsafe { $function(x.as_ptr(), x.len()) }
    };
}

/// A function of a vector in src/wide.c that writes one of the same length.
macro_rules! along_vector {
    ($function:ident) => {
        |x, to| {
            assert_eq!(x.len(), to.len());
            // SAFETY: the function reads the n doubles of `x` and writes those of `to`,
            // which are as many.
            unsafe { $function(x.as_ptr(), x.len(), to.as_mut_ptr()) }
        }
    };
}

/// A function of two numbers, of src/wide.c or of R.
macro_rules! of_two {
    ($function:ident) => {
        // SAFETY: the function computes with its arguments; it takes any double, and neither
        // allocates, warns nor jumps for those that the crate hands on.
        |x, y| unsafe { $function(x, y) }
    };
}

fn row_sums(x: &[f64], mean: bool, to: &mut [f64]) {
    let nrow = to.len();
    if nrow == 0 {
        return;
    }
    // SAFETY: `x` has at least nrow * (len / nrow) doubles, `to` nrow.
    unsafe {
        rustle_wide_rows(
            x.as_ptr(),
            nrow,
            x.len() / nrow,
            mean.into(),
            to.as_mut_ptr(),
        );
    }
}

fn cov(x: &[f64], y: &[f64]) -> f64 {
    assert_eq!(x.len(), y.len());
    // SAFETY: the function reads the n doubles of each slice and nothing else.
    unsafe { rustle_wide_cov(x.as_ptr(), y.as_ptr(), x.len()) }
}

fn cor(x: &[f64], y: &[f64]) -> f64 {
    assert_eq!(x.len(), y.len());
    // SAFETY: the function reads the n doubles of each slice and nothing else.
    unsafe { rustle_wide_cor(x.as_ptr(), y.as_ptr(), x.len()) }
}

/// The quantile of the standard normal distribution.
#[inline]
fn qnorm(p: f64) -> f64 {
    // SAFETY: for probabilities inside (0, 1) the function only computes.
    unsafe { Rf_qnorm5(p, 0.0, 1.0, 1, 0) }
}

/// Four side by side. Nothing is contracted: each step is rounded.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn qnorms_wide(x: &mut [f64]) {
    normal::quantiles(x, qnorm);
}

fn qnorms_of_ours(x: &mut [f64]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has what the function is compiled for.
        unsafe { qnorms_wide(x) };
        return;
    }
    normal::quantiles(x, qnorm);
}

/// Are the quantiles those of this R? A compiler may have contracted steps of R's own.
fn agrees() -> bool {
    static AGREES: OnceLock<bool> = OnceLock::new();
    *AGREES.get_or_init(|| {
        let all: Vec<f64> = (1..1999).map(|k| f64::from(k) / 1999.0).collect();
        let mut ours = all.clone();
        qnorms_of_ours(&mut ours);
        let same = |(p, x): (&f64, &f64)| qnorm(*p).to_bits() == x.to_bits();
        all.iter().zip(&ours).all(same)
    })
}

fn qnorms(x: &mut [f64]) {
    if agrees() {
        qnorms_of_ours(x);
    } else {
        x.iter_mut().for_each(|x| *x = qnorm(*x));
    }
}

/// R's own functions.
pub(crate) const HOST: Host = Host {
    sum: of_vector!(rustle_wide_sum),
    mean: of_vector!(rustle_wide_mean),
    mean_once: of_vector!(rustle_wide_mean_once),
    // SAFETY: arithmetic only.
    ratio: |sum, n| unsafe { rustle_wide_ratio(sum, n) },
    var: of_vector!(rustle_wide_var),
    cov,
    cor,
    row_sums,
    product: blas::product,
    self_product: blas::self_product,
    solve: blas::solve,
    prod: of_vector!(rustle_wide_prod),
    cumsum: along_vector!(rustle_wide_cumsum),
    cumprod: along_vector!(rustle_wide_cumprod),
    pow: of_two!(R_pow),
    modulo: of_two!(rustle_wide_modulo),
    int_div: of_two!(rustle_wide_int_div),
    round: of_two!(Rf_fround),
    signif: of_two!(Rf_fprec),
    qnorm,
    qnorms,
    curve,
    // SAFETY: the function reads the n doubles of the slice and nothing else.
    var_around: |x, mean| unsafe { rustle_wide_var_around(x.as_ptr(), x.len(), mean) },
};
