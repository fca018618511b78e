//! Operations on vectors. The result is made aside and then takes the place of the register,
//! which may be one of the operands; the vector that was there is used for the next result.

use std::borrow::Cow;

use super::arith::{arith_i, compare, compare_d, math, to_int};
use super::elements::{assign, choose, doubles, drop_one, each, filter, length, pick, repeat};
use super::{
    draws, Bail, Generator, Host, Machine, LENGTHS, LONG, LONGEST, NOT_A_NUMBER, OUTSIDE, OVERFLOW,
};
use crate::code::{Along, Law, Op, Reduce, Reg};
use crate::primitives::binomial::Binomial;
use crate::primitives::poisson::Poisson;
use crate::primitives::{along, beta, binomial, gamma, order, poisson, quantile, reduce, sample};

/// One random number.
#[inline]
pub(super) fn draw(
    law: Law,
    a: f64,
    b: f64,
    host: &Host,
    state: &mut Generator,
) -> Result<f64, Bail> {
    match law {
        Law::Uniform => draws::runif(a, b, state),
        Law::Normal => draws::rnorm(a, b, host, state),
        Law::Exponential => draws::rexp(a, state),
        Law::LogNormal => draws::rlnorm(a, b, host, state),
        Law::Logistic => draws::rlogis(a, b, state),
        Law::Cauchy => draws::rcauchy(a, b, state),
        Law::Weibull => draws::rweibull(a, b, state),
        Law::Gamma => gamma::rgamma(a, b, host, state),
        Law::ChiSquared => gamma::rchisq(a, host, state),
        Law::T => gamma::rt(a, host, state),
        Law::F => gamma::rf(a, b, host, state),
        Law::Beta => beta::rbeta(a, b, state),
        Law::Poisson => poisson::rpois(a, host, state).map(f64::from),
        Law::Geometric => poisson::rgeom(a, host, state).map(f64::from),
        Law::NegativeBinomial => poisson::rnbinom(a, b, host, state).map(f64::from),
        Law::NegativeBinomialMean => poisson::rnbinom_mu(a, b, host, state).map(f64::from),
        Law::Binomial => binomial::rbinom(a, b, state).map(f64::from),
    }
}

/// Random numbers of one law.
fn draw_all(
    out: &mut Vec<f64>,
    n: usize,
    (law, a, b): (Law, f64, f64),
    host: &Host,
    state: &mut Generator,
) -> Result<(), Bail> {
    // What is computed from the parameters alone is computed once.
    match law {
        Law::Poisson if n > 0 => {
            let poisson = Poisson::new(a)?;
            out.extend((0..n).map(|_| f64::from(poisson.draw(host, state))));
        }
        Law::Binomial if n > 0 => {
            let binomial = Binomial::new(a, b)?;
            for _ in 0..n {
                out.push(f64::from(binomial.draw(state)?));
            }
        }
        Law::Normal if n > 0 => draws::rnorms(out, n, a, b, host, state)?,
        Law::Uniform if n > 0 => {
            out.push(draws::runif(a, b, state)?);
            if a == b {
                out.resize(n, a);
            }
            let drawn = out.len();
            state.uniforms(n - drawn, out);
            for x in &mut out[drawn..] {
                *x = a + (b - a) * *x;
            }
        }
        law => {
            for _ in 0..n {
                out.push(draw(law, a, b, host, state)?);
            }
        }
    }
    Ok(())
}

const ONE_OF_THEM: Bail = Bail("a median of integers that is one of them, and an integer");

/// An element that is sorted takes so long as this many which are added.
const SORTED: usize = 16;

