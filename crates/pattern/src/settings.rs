//! What can be set for one stage of a run.

use std::sync::Arc;

use crate::limit::{Capacity, IntoLimit, Limit};

/// The order in which a stage yields its outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// As soon as they are ready.
    #[default]
    AsCompleted,
    /// In the order of the inputs: the outputs that finish before their turn are held back, and count
    /// against the capacity.
    Ordered,
}

/// What a failure does to the rest of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnFailure {
    /// The first one stops the run: what had finished is yielded, then the failure, then the end.
    #[default]
    Stop,
    /// Each is yielded in its place, and the run goes on.
    Continue,
}

/// The settings of one stage, for whoever writes a pattern.
///
/// ```
/// use towpath_pattern::{Order, Settings};
///
/// let settings = Settings { order: Order::Ordered, ..Settings::new("fetch", 4) };
/// assert_eq!(settings.bound(), 8);
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// The stage's name, in failures and reports.
    pub name: Arc<str>,
    /// Jobs at once.
    pub limit: Limit,
    /// Items waiting; `None` is as many as the limit.
    pub capacity: Option<Capacity>,
    /// The order of the outputs.
    pub order: Order,
    /// What a failure does.
    pub on_failure: OnFailure,
}

impl Settings {
    /// A stage called `name` with `limit` jobs at once, and the default of everything else.
    ///
    /// # Panics
    ///
    /// When the limit is zero, at the caller's location.
    #[must_use]
    #[track_caller]
    pub fn new(name: impl Into<Arc<str>>, limit: impl IntoLimit) -> Self {
        Self {
            name: name.into(),
            limit: limit.into_limit(),
            capacity: None,
            order: Order::default(),
            on_failure: OnFailure::default(),
        }
    }

    /// The most items that may be in the stage at once: limit plus capacity.
    #[must_use]
    pub fn bound(&self) -> usize {
        let limit = self.limit.get();
        limit.saturating_add(self.capacity.map_or(limit, Capacity::get))
    }
}
