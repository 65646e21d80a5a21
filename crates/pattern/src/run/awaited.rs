//! The error message for an awaited run.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::outputs::Run;
use crate::failure::Failure;

/// A bound without an implementation: a run is never a future.
#[diagnostic::on_unimplemented(
    message = "`Run<{Self}>` is not a future, so `run.await` is written `run.collect().await`",
    label = "a run, which yields many outputs",
    note = "all outputs: `run.collect().await?`",
    note = "one output at a time: `while let Some(output) = run.next().await {{ let output = output?; … }}`",
    note = "the report of all items: `run.finish().await`"
)]
pub trait OneOutput {}

// A run has no method of `Future`, and the methods of `StreamExt` stay unambiguous. The output is the output of `collect`:
// `?` and a type annotation cause no further error.
#[doc(hidden)]
impl<Out: OneOutput> Future for Run<Out> {
    type Output = Result<Vec<Out>, Failure>;

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Pending
    }
}
