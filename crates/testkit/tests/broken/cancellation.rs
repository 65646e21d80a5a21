//! Law 7, broken: runs that ignore a stop, or notice a stop late.

use std::sync::Arc;

use tokio::time::Instant;
use towpath_pattern::{Job, Run, Scope, Source};
use towpath_testkit::Case;

use super::flaw::{Flaw, settings};

/// Runs in a new scope, in place of the scope of the caller.
#[derive(Clone)]
pub struct IgnoresItsScope;

impl Flaw for IgnoresItsScope {
    fn start<In, J>(case: Case, job: Arc<J>, input: Source<In>, scope: Scope) -> Run<J::Out>
    where
        In: Send + 'static,
        J: Job<In>,
    {
        drop(scope);
        Run::spawn(Scope::new("own"), input, settings(case, Self::ORDER), job)
    }
}

/// Passes the cancellation of the scope on to the run, and ignores the deadline.
#[derive(Clone)]
pub struct IgnoresTheDeadline;

impl Flaw for IgnoresTheDeadline {
    fn start<In, J>(case: Case, job: Arc<J>, input: Source<In>, scope: Scope) -> Run<J::Out>
    where
        In: Send + 'static,
        J: Job<In>,
    {
        let own = Scope::new("own");
        let token = own.token().clone();
        tokio::spawn(async move {
            tokio::select! {
                () = scope.token().cancelled() => {
                    if scope.deadline().is_none_or(|deadline| Instant::now() < deadline) {
                        token.cancel();
                    }
                }
                () = token.cancelled() => {}
            }
        });
        Run::spawn(own, input, settings(case, Self::ORDER), job)
    }
}

/// Passes the cancellation of the scope on in a task, so jobs start until the task is polled.
#[derive(Clone)]
pub struct NoticesTheCancelLater;

impl Flaw for NoticesTheCancelLater {
    fn start<In, J>(case: Case, job: Arc<J>, input: Source<In>, scope: Scope) -> Run<J::Out>
    where
        In: Send + 'static,
        J: Job<In>,
    {
        let own = scope
            .deadline()
            .map_or_else(|| Scope::new("own"), |deadline| Scope::new("own").with_deadline(deadline));
        let token = own.token().clone();
        tokio::spawn(async move {
            tokio::select! {
                () = scope.token().cancelled() => token.cancel(),
                () = token.cancelled() => {}
            }
        });
        Run::spawn(own, input, settings(case, Self::ORDER), job)
    }
}
