//! The code of a closure as the binding reads it: calls, names and constants.

use std::rc::Rc;

/// A piece of code. `place` is a number of the binding's own, by which it finds the piece
/// again.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Which piece of the closure this is.
    pub place: u32,
    /// What it is.
    pub kind: Kind,
}

/// The kinds of code.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A number as R writes it, `1`; also `NaN` and `NA_real_`.
    Double(f64),
    /// `NA`.
    Na,
    /// `1L`; never `NA`.
    Integer(i32),
    /// `TRUE` or `FALSE`.
    Logical(bool),
    /// `NULL`.
    Null,
    /// A string.
    Text(String),
    /// An argument that is left out, as in `x[i, ]`.
    Missing,
    /// A variable.
    Name(String),
    /// A call of a function by its name: operators, `if`, `{` and `<-` too.
    Call {
        /// The function.
        fun: String,
        /// Its arguments as they were written.
        args: Vec<Arg>,
    },
    /// `function(x, n = 1) body`.
    Function(Rc<Function>),
    /// What nothing here can compile: what it is, as in "a missing value".
    Other(String),
}

/// A function that the code calls or defines.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its arguments, with their defaults (`Missing`: none).
    pub formals: Vec<(String, Node)>,
    /// Its body.
    pub body: Node,
}

/// A closure of R that compiled code calls: a number of the binding's own, and its code.
pub type Called = (usize, Rc<Function>);

/// An argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Arg {
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// Its code.
    pub value: Node,
}

/// A closure: its arguments with the types of what it is called with, and its body.
#[derive(Clone, Debug)]
pub struct Closure {
    /// Names of the arguments that calls give. One by the name of [`TASK`] is the number of the
    /// task, from 1.
    pub given: Vec<(String, Type)>,
    /// Of these, those that may have names, of elements or of rows and columns.
    pub veiled: Vec<String>,
    /// Arguments that are strings.
    pub texts: Vec<(String, Vec<String>)>,
    /// Arguments that are lists.
    pub lists: Vec<Listed>,
    /// Arguments that calls leave out, with their defaults (`Missing`: none).
    pub defaults: Vec<(String, Node)>,
    /// The body.
    pub body: Node,
}

/// The name of the task's number among the arguments; no code can have it.
pub const TASK: &str = "*task";

/// The type of a value: one element, a vector of any length, or a matrix of any shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// `NULL`.
    Null,
    /// One logical value, `TRUE` or `FALSE`.
    Logical,
    /// One integer, not `NA`.
    Integer,
    /// One double.
    Double,
    /// A vector of logical values.
    Logicals,
    /// A vector of integers.
    Integers,
    /// A vector of doubles.
    Doubles,
    /// A matrix of logical values.
    LogicalMatrix,
    /// A matrix of integers.
    IntegerMatrix,
    /// A matrix of doubles.
    DoubleMatrix,
}

impl Type {
    /// Is it one element?
    #[must_use]
    pub fn is_scalar(self) -> bool {
        matches!(self, Type::Logical | Type::Integer | Type::Double)
    }

    /// The type of vectors of such elements.
    #[must_use]
    pub fn vector(self) -> Type {
        match self {
            Type::Logical | Type::LogicalMatrix => Type::Logicals,
            Type::Integer | Type::IntegerMatrix => Type::Integers,
            Type::Double | Type::DoubleMatrix => Type::Doubles,
            other => other,
        }
    }

    /// The type of its elements.
    #[must_use]
    pub fn element(self) -> Type {
        match self {
            Type::Logicals | Type::LogicalMatrix => Type::Logical,
            Type::Integers | Type::IntegerMatrix => Type::Integer,
            Type::Doubles | Type::DoubleMatrix => Type::Double,
            other => other,
        }
    }

    /// The type of matrices of such elements.
    #[must_use]
    pub fn matrix(self) -> Type {
        match self.element() {
            Type::Logical => Type::LogicalMatrix,
            Type::Integer => Type::IntegerMatrix,
            Type::Double => Type::DoubleMatrix,
            other => other,
        }
    }

    /// Is it a matrix?
    #[must_use]
    pub fn is_matrix(self) -> bool {
        matches!(
            self,
            Type::LogicalMatrix | Type::IntegerMatrix | Type::DoubleMatrix
        )
    }

    /// The type without a shape: of a matrix that of its elements in one vector.
    #[must_use]
    pub fn flat(self) -> Type {
        if self.is_matrix() {
            self.vector()
        } else {
            self
        }
    }

    /// The type that holds values of both without a change that R would not make: one element
    /// is a vector, too, but no matrix is.
    #[must_use]
    pub(crate) fn joint(self, other: Type) -> Option<Type> {
        if self == other {
            Some(self)
        } else if self.element() == other.element() && !self.is_matrix() && !other.is_matrix() {
            Some(self.vector())
        } else {
            None
        }
    }

    /// Are its elements doubles?
    #[must_use]
    pub fn is_double(self) -> bool {
        self.element() == Type::Double
    }

    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Type::Null => "NULL",
            Type::Logical => "logical",
            Type::Integer => "integer",
            Type::Double => "double",
            Type::Logicals => "logical vector",
            Type::Integers => "integer vector",
            Type::Doubles => "double vector",
            Type::LogicalMatrix => "logical matrix",
            Type::IntegerMatrix => "integer matrix",
            Type::DoubleMatrix => "double matrix",
        }
    }
}

