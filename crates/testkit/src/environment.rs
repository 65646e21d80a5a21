//! The environment variables of the suite.

use std::env;
use std::num::NonZeroU32;

/// Returns whether checks play many more games, for rare faults.
pub(crate) fn is_long() -> bool {
    env::var("TOWPATH_LONG").is_ok_and(|value| value == "1")
}

/// Returns the number of times that a check is made, one form after another. Without the variable, the number is 1, and
/// the check is made of all forms.
///
/// # Panics
///
/// When `TOWPATH_REPEAT` is not a whole number from 1 on.
pub(crate) fn repetitions() -> NonZeroU32 {
    let Ok(text) = env::var("TOWPATH_REPEAT") else { return NonZeroU32::MIN };
    text.parse().unwrap_or_else(|error| {
        panic!("TOWPATH_REPEAT is `{text}`, and must be a whole number from 1 on: {error}")
    })
}

/// Returns the seed of the generated games and scenes; 0 without the variable.
///
/// # Panics
///
/// When `TOWPATH_SEED` is not a whole number.
pub(crate) fn seed() -> u64 {
    let Ok(text) = env::var("TOWPATH_SEED") else { return 0 };
    text.parse()
        .unwrap_or_else(|error| panic!("TOWPATH_SEED is `{text}`, and must be a whole number: {error}"))
}

/// Returns the end of a message about a generated game: the variable that repeats the game.
pub(crate) fn seeded() -> String {
    match seed() {
        0 => String::new(),
        seed => format!(", with TOWPATH_SEED={seed}"),
    }
}
