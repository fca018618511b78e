//! Operations that matrices have of their own. A matrix is held in a register of vectors,
//! column after column, and its shape beside it; what knows nothing of shapes sees a vector.

use super::Reg;

/// A register of vectors: of doubles, or of integers and logical values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) double: bool,
    pub(crate) reg: Reg,
}

/// Which rows, or columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sub {
    All,
    /// The one with that number.
    One(Reg),
    /// By numbers, all positive, or all negative (those are left out).
    Many(Reg),
    /// By logical values, one for each.
    Mask(Reg),
}

/// The other operand of what is done element by element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Other {
    One,
    Vector(Place),
    Matrix(Place),
}

/// What becomes of a side of which one row or column is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drop {
    /// The result is a vector.
    Vector,
    /// It is a matrix unless a side has one element: that is known too late, so the task is
    /// given up.
    Unknown,
    /// `drop = FALSE`.
    Never,
}

/// Products of matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    /// `x %*% y`.
    Plain,
    /// `t(x) %*% y`.
    Cross,
    /// `x %*% t(y)`.
    CrossOfRows,
}

/// Sums and means of rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Margin {
    RowSums,
    RowMeans,
    ColSums,
    ColMeans,
}

/// Operands of products: doubles, with a shape or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Factor {
    pub(crate) reg: Reg,
    pub(crate) matrix: bool,
}

/// An operation; the first place is where the result goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mat {
    /// The vector in the first place gets the shape of the matrix in the second.
    Like(Place, Place),
    /// Gives up the task unless both go together, and there are elements.
    Conform(Place, Other),
    /// Gives up the task unless there are elements.
    Some(Place),
    /// Number of rows, or of columns (`true`).
    Extent(Reg, Place, bool),
    /// `dim()`.
    Dim(Reg, Place),
    /// `matrix(data, nrow, ncol, byrow)`.
    Make {
        to: Place,
        data: Place,
        nrow: Option<Reg>,
        ncol: Option<Reg>,
        byrow: bool,
    },
    /// A matrix of one column.
    Column(Place, Place),
    /// `x[i, j]`, not of one element.
    Part {
        to: Place,
        of: Place,
        rows: Sub,
        columns: Sub,
        drop: Drop,
    },
    /// `x[i, j] <- from`.
    Assign {
        to: Place,
        rows: Sub,
        columns: Sub,
        from: Place,
    },
    /// `t()`; of a vector (`false`) it is a row.
    Transpose(Place, Place, bool),
    /// `drop()` to a vector.
    Flatten(Place, Place),
    /// The diagonal of a matrix.
    Diagonal(Place, Place),
    /// A diagonal matrix of a vector; of a number, so often.
    OfDiagonal(Place, Place, Option<Reg>),
    Margin(Margin, Reg, Reg),
    Product(Product, Reg, Factor, Option<Factor>),
    /// `solve(a, b)`.
    Solve(Reg, Reg, Option<Factor>),
}
