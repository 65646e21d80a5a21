//! Cases that may kill a process, each in its own process. The tests check the exit status and the output.

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
