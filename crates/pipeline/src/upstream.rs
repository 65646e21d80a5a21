//! What stands before a stage: the input itself, or the pipeline of the stages before.

use std::sync::Arc;

use towpath_pattern::{Job, OnFailure, Run, Scope, Source};

use crate::Pipeline;

/// What stands before a stage, and makes its source. The failure policy comes from the last stage.
pub trait Upstream<In>: Send + Sync {
    /// What the stage takes.
    type Out: Send + 'static;

    /// Starts it on `input`.
    #[track_caller]
    fn open(&self, input: Source<In>, scope: &Scope, on_failure: OnFailure) -> Source<Self::Out>;
}

/// What stands before the first stage of a [`Pipeline`]: the items that it is run on.
#[derive(Clone, Copy, Debug)]
pub struct Input;

impl<In: Send + 'static> Upstream<In> for Input {
    type Out = In;

    fn open(&self, input: Source<In>, _: &Scope, _: OnFailure) -> Source<In> {
        input
    }
}

impl<In, Before, J> Upstream<In> for Pipeline<Before, J>
where
    In: Send + 'static,
    Before: Upstream<In>,
    J: Job<Before::Out>,
{
    type Out = J::Out;

    fn open(&self, input: Source<In>, scope: &Scope, on_failure: OnFailure) -> Source<J::Out> {
        self.spawn(input, scope, on_failure).into()
    }
}

impl<Before, J> Pipeline<Before, J> {
    /// Starts all the stages, the last of which is the run's.
    #[track_caller]
    pub(crate) fn spawn<In>(&self, input: Source<In>, scope: &Scope, on_failure: OnFailure) -> Run<J::Out>
    where
        In: Send + 'static,
        Before: Upstream<In>,
        J: Job<Before::Out>,
    {
        let source = self.before.open(input, scope, on_failure);
        let settings = self.settings.clone().on_failure(on_failure);
        Run::spawn(scope.clone(), source, settings, Arc::clone(&self.job))
    }
}
