//! A slot: one resource, from the acquisition to the release.
//!
//! Two events precede the next step of a resource: the guard is checked in, and the job completes. The events come in
//! either order, because a job may move its guard elsewhere. The call for the second event returns the next step, and its
//! caller takes the step.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use towpath_pattern::Scope;

use crate::resource::JobOutcome;

pub(crate) struct Slot<S> {
    content: Mutex<Content<S>>,
    /// Set with the first scope and never cleared: a job without a scope does not take the lock.
    has_scope: AtomicBool,
}

struct Content<S> {
    /// `None` while the resource is checked out.
    state: Option<S>,
    /// The outcome of the last job, once the job has completed.
    outcome: Option<JobOutcome>,
    /// The resource must not be reused.
    discarded: bool,
    /// The scope of the resource, since the first call of `ResourceGuard::scope`.
    scope: Option<Scope>,
}

/// The step after the check-in of a resource and the end of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextStep {
    Reuse,
    Release,
}

/// A resource that was removed from the slot, to be released.
pub(crate) struct Removed<S> {
    pub(crate) state: S,
    /// The outcome of the last job.
    pub(crate) outcome: JobOutcome,
    /// The scope of the resource, in which runs and tasks may be left.
    pub(crate) scope: Option<Scope>,
}

impl<S> Content<S> {
    fn next_step(&self) -> Option<NextStep> {
        if self.state.is_none() || self.outcome.is_none() {
            return None;
        }
        // No job has waited for a scope that is still here. The release waits for the scope.
        Some(if self.discarded || self.scope.is_some() { NextStep::Release } else { NextStep::Reuse })
    }
}

impl<S> Slot<S> {
    /// Creates a slot for a resource that no job has used.
    pub(crate) fn new(state: S) -> Self {
        let content = Content { state: Some(state), outcome: None, discarded: false, scope: None };
        Self { content: Mutex::new(content), has_scope: AtomicBool::new(false) }
    }

    fn lock(&self) -> MutexGuard<'_, Content<S>> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks the resource out for a job.
    pub(crate) fn check_out(&self) -> Option<S> {
        let mut content = self.lock();
        content.outcome = None;
        content.state.take()
    }

    /// Checks the resource in.
    pub(crate) fn check_in(&self, state: S, discard: bool) -> Option<NextStep> {
        let mut content = self.lock();
        content.state = Some(state);
        content.discarded |= discard;
        content.next_step()
    }

    /// Records the outcome of the job.
    pub(crate) fn complete_job(&self, outcome: JobOutcome) -> Option<NextStep> {
        let mut content = self.lock();
        content.outcome = Some(outcome);
        content.discarded |= outcome == JobOutcome::Panic;
        content.next_step()
    }

    /// Returns the scope of the resource. The first call creates the scope as a child of `parent`.
    pub(crate) fn scope(&self, parent: &Scope, name: &Arc<str>) -> Scope {
        let mut content = self.lock();
        let scope = content.scope.get_or_insert_with(|| parent.child(Arc::clone(name))).clone();
        self.has_scope.store(true, Ordering::Release);
        let stopped = matches!(content.outcome, Some(JobOutcome::Panic | JobOutcome::Cancellation));
        drop(content);
        if stopped {
            scope.cancel();
        }
        scope
    }

    /// Returns the scope of the resource if the scope was created.
    pub(crate) fn existing_scope(&self) -> Option<Scope> {
        if self.has_scope.load(Ordering::Acquire) { self.lock().scope.clone() } else { None }
    }

    /// Removes a scope that has ended, unless the resource is checked out: the guard may start further runs in the scope.
    pub(crate) fn remove_scope(&self) {
        let mut content = self.lock();
        let scope = if content.state.is_some() { content.scope.take() } else { None };
        drop(content);
        drop(scope);
    }

    pub(crate) fn is_checked_out(&self) -> bool {
        self.lock().state.is_none()
    }

    /// Removes the resource, to be released.
    pub(crate) fn remove(&self) -> Option<Removed<S>> {
        let mut content = self.lock();
        let outcome = mem::take(&mut content.outcome).unwrap_or(JobOutcome::Cancellation);
        let scope = content.scope.take();
        content.state.take().map(|state| Removed { state, outcome, scope })
    }
}
