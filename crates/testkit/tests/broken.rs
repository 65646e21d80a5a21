//! Tests of the suite: each pattern under `broken/` breaks a law on purpose, and the suite must name the broken law.
//!
//! A `Run` keeps some laws by construction. The public interface has no way to count an item twice, to yield an output
//! twice or under the index of another item, to lose a panic between the worker and the run, or to make jobs wait for a
//! receiver. The patterns break such a law outside the `Run` instead: in the job of the run, in the source, the
//! settings or the scope, or with tasks of their own.

mod broken {
    pub mod bounds;
    pub mod cancellation;
    pub mod conservation;
    pub mod first_cause;
    pub mod flaw;
    pub mod no_added_wait;
    pub mod no_silence;
    pub mod order;
    pub mod progress;
    pub mod structure;
}
#[path = "../../fanout/tests/subject/mod.rs"]
mod fanout;

use std::collections::BTreeSet;

use broken::flaw::{Broken, Flaw};
use broken::{
    bounds, cancellation, conservation, first_cause, no_added_wait, no_silence, order, progress, structure,
};
use towpath_testkit::{Law, Runtime, Subject, verdicts};

/// Returns the laws that `subject` breaks on the runtime, with the observation of each verdict.
fn violations(subject: impl Subject, on: Runtime) -> Vec<(Law, String)> {
    let failed = verdicts(subject, on).into_iter();
    failed.filter_map(|verdict| Some((verdict.law, verdict.violation?))).collect()
}

/// Asserts that the suite reports that `flaw` breaks `law` and the laws in `also`, and no further law.
#[track_caller]
fn breaks(flaw: impl Flaw, law: Law, also: &[Law]) {
    let violations = violations(Broken(flaw), Runtime::CurrentThread);
    let expected: BTreeSet<_> = also.iter().copied().chain([law]).collect();
    let told: BTreeSet<_> = violations.iter().map(|violation| violation.0).collect();
    let text: Vec<_> = violations.iter().map(|violation| &*violation.1).collect();
    assert_eq!(told, expected, "the suite says:\n{}", text.join("\n"));
}

#[track_caller]
fn passes(subject: &impl Subject) {
    for on in [Runtime::CurrentThread, Runtime::Stepped] {
        let violations = violations(subject.clone(), on);
        assert!(violations.is_empty(), "the suite says: {violations:#?}");
    }
}

/// Asserts that the runtime that stops a run at every poll reports that `subject` breaks `law`.
#[track_caller]
fn breaks_at_a_poll(subject: impl Subject, law: Law) {
    let violations = violations(subject, Runtime::Stepped);
    assert!(violations.iter().any(|violation| violation.0 == law), "the suite says: {violations:#?}");
}

#[test]
fn control_fanout_passes() {
    passes(&fanout::fanout());
    passes(&fanout::fanout_ordered());
}

#[test]
fn control_what_is_not_broken_passes() {
    passes(&Broken(broken::flaw::Sound));
}

#[test]
fn item_lost_on_a_cancel_breaks_conservation() {
    breaks(conservation::BeginsTooEarly, Law::Conservation, &[]);
}

#[test]
fn job_above_the_limit_breaks_bounds() {
    breaks(bounds::OneMoreJob, Law::Bounds, &[]);
}

#[test]
fn item_above_the_capacity_breaks_bounds() {
    breaks(bounds::OneMoreItem, Law::Bounds, &[]);
}

#[test]
fn source_polled_past_the_bound_breaks_bounds() {
    breaks(
        bounds::FetchesAhead,
        Law::Bounds,
        // A drain returns none of the items that were taken ahead.
        &[Law::Conservation, Law::Progress, Law::FirstCause, Law::NoSilence, Law::Order],
    );
}

#[test]
fn detached_jobs_break_structure() {
    breaks(
        structure::DetachesItsJobs,
        Law::Structure,
        &[Law::Conservation, Law::FirstCause, Law::NoSilence, Law::Cancellation],
    );
}

