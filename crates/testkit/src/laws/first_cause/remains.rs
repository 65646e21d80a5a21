//! The drop of a completed job panics.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use towpath_pattern::{Report, Scope};

use super::failures::{first_failure, is_of_job};
use crate::panics;
use crate::probe::{Act, Form, Ledger, Token};
use crate::runtime::{Outcome, soon};
use crate::subject::Case;
use crate::testable::Tested;

/// A job that completes at once, and panics in the drop.
struct Leaves {
    result: Option<anyhow::Result<Token>>,
}

impl Future for Leaves {
    type Output = anyhow::Result<Token>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(self.result.take().expect("polled once"))
    }
}

impl Drop for Leaves {
    fn drop(&mut self) {
        panics::on_purpose("what is left of the job");
    }
}

pub(super) async fn masked(tested: Tested) -> Outcome {
    for fails in [false, true] {
        let ledger = Ledger::new();
        let job = Act::new(&ledger, move |token: Token| Leaves {
            result: Some(if fails { Err(anyhow::anyhow!("the error")) } else { Ok(token) }),
        });
        let source = Form::Iterator.supply(&*tested, &ledger, 1).source;
        let mut run = tested.pattern(Case::new(1), job).start(source, Scope::default());
        let first = first_failure(&mut run).await?;
        let stage = run.report().stages[tested.job_stage()].stage.clone();
        let Report { stages, failures, .. } = soon("the report", run.finish()).await?;
        let counts = &stages[tested.job_stage()].counts;
        if (counts.errored, counts.panicked) != (usize::from(fails), usize::from(!fails)) {
            return Err(format!(
                "the job of the item {}, and the item counts as {counts}",
                if fails { "failed" } else { "completed" }
            ));
        }
        let mut reported = [first].into_iter().chain(failures);
        if fails {
            is_of_job(&reported.next().expect("the first"), 0, "the error", &stage)?;
        }
        let panic = reported.next().map(|failure| format!("{failure:#}")).unwrap_or_default();
        if !panic.contains("what is left of the job") || reported.next().is_some() {
            return Err(format!("the drop of a job panicked, and the failures are `{panic}`, or more"));
        }
    }
    Ok(())
}