/// Why a closure is not compiled, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The piece of code.
    pub place: u32,
    /// The reason, as a part of a sentence.
    pub why: String,
}

/// What a variable that the closure does not assign is, where it was defined.
#[derive(Clone, Debug, PartialEq)]
pub enum Captured {
    /// One element, or `NULL`.
    Constant(Kind),
    /// A vector: its number among those that the machine is given, and its type.
    Vector(usize, Type),
    /// The same with names.
    Named(usize, Type, Vec<String>),
    /// A vector or matrix with names that nobody looks at.
    Veiled(usize, Type),
    /// A matrix with names of its rows and columns, each of which may be without.
    Sided(usize, Type, Option<Vec<String>>, Option<Vec<String>>),
    /// Strings, which are known when the code is compiled.
    Texts(Vec<String>),
    /// A list, or a data frame: its number among those of the surroundings.
    List(usize),
}

/// A step from a list to one of its elements.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// By its name.
    Name(String),
    /// By its number, from 1.
    At(i32),
}

/// What the elements of a list are, or parts of these that are found in the same way.
#[derive(Clone, Debug, PartialEq)]
pub enum Each {
    /// Numbers, vectors or matrices of this type: their number among such rows. May they have names
    /// (`true`)?
    Row(usize, Type, bool),
    /// Lists.
    Lists,
}

/// How large a list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// How many elements it has.
    pub length: i32,
    /// Of a data frame: how many rows.
    pub rows: Option<i32>,
    /// Have rows no names but their numbers?
    pub plain: bool,
}

/// How large the elements of a list are, which are lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extents {
    /// How many elements each of them has, where all have as many.
    pub length: Option<i32>,
    /// Of data frames: their numbers of rows, as the number of a row of integers.
    pub rows: Option<usize>,
}

/// An argument that is a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// The list's number.
    pub list: usize,
    /// Is it the element of that list that belongs to the task?
    pub each: bool,
}

/// Where the closure was defined.
pub trait Surroundings {
    /// The variable of that name, or why it cannot be used.
    ///
    /// # Errors
    ///
    /// The reason, as a part of a sentence.
    fn variable(&mut self, name: &str) -> Result<Captured, String>;
    /// Is a call of `name` a call of R's own function? Otherwise why not.
    ///
    /// # Errors
    ///
    /// The reason, as a part of a sentence.
    fn function(&mut self, name: &str) -> Result<(), String>;
    /// The closure that a call of `name` calls where that is not R's own function; `None` where
    /// it is no closure that can be looked at.
    fn closure(&mut self, _name: &str) -> Option<Called> {
        None
    }
    /// Has the value of R's own function, for which that closure stands, more than the list that the
    /// closure gives?
    fn opaque(&mut self, _closure: usize) -> bool {
        false
    }
    /// The name of R's own function that a function of another name is.
    fn same(&mut self, _name: &str) -> Option<String> {
        None
    }
    /// Is there a variable of that name that is no function?
    fn is_variable(&mut self, _name: &str) -> bool {
        false
    }
    /// An element of a list.
    ///
    /// # Errors
    ///
    /// Why it cannot be used.
    fn member(&mut self, _list: usize, _step: &Step) -> Result<Captured, String> {
        Err("lists are not in the subset".into())
    }
    /// What is found by these steps in each element of a list.
    ///
    /// # Errors
    ///
    /// Why it cannot be used.
    fn each(&mut self, _list: usize, _path: &[Step]) -> Result<Each, String> {
        Err("lists are not in the subset".into())
    }
    /// The names of the elements of a list, or of the lists that are found by steps in each of its
    /// elements, where all have the same; `None`: none.
    ///
    /// # Errors
    ///
    /// Why they cannot be used.
    fn labels(
        &mut self,
        _list: usize,
        _each: Option<&[Step]>,
    ) -> Result<Option<Vec<String>>, String> {
        Err("lists are not in the subset".into())
    }
    /// How large a list is.
    fn extent(&mut self, _list: usize) -> Extent {
        Extent {
            length: 0,
            rows: None,
            plain: false,
        }
    }
    /// How large the lists are that are found by these steps in each element of a list.
    ///
    /// # Errors
    ///
    /// Where they are no lists.
    fn extents(&mut self, _list: usize, _path: &[Step]) -> Result<Extents, String> {
        Err("lists are not in the subset".into())
    }
    /// The names that `quantile()` gives its values, for probabilities.
    fn quantile_names(&mut self, _probs: &[f64]) -> Option<Vec<String>> {
        None
    }
    /// The type of the value of a call of R's own functions, of constants, which differs between versions of R.
    fn type_of(&mut self, _call: &str) -> Option<Type> {
        None
    }
    /// The numbers of a vector of doubles, by its number.
    fn numbers(&mut self, _vector: usize) -> Option<Vec<f64>> {
        None
    }
    /// From now on names are those in the code of this closure (0: the compiled one).
    fn enter(&mut self, _closure: usize) {}
}
