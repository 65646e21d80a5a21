//! How many jobs at once, and how many items may wait: the two bounds of every stage.

use std::fmt;
use std::num::NonZeroUsize;

/// How many jobs a stage runs at once; never zero.
///
/// Wherever a limit is asked for, a literal does (`4`), through [`IntoLimit`]. A number that is only
/// known at run time is checked with `Limit::try_from(n)?`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Limit(NonZeroUsize);

impl Limit {
    /// A limit of `jobs` at once.
    ///
    /// # Panics
    ///
    /// When `jobs` is zero, at the caller's location. Use `Limit::try_from(jobs)` for a number you have
    /// not checked.
    #[must_use]
    #[track_caller]
    pub fn new(jobs: usize) -> Self {
        match Self::try_from(jobs) {
            Ok(limit) => limit,
            Err(zero) => panic!("{zero}"),
        }
    }

    /// The limit as a number.
    #[must_use]
    pub fn get(self) -> usize {
        self.0.get()
    }
}

impl From<NonZeroUsize> for Limit {
    fn from(jobs: NonZeroUsize) -> Self {
        Self(jobs)
    }
}

impl TryFrom<usize> for Limit {
    type Error = ZeroLimit;

    fn try_from(jobs: usize) -> Result<Self, ZeroLimit> {
        NonZeroUsize::new(jobs).map(Self).ok_or(ZeroLimit)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A limit of zero was asked for: no job could ever run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZeroLimit;

impl fmt::Display for ZeroLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a limit of 0 would never run a job; use 1 or more")
    }
}

impl std::error::Error for ZeroLimit {}

/// What can stand where a [`Limit`] is asked for: a `usize` (so, a literal), a `NonZeroUsize`, a `Limit`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a limit",
    label = "expected a `usize`, such as the literal `4`, or a `Limit`",
    note = "for a number known only at run time: `Limit::try_from(usize::try_from(n)?)?`"
)]
pub trait IntoLimit {
    /// The limit.
    ///
    /// # Panics
    ///
    /// When it is zero, at the caller's location.
    #[track_caller]
    fn into_limit(self) -> Limit;
}

impl IntoLimit for Limit {
    fn into_limit(self) -> Limit {
        self
    }
}

impl IntoLimit for NonZeroUsize {
    fn into_limit(self) -> Limit {
        Limit(self)
    }
}

impl IntoLimit for usize {
    #[track_caller]
    fn into_limit(self) -> Limit {
        Limit::new(self)
    }
}

/// How many items may wait in a stage beyond those its jobs hold; zero is allowed.
///
/// It counts items, finished outputs that nobody took included. By default it equals the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capacity(usize);

impl Capacity {
    /// A capacity of `items`.
    #[must_use]
    pub fn new(items: usize) -> Self {
        Self(items)
    }

    /// The capacity as a number of items.
    #[must_use]
    pub fn get(self) -> usize {
        self.0
    }
}

impl From<usize> for Capacity {
    fn from(items: usize) -> Self {
        Self(items)
    }
}
