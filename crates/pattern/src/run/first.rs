//! The first success of a run.

use std::future::poll_fn;

use super::outputs::Run;
use crate::failure::Failure;
use crate::report::Report;
use crate::util::panic::drop_quietly;

impl<Out: Send + 'static> Run<Out> {
    /// Returns the first output, cancels the other jobs, and waits until nothing of the run is left. Returns `None` if the
    /// run has no output and no failure.
    ///
    /// Under [`OnFailure::Stop`](crate::OnFailure::Stop), the first failure before an output ends the run. For a race of
    /// servers of which some may fail, set [`OnFailure::Continue`](crate::OnFailure::Continue): the failures before the
    /// output are skipped and dropped.
    ///
    /// In an [ordered](crate::Order::Ordered) run, the first output is the output of the first input with an output.
    ///
    /// # Errors
    ///
    /// Returns a failure if no job has succeeded: the first failure, with the other failures as the [later](Failure::later)
    /// failures. A failure after the output, such as a panic in the drop of a cancelled job, is recorded in the scope of the
    /// run.
    ///
    /// # Cancel safety
    ///
    /// This method is not cancel safe: dropping the future cancels the run.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use tokio::time::sleep;
    /// use towpath_pattern::{OnFailure, Run, Scope, Settings, Source, anyhow};
    ///
    /// let ask = Arc::new(|mirror: &'static str| async move {
    ///     anyhow::ensure!(mirror != "down", "no route");
    ///     sleep(Duration::from_secs(mirror.len() as u64)).await;
    ///     Ok(mirror)
    /// });
    /// let settings = Settings::new("ask", 3).on_failure(OnFailure::Continue);
    /// let run = Run::spawn(Scope::default(), Source::new(["down", "slow", "up"]), settings, ask);
    /// assert_eq!(run.first().await?, Some("up"));
    /// # Ok(()) }
    /// ```
    pub async fn first(mut self) -> Result<Option<Out>, Failure> {
        let mut skipped = Vec::new();
        let mut first = None;
        while let Some(finished) = poll_fn(|cx| self.poll_finished(cx)).await {
            if first.is_some() {
                self.discard(finished);
                continue;
            }
            match finished.result {
                Ok(output) => {
                    first = Some(output);
                    self.cancel();
                }
                Err(failure) if skipped.len() < Report::KEPT_FAILURES => skipped.push(failure),
                Err(failure) => drop_quietly(failure),
            }
        }
        if first.is_some() {
            skipped.into_iter().for_each(drop_quietly);
            return Ok(first);
        }
        let mut failures = skipped.into_iter();
        failures.next().map_or(Ok(None), |failure| Err(failure.followed_by(failures)))
    }
}
