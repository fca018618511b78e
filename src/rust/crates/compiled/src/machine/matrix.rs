//! Operations on matrices.

use std::borrow::Cow;

use super::elements::{length, pick};
use super::{Bail, Host, Machine, LENGTHS, LONG, LONGEST, OUTSIDE};
use crate::code::{Drop, Factor, Mat, Other, Place, Reg, Sub};
use crate::primitives::matrix::{self, Shape};

const SHAPES: Bail = Bail("matrices whose shapes do not go together");
const NO_ELEMENTS: Bail = Bail("a matrix without elements");
const ONE_SIDE: Bail = Bail("a part of a matrix that is one row or column, which R drops");

/// The position of a cell, from 0.
#[inline]
pub(super) fn cell([nrow, ncol]: Shape, i: i32, j: i32) -> Result<usize, Bail> {
    let (i, j) = ((i as usize).wrapping_sub(1), (j as usize).wrapping_sub(1));
    if i < nrow && j < ncol {
        Ok(i + j * nrow)
    } else {
        Err(OUTSIDE)
    }
}

/// The positions of rows or columns.
enum Chosen {
    All(usize),
    Some(Vec<usize>),
}

impl Chosen {
    fn len(&self) -> usize {
        match self {
            Chosen::All(n) => *n,
            Chosen::Some(at) => at.len(),
        }
    }

    fn each(&self) -> impl Iterator<Item = usize> + '_ {
        let (all, some) = match self {
            Chosen::All(n) => (0..*n, &[][..]),
            Chosen::Some(at) => (0..0, at.as_slice()),
        };
        all.chain(some.iter().copied())
    }
}

/// A part, column after column.
fn gather<T: Copy>(out: &mut Vec<T>, x: &[T], nrow: usize, rows: &Chosen, columns: &Chosen) {
    for j in columns.each() {
        let column = &x[j * nrow..(j + 1) * nrow];
        match rows {
            Chosen::All(_) => out.extend_from_slice(column),
            Chosen::Some(at) => out.extend(at.iter().map(|i| column[*i])),
        }
    }
}

fn scatter<T: Copy>(
    to: &mut [T],
    nrow: usize,
    rows: &Chosen,
    columns: &Chosen,
    from: &[T],
) -> Result<(), Bail> {
    let count = rows.len() * columns.len();
    if count == 0 || from.is_empty() || count % from.len() != 0 {
        return Err(LENGTHS);
    }
    let mut values = from.iter().cycle();
    for j in columns.each() {
        for (i, value) in rows.each().zip(&mut values) {
            to[i + j * nrow] = *value;
        }
    }
    Ok(())
}

