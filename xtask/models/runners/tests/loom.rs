//! The protocol of the runners, in every order of the steps with at most two preemptions.

use std::sync::Arc;

use towpath_models_runners::explore_loom::with_preemptions;
use towpath_models_runners::fault::Fault;
use towpath_models_runners::loomed::harness::{MakeJob, Stage};
use towpath_models_runners::stage::Size;

const ONE: Size = Size { threads: 1, limit: 1, bound: 1, batch: 1, turns: usize::MAX };
const TWO: Size = Size { threads: 2, limit: 2, bound: 2, batch: 2, turns: usize::MAX };

const ENDS_AT_ONCE: MakeJob = |_, _| Box::pin(std::future::ready(()));

const WAITS_FOR_OUTSIDE: MakeJob = |world, _| Box::pin(async move { world.until(0).await });

/// The first job waits for the second.
const WAITS_FOR_THE_NEXT: MakeJob = |world, item| {
    Box::pin(async move {
        if item == 0 {
            world.until(1).await;
        }
        world.pass(item);
    })
};

fn woken_from_outside(fault: Fault) {
    let stage = Stage::start(ONE, fault, WAITS_FOR_OUTSIDE);
    stage.supply(1, true);
    let world = stage.world();
    Stage::spawn(async move { world.pass(0) });
    stage.run_to_its_end(1);
}

fn stopped(fault: Fault) {
    let stage = Arc::new(Stage::start(ONE, fault, WAITS_FOR_OUTSIDE));
    stage.supply(1, true);
    let here = Arc::clone(&stage);
    Stage::spawn(async move { here.stop() });
    stage.run_to_its_stop(1);
}

#[test]
fn job_woken_as_its_runner_parks_ends() {
    with_preemptions(2, || woken_from_outside(Fault::None));
}

#[test]
fn item_coming_as_the_runner_parks_is_taken() {
    with_preemptions(2, || {
        let stage = Stage::start(ONE, Fault::None, ENDS_AT_ONCE);
        stage.supply_one_by_one(1);
        stage.run_to_its_end(1);
    });
}

#[test]
fn room_made_as_the_runner_parks_is_used() {
    with_preemptions(2, || {
        let stage = Stage::start(ONE, Fault::None, ENDS_AT_ONCE);
        stage.supply(2, true);
        stage.run_to_its_end(2);
    });
}

#[test]
fn two_runners_end_jobs_that_wait_for_each_other() {
    with_preemptions(2, || {
        let stage = Stage::start(TWO, Fault::None, WAITS_FOR_THE_NEXT);
        stage.supply(2, true);
        stage.run_to_its_end(2);
    });
}

#[test]
fn stop_as_a_job_begins_to_wait_ends_it() {
    with_preemptions(2, || stopped(Fault::None));
}

/// Shuttle finds the other faults: a deadlock that loom finds may abort the process.
#[test]
#[should_panic(expected = "deadlock")]
fn stopping_without_notify_is_found() {
    with_preemptions(2, || stopped(Fault::StopsWithoutNotify));
}
