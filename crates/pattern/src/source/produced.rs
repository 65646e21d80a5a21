//! The queue between producers and consumers as the source of the consumers' stage.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::feed::{Closed, PollSource, PollBatch, ItemBatch};
use crate::queue::{Consumer, Items};
use crate::run::Run;
use crate::stage::Stage;

pub(super) struct Produced<T> {
    producers: Run<()>,
    /// They have all come to their end.
    over: bool,
    queue: Consumer<T>,
}

impl<T> Produced<T> {
    pub(super) fn new(producers: Run<()>, queue: Consumer<T>) -> Self {
        Self { producers, over: false, queue }
    }

    /// Takes the ends of producers, which makes room for others; a failure if one has failed.
    fn fill_producers(&mut self, cx: &mut Context<'_>) -> Option<PollBatch> {
        let mut ends = ItemBatch::default();
        while !self.over {
            match self.producers.poll_batch(cx, usize::MAX, &mut ends) {
                PollBatch::Ready => drop(ends.drain_after(0)),
                PollBatch::Pending | PollBatch::Quiescent => return None,
                PollBatch::Exhausted => self.over = true,
                failed @ PollBatch::Failed(_) => return Some(failed),
            }
        }
        None
    }
}

impl<T: Send> PollSource<T> for Produced<T> {
    fn poll_batch(&mut self, cx: &mut Context<'_>, max: usize, into: &mut ItemBatch<T>) -> PollBatch {
        if let Some(failed) = self.fill_producers(cx) {
            return failed;
        }
        // Of the newest first, a second one in hand would be older than what the job of the first puts.
        let max = if self.queue.is_newest_first() { 1 } else { max };
        let mut take = |items: &mut Items<T>, count| {
            for (index, value) in (0..count).map_while(|_| items.pop()) {
                into.push(index, value);
            }
        };
        match self.queue.poll_fill(cx, max, &mut take) {
            // It may be closed while its producers still run.
            Poll::Ready(0) if self.over => PollBatch::Exhausted,
            Poll::Ready(1..) => PollBatch::Ready,
            Poll::Pending if self.over => PollBatch::Quiescent,
            Poll::Ready(0) | Poll::Pending => PollBatch::Pending,
        }
    }

    fn needs_polling(&self) -> bool {
        false
    }

    fn computes(&self) -> bool {
        false
    }

    fn is_queue(&self) -> bool {
        true
    }

    fn stages(&self) -> Vec<Arc<dyn Stage>> {
        self.producers.stages()
    }

    /// What is in the queue was on its way to the consumers.
    fn poll_close(&mut self, cx: &mut Context<'_>, closed: &mut Closed<T>) -> Poll<()> {
        let mut producers = Closed::default();
        let over = self.producers.poll_close(cx, &mut producers);
        closed.failures.append(&mut producers.failures);
        closed.between.extend(self.queue.drain());
        ready!(over);
        closed.cause = producers.cause;
        self.queue.close();
        closed.between.extend(self.queue.drain());
        Poll::Ready(())
    }
}
