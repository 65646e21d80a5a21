//! The nine laws of a pattern that deals the items of its source out to several runs, and merges the outputs of these
//! runs.

use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use futures_core::Stream;
use towpath_fanout::Fanout;
use towpath_pattern::{Cause, Failure, Pattern, PatternExt, Run, Scope, Source, anyhow};

/// The number of merged runs.
const RUNS: usize = 3;

/// A source whose items go to the parts in turn, so a merge of the parts gives every item the index that the item has
/// in the source.
struct Deal<T> {
    source: Source<T>,
    /// The part of the next item.
    turn: usize,
    has_ended: bool,
    waiting: [Option<Waker>; RUNS],
}

impl<T: Send + 'static> Deal<T> {
    /// Polls for the next item of a part. The wakers of the parts that can proceed are moved to `woken`.
    fn poll_part(
        &mut self,
        part: usize,
        cx: &mut Context<'_>,
        woken: &mut Vec<Waker>,
    ) -> Poll<Option<Result<T, Cause>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        if self.turn != part {
            self.waiting[part] = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let item = ready!(pin!(self.source.next()).poll(cx));
        if let Some(Ok(_)) = item {
            self.turn = (part + 1) % RUNS;
            woken.extend(self.waiting[self.turn].take());
        } else {
            self.has_ended = true;
            woken.extend(self.waiting.iter_mut().filter_map(Option::take));
        }
        Poll::Ready(item.map(|item| item.map_err(Failure::into_cause)))
    }
}

/// The items of a single part.
struct Part<T> {
    deal: Arc<Mutex<Deal<T>>>,
    number: usize,
}

impl<T: Send + 'static> Stream for Part<T> {
    type Item = anyhow::Result<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut woken = Vec::new();
        let polled = {
            let mut deal = self.deal.lock().unwrap_or_else(PoisonError::into_inner);
            deal.poll_part(self.number, cx, &mut woken)
        };
        woken.into_iter().for_each(Waker::wake);
        polled.map(|item| match item? {
            Ok(item) => Some(Ok(item)),
            Err(Cause::Errored(error)) => Some(Err(error)),
            Err(panic) => resume_unwind(Box::new(panic.to_string())),
        })
    }
}

/// A pattern whose source is a merge of several runs of `first`.
struct Merged<In, Out> {
    first: Box<dyn Pattern<In, Out = In>>,
    next: Box<dyn Pattern<In, Out = Out>>,
}

impl<In: Send + 'static, Out: Send + 'static> Pattern<In> for Merged<In, Out> {
    type Out = Out;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<Out> {
        let waiting = std::array::from_fn(|_| None);
        let deal = Arc::new(Mutex::new(Deal { source: input, turn: 0, has_ended: false, waiting }));
        let runs: [Source<In>; RUNS] = std::array::from_fn(|number| {
            let part = Source::try_stream(Part { deal: Arc::clone(&deal), number });
            Source::new(self.first.start(part, scope.clone()))
        });
        drop(deal);
        self.next.start(Source::merge(runs), scope)
    }

    /// The parts get the items in turn, so a merged item has the number of its input.
    fn is_one_to_one(&self) -> bool {
        self.first.is_one_to_one() && self.next.is_one_to_one()
    }
}

towpath_testkit::conformance! {
    merged_runs(case, job) -> AsCompleted { stages: RUNS + 1, first_stages: RUNS } => {
        let pass = Fanout::new(case.limit, |item: In| async move { Ok(item) });
        let job = Fanout::new(case.limit, job);
        Merged {
            first: pass.capacity(case.capacity).on_failure(case.on_failure).boxed(),
            next: job.capacity(case.capacity).on_failure(case.on_failure).boxed(),
        }
    };
}
