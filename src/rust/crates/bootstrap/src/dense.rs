//! Small dense systems.

/// A symmetric positive definite matrix as the rows of its lower triangle, one after
/// another: entry (i, j), j <= i, is at i (i + 1) / 2 + j.
pub(crate) fn packed_len(p: usize) -> usize {
    p * (p + 1) / 2
}

/// Replaces `a` by its Cholesky factor. Returns the smallest square of a pivot over
/// the largest; not above 0 when `a` is not positive definite.
pub(crate) fn cholesky(a: &mut [f64], p: usize) -> f64 {
    let (mut least, mut most) = (f64::INFINITY, 0f64);
    for i in 0..p {
        let row = packed_len(i);
        for j in 0..=i {
            let other = packed_len(j);
            let mut sum = a[row + j];
            for k in 0..j {
                sum -= a[row + k] * a[other + k];
            }
            if i > j {
                a[row + j] = sum / a[other + j];
            } else {
                // Also false for NaN.
                if !(sum > 0.0) {
                    return 0.0;
                }
                least = least.min(sum);
                most = most.max(sum);
                a[row + i] = sum.sqrt();
            }
        }
    }
    if p == 0 {
        1.0
    } else {
        least / most
    }
}

/// Solves `L x = b` in place.
pub(crate) fn forward(l: &[f64], p: usize, b: &mut [f64]) {
    for i in 0..p {
        let row = packed_len(i);
        let mut sum = b[i];
        for k in 0..i {
            sum -= l[row + k] * b[k];
        }
        b[i] = sum / l[row + i];
    }
}

/// Solves `L L' x = b` in place.
pub(crate) fn solve(l: &[f64], p: usize, b: &mut [f64]) {
    forward(l, p, b);
    for i in (0..p).rev() {
        let mut sum = b[i];
        for k in i + 1..p {
            sum -= l[packed_len(k) + i] * b[k];
        }
        b[i] = sum / l[packed_len(i) + i];
    }
}

/// `out = base + m x`, `m` by rows.
pub(crate) fn affine(base: &[f64], m: &[f64], x: &[f64], out: &mut [f64]) {
    for ((out, base), row) in out.iter_mut().zip(base).zip(m.chunks_exact(x.len())) {
        *out = base + row.iter().zip(x).map(|(m, x)| m * x).sum::<f64>();
    }
}

/// The smallest eigenvalue of a symmetric matrix (its lower triangle), by Jacobi's rotations.
pub(crate) fn least_eigenvalue(packed: &[f64], p: usize) -> f64 {
    let mut a = vec![0.0; p * p];
    for i in 0..p {
        for j in 0..=i {
            a[i * p + j] = packed[packed_len(i) + j];
            a[j * p + i] = a[i * p + j];
        }
    }
    let size: f64 = a.iter().map(|x| x * x).sum();
    // Each sweep squares what is beside the diagonal; ten are more than ever needed.
    for _ in 0..30 {
        let mut beside = 0.0;
        for i in 0..p {
            for j in 0..i {
                let x = a[i * p + j];
                beside += x * x;
                if x == 0.0 {
                    continue;
                }
                let theta = (a[i * p + i] - a[j * p + j]) / (2.0 * x);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for k in 0..p {
                    let (x, y) = (a[j * p + k], a[i * p + k]);
                    a[j * p + k] = c * x - s * y;
                    a[i * p + k] = s * x + c * y;
                }
                for k in 0..p {
                    let (x, y) = (a[k * p + j], a[k * p + i]);
                    a[k * p + j] = c * x - s * y;
                    a[k * p + i] = s * x + c * y;
                }
            }
        }
        // Also ends for NaN.
        if !(beside > 1e-32 * size) {
            break;
        }
    }
    let diagonal = (0..p).map(|i| a[i * p + i]);
    if a.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    diagonal.fold(f64::INFINITY, f64::min)
}

