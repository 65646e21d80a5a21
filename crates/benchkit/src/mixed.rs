//! Mixed work: most jobs do nothing, some sleep, a few compute, and none is to hold up another.
//!
//! Beside the time of it all it is told how long the jobs that do nothing took from their first step until
//! their output was in the taker's hands.

use std::time::{Duration, Instant};

use towpath_pattern::PatternExt;

use crate::hash::hash;
use crate::measured::{Measured, milliseconds};
use crate::times::Times;
use towpath_testkit::{Case, Subject};

/// Jobs at once, and outputs that may wait.
const LIMIT: usize = 1_000;

/// How many of the hashings of 20 µs make 2 ms.
const HASHES: u32 = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Noop,
    Sleep(Duration),
    Burn,
}

/// One of 1,000 computes, 100 sleep for 1 to 5 ms, the others do nothing.
fn kind(item: u64) -> Kind {
    match item % 1_000 {
        500 => Kind::Burn,
        place if place % 10 == 3 => Kind::Sleep(Duration::from_millis(1 + place / 10 % 5)),
        _ => Kind::Noop,
    }
}

/// The time from the start of a run to its end, the sum of its outputs, and the times of what did nothing.
pub(crate) async fn mixed<S: Subject>(subject: S, items: u64) -> anyhow::Result<Measured> {
    let pattern = subject.pattern(Case::new(LIMIT), job);
    let mut times = Times::new()?;
    let start = Instant::now();
    let mut run = pattern.run(0..items);
    let mut answer = 0_u64;
    while let Some(output) = run.next().await {
        let (value, begun) = output?;
        if let Some(begun) = begun {
            times.record(begun.elapsed())?;
        }
        answer = answer.wrapping_add(value);
    }
    let ms = Some(milliseconds(start.elapsed()));
    Ok(Measured { answer, ms, latency: times.points(), ..Measured::default() })
}

/// The output, and when the job began if it does nothing.
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
    fn of_a_thousand_jobs_a_hundred_sleep_and_one_computes() {
        let kinds: Vec<_> = (7_000..8_000).map(kind).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == Kind::Burn).count(), 1);
        assert_eq!(kinds.iter().filter(|kind| **kind == Kind::Noop).count(), 899);
        for ms in 1..=5 {
            let alike = kinds.iter().filter(|kind| **kind == Kind::Sleep(Duration::from_millis(ms)));
            assert_eq!(alike.count(), 20, "{ms} ms");
        }
    }
}
