//! The protocol of the runners, in thousands of schedules of a stage with several runners.

use std::sync::Arc;

use towpath_models_runners::explore::{any, explore};
use towpath_models_runners::fault::Fault;
use towpath_models_runners::shuttled::harness::{MakeJob, Stage, World, wake_itself};
use towpath_models_runners::stage::Size;

const SIZE: Size = Size { threads: 2, limit: 4, bound: 8, batch: 4, turns: 3 };

/// A job that wakes itself up to two times.
const WAKES_ITSELF: MakeJob = |_, _| {
    Box::pin(async {
        for _ in 0..any(0..=2) {
            wake_itself().await;
        }
    })
};

/// A job that waits for the job of the next item, except for the last of each four.
const WAITS_FOR_THE_NEXT: MakeJob = |world, item| {
    Box::pin(async move {
        if item % 4 != 3 {
            world.until(item + 1).await;
        }
        world.pass(item);
    })
};

/// A job that waits for its own mark.
const WAITS_FOR_OUTSIDE: MakeJob = |world, item| Box::pin(async move { world.until(item).await });

/// A job that blocks its thread until the job of the next item has ended, except for the last of each two.
const COMPUTES_UNTIL_THE_NEXT: MakeJob = |world, item| {
    Box::pin(async move {
        if item % 2 == 0 {
            world.block(item + 1);
        }
        world.pass(item);
    })
};

/// A job that waits for its own mark. The first job then blocks its thread until the second has ended.
const COMPUTES_AFTER_A_WAIT: MakeJob = |world, item| {
    Box::pin(async move {
        world.until(100 + item).await;
        if item == 0 {
            world.block(1);
        }
        world.pass(item);
    })
};

/// The first job waits for a mark, and then blocks its thread until the second item has been run.
const FIRST_COMPUTES_UNTIL_LATER_ITEM: MakeJob = |world, item| {
    Box::pin(async move {
        match item {
            0 => {
                world.until(100).await;
                world.block(1);
            }
            _ => world.pass(1),
        }
    })
};

/// The first job wakes itself until the second has been run.
const FIRST_WAKES_ITSELF_UNTIL_THE_SECOND: MakeJob = |world, item| {
    Box::pin(async move {
        while item == 0 && !world.has_passed(1) {
            wake_itself().await;
        }
        world.pass(item);
    })
};

fn passes_one_by_one(world: Arc<World>, marks: std::ops::Range<usize>) {
    Stage::spawn(async move {
        for mark in marks {
            world.pass(mark);
        }
    });
}

fn jobs_that_wake_themselves(size: Size, fault: Fault) {
    let stage = Stage::start(size, fault, WAKES_ITSELF);
    stage.supply_one_by_one(6);
    stage.run_to_its_end(6);
}

fn the_last_is_first(size: Size, fault: Fault) {
    let stage = Stage::start(size, fault, WAITS_FOR_THE_NEXT);
    stage.supply(8, true);
    stage.run_to_its_end(8);
}

fn jobs_woken_from_outside(size: Size, fault: Fault) {
    let stage = Stage::start(size, fault, WAITS_FOR_OUTSIDE);
    passes_one_by_one(stage.world(), 0..4);
    stage.supply_one_by_one(4);
    stage.run_to_its_end(4);
}

fn items_that_compute(size: Size, fault: Fault) {
    let stage = Stage::start(size, fault, COMPUTES_UNTIL_THE_NEXT);
    stage.supply(4, true);
    stage.run_to_its_end(4);
}

fn woken_jobs_that_compute(size: Size, fault: Fault) {
    let stage = Stage::start(size, fault, COMPUTES_AFTER_A_WAIT);
    stage.supply(2, true);
    passes_one_by_one(stage.world(), 100..102);
    stage.run_to_its_end(2);
}

fn an_item_behind_a_job_that_computes(size: Size, fault: Fault) {
    let stage = Arc::new(Stage::start(size, fault, FIRST_COMPUTES_UNTIL_LATER_ITEM));
    stage.supply(1, false);
    let world = stage.world();
    let here = Arc::clone(&stage);
    Stage::spawn(async move {
        world.pass(100);
        here.supply(1, true);
    });
    stage.run_to_its_end(2);
}

fn a_job_that_wakes_itself_for_long(size: Size, fault: Fault) {
    let stage = Stage::start(size, fault, FIRST_WAKES_ITSELF_UNTIL_THE_SECOND);
    stage.supply(2, true);
    stage.run_to_its_end(2);
}

fn stopped(size: Size, fault: Fault, make: MakeJob) {
    let stage = Arc::new(Stage::start(size, fault, make));
    stage.supply_one_by_one(4);
    let here = Arc::clone(&stage);
    Stage::spawn(async move { here.stop() });
    stage.run_to_its_stop(4);
}

#[test]
fn jobs_waking_themselves_all_end() {
    explore(6_000, || jobs_that_wake_themselves(SIZE, Fault::None));
}

#[test]
fn jobs_beyond_the_limit_all_end() {
    explore(6_000, || {
        jobs_that_wake_themselves(Size { threads: 3, limit: 2, bound: 3, batch: 2, turns: 3 }, Fault::None);
    });
}

