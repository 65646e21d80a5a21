//! The examples of the workspace's README, which are compiled and run as doc tests. Nothing else is here.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
