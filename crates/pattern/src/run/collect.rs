//! The outputs of a run as one value.

use super::outputs::Run;
use crate::failure::Failure;
use crate::item::{Output, Position};

impl<Out: Send + 'static> Run<Out> {
    /// All outputs, to the end of the run. For the report as well, take [`Run::outcomes`] and then
    /// [`Run::finish`].
    ///
    /// # Errors
    ///
    /// The first failure that the run yields; the outputs before it are dropped. Where failures do not
    /// stop the run, it still goes to its end, and the scope hears of the next one.
    ///
    /// # Cancel-safety
    ///
    /// Dropping the future cancels the run and drops the outputs taken so far. The scope hears of a failure.
    pub async fn collect(mut self) -> Result<Vec<Out>, Failure> {
        let before = self.met.len();
        let mut gathered = Gathered::of(&mut self);
        while let Some(result) = gathered.run.next().await {
            match result {
                Ok(output) => gathered.outputs.push(output),
                // Its own first is kept however many there were before.
                Err(failure) if gathered.run.met.len() == before => gathered.run.met.push(failure),
                Err(failure) => gathered.run.meet(failure),
            }
        }
        if gathered.run.met.len() > before {
            return Err(gathered.run.met.remove(before));
        }
        Ok(std::mem::take(&mut gathered.outputs))
    }

    /// Every outcome, outputs and failures in the order they are yielded: asyncio's
    /// `gather(…, return_exceptions=True)`, where failures do not stop the run.
    ///
    /// # Cancel-safety
    ///
    /// Not cancel-safe: outputs taken so far are dropped with the future. The failures among them are in the report.
    pub async fn outcomes(&mut self) -> Vec<Result<Out, Failure>> {
        let mut gathered = Gathered::of(self);
        while let Some(result) = gathered.run.next().await {
            gathered.outcomes.push(result);
        }
        std::mem::take(&mut gathered.outcomes)
    }
}

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
