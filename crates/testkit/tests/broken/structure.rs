//! Law 3, broken: a job or a task outlives the run.

use std::sync::Arc;

use towpath_pattern::{Job, Run, Scope, Source, Taken, drive_job};
use towpath_testkit::Case;

use super::flaw::{Flaw, settings};

/// Runs every job in a separate task. The stop of the run does not stop the task.
#[derive(Clone)]
pub struct DetachesItsJobs;

impl Flaw for DetachesItsJobs {
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
                let task = tokio::spawn(async move { job.call_in(item, &scope).await });
                running.complete(match task.await {
                    Ok(result) => result,
                    Err(failed) => std::panic::resume_unwind(failed.into_panic()),
                })
            }
        };
        Run::spawn(scope, input, settings(case, Self::ORDER), work)
    }
}

/// Starts a task next to the run, and forgets the task.
#[derive(Clone)]
pub struct LeavesATask;

impl Flaw for LeavesATask {
    fn start<In, J>(case: Case, job: Arc<J>, input: Source<In>, scope: Scope) -> Run<J::Out>
    where
        In: Send + 'static,
        J: Job<In>,
    {
        tokio::spawn(std::future::pending::<()>());
        Run::spawn(scope, input, settings(case, Self::ORDER), job)
    }
}

/// Calls the jobs without the scope of the jobs.
#[derive(Clone)]
pub struct GivesItsJobsNoScope;

impl Flaw for GivesItsJobsNoScope {
    fn start<In, J>(case: Case, job: Arc<J>, input: Source<In>, scope: Scope) -> Run<J::Out>
    where
        In: Send + 'static,
        J: Job<In>,
    {
        let work = move |taken: Taken<In, J::Out>| {
            let job = Arc::clone(&job);
            async move {
                let (item, running) = taken.start();
                let result = drive_job(job.call(item), |cause| running.report(cause)).await;
                running.complete(result)
            }
        };
        Run::spawn(scope, input, settings(case, Self::ORDER), work)
    }
}
