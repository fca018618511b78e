//! R closures compiled to a typed register machine that gives the interpreter's numbers.
//!
//! Nothing here knows R: the binding makes the tree of a closure, and what R's own library
//! computes comes in as a [`Host`]. Every operation is total or gives up the task ([`Bail`]),
//! which the interpreter then runs from the start with the same random stream. So what is
//! unusual (`NA`, overflow, a warning, an error) need not be done here, it must only never
//! be missed.

#![forbid(unsafe_code)]

pub mod bail;
mod code;
mod flatten;
pub mod host;
mod lower;
pub mod machine;
pub mod primitives;
pub mod tree;

pub use bail::Bail;
pub use code::Program;
pub use host::Host;
pub use lower::compile;
pub use primitives::Generator;
