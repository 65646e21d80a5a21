//! Limits for the jobs of a run, in addition to their number.

#![forbid(unsafe_code)]

mod gate;
mod meter;
mod pacer;
mod per_key;
mod quota;
mod rate;
mod rate_per_key;
mod sync;
mod table;

pub use towpath_pattern::{IntoLimit, Limit, Limiter};

pub use per_key::{KeyPermit, PerKey, per_key};
pub use quota::InvalidRate;
pub use rate::{Rate, RatePermit};
pub use rate_per_key::{KeyRatePermit, RatePerKey};
