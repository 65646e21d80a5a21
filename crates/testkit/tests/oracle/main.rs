//! Every hand-off, permit and source against a plain list: random operations do to both the same, and nobody sleeps
//! who could go on. And what is always ready starves nobody.

mod bell;
mod cases;
mod fairness;
mod hostile;
mod item;
mod permits;
mod queue;
mod sources;
mod waiting;
