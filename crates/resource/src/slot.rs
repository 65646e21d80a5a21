//! One resource, from when it is acquired until it is released.
//!
//! Two things must have happened before it goes to the next job: it was given back, and its job has ended. They come in
//! either order, for a job may give it away; whichever is the second is told what is next, and sees to it.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use towpath_pattern::Scope;

use crate::resource::JobOutcome;

pub(crate) struct Slot<S> {
    content: Mutex<Content<S>>,
    /// There may be a scope: so that a job that never asked for one is not asked under the lock.
    has_scope: AtomicBool,
}

struct Content<S> {
    /// While nobody holds it.
    state: Option<S>,
    /// Of the job that had it last, once that has ended.
    after: Option<JobOutcome>,
    /// No other job is to have it.
    useless: bool,
    /// Of what depends on it, since somebody who held it asked for that.
    scope: Option<Scope>,
}

/// What becomes of a resource that was given back and whose job has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Lend,
    Release,
}

/// A resource that nobody is to have any more.
pub(crate) struct Emptied<S> {
    pub(crate) state: S,
    /// What became of its last job.
    pub(crate) after: JobOutcome,
    /// Of what depends on it and may not be over.
    pub(crate) scope: Option<Scope>,
}

impl<S> Content<S> {
    fn next(&self) -> Option<Next> {
        if self.state.is_none() || self.after.is_none() {
            return None;
        }
        // Where a scope is left, nobody has waited for what is in it yet; the release does.
        Some(if self.useless || self.scope.is_some() { Next::Release } else { Next::Lend })
    }
}

impl<S> Slot<S> {
    /// Of a resource that nobody has held yet.
    pub(crate) fn new(state: S) -> Self {
        let content = Content { state: Some(state), after: None, useless: false, scope: None };
        Self { content: Mutex::new(content), has_scope: AtomicBool::new(false) }
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

    /// It is given back.
    pub(crate) fn give_back(&self, state: S, useless: bool) -> Option<Next> {
        let mut content = self.lock();
        content.state = Some(state);
        content.useless |= useless;
        content.next()
    }

    /// Its job has ended.
    pub(crate) fn end(&self, after: JobOutcome) -> Option<Next> {
        let mut content = self.lock();
        content.after = Some(after);
        content.useless |= after == JobOutcome::Panic;
        content.next()
    }

    /// The scope of what depends on it, made in `around` by the first who asks.
    pub(crate) fn scope(&self, around: &Scope, name: &Arc<str>) -> Scope {
        let mut content = self.lock();
        let scope = content.scope.get_or_insert_with(|| around.child(Arc::clone(name))).clone();
        self.has_scope.store(true, Ordering::Release);
        let stopped = matches!(content.after, Some(JobOutcome::Panic | JobOutcome::Cancellation));
        drop(content);
        if stopped {
            scope.cancel();
        }
        scope
    }

    /// That scope, if anybody has asked for it.
    pub(crate) fn open_scope(&self) -> Option<Scope> {
        if self.has_scope.load(Ordering::Acquire) { self.lock().scope.clone() } else { None }
    }

    /// What is in that scope is over. Who still holds the resource may put something more into it.
    pub(crate) fn close_scope(&self) {
        let mut content = self.lock();
        let scope = if content.state.is_some() { content.scope.take() } else { None };
        drop(content);
        drop(scope);
    }

    pub(crate) fn is_held(&self) -> bool {
        self.lock().state.is_none()
    }

    /// Takes it out for good.
    pub(crate) fn empty(&self) -> Option<Emptied<S>> {
        let mut content = self.lock();
        let after = mem::take(&mut content.after).unwrap_or(JobOutcome::Cancellation);
        let scope = content.scope.take();
        content.state.take().map(|state| Emptied { state, after, scope })
    }
}
