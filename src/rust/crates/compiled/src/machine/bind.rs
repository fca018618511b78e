//! Columns or rows put together.

use std::borrow::Cow;

use super::{Bail, Machine, LENGTHS, LONG, LONGEST};
use crate::code::Bind;

/// Puts vectors, of which each is a column (or row) that is recycled, and matrices, by their
/// numbers of rows and columns, side by side.
fn together<T: Copy>(
    parts: &[(&[T], Option<[usize; 2]>)],
    columns: bool,
    out: &mut Vec<T>,
) -> Result<[usize; 2], Bail> {
    // The side on which they meet, and how many there are along the other one.
    let side = |shape: [usize; 2]| if columns { shape[0] } else { shape[1] };
    let along = |shape: [usize; 2]| if columns { shape[1] } else { shape[0] };
    let mut of_matrices = parts.iter().filter_map(|(_, shape)| shape.map(side));
    let first = of_matrices.next();
    if of_matrices.any(|other| Some(other) != first) {
        return Err(LENGTHS);
    }
    let longest = parts.iter().map(|(x, _)| x.len()).max().unwrap_or(0);
    let n = first.unwrap_or(longest);
    let fits = |(x, shape): &(&[T], Option<[usize; 2]>)| {
        shape.is_some() || (!x.is_empty() && x.len() <= n && n % x.len() == 0)
    };
    if n == 0 || !parts.iter().all(fits) {
        return Err(LENGTHS);
    }
    let total = parts.iter().map(|(_, shape)| shape.map_or(1, along)).sum();
    if n.checked_mul(total).is_none_or(|size| size > LONGEST) {
        return Err(LONG);
    }
    if columns {
        for (x, shape) in parts {
            match shape {
                Some(_) => out.extend_from_slice(x),
                None => out.extend(x.iter().cycle().take(n)),
            }
        }
        return Ok([n, total]);
    }
    for j in 0..n {
        for (x, shape) in parts {
            match shape {
                Some([nrow, _]) => out.extend_from_slice(&x[j * nrow..(j + 1) * nrow]),
                None => out.push(x[j % x.len()]),
            }
        }
    }
    Ok([total, n])
}

impl Machine<'_> {
    pub(super) fn bind(&mut self, bind: &Bind) -> Result<(), Bail> {
        let Bind { to, columns, parts } = bind;
        let double = to.double;
        let shapes = &self.shapes[usize::from(double)];
        let of = |(reg, matrix): &(u8, bool)| matrix.then(|| shapes[usize::from(*reg)]);
        let (shape, size);
        if double {
            let mut out = std::mem::take(&mut self.spare_d);
            out.clear();
            let values: Vec<_> = parts.iter().map(|p| (self.vd(p.0), of(p))).collect();
            shape = together(&values, *columns, &mut out)?;
            size = out.len();
            self.vd[usize::from(to.reg)] = Cow::Owned(out);
        } else {
            let mut out = std::mem::take(&mut self.spare_i);
            out.clear();
            let values: Vec<_> = parts.iter().map(|p| (self.vi(p.0), of(p))).collect();
            shape = together(&values, *columns, &mut out)?;
            size = out.len();
            self.vi[usize::from(to.reg)] = Cow::Owned(out);
        }
        self.shapes[usize::from(double)][usize::from(to.reg)] = shape;
        self.fuel -= (size / 16) as i64;
        Ok(())
    }
}
