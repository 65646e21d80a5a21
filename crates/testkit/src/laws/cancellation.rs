//! Law 7, cancellation: a cancelled scope, a passed deadline or a dropped run stops every job at the next await, and no
//! further job starts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;

use tokio::time::{Instant, timeout};
use towpath_pattern::{AsIterator, Run, Scope, Source};

use crate::check::{Check, Law, Weakened};
use crate::probe::{Act, Form, Ledger, Supply, Token};
use crate::runtime::{BOTH, Outcome, PAUSED, REAL_CLOCK, is_multi_thread, settle, soon};
use crate::share::share;
use crate::subject::Case;
use crate::testable::Tested;

/// The length of a source that counts as endless.
const MANY: usize = 100_000;

pub(crate) fn checks() -> Vec<Check> {
    let law = Law::Cancellation;
    vec![
        Check::new(law, "a_cancelled_scope_stops_every_job", BOTH, |t| stops(t, By::Scope))
            .weakened(Weakened::AtOnce),
        Check::new(law, "a_cancelled_parent_scope_stops_every_job", BOTH, |t| stops(t, By::ParentScope))
            .weakened(Weakened::AtOnce),
        Check::new(law, "a_cancelled_run_stops_every_job", BOTH, |t| stops(t, By::Run))
            .weakened(Weakened::AtOnce),
        Check::new(law, "a_dropped_run_stops_every_job", BOTH, |t| stops(t, By::Drop))
            .weakened(Weakened::AtOnce),
        Check::new(law, "jobs_that_are_always_ready_stop_at_their_next_await", BOTH, busy_jobs)
            .weakened(Weakened::AtOnce),
        Check::new(law, "a_passed_deadline_stops_every_job_at_once", PAUSED, deadline),
        Check::new(law, "an_endless_ready_source_stops", BOTH, endless),
        Check::new(law, "an_endless_ready_source_stops_for_the_deadline", REAL_CLOCK, endless_until_deadline),
        Check::new(law, "no_job_starts_in_a_cancelled_scope", BOTH, cancelled_before),
        Check::new(law, "no_job_starts_after_a_cancel_has_returned", BOTH, none_starts),
        Check::new(law, "no_job_starts_after_a_cancel_within_a_job", BOTH, none_starts_within),
        Check::new(law, "a_timer_fires_while_millions_of_items_are_ready", REAL_CLOCK, timer),
    ]
}

#[derive(Clone, Copy, Debug)]
enum By {
    Scope,
    ParentScope,
    Run,
    Drop,
}

async fn stops(tested: Tested, by: By) -> Outcome {
    for form in share(&*tested, 2, Form::ALL) {
        let ledger = Ledger::new();
        let parent = Scope::new("parent");
        let scope = parent.child("cancellation");
        let pattern = tested.pattern(Case::new(5), Act::endless(&ledger));
        let run = pattern.start(form.supply(&*tested, &ledger, 100).source, scope.clone());
        let at_once = tested.at_once(5);
        ledger.until("as many jobs as the limit", |seen| seen.live >= at_once).await?;
        settle().await;
        let before = ledger.seen().started.len();
        let mut kept: Option<Run<Token>> = Some(run);
        match by {
            By::Scope => scope.cancel(),
            By::ParentScope => parent.cancel(),
            By::Run => kept.iter().for_each(Run::cancel),
            By::Drop => kept = None,
        }
        // A limiter that delays starts may let a job start until the end, and a thread may just start the job.
        let (started, most) =
            if tested.is_delayed() { (ledger.seen().started.len(), may_start()) } else { (before, 0) };
        let stopped = ledger.until("the end", |seen| seen.live == 0).await;
        stopped.map_err(|_| {
            format!("{} jobs continued after the end ({by:?}); 0 would be right", ledger.seen().live)
        })?;
        settle().await;
        let after = ledger.seen().started.len() - started;
        if after > most {
            return Err(format!("{after} jobs started after the end ({by:?}); {most} would be right"));
        }
        if let Some(run) = kept {
            soon("the end of the run", run.finish()).await?;
        }
    }
    Ok(())
}

