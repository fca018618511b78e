//! Random numbers with parameters, one at a time. What R answers with `NaN` is given up; a
//! law that is a point draws nothing, as in R.

use super::generator::Generator;
use crate::bail::Bail;
use crate::host::Host;

/// Parameters for which R gives `NaN` and warns, or that are not finite.
pub(super) const PARAMETERS: Bail = Bail("parameters of random numbers that R warns of");

/// The parameters, when all of them are finite.
fn finite<const K: usize>(parameters: [f64; K]) -> Result<[f64; K], Bail> {
    if parameters.iter().all(|x| x.is_finite()) {
        Ok(parameters)
    } else {
        Err(PARAMETERS)
    }
}

/// `runif(1, min, max)`.
#[inline]
pub fn runif(min: f64, max: f64, state: &mut Generator) -> Result<f64, Bail> {
    finite([min, max])?;
    if max < min {
        return Err(PARAMETERS);
    }
    if min == max {
        return Ok(min);
    }
    Ok(min + (max - min) * state.next_u01())
}

/// `rnorm(1, mean, sd)`.
#[inline]
pub fn rnorm(mean: f64, sd: f64, host: &Host, state: &mut Generator) -> Result<f64, Bail> {
    finite([mean, sd])?;
    if sd < 0.0 {
        return Err(PARAMETERS);
    }
    if sd == 0.0 {
        return Ok(mean);
    }
    Ok(mean + sd * state.next_normal(host))
}

/// `rnorm(n, mean, sd)`, behind what is in the vector.
pub fn rnorms(
    out: &mut Vec<f64>,
    n: usize,
    mean: f64,
    sd: f64,
    host: &Host,
    state: &mut Generator,
) -> Result<(), Bail> {
    finite([mean, sd])?;
    if sd < 0.0 {
        return Err(PARAMETERS);
    }
    let drawn = out.len();
    if sd == 0.0 {
        out.resize(drawn + n, mean);
        return Ok(());
    }
    state.fine_uniforms(n, out);
    (host.qnorms)(&mut out[drawn..]);
    for x in &mut out[drawn..] {
        *x = mean + sd * *x;
    }
    Ok(())
}

/// `rexp(1, rate)`.
#[inline]
pub fn rexp(rate: f64, state: &mut Generator) -> Result<f64, Bail> {
    let [scale] = finite([1.0 / rate])?;
    if scale <= 0.0 {
        return Err(PARAMETERS);
    }
    Ok(scale * state.next_exponential())
}

/// `rlnorm(1, meanlog, sdlog)`.
pub fn rlnorm(meanlog: f64, sdlog: f64, host: &Host, state: &mut Generator) -> Result<f64, Bail> {
    rnorm(meanlog, sdlog, host, state).map(f64::exp)
}

/// `rlogis(1, location, scale)`.
pub fn rlogis(location: f64, scale: f64, state: &mut Generator) -> Result<f64, Bail> {
    finite([location, scale])?;
    if scale < 0.0 {
        return Err(PARAMETERS);
    }
    if scale == 0.0 {
        return Ok(location);
    }
    let u = state.next_u01();
    Ok(location + scale * (u / (1.0 - u)).ln())
}

/// `rcauchy(1, location, scale)`.
pub fn rcauchy(location: f64, scale: f64, state: &mut Generator) -> Result<f64, Bail> {
    finite([location, scale])?;
    if scale < 0.0 {
        return Err(PARAMETERS);
    }
    if scale == 0.0 {
        return Ok(location);
    }
    Ok(location + scale * (std::f64::consts::PI * state.next_u01()).tan())
}

/// `rweibull(1, shape, scale)`.
pub fn rweibull(shape: f64, scale: f64, state: &mut Generator) -> Result<f64, Bail> {
    finite([shape, scale])?;
    if shape <= 0.0 || scale <= 0.0 {
        return Err(PARAMETERS);
    }
    Ok(scale * (-state.next_u01().ln()).powf(1.0 / shape))
}
