//! All outputs of a run as a value.

use super::outputs::Run;
use crate::failure::Failure;
use crate::item::{Output, Position};
use crate::report::Report;

impl<Out: Send + 'static> Run<Out> {
    /// Returns all outputs, at the end of the run. [`Run::outcomes`] returns the outputs, the failures and the report.
    ///
    /// # Errors
    ///
    /// Returns the first failure that the run yields, and drops the outputs. With
    /// [`OnFailure::Continue`](crate::OnFailure::Continue), the run processes all remaining items before this method
    /// returns. The scope of the run records the further failures, except cancellations. A run without a given scope
    /// ([`PatternExt::run`](crate::PatternExt::run)) drops the further failures with its own scope; [`Run::outcomes`]
    /// returns all failures.
    ///
    /// # Cancel safety
    ///
    /// This method is not cancel safe. Dropping the future cancels the run and drops the outputs taken so far. A
    /// failure taken so far is recorded in the scope.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use towpath_pattern::{Run, Scope, Settings, Source};
    ///
    /// let parse = Arc::new(|text: &'static str| async move { Ok(text.parse::<u64>()?) });
    /// let start = |texts: [&'static str; 2]| {
    ///     let settings = Settings::new("parse", 2).ordered();
    ///     Run::spawn(Scope::default(), Source::new(texts), settings, Arc::clone(&parse))
    /// };
    /// assert_eq!(start(["1", "2"]).collect().await?, [1, 2]);
    ///
    /// let failure = start(["1", "two"]).collect().await.expect_err("`two` is no number");
    /// assert_eq!(failure.index(), Some(1));
    /// # Ok(()) }
    /// ```
    pub async fn collect(mut self) -> Result<Vec<Out>, Failure> {
        let mut gathered = Gathered::of(&mut self);
        while let Some(result) = gathered.run.next().await {
            match result {
                Ok(output) => gathered.outputs.push(output),
                Err(failure) => gathered.run.keep(failure),
            }
        }
        if !gathered.run.kept.is_empty() {
            return Err(gathered.run.kept.remove(0));
        }
        Ok(std::mem::take(&mut gathered.outputs))
    }

    /// Returns the outcomes and the report, at the end of the run. An outcome is an output or a failure, and the outcomes
    /// are in the order of delivery. The report has the failures that are not among the outcomes.
    ///
    /// With [`OnFailure::Continue`](crate::OnFailure::Continue) and [`Order::Ordered`](crate::Order::Ordered), the
    /// outcomes are in input order, like the result of asyncio's `gather(…, return_exceptions=True)`. With
    /// [`Order::AsCompleted`](crate::Order::AsCompleted), the outcomes are in the order of completion.
    ///
    /// # Cancel safety
    ///
    /// This method is not cancel safe. Dropping the future cancels the run and drops the outputs taken so far. The
    /// failures taken so far are recorded in the scope.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use std::sync::Arc;
    /// use towpath_pattern::{OnFailure, Run, Scope, Settings, Source};
    ///
    /// let parse = Arc::new(|text: &'static str| async move { Ok(text.parse::<u64>()?) });
    /// let settings = Settings::new("parse", 2).ordered().on_failure(OnFailure::Continue);
    /// let run = Run::spawn(Scope::default(), Source::new(["1", "two", "3"]), settings, parse);
    /// let (outcomes, report) = run.outcomes().await;
    /// let numbers: Vec<_> = outcomes.into_iter().map(|outcome| outcome.unwrap_or(0)).collect();
    /// assert_eq!(numbers, [1, 0, 3]);
    /// assert_eq!(report.to_string(), "parse: 3 taken, 2 succeeded, 1 errored");
    /// # }
    /// ```
    pub async fn outcomes(mut self) -> (Vec<Result<Out, Failure>>, Report) {
        let mut gathered = Gathered::of(&mut self);
        while let Some(result) = gathered.run.next().await {
            gathered.outcomes.push(result);
        }
        let outcomes = std::mem::take(&mut gathered.outcomes);
        drop(gathered);
        (outcomes, self.finish().await)
    }
}

/// The outcomes taken by a future. If the future fails or is dropped, the outputs are dropped separately, and the
/// failures are recorded all the same.
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
                Err(failure) => self.run.keep(failure),
            }
        }
        if !outputs.is_empty() {
            let outputs =
                outputs.into_iter().map(|output| Output { position: Position::NONE, result: Ok(output) });
            self.run.port.discard(outputs.collect());
        }
    }
}
