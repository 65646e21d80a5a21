//! The error in the arguments, which ends the program with exit status 2 instead of 1.

use std::fmt;

/// The last line of the help of every command.
pub const EXIT_STATUS: &str = "Exit status: 0 all is well, 1 something failed, 2 bad usage.";

/// The error in the arguments, and its correction.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}
