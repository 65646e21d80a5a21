//! The nine laws, judged on the observations of a play.

use std::time::Duration;

use towpath_pattern::{Cancelled, Cause, Failure, OnFailure};

use super::play::{Marks, Witness};
use super::scene::{Receiver, Scene, Stop};
use crate::check::{Law, Violation};
use crate::laws::{bounds, conservation, first_cause, order};
use crate::probe::{End, Fate, SOURCE_FAILED};
use crate::runtime::Outcome;
use crate::testable::Testable;

type Question = fn(&dyn Testable, &Scene, &Witness) -> Outcome;

/// The laws that a completed play can break. A play that does not complete breaks the law of progress.
const QUESTIONS: [(Law, Question); 8] = [
    (Law::Conservation, conservation),
    (Law::Bounds, bounds),
    (Law::Structure, structure),
    (Law::FirstCause, first_cause),
    (Law::NoSilence, no_silence),
    (Law::Cancellation, cancellation),
    (Law::Order, order),
    (Law::NoAddedWait, no_added_wait),
];

/// Returns every law that the play has broken.
pub(super) fn judge(tested: &dyn Testable, scene: &Scene, witness: &Witness) -> Vec<Violation> {
    let broken = QUESTIONS.iter().filter_map(|(law, asks)| Some((*law, asks(tested, scene, witness).err()?)));
    broken.map(|(law, what)| Violation { law, what }).collect()
}

fn conservation(tested: &dyn Testable, scene: &Scene, witness: &Witness) -> Outcome {
    let played = &witness.played;
    // The items after the failure of a source do not exist.
    let items = if scene.fault.is_some() { played.ledger.seen().handed_out } else { scene.plans.len() };
    if let Some(report) = &played.report {
        conservation::adds_up(tested, played, report)?;
        conservation::source(tested, items, played, report)?;
    }
    conservation::nothing_twice(played)?;
    if tested.stages() == 1 {
        conservation::all_are_started_or_kept(tested, items, played)?;
    }
    let seen = played.ledger.seen();
    match (seen.tokens, seen.sources) {
        (0, 0) => Ok(()),
        (items, sources) => {
            Err(format!("{items} items and {sources} sources were left at the end; 0 would be right"))
        }
    }
}

fn bounds(tested: &dyn Testable, scene: &Scene, witness: &Witness) -> Outcome {
    bounds::within_the_limit(tested, scene.case, &witness.played)?;
    let failed = scene.plans.iter().any(|plan| plan.end != End::Succeed) || scene.fault.is_some();
    let passes_on = scene.case.on_failure == OnFailure::Continue && failed;
    if passes_on && scene.case.capacity == 0 && tested.stages() > 1 {
        // A queue without capacity admits an item for a free worker. The worker may then take a failure from an
        // earlier stage instead.
        return Ok(());
    }
    bounds::within_the_bound(tested, scene.case, scene.form, &witness.played)
}

fn structure(_: &dyn Testable, _: &Scene, witness: &Witness) -> Outcome {
    match (witness.played.left, witness.tasks_left) {
        (0, 0) => Ok(()),
        (jobs, tasks) => {
            Err(format!("{jobs} jobs and {tasks} tasks were left at the end of the run; 0 would be right"))
        }
    }
}

/// Returns the reported failures in the order of the reports, including cancellations.
fn reported(witness: &Witness) -> Vec<&Failure> {
    let played = &witness.played;
    let yielded = played.yielded.iter().filter_map(|result| result.as_ref().err());
    let untaken = played.report.iter().flat_map(|report| &report.failures);
    let recorded =
        played.closed.as_ref().err().into_iter().chain(&witness.further).chain(witness.parent.as_ref().err());
    yielded.chain(untaken).chain(recorded).collect()
}

fn of_the_source(failure: &Failure) -> bool {
    failure.stage() == "source"
}

/// Returns the items of failed jobs, in the order of the failures.
fn failed_jobs(ended: &[(usize, Fate)]) -> Vec<usize> {
    ended.iter().filter(|ended| first_cause::failed(ended.1)).map(|ended| ended.0).collect()
}

