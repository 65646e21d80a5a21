//! Closing the source of a stage that has come to its end, and what is found in it and behind it.

use std::collections::VecDeque;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker};

use super::handoff::HandOff;
use crate::failure::Cause;
use crate::source::{Closed, Source};

/// The source of a stage that no worker is left of. What is found in it or behind it goes back at once, and not when all
/// is closed: what is behind may wait for that, and a runtime that is shut down leaves no time for more.
///
/// Values of the user's are dropped here; a panic at any step is a failure, and the next step follows.
///
/// Dropped before it is ready, it takes what is there by then.
pub(super) struct Closing<'a, In, Out> {
    stage: &'a HandOff<In, Out>,
    /// Until it is closed.
    source: Option<Source<In>>,
    closed: Closed<In>,
}

impl<'a, In, Out> Closing<'a, In, Out> {
    pub(super) fn new(stage: &'a HandOff<In, Out>) -> Self {
        let (source, unbegun) = stage.remains();
        let mut closing = Self { stage, source, closed: Closed::default() };
        closing.give_back(unbegun);
        closing
    }

    /// Ready when nothing is left behind the source.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self { stage, source: Some(source), closed } = self else { return Poll::Ready(()) };
        let polled = catch_unwind(AssertUnwindSafe(|| source.poll_close(cx, closed)));
        let polled = polled.unwrap_or_else(|payload| {
            stage.fail(Cause::of_panic(payload));
            Poll::Ready(())
        });
        let between = mem::take(&mut closed.between);
        stage.lose_between(between.len());
        self.give_back(between);
        if polled.is_ready() {
            self.stage.upstream_closed(&mut self.closed);
            self.stage.dispose(self.source.take());
        }
        polled
    }

    fn give_back(&mut self, items: VecDeque<(usize, In)>) {
        let unkept = match &mut self.source {
            Some(source) => source.give_back(items),
            None => items,
        };
        for item in unkept {
            self.stage.dispose(item);
        }
    }
}

impl<In, Out> Drop for Closing<'_, In, Out> {
    fn drop(&mut self) {
        if self.poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            // Nobody comes to ask for the cause, which would go before them.
            for failure in self.closed.failures.drain(..) {
                self.stage.remember(failure);
            }
            self.stage.dispose(self.source.take());
        }
    }
}
