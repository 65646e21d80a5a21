//! A run: a stream of outputs, and the report.

mod as_source;
mod awaited;
mod collect;
mod indexed;
mod outputs;

pub use indexed::Indexed;
pub use outputs::Run;
