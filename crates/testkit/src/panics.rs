//! Panics on purpose: the checks panic often, without a line on the terminal.

use std::panic::{self, AssertUnwindSafe, Location, PanicHookInfo};
use std::sync::{Arc, Mutex, Once, PoisonError};

/// The start of the message of every panic in a check.
pub(crate) const ON_PURPOSE: &str = "on purpose";

/// Panics as part of a check. The message is [`ON_PURPOSE`] and `what`.
pub(crate) fn on_purpose(what: impl std::fmt::Display) -> ! {
    panic!("{ON_PURPOSE}: {what}")
}

/// Keeps the default hook from printing panics on purpose.
pub(crate) fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !message(info).is_some_and(|message| message.starts_with(ON_PURPOSE)) {
                print(info);
            }
        }));
    });
}

fn message<'a>(info: &'a PanicHookInfo<'_>) -> Option<&'a str> {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// Returns the message and the location of the panic of `wrong`, for tests of wrong uses.
///
/// Not for parallel tests that set a panic hook: the hook is global. Parallel calls of `panic_of` run in sequence.
///
/// # Panics
///
/// When `wrong` does not panic, or panics without a message.
///
/// # Examples
///
/// ```
/// use towpath_pattern::Limit;
/// use towpath_testkit::panic_of;
///
/// let (message, location) = panic_of(|| Limit::new(0));
/// assert!(message.contains("a limit of 0"), "{message}");
/// assert!(location.is_some_and(|location| location.contains(".rs:")));
/// ```
#[track_caller]
pub fn panic_of<R>(wrong: impl FnOnce() -> R) -> (String, Option<String>) {
    // The hook is global, so parallel calls must run in sequence.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let place = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&place);
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        *seen.lock().unwrap_or_else(PoisonError::into_inner) = info.location().map(Location::to_string);
    }));
    let caught = panic::catch_unwind(AssertUnwindSafe(|| drop(wrong())));
    panic::set_hook(before);
    let payload = caught.expect_err("a panic of `wrong`");
    let message = payload.downcast_ref::<String>().cloned();
    let message = message.or_else(|| payload.downcast_ref::<&str>().map(|message| (*message).to_owned()));
    let place = place.lock().unwrap_or_else(PoisonError::into_inner).take();
    (message.expect("a message"), place)
}
