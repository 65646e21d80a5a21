//! The outputs of a run, for an async closure.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};

use super::outputs::Run;
use crate::failure::{Cancelled, Cause, Failure};
use crate::report::Report;
use crate::settings::OnFailure;
use crate::util::panic::{catch, drop_quietly, poll_then_drop};

impl<Out: Send + 'static> Run<Out> {
    /// Awaits `each` for every output, one output after the other, and returns the report at the end of the run.
    ///
    /// The jobs continue during an await of `each`, until the run is at its bound. To work on several outputs at once, add
    /// a stage to the pattern. A loop over [`Run::next`] suits a closure that borrows values mutably.
    ///
    /// An error or a panic of `each` is a failure of the stage `for_each`, with the index of the input. The policy of the
    /// last stage applies to the failures of `each`, which are counted separately:
    ///
    /// - Under [`OnFailure::Stop`], the first failure cancels the run.
    /// - Under [`OnFailure::Continue`], `each` gets the further outputs.
    /// - Under [`OnFailure::Tolerate`], the first failure beyond the number cancels the run.
    ///
    /// If the scope of the run is cancelled, a waiting future of `each` is dropped as a job is.
    ///
    /// # Errors
    ///
    /// Returns the first failure of the run or of `each`, after the end of the run. The scope of the run records the further
    /// failures, except cancellations, as with [`Run::collect`].
    ///
    /// # Cancel safety
    ///
    /// This method is not cancel safe: dropping the future cancels the run, and drops the future of `each`.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use towpath_pattern::{Run, Scope, Settings, Source, anyhow};
    ///
    /// let parse = Arc::new(|text: &'static str| async move { Ok(text.parse::<u64>()?) });
    /// let start = |texts: [&'static str; 2]| {
    ///     let settings = Settings::new("parse", 2).ordered();
    ///     Run::spawn(Scope::default(), Source::new(texts), settings, Arc::clone(&parse))
    /// };
    /// let (sender, numbers) = async_channel::bounded(2);
    /// let send = |number| {
    ///     let sender = sender.clone();
    ///     async move { Ok(sender.send(number).await?) }
    /// };
    /// let report = start(["1", "2"]).for_each(send).await?;
    /// assert_eq!((numbers.recv().await?, numbers.recv().await?), (1, 2));
    /// assert_eq!(report.last().succeeded, 2);
    ///
    /// let failure = start(["3", "4"]).for_each(|_| async { anyhow::bail!("no space") }).await.expect_err("no space");
    /// assert_eq!(format!("{failure:#}"), "item 0 at stage `for_each` failed: no space");
    /// # Ok(()) }
    /// ```
    pub async fn for_each<F, Fut>(mut self, mut each: F) -> Result<Report, Failure>
    where
        F: FnMut(Out) -> Fut,
        Fut: Future<Output = anyhow::Result<()>>,
    {
        let (policy, mut failed, mut stopped) = (self.port.on_failure(), 0, false);
        let stage = Arc::from("for_each");
        let scope = self.scope.clone();
        let mut cancelled = pin!(scope.stopped());
        while let Some(finished) = poll_fn(|cx| self.poll_finished(cx)).await {
            let index = finished.position.index;
            match finished.result {
                Ok(_) if stopped => self.discard(finished),
                Ok(output) => {
                    let Err((cause, also)) = apply(&mut each, output, cancelled.as_mut()).await else {
                        continue;
                    };
                    failed += 1;
                    stopped = match policy {
                        _ if matches!(cause, Cause::Cancelled(_)) => true,
                        OnFailure::Stop => true,
                        OnFailure::Continue => false,
                        OnFailure::Tolerate(failures) => failed > failures,
                    };
                    for cause in std::iter::once(cause).chain(also) {
                        self.keep(Failure::new(Some(index), &stage, cause));
                    }
                    if stopped {
                        self.cancel();
                    }
                }
                // The failure of `each` is the cause of the cancellation.
                Err(failure) if stopped && failure.is_cancelled() => drop_quietly(failure),
                Err(failure) => self.keep(failure),
            }
        }
        if !self.kept.is_empty() {
            return Err(self.kept.remove(0));
        }
        Ok(self.finish().await)
    }
}

/// Awaits `each` for an output, until the scope is cancelled.
///
/// # Errors
///
/// Returns the cause of the failure, and a panic in the drop of the future of `each`.
async fn apply<Out, Fut>(
    each: &mut impl FnMut(Out) -> Fut,
    output: Out,
    mut cancelled: Pin<&mut impl Future<Output = Cancelled>>,
) -> Result<(), (Cause, Option<Cause>)>
where
    Fut: Future<Output = anyhow::Result<()>>,
{
    let called = catch(|| each(output)).map_err(|payload| (Cause::from_panic(payload), None))?;
    let mut called = pin!(Some(called));
    poll_fn(|cx| {
        let also = Cell::new(None);
        let later = |payload| also.set(Some(Cause::from_panic(payload)));
        let cause = match poll_then_drop(called.as_mut(), cx, later) {
            Ok(Poll::Ready(Ok(()))) => return Poll::Ready(Ok(())),
            Ok(Poll::Ready(Err(error))) => Cause::from_error(error),
            Err(payload) => Cause::from_panic(payload),
            Ok(Poll::Pending) => {
                let by = ready!(cancelled.as_mut().poll(cx));
                if let Err(payload) = catch(|| called.set(None)) {
                    later(payload);
                }
                Cause::Cancelled(by)
            }
        };
        Poll::Ready(Err((cause, also.take())))
    })
    .await
}
