//! LU factors in blocks, with what faer leaves to its caller: singular matrices and
//! the condition number.

use std::sync::Mutex;

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::lu::partial_pivoting::factor::{
    lu_in_place, lu_in_place_scratch, PartialPivLuParams,
};
use faer::linalg::matmul::matmul;
use faer::linalg::triangular_solve::{
    solve_lower_triangular_in_place, solve_unit_lower_triangular_in_place,
    solve_unit_upper_triangular_in_place, solve_upper_triangular_in_place,
};
use faer::{Accum, ColMut, MatMut, MatRef, Par, Spec};
use rustle_threads::blocks::{run, within, Slice};
use rustle_threads::vector::clean_after;

use crate::norm::inverse_norm1;
use crate::tiles::{cuts, strip_width, strips, Tiles};

/// Columns that are eliminated at a time.
const BLOCK: usize = 192;
/// Most rows and columns of a tile of what is left.
const TILE: usize = 256;
/// Columns whose rows are exchanged and eliminated at a time.
const STRIP: usize = 128;

/// PA = LU of a square matrix, in place: panel by panel, each followed by the update
/// of what is left. One thread updates the columns of the next panel first and factors
/// it, which takes a thread much longer than products of that size, while the others
/// update the rest ("lookahead": Strazdins 1998, A comparison of lookahead and
/// algorithmic blocking techniques for parallel matrix factorization). Rows of a panel
/// that is done are exchanged once, at the end: doing it for each of the panels behind
/// would go through memory each time.
#[derive(Debug)]
pub struct Lu {
    /// Row `rows[i]` of A is row `i` of PA.
    rows: Vec<usize>,
    odd: bool,
    start: usize,
    phase: Phase,
    /// Rows that each panel until that at `start` moved: (to, from).
    moved: Vec<Vec<(usize, usize)>>,
    /// The panel after it, once it is factored.
    next: Option<Panel>,
}

#[derive(Debug)]
enum Phase {
    /// The first panel.
    Panel,
    /// Rows of the columns right of the panel are exchanged and eliminated: strips done.
    Rows(usize),
    /// What is left, the next panel with it: blocks done.
    Update(usize),
    /// Rows of the panels are exchanged as those behind them were: panels done.
    Left(usize),
    Complete,
}

/// What factoring a panel did.
#[derive(Debug)]
struct Panel {
    moved: Vec<(usize, usize)>,
    odd: bool,
    /// The first column, from 0, whose pivot is zero or not finite.
    singular: Option<usize>,
}

/// U has a zero (or nothing finite) at this place of its diagonal, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Singular(pub usize);

impl Lu {
    /// For a matrix of order `n`.
    pub fn new(n: usize) -> Lu {
        Lu {
            rows: (0..n).collect(),
            odd: false,
            start: 0,
            phase: if n == 0 {
                Phase::Complete
            } else {
                Phase::Panel
            },
            moved: Vec::new(),
            next: None,
        }
    }

    /// Works for a slice on `lu`, which holds A at first; `true` when it holds L (with
    /// its unit diagonal left out) and U.
    ///
    /// # Errors
    ///
    /// When U is exactly singular; `lu` is of no use then.
    pub fn advance(&mut self, lu: MatMut<'_, f64>, slice: Slice) -> Result<bool, Singular> {
        if lu.ncols() <= BLOCK {
            return self.blocks(lu, slice);
        }
        within(slice, || self.blocks(lu, slice))
    }

    fn blocks(&mut self, mut lu: MatMut<'_, f64>, slice: Slice) -> Result<bool, Singular> {
        let n = lu.ncols();
        while !matches!(self.phase, Phase::Complete) {
            let (start, end) = (self.start, (self.start + BLOCK).min(n));
            match self.phase {
                Phase::Panel => {
                    let panel = factor(lu.as_mut().subcols_mut(start, end - start));
                    self.begin(panel)?;
                }
                Phase::Rows(done) => {
                    let done = self.exchange_right(lu.as_mut(), start, end, slice, done);
                    self.phase = done.map_or(Phase::Update(0), Phase::Rows);
                }
                Phase::Update(done) => {
                    if let Some(done) = self.eliminate(lu.as_mut(), start, end, slice, done) {
                        self.phase = Phase::Update(done);
                    } else if let Some(panel) = self.next.take() {
                        self.start = end;
                        self.begin(panel)?;
                    } else {
                        self.phase = Phase::Left(0);
                    }
                }
                Phase::Left(done) => {
                    let done = self.exchange_left(lu.as_mut(), slice, done);
                    self.phase = done.map_or(Phase::Complete, Phase::Left);
                }
                Phase::Complete => (),
            }
            if slice.over() {
                break;
            }
        }
        Ok(matches!(self.phase, Phase::Complete))
    }

