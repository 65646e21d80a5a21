//! The queue alone: order, bounds, closing, joining, and the effects of a cancelled or hostile waiter.

mod batches;
mod by_hand;
mod cancelled;
mod hostile;
mod method_names;
mod notify;
mod order;
mod polls;
mod priority;
mod threads;
