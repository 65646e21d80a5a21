//! A run as the source of the next stage. The workers of the next stage take the outputs from the queue of the run,
//! without a task between the two stages.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::outputs::Run;
use crate::item::ItemBatch;
use crate::queue::{self, Items};
use crate::source::{AsSource, Closed, IntoSource, PollBatch, PollSource, Source};
use crate::stage::Took;
use crate::upstream::{Links, Upstream, poll_chain_finished, stop_chain};
use crate::util::wake_flag::WakeFlag;

impl<T: Send + 'static> IntoSource<T, AsSource> for Run<T> {
    fn into_source(self) -> Source<T> {
        Source::of(self)
    }
}

impl<T: Send + 'static> Source<T> {
    /// Creates the source of consumers: the items that producer jobs send to a queue. With a queue and this source, a
    /// pattern has producers and consumers.
    ///
    /// The source ends when no producer runs, the queue is empty *and* no job runs on an item of the source. So
    /// consumer jobs may also send to the queue. Consumer jobs must use [`try_send`](queue::Sender::try_send): if all
    /// consumers wait for capacity that only consumers free, the run deadlocks. Items of a [sender of an
    /// input](queue::Sender::from_input) have the index of the input. The end of the source closes the queue. A sender
    /// that outlives the job of the producer then gets the item back.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use towpath_pattern::{Run, Scope, Settings, Source, queue};
    ///
    /// let scope = Scope::new("words");
    /// let (sender, receiver) = queue::bounded(16);
    /// let split = Arc::new(move |text: &'static str| {
    ///     let sender = sender.clone();
    ///     async move {
    ///         for word in text.split(' ') {
    ///             sender.send(word).await?;
    ///         }
    ///         Ok(())
    ///     }
    /// });
    /// let texts = Source::new(["1 2", "3"]);
    /// let producers = Run::spawn_discarding(scope.clone(), texts, Settings::new("split", 2), split);
    ///
    /// let parse = Arc::new(|word: &'static str| async move { Ok(word.parse::<u64>()?) });
    /// let words = Source::produced(producers, receiver);
    /// let numbers = Run::spawn(scope, words, Settings::new("parse", 4), parse).collect().await?;
    /// assert_eq!(numbers.iter().sum::<u64>(), 6);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn produced(producers: Run<()>, queue: queue::Receiver<T>) -> Self {
        Self::of(ProducedSource { producers, producers_woke: WakeFlag::new(), finished: false, queue })
    }
}

impl<Out: Send + 'static> PollSource<Out> for Run<Out> {
    fn poll_batch(&mut self, cx: &mut Context<'_>, max: usize, into: &mut ItemBatch<Out>) -> PollBatch {
        let output = if self.held.is_empty() {
            if let Some(polled) = self.port.pass_on(max, into) {
                return polled;
            }
            let yielded = std::mem::take(&mut self.yielded);
            match self.port.poll_take(cx, 1, yielded, &mut self.held) {
                Poll::Pending => return PollBatch::Pending,
                Poll::Ready(Took::End) => return PollBatch::Exhausted,
                Poll::Ready(Took::Some) => self.held.pop_front(),
            }
        } else {
            // The outputs that the run still holds from its use as a stream go first.
            self.pop_held()
        };
        match output.map(|output| (output.position.index, output.result)) {
            Some((index, Ok(value))) => into.push(index, value),
            Some((_, Err(failure))) => return PollBatch::Failed(failure),
            None => {}
        }
        PollBatch::Ready
    }

    fn computes(&self) -> bool {
        false
    }

    fn needs_polling(&self) -> bool {
        false
    }

    fn ends_at_failure(&self) -> bool {
        false
    }

    fn upstream(&self) -> Links {
        Links::to(Arc::clone(&self.port) as Arc<dyn Upstream>)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, closed: &mut Closed<Out>) -> Poll<()> {
        stop_chain(&*self.port);
        // The poll comes before the outputs are taken: a later output wakes the task.
        let finished = poll_chain_finished(&*self.port, cx);
        for output in self.held.drain(..).chain(self.port.take_rest()) {
            match output.result {
                Ok(value) => closed.between.push_back((output.position.index, value)),
                Err(failure) => closed.failures.push(failure),
            }
        }
        ready!(finished);
        let (cause, others) = self.port.take_failures();
        closed.cause = cause;
        closed.failures.extend(others);
        Poll::Ready(())
    }
}

