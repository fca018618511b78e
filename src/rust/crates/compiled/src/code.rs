//! The code of the register machine.

mod matrix;

pub(crate) use matrix::{Drop, Factor, Margin, Mat, Other, Place, Product, Sub};

use crate::tree::Type;

/// A register: of the file that its type has. Files have 256.
pub(crate) type Reg = u8;

/// Functions of one double.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Math {
    Neg,
    Abs,
    Sqrt,
    Exp,
    Expm1,
    Log,
    Log1p,
    Log2,
    Log10,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Floor,
    Ceiling,
    Trunc,
    Round,
}

/// Arithmetic of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arith {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Mod,
    IntDiv,
    Min,
    Max,
}

/// Comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
}

/// A vector to one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reduce {
    Sum,
    Mean,
    Var,
    Sd,
    Prod,
    Min,
    Max,
    Median,
    WhichMin,
    WhichMax,
    Any,
    All,
    AnyNa,
}

/// A vector to a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Along {
    Cumsum,
    Cumprod,
    Cummax,
    Cummin,
    Rev,
    Diff,
    Sort,
    SortDown,
    Order,
    OrderDown,
    Which,
    Not,
    IsNa,
}

/// Laws of random numbers with up to two parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    Uniform,
    Normal,
    Exponential,
    LogNormal,
    Logistic,
    Cauchy,
    Weibull,
    /// With a scale, not a rate.
    Gamma,
    ChiSquared,
    T,
    F,
    Beta,
    Poisson,
    Geometric,
    NegativeBinomial,
    /// With a mean, not a probability.
    NegativeBinomialMean,
    Binomial,
}

/// Functions with arguments of their own. Registers: result, and up to three arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extra {
    /// `round(x, digits)` of one number, and of a vector.
    Round,
    RoundV,
    Signif,
    SignifV,
    /// `log(x, base)`.
    Log,
    LogV,
    /// `mean(x, trim)`.
    Trimmed,
    /// `tabulate(bin, nbins)`.
    Tabulate,
    /// `diff(x, lag)`.
    DiffD,
    DiffI,
    /// `rep(x, each)`.
    EachD,
    EachI,
    /// `rep(x, times)` by a vector.
    TimesD,
    TimesI,
    /// `seq(from, to, by)`.
    SeqBy,
    SeqByInt,
    /// `seq(from, to, length.out)`.
    SeqBetween,
    /// `seq(from, by, length.out)`.
    SeqSteps,
    /// `match(x, table, nomatch)`, `x %in% table` and `findInterval(x, vec)`.
    Match,
    Among,
    FindInterval,
    /// `unique()`, `duplicated()`, `rank()` and `cov()`.
    UniqueD,
    UniqueI,
    DuplicatedD,
    DuplicatedI,
    RankD,
    RankI,
    Cov,
    /// A density or its like, of numbers or of vectors, by its number.
    Curve(u8),
    CurveV(u8),
}

impl Extra {
    /// The same of each element.
    pub(crate) fn scalar(self) -> Extra {
        match self {
            Extra::RoundV => Extra::Round,
            Extra::SignifV => Extra::Signif,
            Extra::LogV => Extra::Log,
            other => other,
        }
    }
}

