//! A shard: a part of the resources of a run, in places, under one lock.
//!
//! Two events precede the next step of a resource: the guard is checked in, and the job completes. The events come in
//! either order, because a job may move its guard elsewhere. The call for the second event takes the next step: the
//! resource becomes idle, or is removed from its place for a release.
//!
//! # Invariants
//!
//! - A place is in the list of idle places, in the list of vacant places, or at a job and its guard. A list is linked
//!   through its places.
//! - An idle place has a resource without a scope. A vacant place has no resource and no scope.
//! - No user code runs under the lock.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use towpath_pattern::{Cause, Scope};

use crate::resource::JobOutcome;

/// The index of a place in its shard. Not a `usize`: a waiting job holds the index twice, and its place holds a further
/// index.
pub(crate) type PlaceIndex = u32;

/// The end of a list of places. An `Option` of an index would be two words, and would be copied as one.
const END: PlaceIndex = PlaceIndex::MAX;

/// The pool of the resources, with the methods for a guard and a shard.
pub(crate) trait Owner<S>: Send + Sync {
    /// Notifies a waiter of an idle resource.
    fn notify_of_idle(&self);

    /// Records a failure that belongs to no item.
    fn record(&self, cause: Cause);

    /// Releases a resource.
    fn release_removed(self: Arc<Self>, removed: Removed<S>);

    /// Returns the scope of the resource in a place, a child of the scope of the pool.
    fn scope_of(&self, shard: &Shard<S>, place: PlaceIndex) -> Scope;
}

/// The alignment keeps the locks of two threads on separate cache lines.
#[repr(align(128))]
pub(crate) struct Shard<S> {
    places: Mutex<Places<S>>,
    /// The pool of the resources.
    pub(crate) owner: Weak<dyn Owner<S>>,
}

struct Places<S> {
    all: Vec<Place<S>>,
    /// The first idle place. The list is a stack: the resource of the last job is the next to be checked out.
    idle: PlaceIndex,
    /// The first vacant place.
    vacant: PlaceIndex,
    /// The run is about to end: no resource becomes idle.
    closing: bool,
}

struct Place<S> {
    /// `None` while the resource is checked out.
    state: Option<S>,
    /// The outcome of the last job, once the job has completed.
    outcome: Option<JobOutcome>,
    /// The resource must not be reused.
    discarded: bool,
    /// The scope of the resource, since the first call of `ResourceGuard::scope`.
    scope: Option<Scope>,
    /// The next idle or vacant place.
    next: PlaceIndex,
}

/// The result of one of the two events.
pub(crate) enum NextStep<S> {
    /// The other event comes later, and takes the next step.
    Wait,
    /// The resource is idle.
    Reused,
    /// The resource was removed, to be released.
    Release(Removed<S>),
}

/// A resource that was removed from its place, to be released.
pub(crate) struct Removed<S> {
    pub(crate) state: S,
    /// The outcome of the last job.
    pub(crate) outcome: JobOutcome,
    /// The scope of the resource, in which runs and tasks may be left.
    pub(crate) scope: Option<Scope>,
}

impl<S> Places<S> {
    /// Records the outcome of the job.
    fn complete_job(&mut self, index: PlaceIndex, outcome: JobOutcome) -> NextStep<S> {
        let place = &mut self.all[index as usize];
        place.outcome = Some(outcome);
        place.discarded |= outcome == JobOutcome::Panic;
        self.next_step(index)
    }

    /// Takes the next step for a resource after an event.
    fn next_step(&mut self, index: PlaceIndex) -> NextStep<S> {
        let place = &mut self.all[index as usize];
        if place.state.is_none() || place.outcome.is_none() {
            return NextStep::Wait;
        }
        // No job has waited for the scope if the place still has the scope. The release waits for the scope.
        if !(place.discarded || place.scope.is_some() || self.closing) {
            place.next = mem::replace(&mut self.idle, index);
            return NextStep::Reused;
        }
        self.remove(index).map_or(NextStep::Wait, NextStep::Release)
    }

    /// Removes the resource from a place that is in no list.
    fn remove(&mut self, index: PlaceIndex) -> Option<Removed<S>> {
        let place = &mut self.all[index as usize];
        let state = place.state.take()?;
        place.discarded = false;
        place.next = mem::replace(&mut self.vacant, index);
        let outcome = place.outcome.take().unwrap_or(JobOutcome::Cancellation);
        Some(Removed { state, outcome, scope: place.scope.take() })
    }

    /// Removes an idle resource.
    fn remove_idle(&mut self) -> Option<Removed<S>> {
        let index = self.idle;
        self.idle = self.all.get(index as usize)?.next;
        self.remove(index)
    }
}

