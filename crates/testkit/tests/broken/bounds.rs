//! Law 2, broken: more jobs or more items than the settings allow.

use std::sync::Arc;

use towpath_pattern::{Job, Limit, Run, Scope, Source};
use towpath_testkit::Case;

use super::flaw::{Flaw, settings};

/// Runs one job more than the limit.
#[derive(Clone)]
pub struct OneMoreJob;

impl Flaw for OneMoreJob {
    fn start<In, J>(case: Case, job: Arc<J>, input: Source<In>, scope: Scope) -> Run<J::Out>
    where
        In: Send + 'static,
        J: Job<In>,
    {
        let limit = Limit::new(case.limit.get().saturating_add(1));
        let capacity = case.capacity.saturating_sub(1);
        Run::spawn(scope, input, settings(Case { limit, capacity, ..case }, Self::ORDER), job)
    }
}

/// Has capacity for one item more than the settings.
#[derive(Clone)]
pub struct OneMoreItem;

impl Flaw for OneMoreItem {
    fn start<In, J>(case: Case, job: Arc<J>, input: Source<In>, scope: Scope) -> Run<J::Out>
    where
        In: Send + 'static,
        J: Job<In>,
    {
        let capacity = case.capacity.saturating_add(1);
        Run::spawn(scope, input, settings(Case { capacity, ..case }, Self::ORDER), job)
    }
}

/// Fetches items in a task of its own, before the stage has capacity for the items.
#[derive(Clone)]
pub struct FetchesAhead;

impl Flaw for FetchesAhead {
    fn start<In, J>(case: Case, job: Arc<J>, mut input: Source<In>, scope: Scope) -> Run<J::Out>
    where
        In: Send + 'static,
        J: Job<In>,
    {
        let (sender, ahead) = Source::channel(1);
        scope.spawn("fetch", async move {
            while let Some(item) = input.next().await {
                if sender.send(item?).await.is_err() {
                    break;
                }
            }
            Ok(())
        });
        Run::spawn(scope, ahead, settings(case, Self::ORDER), job)
    }
}
