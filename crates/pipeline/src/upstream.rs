//! The upstream of a stage: the input of the pipeline, or the stages before.

use towpath_pattern::{OnFailure, Scope, Source};

/// The upstream of a stage, which starts the source of the stage. The failure policy comes from the last stage.
pub trait Upstream<In>: Send + Sync {
    /// The items of the stage.
    type Out: Send + 'static;

    /// Starts the upstream on `input`, and returns the source of the stage.
    #[track_caller]
    fn open(&self, input: Source<In>, scope: &Scope, on_failure: OnFailure) -> Source<Self::Out>;

    /// Returns whether the source has one item for each input, as [`Pattern::is_one_to_one`](crate::Pattern::is_one_to_one)
    /// does.
    fn is_one_to_one(&self) -> bool;
}

/// The upstream of the first stage of a [`Pipeline`](crate::Pipeline): the input of the run.
#[derive(Clone, Copy, Debug)]
pub struct Input;

impl<In: Send + 'static> Upstream<In> for Input {
    type Out = In;

    fn open(&self, input: Source<In>, _: &Scope, _: OnFailure) -> Source<In> {
        input
    }

    fn is_one_to_one(&self) -> bool {
        true
    }
}

/// The stages before a stage that takes the elements of their outputs. Created by
/// [`Pipeline::then_each_stage`](crate::Pipeline::then_each_stage).
#[derive(Clone, Copy, Debug)]
pub struct Each<Before>(pub(crate) Before);

impl<In, Before> Upstream<In> for Each<Before>
where
    Before: Upstream<In, Out: IntoIterator<Item: Send + 'static, IntoIter: Send + 'static>>,
{
    type Out = <Before::Out as IntoIterator>::Item;

    fn open(&self, input: Source<In>, scope: &Scope, on_failure: OnFailure) -> Source<Self::Out> {
        self.0.open(input, scope, on_failure).flatten()
    }

    /// An output has any number of elements.
    fn is_one_to_one(&self) -> bool {
        false
    }
}