fn first_cause(tested: &dyn Testable, scene: &Scene, witness: &Witness) -> Outcome {
    let played = &witness.played;
    let source_failed = witness.source_failed;
    let ended = played.ledger.seen().ended.clone();
    let is_stopped = witness.stopped.is_some() && scene.stop != Stop::Release;
    if scene.case.on_failure == OnFailure::Continue {
        let all = !is_stopped && !source_failed && scene.receiver == Receiver::Next;
        return if all { first_cause::every_outcome(tested, &scene.plans, played) } else { Ok(()) };
    }
    if scene.receiver == Receiver::Next {
        first_cause::shape(tested, played)?;
    }
    let reported = reported(witness);
    let cause = reported.first().copied();
    let is_of_job = |failure: &Failure, index| !of_the_source(failure) && failure.index() == Some(index);
    let before = witness.stopped.filter(|_| is_stopped).map_or(&ended[..], |marks| &ended[..marks.ended]);
    let first = failed_jobs(before).first().copied();
    match (first, cause) {
        _ if witness.dropped => Ok(()),
        (Some(first), Some(cause)) if is_of_job(cause, first) => Ok(()),
        // The ledger does not order a failure of a job and a failure of the source.
        (_, Some(cause)) if source_failed && of_the_source(cause) => Ok(()),
        (Some(first), _) => Err(format!(
            "the job of item {first} was the first that failed, and the reported cause is {}",
            text(cause)
        )),
        (None, None) => all_came_to_their_end(scene, witness, is_stopped),
        (None, Some(cause)) if is_stopped => is_the_stop(scene, &ended, cause),
        (None, Some(cause)) => {
            Err(format!("no job failed and the run was not stopped, and the reported cause is `{cause:#}`"))
        }
    }
}

fn text(failure: Option<&Failure>) -> String {
    failure.map_or_else(|| "none".to_owned(), |failure| format!("`{failure:#}`"))
}

/// Checks that a run without a failure has completed every item, despite the stop.
fn all_came_to_their_end(scene: &Scene, witness: &Witness, is_stopped: bool) -> Outcome {
    let items = scene.plans.len();
    let succeeded = witness.played.ledger.seen().count(Fate::Succeeded);
    if succeeded == items {
        return Ok(());
    }
    let how = if is_stopped { "was stopped" } else { "was not stopped" };
    Err(format!("the run {how}, {succeeded} of {items} jobs completed, and no failure is reported"))
}

/// Checks that the cause is the stop, or a job that failed before the run recorded the stop.
fn is_the_stop(scene: &Scene, ended: &[(usize, Fate)], cause: &Failure) -> Outcome {
    let by = match scene.stop {
        Stop::CancelRun => Cancelled::Run,
        Stop::Deadline => Cancelled::Deadline,
        Stop::CancelScope | Stop::CancelParentScope => Cancelled::Scope,
        Stop::Drop | Stop::Release => Cancelled::Dropped,
    };
    match cause.cause() {
        Cause::Cancelled(reported) if *reported == by => Ok(()),
        Cause::Cancelled(_) => {
            Err(format!("the run was stopped by {:?}, and the reported cause is `{cause:#}`", scene.stop))
        }
        _ if failed_jobs(ended).first().copied() == cause.index() => Ok(()),
        _ => Err(format!("no job had failed before the stop, and the reported cause is `{cause:#}`")),
    }
}

/// Checks that every failure of a job is reported once, with message and stage: by the run, or by the scope of a
/// dropped or collected run.
fn no_silence(_: &dyn Testable, scene: &Scene, witness: &Witness) -> Outcome {
    let source_failed = witness.source_failed;
    let ended = witness.played.ledger.seen().ended.clone();
    let reported: Vec<_> = reported(witness).into_iter().filter(|failure| !failure.is_cancelled()).collect();
    for failure in &reported {
        says_what_happened(scene, witness, failure)?;
    }
    let mut failed = failed_jobs(&ended);
    let mut jobs: Vec<_> = reported
        .iter()
        .filter(|failure| !of_the_source(failure))
        .filter_map(|failure| failure.index())
        .collect();
    let source = reported.iter().filter(|failure| of_the_source(failure)).count();
    failed.sort_unstable();
    jobs.sort_unstable();
    if jobs == failed && source == usize::from(source_failed) {
        return Ok(());
    }
    let and = if source_failed { " and the source" } else { "" };
    Err(format!(
        "the jobs of the items {failed:?}{and} failed, and the reported failures are of the items {jobs:?}, and \
         {source} of the source"
    ))
}

