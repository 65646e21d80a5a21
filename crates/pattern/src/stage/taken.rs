//! An item in a worker's hands: taken, then begun, then ended. Each is accounted for if it is dropped.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use pin_project_lite::pin_project;

use super::HandOff;
use crate::failure::{Cause, Failure};
use crate::item::{Item, Position};
use crate::job::Job;
use crate::util::panic::poll_then_drop;

/// An item that was taken from the source and whose job has not begun.
///
/// Dropped, the item goes back: another worker gets it, or, if the run is stopping, whoever asked for what
/// was [kept](crate::Source::kept). Where the work then panics in the same poll, the item counts as panicked: it would meet
/// the same panic again. It belongs to the work it was given to: moved into a task, it would be
/// missing in the report of a run that ends before.
#[must_use = "dropped, the item goes back"]
pub struct Taken<In, Out> {
    value: Option<In>,
    position: Position,
    ticket: Ticket<In, Out>,
}

/// An item whose job has begun. Dropped, it counts as cancelled, or as panicked while a panic unwinds.
#[must_use = "dropped, the item counts as cancelled"]
pub struct Begun<In, Out> {
    ticket: Ticket<In, Out>,
}

/// An item whose job has come to its end: what the work on a [`Taken`] returns.
#[must_use = "dropped, the item counts as cancelled"]
pub struct Ended<In, Out> {
    pub(super) ticket: Ticket<In, Out>,
    pub(super) result: anyhow::Result<Out>,
}

/// The stage an item is at. Dropped with it, the item is lost and counted as such.
pub(super) struct Ticket<In, Out>(Option<Arc<HandOff<In, Out>>>);

impl<In, Out> Ticket<In, Out> {
    /// The ticket itself: what is left here says nothing when it is dropped.
    #[inline]
    fn take(&mut self) -> Self {
        Self(self.0.take())
    }

    /// The item is lost to a panic, which has yet to unwind.
    #[cold]
    fn panicked(&mut self) {
        if let Some(stage) = self.0.take() {
            stage.lose(true);
        }
    }

    #[cold]
    fn tell(&self, cause: Cause) {
        if let Some(stage) = &self.0 {
            stage.remember(Failure::new(None, &stage.settings.name, cause));
        }
    }

    /// The stage, to be kept: the item is accounted for.
    #[inline]
    pub(super) fn into_inner(mut self) -> Option<Arc<HandOff<In, Out>>> {
        let stage = self.0.take();
        // Nothing is left of it, and it costs to find that out for every item.
        std::mem::forget(self);
        stage
    }
}

impl<In, Out> Drop for Ticket<In, Out> {
    #[inline]
    fn drop(&mut self) {
        if let Some(stage) = self.0.take() {
            stage.lose(thread::panicking());
        }
    }
}

impl<In, Out> Taken<In, Out> {
    #[inline]
    pub(super) fn new(item: Item<In>, stage: Arc<HandOff<In, Out>>) -> Self {
        let Item { position, value } = item;
        Self { value: Some(value), position, ticket: Ticket(Some(stage)) }
    }

    /// The index of the first input that the item came from.
    #[must_use]
    pub fn index(&self) -> usize {
        self.position.index
    }

    /// Begins: the item, and what its end must be told to.
    ///
    /// # Panics
    ///
    /// Never: a `Taken` has its item until it is begun or dropped.
    #[inline]
    pub fn begin(mut self) -> (In, Begun<In, Out>) {
        let value = self.value.take().expect("there until begun");
        let ticket = self.ticket.take();
        // As with a ticket: nothing is left.
        std::mem::forget(self);
        (value, Begun { ticket })
    }

    /// Begins, runs `job` and ends: all that most patterns do with an item.
    #[inline]
    pub fn run<J>(self, job: &J) -> impl Future<Output = Ended<In, Out>> + Send
    where
        In: Send,
        Out: Send,
        J: Job<In, Out = Out>,
    {
        let (item, Begun { ticket }) = self.begin();
        Running { job: Some(job.call(item)), ticket }
    }

    #[cold]
    fn give_back(&mut self) {
        if let (Some(value), Some(stage)) = (self.value.take(), self.ticket.0.take()) {
            stage.give_back(Item { position: self.position, value });
        }
    }
}

pin_project! {
    /// A job and the item it has begun. An `async` block would keep room for the job twice.
    struct Running<F, In, Out> {
        #[pin]
        job: Option<F>,
        ticket: Ticket<In, Out>,
    }
}

impl<F, In, Out> Future for Running<F, In, Out>
where
    F: Future<Output = anyhow::Result<Out>>,
{
    type Output = Ended<In, Out>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match poll_then_drop(this.job, cx, |payload| this.ticket.tell(Cause::of_panic(payload))) {
            Ok(Poll::Ready(result)) => Poll::Ready(Ended { ticket: this.ticket.take(), result }),
            Ok(Poll::Pending) => Poll::Pending,
            Err(payload) => {
                this.ticket.panicked();
                resume_unwind(payload)
            }
        }
    }
}

impl<In, Out> Drop for Taken<In, Out> {
    #[inline]
    fn drop(&mut self) {
        if self.value.is_some() {
            self.give_back();
        }
    }
}

impl<In, Out> Begun<In, Out> {
    /// Tells of what has gone wrong besides the job: one more failure of the run, told after the first, which stops
    /// nothing.
    pub fn tell(&self, cause: Cause) {
        self.ticket.tell(cause);
    }

    /// Ends with the job's result, which is delivered once the work returns it.
    #[inline]
    pub fn end(self, result: anyhow::Result<Out>) -> Ended<In, Out> {
        Ended { ticket: self.ticket, result }
    }
}
