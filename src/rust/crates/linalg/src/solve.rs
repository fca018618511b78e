//! Linear systems, as R solves them: not without a look at the condition number.

use faer::{MatMut, MatRef};
use rustle_threads::blocks::Slice;

use crate::lu::{Lu, LuSolve, Singular};
use crate::norm::norm1;

/// Solves AX = B.
#[derive(Debug)]
pub struct Solve {
    factors: Lu,
    solve: LuSolve,
    norm: f64,
    factored: bool,
}

/// Why a system is not solved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unsolved {
    /// U has a zero on its diagonal.
    Singular(Singular),
    /// The reciprocal condition number is below the tolerance.
    IllConditioned(f64),
}

impl Solve {
    /// Copies `a` to `lu`.
    pub fn new(a: MatRef<'_, f64>, mut lu: MatMut<'_, f64>) -> Solve {
        lu.copy_from(a);
        Solve {
            factors: Lu::new(a.ncols()),
            solve: LuSolve::default(),
            norm: norm1(a),
            factored: false,
        }
    }

    /// Works for a slice; `true` when `out` is X. `rhs` `None` stands for the identity.
    ///
    /// # Errors
    ///
    /// When A is singular, or its reciprocal condition number below `tolerance`.
    pub fn advance(
        &mut self,
        mut lu: MatMut<'_, f64>,
        out: MatMut<'_, f64>,
        rhs: Option<MatRef<'_, f64>>,
        tolerance: f64,
        slice: Slice,
    ) -> Result<bool, Unsolved> {
        if !self.factored {
            if !self
                .factors
                .advance(lu.as_mut(), slice)
                .map_err(Unsolved::Singular)?
            {
                return Ok(false);
            }
            self.factored = true;
            let rcond = Lu::rcond(lu.as_ref(), self.norm);
            // The estimate is NaN when it overflows; such a system is refused too.
            if rcond.is_nan() || rcond < tolerance {
                return Err(Unsolved::IllConditioned(rcond));
            }
        }
        Ok(self
            .solve
            .advance(out, rhs, lu.as_ref(), &self.factors, slice))
    }
}
