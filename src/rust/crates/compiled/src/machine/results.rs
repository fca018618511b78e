//! What a task returns.

use super::{Bail, Machine, Value, NOT_A_NUMBER};
use crate::code::Out;
use crate::tree::Type;

impl Machine<'_> {
    pub(super) fn value(&self, out: &Out) -> Result<Value, Bail> {
        Ok(match out {
            Out::Null => Value::Null,
            Out::Value(ty, reg) if ty.is_matrix() => {
                let shape = self.shapes[usize::from(ty.is_double())][usize::from(*reg)];
                let values = self.value(&Out::Value(ty.flat(), *reg))?;
                Value::Matrix(Box::new(values), shape)
            }
            Out::Value(ty, reg) => {
                let reg = usize::from(*reg);
                match ty {
                    Type::Null => Value::Null,
                    Type::Double => Value::Double(number(self.d[reg])?),
                    Type::Integer => Value::Integer(self.i[reg]),
                    Type::Logical => Value::Logical(self.i[reg]),
                    Type::Doubles => {
                        if self.vd[reg].iter().any(|x| x.is_nan()) {
                            return Err(NOT_A_NUMBER);
                        }
                        Value::Doubles(self.vd[reg].to_vec())
                    }
                    Type::Integers => Value::Integers(self.vi[reg].to_vec()),
                    _ => Value::Logicals(self.vi[reg].to_vec()),
                }
            }
            Out::Named(ty, reg, names) => {
                Value::Named(Box::new(self.value(&Out::Value(*ty, *reg))?), *names)
            }
            Out::Row(ty, regs, names) => {
                let integers = || regs.iter().map(|reg| self.i[usize::from(*reg)]).collect();
                let row = match ty {
                    Type::Double => {
                        let all: Result<Vec<f64>, Bail> = regs
                            .iter()
                            .map(|reg| number(self.d[usize::from(*reg)]))
                            .collect();
                        Value::Doubles(all?)
                    }
                    Type::Logical => Value::Logicals(integers()),
                    _ => Value::Integers(integers()),
                };
                Value::Named(Box::new(row), *names)
            }
            Out::Sided(ty, reg, rows, columns) => {
                let value = self.value(&Out::Value(*ty, *reg))?;
                Value::Sided(Box::new(value), *rows, *columns)
            }
            Out::Text(row) => Value::Text(*row),
            Out::Frame(parts, names) => {
                let parts: Result<Vec<Value>, Bail> =
                    parts.iter().map(|part| self.value(part)).collect();
                Value::Frame(parts?, *names)
            }
            Out::List(parts, names) => {
                let parts: Result<Vec<Value>, Bail> =
                    parts.iter().map(|part| self.value(part)).collect();
                Value::List(parts?, *names)
            }
        })
    }
}

/// `NaN` may be R's `NA`: which of both is not known here.
fn number(x: f64) -> Result<f64, Bail> {
    if x.is_nan() {
        Err(NOT_A_NUMBER)
    } else {
        Ok(x)
    }
}
