//! Giving up a task.

/// The task must be run by the interpreter; the text says on what it was given up, as a
/// user reads it ("a missing value"). Nothing that the task has done is seen by anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bail(pub &'static str);
