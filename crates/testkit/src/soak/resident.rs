//! The resident memory of this process.

use std::fs;

/// Returns the resident memory in KiB, or `None` on a system without `/proc/self/status`.
pub(super) fn resident_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}
