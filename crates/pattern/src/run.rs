//! A pattern at work: a stream of its outputs, and its report.

mod as_source;
mod collect;
mod indexed;
mod outputs;

pub use indexed::Indexed;
pub use outputs::Run;
