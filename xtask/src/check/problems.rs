//! The result of a step.

/// The problems that a step found, a line each.
pub type Problems = Vec<String>;
