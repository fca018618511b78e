//! Functions of matrices, and what is done element by element where one of both is a matrix.

use super::assign::assigned_name;
use super::lists::Count;
use super::named::{with_names, Names};
use super::*;
use crate::code::{Arith, Extra, Factor, Margin, Other, Place, Product};
use crate::tree::Arg;

/// Where a vector or matrix is.
pub(super) fn place(ty: Type, reg: Reg) -> Place {
    Place {
        double: ty.is_double(),
        reg,
    }
}

/// A type and a register.
type Typed = (Type, Reg);

impl Lower<'_> {
    pub(super) fn matrix_op(&mut self, op: Mat, node: &Node) -> Lowered<()> {
        let number = u16::try_from(self.matrices.len())
            .map_err(|_| refuse(node, "the function is too long"))?;
        self.matrices.push(op);
        self.emit(Op::Matrix(number));
        Ok(())
    }

    /// The operands without their shapes, and the matrix whose shape the result has.
    pub(super) fn conformed(
        &mut self,
        a: Typed,
        b: Typed,
        node: &Node,
    ) -> Lowered<(Option<Place>, Typed, Typed)> {
        let other = |(ty, reg): Typed| {
            if ty.is_scalar() {
                Other::One
            } else if ty.is_matrix() {
                Other::Matrix(place(ty, reg))
            } else {
                Other::Vector(place(ty, reg))
            }
        };
        let shape = if a.0.is_matrix() {
            let shape = place(a.0, a.1);
            self.matrix_op(Mat::Conform(shape, other(b)), node)?;
            Some(shape)
        } else if b.0.is_matrix() {
            let shape = place(b.0, b.1);
            self.matrix_op(Mat::Conform(shape, other(a)), node)?;
            Some(shape)
        } else {
            None
        };
        Ok((shape, (a.0.flat(), a.1), (b.0.flat(), b.1)))
    }

    /// The type of an operand without its shape, and the matrix that it is.
    pub(super) fn unshaped(
        &mut self,
        ty: Type,
        reg: Reg,
        node: &Node,
    ) -> Lowered<(Option<Place>, Type)> {
        if !ty.is_matrix() {
            return Ok((None, ty));
        }
        let shape = place(ty, reg);
        self.matrix_op(Mat::Some(shape), node)?;
        Ok((Some(shape), ty.flat()))
    }

    /// The result of what is done element by element, with the shape of that matrix.
    pub(super) fn shaped(&mut self, value: Val, shape: Option<Place>, node: &Node) -> Lowered<Val> {
        let (Some(shape), Val::Is(ty, reg)) = (shape, value) else {
            return Ok(value);
        };
        self.matrix_op(Mat::Like(place(ty, reg), shape), node)?;
        Ok(Val::Is(ty.matrix(), reg))
    }

    pub(super) fn of_matrices(&mut self, fun: &str, args: &[Arg], node: &Node) -> Lowered<Val> {
        let margin = match fun {
            "rowSums" => Some(Margin::RowSums),
            "rowMeans" => Some(Margin::RowMeans),
            "colSums" => Some(Margin::ColSums),
            "colMeans" => Some(Margin::ColMeans),
            _ => None,
        };
        if let Some(margin) = margin {
            let given = self.matched(args, &["x", "na.rm"], node)?;
            let Some(x) = given[0] else {
                return Err(refuse(node, "its argument is missing"));
            };
            let value = self.value(x, None)?;
            if let Some(value) = self.margin_of_frame(margin, value, node)? {
                self.flag(given[1], false, node)?;
                return Ok(value);
            }
            let Some(((ty, reg), names)) = self.open_value(value, x)? else {
                return Ok(Val::Gone);
            };
            let names = match value {
                Val::Veiled(_, _, sides) => self.names_of_margin(margin, sides),
                _ => names,
            };
            if !ty.is_matrix() {
                return Err(refuse(node, "it is compiled for matrices only"));
            }
            // There are no missing values to remove: a task that meets one is given up.
            self.flag(given[1], false, node)?;
            let wide = self.widened(ty, reg, node)?;
            let to = self.temp(Type::Doubles, node)?;
            self.matrix_op(Mat::Margin(margin, to, wide), node)?;
            return Ok(with_names(Val::Is(Type::Doubles, to), names));
        }
        match fun {
            "matrix" => self.make_matrix(args, node),
            "crossprod" | "tcrossprod" => self.product(fun, args, node),
            "outer" | "%o%" => self.outer(args, node),
            "solve" => self.solve(args, node),
            "diag" => self.diagonal(args, node),
            "nrow" | "ncol" | "dim" | "NROW" | "NCOL" => {
                let x = self.one(args, node)?;
                let value = self.value(x, None)?;
                let of_vectors = fun == "NROW" || fun == "NCOL";
                let fun = match fun {
                    "NROW" => "nrow",
                    "NCOL" => "ncol",
                    fun => fun,
                };
                if let (true, Val::Is(ty, _) | Val::Named(ty, ..) | Val::Veiled(ty, ..)) =
                    (of_vectors, value)
                {
                    if !ty.is_matrix() {
                        let n = if fun == "nrow" {
                            self.length(value, node)?
                        } else {
                            self.integer(1, node)?
                        };
                        return Ok(Val::Is(Type::Integer, n));
                    }
                }
                if let (Val::Part(number), true) = (value, fun != "dim") {
                    let what = if fun == "nrow" {
                        Count::Rows
                    } else {
                        Count::Length
                    };
                    // A list that is no data frame has neither.
                    self.count_of(number, Count::Rows, node)?;
                    return Ok(Val::Is(Type::Integer, self.count_of(number, what, node)?));
                }
                if let (Val::Made(number), true) = (value, fun != "dim") {
                    let made = self.made(number);
                    if !made.frame {
                        return Err(refuse(node, "a list has no rows"));
                    }
                    let n = if fun == "nrow" {
                        self.rows_made(&made, node)?
                    } else {
                        self.integer(made.parts.len() as i32, node)?
                    };
                    return Ok(Val::Is(Type::Integer, n));
                }
                let value = match value {
                    Val::Blank(ty, reg, _) => Val::Is(ty, reg),
                    value => value,
                };
                let Some(((ty, reg), _)) = self.open_value(value, x)? else {
                    return Ok(Val::Gone);
                };
                if !ty.is_matrix() {
                    return Err(refuse(node, "it is compiled for matrices only"));
                }
                if fun == "dim" {
                    let to = self.temp(Type::Integers, node)?;
                    self.matrix_op(Mat::Dim(to, place(ty, reg)), node)?;
                    return Ok(Val::Is(Type::Integers, to));
                }
                let to = self.temp(Type::Integer, node)?;
                self.matrix_op(Mat::Extent(to, place(ty, reg), fun == "ncol"), node)?;
                Ok(Val::Is(Type::Integer, to))
            }
            "t" | "as.matrix" | "drop" => {
                let x = self.one(args, node)?;
                let value = self.value(x, None)?;
                if let ("as.matrix", Some((ty, reg, names))) =
                    (fun, self.matrix_of_frame(value, node)?)
                {
                    return match value {
                        Val::Made(number) if !self.made(number).more => {
                            self.with_sides((ty, reg), None, Some(names), node)
                        }
                        Val::Part(number) if self.has_plain_rows(number) => {
                            self.with_sides((ty, reg), None, Some(names), node)
                        }
                        _ => Ok(Val::Veiled(ty, reg, None)),
                    };
                }
                let sides = match value {
                    Val::Veiled(_, _, sides) => sides,
                    _ => None,
                };
                let Some(((ty, reg), names)) = self.open_value(value, x)? else {
                    return Ok(Val::Gone);
                };
                let matrix = ty.is_matrix();
                if fun == "as.matrix" && matrix {
                    return Ok(value);
                }
                if (fun == "drop" && !matrix) || (fun == "as.matrix" && matrix) {
                    return Ok(with_names(Val::Is(ty, reg), names));
                }
                let (flat, reg) = self.as_vector(ty, reg, node)?;
                let out = if fun == "drop" { flat } else { flat.matrix() };
                let to = self.temp(out, node)?;
                let (to_place, from) = (place(out, to), place(ty, reg));
                self.matrix_op(
                    match fun {
                        "t" => Mat::Transpose(to_place, from, matrix),
                        "drop" => Mat::Flatten(to_place, from),
                        _ => Mat::Column(to_place, from),
                    },
                    node,
                )?;
                if fun == "t" && matrix && names == Names::Veiled {
                    return self.turned(Val::Is(out, to), sides, node);
                }
                Ok(with_names(Val::Is(out, to), names))
            }
            _ => Err(refuse(node, format!("`{fun}()` is not in the subset"))),
        }
    }

    /// A matrix of doubles, in a register of doubles.
    pub(super) fn widened(&mut self, ty: Type, reg: Reg, node: &Node) -> Lowered<Reg> {
        if ty.is_double() {
            return Ok(reg);
        }
        let (_, wide) = self.as_doubles(ty, reg, node)?;
        let to = place(Type::DoubleMatrix, wide);
        self.matrix_op(Mat::Like(to, place(ty, reg)), node)?;
        Ok(wide)
    }

    fn factor(&mut self, (ty, reg): Typed, node: &Node) -> Lowered<Factor> {
        let matrix = ty.is_matrix();
        let reg = if matrix {
            self.widened(ty, reg, node)?
        } else {
            self.as_doubles(ty, reg, node)?.1
        };
        Ok(Factor { reg, matrix })
    }

    /// `x %*% y`, `crossprod(x, y)`, `tcrossprod(x, y)`.
    pub(super) fn product(&mut self, fun: &str, args: &[Arg], node: &Node) -> Lowered<Val> {
        let given = self.matched(args, &["x", "y"], node)?;
        let Some(x) = given[0] else {
            return Err(refuse(node, "its argument is missing"));
        };
        let Some((x, mut names)) = self.opened(x)? else {
            return Ok(Val::Gone);
        };
        let x = self.factor(x, node)?;
        let y = match given[1] {
            None => None,
            Some(y) => match self.opened(y)? {
                Some((y, more)) => {
                    if more == Names::Veiled {
                        names = more;
                    }
                    Some(self.factor(y, node)?)
                }
                None => return Ok(Val::Gone),
            },
        };
        let how = match fun {
            "crossprod" => Product::Cross,
            "tcrossprod" => Product::CrossOfRows,
            _ => Product::Plain,
        };
        let to = self.temp(Type::DoubleMatrix, node)?;
        self.matrix_op(Mat::Product(how, to, x, y), node)?;
        Ok(with_names(Val::Is(Type::DoubleMatrix, to), names))
    }

    /// `outer(x, y)` of vectors.
    fn outer(&mut self, args: &[Arg], node: &Node) -> Lowered<Val> {
        let given = self.matched(args, &["X", "Y", "FUN"], node)?;
        let [Some(x), Some(y), fun] = given[..] else {
            return Err(refuse(node, "its argument is missing"));
        };
        let (Some(x), Some(y)) = (self.number(x)?, self.number(y)?) else {
            return Ok(Val::Gone);
        };
        match fun {
            Some(fun) if fun.kind != Kind::Text("*".into()) => {
                return self.outer_by(x, y, fun, node);
            }
            _ => {}
        }
        let (x, y) = (self.factor(x, node)?, self.factor(y, node)?);
        let to = self.temp(Type::DoubleMatrix, node)?;
        self.matrix_op(Mat::Product(Product::CrossOfRows, to, x, Some(y)), node)?;
        Ok(Val::Is(Type::DoubleMatrix, to))
    }

    /// `solve(a)`, `solve(a, b)`.
    fn solve(&mut self, args: &[Arg], node: &Node) -> Lowered<Val> {
        let given = self.matched(args, &["a", "b"], node)?;
        let Some(a) = given[0] else {
            return Err(refuse(node, "its argument is missing"));
        };
        let Some(((ty, reg), mut names)) = self.opened(a)? else {
            return Ok(Val::Gone);
        };
        if !ty.is_matrix() {
            return Err(refuse(node, "it is compiled for matrices only"));
        }
        let a = self.widened(ty, reg, node)?;
        let b = match given[1] {
            None => None,
            Some(b) => match self.opened(b)? {
                Some((b, more)) => {
                    if more == Names::Veiled {
                        names = more;
                    }
                    Some(self.factor(b, node)?)
                }
                None => return Ok(Val::Gone),
            },
        };
        let out = match b {
            Some(Factor { matrix: false, .. }) => Type::Doubles,
            _ => Type::DoubleMatrix,
        };
        let to = self.temp(out, node)?;
        self.matrix_op(Mat::Solve(to, a, b), node)?;
        Ok(with_names(Val::Is(out, to), names))
    }

    /// `diag(name) <- code`: one number, or as many as the diagonal has.
    pub(super) fn assign_diagonal(
        &mut self,
        target: &Node,
        code: &Node,
        node: &Node,
    ) -> Lowered<Val> {
        let name = assigned_name(target, target)?;
        self.check("diag<-", node)?;
        let Some((of, from)) = self.without_names(code)? else {
            return Ok(Val::Gone);
        };
        let of = of.flat();
        let (ty, reg) = match self.value(target, None)? {
            Val::Gone => return Ok(Val::Gone),
            Val::Is(ty, reg) if ty.is_matrix() => (ty, reg),
            Val::Blank(ty, reg, None) if ty.is_matrix() && of.is_double() => (ty, reg),
            _ => {
                return Err(refuse(
                    target,
                    "it is compiled for matrices without names only",
                ))
            }
        };
        let mut extent = [0; 2];
        for (to, columns) in extent.iter_mut().zip([false, true]) {
            *to = self.temp(Type::Integer, node)?;
            self.matrix_op(Mat::Extent(*to, place(ty, reg), columns), node)?;
        }
        let int = |this: &mut Self, how, x, y| {
            let to = this.temp(Type::Integer, node)?;
            this.emit(Op::ArithI(how, to, x, y));
            Ok(to)
        };
        // From the first element on in steps of a column and a row. Where there is none the sequence
        // gives up.
        let one = self.integer(1, node)?;
        let count = int(self, Arith::Min, extent[0], extent[1])?;
        let step = int(self, Arith::Add, extent[0], one)?;
        let steps = int(self, Arith::Sub, count, one)?;
        let length = int(self, Arith::Mul, steps, step)?;
        let last = int(self, Arith::Add, length, one)?;
        let at = self.temp(Type::Integers, node)?;
        self.emit(Op::Extra(Extra::SeqByInt, [at, one, last, step]));
        if !of.is_scalar() {
            let given = self.length(Val::Is(of, from), node)?;
            self.emit(Op::SameInt(given, count));
        }
        self.assign_elements(name, (ty, reg), (Type::Integers, at), (of, from), "[", node)
    }

    /// `matrix(data, nrow, ncol, byrow)`.
    fn make_matrix(&mut self, args: &[Arg], node: &Node) -> Lowered<Val> {
        let given = self.matched(args, &["data", "nrow", "ncol", "byrow", "dimnames"], node)?;
        let Some(data) = given[0] else {
            return Err(refuse(node, "a matrix of missing values"));
        };
        let blank = data.kind == Kind::Na;
        // Names of the data are dropped.
        let found = if blank {
            Some((Type::Double, self.double(f64::NAN, node)?))
        } else {
            self.without_names(data)?
        };
        let Some((ty, data)) = found else {
            return Ok(Val::Gone);
        };
        let (ty, data) = self.as_vector(ty.flat(), data, node)?;
        let nrow = given[1].map(|n| self.whole_number(n)).transpose()?;
        let ncol = given[2].map(|n| self.whole_number(n)).transpose()?;
        let byrow = self.flag(given[3], false, node)?;
        let out = ty.matrix();
        let to = self.temp(out, node)?;
        self.matrix_op(
            Mat::Make {
                to: place(out, to),
                data: place(ty, data),
                nrow,
                ncol,
                byrow,
            },
            node,
        )?;
        let value = match given[4] {
            Some(code) => self.with_dimnames((out, to), code, node)?,
            None => Val::Is(out, to),
        };
        Ok(match value {
            Val::Is(ty, reg) if blank => Val::Blank(ty, reg, None),
            Val::Veiled(ty, reg, sides) if blank => Val::Blank(ty, reg, sides),
            value => value,
        })
    }

    /// `diag(n)`, `diag(x, n)` of a number, and of a matrix or vector.
    fn diagonal(&mut self, args: &[Arg], node: &Node) -> Lowered<Val> {
        let given = self.matched(args, &["x", "nrow"], node)?;
        let Some(code) = given[0] else {
            return Err(refuse(node, "its argument is missing"));
        };
        if given[1].is_none() {
            if let Kind::Double(_) | Kind::Integer(_) = code.kind {
                let n = self.whole_number(code)?;
                return self.identity(n, node);
            }
        }
        let Some((ty, reg)) = self.any_number(code)? else {
            return Ok(Val::Gone);
        };
        if ty.is_matrix() && given[1].is_none() {
            let to = self.temp(ty.vector(), node)?;
            self.matrix_op(Mat::Diagonal(place(ty, to), place(ty, reg)), node)?;
            return Ok(Val::Is(ty.vector(), to));
        }
        if ty.element() == Type::Logical || ty.is_matrix() || ty.is_scalar() == given[1].is_none() {
            return match ty {
                Type::Integer if given[1].is_none() => self.identity(reg, node),
                Type::Double if given[1].is_none() => {
                    let n = self.temp(Type::Integer, node)?;
                    self.emit(Op::Whole(n, reg));
                    self.identity(n, node)
                }
                _ => Err(refuse(node, "diag() in this form is not in the subset")),
            };
        }
        let count = given[1].map(|n| self.whole_number(n)).transpose()?;
        let (flat, reg) = self.as_vector(ty, reg, node)?;
        let out = flat.matrix();
        let to = self.temp(out, node)?;
        self.matrix_op(
            Mat::OfDiagonal(place(out, to), place(flat, reg), count),
            node,
        )?;
        Ok(Val::Is(out, to))
    }

    fn identity(&mut self, n: Reg, node: &Node) -> Lowered<Val> {
        let one = self.double(1.0, node)?;
        let (flat, reg) = self.as_vector(Type::Double, one, node)?;
        let to = self.temp(Type::DoubleMatrix, node)?;
        self.matrix_op(
            Mat::OfDiagonal(place(flat, to), place(flat, reg), Some(n)),
            node,
        )?;
        Ok(Val::Is(Type::DoubleMatrix, to))
    }
}
