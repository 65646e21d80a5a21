//! Futures that are polled by hand, and wakers that count.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use towpath_pattern::queue::{self, Receiver, Sender};

/// Counts its wake-ups.
#[derive(Default)]
pub struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Woken {
    pub fn times(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A future that is polled by hand.
pub struct Hand<F> {
    future: Pin<Box<F>>,
    pub woken: Arc<Woken>,
}

pub fn hand<F: Future>(future: F) -> Hand<F> {
    Hand { future: Box::pin(future), woken: Arc::default() }
}

impl<F: Future> Hand<F> {
    pub fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(&self.woken));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    pub fn woken(&self) -> usize {
        self.woken.times()
    }
}

pub fn filled<T: Copy>(items: &[T], capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = queue::bounded(capacity);
    for &item in items {
        sender.try_send(item).expect("there is room");
    }
    (sender, receiver)
}

pub fn taken<T>(receiver: &mut Receiver<T>, max: usize) -> Vec<T> {
    let mut items = Vec::new();
    assert!(hand(receiver.recv_many(max, &mut items)).poll().is_ready());
    items
}
