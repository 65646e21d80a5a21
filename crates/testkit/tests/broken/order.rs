//! Law 8, broken: another order than was said.

use std::sync::Arc;

use towpath_pattern::{Cause, Failure, Job, Order, Run, Scope, Source};
use towpath_testkit::Case;

use super::flaw::{Flaw, settings};

/// Says that it keeps the order, and does not.
#[derive(Clone)]
pub struct OutOfOrder;

impl Flaw for OutOfOrder {
    const ORDER: Order = Order::Ordered;

    fn start<In, J>(case: Case, job: Arc<J>, input: Source<In>, scope: Scope) -> Run<J::Out>
    where
        In: Send + 'static,
        J: Job<In>,
    {
        Run::spawn(scope, input, settings(case, Order::AsCompleted), job)
    }
}

/// Keeps an order nobody asked for: what is ready waits for what is not.
#[derive(Clone)]
pub struct HoldsBack;

impl Flaw for HoldsBack {
    fn start<In, J>(case: Case, job: Arc<J>, input: Source<In>, scope: Scope) -> Run<J::Out>
    where
        In: Send + 'static,
        J: Job<In>,
    {
        Run::spawn(scope, input, settings(case, Order::Ordered), job)
    }
}

/// Passes items on as if they were the first, so that their indexes are lost.
#[derive(Clone)]
pub struct NumbersAnew;

impl Flaw for NumbersAnew {
    fn start<In, J>(case: Case, job: Arc<J>, mut input: Source<In>, scope: Scope) -> Run<J::Out>
    where
        In: Send + 'static,
        J: Job<In>,
    {
        let anew = Source::try_generate(|out| async move {
            while let Some(item) = input.next().await {
                match item.map_err(Failure::into_cause) {
                    Ok(item) => _ = out.send(item).await,
                    Err(Cause::Errored(error)) => return Err(error),
                    Err(other) => anyhow::bail!("{other}"),
                }
            }
            Ok(())
        });
        Run::spawn(scope, anew, settings(case, Self::ORDER), job)
    }
}