impl Machine<'_> {
    pub(super) fn i(&self, reg: Reg) -> i32 {
        self.i[usize::from(reg)]
    }

    pub(super) fn d(&self, reg: Reg) -> f64 {
        self.d[usize::from(reg)]
    }

    pub(super) fn vd(&self, reg: Reg) -> &[f64] {
        &self.vd[usize::from(reg)]
    }

    pub(super) fn vi(&self, reg: Reg) -> &[i32] {
        &self.vi[usize::from(reg)]
    }

    /// Makes a vector of doubles for a register.
    pub(super) fn make_d(
        &mut self,
        to: Reg,
        make: impl FnOnce(&mut Self, &mut Vec<f64>) -> Result<(), Bail>,
    ) -> Result<(), Bail> {
        let mut out = std::mem::take(&mut self.spare_d);
        out.clear();
        make(self, &mut out)?;
        self.fuel -= (out.len() / 16) as i64;
        if let Cow::Owned(old) = std::mem::replace(&mut self.vd[usize::from(to)], Cow::Owned(out)) {
            self.spare_d = old;
        }
        Ok(())
    }

    pub(super) fn make_i(
        &mut self,
        to: Reg,
        make: impl FnOnce(&mut Self, &mut Vec<i32>) -> Result<(), Bail>,
    ) -> Result<(), Bail> {
        let mut out = std::mem::take(&mut self.spare_i);
        out.clear();
        make(self, &mut out)?;
        self.fuel -= (out.len() / 16) as i64;
        if let Cow::Owned(old) = std::mem::replace(&mut self.vi[usize::from(to)], Cow::Owned(out)) {
            self.spare_i = old;
        }
        Ok(())
    }

    /// Work that the length of what it makes does not tell: that of so many elements which are read.
    pub(super) fn spend(&mut self, elements: usize) {
        self.fuel -= (elements / 16) as i64;
    }

    pub(super) fn vector(&mut self, op: Op, host: &Host) -> Result<(), Bail> {
        match op {
            Op::MoveVd(to, a) => {
                let value = match &self.vd[usize::from(a)] {
                    Cow::Borrowed(x) => Some(Cow::Borrowed(*x)),
                    Cow::Owned(_) => None,
                };
                match value {
                    Some(value) => self.vd[usize::from(to)] = value,
                    None => self.make_d(to, |m, out| {
                        out.extend_from_slice(m.vd(a));
                        Ok(())
                    })?,
                }
                self.reshape_like(true, to, a);
            }
            Op::MoveVi(to, a) => {
                let value = match &self.vi[usize::from(a)] {
                    Cow::Borrowed(x) => Some(Cow::Borrowed(*x)),
                    Cow::Owned(_) => None,
                };
                match value {
                    Some(value) => self.vi[usize::from(to)] = value,
                    None => self.make_i(to, |m, out| {
                        out.extend_from_slice(m.vi(a));
                        Ok(())
                    })?,
                }
                self.reshape_like(false, to, a);
            }
            Op::TakeVd(to, a) => {
                self.vd.swap(usize::from(to), usize::from(a));
                self.reshape_like(true, to, a);
            }
            Op::TakeVi(to, a) => {
                self.vi.swap(usize::from(to), usize::from(a));
                self.reshape_like(false, to, a);
            }
            Op::Row(ty, to, row, at) => {
                let at = (self.i(at) as usize).wrapping_sub(1);
                let data = self.rows[usize::from(row)].get(at).ok_or(OUTSIDE)?;
                let data = data.ok_or(Bail("an element of a list that is of another type"))?;
                self.load(to, ty, data);
            }
            Op::WidenV(to, a) => self.make_d(to, |m, out| {
                out.extend(m.vi(a).iter().map(|x| f64::from(*x)));
                Ok(())
            })?,
            Op::ToIntV(to, a) => self.make_i(to, |m, out| {
                for x in m.vd(a) {
                    out.push(to_int(*x)?);
                }
                Ok(())
            })?,
            Op::OneD(to, a) => self.make_d(to, |m, out| {
                out.push(m.d(a));
                Ok(())
            })?,
            Op::OneI(to, a) => self.make_i(to, |m, out| {
                out.push(m.i(a));
                Ok(())
            })?,
            Op::SelectD(to, x, at, mask) => {
                self.spend(self.vi(at).len());
                self.make_d(to, |m, out| {
                    if mask {
                        filter(out, m.vd(x), m.vi(at))
                    } else {
                        pick(out, m.vd(x), m.vi(at))
                    }
                })?;
            }
            Op::SelectI(to, x, at, mask) => {
                self.spend(self.vi(at).len());
                self.make_i(to, |m, out| {
                    if mask {
                        filter(out, m.vi(x), m.vi(at))
                    } else {
                        pick(out, m.vi(x), m.vi(at))
                    }
                })?;
            }
            Op::DropD(to, x, a) => self.make_d(to, |m, out| drop_one(out, m.vd(x), m.i(a)))?,
            Op::DropI(to, x, a) => self.make_i(to, |m, out| drop_one(out, m.vi(x), m.i(a)))?,
            Op::AssignD(x, at, from, mask) => {
                self.spend(self.vi(at).len());
                let from = self.vd(from).to_vec();
                let mut to = std::mem::take(&mut self.vd[usize::from(x)]);
                let done = assign(to.to_mut(), self.vi(at), &from, mask);
                self.vd[usize::from(x)] = to;
                done?;
            }
            Op::AssignI(x, at, from, mask) => {
                self.spend(self.vi(at).len());
                // All three may be one vector.
                let (from, at) = (self.vi(from).to_vec(), self.vi(at).to_vec());
                assign(self.vi[usize::from(x)].to_mut(), &at, &from, mask)?;
            }
            Op::ArithVd(how, to, a, b) => {
                self.make_d(to, |m, out| doubles(out, how, m.vd(a), m.vd(b), host))?
            }
            Op::ArithVdRight(how, to, a, b) => {
                self.make_d(to, |m, out| doubles(out, how, m.vd(a), &[m.d(b)], host))?
            }
            Op::ArithVdLeft(how, to, a, b) => {
                self.make_d(to, |m, out| doubles(out, how, &[m.d(a)], m.vd(b), host))?
            }
            Op::ArithVi(how, to, a, b) => {
                self.make_i(to, |m, out| {
                    each(out, m.vi(a), m.vi(b), |x, y| arith_i(how, x, y))
                })?;
            }
            Op::CompareVd(how, to, a, b) => self.make_i(to, |m, out| {
                each(out, m.vd(a), m.vd(b), |x, y| {
                    compare_d(how, x, y).map(i32::from)
                })
            })?,
            Op::CompareVdRight(how, to, a, b) => self.make_i(to, |m, out| {
                each(out, m.vd(a), &[m.d(b)], |x, y| {
                    compare_d(how, x, y).map(i32::from)
                })
            })?,
            Op::CompareVi(how, to, a, b) => self.make_i(to, |m, out| {
                each(out, m.vi(a), m.vi(b), |x, y| {
                    Ok(i32::from(compare(how, x, y)))
                })
            })?,
            Op::LogicV(and, to, a, b) => self.make_i(to, |m, out| {
                each(out, m.vi(a), m.vi(b), |x, y| {
                    let (x, y) = (x != 0, y != 0);
                    Ok(i32::from(if and { x && y } else { x || y }))
                })
            })?,
            Op::MathVd(how, to, a) => self.make_d(to, |m, out| {
                for x in m.vd(a) {
                    out.push(math(how, *x)?);
                }
                Ok(())
            })?,
            Op::AbsVi(to, a) => self.make_i(to, |m, out| {
                out.extend(m.vi(a).iter().map(|x| x.abs()));
                Ok(())
            })?,
            Op::NegVi(to, a) => self.make_i(to, |m, out| {
                out.extend(m.vi(a).iter().map(|x| -x));
                Ok(())
            })?,
            Op::ReduceD(how, to, a) => self.reduce_d(how, to, a, host)?,
            Op::VarAround(to, a, mean, root) => {
                let x: &[f64] = &self.vd[usize::from(a)];
                self.fuel -= (x.len() / 16) as i64;
                let var = reduce::var_around(x, self.d[usize::from(mean)], host)?;
                self.d[usize::from(to)] = if root { var.sqrt() } else { var };
            }
            Op::ReduceI(how, to, a) => self.reduce_i(how, to, a, host)?,
            Op::AlongD(how, to, a) => self.along_d(how, to, a, host)?,
            Op::AlongI(how, to, a) => self.along_i(how, to, a)?,
            Op::Colon(to, a, b) => {
                let (a, b) = (self.i(a), self.i(b));
                if i64::from(a).abs_diff(i64::from(b)) >= LONGEST as u64 {
                    return Err(LONG);
                }
                self.make_i(to, |_, out| {
                    if a <= b {
                        out.extend(a..=b);
                    } else {
                        out.extend((b..=a).rev());
                    }
                    Ok(())
                })?;
            }
            Op::SeqLen(to, n) => {
                let n = length(self.i(n))? as i32;
                self.make_i(to, |_, out| {
                    out.extend(1..=n);
                    Ok(())
                })?;
            }
            Op::FillD(to, a, n) => {
                let n = length(self.i(n))?;
                self.make_d(to, |m, out| {
                    out.resize(n, m.d(a));
                    Ok(())
                })?;
            }
            Op::FillI(to, a, n) => {
                let n = length(self.i(n))?;
                self.make_i(to, |m, out| {
                    out.resize(n, m.i(a));
                    Ok(())
                })?;
            }
            Op::RepD(to, a, n, total) => {
                self.make_d(to, |m, out| repeat(out, m.vd(a), m.i(n), total))?
            }
            Op::RepI(to, a, n, total) => {
                self.make_i(to, |m, out| repeat(out, m.vi(a), m.i(n), total))?
            }
            Op::ClearD(to) => self.make_d(to, |_, _| Ok(()))?,
            Op::ClearI(to) => self.make_i(to, |_, _| Ok(()))?,
            Op::PushD(to, a) => {
                let x = self.d(a);
                self.vd[usize::from(to)].to_mut().push(x);
            }
            Op::PushI(to, a) => {
                let x = self.i(a);
                self.vi[usize::from(to)].to_mut().push(x);
            }
            Op::AppendD(to, a) => {
                let mut whole = std::mem::take(&mut self.vd[usize::from(to)]);
                let more: &[f64] = &self.vd[usize::from(a)];
                self.fuel -= (more.len() / 16) as i64;
                if whole.len() + more.len() > LONGEST {
                    return Err(LONG);
                }
                whole.to_mut().extend_from_slice(more);
                self.vd[usize::from(to)] = whole;
            }
            Op::AppendI(to, a) => {
                let mut whole = std::mem::take(&mut self.vi[usize::from(to)]);
                let more: &[i32] = &self.vi[usize::from(a)];
                self.fuel -= (more.len() / 16) as i64;
                if whole.len() + more.len() > LONGEST {
                    return Err(LONG);
                }
                whole.to_mut().extend_from_slice(more);
                self.vi[usize::from(to)] = whole;
            }
            Op::ChooseD(to, test, yes, no) => {
                self.make_d(to, |m, out| choose(out, m.vi(test), m.vd(yes), m.vd(no)))?
            }
            Op::ChooseI(to, test, yes, no) => {
                self.make_i(to, |m, out| choose(out, m.vi(test), m.vi(yes), m.vi(no)))?
            }
            Op::DrawV(law, to, n, a, b) => {
                let n = length(self.i(n))?;
                // A random number takes longer than a sum.
                self.spend(4 * n);
                self.make_d(to, |m, out| {
                    let Machine { vd, state, .. } = m;
                    let (a, b) = (&vd[usize::from(a)], &vd[usize::from(b)]);
                    if (a.is_empty() || b.is_empty()) && n > 0 {
                        return Err(LENGTHS);
                    }
                    out.reserve(n);
                    if let ([a], [b]) = (&**a, &**b) {
                        return draw_all(out, n, (law, *a, *b), host, state);
                    }
                    for (a, b) in a.iter().cycle().zip(b.iter().cycle()).take(n) {
                        out.push(draw(law, *a, *b, host, state)?);
                    }
                    Ok(())
                })?;
            }
            Op::Quantile(to, x, probs, kind) => {
                self.spend(SORTED * self.vd(x).len());
                self.make_d(to, |m, out| {
                    *out = quantile::quantile(m.vd(x), m.vd(probs), kind)?;
                    Ok(())
                })?;
            }
            Op::Cor(to, x, y) => {
                self.spend(2 * self.vd(x).len());
                self.d[usize::from(to)] = reduce::cor(self.vd(x), self.vd(y), host)?;
            }
            Op::Sample(to, n, size, replace) => {
                let (n, size) = (length(self.i(n))?, length(self.i(size))?);
                self.spend(if replace { size } else { n });
                self.make_i(to, |m, out| {
                    sample::sample_int_into(n, size, replace, &mut m.state, out)
                })?;
            }
            Op::SampleWeighted(to, size, weights, replace) => {
                let size = length(self.i(size))?;
                // Weights are sorted.
                self.spend(SORTED * self.vd(weights).len());
                self.make_i(to, |m, out| {
                    let Machine { vd, state, .. } = m;
                    *out =
                        sample::sample_weighted(size, replace, &vd[usize::from(weights)], state)?;
                    Ok(())
                })?;
            }
            Op::Extra(how, regs) => self.extra(how, regs, host)?,
            // All others are done where no vector is made.
            _ => return Err(Bail("an instruction that is not there")),
        }
        Ok(())
    }

    fn reduce_d(&mut self, how: Reduce, to: Reg, a: Reg, host: &Host) -> Result<(), Bail> {
        let x: &[f64] = &self.vd[usize::from(a)];
        self.fuel -= (x.len() / 16) as i64;
        let to = usize::from(to);
        match how {
            Reduce::Sum => self.d[to] = reduce::sum(x, host)?,
            Reduce::Mean => self.d[to] = reduce::mean(x, host)?,
            Reduce::Var => self.d[to] = reduce::var(x, host)?,
            Reduce::Sd => self.d[to] = reduce::sd(x, host)?,
            Reduce::Prod => self.d[to] = reduce::prod(x, host)?,
            Reduce::Min => self.d[to] = reduce::min(x)?,
            Reduce::Max => self.d[to] = reduce::max(x)?,
            Reduce::Median => self.d[to] = order::median(x, host)?,
            Reduce::WhichMin => self.i[to] = reduce::which_min(x)?,
            Reduce::WhichMax => self.i[to] = reduce::which_max(x)?,
            Reduce::AnyNa => self.i[to] = i32::from(x.iter().any(|x| x.is_nan())),
            Reduce::Any | Reduce::All => return Err(NOT_A_NUMBER),
        }
        Ok(())
    }

    fn reduce_i(&mut self, how: Reduce, to: Reg, a: Reg, host: &Host) -> Result<(), Bail> {
        let x: &[i32] = &self.vi[usize::from(a)];
        self.fuel -= (x.len() / 16) as i64;
        let to = usize::from(to);
        match how {
            Reduce::Sum => self.i[to] = reduce::sum_int(x)?,
            Reduce::Mean => self.d[to] = reduce::mean_int(x, host)?,
            Reduce::Min => self.i[to] = reduce::min_int(x)?,
            Reduce::Max => self.i[to] = reduce::max_int(x)?,
            Reduce::Any => self.i[to] = i32::from(reduce::any(x)),
            Reduce::All => self.i[to] = i32::from(reduce::all(x)),
            Reduce::AnyNa => self.i[to] = 0,
            // Between two of them it is a double; else it would be an integer.
            Reduce::Median if x.len() % 2 == 1 => return Err(ONE_OF_THEM),
            Reduce::Median => self.d[to] = order::median_int(x, host)?,
            _ => return Err(OVERFLOW),
        }
        Ok(())
    }

    fn along_d(&mut self, how: Along, to: Reg, a: Reg, host: &Host) -> Result<(), Bail> {
        if let Along::Sort | Along::SortDown | Along::Order | Along::OrderDown = how {
            self.spend(SORTED * self.vd(a).len());
        }
        if let Along::Order | Along::OrderDown | Along::IsNa = how {
            return self.make_i(to, |m, out| {
                match how {
                    Along::IsNa => out.extend(m.vd(a).iter().map(|x| i32::from(x.is_nan()))),
                    _ => *out = order::order(m.vd(a), how == Along::OrderDown)?,
                }
                Ok(())
            });
        }
        self.make_d(to, |m, out| {
            let x = m.vd(a);
            match how {
                Along::Cumsum => *out = along::cumsum(x, host)?,
                Along::Cumprod => *out = along::cumprod(x, host)?,
                Along::Cummax => *out = along::cummax(x)?,
                Along::Cummin => *out = along::cummin(x)?,
                Along::Rev => out.extend(x.iter().rev()),
                Along::Diff => *out = along::diff(x, 1)?,
                Along::Sort => *out = order::sort(x, false)?,
                Along::SortDown => *out = order::sort(x, true)?,
                _ => return Err(NOT_A_NUMBER),
            }
            Ok(())
        })
    }

    fn along_i(&mut self, how: Along, to: Reg, a: Reg) -> Result<(), Bail> {
        let sorts = matches!(
            how,
            Along::Sort | Along::SortDown | Along::Order | Along::OrderDown
        );
        self.spend(if sorts { SORTED } else { 1 } * self.vi(a).len());
        self.make_i(to, |m, out| {
            let x = m.vi(a);
            match how {
                Along::Cumsum => *out = along::cumsum_int(x)?,
                Along::Cummax => *out = along::cummax_int(x),
                Along::Cummin => *out = along::cummin_int(x),
                Along::Rev => out.extend(x.iter().rev()),
                Along::Diff => *out = along::diff_int(x, 1)?,
                Along::Sort => *out = order::sort_int(x, false),
                Along::SortDown => *out = order::sort_int(x, true),
                Along::Order => *out = order::order_int(x, false),
                Along::OrderDown => *out = order::order_int(x, true),
                Along::Which => *out = reduce::which(x),
                Along::Not => out.extend(x.iter().map(|x| i32::from(*x == 0))),
                Along::IsNa => out.resize(x.len(), 0),
                Along::Cumprod => return Err(OVERFLOW),
            }
            Ok(())
        })
    }
}