impl<S: Send + 'static> Shard<S> {
    pub(crate) fn new(owner: Weak<dyn Owner<S>>) -> Self {
        let places = Places { all: Vec::new(), idle: END, vacant: END, closing: false };
        Self { places: Mutex::new(places), owner }
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, Places<S>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks an idle resource out for a job.
    #[inline]
    pub(crate) fn check_out(&self) -> Option<(PlaceIndex, S)> {
        let mut places = self.lock();
        let index = places.idle;
        let place = places.all.get_mut(index as usize)?;
        place.outcome = None;
        let (state, next) = (place.state.take()?, place.next);
        places.idle = next;
        Some((index, state))
    }

    /// Removes an idle resource, for a job in the place of a different shard.
    pub(crate) fn remove_idle(&self) -> Option<S> {
        self.lock().remove_idle().map(|removed| removed.state)
    }

    /// Makes a place for a resource that is checked out.
    pub(crate) fn add_checked_out(&self) -> PlaceIndex {
        let mut places = self.lock();
        let index = places.vacant;
        if let Some(vacant) = places.all.get(index as usize) {
            places.vacant = vacant.next;
            return index;
        }
        let index =
            PlaceIndex::try_from(places.all.len()).expect("fewer places than waiting jobs fit into memory");
        places.all.push(Place { state: None, outcome: None, discarded: false, scope: None, next: END });
        index
    }

    /// Checks a resource in. Returns whether the job has completed: then the caller [takes the next
    /// step](Shard::take_next_step).
    #[inline]
    pub(crate) fn check_in(&self, index: PlaceIndex, state: S, discard: bool) -> bool {
        let mut places = self.lock();
        let place = &mut places.all[index as usize];
        place.state = Some(state);
        place.discarded |= discard;
        place.outcome.is_some()
    }

    /// Takes the next step for a resource after the end of its job and the check-in.
    #[cold]
    pub(crate) fn take_next_step(&self, index: PlaceIndex) {
        let next = self.lock().next_step(index);
        self.carry_out(next);
    }

    /// Carries a next step out, without the lock.
    pub(crate) fn carry_out(&self, next: NextStep<S>) {
        match (next, self.owner.upgrade()) {
            (NextStep::Reused, Some(pool)) => pool.notify_of_idle(),
            (NextStep::Release(removed), Some(pool)) => pool.release_removed(removed),
            (NextStep::Release(Removed { scope: Some(scope), .. }), None) => scope.cancel(),
            _ => {}
        }
    }

    /// Records the success of the job and makes the resource idle, if the resource is checked in and may be reused.
    /// Otherwise returns `false`, and records nothing.
    #[inline]
    pub(crate) fn reuse_after_success(&self, index: PlaceIndex) -> bool {
        let mut places = self.lock();
        let (first, closing) = (places.idle, places.closing);
        let place = &mut places.all[index as usize];
        let reused = place.state.is_some() && !place.discarded && place.scope.is_none() && !closing;
        if reused {
            place.outcome = Some(JobOutcome::Success);
            place.next = first;
            places.idle = index;
        }
        reused
    }

    /// Records the outcome of the job.
    pub(crate) fn complete_job(&self, index: PlaceIndex, outcome: JobOutcome) -> NextStep<S> {
        self.lock().complete_job(index, outcome)
    }

    /// Records the outcome of a job that was stopped or has panicked. Also returns the scope of a resource that is still
    /// checked out.
    pub(crate) fn abandon_job(&self, index: PlaceIndex, outcome: JobOutcome) -> (NextStep<S>, Option<Scope>) {
        let mut places = self.lock();
        let next = places.complete_job(index, outcome);
        // One locked section: later, the place may be at a different job.
        let scope =
            if matches!(next, NextStep::Wait) { places.all[index as usize].scope.clone() } else { None };
        (next, scope)
    }

    /// Records the outcome of the job as [`Shard::complete_job`] does, if the resource has no scope.
    ///
    /// # Errors
    ///
    /// Returns the scope, and records nothing.
    pub(crate) fn complete_job_without_scope(
        &self,
        index: PlaceIndex,
        outcome: JobOutcome,
    ) -> Result<NextStep<S>, Scope> {
        let mut places = self.lock();
        if let Some(scope) = &places.all[index as usize].scope {
            return Err(scope.clone());
        }
        Ok(places.complete_job(index, outcome))
    }

    /// Returns the scope of the resource. The first call creates the scope as a child of `parent`.
    pub(crate) fn scope(&self, index: PlaceIndex, parent: &Scope, name: &Arc<str>) -> Scope {
        let mut places = self.lock();
        let place = &mut places.all[index as usize];
        let scope = place.scope.get_or_insert_with(|| parent.child(Arc::clone(name))).clone();
        let stopped = matches!(place.outcome, Some(JobOutcome::Panic | JobOutcome::Cancellation));
        drop(places);
        if stopped {
            scope.cancel();
        }
        scope
    }

    /// Removes a scope that has ended, unless the resource is checked out: the guard may start further runs in the scope.
    pub(crate) fn remove_scope(&self, index: PlaceIndex) {
        let mut places = self.lock();
        let place = &mut places.all[index as usize];
        let scope = if place.state.is_some() { place.scope.take() } else { None };
        drop(places);
        drop(scope);
    }

    pub(crate) fn is_checked_out(&self, index: PlaceIndex) -> bool {
        self.lock().all[index as usize].state.is_none()
    }

    /// Removes all idle resources. From here on, no resource becomes idle.
    pub(crate) fn close(&self) -> Vec<Removed<S>> {
        let mut places = self.lock();
        places.closing = true;
        let mut removed = Vec::new();
        while let Some(idle) = places.remove_idle() {
            removed.push(idle);
        }
        removed
    }
}