/// An instruction. `D` in a name: registers of doubles; `I`: of integers and logical
/// values; `V`: of vectors. The first register is where the result goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    MoveD(Reg, Reg),
    MoveI(Reg, Reg),
    MoveVd(Reg, Reg),
    MoveVi(Reg, Reg),
    /// The vector is moved: its register is not read again.
    TakeVd(Reg, Reg),
    TakeVi(Reg, Reg),
    /// A double from an integer.
    Widen(Reg, Reg),
    WidenV(Reg, Reg),
    /// Truncation as `as.integer()`.
    ToInt(Reg, Reg),
    ToIntV(Reg, Reg),
    /// An integer from a double that has no fraction.
    Whole(Reg, Reg),
    AddD(Reg, Reg, Reg),
    SubD(Reg, Reg, Reg),
    MulD(Reg, Reg, Reg),
    DivD(Reg, Reg, Reg),
    ArithD(Arith, Reg, Reg, Reg),
    /// Two or three steps of arithmetic in one, each rounded by itself: `a * b + c`, `a * b - c`,
    /// `c - a * b`, `a * b * c`, `(a + b) * c`, `(a - b) * c`, `a + b + c`, `a - b + c`,
    /// `a * b + c * d`, `a * b - c * d`, `a * b * c + d`, `a * b * (c - d)`, `(a - b) * (c - d)`.
    MulAdd(Reg, Reg, Reg, Reg),
    MulSub(Reg, Reg, Reg, Reg),
    SubMul(Reg, Reg, Reg, Reg),
    MulMul(Reg, Reg, Reg, Reg),
    AddMul(Reg, Reg, Reg, Reg),
    LessMul(Reg, Reg, Reg, Reg),
    AddAdd(Reg, Reg, Reg, Reg),
    LessAdd(Reg, Reg, Reg, Reg),
    Dot(Reg, Reg, Reg, Reg, Reg),
    DotSub(Reg, Reg, Reg, Reg, Reg),
    MulMulAdd(Reg, Reg, Reg, Reg, Reg),
    MulLess(Reg, Reg, Reg, Reg, Reg),
    LessLess(Reg, Reg, Reg, Reg, Reg),
    /// `a %% 2^k`, where `k` is below 31.
    ModBits(Reg, Reg, u8),
    AddI(Reg, Reg, Reg),
    SubI(Reg, Reg, Reg),
    MulI(Reg, Reg, Reg),
    ArithI(Arith, Reg, Reg, Reg),
    MathD(Math, Reg, Reg),
    AbsI(Reg, Reg),
    NegI(Reg, Reg),
    NotI(Reg, Reg),
    IsNaD(Reg, Reg),
    CompareD(Compare, Reg, Reg, Reg),
    CompareI(Compare, Reg, Reg, Reg),
    /// `xor`-free logic of two logical values, without short cuts.
    AndI(Reg, Reg, Reg),
    OrI(Reg, Reg, Reg),
    /// Is the double a condition? `TRUE` unless 0.
    TruthD(Reg, Reg),
    TruthI(Reg, Reg),
    /// The only element, or the task is given up.
    OnlyD(Reg, Reg),
    OnlyI(Reg, Reg),
    /// A vector of one element.
    OneD(Reg, Reg),
    OneI(Reg, Reg),
    /// Element of a vector by number.
    GetD(Reg, Reg, Reg),
    GetI(Reg, Reg, Reg),
    /// A number and the element of a vector.
    AddGet(Reg, Reg, Reg, Reg),
    /// Element of the first vector by the number that is the element of the second.
    GetGet(Reg, Reg, Reg, Reg),
    /// A number and such an element.
    AddGetGet(Reg, Reg, Reg, Reg, Reg),
    /// By a double.
    GetDByD(Reg, Reg, Reg),
    GetIByD(Reg, Reg, Reg),
    /// Assigns the element with the number to the value, or appends it.
    SetD(Reg, Reg, Reg),
    SetI(Reg, Reg, Reg),
    /// Elements by numbers (`true`: logical values).
    SelectD(Reg, Reg, Reg, bool),
    SelectI(Reg, Reg, Reg, bool),
    /// All but one element: its number is positive.
    DropD(Reg, Reg, Reg),
    DropI(Reg, Reg, Reg),
    /// Assigns elements by numbers or logical values.
    AssignD(Reg, Reg, Reg, bool),
    AssignI(Reg, Reg, Reg, bool),
    /// Element of a matrix by the numbers of its row and column.
    CellD(Reg, Reg, Reg, Reg),
    CellI(Reg, Reg, Reg, Reg),
    /// Assigns it.
    SetCellD(Reg, Reg, Reg, Reg),
    SetCellI(Reg, Reg, Reg, Reg),
    /// `cbind()` or `rbind()`, by its number in [`Program::binds`].
    Bind(u16),
    /// What matrices have of their own, by its number in [`Program::matrices`].
    Matrix(u16),
    /// What a row of data of this type has at a place: the row's number, and the register of the
    /// place.
    Row(Type, Reg, u8, Reg),
    Length(Reg, Reg),
    LengthI(Reg, Reg),
    /// Element-wise, with recycling.
    ArithVd(Arith, Reg, Reg, Reg),
    ArithVi(Arith, Reg, Reg, Reg),
    /// With one number at the right, and at the left.
    ArithVdRight(Arith, Reg, Reg, Reg),
    ArithVdLeft(Arith, Reg, Reg, Reg),
    CompareVd(Compare, Reg, Reg, Reg),
    CompareVi(Compare, Reg, Reg, Reg),
    CompareVdRight(Compare, Reg, Reg, Reg),
    LogicV(bool, Reg, Reg, Reg),
    MathVd(Math, Reg, Reg),
    AbsVi(Reg, Reg),
    NegVi(Reg, Reg),
    ReduceD(Reduce, Reg, Reg),
    /// The variance of the vector, of which the mean is known (`true`: its root).
    VarAround(Reg, Reg, Reg, bool),
    /// A double from integers, or an integer: the function says which.
    ReduceI(Reduce, Reg, Reg),
    AlongD(Along, Reg, Reg),
    AlongI(Along, Reg, Reg),
    /// `from:to` of integers.
    Colon(Reg, Reg, Reg),
    SeqLen(Reg, Reg),
    /// So many times the number.
    FillD(Reg, Reg, Reg),
    FillI(Reg, Reg, Reg),
    /// So many times the vector (`true`: elements in all).
    RepD(Reg, Reg, Reg, bool),
    RepI(Reg, Reg, Reg, bool),
    ClearD(Reg),
    ClearI(Reg),
    PushD(Reg, Reg),
    PushI(Reg, Reg),
    AppendD(Reg, Reg),
    AppendI(Reg, Reg),
    /// `ifelse()`: test, yes and the place of no in the register of the result.
    ChooseD(Reg, Reg, Reg, Reg),
    ChooseI(Reg, Reg, Reg, Reg),
    DrawD(Law, Reg, Reg, Reg),
    /// `runif(1)`.
    Uniform(Reg),
    /// So many numbers; the parameters are vectors.
    DrawV(Law, Reg, Reg, Reg, Reg),
    /// `quantile()`: of a vector, for probabilities, of a type.
    Quantile(Reg, Reg, Reg, u8),
    /// `cor()` of two vectors.
    Cor(Reg, Reg, Reg),
    Extra(Extra, [Reg; 4]),
    /// `sample.int(n, size, replace)`.
    Sample(Reg, Reg, Reg, bool),
    /// One index below the number.
    SampleOne(Reg, Reg),
    /// `sample.int(length(prob), size, replace, prob)`.
    SampleWeighted(Reg, Reg, Reg, bool),
    /// Gives up the task unless the vector has another length than 1.
    NotOne(Reg),
    /// Gives up the task unless both are equal.
    SameInt(Reg, Reg),
    Jump(u16),
    JumpUnless(Reg, u16),
    /// Jumps unless the first is below the second, and so on.
    UnlessLtD(Reg, Reg, u16),
    UnlessLeD(Reg, Reg, u16),
    UnlessEqD(Reg, Reg, u16),
    UnlessNeD(Reg, Reg, u16),
    UnlessLtI(Reg, Reg, u16),
    UnlessLeI(Reg, Reg, u16),
    UnlessEqI(Reg, Reg, u16),
    UnlessNeI(Reg, Reg, u16),
    /// Back to the head of a loop.
    Again(u16),
    /// `Again`, to behind the test of the loop, as long as it holds.
    AgainLtD(Reg, Reg, u16),
    AgainLeD(Reg, Reg, u16),
    AgainNeD(Reg, Reg, u16),
    AgainLtI(Reg, Reg, u16),
    AgainLeI(Reg, Reg, u16),
    AgainNeI(Reg, Reg, u16),
    /// The next element's number, from 0: counter, number of elements; out of the loop when
    /// there is none.
    Step(Reg, Reg, u16),
    /// `Again` and the `Step` before the place that is jumped to: counter, number of turns.
    Next(Reg, Reg, u16),
    /// The same with the `Walk` behind it: counter, number of turns; value, from and step.
    NextWalk(Reg, Reg, Reg, Reg, Reg, u16),
    /// The value of a loop's variable: from, step and counter from 1.
    Walk(Reg, Reg, Reg, Reg),
    /// Number of turns and step from bounds.
    Range(Reg, Reg, Reg, Reg),
    /// A number of turns, which must not be negative.
    Count(Reg, Reg),
    GiveUp(u8),
    Return(u16),
}

