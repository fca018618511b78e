//! Operations with arguments of their own: sequences, rounding to digits, and others.

use super::elements::{length, repeat_each};
use super::{Bail, Host, Machine, LONG, LONGEST, NOT_A_NUMBER};
use crate::code::{Extra, Reg};
use crate::primitives::{along, arithmetic, curves, distinct, lookup, reduce, sequence, trimmed};

const DIGITS: Bail = Bail("digits that are not a whole number from 0 to 15");

/// Digits of `round()` and `signif()`: others are R's affair.
fn digits(x: f64) -> Result<i32, Bail> {
    if x.trunc() == x && (0.0..=15.0).contains(&x) {
        Ok(x as i32)
    } else {
        Err(DIGITS)
    }
}

/// Of one number and another one.
pub(crate) fn pair(how: Extra, x: f64, y: f64, host: &Host) -> Result<f64, Bail> {
    match how {
        Extra::Round => arithmetic::round_digits(x, digits(y)?, host),
        Extra::Signif if y >= 1.0 => arithmetic::signif(x, digits(y)?, host),
        Extra::Signif => Err(DIGITS),
        _ => {
            // Of 2 and 10 the C library has logarithms of their own, which R takes.
            let log = if y == 2.0 {
                x.log2()
            } else if y == 10.0 {
                x.log10()
            } else {
                x.ln() / y.ln()
            };
            let usual = x > 0.0 && x.is_finite() && y > 0.0 && y.is_finite() && y != 1.0;
            Some(log).filter(|_| usual).ok_or(NOT_A_NUMBER)
        }
    }
}

