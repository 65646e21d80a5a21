//! Drops that panic during a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::runtime::Builder;
use towpath_pattern::{Cause, PatternExt, Scope, queue};
use towpath_testkit::Case;

use crate::child::in_child;
use crate::patterns;

const ITEMS: usize = 6;

/// An item. The drop of the last clone panics.
#[derive(Clone)]
struct Grenade(Arc<Explosive>);

struct Explosive(usize);

impl Drop for Explosive {
    fn drop(&mut self) {
        panic!("grenade {}", self.0);
    }
}

fn grenade(number: usize) -> Grenade {
    Grenade(Arc::new(Explosive(number)))
}

#[test]
fn receiver_that_panics_with_panicking_outputs_does_not_abort() {
    let child = in_child("unwinding::receiver_that_panics_with_panicking_outputs_does_not_abort", || {
        let pass = |item: Grenade| async move { Ok(item) };
        for multi_thread in [false, true] {
            for patterns::Named { name, pattern } in patterns::all(Case::new(2).capacity(8), &pass) {
                let mut runtime =
                    if multi_thread { Builder::new_multi_thread() } else { Builder::new_current_thread() };
                let runtime = runtime.enable_time().build().expect("a runtime");
                let scope = Scope::new("unwinding");
                let taking = catch_unwind(AssertUnwindSafe(|| {
                    runtime.block_on(async {
                        let mut run = pattern.run_in(&scope, (0..ITEMS).map(grenade));
                        std::mem::forget(run.next().await);
                        // Other threads may still run the remaining jobs.
                        while run.report().stages.last().is_some_and(|stage| stage.counts.succeeded < ITEMS) {
                            tokio::task::yield_now().await;
                        }
                        panic!("the receiver");
                    });
                }));
                let panic = taking.expect_err("the receiver panics");
                assert_eq!(panic.downcast_ref(), Some(&"the receiver"), "{name}");
                let told = runtime.block_on(scope.wait()).expect_err("the grenades exploded");
                let is_grenade =
                    matches!(told.cause(), Cause::Panicked(panic) if panic.message().contains("grenade"));
                assert!(is_grenade, "{name}: {told:#}");
            }
        }
    });
    child.well();
}

/// A panic in a drop during a panic aborts the process, and no code can catch the abort. The output has the message.
#[test]
fn job_and_item_that_both_panic_abort_with_a_message() {
    let child = in_child("unwinding::job_and_item_that_both_panic_abort_with_a_message", || {
        let job = |item: Grenade| async move {
            assert!(Arc::strong_count(&item.0) > 1, "the job");
            Ok(item)
        };
        let named = patterns::all(Case::new(2), &job).remove(0);
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let _ = runtime.block_on(named.pattern.run([grenade(0)]).collect());
    });
    child.aborted_with("panic in a destructor during cleanup");
    child.aborted_with("grenade 0");
}

/// The owner of a queue drops the items, as the owner of a `Vec` does. No code of the engine calls that drop, so the
/// engine cannot catch a panic of an item.
#[test]
fn queue_of_items_with_panicking_drops_is_dropped_as_a_vec_is() {
    let child = in_child("unwinding::queue_of_items_with_panicking_drops_is_dropped_as_a_vec_is", || {
        let one = || {
            let (producer, consumer) = queue::bounded(1);
            assert!(producer.try_send(grenade(0)).is_ok());
            drop((producer, consumer));
        };
        assert!(catch_unwind(one).is_err(), "the panic reaches the owner of the queue");
        let _ = catch_unwind(|| {
            let (producer, _consumer) = queue::bounded(1);
            assert!(producer.try_send(grenade(1)).is_ok());
            panic!("the owner of the queue");
        });
    });
    child.aborted_with("panic in a destructor during cleanup");
    child.aborted_with("the owner of the queue");
}
