//! Counts instead of times: the locks of the engine, the wake-ups and the polls of tasks, on a runtime with a given number
//! of threads.
//!
//! Only a build with `--cfg towpath_counted --cfg tokio_unstable` counts; `cargo xtask bench --growth threads` makes it.
//! The counts are of the whole process, so they include the task of the receiver.

#![allow(unexpected_cfgs, reason = "no manifest declares a cfg of a single command")]

use serde_json::{Value, json};
use towpath_testkit::Subject;

/// A workload with counts.
#[derive(Clone, Copy)]
pub(crate) enum CountedWorkload {
    /// Jobs that return their item.
    Noop,
    /// Jobs that sleep for a millisecond.
    Waiting,
}

pub(crate) const COUNTED: [CountedWorkload; 2] = [CountedWorkload::Noop, CountedWorkload::Waiting];

/// The counts of a run.
#[allow(dead_code, reason = "only a counted build creates one")]
pub(crate) struct CountedRun {
    answer: u64,
    acquired: u64,
    contended: u64,
    /// Times that a task was made ready, apart from its spawn.
    wakes: u64,
    polls: u64,
    /// The mean time from the acquisition of a lock to the release, without the look at the clock.
    held_ns: f64,
}

impl CountedRun {
    /// The line of JSON.
    pub(crate) fn line(&self) -> Value {
        let Self { answer, acquired, contended, wakes, polls, held_ns } = self;
        json!({
            "answer": answer.to_string(), "acquired": acquired, "contended": contended, "wakes": wakes,
            "polls": polls, "held_ns": held_ns,
        })
    }
}

impl CountedWorkload {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Noop => "noop",
            Self::Waiting => "waiting",
        }
    }

    #[cfg(not(towpath_counted))]
    #[expect(clippy::unused_self, reason = "a counted build uses it")]
    pub(crate) fn measure<S: Subject>(self, _: &S, _: usize, _: u64) -> anyhow::Result<CountedRun> {
        anyhow::bail!("this build counts no locks; `cargo xtask bench --growth threads` makes one that does")
    }

    #[cfg(towpath_counted)]
    pub(crate) fn measure<S: Subject>(
        self,
        subject: &S,
        threads: usize,
        items: u64,
    ) -> anyhow::Result<CountedRun> {
        use anyhow::Context;
        use std::sync::Arc;
        use std::sync::atomic::{AtomicU64, Ordering};
        use std::time::Duration;
        use tokio::runtime::Builder;
        use towpath_pattern::internal::lock_counts;
        use towpath_testkit::Case;

        use crate::workloads::drained;

        let polls = Arc::new(AtomicU64::new(0));
        let polled = Arc::clone(&polls);
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(threads).enable_all();
        // The hook also sees the polls from the slot of a thread, which the metrics leave out.
        builder.on_before_task_poll(move |_| {
            polled.fetch_add(1, Ordering::Relaxed);
        });
        let runtime = builder.build().context("no tokio runtime")?;
        let metrics = runtime.metrics();
        let subject = subject.clone();
        let before = lock_counts();
        let run = match self {
            Self::Noop => runtime.spawn(async move {
                let case = Case::new(64).capacity(1_024);
                drained(subject.pattern(case, |item: u64| async move { Ok(item) }), 0..items).await
            }),
            Self::Waiting => runtime.spawn(async move {
                let job = |item: u64| async move {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    Ok(item)
                };
                drained(subject.pattern(Case::new(1_000), job), 0..items).await
            }),
        };
        let answer = runtime.block_on(run).context("the run panicked")??.answer;
        // The threads hand in the rest of their counts at their end.
        drop(runtime);
        let after = lock_counts();

        let local: u64 = (0..metrics.num_workers()).map(|at| metrics.worker_local_schedule_count(at)).sum();
        let scheduled = local + metrics.remote_schedule_count();
        let timed = after.timed - before.timed;
        let held = (after.held - before.held).checked_div(u32::try_from(timed)?).unwrap_or_default();
        Ok(CountedRun {
            answer,
            acquired: after.acquired - before.acquired,
            contended: after.contended - before.contended,
            wakes: scheduled.saturating_sub(metrics.spawned_tasks_count()),
            polls: polls.load(Ordering::Relaxed),
            held_ns: held.saturating_sub(look_at_the_clock()).as_secs_f64() * 1e9,
        })
    }
}

/// Returns the time of a look at the clock, the least of many.
#[cfg(towpath_counted)]
fn look_at_the_clock() -> std::time::Duration {
    let look = |_| std::time::Instant::now().elapsed();
    (0..1_000).map(look).min().unwrap_or_default()
}
