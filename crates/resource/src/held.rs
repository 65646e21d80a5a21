//! A resource in a job's hands.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crate::pool::{Back, Id, Returns};

/// A resource that a job holds, by value. Dropped, at the job's end at the latest, it goes back.
///
/// A job that gives it away, to a task or with its output, has it count as held until it is dropped there; the run is
/// over only then, or when [the time for releases](crate::Holding::release_within) is up.
#[must_use = "dropped, it goes back"]
pub struct Held<S: Send + 'static> {
    /// There until it is dropped.
    state: Option<S>,
    id: Id,
    pool: Arc<dyn Returns<S>>,
}

impl<S: Send + 'static> Held<S> {
    pub(crate) fn new(state: S, id: Id, pool: Arc<dyn Returns<S>>) -> Self {
        Self { state: Some(state), id, pool }
    }

    /// Gives it back as one that is of no more use, a connection that was lost for instance: it is released when the
    /// job ends, and another one is acquired for the next.
    pub fn discard(mut held: Self) {
        held.give_back(true);
    }

    fn give_back(&mut self, useless: bool) {
        if let Some(state) = self.state.take() {
            Arc::clone(&self.pool).give_back(self.id, Back { state, useless });
        }
    }
}

impl<S: Send + 'static> Deref for Held<S> {
    type Target = S;

    fn deref(&self) -> &S {
        self.state.as_ref().expect("there until it is dropped")
    }
}

impl<S: Send + 'static> DerefMut for Held<S> {
    fn deref_mut(&mut self) -> &mut S {
        self.state.as_mut().expect("there until it is dropped")
    }
}

impl<S: Send + 'static> Drop for Held<S> {
    fn drop(&mut self) {
        self.give_back(false);
    }
}

impl<S: fmt::Debug + Send + 'static> fmt::Debug for Held<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&**self).finish()
    }
}
