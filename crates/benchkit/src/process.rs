//! The memory of this process.

use std::fs;

/// Returns the value of `field` in `/proc/self/status`, in KiB, or `None` on a system without the file.
pub(crate) fn memory_kib(field: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}
