//! The programs of the book, started as a user starts them: on Towpath, in plain tokio, and in Go.
//!
//! A test that is true of all versions runs all versions. The versions in Go are built by `cargo xtask guide`, which sets
//! `TOWPATH_GO_PROGRAMS` to their folder; without the variable, the tests run the versions in Rust.

mod crawl;
mod hash;
mod pages;
mod program;
mod worker;
