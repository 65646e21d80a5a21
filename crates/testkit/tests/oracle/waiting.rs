//! Futures that return their borrowed values when they are dropped before their end.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A future that also ends when the wait is given up.
pub struct Waiting<T> {
    future: Pin<Box<dyn Future<Output = T>>>,
    gives_up: GivesUp,
}

#[derive(Clone, Default)]
pub struct GivesUp(Rc<Cell<bool>>);

impl<T> Waiting<T> {
    pub fn new<F: Future<Output = T> + 'static>(future: impl FnOnce(GivesUp) -> F) -> Self {
        let gives_up = GivesUp::default();
        Self { future: Box::pin(future(gives_up.clone())), gives_up }
    }

    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        self.future.as_mut().poll(cx)
    }

    /// Drops the inner future, and returns the values that the inner future has borrowed.
    pub fn give_up(mut self) -> T {
        self.gives_up.0.set(true);
        match self.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(ended) => ended,
            Poll::Pending => unreachable!("the wait was given up"),
        }
    }
}

impl GivesUp {
    /// Returns the output of `future`, or `None` if the wait is given up before.
    pub async fn or<F: Future>(self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        poll_fn(|cx| if self.0.get() { Poll::Ready(None) } else { future.as_mut().poll(cx).map(Some) }).await
    }
}
