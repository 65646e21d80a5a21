//! Scatter: every item to several jobs at the same time, their outputs gathered per item.

use std::sync::Arc;

use futures_util::future::try_join_all;
use towpath_pattern::{Job, Pattern, Run, Scope, Settings, Source, Taken, drive_job};

/// Each item to every one of several jobs, with so many items at once as the settings say.
///
/// It yields a `Vec` an item, with an output of each job in the order of the jobs. The first job that fails
/// fails the item, and the others on that item are dropped; a panic in that takes its error with it.
pub struct Scatter<J> {
    settings: Settings,
    jobs: Arc<[J]>,
}

impl<J> Scatter<J> {
    /// Applies all of `jobs` to each item.
    pub fn new<In>(settings: Settings, jobs: impl IntoIterator<Item = J>) -> Self
    where
        J: Job<In>,
    {
        Self { settings, jobs: jobs.into_iter().collect() }
    }
}

impl<In: Clone + Send + 'static, J: Job<In>> Pattern<In> for Scatter<J> {
    type Out = Vec<J::Out>;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<Self::Out> {
        let jobs = Arc::clone(&self.jobs);
        let work = move |taken: Taken<In, Self::Out>| {
            let jobs = Arc::clone(&jobs);
            async move {
                let scope = taken.scope();
                let (item, running) = taken.start();
                let report = |cause| running.report(cause);
                let outputs =
                    jobs.iter().map(|job| Box::pin(drive_job(job.call_in(item.clone(), &scope), report)));
                let outputs = try_join_all(outputs).await;
                running.complete(outputs)
            }
        };
        Run::spawn(scope, input, self.settings.clone(), work)
    }

    fn is_one_to_one(&self) -> bool {
        true
    }
}
