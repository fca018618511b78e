//! Parts of lists and data frames that the code has made, and functions of all their elements.

use super::made::{Made, UNKNOWN};
use super::*;
use crate::code::Compare;
use crate::tree::{Arg, Step};

impl Lower<'_> {
    /// `x[[i]]` and `x[i]` of a list that the code has made.
    pub(super) fn part_of_made(
        &mut self,
        fun: &str,
        number: u16,
        index: &Node,
        node: &Node,
    ) -> Lowered<Val> {
        if fun == "[[" {
            return match self.constant_step(index)? {
                Some(step) => {
                    let value = self.step_made(number, &step, false, node)?;
                    if value == Val::Null && self.made(number).frame {
                        return Err(refuse(node, "a column that is not there"));
                    }
                    Ok(value)
                }
                None => Err(refuse(
                    index,
                    "elements of a list that the code makes are read by names or numbers that it has only",
                )),
            };
        }
        let made = self.made(number);
        if made.more && !made.frame {
            return Err(refuse(node, super::made::OPAQUE));
        }
        let steps = match (self.texts(index)?, &index.kind) {
            (Some(names), _) => names.into_iter().map(Step::Name).collect(),
            (None, Kind::Missing) => return Ok(Val::Made(number)),
            (None, _) => match self.constant_step(index)? {
                Some(step) => vec![step],
                None => return Err(refuse(index, "a part of a list that is computed")),
            },
        };
        let part = self.some_of_made(&made, &steps, node)?;
        self.made_value(part, node)
    }

    /// A list of these elements, each of which is there.
    fn some_of_made(&mut self, made: &Made, steps: &[Step], node: &Node) -> Lowered<Made> {
        let mut parts = Vec::new();
        let mut names = Vec::new();
        for step in steps {
            let Some(k) = self.place_in(made, step, node)? else {
                return Err(refuse(node, "an element that is not there"));
            };
            parts.push(made.parts[k]);
            if let Some(row) = made.names {
                names.push(self.rows[usize::from(row)][k].clone());
            }
        }
        if made.frame && names.iter().collect::<HashSet<_>>().len() < names.len() {
            return Err(refuse(node, "a column is taken twice"));
        }
        let names = match made.names {
            Some(_) => Some(self.row_of(names, node)?),
            None => None,
        };
        Ok(Made {
            names,
            parts,
            frame: made.frame,
            more: made.more,
            var: None,
        })
    }

    /// `d[i, ]` and `d[i, "x"]` of a data frame that the code has made.
    pub(super) fn rows_of_made(
        &mut self,
        number: u16,
        rows: &Node,
        column: &Node,
        keep: bool,
        node: &Node,
    ) -> Lowered<Val> {
        let mut made = self.made(number);
        if !made.frame {
            return Err(refuse(node, "two subscripts of what is no data frame"));
        }
        let n = self.rows_made(&made, node)?;
        if column.kind != Kind::Missing {
            let steps = match self.texts(column)? {
                Some(names) => names.into_iter().map(Step::Name).collect(),
                None => match self.constant_step(column)? {
                    Some(step) => vec![step],
                    None => return Err(refuse(column, "columns that are computed")),
                },
            };
            made = self.some_of_made(&made, &steps, node)?;
        }
        let single = made.parts.len() == 1 && !keep;
        if single && column.kind == Kind::Missing && rows.kind == Kind::Missing {
            return Err(refuse(node, "a data frame of one column"));
        }
        if rows.kind != Kind::Missing {
            let all = self.temp(Type::Integers, node)?;
            self.emit(Op::SeqLen(all, n));
            let (_, found) = match self.part_by("[", (Type::Integers, all), rows, None, node)? {
                Val::Is(ty, reg) => self.as_vector(ty, reg, node)?,
                _ => return Ok(Val::Gone),
            };
            made.more = true;
            made.var = None;
            for part in &mut made.parts {
                *part = match *part {
                    Val::Is(ty, reg) => {
                        let (ty, reg) = self.as_vector(ty, reg, node)?;
                        self.select(ty, reg, found, false, node)?
                    }
                    _ => UNKNOWN,
                };
            }
        }
        match made.parts[..] {
            [part] if single => Ok(part),
            _ => self.made_value(made, node),
        }
    }

    /// `names(out) <- c("a", "b")` of a list that the code has made.
    pub(super) fn rename_made(
        &mut self,
        name: &str,
        number: u16,
        code: &Node,
        node: &Node,
    ) -> Lowered<Val> {
        let mut made = self.made(number);
        if made.more && !made.frame {
            return Err(refuse(node, super::made::OPAQUE));
        }
        let names = self.texts(code)?;
        let Some(names) = names.filter(|names| names.len() == made.parts.len()) else {
            return Err(refuse(
                code,
                "names that are computed are not in the subset",
            ));
        };
        made.names = Some(self.row_of(names, node)?);
        made.var = None;
        let var = self.var(name);
        let value = self.made_value(made, node)?;
        self.assign(var, value, node)?;
        Ok(UNKNOWN)
    }

    /// `switch()`: by a string or number that is known, or by one that is computed.
    pub(super) fn switch(&mut self, args: &[Arg], hint: Option<Var>, node: &Node) -> Lowered<Val> {
        let constant = matches!(args[0].value.kind, Kind::Double(_) | Kind::Integer(_));
        if constant || self.texts(&args[0].value)?.is_some() {
            return match self.chosen(args, node)? {
                Some(code) => self.value(code, hint),
                None => Ok(Val::Null),
            };
        }
        match self.switch_number(args, node)? {
            Some(by) => self.one_of(by, 1, &args[1..], node),
            None => Ok(Val::Gone),
        }
    }

    /// The number by which `switch()` chooses; `None` where that is never reached.
    fn switch_number(&mut self, args: &[Arg], node: &Node) -> Lowered<Option<Reg>> {
        if args[0].name.as_deref().is_some_and(|name| name != "EXPR") {
            return Err(refuse(node, "its first argument has another name"));
        }
        self.within += 1;
        let by = self.number(&args[0].value);
        self.within -= 1;
        let Some((ty, reg)) = by? else {
            return Ok(None);
        };
        let (ty, reg) = self.only(ty, reg, node)?;
        if ty == Type::Logical {
            return Err(refuse(node, "it is by a logical value"));
        }
        let by = self.temp(Type::Integer, node)?;
        self.emit(if ty == Type::Double {
            Op::ToInt(by, reg)
        } else {
            Op::MoveI(by, reg)
        });
        Ok(Some(by))
    }

    /// `switch()` whose value the function returns.
    pub(super) fn tail_switch(&mut self, args: &[Arg], node: &Node) -> Lowered<()> {
        let constant = matches!(args[0].value.kind, Kind::Double(_) | Kind::Integer(_));
        if constant || self.texts(&args[0].value)?.is_some() {
            return match self.chosen(args, node)? {
                Some(code) => self.tail(code),
                None => self.give_back(crate::code::Out::Null),
            };
        }
        match self.switch_number(args, node)? {
            Some(by) => self.tail_one_of(by, 1, &args[1..], node),
            None => Ok(()),
        }
    }

    fn tail_one_of(&mut self, by: Reg, at: i32, rest: &[Arg], node: &Node) -> Lowered<()> {
        let Some((first, others)) = rest.split_first() else {
            return self.give_back(crate::code::Out::Null);
        };
        if first.value.kind == Kind::Missing {
            return Err(refuse(node, "an alternative is empty"));
        }
        let number = self.integer(at, node)?;
        let cond = self.temp(Type::Logical, node)?;
        self.emit(Op::CompareI(Compare::Eq, cond, by, number));
        let before = std::mem::take(&mut self.block);
        let env = self.env.clone();
        self.tail(&first.value)?;
        let yes = std::mem::take(&mut self.block);
        self.env = env;
        self.tail_one_of(by, at + 1, others, node)?;
        let no = std::mem::replace(&mut self.block, before);
        self.env = None;
        self.block.push(Stmt::If(cond, yes, no));
        Ok(())
    }

    fn one_of(&mut self, by: Reg, at: i32, rest: &[Arg], node: &Node) -> Lowered<Val> {
        let Some((first, others)) = rest.split_first() else {
            // R gives `NULL`.
            self.give_up("a switch() without a fitting alternative");
            self.env = None;
            return Ok(Val::Gone);
        };
        if first.value.kind == Kind::Missing {
            return Err(refuse(node, "an alternative is empty"));
        }
        let number = self.integer(at, node)?;
        let cond = self.temp(Type::Logical, node)?;
        self.emit(Op::CompareI(Compare::Eq, cond, by, number));
        self.branch_on(
            cond,
            |this| this.value(&first.value, None),
            |this| this.one_of(by, at + 1, others, node),
            None,
            node,
        )
    }
}
