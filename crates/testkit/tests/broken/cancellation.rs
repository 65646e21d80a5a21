//! Law 7, broken: runs that do not notice that they are to stop, or notice it late.

use std::sync::Arc;

use tokio::time::Instant;
use towpath_pattern::{Job, Run, Scope, Source};
use towpath_testkit::Case;

use super::flaw::{Flaw, settings};

/// Runs in a scope that nobody else knows.
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

/// Passes its scope's cancellation on, and forgets the deadline.
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

/// Has a task pass the cancellation of its scope on, so that jobs begin until the task is polled.
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
