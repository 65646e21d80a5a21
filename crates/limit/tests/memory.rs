//! The memory of the limiters by key: a flood of keys, one after the other or all at once, leaves no memory behind.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use peak_alloc::PeakAlloc;
use tokio::time::advance;
use towpath_limit::{Limiter, Rate, per_key};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The number of keys; a million with `cargo xtask test --long`.
fn number_of_keys() -> u32 {
    if std::env::var_os("TOWPATH_LONG").is_some() { 1_000_000 } else { 100_000 }
}

fn poll<F: Future>(future: F) -> Poll<F::Output> {
    let mut future: Pin<Box<F>> = Box::pin(future);
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Returns the bytes by which the memory has grown at its peak and at the end of `work`.
fn grown(work: impl FnOnce()) -> (usize, usize) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    work();
    let peak = ALLOCATOR.peak_usage() - before;
    (peak, ALLOCATOR.current_usage().saturating_sub(before))
}

/// One test, since the allocator counts for the whole process.
#[tokio::test(start_paused = true)]
async fn flood_of_keys_leaves_no_memory() {
    let keys = number_of_keys();
    // One after the other: a key at a time, with the memory of a thousand keys.
    let limiter = per_key(1, |key: &u32| key.to_string());
    let (peak, end) = grown(|| {
        for key in 0..keys {
            assert!(poll(limiter.acquire(&key)).is_ready());
        }
    });
    assert!(peak < 600_000 && end < 200_000, "one at a time: {peak} bytes at the peak, {end} at the end");

    // All at once: memory for the items that hold permits, and none at the end.
    let (peak, end) = grown(|| {
        let permits: Vec<_> = (0..keys).map(|key| poll(limiter.acquire(&key))).collect();
        assert_eq!(limiter.keys(), keys as usize);
        drop(permits);
    });
    assert!(peak < 400 * keys as usize, "all at once: {} bytes each", peak / keys as usize);
    assert!(end < 200_000, "all at once: {end} bytes at the end");

    // A hot key: the later half of the waits is dropped, then the permit, and then the earlier half.
    let (_, end) = grown(|| {
        let held = poll(limiter.acquire(&0));
        let mut waits: Vec<_> = (0..keys / 10).map(|_| Box::pin(limiter.acquire(&0))).collect();
        for waiting in &mut waits {
            assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        let rest = waits.split_off(waits.len() / 2);
        drop((rest, held, waits));
        assert_eq!(limiter.keys(), 0);
    });
    assert!(end < 200_000, "a hot key: {end} bytes at the end");

    // A rate for each key: the keys of the last intervals alone.
    let limiter = Rate::per_second(1_000).burst(1).per_key(|key: &u32| key.to_string());
    let before = ALLOCATOR.current_usage();
    let mut most = 0;
    for key in 0..keys / 4 {
        let Poll::Ready(Ok(mut permit)) = poll(limiter.acquire(&key)) else { panic!("no wait") };
        Limiter::<u32>::started(&limiter, &mut permit);
        if key % 100 == 0 {
            advance(Duration::from_millis(1)).await;
        }
        most = most.max(limiter.keys());
    }
    assert!(most <= 300, "{most} keys");
    let end = ALLOCATOR.current_usage().saturating_sub(before);
    assert!(end < 200_000, "a rate for each key: {end} bytes at the end");

    advance(Duration::from_secs(1)).await;
    // Later uses forget the keys of a flood in one interval, and free their memory.
    for key in 0..keys / 4 {
        let Poll::Ready(Ok(mut permit)) = poll(limiter.acquire(&key)) else { panic!("no wait") };
        Limiter::<u32>::started(&limiter, &mut permit);
    }
    assert_eq!(limiter.keys(), keys as usize / 4);
    advance(Duration::from_secs(1)).await;
    for _ in 0..keys / 4 / 8 {
        drop(poll(limiter.acquire(&0)));
    }
    assert!(limiter.keys() <= 1, "{} keys", limiter.keys());
    let end = ALLOCATOR.current_usage().saturating_sub(before);
    assert!(end < 200_000, "after a flood: {end} bytes at the end");
}
