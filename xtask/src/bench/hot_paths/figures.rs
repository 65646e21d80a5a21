//! The figures of a hot path.

use serde::Deserialize;

/// Below this number of allocations per item, the allocations are those of the whole run.
pub const FEW_ALLOCATIONS: f64 = 0.01;

/// The cost of an item.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    pub instructions: f64,
    pub allocations: f64,
}

pub fn allocates(allocations: f64) -> bool {
    allocations.abs() >= FEW_ALLOCATIONS
}
