//! The jobs of the suite: the ledger records the jobs, and a plan describes the work of a job.

use std::error::Error;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use towpath_pattern::{Failure, Job, Panic, Scope, TimedOut, anyhow};

use super::ledger::{Fate, Ledger, Token};
use crate::panics;
use crate::runtime::is_multi_thread;

type Acting = Pin<Box<dyn Future<Output = anyhow::Result<Token>> + Send>>;
type Body = dyn Fn(Token, &Scope) -> Acting + Send + Sync;

/// A job with a record in the ledger. All checks share the type, so a pattern is compiled once.
#[derive(Clone)]
pub(crate) struct Act {
    ledger: Arc<Ledger>,
    body: Arc<Body>,
}

impl Act {
    pub(crate) fn new<F, Fut>(ledger: &Arc<Ledger>, body: F) -> Self
    where
        F: Fn(Token) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<Token>> + Send + 'static,
    {
        Self::scoped(ledger, move |token, _| body(token))
    }

    /// Creates a job that also receives a clone of the scope of the jobs.
    pub(crate) fn scoped<F, Fut>(ledger: &Arc<Ledger>, body: F) -> Self
    where
        F: Fn(Token, Scope) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<Token>> + Send + 'static,
    {
        let body = move |token, scope: &Scope| -> Acting { Box::pin(body(token, scope.clone())) };
        Self { ledger: Arc::clone(ledger), body: Arc::new(body) }
    }

    /// Creates a job that returns the item at once.
    pub(crate) fn nothing(ledger: &Arc<Ledger>) -> Self {
        Self::new(ledger, |token| async move { Ok(token) })
    }

    /// Creates a job that never completes.
    pub(crate) fn endless(ledger: &Arc<Ledger>) -> Self {
        Self::new(ledger, |token| async move {
            std::future::pending::<()>().await;
            Ok(token)
        })
    }

    /// Creates a job that carries out the plan of the item.
    pub(crate) fn planned(
        ledger: &Arc<Ledger>,
        plan: impl Fn(usize) -> Plan + Send + Sync + 'static,
    ) -> Self {
        Self::new(ledger, move |token| plan(token.index).carry_out(token))
    }
}

impl Act {
    /// Starts the job.
    fn act(&self, token: Token, scope: &Scope) -> impl Future<Output = anyhow::Result<Token>> + Send + use<> {
        let mut entry = self.ledger.start(token.index);
        let mut acting = (self.body)(token, scope);
        // Not an `async` block: the block would drop a completed job, and the pattern must drop the job.
        poll_fn(move |cx| {
            entry.polled();
            let polled = catch_unwind(AssertUnwindSafe(|| acting.as_mut().poll(cx)));
            let result = ready!(polled.unwrap_or_else(|payload| {
                entry.ends(Fate::Panicked);
                resume_unwind(payload)
            }));
            entry.ends(match &result {
                Ok(_) => Fate::Succeeded,
                Err(error) => fate_of(error),
            });
            Poll::Ready(result)
        })
    }
}

impl Job<Token> for Act {
    type Out = Token;

    /// Calls the job as a pattern without a scope for jobs.
    fn call(&self, token: Token) -> impl Future<Output = anyhow::Result<Token>> + Send {
        self.act(token, &Scope::new("of no run"))
    }

    fn call_in(&self, token: Token, scope: &Scope) -> impl Future<Output = anyhow::Result<Token>> + Send {
        self.act(token, scope)
    }
}

/// The group of an error in the counts, by the rules of the engine.
fn fate_of(error: &anyhow::Error) -> Fate {
    let is_cancelled = |link: &(dyn Error + 'static)| link.downcast_ref().is_some_and(Failure::is_cancelled);
    // Inner runs are in the scope of the run: the cancellation of an inner run is the stop of the run.
    if error.chain().any(is_cancelled) {
        Fate::Cancelled
    } else if TimedOut::is_in(error) {
        Fate::TimedOut
    } else if Panic::is_in(error) {
        Fate::Panicked
    } else {
        Fate::Errored
    }
}

/// The work of a job: a wait and an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) wait: Wait,
    pub(crate) end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Ends at the first poll.
    Not,
    /// Returns `Pending` this number of times.
    Polls(u8),
    /// Sleeps for this number of milliseconds, or returns `Pending` this number of times without a paused clock.
    Ms(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Succeed,
    Fail,
    Panic,
    TimeOut,
}

impl Plan {
    pub(crate) const NOTHING: Self = Self { wait: Wait::Not, end: End::Succeed };

    /// Creates a plan with `end` and no wait.
    pub(crate) fn ends(end: End) -> Self {
        Self { wait: Wait::Not, end }
    }

    pub(crate) async fn carry_out(self, token: Token) -> anyhow::Result<Token> {
        match self.wait {
            Wait::Not => {}
            Wait::Ms(ms) if !is_multi_thread() => {
                tokio::time::sleep(Duration::from_millis(u64::from(ms))).await;
            }
            Wait::Polls(times) | Wait::Ms(times) => {
                for _ in 0..times {
                    tokio::task::yield_now().await;
                }
            }
        }
        let index = token.index;
        match self.end {
            End::Succeed => Ok(token),
            End::Fail => anyhow::bail!("job {index} failed"),
            End::Panic => panics::on_purpose(format_args!("job {index} panicked")),
            End::TimeOut => Err(TimedOut { after: Duration::from_millis(1) }.into()),
        }
    }
}
