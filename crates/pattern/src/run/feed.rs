//! A run as the source of the next stage, whose workers take its outputs straight from its queue.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::Run;
use crate::source::{Closed, Feed, Filled, Inbox};
use crate::stage::{Stage, Took};

impl<Out: Send + 'static> Feed<Out> for Run<Out> {
    fn fill(&mut self, cx: &mut Context<'_>, max: usize, into: &mut Inbox<Out>) -> Filled {
        let finished = if self.held.is_empty() {
            if let Some(filled) = self.outlet.pass_on(max, into) {
                return filled;
            }
            let yielded = std::mem::take(&mut self.yielded);
            match self.outlet.poll_take(cx, 1, yielded, &mut self.held) {
                Poll::Pending => return Filled::Waiting,
                Poll::Ready(Took::End) => return Filled::Ended,
                Poll::Ready(Took::Some) => self.held.pop_front(),
            }
        } else {
            // What was held when the run became a source goes first.
            self.pop_held()
        };
        match finished.map(|finished| (finished.place.index, finished.result)) {
            Some((index, Ok(value))) => into.push(index, value),
            Some((_, Err(failure))) => return Filled::Failed(failure),
            None => {}
        }
        Filled::Full
    }

    fn computes(&self) -> bool {
        false
    }

    fn needs_polling(&self) -> bool {
        false
    }

    fn stages(&self) -> Vec<Arc<dyn Stage>> {
        self.stages.clone()
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, closed: &mut Closed<Out>) -> Poll<()> {
        self.outlet.stop();
        // Before what is there is taken: an output that comes later wakes this task.
        let over = self.outlet.poll_over(cx);
        for output in self.held.drain(..).chain(self.outlet.take_rest()) {
            match output.result {
                Ok(value) => closed.between.push_back((output.place.index, value)),
                Err(failure) => closed.failures.push(failure),
            }
        }
        ready!(over);
        let (cause, others) = self.outlet.take_failures();
        closed.cause = cause;
        closed.failures.extend(others);
        Poll::Ready(())
    }
}
