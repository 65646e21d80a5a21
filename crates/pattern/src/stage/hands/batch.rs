//! The jobs of a batch: how they are polled, and what becomes of one that fails, panics or waits.

use std::any::Any;
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::super::handoff::Stop;
use super::super::taken::{Ended, Taken};
use super::super::worker::{Crew, Work};
use super::{Hands, Mode};
use crate::failure::{Cause, Failure};
use crate::item::Output;
use crate::settings::OnFailure;

/// How many outputs a worker whose job waits keeps memory for: thousands may be waiting.
const KEPT_OUTBOX: usize = 4;

impl<In, Out> Hands<In, Out>
where
    In: Send + 'static,
    Out: Send + 'static,
{
    /// Runs the jobs of the batch; pending while one of them waits.
    pub(in super::super) fn poll_batch<Fut, W>(
        &mut self,
        cx: &mut Context<'_>,
        crew: &Arc<Crew<In, Out, W>>,
        mut job: Pin<&mut Option<Fut>>,
        begin: impl Fn(Taken<In, Out>) -> Fut,
    ) -> Poll<()>
    where
        Fut: Future<Output = Ended<In, Out>>,
        W: Work<In, Out>,
    {
        self.busy = true;
        loop {
            // Once a batch, not once a job: a panic is the only way out of it but these two.
            let polled = catch_unwind(AssertUnwindSafe(|| {
                // Read from here: to load what was stored a moment ago costs more than to keep it.
                let mut position = self.position;
                loop {
                    if self.handoff.is_stopping() {
                        job.set(None);
                        return Poll::Ready(());
                    }
                    if job.is_none() {
                        let next = self.tray.as_mut().and_then(|tray| tray.inbox.pop_front());
                        let Some(item) = next else { return Poll::Ready(()) };
                        position = item.position;
                        self.position = position;
                        let handoff = self.ticket.take().unwrap_or_else(|| Arc::clone(&self.handoff));
                        job.set(Some(begin(Taken::new(item, handoff))));
                    }
                    let Some(running) = job.as_mut().as_pin_mut() else { return Poll::Ready(()) };
                    // In one step: to move the result first would cost more than the rest of the hand-over.
                    match ready!(running.poll(cx)) {
                        Ended { ticket, result: Ok(output) } => {
                            self.outbox.push_back(Output { position, result: Ok(output) });
                            self.ticket = ticket.into_inner();
                        }
                        Ended { ticket, result: Err(error) } => {
                            self.failed(error);
                            self.ticket = ticket.into_inner();
                        }
                    }
                    job.set(None);
                    if self.failed {
                        return Poll::Ready(());
                    }
                }
            }));
            match polled {
                Ok(polled) => {
                    if polled.is_pending() {
                        self.wait(cx, crew);
                    }
                    self.busy = false;
                    return polled;
                }
                Err(payload) => {
                    // What the panic left of the job is dropped apart: it may panic once more.
                    let rest = catch_unwind(AssertUnwindSafe(|| job.set(None)));
                    self.panicked(crew, payload, rest.err());
                }
            }
        }
    }

    #[cold]
    fn failed(&mut self, error: anyhow::Error) {
        self.failed = self.handoff.settings.on_failure == OnFailure::Stop;
        let result = Err(self.failure(Cause::of_error(error)));
        self.outbox.push_back(Output { position: self.position, result });
    }

    #[cold]
    fn failure(&self, cause: Cause) -> Failure {
        Failure::new(Some(self.position.index), &self.handoff.settings.name, cause)
    }

    /// A job panicked, or its remains did. An item that was begun and had not ended was counted as its ticket was
    /// dropped.
    #[cold]
    fn panicked<W>(
        &mut self,
        crew: &Arc<Crew<In, Out, W>>,
        payload: Box<dyn Any + Send>,
        again: Option<Box<dyn Any + Send>>,
    ) where
        W: Work<In, Out>,
    {
        let ended = self.ticket.is_some();
        let failed = ended && self.outbox.back().is_some_and(|finished| finished.result.is_err());
        let output = if ended && !failed { self.outbox.pop_back() } else { None };
        let unbegun = self.handoff.take_dropped(&mut self.handoff.lock(), self.position.seq);
        let uncounted = output.is_some() || unbegun.is_some();
        // Each may panic, too.
        let values = [
            catch_unwind(AssertUnwindSafe(|| drop(output))).err(),
            catch_unwind(AssertUnwindSafe(|| drop(unbegun))).err(),
        ];
        let failure = self.failure(Cause::of_panic(payload));
        let later = again.into_iter().chain(values.into_iter().flatten());
        let later: Vec<_> = later.map(|payload| self.failure(Cause::of_panic(payload))).collect();

        let mut state = self.handoff.lock();
        self.handoff.flush(&mut state, &mut self.outbox);
        if failed {
            // What the job itself has said comes first.
            state.remember(Some(failure));
        } else if std::mem::take(&mut self.gone) {
            // Another worker has the item, or has ended it: the panic is none of its.
            let failure = Failure::new(None, &self.handoff.settings.name, failure.into_cause());
            match self.handoff.settings.on_failure {
                OnFailure::Stop => self.handoff.stop(&mut state, Stop::Here, Some(failure)),
                OnFailure::Continue => state.remember(Some(failure)),
            }
        } else {
            state.counts.panicked += usize::from(uncounted);
            self.handoff.put(&mut state, Output { position: self.position, result: Err(failure) });
        }
        for failure in later {
            state.remember(Some(failure));
        }
        state.wake_taker();
        crew.release(state);
    }

    /// The job waits: nothing else may wait with it.
    fn wait<W>(&mut self, cx: &Context<'_>, crew: &Arc<Crew<In, Out, W>>)
    where
        W: Work<In, Out>,
    {
        if let Mode::Waiting(_) = self.mode {
            if self.handoff.any_dropped() {
                self.reclaim(crew);
            }
            return;
        }
        let waker = cx.waker().clone();
        let reserved = self.let_go();
        let mut state = self.handoff.lock();
        self.handoff.flush(&mut state, &mut self.outbox);
        self.gone = self.handoff.put_back(&mut state, self.position.seq);
        if let Some(mut tray) = self.tray.take() {
            state.restore(tray.inbox.drain_after(0));
        }
        // Of the items in hand, that of the waiting job is left.
        state.roster.reserved -= reserved - 1;
        self.mode = Mode::Waiting(state.roster.wait(waker));
        if state.stop.is_some() {
            // Stopped before it was on the roster, where it would have been woken.
            state.wakes.others.push(cx.waker().clone());
        }
        self.handoff.reinforce(&mut state);
        crew.release(state);
        if self.outbox.capacity() > KEPT_OUTBOX {
            self.outbox = VecDeque::new();
        }
    }

    /// A job that goes on waiting may have dropped its item: another worker gets it.
    #[cold]
    fn reclaim<W>(&mut self, crew: &Arc<Crew<In, Out, W>>)
    where
        W: Work<In, Out>,
    {
        let mut state = self.handoff.lock();
        self.gone |= self.handoff.put_back(&mut state, self.position.seq);
        self.handoff.reinforce(&mut state);
        crew.release(state);
    }
}
