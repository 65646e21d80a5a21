//! The error that is the caller's: it ends the program with exit status 2 instead of 1.

use std::fmt;

/// What was wrong with the arguments, and what would be right.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}