/// The queue between producers and consumers.
struct ProducedSource<T> {
    producers: Run<()>,
    /// Raised when the run of the producers has an output, a failure or its end. A poll of that run takes the locks of
    /// its stage, so the source polls the run only if the flag is raised.
    producers_woke: WakeFlag,
    /// All producers have completed.
    finished: bool,
    queue: queue::Receiver<T>,
}

impl<T> ProducedSource<T> {
    /// Takes the outputs of completed producers, so that further producers can start; returns the failure of a
    /// producer.
    #[cold]
    fn poll_producers(&mut self) -> Option<PollBatch> {
        let Self { producers, producers_woke, finished, .. } = self;
        let mut ends = ItemBatch::default();
        while !*finished {
            match producers_woke.poll_with(|cx| producers.poll_batch(cx, usize::MAX, &mut ends)) {
                PollBatch::Ready => drop(ends.drain_after(0)),
                PollBatch::Pending | PollBatch::Quiescent => return None,
                PollBatch::Exhausted => *finished = true,
                failed @ PollBatch::Failed(_) => {
                    // The run may have more.
                    producers_woke.raise();
                    return Some(failed);
                }
            }
        }
        None
    }
}

impl<T: Send> PollSource<T> for ProducedSource<T> {
    fn poll_batch(&mut self, cx: &mut Context<'_>, max: usize, into: &mut ItemBatch<T>) -> PollBatch {
        // A queue may yield its newest or its most urgent item first. An item that the job of the first item sends would
        // then come before the second item of a batch.
        let max = if self.queue.is_oldest_first() { max } else { 1 };
        let mut take = |items: &mut Items<T>, count| {
            for (index, value) in (0..count).map_while(|_| items.pop()) {
                into.push(index, value);
            }
        };
        loop {
            // The producers come before the queue: the last producer may send an item and complete between the two polls.
            if self.producers_woke.lower()
                && let Some(failed) = self.poll_producers()
            {
                return failed;
            }
            match self.queue.poll_take(cx, max, &mut take) {
                // While producers run, a closed queue does not end the source.
                Poll::Ready(0) if self.finished => return PollBatch::Exhausted,
                Poll::Ready(1..) => return PollBatch::Ready,
                Poll::Pending if self.finished => return PollBatch::Quiescent,
                Poll::Ready(0) | Poll::Pending if self.producers_woke.register(cx.waker()) => {
                    return PollBatch::Pending;
                }
                Poll::Ready(0) | Poll::Pending => {}
            }
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

    fn ends_at_failure(&self) -> bool {
        false
    }

    fn upstream(&self) -> Links {
        self.producers.upstream()
    }

    fn seal(&mut self) -> bool {
        self.finished && self.queue.close_if_empty()
    }

    /// Items in the queue count as items between the producers and the consumers.
    fn poll_close(&mut self, cx: &mut Context<'_>, closed: &mut Closed<T>) -> Poll<()> {
        let mut producers = Closed::default();
        // The close registers the task at the producers in place of the flag, and a kept source may be polled again.
        self.producers_woke.raise();
        let finished = self.producers.poll_close(cx, &mut producers);
        closed.failures.append(&mut producers.failures);
        closed.between.extend(self.queue.drain());
        ready!(finished);
        closed.cause = producers.cause;
        self.close_now(closed);
        Poll::Ready(())
    }

    fn close_now(&mut self, closed: &mut Closed<T>) {
        self.queue.close();
        closed.between.extend(self.queue.drain());
    }
}
