//! One resource, from when it is acquired until it is released.
//!
//! Two things must have happened before it goes to the next job: it was given back, and its job has ended. They come in
//! either order, for a job may give it away; whichever is the second is told so, and hands it on.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::resource::After;

pub(crate) struct Slot<S> {
    content: Mutex<Content<S>>,
}

struct Content<S> {
    /// While nobody holds it.
    state: Option<S>,
    /// Of the job that had it last, once that has ended.
    after: Option<After>,
    /// No other job is to have it.
    useless: bool,
}

impl<S> Slot<S> {
    /// Of a resource that nobody has held yet.
    pub(crate) fn new(state: S) -> Self {
        Self { content: Mutex::new(Content { state: Some(state), after: None, useless: false }) }
    }

    fn lock(&self) -> MutexGuard<'_, Content<S>> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes it out for a job.
    pub(crate) fn lend(&self) -> Option<S> {
        let mut content = self.lock();
        content.after = None;
        content.state.take()
    }

    /// It is given back; says whether its job has ended.
    pub(crate) fn give_back(&self, state: S, useless: bool) -> bool {
        let mut content = self.lock();
        content.state = Some(state);
        content.useless |= useless;
        content.after.is_some()
    }

    /// Its job has ended; says whether it was given back.
    pub(crate) fn end(&self, after: After) -> bool {
        let mut content = self.lock();
        content.after = Some(after);
        content.useless |= after == After::Panic;
        content.state.is_some()
    }

    pub(crate) fn is_useless(&self) -> bool {
        self.lock().useless
    }

    /// Takes it out for good, with what became of its last job.
    pub(crate) fn empty(&self) -> Option<(S, After)> {
        let mut content = self.lock();
        let after = mem::take(&mut content.after).unwrap_or(After::Cancellation);
        content.state.take().map(|state| (state, after))
    }
}