fn says_what_happened(scene: &Scene, witness: &Witness, failure: &Failure) -> Outcome {
    let text = format!("{failure:#}");
    let (stage, says) = if of_the_source(failure) {
        ("source", vec![SOURCE_FAILED.to_owned()])
    } else {
        let Some(index) = failure.index() else { return Err(format!("the failure `{text}` has no item")) };
        let says = match scene.plans.get(index).map(|plan| plan.end) {
            Some(End::Panic) => vec![format!("panicked: on purpose: job {index} panicked")],
            Some(End::Fail) => vec![format!("job {index} failed")],
            // A wrapper of the job may add context in between.
            Some(End::TimeOut) => vec!["timed out: ".to_owned(), "no result within 1ms".to_owned()],
            Some(End::Succeed) | None => {
                return Err(format!("the reported failure is `{text}`, and the job of that item succeeds"));
            }
        };
        (&*witness.stage, says)
    };
    if failure.stage() == stage && says.iter().all(|part| text.contains(part)) {
        Ok(())
    } else {
        Err(format!("the reported failure is `{text}`, and `{says:?}` at stage `{stage}` would be right"))
    }
}

/// Checks that no job starts after the stop, and that a running job is polled at most once more.
fn cancellation(_: &dyn Testable, scene: &Scene, witness: &Witness) -> Outcome {
    let Some(Marks { started, job_polls, in_mid_poll, .. }) = witness.stopped else { return Ok(()) };
    if scene.stop == Stop::Release {
        return Ok(());
    }
    let seen = witness.played.ledger.seen();
    let after = &seen.started[started..];
    let at_once = matches!(scene.stop, Stop::CancelRun | Stop::Drop);
    if at_once && !after.is_empty() {
        return Err(format!(
            "the jobs of the items {after:?} started after the run was stopped; none would be right"
        ));
    }
    let most = match scene.stop {
        // The runtime polls the timer after a poll of a task.
        Stop::Deadline => 2,
        _ => usize::from(!at_once || in_mid_poll),
    };
    let polls = &seen.job_polls[job_polls..];
    let times = |index: usize| polls.iter().filter(|polled| **polled == index).count();
    match (0..scene.plans.len()).map(|index| (index, times(index))).find(|(_, times)| *times > most) {
        Some((index, times)) => {
            Err(format!("the job of item {index} was polled {times} times after the run was stopped"))
        }
        None => Ok(()),
    }
}

/// Checks the order of the outputs: an unbroken prefix of the items if the subject is ordered; otherwise, for a single
/// stage, the order of the completions of the jobs.
fn order(tested: &dyn Testable, _: &Scene, witness: &Witness) -> Outcome {
    let played = &witness.played;
    order::starts_in_order(tested, played)?;
    if tested.is_ordered() {
        let index = |result: &Result<usize, Failure>| match result {
            Ok(index) => Some(*index),
            Err(failure) if of_the_source(failure) || failure.is_cancelled() => None,
            Err(failure) => failure.index(),
        };
        // A failure that stops the run comes at the end of the prefix.
        let stops = |place: usize| place + 1 == played.yielded.len() && played.yielded[place].is_err();
        let mut places = played.yielded.iter().map(index).enumerate();
        let wrong =
            places.find(|(place, index)| index.is_some_and(|index| index != *place) && !stops(*place));
        return match wrong {
            Some((place, Some(index))) => Err(format!("item {index} was yielded at place {place}")),
            _ => Ok(()),
        };
    }
    if tested.stages() > 1 {
        return Ok(());
    }
    let outputs: Vec<_> = played.yielded.iter().filter_map(|result| result.as_ref().ok().copied()).collect();
    let seen = played.ledger.seen();
    let ended: Vec<_> =
        seen.ended.iter().filter(|ended| ended.1 == Fate::Succeeded).map(|ended| ended.0).collect();
    if ended.starts_with(&outputs) {
        Ok(())
    } else {
        Err(format!(
            "the jobs completed in the order {ended:?}, and the outputs came in the order {outputs:?}"
        ))
    }
}

fn no_added_wait(tested: &dyn Testable, _: &Scene, witness: &Witness) -> Outcome {
    match witness.waited {
        Duration::ZERO => Ok(()),
        _ if tested.is_delayed() => Ok(()),
        waited => Err(format!("{waited:?} passed on a clock that moves only while no task can proceed")),
    }
}
