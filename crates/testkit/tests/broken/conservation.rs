//! Law 1, broken: items that are neither started nor returned to the source.

use std::sync::Arc;

use towpath_pattern::{Job, Run, Scope, Source, Taken, drive_job};
use towpath_testkit::Case;

use super::flaw::{Flaw, settings};

/// Starts an item one await before the job. An item that is cancelled during the await is lost.
#[derive(Clone)]
pub struct BeginsTooEarly;

impl Flaw for BeginsTooEarly {
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
                tokio::task::yield_now().await;
                let result = drive_job(job.call_in(item, &scope), |cause| running.report(cause)).await;
                running.complete(result)
            }
        };
        Run::spawn(scope, input, settings(case, Self::ORDER), work)
    }
}
