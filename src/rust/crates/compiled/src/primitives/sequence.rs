//! `seq()`, as R's own code computes it.

use crate::bail::Bail;

const SEQUENCE: Bail = Bail("a sequence that R makes in another way, or refuses");
const LONGEST: f64 = (1u64 << 26) as f64;

/// `seq(from, to, by)` of doubles.
pub fn by(from: f64, to: f64, by: f64) -> Result<Vec<f64>, Bail> {
    let del = to - from;
    let n = del / by;
    let near = del.abs() / to.abs().max(from.abs()) < 100.0 * f64::EPSILON;
    if !del.is_finite() || !n.is_finite() || del == 0.0 || near {
        return Err(SEQUENCE);
    }
    if !(0.0..=LONGEST).contains(&n) {
        return Err(SEQUENCE);
    }
    let n = (n + 1e-10) as i32;
    let all = (0..=n).map(|i| from + f64::from(i) * by);
    Ok(all
        .map(|x| {
            let beyond = if by > 0.0 { x > to } else { x < to };
            if beyond {
                to
            } else {
                x
            }
        })
        .collect())
}

/// `seq(from, to, by)` of integers.
pub fn by_int(from: i32, to: i32, by: i32) -> Result<Vec<i32>, Bail> {
    let del = i64::from(to) - i64::from(from);
    if by == 0 || del == 0 || (del < 0) != (by < 0) || del.unsigned_abs() > LONGEST as u64 {
        return Err(SEQUENCE);
    }
    let n = (del as f64 / f64::from(by)) as i32;
    Ok((0..=n).map(|i| from + i * by).collect())
}

fn count(n: i32) -> Result<i32, Bail> {
    // Of length 0 it is a vector of integers.
    if n < 1 || f64::from(n) > LONGEST {
        return Err(SEQUENCE);
    }
    Ok(n)
}

/// `seq(from, to, length.out = n)` of doubles.
pub fn between(from: f64, to: f64, n: i32) -> Result<Vec<f64>, Bail> {
    let n = count(n)?;
    let del = to - from;
    if !del.is_finite() {
        return Err(SEQUENCE);
    }
    if n <= 2 {
        return Ok([from, to][..n as usize].to_vec());
    }
    if from == to {
        return Ok(vec![from; n as usize]);
    }
    let step = del / f64::from(n - 1);
    let mut all = vec![from];
    all.extend((1..n - 1).map(|i| from + f64::from(i) * step));
    all.push(to);
    Ok(all)
}

/// `seq(from, by = by, length.out = n)` of doubles.
pub fn steps(from: f64, by: f64, n: i32) -> Result<Vec<f64>, Bail> {
    let n = count(n)?;
    if !from.is_finite() || !by.is_finite() {
        return Err(SEQUENCE);
    }
    Ok((0..n).map(|i| from + f64::from(i) * by).collect())
}
