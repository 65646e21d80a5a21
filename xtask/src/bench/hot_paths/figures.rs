//! The figures of a hot path.

use serde::Deserialize;

/// So many allocations per item are the few of a whole run.
pub const FEW_ALLOCATIONS: f64 = 0.01;

/// What an item costs.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    pub instructions: f64,
    pub allocations: f64,
}

pub fn allocates(allocations: f64) -> bool {
    allocations.abs() >= FEW_ALLOCATIONS
}
