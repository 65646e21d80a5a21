//! Law 1, conservation: every item is in exactly one group, and items never started return to the source.

use std::collections::BTreeSet;

use towpath_pattern::{Report, StageReport};

use crate::check::{Check, Law, Weakened};
use crate::game::{Game, Played, Stop, play};
use crate::probe::{Act, Fate, Form, Ledger};
use crate::runtime::{BOTH, Outcome, PAUSED, settle, soon};
use crate::subject::Case;
use crate::testable::{Testable, Tested};

pub(crate) fn checks() -> Vec<Check> {
    let law = Law::Conservation;
    let stopped = |promise, on, stop| {
        let check = Check::generated(law, promise, on, move |tested, game| every_item(tested, game, stop));
        check.weakened(Weakened::Wrapped)
    };
    vec![
        stopped("every_item_is_in_one_group", BOTH, Stop::Never),
        stopped("every_item_is_in_one_group_when_cancelled", BOTH, Stop::Cancel),
        stopped("every_item_is_in_one_group_when_the_scope_is_cancelled", BOTH, Stop::CancelScope),
        stopped("every_item_is_in_one_group_when_the_deadline_passes", PAUSED, Stop::Deadline),
        stopped("items_never_started_return_to_the_source", BOTH, Stop::Drop),
        Check::generated(law, "the_counts_add_up_at_every_moment", BOTH, every_moment),
        Check::new(law, "the_counts_of_an_idle_run_are_exact", BOTH, standing_still)
            .weakened(Weakened::AtOnce),
    ]
}

async fn every_item(tested: Tested, game: Game, stop: Stop) -> Outcome {
    let mut played = play(&*tested, &game, stop).await?;
    let items = game.plans.len();
    if let Some(report) = &played.report {
        adds_up(&*tested, &played, report)?;
        source(&*tested, items, &played, report)?;
    }
    nothing_twice(&played)?;
    if tested.stages() == 1 {
        all_are_started_or_kept(&*tested, items, &played)?;
    }
    played.report = None;
    match played.ledger.seen().tokens {
        0 => Ok(()),
        left => Err(format!("{left} items were left after the run; 0 would be right")),
    }
}

/// Checks that the groups of every stage add up, and that the groups of the job's stage match the records of the jobs.
pub(crate) fn adds_up(tested: &dyn Testable, played: &Played, report: &Report) -> Outcome {
    sums(report)?;
    stage_of_the_job(tested, played, report)
}

/// Checks that the groups add up to the taken items, and that no item is running or waiting.
fn sums(report: &Report) -> Outcome {
    for StageReport { stage, counts, .. } in &report.stages {
        let settled = counts.settled();
        if counts.taken != settled || counts.running != 0 || counts.waiting() != 0 {
            return Err(format!(
                "stage `{stage}` reports {} items taken, {settled} settled, {} running and {} waiting \
                 when it is over; the first two must be equal and the others 0",
                counts.taken,
                counts.running,
                counts.waiting(),
            ));
        }
    }
    Ok(())
}

/// Checks the counts of the report against the records of the jobs.
fn stage_of_the_job(tested: &dyn Testable, played: &Played, report: &Report) -> Outcome {
    let counts = &report.stages[tested.job_stage()].counts;
    let seen = played.ledger.seen();
    for (what, reported, fate) in [
        ("succeeded", counts.succeeded, Fate::Succeeded),
        ("errored", counts.errored, Fate::Errored),
        ("timed out", counts.timed_out, Fate::TimedOut),
        ("panicked", counts.panicked, Fate::Panicked),
    ] {
        let count = seen.count(fate);
        if reported != count {
            return Err(format!("the report counts {reported} {what}, and {count} jobs did so"));
        }
    }
    // An item that leaves the stage before may count as cancelled at the stage of the job.
    let cancelled = seen.count(Fate::Cancelled);
    let exact = tested.job_stage() == 0 && !tested.allowed().waits_before;
    if counts.cancelled < cancelled || exact && counts.cancelled > cancelled {
        return Err(format!(
            "the report counts {} cancelled, and {cancelled} jobs were dropped before the end",
            counts.cancelled,
        ));
    }
    Ok(())
}

/// Checks that the first stages took every item that left the source, and returned the items never started.
pub(crate) fn source(tested: &dyn Testable, items: usize, played: &Played, report: &Report) -> Outcome {
    let taken = tested.taken(&report.stages);
    if taken != played.taken {
        return Err(format!(
            "the first stages report {taken} items taken, and {} left the source",
            played.taken
        ));
    }
    let (never_started, dropped) = (tested.never_started(&report.stages), tested.dropped(&report.stages));
    let kept = played.kept.len();
    if kept + taken + dropped != items + never_started {
        return Err(format!(
            "of {items} items, {taken} were taken, {never_started} of the taken items were never started, and {kept} were returned"
        ));
    }
    Ok(())
}