/// Least squares by Householder reflections: rows of `a` (p numbers) against `b`.
/// Both are overwritten. False when the columns depend on each other to 7 digits.
pub(crate) fn least_squares(a: &mut [f64], b: &mut [f64], p: usize, x: &mut [f64]) -> bool {
    let n = b.len();
    if n < p {
        return false;
    }
    let mut largest = 0f64;
    let mut diagonal = vec![0.0; p];
    for k in 0..p {
        let norm = (k..n)
            .map(|i| a[i * p + k] * a[i * p + k])
            .sum::<f64>()
            .sqrt();
        largest = largest.max(norm);
        if !(norm > 1e-7 * largest) {
            return false;
        }
        let alpha = if a[k * p + k] > 0.0 { -norm } else { norm };
        a[k * p + k] -= alpha;
        let half = (k..n).map(|i| a[i * p + k] * a[i * p + k]).sum::<f64>() / 2.0;
        for j in k + 1..p {
            let dot = (k..n).map(|i| a[i * p + k] * a[i * p + j]).sum::<f64>() / half;
            (k..n).for_each(|i| a[i * p + j] -= dot * a[i * p + k]);
        }
        let dot = (k..n).map(|i| a[i * p + k] * b[i]).sum::<f64>() / half;
        (k..n).for_each(|i| b[i] -= dot * a[i * p + k]);
        diagonal[k] = alpha;
    }
    for k in (0..p).rev() {
        let sum: f64 = (k + 1..p).map(|j| a[k * p + j] * x[j]).sum();
        x[k] = (b[k] - sum) / diagonal[k];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_eigenvalue_is_that_of_a_made_up_matrix() {
        // Turned by reflections: I - 2 v v' / v'v, twice.
        let p = 5;
        let values = [3.0, 0.25, 7.0, 0.5, 2.0];
        let mut a = vec![0.0; p * p];
        (0..p).for_each(|i| a[i * p + i] = values[i]);
        for v in [[1.0, 2.0, -1.0, 0.5, 3.0], [0.0, 1.0, 1.0, -2.0, 1.0]] {
            let norm: f64 = v.iter().map(|x| x * x).sum();
            let reflect = |a: &[f64], by_row: bool| -> Vec<f64> {
                let at = |i: usize, j: usize| if by_row { a[i * p + j] } else { a[j * p + i] };
                let mut out = vec![0.0; p * p];
                for j in 0..p {
                    let dot: f64 = (0..p).map(|i| v[i] * at(i, j)).sum();
                    for i in 0..p {
                        let x = at(i, j) - 2.0 * v[i] * dot / norm;
                        out[if by_row { i * p + j } else { j * p + i }] = x;
                    }
                }
                out
            };
            a = reflect(&reflect(&a, true), false);
        }
        let packed: Vec<f64> = (0..p)
            .flat_map(|i| a[i * p..i * p + i + 1].to_vec())
            .collect();
        assert!((least_eigenvalue(&packed, p) - 0.25).abs() < 1e-13);
        assert_eq!(least_eigenvalue(&[2.0], 1), 2.0);
        assert!(least_eigenvalue(&[1.0, f64::NAN, 1.0], 2).is_nan());
    }

    #[test]
    fn cholesky_and_householder_solve_the_same_problem() {
        let (n, p) = (9, 3);
        let a: Vec<f64> = (0..n * p)
            .map(|i| ((i * i * 7 + 3 * i) % 17) as f64 - 8.0)
            .collect();
        let b: Vec<f64> = (0..n).map(|i| (i % 4) as f64 + 0.5).collect();
        let mut packed = vec![0.0; packed_len(p)];
        let mut rhs = vec![0.0; p];
        for i in 0..n {
            for j in 0..p {
                rhs[j] += a[i * p + j] * b[i];
                for k in 0..=j {
                    packed[packed_len(j) + k] += a[i * p + j] * a[i * p + k];
                }
            }
        }
        assert!(cholesky(&mut packed, p) > 0.0);
        solve(&packed, p, &mut rhs);
        let mut x = vec![0.0; p];
        let (mut qr, mut y) = (a.clone(), b);
        assert!(least_squares(&mut qr, &mut y, p, &mut x));
        for (x, y) in x.iter().zip(&rhs) {
            assert!((x - y).abs() < 1e-12);
        }
        // The same column twice.
        let mut twice: Vec<f64> = a.chunks(p).flat_map(|r| [r[0], r[1], r[0]]).collect();
        assert!(!least_squares(&mut twice, &mut vec![1.0; n], p, &mut x));
    }
}
