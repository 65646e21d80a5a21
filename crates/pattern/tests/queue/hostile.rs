//! Wakers that use the queue, and wakers and items that panic.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use towpath_pattern::queue::{self, Sender};

use crate::by_hand::hand;

/// A waker that locks the queue in every wake-up and in its drop. Under the lock of the queue, both would deadlock.
struct Looks(Sender<u8>, AtomicUsize);

impl Wake for Looks {
    fn wake(self: Arc<Self>) {
        self.1.store(self.0.len(), Ordering::SeqCst);
    }
}

impl Drop for Looks {
    fn drop(&mut self) {
        assert!(self.0.len() <= self.0.capacity());
    }
}

#[test]
fn wakers_may_use_the_queue_when_woken_or_dropped() {
    let (told, over) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (sender, mut receiver) = queue::bounded::<u8>(1);
        let waker = || Waker::from(Arc::new(Looks(sender.clone(), AtomicUsize::new(0))));
        let mut recv = pin!(receiver.recv());
        for _ in 0..3 {
            assert!(recv.as_mut().poll(&mut Context::from_waker(&waker())).is_pending());
        }
        sender.try_send(1).unwrap();
        assert!(recv.as_mut().poll(&mut Context::from_waker(&waker())).is_ready());
        told.send(()).unwrap();
    });
    over.recv_timeout(Duration::from_secs(10)).expect("no deadlock, and no panic");
}

/// A waker that panics.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("this waker panics");
    }
}

#[test]
fn panicking_waker_costs_no_other_its_wake_up() {
    let (sender, mut one) = queue::bounded::<u8>(1);
    let (mut two, mut three) = (one.clone(), one.clone());
    let mut first = hand(one.recv());
    assert!(first.poll().is_pending());
    let mut second = pin!(two.recv());
    assert!(second.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::new(Panics)))).is_pending());
    let mut third = hand(three.recv());
    assert!(third.poll().is_pending());
    let closing = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| sender.close()));
    assert!(closing.is_err(), "the panic comes out of the close");
    assert_eq!((first.woken(), third.woken()), (1, 1));
    assert_eq!((first.poll(), third.poll()), (Poll::Ready(None), Poll::Ready(None)));
}

#[test]
fn million_items_drop_on_a_small_stack() {
    let drops = std::thread::Builder::new().stack_size(128 * 1024).spawn(|| {
        let (sender, receiver) = queue::bounded(usize::MAX);
        let mut items: VecDeque<_> = (0..1_000_000).map(Some).collect();
        assert!(hand(sender.send_many(&mut items)).poll().is_ready());
        drop((sender, receiver));
    });
    drops.unwrap().join().expect("no overflow");
}
