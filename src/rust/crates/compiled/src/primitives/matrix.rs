//! Matrices, held column after column.

use super::reduce::number;
use crate::bail::Bail;
use crate::code::{Margin, Product};
use crate::host::Host;

/// Numbers of rows and columns.
pub type Shape = [usize; 2];

fn numbers(x: Vec<f64>) -> Result<Vec<f64>, Bail> {
    for x in &x {
        number(*x)?;
    }
    Ok(x)
}

/// A shape without elements.
const NO_ELEMENTS: Bail = Bail("a matrix without rows or columns");

fn shaped(x: &[f64], nrow: usize) -> Result<(), Bail> {
    if x.is_empty() || nrow == 0 || x.len() % nrow != 0 {
        Err(NO_ELEMENTS)
    } else {
        Ok(())
    }
}

/// `colSums(x)` of a matrix of `nrow` rows.
pub fn col_sums(x: &[f64], nrow: usize, host: &Host) -> Result<Vec<f64>, Bail> {
    shaped(x, nrow)?;
    numbers(x.chunks(nrow).map(|column| (host.sum)(column)).collect())
}

/// `colMeans(x)` of a matrix of `nrow` rows.
pub fn col_means(x: &[f64], nrow: usize, host: &Host) -> Result<Vec<f64>, Bail> {
    shaped(x, nrow)?;
    let means = x.chunks(nrow).map(|column| (host.mean_once)(column));
    numbers(means.collect())
}

/// `rowSums(x)` of a matrix of `nrow` rows.
pub fn row_sums(x: &[f64], nrow: usize, host: &Host) -> Result<Vec<f64>, Bail> {
    rows(x, nrow, false, host)
}

/// `rowMeans(x)` of a matrix of `nrow` rows.
pub fn row_means(x: &[f64], nrow: usize, host: &Host) -> Result<Vec<f64>, Bail> {
    rows(x, nrow, true, host)
}

fn rows(x: &[f64], nrow: usize, mean: bool, host: &Host) -> Result<Vec<f64>, Bail> {
    shaped(x, nrow)?;
    let mut to = vec![0.0; nrow];
    (host.row_sums)(x, mean, &mut to);
    numbers(to)
}

pub(crate) fn margin(how: Margin, x: &[f64], nrow: usize, host: &Host) -> Result<Vec<f64>, Bail> {
    match how {
        Margin::RowSums => row_sums(x, nrow, host),
        Margin::RowMeans => row_means(x, nrow, host),
        Margin::ColSums => col_sums(x, nrow, host),
        Margin::ColMeans => col_means(x, nrow, host),
    }
}

/// `t(x)` of a matrix of `nrow` rows.
pub fn transpose<T: Copy>(x: &[T], nrow: usize) -> Vec<T> {
    let mut to = Vec::with_capacity(x.len());
    transpose_into(&mut to, x, nrow);
    to
}

pub(crate) fn transpose_into<T: Copy>(to: &mut Vec<T>, x: &[T], nrow: usize) {
    for i in 0..nrow {
        to.extend(x[i.min(x.len())..].iter().step_by(nrow));
    }
}

/// The shape of `matrix(data, nrow, ncol)`, where the elements fill it without a rest.
pub(crate) fn fill_shape(
    elements: usize,
    nrow: Option<usize>,
    ncol: Option<usize>,
) -> Result<Shape, Bail> {
    let whole = |side: usize| match side {
        0 => Err(NO_ELEMENTS),
        side if elements % side != 0 => Err(LENGTHS),
        side => Ok(elements / side),
    };
    let shape = match (nrow, ncol) {
        (Some(nrow), Some(ncol)) => [nrow, ncol],
        (Some(nrow), None) => [nrow, whole(nrow)?],
        (None, Some(ncol)) => [whole(ncol)?, ncol],
        (None, None) => [elements, 1],
    };
    let count = shape[0].checked_mul(shape[1]).ok_or(LENGTHS)?;
    if elements == 0 || count == 0 {
        Err(NO_ELEMENTS)
    } else if count % elements != 0 {
        Err(LENGTHS)
    } else {
        Ok(shape)
    }
}

/// The elements of `matrix()`.
pub(crate) fn fill<T: Copy>(
    to: &mut Vec<T>,
    data: &[T],
    [nrow, ncol]: Shape,
    byrow: bool,
) -> Result<(), Bail> {
    if byrow {
        for j in 0..ncol {
            to.extend((0..nrow).map(|i| data[(i * ncol + j) % data.len()]));
        }
    } else {
        to.extend(data.iter().cycle().take(nrow * ncol));
    }
    Ok(())
}

/// A square matrix with these elements, again and again, in its diagonal.
pub(crate) fn of_diagonal<T: Copy + Default>(
    to: &mut Vec<T>,
    x: &[T],
    n: usize,
) -> Result<(), Bail> {
    to.resize(n * n, T::default());
    let diagonal = to.iter_mut().step_by(n + 1);
    for (to, x) in diagonal.zip(x.iter().cycle()) {
        *to = *x;
    }
    Ok(())
}

