//! A task of a scope.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::oneshot;

use super::guard::ScopeGuard;
use super::shared::Shared;
use crate::failure::{Cancelled, Cause, Failure, cancellation_in};
use crate::settings::OnFailure;
use crate::util::panic::{catch, drop_caught, drop_quietly};

/// The future of a task. The drop reports the outcome, at the end or during the shutdown of a runtime.
pub(super) struct Task<F, T> {
    /// Present until the drop.
    future: Option<Pin<Box<F>>>,
    /// Empty until the future has completed or was stopped.
    outcome: Option<Result<T, Cause>>,
    /// Present until the drop.
    end: Option<End<T>>,
    // Dropped last: the scope is open until the outcome is reported.
    guard: ScopeGuard,
}

impl<F, T> Task<F, T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    pub(super) fn new(future: F, guard: ScopeGuard, end: End<T>) -> Self {
        Self { future: Some(Box::pin(future)), outcome: None, end: Some(end), guard }
    }

    pub(super) async fn run(mut self) {
        if self.guard.stopped_by_now().is_some() {
            return;
        }
        let Self { future, guard, outcome, .. } = &mut self;
        let mut future = future.as_mut().expect("present until the drop").as_mut();
        let mut stopped = pin!(guard.stopped());
        let came_to = poll_fn(|cx| {
            match catch(|| future.as_mut().poll(cx)) {
                Ok(Poll::Pending) => stopped.as_mut().poll(cx).map(|by| Err(Cause::Cancelled(by))),
                // The future is dropped later: a panic of the drop follows the result and replaces none.
                Ok(Poll::Ready(Ok(value))) => Poll::Ready(Ok(value)),
                Ok(Poll::Ready(Err(error))) => Poll::Ready(Err(
                    // The sources of an error are user code.
                    catch(|| cause_of(error, guard)).unwrap_or_else(Cause::from_panic),
                )),
                Err(payload) => Poll::Ready(Err(Cause::from_panic(payload))),
            }
        })
        .await;
        *outcome = Some(came_to);
    }
}

/// Returns the cause of the failure of a task with an error.
///
/// A task with a run of the same scope, or of a child, may notice a cancellation by the failure of the run before the stop of
/// the task. Both are the same cancellation, so both have the same outcome.
fn cause_of(error: anyhow::Error, guard: &ScopeGuard) -> Cause {
    let stopped = cancellation_in(&error).and_then(|_| guard.stopped_by_now());
    let Some(by) = stopped else { return Cause::from_error(error) };
    drop_caught(error).map_or(Cause::Cancelled(by), Cause::from_panic)
}

impl<F, T> Drop for Task<F, T> {
    fn drop(&mut self) {
        let Some(end) = self.end.take() else { return };
        // Before the drop of the future: the future may hold the last clone of the scope, and so cancel the scope.
        let stopped = || Cause::Cancelled(self.guard.stopped_by_now().unwrap_or(Cancelled::Runtime));
        let outcome = self.outcome.take().unwrap_or_else(|| Err(stopped()));
        let dropped = drop_caught(self.future.take()).map(Cause::from_panic);
        end.report(self.guard.shared(), outcome, dropped);
    }
}

/// A message from a task to its handle.
pub(super) enum Ended<T> {
    Value(T),
    Failed(Failure),
    /// The scope has counted the failure, and keeps no more failures.
    Counted(Failure),
    /// The scope keeps the failure, under this number.
    Kept(usize),
}

/// The report of the outcome of a task, to its handle or to the scope.
///
/// A failure that stops the scope is recorded in the scope before the stop: a run whose jobs live in the scope takes the
/// failure as its first cause. The handle takes the failure out of the scope. A failure that does not stop the scope
/// belongs to the handle, and is recorded if the handle is dropped.
pub(super) struct End<T> {
    pub(super) name: Arc<str>,
    pub(super) on_failure: OnFailure,
    pub(super) handle: Option<oneshot::Sender<Ended<T>>>,
}

impl<T> End<T> {
    /// Reports the outcome; `dropped` is a panic of the drop of the future.
    pub(super) fn report(mut self, scope: &Shared, outcome: Result<T, Cause>, dropped: Option<Cause>) {
        match (outcome, dropped) {
            (Ok(value), None) => self.send(scope, Ended::Value(value)),
            (Ok(value), Some(panicked)) => {
                let later = drop_caught(value).map(Cause::from_panic);
                self.fail(scope, panicked);
                self.fail_later(scope, later);
            }
            // A cancellation by hand is no failure.
            (Err(cause), Some(panicked)) if is_by_hand(&cause) => self.fail(scope, panicked),
            (Err(cause), later) => {
                self.fail(scope, cause);
                self.fail_later(scope, later);
            }
        }
    }

    /// Reports the cause of the end, once.
    fn fail(&mut self, scope: &Shared, cause: Cause) {
        let by_hand = is_by_hand(&cause);
        let Some(handle) = &self.handle else {
            if !by_hand {
                scope.fail(self.failure(scope, cause), self.on_failure);
            }
            return;
        };
        // A failure without a handle must be recorded before the stop, too.
        // The scope counts the failures that it tolerates.
        let records = self.on_failure != OnFailure::Continue || handle.is_closed();
        let failure = self.failure(scope, cause);
        if by_hand || !records {
            return self.send(scope, Ended::Failed(failure));
        }
        let recorded = scope.try_record(failure);
        scope.stop_by_policy(self.on_failure);
        self.send(scope, recorded.map_or_else(Ended::Counted, Ended::Kept));
    }

    /// Reports a failure after the cause of the end.
    fn fail_later(&self, scope: &Shared, later: Option<Cause>) {
        if let Some(cause) = later {
            scope.fail(self.failure(scope, cause), self.on_failure);
        }
    }

    fn failure(&self, scope: &Shared, cause: Cause) -> Failure {
        Failure::new(None, &self.name, cause).with_deadline_of(scope.deadline_of())
    }

    fn send(&mut self, scope: &Shared, ended: Ended<T>) {
        let Some(handle) = self.handle.take() else { return };
        let unsent = match catch(|| handle.send(ended)) {
            Ok(sent) => sent.err(),
            // The waker of the handle has panicked, and the handle has the message.
            Err(payload) => return self.fail_later(scope, Some(Cause::from_panic(payload))),
        };
        match unsent {
            Some(Ended::Value(value)) => self.fail_later(scope, drop_caught(value).map(Cause::from_panic)),
            Some(Ended::Failed(failure)) => record_untaken(scope, failure),
            Some(Ended::Counted(failure)) => drop_quietly(failure),
            Some(Ended::Kept(_)) | None => {}
        }
    }
}

/// Records a failure that belonged to a handle.
pub(super) fn record_untaken(scope: &Shared, failure: Failure) {
    if is_by_hand(failure.cause()) {
        drop_quietly(failure);
    } else {
        scope.record(failure);
    }
}

fn is_by_hand(cause: &Cause) -> bool {
    matches!(cause, Cause::Cancelled(Cancelled::Scope))
}