#[test]
fn task_left_behind_breaks_structure() {
    breaks(structure::LeavesATask, Law::Structure, &[]);
}

#[test]
fn jobs_without_a_scope_break_structure() {
    // The check of law 7 cancels the scope that a job receives.
    breaks(structure::GivesItsJobsNoScope, Law::Structure, &[Law::Cancellation]);
}

#[test]
fn jobs_that_stop_while_nobody_takes_break_progress() {
    breaks(progress::StopsAtTheLimit, Law::Progress, &[]);
}

#[test]
fn cause_reported_as_cancelled_breaks_first_cause() {
    // The reply of a service has the wrong cause, too.
    breaks(first_cause::SaysCancelled, Law::FirstCause, &[Law::NoSilence]);
}

#[test]
fn run_that_cancels_itself_on_a_failure_breaks_first_cause() {
    breaks(first_cause::CancelsItself, Law::FirstCause, &[Law::Conservation, Law::NoSilence]);
}

#[test]
fn swallowed_panic_breaks_no_silence() {
    breaks(no_silence::SwallowsPanics, Law::NoSilence, &[Law::Conservation, Law::FirstCause]);
}

#[test]
fn scope_that_is_ignored_breaks_cancellation() {
    breaks(
        cancellation::IgnoresItsScope,
        Law::Cancellation,
        &[Law::Conservation, Law::Structure, Law::FirstCause, Law::NoSilence],
    );
}

#[test]
fn deadline_that_is_ignored_breaks_cancellation() {
    breaks(
        cancellation::IgnoresTheDeadline,
        Law::Cancellation,
        &[Law::Conservation, Law::Structure, Law::FirstCause, Law::NoSilence],
    );
}

#[test]
fn cancel_that_is_noticed_later_breaks_cancellation() {
    breaks(
        cancellation::NoticesTheCancelLater,
        Law::Cancellation,
        &[Law::Conservation, Law::Structure, Law::NoSilence],
    );
}

#[test]
fn order_that_is_not_kept_breaks_order() {
    breaks(order::OutOfOrder, Law::Order, &[Law::FirstCause]);
}

#[test]
fn outputs_held_back_for_no_order_break_order() {
    // The failure beyond the tolerated failures waits behind later outputs.
    breaks(order::HoldsBack, Law::Order, &[Law::FirstCause, Law::NoAddedWait]);
}

#[test]
fn items_numbered_anew_break_order() {
    breaks(order::NumbersAnew, Law::Order, &[Law::Conservation, Law::Progress, Law::NoSilence]);
}

#[test]
fn batch_across_a_pending_item_breaks_no_added_wait() {
    breaks(no_added_wait::WaitsForItsNeighbour, Law::NoAddedWait, &[]);
}

#[test]
fn flaw_of_any_law_is_seen_at_some_poll() {
    breaks_at_a_poll(Broken(conservation::BeginsTooEarly), Law::Conservation);
    breaks_at_a_poll(Broken(bounds::OneMoreJob), Law::Bounds);
    breaks_at_a_poll(Broken(bounds::OneMoreItem), Law::Bounds);
    breaks_at_a_poll(Broken(structure::LeavesATask), Law::Structure);
    breaks_at_a_poll(progress::ForgetsItsPermits, Law::Progress);
    breaks_at_a_poll(Broken(first_cause::CancelsItself), Law::FirstCause);
    breaks_at_a_poll(Broken(no_silence::SwallowsPanics), Law::NoSilence);
    breaks_at_a_poll(Broken(cancellation::IgnoresItsScope), Law::Cancellation);
    breaks_at_a_poll(Broken(cancellation::IgnoresTheDeadline), Law::Cancellation);
    breaks_at_a_poll(Broken(order::OutOfOrder), Law::Order);
    breaks_at_a_poll(Broken(order::HoldsBack), Law::Order);
    breaks_at_a_poll(Broken(no_added_wait::Naps), Law::NoAddedWait);
}
