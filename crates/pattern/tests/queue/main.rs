//! The queue by itself: order, bounds, closing, joining, and what a cancelled or hostile waiter may not do.

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
