//! The peers in the comparison.

use clap::ValueEnum;

/// The peers of one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Peers {
    Go,
    Python,
    Rust,
    /// Our patterns alone
    None,
}