pub(crate) fn nothing_twice(played: &Played) -> Outcome {
    let seen = played.ledger.seen();
    let outputs: Vec<usize> =
        played.yielded.iter().filter_map(|result| result.as_ref().ok().copied()).collect();
    for (what, indexes) in [("yielded", &outputs), ("started", &seen.started), ("returned", &played.kept)] {
        let mut once = BTreeSet::new();
        if let Some(twice) = indexes.iter().find(|index| !once.insert(**index)) {
            return Err(format!("item {twice} was {what} twice"));
        }
    }
    if let Some(both) = played.kept.iter().find(|index| seen.started.contains(index)) {
        return Err(format!("item {both} was started, and also returned to the source"));
    }
    let succeeded: BTreeSet<_> =
        seen.ended.iter().filter(|ended| ended.1 == Fate::Succeeded).map(|ended| ended.0).collect();
    match outputs.iter().find(|index| !succeeded.contains(index)) {
        Some(index) => {
            Err(format!("an output was yielded for item {index}, and the job of the item has no output"))
        }
        None => Ok(()),
    }
}

/// Checks that every item was started or returned. An item that was cancelled in a wrapper before the job is known by
/// its number only, and a dropped run has no numbers.
pub(crate) fn all_are_started_or_kept(tested: &dyn Testable, items: usize, played: &Played) -> Outcome {
    let seen = played.ledger.seen();
    let known: BTreeSet<_> = seen.started.iter().chain(&played.kept).copied().collect();
    let lost: Vec<_> = (0..items).filter(|index| !known.contains(index)).collect();
    let cancelled = played.report.as_ref().map(|report| report.stages[tested.job_stage()].counts.cancelled);
    let in_wrappers = if tested.allowed().waits_before {
        cancelled.map_or(usize::MAX, |cancelled| cancelled - seen.count(Fate::Cancelled).min(cancelled))
    } else {
        0
    };
    if lost.len() > in_wrappers {
        return Err(format!("the items {lost:?} were lost: neither started nor returned to the source"));
    }
    Ok(())
}

async fn every_moment(tested: Tested, game: Game) -> Outcome {
    let played = play(&*tested, &game, Stop::Never).await?;
    for StageReport { stage, counts, .. } in played.live.iter().flatten() {
        let known = counts.settled() + counts.running;
        if known > counts.taken || counts.delivered > counts.taken {
            return Err(format!(
                "during the run, stage `{stage}` reports {} items taken, and of {known} settled or \
                 running and {} delivered",
                counts.taken, counts.delivered,
            ));
        }
    }
    Ok(())
}

/// Checks the counts of an idle run: three jobs wait, or the number that the limiters allow, and no further job can
/// proceed. An item in a slot counts as running during the wait for a limiter, although the job has not started.
async fn standing_still(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let supplied = Form::Iterator.supply(&*tested, &ledger, 100);
    let pattern = tested.pattern(Case::new(3).capacity(5), Act::endless(&ledger));
    let run = pattern.start(supplied.source, towpath_pattern::Scope::default());
    let at_once = tested.at_once(3);
    ledger.until("as many jobs as the limit", |seen| seen.live >= at_once).await?;
    let stage = tested.job_stage();
    let still = || {
        let (live, jobs) = (run.report().stages, ledger.seen().live);
        let counts = live[stage].counts;
        let running = if tested.is_limited() { jobs..=3 } else { jobs..=jobs };
        let exact = running.contains(&counts.running) && counts.running + counts.waiting() == counts.taken;
        if !exact || counts.settled() > 0 {
            return Err(format!(
                "{jobs} jobs wait and no further job runs, and the live counts are: {counts}"
            ));
        }
        let (taken, left) = (tested.taken(&live), supplied.rest.taken());
        if taken != left {
            return Err(format!("{left} items left the source, and the live counts have {taken}"));
        }
        Ok((counts, jobs))
    };
    settle().await;
    // A worker thread may still hold an item that the worker has just taken.
    let stands = async {
        while still().is_err() {
            settle().await;
        }
    };
    let stood = soon("a standstill", stands).await;
    let (counts, jobs) = still().and_then(|exact| stood.map(|()| exact))?;
    run.cancel();
    let report = soon("the report", run.finish()).await?;
    let after = report.stages[stage].counts;
    if (after.succeeded, after.cancelled, after.never_started) == (0, jobs, counts.taken - jobs) || stage > 0
    {
        Ok(())
    } else {
        Err(format!("{counts} before the cancellation, and the report has: {after}"))
    }
}
