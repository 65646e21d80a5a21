//! Problems that a command found.

/// The problems, a line each. The problem of an output that differs has the differing lines below it.
pub type Problems = Vec<String>;

/// `1 topic`, `2 topics`
pub fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