    /// The panel at `start` is factored: goes on with it.
    fn begin(&mut self, panel: Panel) -> Result<(), Singular> {
        self.odd ^= panel.odd;
        let start = self.start;
        let moved: Vec<_> = (panel.moved.iter())
            .map(|(to, from)| (start + to, start + from))
            .collect();
        let mut held = vec![0; moved.len()];
        exchange(&mut self.rows, &moved, &mut held);
        self.moved.push(moved);
        self.phase = Phase::Rows(0);
        match panel.singular {
            Some(j) => Err(Singular(self.start + j + 1)),
            None => Ok(()),
        }
    }

    /// Strips of the columns right of the panel from `done`; `None` when complete.
    fn exchange_right(
        &self,
        lu: MatMut<'_, f64>,
        start: usize,
        end: usize,
        slice: Slice,
        done: usize,
    ) -> Option<usize> {
        let n = lu.ncols();
        let (left, right) = lu.split_at_col_mut(end);
        let lower = left
            .as_ref()
            .submatrix(start, start, end - start, end - start);
        let cut = strips(n - end, STRIP);
        let count = cut.len() - 1;
        let tiles = Tiles::new(right, &[0, n], &cut, |_, _| true);
        let moved = self.moved.last().map_or(&[][..], |moved| moved);
        let done = run(slice, done, count, |k| {
            let Some(mut strip) = tiles.take(k) else {
                return;
            };
            let mut held = vec![0.0; moved.len()];
            for column in strip.as_mut().col_iter_mut() {
                exchange(as_slice(column), moved, &mut held);
            }
            let rows = strip.subrows_mut(start, end - start);
            solve_unit_lower_triangular_in_place(lower, rows, Par::Seq);
        });
        (done < count).then_some(done)
    }

    /// Panels from `done`; `None` when complete.
    fn exchange_left(&self, lu: MatMut<'_, f64>, slice: Slice, done: usize) -> Option<usize> {
        let n = lu.ncols();
        let cut = strips(n, BLOCK);
        let count = cut.len() - 1;
        let tiles = Tiles::new(lu, &[0, n], &cut, |_, _| true);
        let done = run(slice, done, count, |k| {
            let Some(strip) = tiles.take(k) else { return };
            let mut from: Vec<usize> = (0..n).collect();
            let mut held = vec![0; n];
            for moved in &self.moved[k + 1..] {
                exchange(&mut from, moved, &mut held);
            }
            let mut held = vec![0.0; n - cut[k + 1]];
            for column in strip.col_iter_mut() {
                let column = as_slice(column);
                for (held, from) in held.iter_mut().zip(&from[cut[k + 1]..]) {
                    *held = column[*from];
                }
                column[cut[k + 1]..].copy_from_slice(&held);
            }
        });
        (done < count).then_some(done)
    }

    /// What is left right of and below a panel, from block `done`; `None` when complete.
    /// The first block is the next panel.
    fn eliminate(
        &mut self,
        lu: MatMut<'_, f64>,
        start: usize,
        end: usize,
        slice: Slice,
        done: usize,
    ) -> Option<usize> {
        let n = lu.ncols();
        if end == n {
            return None;
        }
        let (above, below) = lu.split_at_row_mut(end);
        let (left, rest) = below.split_at_col_mut(end);
        let rows = above.as_ref().submatrix(start, end, end - start, n - end);
        let cols = left.as_ref().subcols(start, end - start);
        let width = BLOCK.min(n - end);
        let (panel, rest) = rest.split_at_col_mut(width);
        let panel = Tiles::new(panel, &[0, n - end], &[0, width], |_, _| true);
        let (row_cut, col_cut) = (cuts(n - end, TILE), cuts(n - end - width, TILE));
        let parts = row_cut.len() - 1;
        let count = 1 + parts * (col_cut.len() - 1);
        let tiles = Tiles::new(rest, &row_cut, &col_cut, |_, _| true);
        let next = Mutex::new(None);
        let done = run(slice, done, count, |k| {
            if k == 0 {
                let Some(mut panel) = panel.take(0) else {
                    return;
                };
                let rhs = rows.subcols(0, width);
                matmul(panel.as_mut(), Accum::Add, cols, rhs, -1.0, Par::Seq);
                if let Ok(mut next) = next.lock() {
                    *next = Some(factor(panel));
                }
                return;
            }
            let (i, j) = ((k - 1) % parts, (k - 1) / parts);
            let Some(tile) = tiles.take(k - 1) else {
                return;
            };
            let lhs = cols.subrows(row_cut[i], row_cut[i + 1] - row_cut[i]);
            let rhs = rows.subcols(width + col_cut[j], col_cut[j + 1] - col_cut[j]);
            matmul(tile, Accum::Add, lhs, rhs, -1.0, Par::Seq);
        });
        if let Ok(Some(panel)) = next.into_inner() {
            self.next = Some(panel);
        }
        (done < count).then_some(done)
    }

