//! Law 9, no added wait: no item waits for the await of another item.

use std::future::Future;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use towpath_pattern::{Run, Scope, Source};

use crate::check::{Check, Law, Weakened};
use crate::probe::{Act, Form, Ledger, Token};
use crate::runtime::{Outcome, PAUSED, THREADS, soon};
use crate::share::{share, shorter};
use crate::subject::Case;
use crate::testable::{Testable, Tested};

const HOUR: Duration = Duration::from_secs(3_600);

pub(crate) fn checks() -> Vec<Check> {
    /// Creates a check of times.
    fn time<Fut>(promise: &'static str, body: impl Fn(Tested) -> Fut + Send + Sync + 'static) -> Check
    where
        Fut: Future<Output = Outcome>,
    {
        Check::new(Law::NoAddedWait, promise, PAUSED, body).weakened(Weakened::Time)
    }
    vec![
        time("jobs_sleep_at_the_same_time", one_sleep),
        time("a_job_starts_as_soon_as_another_completes", slots),
        time("no_item_waits_behind_a_job_that_waits", |t| next_to_a_waiting_job(t, 0)),
        time("no_item_waits_behind_the_first_job_that_waits", |t| {
            let at = shorter(&*t, 5_000);
            next_to_a_waiting_job(t, at)
        }),
        time("outputs_are_yielded_in_a_pause_of_the_source", before_a_pause),
        time("an_arriving_item_starts_while_other_jobs_wait", arrives),
        Check::new(
            Law::NoAddedWait,
            "an_arriving_item_starts_while_another_job_computes",
            THREADS,
            computing_channel,
        )
        .weakened(Weakened::Two),
        Check::new(
            Law::NoAddedWait,
            "a_generator_continues_while_a_job_computes",
            THREADS,
            computing_generator,
        )
        .weakened(Weakened::Two),
    ]
}

fn no_longer(took: Duration, expected: Duration, what: &str) -> Outcome {
    // The timer of tokio is exact to a millisecond, and every sleep in a sequence may round up.
    if took <= expected + expected / 20 + Duration::from_millis(1) {
        Ok(())
    } else {
        Err(format!("{what} took {took:?} of the clock, and {expected:?} would do"))
    }
}

/// Returns how many times the jobs of `items` items run one after another, with as many at once as possible.
fn rounds(tested: &dyn Testable, items: usize, limit: usize) -> u32 {
    u32::try_from(items.div_ceil(tested.at_once(limit))).unwrap_or(u32::MAX)
}

fn sleeper(ledger: &Arc<Ledger>, time: Duration) -> Act {
    Act::new(ledger, move |token| async move {
        sleep(time).await;
        Ok(token)
    })
}

async fn timed(run: Run<Token>) -> Result<Duration, String> {
    let began = Instant::now();
    run.collect().await.map_err(|failure| format!("{failure:#}"))?;
    Ok(began.elapsed())
}

async fn one_sleep(tested: Tested) -> Outcome {
    const SLEEP: Duration = Duration::from_millis(100);
    for form in share(&*tested, 2, Form::ALL) {
        for limit in [100, 1_000] {
            let ledger = Ledger::new();
            let pattern = tested.pattern(Case::new(limit), sleeper(&ledger, SLEEP));
            let run = pattern.start(form.supply(&*tested, &ledger, 100).source, Scope::default());
            let expected = SLEEP * rounds(&*tested, 100, limit) + tested.delay(100);
            no_longer(timed(run).await?, expected, "100 jobs that sleep, under a sufficient limit")?;
        }
    }
    Ok(())
}

async fn slots(tested: Tested) -> Outcome {
    const SLEEP: Duration = Duration::from_millis(100);
    for capacity in [0, 8, 100] {
        let ledger = Ledger::new();
        let pattern = tested.pattern(Case::new(8).capacity(capacity), sleeper(&ledger, SLEEP));
        let run = pattern.start(Form::Iterator.supply(&*tested, &ledger, 80).source, Scope::default());
        let expected = SLEEP * rounds(&*tested, 80, 8) + tested.delay(80);
        no_longer(timed(run).await?, expected, "80 jobs that sleep, 8 at once")?;
    }
    Ok(())
}

