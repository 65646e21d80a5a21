//! A wait that has ended or was dropped leaves no memory behind, even while an earlier waiter stays in the wait list.
//! The test has a process of its own, because it measures the memory.

use std::collections::VecDeque;
use std::fs;
use std::pin::pin;
use std::task::{Context, Waker};

use tokio::runtime::Builder;
use towpath_fanout::Fanout;
use towpath_pattern::{PatternExt, queue};
use towpath_semaphore::Semaphore;

/// The number of dropped waits. An entry in a wait list has 32 bytes or more.
const TIMES: usize = 200_000;

/// The largest growth in bytes for each wait. The allocator alone may cause this growth.
const MOST_BYTES_EACH: usize = 8;

/// Returns the resident memory of the process in bytes, or zero if the system does not report the value.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default() * 4_096
}

/// Creates a future, polls the future once and drops the future, [`TIMES`] times. The memory must not grow.
fn stays_flat<F: Future>(what: &str, mut wait: impl FnMut() -> F) {
    let before = resident();
    for _ in 0..TIMES {
        assert!(
            pin!(wait()).poll(&mut Context::from_waker(Waker::noop())).is_pending(),
            "{what}: the future is pending"
        );
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < TIMES * MOST_BYTES_EACH, "{what}: {TIMES} dropped waits left {grown} bytes");
}

#[test]
fn many_waits_leave_nothing_behind() {
    for_jobs_that_wait();
    for_permits();
    for_room();
    for_an_item();
}

fn for_permits() {
    let semaphore = Semaphore::new(1);
    let mut first = pin!(semaphore.acquire_many(2));
    assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "there is one");
    stays_flat("acquire", || semaphore.acquire());
}

fn for_room() {
    let (producer, consumer) = queue::bounded(1);
    producer.try_send(0).expect("there is room");
    let mut items = VecDeque::from([1]);
    let mut first = pin!(producer.send_many(&mut items));
    assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it is full");
    stays_flat("send", || producer.send(2));
    stays_flat("send_many", || async { producer.send_many(&mut VecDeque::from([3])).await });
    assert_eq!(consumer.len(), 1);
}

fn for_an_item() {
    let (producer, mut consumer) = queue::bounded::<u8>(1);
    let others = consumer.clone();
    let mut first = pin!(consumer.recv());
    assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it is empty");
    stays_flat("take", || {
        let mut consumer = others.clone();
        async move { consumer.recv().await }
    });
    stays_flat("join", || async {
        let _ = producer.try_send(0);
        producer.join().await
    });
}

/// The same for a long run in which every job waits.
fn for_jobs_that_wait() {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let waits = |item: usize| async move {
            tokio::task::yield_now().await;
            Ok(item)
        };
        let mut run = Fanout::new(10, waits).run(0..TIMES);
        for _ in 0..TIMES / 10 {
            run.next().await.expect("there are more").expect("no failure");
        }
        let before = resident();
        while let Some(result) = run.next().await {
            result.expect("no failure");
        }
        let grown = resident().saturating_sub(before);
        assert!(grown < TIMES * MOST_BYTES_EACH, "{TIMES} jobs that waited left {grown} bytes");
    });
}
