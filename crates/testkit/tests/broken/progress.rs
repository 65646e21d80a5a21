//! Law 4, broken: jobs stand still while nobody takes outputs.

use std::sync::Arc;

use towpath_pattern::{Capacity, Job, Run, Scope, Source};
use towpath_testkit::Case;

use super::flaw::{Flaw, settings};

/// Keeps a slot until its output is taken, so that the capacity is never used.
#[derive(Clone)]
pub struct StopsAtTheLimit;

impl Flaw for StopsAtTheLimit {
    fn start<In, J>(case: Case, job: Arc<J>, input: Source<In>, scope: Scope) -> Run<J::Out>
    where
        In: Send + 'static,
        J: Job<In>,
    {
        let capacity = Capacity::new(0);
        Run::spawn(scope, input, settings(Case { capacity, ..case }, Self::ORDER), job)
    }
}
