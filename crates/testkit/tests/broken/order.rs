//! Law 8, broken: the outputs have another order than the pattern claims.

use std::sync::Arc;

use towpath_pattern::{Cause, Failure, Job, Order, Run, Scope, Source};
use towpath_testkit::Case;

use super::flaw::{Flaw, settings};

/// Claims the input order, and yields the outputs as completed.
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

/// Claims no order, and yields the outputs in input order: a ready output waits for an earlier output.
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

/// Sends the items through a new source, which loses their indexes.
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
