//! What stands before a stage: the input itself, or the pipeline of the stages before.

use towpath_pattern::{OnFailure, Scope, Source};

/// What stands before a stage, and makes its source. The failure policy comes from the last stage.
pub trait Upstream<In>: Send + Sync {
    /// What the stage takes.
    type Out: Send + 'static;

    /// Starts it on `input`.
    #[track_caller]
    fn open(&self, input: Source<In>, scope: &Scope, on_failure: OnFailure) -> Source<Self::Out>;
}

/// What stands before the first stage of a [`Pipeline`](crate::Pipeline): the items that it is run on.
#[derive(Clone, Copy, Debug)]
pub struct Input;

impl<In: Send + 'static> Upstream<In> for Input {
    type Out = In;

    fn open(&self, input: Source<In>, _: &Scope, _: OnFailure) -> Source<In> {
        input
    }
}
