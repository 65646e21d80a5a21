//! The failures of a run.

use towpath_pattern::{Cause, Failure, Run};

use crate::probe::Token;
use crate::runtime::{Outcome, soon};

/// Checks that `failure` is the error `message` of the job of item `index`. A wrapper of the job may add context to the
/// error.
pub(super) fn is_of_job(failure: &Failure, index: usize, message: &str, stage: &str) -> Outcome {
    let is = match failure.cause() {
        Cause::Errored(error) => error.root_cause().to_string() == message,
        _ => false,
    };
    if is && failure.index() == Some(index) && failure.stage() == stage {
        Ok(())
    } else {
        Err(format!(
            "item {index} failed with `{message}` at stage `{stage}`, and the reported failure is `{failure:#}`"
        ))
    }
}

/// Takes outputs up to the first failure.
pub(super) async fn first_failure(run: &mut Run<Token>) -> Result<Failure, String> {
    while let Some(result) = soon("the failure", run.next()).await? {
        if let Err(failure) = result {
            return Ok(failure);
        }
    }
    Err("the run ended without a failure".to_owned())
}
