//! The problems that a command found.

/// A line for every problem. The differing lines of an output follow on separate lines.
pub type Problems = Vec<String>;

/// `1 topic`, `2 topics`
pub fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
