//! The observations of one run, which a verdict judges.

use std::sync::Arc;

use towpath_pattern::Failure;

use super::taker::Taken;
use crate::probe::Ledger;

/// The observations of one run.
pub(super) struct Seen {
    pub(super) taken: Taken,
    /// One for each part.
    pub(super) ledgers: Vec<Arc<Ledger>>,
    /// How many items there are in all, and those that were had back.
    pub(super) items: usize,
    pub(super) kept: Vec<usize>,
    /// The most items that had left the source beyond those asked for; `None` where a task feeds it.
    pub(super) most_ahead: Option<usize>,
    pub(super) closed: Result<(), Failure>,
    /// Stopped from outside, perhaps.
    pub(super) outside: bool,
}
