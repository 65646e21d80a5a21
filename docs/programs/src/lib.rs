//! The surroundings of the programs: a web of hosts on loopback, a folder of files, and a database.
//!
//! The programs themselves are the binaries `crawl`, `hash` and `worker`. Every program stands alone, and uses nothing of this
//! library.

pub mod database;
pub mod files;
pub mod web;
