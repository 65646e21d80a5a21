//! Law 4, broken: jobs stop while no outputs are taken.

use std::sync::Arc;

use tokio::sync::Semaphore;
use towpath_pattern::{Job, Order, Pattern, Run, Scope, Source, Taken};
use towpath_testkit::{Case, Subject};

use super::flaw::{Flaw, settings};

/// Has no capacity: an output occupies a slot until the output is taken.
#[derive(Clone)]
pub struct StopsAtTheLimit;

impl Flaw for StopsAtTheLimit {
    fn start<In, J>(case: Case, job: Arc<J>, input: Source<In>, scope: Scope) -> Run<J::Out>
    where
        In: Send + 'static,
        J: Job<In>,
    {
        Run::spawn(scope, input, settings(case.capacity(0), Self::ORDER), job)
    }
}

/// Acquires a permit for every job, and releases no permit if the job is stopped. A later run has fewer permits.
#[derive(Clone)]
pub struct ForgetsItsPermits;

struct WithPermit<J> {
    permits: Arc<Semaphore>,
    case: Case,
    job: Arc<J>,
}

impl Subject for ForgetsItsPermits {
    fn name(&self) -> String {
        "broken".to_owned()
    }

    fn order(&self) -> Order {
        Order::AsCompleted
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        let permits = case.limit.get().min(Semaphore::MAX_PERMITS);
        WithPermit { permits: Arc::new(Semaphore::new(permits)), case, job: Arc::new(job) }
    }
}

impl<In: Send + 'static, J: Job<In>> Pattern<In> for WithPermit<J> {
    type Out = J::Out;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<J::Out> {
        let (permits, job) = (Arc::clone(&self.permits), Arc::clone(&self.job));
        let work = move |taken: Taken<In, J::Out>| {
            let (permits, job) = (Arc::clone(&permits), Arc::clone(&job));
            async move {
                if let Ok(permit) = permits.acquire().await {
                    permit.forget();
                }
                let scope = taken.scope();
                let ended = taken.run(&*job, &scope).await;
                permits.add_permits(1);
                ended
            }
        };
        Run::spawn(scope, input, settings(self.case, Order::AsCompleted), work)
    }

    fn is_one_to_one(&self) -> bool {
        true
    }
}
