//! With which status a worker leaves, where that has a meaning.

/// A task called `quit()`.
pub(crate) const QUIT: i32 = 17;
/// A task jumped out of the loop, as `invokeRestart("abort")` does.
pub(crate) const ABANDONED: i32 = 18;
/// An interrupt ended a task of a worker that stands by otherwise.
pub(crate) const INTERRUPTED: i32 = 20;
/// Our own code panicked.
pub(crate) const PANIC: i32 = 70;

/// Those that R names in messages.
pub(crate) const NAMED: [(&str, i32); 4] = [
    ("quit", QUIT),
    ("abandoned", ABANDONED),
    ("interrupted", INTERRUPTED),
    ("panic", PANIC),
];