impl Machine<'_> {
    fn shape(&self, at: Place) -> Shape {
        self.shapes[usize::from(at.double)][usize::from(at.reg)]
    }

    pub(super) fn set_shape(&mut self, at: Place, shape: Shape) {
        self.shapes[usize::from(at.double)][usize::from(at.reg)] = shape;
    }

    /// For a register that has got the vector of another one.
    pub(super) fn reshape_like(&mut self, double: bool, to: Reg, from: Reg) {
        let shapes = &mut self.shapes[usize::from(double)];
        shapes[usize::from(to)] = shapes[usize::from(from)];
    }

    fn len(&self, at: Place) -> usize {
        if at.double {
            self.vd(at.reg).len()
        } else {
            self.vi(at.reg).len()
        }
    }

    fn chosen(&self, sub: Sub, extent: usize) -> Result<Chosen, Bail> {
        Ok(match sub {
            Sub::All => Chosen::All(extent),
            Sub::One(reg) => {
                let at = (self.i(reg) as usize).wrapping_sub(1);
                if at >= extent {
                    return Err(OUTSIDE);
                }
                Chosen::Some(vec![at])
            }
            Sub::Many(reg) => {
                let numbers = self.vi(reg);
                let mut at = Vec::new();
                if numbers.first().is_some_and(|first| *first < 0) {
                    let all: Vec<usize> = (0..extent).collect();
                    pick(&mut at, &all, numbers)?;
                } else {
                    at.reserve(numbers.len());
                    for number in numbers {
                        let position = (*number as usize).wrapping_sub(1);
                        if position >= extent {
                            return Err(OUTSIDE);
                        }
                        at.push(position);
                    }
                }
                Chosen::Some(at)
            }
            Sub::Mask(reg) => {
                let mask = self.vi(reg);
                if mask.len() != extent {
                    return Err(LENGTHS);
                }
                let kept = mask.iter().enumerate().filter(|(_, keep)| **keep != 0);
                Chosen::Some(kept.map(|(at, _)| at).collect())
            }
        })
    }

    /// Makes a vector from one of the same kind, with a shape.
    fn remake(
        &mut self,
        (to, shape): (Place, Shape),
        from: Place,
        doubles: impl FnOnce(&[f64], &mut Vec<f64>) -> Result<(), Bail>,
        integers: impl FnOnce(&[i32], &mut Vec<i32>) -> Result<(), Bail>,
    ) -> Result<(), Bail> {
        if to.double {
            self.make_d(to.reg, |m, out| doubles(m.vd(from.reg), out))?;
        } else {
            self.make_i(to.reg, |m, out| integers(m.vi(from.reg), out))?;
        }
        self.set_shape(to, shape);
        Ok(())
    }

    fn conform(&self, matrix: Place, other: Other) -> Result<(), Bail> {
        let n = self.len(matrix);
        if n == 0 {
            return Err(NO_ELEMENTS);
        }
        match other {
            Other::One => Ok(()),
            Other::Matrix(other) if self.shape(other) == self.shape(matrix) => Ok(()),
            // A matrix of one element would be recycled to a vector.
            Other::Vector(other) if n > 1 && self.len(other) > 0 && n % self.len(other) == 0 => {
                Ok(())
            }
            _ => Err(SHAPES),
        }
    }

    fn operand(&self, factor: Factor) -> matrix::Operand<'_> {
        let at = Place {
            double: true,
            reg: factor.reg,
        };
        matrix::Operand {
            values: self.vd(factor.reg),
            shape: factor.matrix.then(|| self.shape(at)),
        }
    }

    /// Makes doubles with a shape that is known with them.
    fn make_shaped(
        &mut self,
        to: Reg,
        make: impl FnOnce(&mut Self, &mut Vec<f64>) -> Result<Shape, Bail>,
    ) -> Result<(), Bail> {
        let mut shape = [0, 0];
        self.make_d(to, |m, out| {
            shape = make(m, out)?;
            Ok(())
        })?;
        self.set_shape(
            Place {
                double: true,
                reg: to,
            },
            shape,
        );
        Ok(())
    }

    pub(super) fn matrix(&mut self, op: Mat, host: &Host) -> Result<(), Bail> {
        match op {
            Mat::Like(to, from) => {
                let shape = self.shape(from);
                self.set_shape(to, shape);
                Ok(())
            }
            Mat::Conform(matrix, other) => self.conform(matrix, other),
            Mat::Some(matrix) => match self.len(matrix) {
                0 => Err(NO_ELEMENTS),
                _ => Ok(()),
            },
            Mat::Extent(to, of, column) => {
                self.i[usize::from(to)] = self.shape(of)[usize::from(column)] as i32;
                Ok(())
            }
            Mat::Dim(to, of) => {
                let shape = self.shape(of);
                self.make_i(to, |_, out| {
                    out.extend(shape.map(|n| n as i32));
                    Ok(())
                })
            }
            Mat::Make {
                to,
                data,
                nrow,
                ncol,
                byrow,
            } => {
                let count = |reg: Option<Reg>| reg.map(|reg| length(self.i(reg))).transpose();
                let shape = matrix::fill_shape(self.len(data), count(nrow)?, count(ncol)?)?;
                if shape[0].checked_mul(shape[1]).is_none_or(|n| n > LONGEST) {
                    return Err(LONG);
                }
                self.remake(
                    (to, shape),
                    data,
                    |x, out| matrix::fill(out, x, shape, byrow),
                    |x, out| matrix::fill(out, x, shape, byrow),
                )
            }
            Mat::Column(to, from) => {
                let shape = [self.len(from), 1];
                self.remake((to, shape), from, copy, copy)
            }
            Mat::Flatten(to, from) => {
                if !self.shape(from).contains(&1) {
                    return Err(Bail("drop() of a matrix that stays one"));
                }
                self.remake((to, [0, 0]), from, copy, copy)
            }
            Mat::Part {
                to,
                of,
                rows,
                columns,
                drop,
            } => {
                let [nrow, ncol] = self.shape(of);
                let (rows, columns) = (self.chosen(rows, nrow)?, self.chosen(columns, ncol)?);
                let shape = [rows.len(), columns.len()];
                if drop == Drop::Unknown && shape.contains(&1) {
                    return Err(ONE_SIDE);
                }
                if shape[0].checked_mul(shape[1]).is_none_or(|n| n > LONGEST) {
                    return Err(LONG);
                }
                self.remake(
                    (to, shape),
                    of,
                    |x, out| {
                        gather(out, x, nrow, &rows, &columns);
                        Ok(())
                    },
                    |x, out| {
                        gather(out, x, nrow, &rows, &columns);
                        Ok(())
                    },
                )
            }
            Mat::Assign {
                to,
                rows,
                columns,
                from,
            } => {
                let [nrow, ncol] = self.shape(to);
                let (rows, columns) = (self.chosen(rows, nrow)?, self.chosen(columns, ncol)?);
                self.fuel -= (rows.len() * columns.len() / 16) as i64;
                // Both may be one register.
                if to.double {
                    let from = self.vd(from.reg).to_vec();
                    let target: &mut Cow<'_, [f64]> = &mut self.vd[usize::from(to.reg)];
                    scatter(target.to_mut(), nrow, &rows, &columns, &from)
                } else {
                    let from = self.vi(from.reg).to_vec();
                    let target: &mut Cow<'_, [i32]> = &mut self.vi[usize::from(to.reg)];
                    scatter(target.to_mut(), nrow, &rows, &columns, &from)
                }
            }
            Mat::Transpose(to, of, is_matrix) => {
                let [nrow, ncol] = if is_matrix {
                    self.shape(of)
                } else {
                    [self.len(of), 1]
                };
                self.remake(
                    (to, [ncol, nrow]),
                    of,
                    |x, out| {
                        matrix::transpose_into(out, x, nrow);
                        Ok(())
                    },
                    |x, out| {
                        matrix::transpose_into(out, x, nrow);
                        Ok(())
                    },
                )
            }
            Mat::Diagonal(to, of) => {
                let [nrow, ncol] = self.shape(of);
                let n = nrow.min(ncol);
                if n == 0 {
                    return Err(NO_ELEMENTS);
                }
                self.remake(
                    (to, [0, 0]),
                    of,
                    |x, out| {
                        out.extend(x.iter().step_by(nrow + 1).take(n));
                        Ok(())
                    },
                    |x, out| {
                        out.extend(x.iter().step_by(nrow + 1).take(n));
                        Ok(())
                    },
                )
            }
            Mat::OfDiagonal(to, from, count) => {
                let n = match count {
                    Some(reg) => length(self.i(reg))?,
                    None => self.len(from),
                };
                // diag() of one number has another meaning, and of none is an error for some.
                if n == 0 || (count.is_none() && n == 1) {
                    return Err(NO_ELEMENTS);
                }
                if n.checked_mul(n).is_none_or(|n| n > LONGEST) {
                    return Err(LONG);
                }
                self.remake(
                    (to, [n, n]),
                    from,
                    |x, out| matrix::of_diagonal(out, x, n),
                    |x, out| matrix::of_diagonal(out, x, n),
                )
            }
            Mat::Margin(how, to, of) => {
                let [nrow, ncol] = self.shape(Place {
                    double: true,
                    reg: of,
                });
                if nrow == 0 || ncol == 0 {
                    return Err(NO_ELEMENTS);
                }
                self.spend(nrow * ncol);
                self.make_d(to, |m, out| {
                    *out = matrix::margin(how, m.vd(of), nrow, host)?;
                    Ok(())
                })
            }
            Mat::Product(how, to, x, y) => self.make_shaped(to, |m, out| {
                let (x, y) = (m.operand(x), y.map(|y| m.operand(y)));
                let (shape, cost) = matrix::product(how, x, y, host, out)?;
                m.fuel -= (cost / 64) as i64;
                Ok(shape)
            }),
            Mat::Solve(to, a, b) => self.make_shaped(to, |m, out| {
                let a = m.operand(Factor {
                    reg: a,
                    matrix: true,
                });
                let shape = matrix::solve(a, b.map(|b| m.operand(b)), host, out)?;
                let n = shape[0];
                m.spend(n * n * (n / 4 + shape[1]));
                Ok(shape)
            }),
        }
    }
}

fn copy<T: Copy>(x: &[T], out: &mut Vec<T>) -> Result<(), Bail> {
    out.extend_from_slice(x);
    Ok(())
}
