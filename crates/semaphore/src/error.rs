//! The errors of a semaphore.

use std::fmt;

/// The semaphore is closed, and hands out no further permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcquireError;

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the semaphore was closed and gives out no permit any more")
    }
}

impl std::error::Error for AcquireError {}

/// The reason why permits could not be acquired at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// Too few permits are free, or tasks wait.
    NoPermits,
    /// The semaphore is closed.
    Closed,
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPermits => f.write_str("fewer permits are free than were asked for"),
            Self::Closed => AcquireError.fmt(f),
        }
    }
}

impl std::error::Error for TryAcquireError {}
