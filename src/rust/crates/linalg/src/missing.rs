//! `NA` among `NaN`.

use faer::{MatMut, MatRef};

/// R's `NA_real_` is a quiet or signalling NaN whose low word is 1954.
pub(crate) fn is_na(x: f64) -> bool {
    x.is_nan() && x.to_bits() as u32 == 1954
}

/// R's `NA_real_`.
pub(crate) const NA: f64 = f64::from_bits(0x7FF0_0000_0000_07A2);

/// The first NaN of each row: its column, and the value.
fn first_nan(x: MatRef<'_, f64>) -> Vec<Option<(usize, f64)>> {
    let mut out = vec![None; x.nrows()];
    for (col, column) in x.col_iter().enumerate() {
        for (row, value) in column.iter().enumerate() {
            if value.is_nan() && out[row].is_none() {
                out[row] = Some((col, *value));
            }
        }
    }
    out
}

/// Tells `NA` from `NaN` in a product, as R's loops do on x86-64: the first term that
/// is either decides. (What vector code keeps of a payload is left to chance.) Looks
/// at the factors only when the product holds a NaN.
pub(crate) fn mark_na(mut out: MatMut<'_, f64>, lhs: MatRef<'_, f64>, rhs: MatRef<'_, f64>) {
    let any = out
        .as_ref()
        .col_iter()
        .any(|column| column.iter().any(|x| x.is_nan()));
    if !any {
        return;
    }
    let rows = first_nan(lhs);
    let cols = first_nan(rhs.transpose());
    for (column, col) in out.as_mut().col_iter_mut().zip(&cols) {
        for (x, row) in column.iter_mut().zip(&rows) {
            if !x.is_nan() {
                continue;
            }
            let first = match (row, col) {
                (Some(r), Some(c)) if c.0 < r.0 => c.1,
                (Some(r), _) => r.1,
                (None, Some(c)) => c.1,
                (None, None) => f64::NAN,
            };
            *x = if is_na(first) { NA } else { f64::NAN };
        }
    }
}
