//! An asynchronous generator as a source.

use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use tokio::sync::Semaphore;

use super::poll_source::{PollBatch, PollSource, source_error};
use crate::failure::Cause;
use crate::item::ItemBatch;
use crate::util::mutex::Mutex;
use crate::util::panic::{drop_caught, message_of};
use crate::util::wake::{WakeList, WakerSlot};

/// Sends the items of a generator. Created by [`Source::generate`](super::Source::generate).
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_pattern::{Source, Yield};
///
/// struct Tree(&'static str, Vec<Tree>);
///
/// impl Tree {
///     /// Sends the names of the tree, the children before the parent.
///     async fn walk(self, out: &Yield<&'static str>) {
///         let Self(name, children) = self;
///         for child in children {
///             Box::pin(child.walk(out)).await;
///         }
///         out.send(name).await;
///     }
/// }
///
/// let tree = Tree("root", vec![Tree("left", vec![]), Tree("right", vec![])]);
/// let mut names = Source::generate(|out| async move { tree.walk(&out).await });
/// assert_eq!(names.next().await.transpose()?, Some("left"));
/// assert_eq!(names.next().await.transpose()?, Some("right"));
/// assert_eq!(names.next().await.transpose()?, Some("root"));
/// assert!(names.next().await.is_none());
/// # Ok(()) }
/// ```
pub struct Yield<T> {
    slot: Arc<Mutex<Slot<T>>>,
    /// Sends take turns, in the order of their starts.
    turn: Semaphore,
}

struct Slot<T> {
    item: Option<T>,
    sender: WakerSlot,
    /// The waker of a stage that waits for an item; empty while the stage polls the generator for the item.
    receiver: WakerSlot,
    /// The source has ended or was dropped.
    closed: bool,
}

impl<T> Yield<T> {
    /// Sends `item` as the next item of the source, and waits until a stage has taken the item.
    ///
    /// Returns `false` once the source has ended or was dropped, as Go's `yield` does. A generator need not check the
    /// result: the drop of the source drops the generator at the await of the send. A task that owns the `Yield`
    /// checks the result, and stops sending. For items of a task, [`Source::channel`](super::Source::channel) is simpler.
    ///
    /// # Cancel safety
    ///
    /// This method is not cancel safe. If the future is dropped while the send waits, a stage may still take the item.
    pub async fn send(&self, item: T) -> bool {
        let _turn = self.turn.acquire().await;
        let mut item = Some(item);
        poll_fn(|cx| {
            let mut own = Some(cx.waker().clone());
            let mut wakes = WakeList::default();
            let mut slot = self.slot.lock();
            if slot.closed {
                return Poll::Ready(false);
            }
            if slot.item.is_none() {
                let Some(item) = item.take() else { return Poll::Ready(true) };
                slot.item = Some(item);
            }
            slot.sender.register(&mut own, &mut wakes);
            slot.receiver.notify(&mut wakes);
            drop(slot);
            carry_out(wakes);
            Poll::Pending
        })
        .await
    }
}

/// Wakes after the unlock; a panic of a waker is a panic of the poll.
fn carry_out(mut wakes: WakeList) {
    if let Some(payload) = wakes.wake_all() {
        resume_unwind(payload);
    }
}

type Generator = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// The future of a generator, and the slot for the items of the generator.
pub(super) struct GeneratorSource<T> {
    generator: Option<Generator>,
    slot: Arc<Mutex<Slot<T>>>,
    /// The generator has returned. The end of the source drops the generator: a panic of the drop follows the last
    /// item and the error of the generator, and replaces neither.
    completed: bool,
    error: Option<anyhow::Error>,
    next_index: usize,
}

impl<T> GeneratorSource<T> {
    pub(super) fn new<F, Fut>(generator: F) -> Self
    where
        F: FnOnce(Yield<T>) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self::try_new(|out| {
            let generator = generator(out);
            async move {
                generator.await;
                Ok(())
            }
        })
    }

    pub(super) fn try_new<F, Fut>(generator: F) -> Self
    where
        F: FnOnce(Yield<T>) -> Fut,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let slot =
            Slot { item: None, sender: WakerSlot::default(), receiver: WakerSlot::default(), closed: false };
        let slot = Arc::new(Mutex::new(slot));
        let generator = generator(Yield { slot: Arc::clone(&slot), turn: Semaphore::new(1) });
        Self { generator: Some(Box::pin(generator)), slot, completed: false, error: None, next_index: 0 }
    }

    /// Returns the next item if there is an item now. The generator is polled only when its last item has been taken.
    fn poll_item(&mut self, cx: &mut Context<'_>) -> Option<T> {
        if let item @ Some(_) = self.take(&mut None) {
            return item;
        }
        if !self.completed
            && let Poll::Ready(result) = self.generator.as_mut()?.as_mut().poll(cx)
        {
            self.completed = true;
            self.error = result.err();
        }
        self.take(&mut Some(cx.waker().clone()))
    }

    /// Takes the item in the slot. If the slot is empty, `receiver` is woken by the next item.
    fn take(&self, receiver: &mut Option<Waker>) -> Option<T> {
        let mut wakes = WakeList::default();
        let mut slot = self.slot.lock();
        let item = slot.item.take();
        if item.is_some() {
            slot.sender.notify(&mut wakes);
        } else {
            slot.receiver.register(receiver, &mut wakes);
        }
        drop(slot);
        carry_out(wakes);
        item
    }

    /// Drops the generator, and wakes a task that still sends.
    fn end(&mut self) {
        let generator = self.generator.take();
        let mut wakes = WakeList::default();
        let mut slot = self.slot.lock();
        slot.closed = true;
        let item = slot.item.take();
        slot.sender.notify(&mut wakes);
        slot.receiver.notify(&mut wakes);
        drop(slot);
        // The steps are separate: a panic of a step skips no later step, and two panics at once end the process.
        let panics = [drop_caught(generator), wakes.wake_all(), drop_caught(item)];
        let mut panics = panics.into_iter().flatten();
        let first = panics.next().filter(|_| !thread::panicking());
        panics.for_each(|later| drop(message_of(later)));
        if let Some(first) = first {
            resume_unwind(first);
        }
    }
}

impl<T> Drop for GeneratorSource<T> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<T: Send> PollSource<T> for GeneratorSource<T> {
    fn poll_batch(&mut self, cx: &mut Context<'_>, max: usize, into: &mut ItemBatch<T>) -> PollBatch {
        for _ in 0..max {
            match self.poll_item(cx) {
                Some(item) => into.push(self.next_index, item),
                None if !self.completed => return PollBatch::Pending,
                None => {
                    if let Some(error) = self.error.take() {
                        return PollBatch::Failed(source_error(
                            Some(self.next_index),
                            Cause::from_error(error),
                        ));
                    }
                    self.end();
                    return PollBatch::Exhausted;
                }
            }
            self.next_index += 1;
        }
        PollBatch::Ready
    }

    fn needs_polling(&self) -> bool {
        true
    }

    fn stop(&mut self) {
        self.end();
    }

    fn release(&mut self) {
        self.end();
    }
}