#[test]
fn jobs_ending_last_first_all_end() {
    explore(10_000, || the_last_is_first(SIZE, Fault::None));
}

#[test]
fn jobs_ending_last_first_on_three_runners_all_end() {
    explore(6_000, || the_last_is_first(Size { threads: 3, ..SIZE }, Fault::None));
}

#[test]
fn jobs_woken_from_outside_all_end() {
    explore(10_000, || jobs_woken_from_outside(SIZE, Fault::None));
}

#[test]
fn single_runner_is_enough() {
    explore(6_000, || {
        jobs_woken_from_outside(Size { threads: 1, limit: 2, bound: 2, batch: 2, turns: 3 }, Fault::None);
    });
}

#[test]
fn item_is_not_held_up_by_a_job_that_computes() {
    explore(6_000, || items_that_compute(Size { batch: 1, ..SIZE }, Fault::None));
}

#[test]
fn woken_job_is_not_held_up_by_a_job_that_computes() {
    explore(6_000, || woken_jobs_that_compute(Size { batch: 1, ..SIZE }, Fault::None));
}

#[test]
fn source_is_not_held_up_by_a_job_that_computes() {
    explore(10_000, || an_item_behind_a_job_that_computes(Size { batch: 1, ..SIZE }, Fault::None));
}

#[test]
fn item_is_not_held_up_by_a_job_waking_itself() {
    explore(2_000, || {
        a_job_that_wakes_itself_for_long(
            Size { threads: 1, limit: 2, bound: 2, batch: 1, turns: 3 },
            Fault::None,
        );
    });
}

#[test]
fn small_bound_lets_every_item_through() {
    explore(6_000, || {
        jobs_woken_from_outside(Size { threads: 2, limit: 1, bound: 1, batch: 1, turns: 3 }, Fault::None);
    });
}

#[test]
fn stop_ends_jobs_that_wait() {
    explore(10_000, || stopped(SIZE, Fault::None, WAITS_FOR_OUTSIDE));
}

#[test]
fn stop_ends_jobs_that_wake_each_other() {
    explore(10_000, || stopped(SIZE, Fault::None, WAITS_FOR_THE_NEXT));
}

#[test]
fn stop_ends_jobs_that_wake_themselves() {
    explore(6_000, || stopped(Size { threads: 3, ..SIZE }, Fault::None, WAKES_ITSELF));
}

#[test]
fn jobs_are_not_held_up_by_one_that_blocks_its_thread() {
    explore(6_000, || woken_jobs_that_compute(Size { threads: 1, batch: 1, ..SIZE }, Fault::None));
}

/// The fault of the first sketch: the end of a job is counted before its wait is.
#[test]
#[should_panic(expected = "more jobs have ended than were counted")]
fn counting_runners_is_found() {
    explore(10_000, || the_last_is_first(SIZE, Fault::CountsRunners));
}

#[test]
#[should_panic(expected = "deadlock")]
fn parking_after_the_unlock_is_found() {
    explore(10_000, || jobs_woken_from_outside(SIZE, Fault::ParksAfterTheUnlock));
}

#[test]
#[should_panic(expected = "deadlock")]
fn spawning_up_to_the_threads_is_found() {
    explore(10_000, || {
        woken_jobs_that_compute(Size { threads: 1, batch: 1, ..SIZE }, Fault::SpawnsUpToTheThreads);
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn missing_notify_after_a_take_is_found() {
    explore(10_000, || items_that_compute(Size { batch: 1, ..SIZE }, Fault::NoNotifyAfterATake));
}

#[test]
#[should_panic(expected = "deadlock")]
fn missing_notify_for_a_job_is_found() {
    explore(10_000, || jobs_woken_from_outside(SIZE, Fault::NoNotifyForAJob));
}

#[test]
#[should_panic(expected = "deadlock")]
fn missing_notify_for_capacity_is_found() {
    explore(10_000, || {
        jobs_woken_from_outside(
            Size { threads: 2, limit: 1, bound: 1, batch: 1, turns: 3 },
            Fault::NoNotifyForRoom,
        );
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn listening_while_it_runs_is_found() {
    explore(20_000, || {
        an_item_behind_a_job_that_computes(Size { batch: 1, ..SIZE }, Fault::ListensWhileItRuns);
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn losing_a_wake_during_a_poll_is_found() {
    explore(10_000, || jobs_that_wake_themselves(SIZE, Fault::LosesAWakeDuringAPoll));
}

#[test]
#[should_panic(expected = "there are")]
fn leaving_while_jobs_wait_is_found() {
    explore(10_000, || jobs_woken_from_outside(SIZE, Fault::LeavesWhileJobsWait));
}

#[test]
#[should_panic(expected = "deadlock")]
fn stopping_without_notify_is_found() {
    explore(10_000, || stopped(SIZE, Fault::StopsWithoutNotify, WAITS_FOR_OUTSIDE));
}

#[test]
#[should_panic(expected = "deadlock")]
fn leaving_without_notify_is_found() {
    explore(10_000, || jobs_woken_from_outside(SIZE, Fault::LeavesWithoutNotify));
}