async fn busy_jobs(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let job = Act::new(&ledger, |token: Token| async move {
        for _ in 0..MANY {
            tokio::task::yield_now().await;
        }
        Ok(token)
    });
    let scope = Scope::new("cancellation");
    let source = Form::Iterator.supply(&*tested, &ledger, 4).source;
    let run = tested.pattern(Case::new(4), job).start(source, scope.clone());
    // A paused clock stands still next to jobs that are always ready, and a rate then admits no further job.
    let at_once = if tested.is_delayed() { 1 } else { tested.at_once(4) };
    ledger.until("as many jobs as the limit", |seen| seen.live >= at_once).await?;
    scope.cancel();
    let report = soon("the end of the run", run.finish()).await?;
    match report.last().succeeded {
        0 => Ok(()),
        jobs => {
            Err(format!("{jobs} jobs with many awaits completed after the cancellation; 0 would be right"))
        }
    }
}

async fn deadline(tested: Tested) -> Outcome {
    const AFTER: Duration = Duration::from_millis(250);
    let ledger = Ledger::new();
    let start = Instant::now();
    let scope = Scope::new("cancellation").with_timeout(AFTER);
    let job = Act::new(&ledger, |token| async move {
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        Ok(token)
    });
    let source = Form::Iterator.supply(&*tested, &ledger, 100).source;
    let run = tested.pattern(Case::new(4), job).start(source, scope);
    run.finish().await;
    let took = start.elapsed();
    // The timer of tokio is exact to a millisecond.
    if took < AFTER || took > AFTER + Duration::from_millis(2) {
        return Err(format!("the deadline was after {AFTER:?}, and the run ended after {took:?}"));
    }
    match ledger.seen().live {
        0 => Ok(()),
        jobs => Err(format!("{jobs} jobs continued after the deadline; 0 would be right")),
    }
}

/// Checks that a cancellation stops a run with an endless source, no-op jobs and a receiver, all always ready.
async fn endless(tested: Tested) -> Outcome {
    let case = Case::new(4).capacity(64);
    let ledger = Ledger::new();
    let scope = Scope::new("cancellation");
    let pattern = tested.pattern(case, Act::nothing(&ledger));
    let mut run = pattern.start(Form::Iterator.supply(&*tested, &ledger, MANY).source, scope.clone());
    for _ in 0..1_000 {
        soon("the next output", run.next()).await?;
    }
    scope.cancel();
    let started = ledger.seen().started.len();
    let report = soon("the end of a run on an endless source", run.finish()).await?;
    let (after, most) = (ledger.seen().started.len() - started, may_start());
    if after > most {
        return Err(format!(
            "{after} jobs started after the cancellation of the scope; at most {most} would be right"
        ));
    }
    if tested.taken(&report.stages) < MANY {
        Ok(())
    } else {
        Err("the scope was cancelled, and the run took all of an endless source".to_owned())
    }
}

async fn endless_until_deadline(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let scope = Scope::new("cancellation").with_timeout(Duration::from_millis(5));
    let pattern = tested.pattern(Case::new(4).capacity(64), Act::nothing(&ledger));
    let mut run = pattern.start(tested.source(Source::new::<AsIterator>(Supply::endless(&ledger))), scope);
    // The check has no timer: a receiver that is always ready must not keep the deadline from passing.
    let began = std::time::Instant::now();
    while run.next().await.is_some() {
        if began.elapsed() > Duration::from_secs(5) {
            return Err("a deadline of 5 ms had not stopped an endless ready source after 5 s".to_owned());
        }
    }
    Ok(())
}

async fn cancelled_before(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let scope = Scope::new("cancellation");
    scope.cancel();
    let pattern = tested.pattern(Case::new(4), Act::endless(&ledger));
    let run = pattern.start(Form::Iterator.supply(&*tested, &ledger, 100).source, scope);
    let report = soon("the end of the run", run.finish()).await?;
    match &report.failures[..] {
        [failure] if failure.is_cancelled() => {}
        other => {
            return Err(format!(
                "a run in a cancelled scope has {} failures; one cancellation would be right",
                other.len()
            ));
        }
    }
    match ledger.seen().live {
        0 => Ok(()),
        jobs => Err(format!("{jobs} jobs run in a cancelled scope; 0 would be right")),
    }
}

/// Returns the number of jobs that may start after a cancellation has returned: a job for every worker thread except
/// the thread of the cancellation.
fn may_start() -> usize {
    if is_multi_thread() { Handle::current().metrics().num_workers() } else { 0 }
}

