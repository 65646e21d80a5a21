//! Mixed work: most jobs are no-ops, some sleep, a few compute, and no job delays the rest.
//!
//! The measures are the time of the run, and the time of every no-op job from the start of the job until the receiver has
//! the output.

use std::time::{Duration, Instant};

use towpath_pattern::PatternExt;

use crate::hash::hash;
use crate::measured::{Measured, milliseconds};
use crate::times::Times;
use towpath_testkit::{Case, Subject};

/// The limit and the capacity.
const LIMIT: usize = 1_000;

/// The number of hashings of 20 µs in 2 ms.
const HASHES: u32 = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Noop,
    Sleep(Duration),
    Burn,
}

/// Returns the kind of a job. Of 1,000 jobs, 1 computes, 100 sleep for 1 to 5 ms, and the rest are no-ops.
fn kind(item: u64) -> Kind {
    match item % 1_000 {
        500 => Kind::Burn,
        place if place % 10 == 3 => Kind::Sleep(Duration::from_millis(1 + place / 10 % 5)),
        _ => Kind::Noop,
    }
}

/// Measures the time from the start of a run to the end, the sum of the outputs, and the times of no-op jobs.
pub(crate) async fn mixed<S: Subject>(subject: S, items: u64) -> anyhow::Result<Measured> {
    let pattern = subject.pattern(Case::new(LIMIT), job);
    let mut times = Times::new()?;
    let start = Instant::now();
    let mut run = pattern.run(0..items);
    let mut answer = 0_u64;
    while let Some(output) = run.next().await {
        let (value, started) = output?;
        if let Some(started) = started {
            times.record(started.elapsed())?;
        }
        answer = answer.wrapping_add(value);
    }
    let ms = Some(milliseconds(start.elapsed()));
    Ok(Measured { answer, ms, latency: times.points(), ..Measured::default() })
}

/// Returns the output, and the time of the start for a no-op job.
async fn job(item: u64) -> anyhow::Result<(u64, Option<Instant>)> {
    Ok(match kind(item) {
        Kind::Noop => (item, Some(Instant::now())),
        Kind::Sleep(time) => {
            tokio::time::sleep(time).await;
            (item, None)
        }
        Kind::Burn => ((0..HASHES).fold(item, |hashed, _| hash(hashed)), None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousand_jobs_have_a_hundred_sleepers_and_one_that_computes() {
        let kinds: Vec<_> = (7_000..8_000).map(kind).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == Kind::Burn).count(), 1);
        assert_eq!(kinds.iter().filter(|kind| **kind == Kind::Noop).count(), 899);
        for ms in 1..=5 {
            let alike = kinds.iter().filter(|kind| **kind == Kind::Sleep(Duration::from_millis(ms)));
            assert_eq!(alike.count(), 20, "{ms} ms");
        }
    }
}
