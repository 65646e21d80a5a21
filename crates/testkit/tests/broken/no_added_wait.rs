//! Law 9, broken: an item waits for the await of another item.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use towpath_pattern::{Job, Run, Scope, Source, Taken};
use towpath_testkit::Case;

use super::flaw::{Flaw, settings};

/// Sleeps for a millisecond before the start of every item.
#[derive(Clone)]
pub struct Naps;

impl Flaw for Naps {
    fn start<In, J>(case: Case, job: Arc<J>, input: Source<In>, scope: Scope) -> Run<J::Out>
    where
        In: Send + 'static,
        J: Job<In>,
    {
        let work = move |taken: Taken<In, J::Out>| {
            let job = Arc::clone(&job);
            async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                let scope = taken.scope();
                taken.run(&*job, &scope).await
            }
        };
        Run::spawn(scope, input, settings(case, Self::ORDER), work)
    }
}

/// From item 4,096 on, runs the jobs in pairs: the second job of a pair starts when the first job has completed.
#[derive(Clone)]
pub struct WaitsForItsNeighbour;

impl Flaw for WaitsForItsNeighbour {
    fn start<In, J>(case: Case, job: Arc<J>, input: Source<In>, scope: Scope) -> Run<J::Out>
    where
        In: Send + 'static,
        J: Job<In>,
    {
        const AFTER: usize = 4_096;
        let pairs: Arc<Vec<Mutex<()>>> = Arc::new((0..500).map(|_| Mutex::new(())).collect());
        let work = move |taken: Taken<In, J::Out>| {
            let (job, pairs) = (Arc::clone(&job), Arc::clone(&pairs));
            async move {
                let pair = taken.index().checked_sub(AFTER).map(|late| &pairs[late / 2 % pairs.len()]);
                let _turn = match pair {
                    Some(pair) => Some(pair.lock().await),
                    None => None,
                };
                let scope = taken.scope();
                taken.run(&*job, &scope).await
            }
        };
        Run::spawn(scope, input, settings(case, Self::ORDER), work)
    }
}
