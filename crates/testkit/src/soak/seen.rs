//! The observations of a run, for the verdict.

use std::sync::Arc;

use towpath_pattern::Failure;

use super::receiver::Taken;
use crate::probe::Ledger;

/// The observations of a run.
pub(super) struct Seen {
    pub(super) taken: Taken,
    /// A ledger for every part.
    pub(super) ledgers: Vec<Arc<Ledger>>,
    /// The number of all items, and the returned items.
    pub(super) items: usize,
    pub(super) kept: Vec<usize>,
    /// The most items taken from the source ahead of need; `None` if a task feeds the source.
    pub(super) most_ahead: Option<usize>,
    /// The failures that the scope of the run recorded.
    pub(super) recorded: Vec<Failure>,
    /// Whether a stop may have come from outside the run.
    pub(super) outside: bool,
}
