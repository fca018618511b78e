//! Expected failures on their way to R: the one place where they get their class.

use std::fmt::Display;

use extendr_api::prelude::*;

/// An error that becomes a classed condition in R.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The part after `rustle_error_`.
    pub(crate) class: &'static str,
    pub(crate) message: String,
}

/// What was read of R's values, or why it cannot be.
pub(crate) type Parsed<T> = std::result::Result<T, Refusal>;

impl Refusal {
    pub(crate) fn new(class: &'static str, message: impl Display) -> Refusal {
        Refusal {
            class,
            message: message.to_string(),
        }
    }

    /// R code of this package sent what it must not send.
    pub(crate) fn internal(message: impl Display) -> Refusal {
        Refusal::new("internal", message)
    }

    /// The operating system starts no thread.
    pub(crate) fn threads(cause: impl Display) -> Refusal {
        Refusal::new("system", format!("Threads cannot be started: {cause}."))
    }
}

/// `list(ok = , err = )`, which unpack() in R/util-conditions.R takes apart.
pub(crate) fn into_r(result: Parsed<Robj>) -> List {
    match result {
        Ok(value) => list!(ok = value, err = ()),
        Err(r) => list!(ok = (), err = list!(class = r.class, message = r.message)),
    }
}
