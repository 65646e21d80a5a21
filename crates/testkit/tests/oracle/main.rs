//! Every hand-off, permit and source against a plain list: random operations do to both the same, and nobody sleeps
//! who could go on.

mod bell;
mod cases;
mod hostile;
mod item;
mod permits;
mod queue;
mod sources;
mod waiting;