impl Machine<'_> {
    pub(super) fn extra(
        &mut self,
        how: Extra,
        [to, a, b, c]: [Reg; 4],
        host: &Host,
    ) -> Result<(), Bail> {
        let d = |r: Reg| self.d[usize::from(r)];
        let i = |r: Reg| self.i[usize::from(r)];
        match how {
            Extra::Round | Extra::Signif | Extra::Log => {
                self.d[usize::from(to)] = pair(how, d(a), d(b), host)?;
            }
            Extra::RoundV | Extra::SignifV | Extra::LogV => {
                let (one, y) = (how.scalar(), d(b));
                self.make_d(to, |m, out| {
                    for x in m.vd[usize::from(a)].iter() {
                        out.push(pair(one, *x, y, host)?);
                    }
                    Ok(())
                })?;
            }
            Extra::Curve(code) => {
                self.d[usize::from(to)] = curves::at(code, [d(a), d(b), d(c)], host)?;
            }
            Extra::CurveV(code) => {
                self.make_d(to, |m, out| {
                    let parts = [m.vd(a), m.vd(b), m.vd(c)];
                    if parts.iter().any(|part| part.is_empty()) {
                        return Err(NOT_A_NUMBER);
                    }
                    let n = parts.iter().map(|part| part.len()).max().unwrap_or(0);
                    out.reserve(n);
                    for i in 0..n {
                        let of = parts.map(|part| part[i % part.len()]);
                        out.push(curves::at(code, of, host)?);
                    }
                    Ok(())
                })?;
                self.fuel -= self.vd(to).len() as i64;
            }
            Extra::UniqueD => self.make_d(to, |m, out| {
                *out = distinct::unique(m.vd(a))?;
                m.fuel -= (m.vd(a).len() / 4) as i64;
                Ok(())
            })?,
            Extra::RankD | Extra::RankI => self.make_d(to, |m, out| {
                *out = if how == Extra::RankD {
                    distinct::rank(m.vd(a))?
                } else {
                    distinct::rank_int(m.vi(a))
                };
                m.fuel -= out.len() as i64;
                Ok(())
            })?,
            Extra::UniqueI | Extra::DuplicatedD | Extra::DuplicatedI => {
                if how == Extra::UniqueI {
                    self.spend(4 * self.vi(a).len());
                }
                self.make_i(to, |m, out| {
                    *out = match how {
                        Extra::UniqueI => distinct::unique_int(m.vi(a)),
                        Extra::DuplicatedI => distinct::duplicated_int(m.vi(a)),
                        _ => distinct::duplicated(m.vd(a))?,
                    };
                    m.fuel -= (out.len() / 4) as i64;
                    Ok(())
                })?;
            }
            Extra::Cov => {
                let (x, y) = (self.vd(a), self.vd(b));
                let value = reduce::cov(x, y, host)?;
                self.fuel -= (x.len() / 8) as i64;
                self.d[usize::from(to)] = value;
            }
            Extra::Trimmed => {
                let x = &self.vd[usize::from(a)];
                self.fuel -= (x.len() / 8) as i64;
                self.d[usize::from(to)] = trimmed::mean(x, d(b), host)?;
            }
            Extra::Tabulate => {
                let n = length(i(b))?;
                self.spend(self.vi(a).len());
                self.make_i(to, |m, out| {
                    *out = along::tabulate(&m.vi[usize::from(a)], n);
                    Ok(())
                })?;
            }
            Extra::DiffD => {
                let lag = length(i(b))?;
                self.make_d(to, |m, out| {
                    *out = along::diff(&m.vd[usize::from(a)], lag)?;
                    Ok(())
                })?;
            }
            Extra::DiffI => {
                let lag = length(i(b))?;
                self.make_i(to, |m, out| {
                    *out = along::diff_int(&m.vi[usize::from(a)], lag)?;
                    Ok(())
                })?;
            }
            Extra::EachD | Extra::EachI => {
                let each = length(i(b))?;
                let double = how == Extra::EachD;
                let n = if double {
                    self.vd[usize::from(a)].len()
                } else {
                    self.vi[usize::from(a)].len()
                };
                if n.checked_mul(each).is_none_or(|n| n > LONGEST) {
                    return Err(LONG);
                }
                if double {
                    self.make_d(to, |m, out| {
                        *out = along::rep(&m.vd[usize::from(a)], 1, each);
                        Ok(())
                    })?;
                } else {
                    self.make_i(to, |m, out| {
                        *out = along::rep(&m.vi[usize::from(a)], 1, each);
                        Ok(())
                    })?;
                }
            }
            Extra::TimesD => {
                self.spend(self.vi(b).len());
                self.make_d(to, |m, out| repeat_each(out, m.vd(a), m.vi(b)))?;
            }
            Extra::TimesI => {
                self.spend(self.vi(b).len());
                self.make_i(to, |m, out| repeat_each(out, m.vi(a), m.vi(b)))?;
            }
            Extra::SeqBy => {
                let (from, end, by) = (d(a), d(b), d(c));
                self.make_d(to, |_, out| {
                    *out = sequence::by(from, end, by)?;
                    Ok(())
                })?;
            }
            Extra::SeqByInt => {
                let (from, end, by) = (i(a), i(b), i(c));
                self.make_i(to, |_, out| {
                    *out = sequence::by_int(from, end, by)?;
                    Ok(())
                })?;
            }
            Extra::SeqBetween => {
                let (from, end, n) = (d(a), d(b), i(c));
                self.make_d(to, |_, out| {
                    *out = sequence::between(from, end, n)?;
                    Ok(())
                })?;
            }
            Extra::Match => {
                let none = Some(i(c)).filter(|none| *none != i32::MIN);
                self.fuel -= ((self.vd(a).len() + self.vd(b).len()) / 8) as i64;
                self.make_i(to, |m, out| {
                    *out = lookup::matched(m.vd(a), m.vd(b), none)?;
                    Ok(())
                })?;
            }
            Extra::Among | Extra::FindInterval => {
                self.fuel -= ((self.vd(a).len() + self.vd(b).len()) / 8) as i64;
                self.make_i(to, |m, out| {
                    *out = if how == Extra::Among {
                        lookup::among(m.vd(a), m.vd(b))?
                    } else {
                        lookup::find_interval(m.vd(a), m.vd(b))?
                    };
                    Ok(())
                })?;
            }
            Extra::SeqSteps => {
                let (from, by, n) = (d(a), d(b), i(c));
                self.make_d(to, |_, out| {
                    *out = sequence::steps(from, by, n)?;
                    Ok(())
                })?;
            }
        }
        Ok(())
    }
}
