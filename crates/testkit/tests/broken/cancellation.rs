//! Law 7, broken: runs that do not hear that they are to stop.

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
                () = scope.token().cancelled() => {}
                () = token.cancelled() => {}
            }
            if scope.deadline().is_none_or(|deadline| Instant::now() < deadline) {
                token.cancel();
            }
        });
        Run::spawn(own, input, settings(case, Self::ORDER), job)
    }
}
