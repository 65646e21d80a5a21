//! What may kill a process, each in a process of its own: how that ends, and what it says.

mod chain;
mod chains;
mod child;
mod patterns;
mod runtimes;
mod shutdown;
mod stack;
mod threads;
mod timers;
mod unwinding;
