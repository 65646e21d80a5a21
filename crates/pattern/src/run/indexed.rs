//! A run whose outputs come with the index of their input.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::outputs::Run;
use crate::failure::Failure;
use crate::item::Output;
use crate::report::Report;

impl<Out: Send + 'static> Run<Out> {
    /// The run as a stream that tells which input each output came from.
    pub fn indexed(self) -> Indexed<Out> {
        Indexed { run: self }
    }
}

/// A run that tells which input each output came from. From [`Run::indexed`].
#[must_use = "a run that is dropped is cancelled"]
#[derive(Debug)]
pub struct Indexed<Out> {
    pub(super) run: Run<Out>,
}

impl<Out: Send + 'static> Indexed<Out> {
    /// The next output or failure, with the index of its input; `None` at the end. Cancel-safe.
    ///
    /// A failure that concerns the run and no item of it has no index.
    pub async fn next(&mut self) -> Option<(Option<usize>, Result<Out, Failure>)> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// As [`Run::cancel`].
    pub fn cancel(&self) {
        self.run.cancel();
    }

    /// As [`Run::finish`].
    ///
    /// # Cancel-safety
    ///
    /// Dropping the future cancels the run.
    pub async fn finish(self) -> Report {
        self.run.finish().await
    }

    /// The run itself again.
    pub fn into_inner(self) -> Run<Out> {
        self.run
    }
}

impl<Out: Send + 'static> Stream for Indexed<Out> {
    type Item = (Option<usize>, Result<Out, Failure>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let finished = ready!(self.run.poll_finished(cx));
        Poll::Ready(finished.map(|Output { position, result }| match result {
            Ok(output) => (Some(position.index), Ok(output)),
            Err(failure) => (failure.index(), Err(failure)),
        }))
    }
}
