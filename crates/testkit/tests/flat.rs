//! Waits that are over or given up leave nothing behind, also behind somebody who stays in line. Alone in its process,
//! whose memory is measured.

use std::collections::VecDeque;
use std::fs;
use std::pin::pin;
use std::task::{Context, Waker};

use tokio::runtime::Builder;
use towpath_fanout::Fanout;
use towpath_pattern::{PatternExt, queue};
use towpath_semaphore::Semaphore;

/// So many give up; one entry in a line has 32 bytes or more.
const TIMES: usize = 200_000;

/// The bytes for each wait that the allocator alone may account for.
const MOST_BYTES_EACH: usize = 8;

/// The resident memory of the process in bytes, or zero where the system does not report it.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default() * 4_096
}

/// Has a future wait and be dropped, again and again.
fn stays_flat<F: Future>(what: &str, mut wait: impl FnMut() -> F) {
    let before = resident();
    for _ in 0..TIMES {
        assert!(pin!(wait()).poll(&mut Context::from_waker(Waker::noop())).is_pending(), "{what}: it waits");
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < TIMES * MOST_BYTES_EACH, "{what}: {TIMES} that gave up left {grown} bytes");
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

/// Of a run that goes on for long, every job of which waits.
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
