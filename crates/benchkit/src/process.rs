//! What this process uses.

use std::fs;

/// The line of `/proc/self/status` that begins with `field`, in KiB; `None` where there is no such file.
pub(crate) fn memory_kib(field: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}