    /// Logarithm of the absolute value of the determinant, and its sign.
    pub fn log_determinant(&self, lu: MatRef<'_, f64>) -> (f64, f64) {
        let mut sign = if self.odd { -1.0 } else { 1.0 };
        let mut log = 0.0;
        for i in 0..lu.ncols() {
            let d = lu[(i, i)];
            log += d.abs().ln();
            sign *= d.signum();
        }
        (log, sign)
    }

    /// The determinant: absolute value, and sign.
    pub fn determinant(&self, lu: MatRef<'_, f64>) -> (f64, f64) {
        let product =
            (0..lu.ncols()).fold(if self.odd { -1.0 } else { 1.0 }, |p, i| p * lu[(i, i)]);
        (product.abs(), if product < 0.0 { -1.0 } else { 1.0 })
    }

    /// An estimate of the reciprocal condition number of A in the 1-norm, which is
    /// `norm`.
    pub fn rcond(lu: MatRef<'_, f64>, norm: f64) -> f64 {
        if lu.ncols() == 0 {
            return f64::INFINITY;
        }
        if norm == 0.0 {
            return 0.0;
        }
        let inverse = clean_after(|| {
            inverse_norm1(
                lu.ncols(),
                |mut x| {
                    solve_unit_lower_triangular_in_place(lu, x.as_mut().as_mat_mut(), Par::Seq);
                    solve_upper_triangular_in_place(lu, x.as_mat_mut(), Par::Seq);
                },
                |mut x| {
                    let (u, l) = (lu.transpose(), lu.transpose());
                    solve_lower_triangular_in_place(u, x.as_mut().as_mat_mut(), Par::Seq);
                    solve_unit_upper_triangular_in_place(l, x.as_mat_mut(), Par::Seq);
                },
            )
        });
        (1.0 / inverse) / norm
    }
}

/// Puts into row `to` what is in row `from` for all (to, from) at once.
fn exchange<T: Copy>(rows: &mut [T], moved: &[(usize, usize)], held: &mut [T]) {
    for (h, m) in held.iter_mut().zip(moved) {
        *h = rows[m.1];
    }
    for (h, m) in held.iter().zip(moved) {
        rows[m.0] = *h;
    }
}

fn as_slice<'a>(column: ColMut<'a, f64>) -> &'a mut [f64] {
    let column = column.try_as_col_major_mut();
    column.expect("columns are contiguous").as_slice_mut()
}

/// Factors a panel in place.
fn factor(mut panel: MatMut<'_, f64>) -> Panel {
    let (nrow, ncol) = panel.shape();
    let params: Spec<PartialPivLuParams, f64> = Default::default();
    let scratch = lu_in_place_scratch::<usize, f64>(nrow, ncol, Par::Seq, params);
    let mut memory = MemBuffer::new(scratch);
    let (mut to, mut from) = (vec![0; nrow], vec![0; nrow]);
    let info = clean_after(|| {
        let stack = MemStack::new(&mut memory);
        lu_in_place(panel.as_mut(), &mut to, &mut from, Par::Seq, stack, params).0
    });
    Panel {
        moved: (0..nrow)
            .filter(|i| to[*i] != *i)
            .map(|i| (i, to[i]))
            .collect(),
        odd: info.transposition_count % 2 == 1,
        singular: (0..ncol).find(|j| panel[(*j, *j)] == 0.0 || !panel[(*j, *j)].is_finite()),
    }
}

/// Solutions of AX = B from LU factors, in strips of columns.
#[derive(Debug, Default)]
pub struct LuSolve {
    done: usize,
}

impl LuSolve {
    /// Works for a slice; `true` when `out` is X. `rhs` `None` stands for the identity.
    pub fn advance(
        &mut self,
        out: MatMut<'_, f64>,
        rhs: Option<MatRef<'_, f64>>,
        lu: MatRef<'_, f64>,
        factors: &Lu,
        slice: Slice,
    ) -> bool {
        let n = lu.ncols();
        let cut = strips(out.ncols(), strip_width(n));
        let count = cut.len() - 1;
        let tiles = Tiles::new(out, &[0, n], &cut, |_, _| true);
        self.done = run(slice, self.done, count, |k| {
            let Some(mut strip) = tiles.take(k) else {
                return;
            };
            for (j, mut column) in strip.as_mut().col_iter_mut().enumerate() {
                for (i, row) in factors.rows.iter().enumerate() {
                    column[i] = match rhs {
                        Some(rhs) => rhs[(*row, cut[k] + j)],
                        None => f64::from(u8::from(*row == cut[k] + j)),
                    };
                }
            }
            solve_unit_lower_triangular_in_place(lu, strip.as_mut(), Par::Seq);
            solve_upper_triangular_in_place(lu, strip, Par::Seq);
        });
        self.done == count
    }
}
