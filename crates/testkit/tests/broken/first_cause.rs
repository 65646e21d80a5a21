//! Law 5, broken: the reported failure is not the first failure.

use std::sync::Arc;

use towpath_pattern::{Job, OnFailure, Run, Scope, Source, Taken, TimedOut};
use towpath_testkit::Case;

use super::flaw::{Flaw, settings};

/// Reports a cancellation in place of the cause.
#[derive(Clone)]
pub struct SaysCancelled;

impl Flaw for SaysCancelled {
    fn start<In, J>(case: Case, job: Arc<J>, input: Source<In>, scope: Scope) -> Run<J::Out>
    where
        In: Send + 'static,
        J: Job<In>,
    {
        let work = move |taken: Taken<In, J::Out>| {
            let job = Arc::clone(&job);
            async move {
                let scope = taken.scope();
                let (item, running) = taken.start();
                let result = job.call_in(item, &scope).await;
                running.complete(result.map_err(|error| {
                    if error.is::<TimedOut>() {
                        error
                    } else {
                        anyhow::anyhow!("the operation was cancelled")
                    }
                }))
            }
        };
        Run::spawn(scope, input, settings(case, Self::ORDER), work)
    }
}

/// Under `Stop`, cancels all jobs when a job fails, including the failed job.
#[derive(Clone)]
pub struct CancelsItself;

impl Flaw for CancelsItself {
    fn start<In, J>(case: Case, job: Arc<J>, input: Source<In>, scope: Scope) -> Run<J::Out>
    where
        In: Send + 'static,
        J: Job<In>,
    {
        let own = scope.child("own");
        let inside = own.clone();
        let work = move |taken: Taken<In, J::Out>| {
            let (job, scope) = (Arc::clone(&job), inside.clone());
            async move {
                let jobs = taken.scope();
                let (item, running) = taken.start();
                let result = job.call_in(item, &jobs).await;
                if result.is_err() && case.on_failure == OnFailure::Stop {
                    scope.cancel();
                    tokio::task::yield_now().await;
                }
                running.complete(result)
            }
        };
        Run::spawn(own, input, settings(case, Self::ORDER), work)
    }
}
