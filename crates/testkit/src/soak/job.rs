//! The jobs of a soak. The work of a job depends only on a seed and on the index of the item.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use towpath_pattern::{PatternExt, Scope, TimedOut};

use crate::panics;
use crate::probe::{Act, Form, Ledger, Token};
use crate::subject::Case;
use crate::testable::Tested;

/// The behaviour of the jobs of a part.
#[derive(Clone, Copy)]
pub(super) struct Mood {
    pub(super) waits: Waits,
    /// The number of failures in a thousand jobs.
    pub(super) fails: u32,
    pub(super) seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    Never,
    Yields,
    /// Sleeps for 0 to 2 ms.
    Sleeps,
    /// Computes for up to 50 µs, without an await.
    Computes,
    /// A mix by item: half of the jobs do not wait.
    Mixed,
    /// A quarter of the jobs start an inner run of a few items, in a child of the scope of the run.
    ForAnInnerRun,
}

/// The inner runs of the jobs of a part.
#[derive(Clone)]
pub(super) struct Inner {
    pub(super) tested: Tested,
    pub(super) ledger: Arc<Ledger>,
    pub(super) scope: Scope,
}

impl Mood {
    /// Returns the largest number of items of a run of about 10 ms, with `limit` jobs at once.
    pub(super) fn most_items(self, limit: usize) -> usize {
        match self.waits {
            Waits::Never | Waits::Yields => usize::MAX,
            Waits::Sleeps => limit.saturating_mul(5),
            Waits::Computes => 300,
            Waits::Mixed => limit.saturating_mul(20),
            Waits::ForAnInnerRun => 50,
        }
    }

    pub(super) fn job(self, ledger: &Arc<Ledger>, inner: Inner) -> Act {
        Act::new(ledger, move |token| self.carry_out(token, inner.clone()))
    }

    async fn carry_out(self, token: Token, inner: Inner) -> anyhow::Result<Token> {
        let index = token.index;
        let mut rng = Rng::with_seed(self.seed ^ (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut waits = self.waits;
        if waits == Waits::Mixed {
            let ways =
                [Waits::Never, Waits::Never, Waits::Never, Waits::Yields, Waits::Sleeps, Waits::Computes];
            waits = ways[rng.usize(..ways.len())];
        }
        match waits {
            Waits::Yields => {
                for _ in 0..rng.usize(..5) {
                    tokio::task::yield_now().await;
                }
            }
            Waits::Sleeps => tokio::time::sleep(Duration::from_micros(rng.u64(..2_000))).await,
            Waits::Computes => {
                let (start, long) = (Instant::now(), Duration::from_micros(rng.u64(..50)));
                while start.elapsed() < long {
                    std::hint::spin_loop();
                }
            }
            Waits::ForAnInnerRun if rng.usize(..4) == 0 => inner.run(rng.usize(..20)).await?,
            Waits::Never | Waits::Mixed | Waits::ForAnInnerRun => {}
        }
        if rng.u32(..1_000) >= self.fails {
            return Ok(token);
        }
        match rng.u32(..3) {
            0 => anyhow::bail!("job {index} failed"),
            1 => Err(TimedOut { after: Duration::from_millis(1) }.into()),
            _ => panics::on_purpose(format_args!("job {index} panicked")),
        }
    }
}

impl Inner {
    async fn run(self, items: usize) -> anyhow::Result<()> {
        let pattern = self.tested.pattern(
            Case::new(3).capacity(1),
            Act::new(&self.ledger, |token| async move {
                tokio::task::yield_now().await;
                Ok(token)
            }),
        );
        let source = Form::Stream.plain(&self.ledger, items);
        let outputs = pattern.run_in(&self.scope.child("inner"), source).collect().await?;
        anyhow::ensure!(
            outputs.len() == items,
            "an inner run of {items} items had {} outputs",
            outputs.len()
        );
        Ok(())
    }
}
