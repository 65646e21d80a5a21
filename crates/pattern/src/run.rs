//! A run: a stream of outputs, and the report.

mod as_source;
mod awaited;
mod collect;
mod drain;
mod first;
mod for_each;
mod indexed;
mod limited;
mod monitor;
mod observed;
mod outputs;

pub use indexed::Indexed;
pub use monitor::Monitor;
pub use outputs::Run;
