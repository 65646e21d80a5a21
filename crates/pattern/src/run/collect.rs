//! What has been taken of a run on its way into one value.

use super::Run;
use crate::failure::Failure;
use crate::item::{Output, Position};

/// What was taken for a future that may be dropped, or fail, before it returns it: the outputs are dropped one by one,
/// and the failures are told all the same.
pub(super) struct Gathered<'a, Out> {
    pub(super) run: &'a mut Run<Out>,
    pub(super) outputs: Vec<Out>,
    pub(super) outcomes: Vec<Result<Out, Failure>>,
}

impl<'a, Out> Gathered<'a, Out> {
    pub(super) fn of(run: &'a mut Run<Out>) -> Self {
        Self { run, outputs: Vec::new(), outcomes: Vec::new() }
    }
}

impl<Out> Drop for Gathered<'_, Out> {
    fn drop(&mut self) {
        let mut outputs = std::mem::take(&mut self.outputs);
        for outcome in self.outcomes.drain(..) {
            match outcome {
                Ok(output) => outputs.push(output),
                Err(failure) => self.run.meet(failure),
            }
        }
        if !outputs.is_empty() {
            let outputs =
                outputs.into_iter().map(|output| Output { position: Position::NONE, result: Ok(output) });
            self.run.port.discard(outputs.collect());
        }
    }
}
