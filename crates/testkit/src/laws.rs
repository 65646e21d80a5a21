//! The checks of the nine laws, with a file for every law, and a file for the further ends of a run.

pub(crate) mod bounds;
mod cancellation;
pub(crate) mod conservation;
mod ends;
pub(crate) mod first_cause;
mod no_added_wait;
mod no_silence;
pub(crate) mod order;
mod progress;
mod structure;

use crate::check::Check;

/// Returns all checks, in the order of the laws.
pub(crate) fn checks() -> Vec<Check> {
    [
        conservation::checks(),
        bounds::checks(),
        structure::checks(),
        progress::checks(),
        first_cause::checks(),
        no_silence::checks(),
        cancellation::checks(),
        order::checks(),
        no_added_wait::checks(),
        ends::checks(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