impl Op {
    /// Where the result of arithmetic goes, and whether it is a double.
    pub(crate) fn scalar_result(&mut self) -> Option<(bool, &mut Reg)> {
        match self {
            Op::AddD(to, ..)
            | Op::SubD(to, ..)
            | Op::MulD(to, ..)
            | Op::DivD(to, ..)
            | Op::ArithD(_, to, ..)
            | Op::MathD(_, to, _)
            | Op::MulAdd(to, ..)
            | Op::MulSub(to, ..)
            | Op::SubMul(to, ..)
            | Op::MulMul(to, ..)
            | Op::AddMul(to, ..)
            | Op::LessMul(to, ..)
            | Op::AddAdd(to, ..)
            | Op::LessAdd(to, ..)
            | Op::Dot(to, ..)
            | Op::DotSub(to, ..)
            | Op::MulMulAdd(to, ..)
            | Op::MulLess(to, ..)
            | Op::LessLess(to, ..)
            | Op::ModBits(to, ..)
            | Op::AddGet(to, ..)
            | Op::AddGetGet(to, ..)
            | Op::Widen(to, _) => Some((true, to)),
            Op::AddI(to, ..) | Op::SubI(to, ..) | Op::MulI(to, ..) | Op::ArithI(_, to, ..) => {
                Some((false, to))
            }
            _ => None,
        }
    }
}

