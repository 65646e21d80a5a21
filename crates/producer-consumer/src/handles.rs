//! What the jobs of a run put items into its queue with.

use std::collections::VecDeque;

use towpath_pattern::Scope;
use towpath_pattern::queue::{Closed, Producer, TryPutError};

/// What a producer puts items into the queue with.
#[derive(Debug)]
pub struct Put<T>(Producer<T>, Scope);

impl<T> Put<T> {
    pub(crate) fn new(producer: Producer<T>, scope: Scope) -> Self {
        Self(producer, scope)
    }

    /// Returns the scope of the jobs of the run. Runs and tasks that the job starts in the scope end before the run does;
    /// see [`Job::call_in`](towpath_pattern::Job::call_in).
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.1
    }

    /// Puts `item`, once there is room for it.
    ///
    /// # Errors
    ///
    /// The item, if the run is over: only a handle that outlives its job sees that.
    ///
    /// # Cancel-safety
    ///
    /// Dropped before its end, it has not put the item, and drops it.
    pub async fn put(&self, item: T) -> Result<(), Closed<T>> {
        self.0.put(item).await
    }

    /// Puts all of `items`, as many at once as there is room for: faster than one by one.
    ///
    /// # Errors
    ///
    /// If the run is over; what was not put is left in `items`.
    ///
    /// # Cancel-safety
    ///
    /// Cancel-safe: what was not put is left in `items`.
    pub async fn put_many(&self, items: &mut VecDeque<T>) -> Result<(), Closed> {
        self.0.put_many(items).await
    }
}

/// What a consumer puts items into the queue with. It never waits: only consumers make room, and if all of
/// them waited for it, there would be none.
#[derive(Debug)]
pub struct TryPut<T>(Producer<T>, Scope);

impl<T> TryPut<T> {
    pub(crate) fn new(producer: Producer<T>, scope: Scope) -> Self {
        Self(producer, scope)
    }

    /// Returns the scope of the jobs of the run. Runs and tasks that the job starts in the scope end before the run does;
    /// see [`Job::call_in`](towpath_pattern::Job::call_in).
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.1
    }

    /// Puts `item` if there is room for it now.
    ///
    /// # Errors
    ///
    /// The item, if the queue is full, or if the run is over, which only a handle that outlives its job sees.
    pub fn put(&self, item: T) -> Result<(), TryPutError<T>> {
        self.0.try_put(item)
    }
}
