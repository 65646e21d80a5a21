//! Panics on purpose: the suite makes many, and none of them is worth a line on the terminal.

use std::panic::{self, PanicHookInfo};
use std::sync::Once;

/// How the message of every panic begins that is part of a check.
pub(crate) const ON_PURPOSE: &str = "on purpose";

/// Panics as part of a check; the message is [`ON_PURPOSE`] and `what`.
pub(crate) fn on_purpose(what: impl std::fmt::Display) -> ! {
    panic!("{ON_PURPOSE}: {what}")
}

/// Keeps the default hook from printing the panics that are made on purpose.
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