/// What a task returns, and from which registers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Out {
    Null,
    Value(Type, Reg),
    /// A vector with names, as many as it has elements.
    Named(Type, Reg, u16),
    /// Elements of one type with names.
    Row(Type, Vec<Reg>, u16),
    List(Vec<Out>, Option<u16>),
    /// A matrix with names of its rows and columns.
    Sided(Type, Reg, Option<u16>, Option<u16>),
    /// Strings.
    Text(u16),
    /// A data frame: its columns and their names.
    Frame(Vec<Out>, u16),
}

/// What `cbind()` (`columns`) or `rbind()` puts together: registers of vectors, and of matrices
/// (`true`), of the type that the result has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bind {
    pub(crate) to: Place,
    pub(crate) columns: bool,
    pub(crate) parts: Vec<(Reg, bool)>,
}

/// A compiled closure.
#[derive(Clone, Debug)]
pub struct Program {
    pub(crate) code: Vec<Op>,
    pub(crate) doubles: Vec<(Reg, f64)>,
    pub(crate) integers: Vec<(Reg, i32)>,
    /// Registers of the vectors that are captured, by their numbers.
    pub(crate) captured: Vec<(Reg, usize, Type)>,
    /// Registers of the arguments.
    pub(crate) arguments: Vec<(Reg, Type)>,
    pub(crate) vectors_d: usize,
    pub(crate) vectors_i: usize,
    pub(crate) outs: Vec<Out>,
    /// The operations of `Matrix`.
    pub(crate) matrices: Vec<Mat>,
    pub(crate) binds: Vec<Bind>,
    /// Reasons of `GiveUp`.
    pub(crate) reasons: Vec<&'static str>,
    /// Names of values.
    pub names: Vec<Vec<String>>,
    /// Does it draw random numbers?
    pub draws: bool,
    /// The variables that it assigns, with the types that they have in turn.
    pub types: Vec<(String, Vec<Type>)>,
}
