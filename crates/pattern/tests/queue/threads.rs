//! Many tasks on several threads: no item is lost or received twice, and every task ends.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::timeout;
use towpath_pattern::queue::{self, Receiver};

/// Receives one item, but cancels the wait now and then.
async fn recv_with_doubts(receiver: &mut Receiver<usize>, left: &AtomicUsize) -> Option<usize> {
    loop {
        tokio::select! {
            biased;
            item = receiver.recv() => return item,
            () = tokio::task::yield_now() => {}
        }
        if left.load(Ordering::SeqCst) == 0 {
            return None;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn items_are_received_once_despite_cancellation() {
    const ITEMS: usize = 20_000;
    for capacity in [0, 1, 2, 10, 1_000] {
        let (sender, receiver) = queue::bounded(capacity);
        let left = Arc::new(AtomicUsize::new(ITEMS));
        let mut producing = tokio::task::JoinSet::new();
        for kind in 0..4 {
            let sender = sender.clone();
            producing.spawn(async move {
                let mut part: VecDeque<_> = (ITEMS / 4 * kind..ITEMS / 4 * (kind + 1)).collect();
                while !part.is_empty() {
                    if kind % 2 == 0 {
                        sender.send(part.pop_front().unwrap()).await.unwrap();
                    } else {
                        tokio::select! {
                            biased;
                            put = sender.send_many(&mut part) => put.unwrap(),
                            () = tokio::task::yield_now() => {}
                        }
                    }
                }
            });
        }
        let mut consuming = tokio::task::JoinSet::new();
        for kind in 0..4 {
            let (mut receiver, left) = (receiver.clone(), Arc::clone(&left));
            consuming.spawn(async move {
                let mut taken = Vec::new();
                while left.load(Ordering::SeqCst) > 0 {
                    let before = taken.len();
                    if kind % 2 == 0 {
                        taken.extend(recv_with_doubts(&mut receiver, &left).await);
                    } else {
                        tokio::select! {
                            biased;
                            _ = receiver.recv_many(7, &mut taken) => {}
                            () = tokio::task::yield_now() => {}
                        }
                    }
                    left.fetch_sub(taken.len() - before, Ordering::SeqCst);
                }
                taken
            });
        }
        let all = async { (producing.join_all().await, consuming.join_all().await) };
        let (_, taken) = timeout(Duration::from_secs(30), all).await.unwrap_or_else(|_| {
            panic!("at capacity {capacity} a task sleeps, with {} items to take", left.load(Ordering::SeqCst))
        });
        let mut taken = taken.concat();
        taken.sort_unstable();
        assert!(taken.iter().copied().eq(0..ITEMS), "at capacity {capacity}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn receivers_do_not_sleep_while_items_wait() {
    for capacity in [0, 1, 3, 64] {
        let (sender, receiver) = queue::bounded(capacity);
        let mut consuming = tokio::task::JoinSet::new();
        for _ in 0..3 {
            let mut receiver = receiver.clone();
            consuming.spawn(async move {
                for _ in 0..5_000 {
                    receiver.recv().await.unwrap();
                }
            });
        }
        for size in [1, 1, 8] {
            let sender = sender.clone();
            consuming.spawn(async move {
                for item in 0..5_000 / size {
                    if size == 1 {
                        sender.send(item).await.unwrap();
                    } else {
                        let mut items = VecDeque::from(vec![item; size]);
                        sender.send_many(&mut items).await.unwrap();
                    }
                }
            });
        }
        // No close wakes the tasks, since the sender and the receiver of this function are still alive.
        let all = timeout(Duration::from_secs(30), consuming.join_all()).await;
        assert!(all.is_ok(), "a task sleeps at capacity {capacity}");
    }
}