/// Checks that earlier items are yielded, and later items completed, while item `at` waits for an hour and the clock
/// stands still. Later items may need the permit of item `at`: under limiters, all items complete within the hour and
/// the delays.
async fn next_to_a_waiting_job(tested: Tested, at: usize) -> Outcome {
    const BEHIND: usize = 100;
    for form in share(&*tested, Form::ALL.len(), Form::ALL) {
        let ledger = Ledger::new();
        let job = Act::new(&ledger, move |token: Token| async move {
            if token.index == at {
                sleep(HOUR).await;
            }
            Ok(token)
        });
        let case = Case::new(2).capacity(200);
        let source = form.supply(&*tested, &ledger, at + 1 + BEHIND).source;
        let mut run = tested.pattern(case, job).start(source, Scope::default());
        let began = Instant::now();
        if tested.is_limited() {
            let expected = HOUR + tested.delay(at + 1 + BEHIND);
            no_longer(timed(run).await?, expected, "a job that sleeps for an hour, and all others")?;
            continue;
        }
        let free = if tested.is_ordered() { at } else { at + BEHIND };
        for taken in 0..free {
            if soon("the next output", run.next()).await.is_err() || began.elapsed() > Duration::ZERO {
                return Err(format!(
                    "one item waits, and only {taken} of the {free} outputs of further items came \
                     without the clock moving ({form:?})"
                ));
            }
        }
        let done = ledger.until("the jobs behind", |seen| seen.ended.len() == at + BEHIND).await;
        if done.is_err() || began.elapsed() > Duration::ZERO {
            let ended = ledger.seen().ended.len();
            return Err(format!("one job waits, and only {ended} of {} further jobs completed", at + BEHIND));
        }
        drop(run);
    }
    Ok(())
}

async fn before_a_pause(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let items = Arc::clone(&ledger);
    let source = Source::generate(|out| async move {
        for index in 0..2_000 {
            if index % 777 == 776 {
                sleep(HOUR).await;
            }
            out.send(items.hand_out(index)).await;
        }
    });
    let pattern = tested.pattern(Case::new(4).capacity(64), Act::nothing(&ledger));
    let mut run = pattern.start(tested.source(source), Scope::default());
    let began = Instant::now();
    for index in 0..2_000_u32 {
        let pauses = (index + 1) / 777;
        if run.next().await.is_none() {
            return Err("the run ended early".to_owned());
        }
        let expected = HOUR * pauses + tested.delay(2_000);
        no_longer(began.elapsed(), expected, "the outputs before a pause of the source")?;
    }
    Ok(())
}

async fn arrives(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let (sender, source) = Source::channel(100);
    let pattern = tested.pattern(Case::new(50), sleeper(&ledger, HOUR));
    let run = pattern.start(tested.source(source), Scope::default());
    let arrival = Instant::now();
    let at_once = tested.at_once(50);
    for index in 0..50 {
        let _ = sender.try_send(ledger.hand_out(index));
        if index >= at_once {
            continue;
        }
        let begins = ledger.until("the job", |seen| seen.started.len() > index).await;
        if begins.is_err() || arrival.elapsed() > tested.delay(50) {
            return Err(format!("item {index} arrived while {index} jobs waited, and waited for the jobs"));
        }
    }
    drop(sender);
    let expected = HOUR * rounds(&*tested, 50, 50) + tested.delay(50);
    no_longer(timed(run).await?, expected, "50 jobs that sleep for an hour")
}

/// Checks that the second job starts while the first job computes.
fn computes(ledger: &Arc<Ledger>) -> Act {
    let (started, has_started) = mpsc::channel::<()>();
    let has_started = Arc::new(Mutex::new(has_started));
    Act::new(ledger, move |token: Token| {
        let (started, has_started) = (started.clone(), Arc::clone(&has_started));
        async move {
            if token.index == 0 {
                let waited =
                    has_started.lock().map(|has_started| has_started.recv_timeout(Duration::from_secs(10)));
                anyhow::ensure!(matches!(waited, Ok(Ok(()))), "item 1 did not start while item 0 computed");
            } else {
                started.send(())?;
            }
            Ok(token)
        }
    })
}

async fn both(run: Run<Token>) -> Outcome {
    let outputs = soon("the outputs", run.collect()).await?.map_err(|failure| format!("{failure:#}"))?;
    if outputs.len() == 2 { Ok(()) } else { Err(format!("{} of 2 outputs came", outputs.len())) }
}

async fn computing_channel(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let (sender, source) = Source::channel(2);
    let pattern = tested.pattern(Case::new(2), computes(&ledger));
    let run = pattern.start(tested.source(source), Scope::default());
    let _ = sender.try_send(ledger.hand_out(0));
    ledger.until("the first job", |seen| seen.started.len() == 1).await?;
    let _ = sender.try_send(ledger.hand_out(1));
    drop(sender);
    both(run).await
}

async fn computing_generator(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let items = Arc::clone(&ledger);
    let go_on = Arc::new(Notify::new());
    let released = Arc::clone(&go_on);
    let source = Source::generate(|out| async move {
        out.send(items.hand_out(0)).await;
        released.notified().await;
        out.send(items.hand_out(1)).await;
    });
    let pattern = tested.pattern(Case::new(2), computes(&ledger));
    let run = pattern.start(tested.source(source), Scope::default());
    // The check sends the item, not the job: a task that a job wakes waits in the slot of the thread of the job.
    ledger.until("the first job", |seen| seen.started.len() == 1).await?;
    go_on.notify_one();
    both(run).await
}
