//! Chains with more stages than a stack has frames for: neither the end nor the stop nor the drop of a stage recurses.

use std::thread;

use tokio::runtime::{Builder, Runtime};
use towpath_pattern::Scope;
use towpath_testkit::Case;

use crate::chain::Chain;
use crate::child::in_child;
use crate::patterns;
use crate::stack::SMALL;

/// The number of stages on a small stack: a frame of 220 bytes for each stage overflows the stack.
const STAGES: usize = 600;

/// The default stack size of a thread.
const USUAL: usize = 2 << 20;

/// The number of stages on a stack of the default size.
const MOST_STAGES: usize = 9_000;

/// Calls `body` for a chain of every pattern on both runtimes and small stacks, and for the longest chain on a stack of
/// the default size.
fn each(test: &str, body: fn(Runtime, Chain)) {
    let child = in_child(test, || {
        on_stack(SMALL, move || {
            let patterns = patterns::all(Case::new(1), &|item: usize| async move { Ok(item) });
            for position in 0..patterns.len() {
                for kind in [Builder::new_current_thread(), Builder::new_multi_thread()] {
                    body(runtime(kind, SMALL), Chain { position, stages: STAGES });
                }
            }
        });
        on_stack(USUAL, move || {
            body(runtime(Builder::new_multi_thread(), USUAL), Chain { position: 0, stages: MOST_STAGES });
        });
    });
    child.well();
}

fn on_stack(size: usize, body: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(size).spawn(body).expect("a thread");
    thread.join().expect("no panic");
}

fn runtime(mut kind: Builder, stack: usize) -> Runtime {
    kind.worker_threads(2).thread_stack_size(stack).enable_time().build().expect("a runtime")
}

#[test]
fn chain_that_ends_needs_no_stack() {
    each("chains::chain_that_ends_needs_no_stack", |runtime, chain| {
        runtime.block_on(runtime.spawn(chain.ends())).expect("no panic");
    });
}

#[test]
fn chain_that_is_cancelled_needs_no_stack() {
    each("chains::chain_that_is_cancelled_needs_no_stack", |runtime, chain| {
        runtime.block_on(runtime.spawn(chain.is_cancelled())).expect("no panic");
    });
}

#[test]
fn chain_that_is_dropped_needs_no_stack() {
    each("chains::chain_that_is_dropped_needs_no_stack", |runtime, chain| {
        runtime.block_on(runtime.spawn(chain.is_dropped())).expect("no panic");
    });
}

#[test]
fn chain_in_a_cancelled_scope_needs_no_stack() {
    each("chains::chain_in_a_cancelled_scope_needs_no_stack", |runtime, chain| {
        runtime.block_on(runtime.spawn(chain.is_cancelled_by_its_scope())).expect("no panic");
    });
}

#[test]
fn chain_whose_first_or_last_stage_fails_needs_no_stack() {
    each("chains::chain_whose_first_or_last_stage_fails_needs_no_stack", |runtime, chain| {
        runtime.block_on(runtime.spawn(chain.fails())).expect("no panic");
    });
}

#[test]
fn chain_whose_runtime_goes_away_needs_no_stack() {
    each("chains::chain_whose_runtime_goes_away_needs_no_stack", |runtime, chain| {
        let chained = async move { chain.waiting(&Scope::default()).await };
        let run = runtime.block_on(runtime.spawn(chained)).expect("no panic");
        drop(runtime);
        let other = Builder::new_current_thread().build().expect("a runtime");
        assert!(other.block_on(run.finish()).failures[0].is_cancelled());
    });
}
