//! Depths and numbers that overflow a small stack if the engine recurses.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::thread;

use tokio::runtime::{Builder, Runtime};
use towpath_pattern::{Pattern, PatternExt, Scope, Source, queue};
use towpath_semaphore::Semaphore;
use towpath_testkit::Case;

use crate::child::in_child;
use crate::patterns;

const MANY: usize = 1_000_000;

/// The size of a small stack. The default of a thread is 2 MiB.
pub const SMALL: usize = 128 << 10;

fn on_a_small_stack(body: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(SMALL).spawn(body).expect("a thread");
    thread.join().expect("the thread does not panic");
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime")
}

/// Polls each future once, so the future is in the wait list.
fn parked<F: Future>(futures: impl Iterator<Item = F>) -> Vec<Pin<Box<F>>> {
    let mut parked: Vec<_> = futures.map(Box::pin).collect();
    let mut cx = Context::from_waker(Waker::noop());
    let pending =
        parked.iter_mut().filter_map(|future| future.as_mut().poll(&mut cx).is_pending().then_some(()));
    assert_eq!(pending.count(), parked.len(), "all wait");
    parked
}

#[test]
fn million_items_in_a_queue_are_dropped() {
    let child = in_child("stack::million_items_in_a_queue_are_dropped", || {
        on_a_small_stack(|| {
            let (producer, consumer) = queue::bounded(MANY);
            assert!((0..MANY).all(|item| producer.try_send(Box::new(item)).is_ok()));
            drop((producer, consumer));
        });
    });
    child.well();
}

#[test]
fn million_waiters_of_a_queue_are_dropped_or_woken() {
    let child = in_child("stack::million_waiters_of_a_queue_are_dropped_or_woken", || {
        on_a_small_stack(|| {
            for close in [false, true] {
                let (producer, consumer) = queue::bounded::<usize>(0);
                let mut consumers = vec![consumer; MANY / 2];
                let taking = parked(consumers.iter_mut().map(queue::Receiver::recv));
                if close {
                    producer.close();
                }
                drop(taking);
                drop(consumers);

                let (producer, consumer) = queue::bounded(0);
                let putting = parked((0..MANY / 2).map(|item| producer.send(item)));
                if close {
                    consumer.close();
                }
                drop(putting);
            }
        });
    });
    child.well();
}

#[test]
fn million_waiters_for_a_permit_are_dropped_or_woken() {
    let child = in_child("stack::million_waiters_for_a_permit_are_dropped_or_woken", || {
        on_a_small_stack(|| {
            for (permits, close) in [(0, false), (0, true), (MANY, false)] {
                let semaphore = Semaphore::new(0);
                let acquiring = parked((0..MANY).map(|_| semaphore.acquire()));
                semaphore.add_permits(permits);
                if close {
                    semaphore.close();
                }
                drop(acquiring);
            }
        });
    });
    child.well();
}

#[test]
fn million_outputs_without_a_receiver_are_dropped() {
    let child = in_child("stack::million_outputs_without_a_receiver_are_dropped", || {
        on_a_small_stack(|| {
            let pass = |item: usize| async move { Ok(item) };
            for patterns::Named { pattern, .. } in patterns::all(Case::new(1).capacity(MANY), &pass) {
                runtime().block_on(async {
                    let scope = Scope::new("many");
                    let mut run = pattern.run_in(&scope, 0..MANY / 10);
                    run.next().await;
                    tokio::task::yield_now().await;
                    drop(run);
                    scope.wait().await.expect("nothing failed");
                });
            }
        });
    });
    child.well();
}

#[test]
fn deeply_nested_scopes_are_cancelled_and_dropped() {
    let child = in_child("stack::deeply_nested_scopes_are_cancelled_and_dropped", || {
        on_a_small_stack(|| {
            let nested = || (0..MANY / 10).fold(Scope::new("outermost"), |scope, _| scope.child("inner"));
            drop(nested());
            let innermost = nested();
            innermost.cancel();
            drop(innermost);

            let outermost = Scope::new("outermost");
            let innermost = (0..MANY / 10).fold(outermost.clone(), |scope, _| scope.child("inner"));
            outermost.cancel();
            assert!(innermost.token().is_cancelled());
            drop(outermost);
            drop(innermost);

            // The task is in the scope when the last owner of the scope is dropped.
            let runtime = runtime();
            let innermost = nested();
            let entered = runtime.enter();
            innermost.spawn("endless", std::future::pending());
            drop((innermost, entered));
            runtime.block_on(tokio::task::yield_now());
        });
    });
    child.well();
}

#[test]
fn hundreds_of_patterns_behind_each_other_run_and_are_dropped() {
    let child = in_child("stack::hundreds_of_patterns_behind_each_other_run_and_are_dropped", || {
        on_a_small_stack(|| {
            let pass = |item: usize| async move { Ok(item) };
            let one = || patterns::all(Case::new(2), &pass).remove(0).pattern;
            let long = (1..100).fold(one(), |long, _| long.then(one()).boxed());
            runtime().block_on(async {
                let outputs = long.run(0..50).collect().await.expect("nothing fails");
                assert_eq!(outputs.len(), 50);
                let scope = Scope::new("dropped");
                let mut run = long.start(Source::new(0..50), scope.clone());
                run.next().await;
                drop(run);
                scope.wait().await.expect("nothing failed");
            });
        });
    });
    child.well();
}
