//! Law 6, broken: failures without a report.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use towpath_pattern::{Job, Run, Scope, Source, Taken};
use towpath_testkit::Case;

use super::flaw::{Flaw, settings};

/// Replaces a panic by an error without the message of the panic.
#[derive(Clone)]
pub struct SwallowsPanics;

impl Flaw for SwallowsPanics {
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
                let mut going_on = pin!(job.call_in(item, &scope));
                let result = poll_fn(|cx| {
                    let polled = catch_unwind(AssertUnwindSafe(|| going_on.as_mut().poll(cx)));
                    polled.unwrap_or_else(|_| Poll::Ready(Err(anyhow::anyhow!("a job failed"))))
                });
                running.complete(result.await)
            }
        };
        Run::spawn(scope, input, settings(case, Self::ORDER), work)
    }
}
