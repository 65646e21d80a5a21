//! Sources: the inputs of a run.

mod adapters;
mod answers;
mod chunks;
mod erased;
mod flatten;
mod frontier;
mod generator;
mod into_source;
mod limited;
mod merge;
mod poll_source;
mod resume;
mod turns;
mod woken;

pub(crate) use chunks::ChunkLog;
pub use erased::Source;
pub use frontier::{Frontier, Storage};
pub use generator::Yield;
pub use into_source::{AsIterator, AsSource, AsStream, IntoSource};
pub(crate) use poll_source::{Closed, PollBatch, PollSource};
pub use resume::Kept;
pub(crate) use woken::WokenParts;
