//! The examples of the workspace's README, which are compiled and run as doc tests. This file has no other contents.

#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
