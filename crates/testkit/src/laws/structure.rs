//! Law 3, structure: no part of a run is left at the end of the run, after any kind of end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use towpath_pattern::{Run, Scope, Settings, Source};

use crate::check::{Check, Law, Weakened};
use crate::game::{Game, Stop, play};
use crate::probe::{Act, End, Form, Ledger, Plan};
use crate::runtime::{BOTH, Outcome, PAUSED, THREADS, settle, soon};
use crate::subject::Case;
use crate::testable::Tested;

pub(crate) fn checks() -> Vec<Check> {
    let law = Law::Structure;
    let stopped = |promise, on, stop| {
        Check::generated(law, promise, on, move |tested, game| nothing_is_left(tested, game, stop))
    };
    vec![
        stopped("nothing_is_left_at_the_end", BOTH, Stop::Never),
        stopped("nothing_is_left_after_a_cancel", BOTH, Stop::Cancel),
        stopped("nothing_is_left_of_a_dropped_run_after_its_scope", BOTH, Stop::Drop),
        stopped("nothing_is_left_after_the_deadline", PAUSED, Stop::Deadline),
        Check::new(law, "no_task_is_left", BOTH, no_task),
        Check::new(law, "no_permit_is_left", BOTH, no_permit),
        Check::new(law, "the_source_is_dropped", BOTH, no_source),
        Check::new(law, "nothing_that_a_job_starts_is_left_at_the_end", BOTH, no_started),
        Check::new(law, "a_dropped_run_stops_without_a_wait", BOTH, dropped).weakened(Weakened::AtOnce),
        Check::new(law, "the_scope_waits_for_a_job_that_computes", THREADS, computing),
    ]
}

async fn nothing_is_left(tested: Tested, game: Game, stop: Stop) -> Outcome {
    let played = play(&*tested, &game, stop).await?;
    match played.left {
        0 => Ok(()),
        jobs => Err(format!("{jobs} jobs were left at the end of the run; 0 would be right")),
    }
}

/// The kinds of end of the runs in the checks.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Finish,
    Collect,
    Fail,
    Cancel,
    Drop,
}

const ENDINGS: [Ending; 5] = [Ending::Finish, Ending::Collect, Ending::Fail, Ending::Cancel, Ending::Drop];

/// Runs `job` on 50 items up to `ending`, and waits for the end.
async fn end(tested: &Tested, ledger: &Arc<Ledger>, job: Act, ending: Ending) -> Outcome {
    let scope = Scope::new("structure");
    let supplied = Form::Stream.supply(&**tested, ledger, 50);
    let pattern = tested.pattern(Case::new(4), job);
    let mut run = pattern.start(supplied.source, scope.clone());
    if !matches!(ending, Ending::Finish | Ending::Collect) {
        soon("the first output", run.next()).await?;
    }
    match ending {
        Ending::Collect => drop(soon("the outputs", run.collect()).await?),
        Ending::Finish | Ending::Fail => drop(soon("the report", run.finish()).await?),
        Ending::Cancel => {
            run.cancel();
            soon("the report", run.finish()).await?;
        }
        Ending::Drop => {
            drop(run);
            let _ = soon("the scope's end", scope.wait()).await?;
        }
    }
    Ok(())
}

fn plan(ending: Ending) -> impl Fn(usize) -> Plan + Send + Sync + 'static {
    move |index| match ending {
        Ending::Fail if index == 30 => Plan::ends(End::Fail),
        _ => Plan { wait: crate::probe::Wait::Polls(2), end: End::Succeed },
    }
}

async fn no_task(tested: Tested) -> Outcome {
    let alive = || Handle::current().metrics().num_alive_tasks();
    let before = alive();
    for ending in ENDINGS {
        let ledger = Ledger::new();
        end(&tested, &ledger, Act::planned(&ledger, plan(ending)), ending).await?;
        // The task that reported the end of the run may not have returned yet.
        let gone = async {
            while alive() > before {
                tokio::task::yield_now().await;
                settle().await;
            }
        };
        soon("the end of the last task of the run", gone)
            .await
            .map_err(|_| format!("{} tasks of a run are left ({ending:?})", alive() - before))?;
    }
    Ok(())
}

