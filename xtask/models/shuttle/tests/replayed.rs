//! Schedules find a fault, and find the fault again: a queue with a well-known fault.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use shuttle::future::{block_on, spawn};
use shuttle::sync::Mutex;
use towpath_models_shuttle::explore::{again, explore, replay};

/// A queue with capacity for one item. The receiver checks, unlocks, and only then registers its waker. An item that is
/// sent in between wakes no receiver.
#[derive(Default)]
struct Broken {
    item: Mutex<Option<u32>>,
    receiver: Mutex<Option<Waker>>,
}

impl Broken {
    fn give(&self, item: u32) {
        *self.item.lock().unwrap() = Some(item);
        if let Some(receiver) = self.receiver.lock().unwrap().take() {
            receiver.wake();
        }
    }

    async fn take(&self) -> u32 {
        poll_fn(|cx| {
            if let Some(item) = self.item.lock().unwrap().take() {
                return Poll::Ready(item);
            }
            *self.receiver.lock().unwrap() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

fn hands_over() {
    let broken = Arc::new(Broken::default());
    let giver = Arc::clone(&broken);
    spawn(async move { giver.give(1) });
    assert_eq!(block_on(broken.take()), 1);
}

#[test]
#[should_panic(expected = "deadlock")]
fn lost_wake_up_is_found() {
    explore(1_000, hands_over);
}

#[test]
#[should_panic(expected = "deadlock")]
fn lost_wake_up_is_found_again_by_its_seed() {
    again(11_422_428_980_724_038_679, hands_over);
}

#[test]
#[should_panic(expected = "deadlock")]
fn lost_wake_up_is_found_again_by_its_schedule() {
    replay("91010b97f8bbe1bad4a7c29e0180a802", hands_over);
}