/// A matrix, or a vector, whose shape depends on what it meets.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a> {
    /// The elements.
    pub values: &'a [f64],
    /// Of a matrix.
    pub shape: Option<Shape>,
}

/// R hands other numbers to its BLAS only where none of them is infinite or missing; of
/// these, no sum is.
fn moderate(x: &[f64]) -> Result<(), Bail> {
    // Not a number is not below anything.
    if x.iter().all(|x| x.abs() < 1e150) {
        Ok(())
    } else {
        Err(Bail(
            "a matrix with very large, infinite or missing elements",
        ))
    }
}

/// The shapes of two operands; vectors are rows or columns as R has it where that is plain.
fn shapes(how: Product, x: Operand<'_>, y: Operand<'_>) -> Result<(Shape, Shape), Bail> {
    let (m, n) = (x.values.len(), y.values.len());
    let found = match (x.shape, y.shape) {
        (Some(x), Some(y)) => (x, y),
        (Some(x), None) => match how {
            Product::Plain => (x, [n, 1]),
            Product::Cross => (x, [n, 1]),
            // R's rules differ between its versions.
            Product::CrossOfRows => return Err(LENGTHS),
        },
        (None, Some(y)) => match how {
            Product::Plain => ([1, m], y),
            Product::Cross => ([m, 1], y),
            Product::CrossOfRows => return Err(LENGTHS),
        },
        (None, None) if m < 2 || n < 2 => return Err(LENGTHS),
        (None, None) => match how {
            Product::Plain => ([1, m], [n, 1]),
            _ => ([m, 1], [n, 1]),
        },
    };
    let (x, y) = found;
    let fits = match how {
        Product::Plain => x[1] == y[0],
        Product::Cross => x[0] == y[0],
        Product::CrossOfRows => x[1] == y[1],
    };
    if !fits {
        Err(LENGTHS)
    } else if x.contains(&0) || y.contains(&0) {
        Err(NO_ELEMENTS)
    } else {
        Ok(found)
    }
}

/// `x %*% y`, `crossprod(x, y)`, `tcrossprod(x, y)`, or with `x` alone: the shape of the
/// result, and how many multiplications it took.
pub(crate) fn product(
    how: Product,
    x: Operand<'_>,
    y: Option<Operand<'_>>,
    host: &Host,
    to: &mut Vec<f64>,
) -> Result<(Shape, usize), Bail> {
    let alone = y.is_none();
    let y = y.unwrap_or(x);
    let (sx, sy) = shapes(how, x, y)?;
    moderate(x.values)?;
    moderate(y.values)?;
    let (shape, inner) = match how {
        Product::Plain => ([sx[0], sy[1]], sx[1]),
        Product::Cross => ([sx[1], sy[1]], sx[0]),
        Product::CrossOfRows => ([sx[0], sy[0]], sx[1]),
    };
    let size = shape[0].checked_mul(shape[1]).ok_or(LENGTHS)?;
    if size > LARGEST {
        return Err(Bail("a very large matrix"));
    }
    to.resize(size, 0.0);
    let (x, y) = (x.values, y.values);
    let done = match how {
        // The last two are what a function with `x` alone does; see array.c of R.
        Product::Cross if alone => (host.self_product)(x, sx, true, to),
        Product::CrossOfRows if alone => (host.self_product)(x, sx, false, to),
        how => (host.product)(
            (x, sx, how == Product::Cross),
            (y, sy, how == Product::CrossOfRows),
            to,
        ),
    };
    if done {
        Ok((shape, size.saturating_mul(inner)))
    } else {
        Err(NO_LIBRARY)
    }
}

const NO_LIBRARY: Bail = Bail("a BLAS that is not known");
/// No result has more elements.
const LARGEST: usize = 1 << 26;
const LENGTHS: Bail = Bail("matrices whose shapes do not go together");

/// `solve(a, b)`, without `b` the inverse; the shape of the result.
pub(crate) fn solve(
    a: Operand<'_>,
    b: Option<Operand<'_>>,
    host: &Host,
    to: &mut Vec<f64>,
) -> Result<Shape, Bail> {
    let Some([n, columns]) = a.shape else {
        return Err(LENGTHS);
    };
    if n != columns || n == 0 {
        return Err(LENGTHS);
    }
    moderate(a.values)?;
    let shape = match b {
        None => {
            of_diagonal(to, &[1.0], n)?;
            [n, n]
        }
        Some(b) => {
            let shape = b.shape.unwrap_or([b.values.len(), 1]);
            if shape[0] != n || shape[1] == 0 {
                return Err(LENGTHS);
            }
            moderate(b.values)?;
            to.extend_from_slice(b.values);
            shape
        }
    };
    if (host.solve)(a.values, n, to, shape[1]) && to.iter().all(|x| x.is_finite()) {
        Ok(shape)
    } else {
        Err(Bail("a matrix that is singular, or nearly so"))
    }
}
