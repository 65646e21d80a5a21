//! An asynchronous generator as a source.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use tokio::sync::Semaphore;

use super::feed::{Feed, Filled, Inbox};
use super::stream::source_error;
use crate::failure::Cause;
use crate::sync::{Mutex, MutexGuard, PoisonError};

/// What a generator sends its items with.
pub struct Yield<T> {
    slot: Arc<Mutex<Slot<T>>>,
    /// Sends take turns, in the order in which they began.
    turn: Semaphore,
}

struct Slot<T> {
    item: Option<T>,
    sender: Option<Waker>,
    /// Who waits for an item, unless the generator is being polled for it just now.
    taker: Option<Waker>,
    /// Nobody takes anything any more.
    gone: bool,
}

impl<T> Yield<T> {
    /// Makes `item` the next one of the source, and waits until it has been taken.
    ///
    /// The generator itself has nothing to check: it is dropped with its source, at this await. A task that this was
    /// moved into lives on, and hears what Go's `yield` says: `false` once the source is gone or has ended, so that
    /// it is of no use to send any more. (To feed a run from a task, [`Source::channel`](crate::Source::channel) is
    /// simpler.)
    ///
    /// # Cancel-safety
    ///
    /// Not cancel-safe: when the future is dropped, the item may have been put in its place, and is then
    /// taken all the same.
    pub async fn send(&self, item: T) -> bool {
        let _turn = self.turn.acquire().await;
        let mut item = Some(item);
        poll_fn(|cx| {
            let waker = cx.waker().clone();
            let mut slot = lock(&self.slot);
            if slot.gone {
                return Poll::Ready(false);
            }
            if slot.item.is_none() {
                let Some(item) = item.take() else { return Poll::Ready(true) };
                slot.item = Some(item);
            }
            let before = slot.sender.replace(waker);
            let taker = slot.taker.take();
            drop(slot);
            drop(before);
            if let Some(taker) = taker {
                taker.wake();
            }
            Poll::Pending
        })
        .await
    }
}

fn lock<T>(slot: &Mutex<T>) -> MutexGuard<'_, T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

type Generator = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// A generator's future and the slot that it fills.
pub(crate) struct Generated<T> {
    generator: Option<Generator>,
    slot: Arc<Mutex<Slot<T>>>,
    /// It has returned. It is dropped when the source ends: what panics in that is told then, and not instead of its
    /// error or its last item.
    finished: bool,
    error: Option<anyhow::Error>,
    next_index: usize,
}

impl<T> Generated<T> {
    pub(crate) fn new<F, Fut>(generator: F) -> Self
    where
        F: FnOnce(Yield<T>) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self::fallible(|out| {
            let generator = generator(out);
            async move {
                generator.await;
                Ok(())
            }
        })
    }

    pub(crate) fn fallible<F, Fut>(generator: F) -> Self
    where
        F: FnOnce(Yield<T>) -> Fut,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let slot = Arc::new(Mutex::new(Slot { item: None, sender: None, taker: None, gone: false }));
        let generator = generator(Yield { slot: Arc::clone(&slot), turn: Semaphore::new(1) });
        Self { generator: Some(Box::pin(generator)), slot, finished: false, error: None, next_index: 0 }
    }

    /// The next item, if there is one now. The generator goes on only when nothing of it is left to take.
    fn poll_item(&mut self, cx: &mut Context<'_>) -> Option<T> {
        if let item @ Some(_) = self.take(None) {
            return item;
        }
        if !self.finished
            && let Poll::Ready(result) = self.generator.as_mut()?.as_mut().poll(cx)
        {
            self.finished = true;
            self.error = result.err();
        }
        self.take(Some(cx.waker().clone()))
    }

    /// Takes the item that was sent; if there is none, `taker` is woken when there is.
    fn take(&self, taker: Option<Waker>) -> Option<T> {
        let mut slot = lock(&self.slot);
        let item = slot.item.take();
        let waker = if item.is_some() {
            slot.sender.take()
        } else {
            let before = std::mem::replace(&mut slot.taker, taker);
            drop(slot);
            drop(before);
            return None;
        };
        drop(slot);
        if let Some(waker) = waker {
            waker.wake();
        }
        item
    }
}

impl<T> Generated<T> {
    /// Drops the generator, and tells whoever still sends, from a task, that nobody takes it.
    fn end(&mut self) {
        let generator = self.generator.take();
        let mut slot = lock(&self.slot);
        slot.gone = true;
        let (sender, item, taker) = (slot.sender.take(), slot.item.take(), slot.taker.take());
        drop(slot);
        // Each by itself: one panic would leave the sender asleep, two at once end the process.
        let mut panics = [
            catch_unwind(AssertUnwindSafe(|| drop(generator))),
            catch_unwind(AssertUnwindSafe(|| sender.into_iter().for_each(Waker::wake))),
            catch_unwind(AssertUnwindSafe(|| drop(item))),
            catch_unwind(AssertUnwindSafe(|| drop(taker))),
        ]
        .into_iter()
        .filter_map(Result::err);
        let first = panics.next().filter(|_| !thread::panicking());
        panics.for_each(|later| drop(Cause::of_panic(later)));
        if let Some(first) = first {
            resume_unwind(first);
        }
    }
}

impl<T> Drop for Generated<T> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<T: Send> Feed<T> for Generated<T> {
    fn fill(&mut self, cx: &mut Context<'_>, max: usize, into: &mut Inbox<T>) -> Filled {
        for _ in 0..max {
            match self.poll_item(cx) {
                Some(item) => into.push(self.next_index, item),
                None if !self.finished => return Filled::Waiting,
                None => {
                    if let Some(error) = self.error.take() {
                        return Filled::Failed(source_error(self.next_index, error));
                    }
                    self.end();
                    return Filled::Ended;
                }
            }
            self.next_index += 1;
        }
        Filled::Full
    }

    fn needs_polling(&self) -> bool {
        true
    }

    fn let_go(&mut self) {
        self.end();
    }
}
