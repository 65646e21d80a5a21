//! The queue, the semaphore and the sources against plain lists: random operations give the same results in both, and
//! no waiter sleeps that could go on. A future that is always ready starves no other task.

mod bell;
mod cases;
mod fairness;
mod hostile;
mod item;
mod permits;
mod queue;
mod sources;
mod waiting;
