//! Limiters: what an item waits for before its job starts, besides the limit of the stage.

mod admitted;
mod both;
mod chain;
mod contract;

pub use admitted::Admitted;
pub(crate) use admitted::Refusal;
pub use both::BothPermits;
pub use chain::{LimitedBy, Limits};
pub use contract::Limiter;
