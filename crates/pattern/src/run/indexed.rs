//! Outputs of a run with the indices of the inputs.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::monitor::Monitor;
use super::outputs::Run;
use crate::failure::Failure;
use crate::item::Output;
use crate::report::Report;

impl<Out: Send + 'static> Run<Out> {
    /// Converts the run into a stream of outputs with the indices of the inputs.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use towpath_pattern::{Run, Scope, Settings, Source};
    ///
    /// let urls = ["https://a.example", "https://bc.example"];
    /// let measure = Arc::new(|url: &'static str| async move { Ok(url.len()) });
    /// let run = Run::spawn(Scope::default(), Source::new(urls), Settings::new("measure", 2), measure);
    /// let mut lengths = run.indexed();
    /// while let Some(outcome) = lengths.next().await {
    ///     let (index, length) = outcome?;
    ///     assert_eq!(length, urls[index].len());
    /// }
    /// # Ok(()) }
    /// ```
    pub fn indexed(self) -> Indexed<Out> {
        Indexed { run: self }
    }
}

/// A run as a stream of outputs with the indices of the inputs. Created by [`Run::indexed`].
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use std::sync::Arc;
/// use towpath_pattern::{Run, Scope, Settings, Source};
///
/// let double = Arc::new(|x: u64| async move { Ok(x * 2) });
/// let start = || {
///     let settings = Settings::new("double", 2).ordered();
///     Run::spawn(Scope::default(), Source::new([1, 2, 3]), settings, Arc::clone(&double)).indexed()
/// };
///
/// // The index of the first output, and the further outputs without indices.
/// let mut run = start();
/// assert_eq!(run.next().await.transpose()?, Some((0, 2)));
/// assert_eq!(run.into_inner().collect().await?, [4, 6]);
///
/// // The counts at the end of a cancelled run.
/// let run = start();
/// let monitor = run.monitor();
/// run.stop_taking();
/// run.cancel();
/// let report = run.finish().await;
/// assert!(report.failures[0].is_cancelled());
/// assert_eq!(monitor.report().stages, report.stages);
/// # Ok(()) }
/// ```
#[must_use = "a run that is dropped is cancelled"]
#[derive(Debug)]
pub struct Indexed<Out> {
    pub(super) run: Run<Out>,
}

impl<Out: Send + 'static> Indexed<Out> {
    /// Returns the next output with the index of the input, or the next failure; `None` at the end.
    ///
    /// The index of a failed input is in the failure: [`Failure::index`].
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    pub async fn next(&mut self) -> Option<Result<(usize, Out), Failure>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Returns a handle that reports the counts from another task, as [`Run::monitor`] does.
    #[must_use]
    pub fn monitor(&self) -> Monitor {
        self.run.monitor()
    }

    /// Cancels the run, as [`Run::cancel`] does.
    pub fn cancel(&self) {
        self.run.cancel();
    }

    /// Takes no more items, and completes the jobs that have started, as [`Run::stop_taking`] does.
    pub fn stop_taking(&self) {
        self.run.stop_taking();
    }

    /// Waits until the run has ended, and returns the report, as [`Run::finish`] does.
    ///
    /// # Cancel safety
    ///
    /// This method is not cancel safe: dropping the future cancels the run.
    pub async fn finish(self) -> Report {
        self.run.finish().await
    }

    /// Returns the run.
    pub fn into_inner(self) -> Run<Out> {
        self.run
    }
}

impl<Out: Send + 'static> Stream for Indexed<Out> {
    type Item = Result<(usize, Out), Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let finished = ready!(self.run.poll_finished(cx));
        Poll::Ready(finished.map(|Output { position, result }| result.map(|output| (position.index, output))))
    }
}