async fn no_permit(tested: Tested) -> Outcome {
    for ending in ENDINGS {
        let permits = Arc::new(Semaphore::new(4));
        let ledger = Ledger::new();
        let (held, plan) = (Arc::clone(&permits), Arc::new(plan(ending)));
        let job = Act::new(&ledger, move |token| {
            let (held, plan) = (Arc::clone(&held), plan(token.index));
            async move {
                let _permit = held.acquire_owned().await?;
                plan.carry_out(token).await
            }
        });
        end(&tested, &ledger, job, ending).await?;
        let left = permits.available_permits();
        if left != 4 {
            return Err(format!("{} of 4 permits are held at the end of the run ({ending:?})", 4 - left));
        }
    }
    Ok(())
}

async fn no_source(tested: Tested) -> Outcome {
    for ending in ENDINGS {
        let ledger = Ledger::new();
        end(&tested, &ledger, Act::planned(&ledger, plan(ending)), ending).await?;
        let seen = ledger.seen();
        if (seen.sources, seen.tokens) != (0, 0) {
            return Err(format!(
                "{} sources and {} items are left at the end of the run ({ending:?})",
                seen.sources, seen.tokens,
            ));
        }
    }
    Ok(())
}

/// Counts a task or an inner run of a job, until the drop.
struct Started(Arc<AtomicUsize>);

impl Started {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }

    /// Waits for a few polls.
    async fn wait(self) {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Starts an inner run in the scope of a job.
fn inner(scope: &Scope, count: &Arc<AtomicUsize>) -> Run<()> {
    let count = Arc::clone(count);
    let job = move |_: i32| {
        let started = Started::new(&count);
        async move {
            started.wait().await;
            Ok(())
        }
    };
    Run::spawn(scope.clone(), Source::new(0..2), Settings::new("inner", 2), Arc::new(job))
}

/// Starts a task or an inner run that outlives the job, in the scope of the job.
fn start_in(scope: &Scope, index: usize, count: &Arc<AtomicUsize>) {
    match index % 3 {
        0 => {
            let (started, scope_of_its_own) = (Started::new(count), scope.clone());
            scope.spawn("started", async move {
                started.wait().await;
                drop(scope_of_its_own);
                Ok(())
            });
        }
        1 => drop(inner(scope, count)),
        // The run completes without a receiver.
        _ => std::mem::forget(inner(scope, count)),
    }
}

async fn no_started(tested: Tested) -> Outcome {
    for ending in ENDINGS {
        let ledger = Ledger::new();
        let count = Arc::new(AtomicUsize::new(0));
        let (counting, plan) = (Arc::clone(&count), Arc::new(plan(ending)));
        let job = Act::scoped(&ledger, move |token, scope| {
            start_in(&scope, token.index, &counting);
            let plan = plan(token.index);
            async move { plan.carry_out(token).await }
        });
        end(&tested, &ledger, job, ending).await?;
        match count.load(Ordering::Relaxed) {
            0 => {}
            left => {
                return Err(format!(
                    "{left} tasks and jobs of inner runs, started in the scope of the jobs, are left at the end of the run \
                     ({ending:?})"
                ));
            }
        }
    }
    Ok(())
}

async fn dropped(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let supplied = Form::Channel.supply(&*tested, &ledger, 50);
    let pattern = tested.pattern(Case::new(4), Act::endless(&ledger));
    let scope = Scope::new("structure");
    let run = pattern.start(supplied.source, scope.clone());
    let at_once = tested.at_once(4);
    ledger.until("as many jobs as the limit", |seen| seen.live >= at_once).await?;
    drop(run);
    ledger.until("the end of every job of a dropped run", |seen| seen.live == 0).await
}

/// Checks that the wait for the scope includes a job that blocks the thread, since such a job cannot be stopped.
async fn computing(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let job = Act::new(&ledger, move |token| {
        let released = Arc::clone(&released);
        async move {
            let _ = released.lock().map(|released| released.recv_timeout(Duration::from_secs(10)));
            Ok(token)
        }
    });
    let supplied = Form::Iterator.supply(&*tested, &ledger, 1);
    let scope = Scope::new("structure");
    let run = tested.pattern(Case::new(1), job).start(supplied.source, scope.clone());
    ledger.until("the job", |seen| seen.live >= 1).await?;
    drop(run);
    let mut closed = std::pin::pin!(scope.wait());
    tokio::select! {
        biased;
        _ = &mut closed => return Err("the wait for the scope ended while a job computed".to_owned()),
        () = settle() => {}
    }
    let _ = release.send(());
    let _ = soon("the scope's end", closed).await?;
    match ledger.seen().live {
        0 => Ok(()),
        jobs => Err(format!("{jobs} jobs were left at the end of the scope; 0 would be right")),
    }
}