/// Cancels a run of jobs that are always ready, from outside, after a portion of the outputs.
async fn none_starts(tested: Tested) -> Outcome {
    type Cancel = fn(&Scope, &Scope, &Run<Token>);
    const CANCELS: [(&str, Cancel); 4] = [
        ("the scope", |scope, _, _| scope.cancel()),
        ("its parent", |_, parent, _| parent.cancel()),
        ("its token", |scope, _, _| scope.token().cancel()),
        ("the run", |_, _, run| run.cancel()),
    ];
    for (what, cancel) in share(&*tested, CANCELS.len(), CANCELS) {
        let ledger = Ledger::new();
        let parent = Scope::new("parent");
        let scope = parent.child("cancellation");
        let pattern = tested.pattern(Case::new(16).capacity(1_000), Act::nothing(&ledger));
        let mut run = pattern.start(Form::Iterator.supply(&*tested, &ledger, MANY).source, scope.clone());
        for _ in 0..500 {
            soon("the next output", run.next()).await?;
        }
        cancel(&scope, &parent, &run);
        let started = ledger.seen().started.len();
        soon("the end of the run", run.finish()).await?;
        let after = ledger.seen().started.len() - started;
        if after > may_start() {
            return Err(format!("{after} jobs started after the cancellation of {what}"));
        }
    }
    Ok(())
}

/// Cancels a run of jobs that are always ready, from within a job.
async fn none_starts_within(tested: Tested) -> Outcome {
    /// The index of the cancelling job: larger than the number of items in a stage before the first job.
    const AT: usize = 1_500;
    type Cancel = fn(&Scope, &Scope, &Scope);
    const CANCELS: [(&str, Cancel); 4] = [
        ("the scope", |scope, _, _| scope.cancel()),
        ("its parent", |_, parent, _| parent.cancel()),
        ("its token", |scope, _, _| scope.token().cancel()),
        ("the scope of the jobs", |_, _, jobs| jobs.cancel()),
    ];
    for (what, cancel) in share(&*tested, CANCELS.len(), CANCELS) {
        let ledger = Ledger::new();
        let parent = Scope::new("parent");
        let scope = parent.child("cancellation");
        let started = Arc::new(AtomicUsize::new(usize::MAX));
        let (before, seen, within) = (Arc::clone(&started), Arc::clone(&ledger), scope.clone());
        let outer = parent.clone();
        let job = Act::scoped(&ledger, move |token, jobs| {
            let (before, seen) = (Arc::clone(&before), Arc::clone(&seen));
            let (scope, parent) = (within.clone(), outer.clone());
            async move {
                if token.index == AT {
                    // An earlier job may have used the scope of the jobs, so use the scope.
                    jobs.spawn("used", async { Ok(()) });
                    cancel(&scope, &parent, &jobs);
                    before.store(seen.seen().started.len(), Ordering::Relaxed);
                }
                Ok(token)
            }
        });
        let pattern = tested.pattern(Case::new(1_000).capacity(1_000), job);
        let run = pattern.start(Form::Iterator.supply(&*tested, &ledger, MANY).source, scope.clone());
        soon("the end of the run", run.finish()).await?;
        let started = started.load(Ordering::Relaxed);
        if started == usize::MAX {
            return Err(format!("the job that cancels {what} did not run to the cancellation"));
        }
        let after = ledger.seen().started.len().saturating_sub(started);
        if after > may_start() {
            return Err(format!("{after} jobs started after a job had cancelled {what}"));
        }
    }
    Ok(())
}

/// Checks that the timer fires on a single thread during a run of ready items with a receiver that never waits.
async fn timer(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let pattern = tested.pattern(Case::new(16), Act::nothing(&ledger));
    let mut run =
        pattern.start(tested.source(Source::new::<AsIterator>(Supply::endless(&ledger))), Scope::default());
    let began = std::time::Instant::now();
    let taking = async {
        while run.next().await.is_some() {
            if began.elapsed() > Duration::from_secs(5) {
                return;
            }
        }
    };
    match timeout(Duration::from_millis(1), taking).await {
        Err(_) => Ok(()),
        Ok(()) => Err("a timer of 1 ms had not fired after 5 s of ready items".to_owned()),
    }
}
