//! The observers, and the contract of an observer.

mod adaptive;
mod contract;
mod metrics;
mod server;
mod spans;
mod watch;
