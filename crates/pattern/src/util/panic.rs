//! Panics of user code: caught at every place where a value of the user is polled, called or dropped.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The value that a panic carries.
pub type Payload = Box<dyn Any + Send>;

/// Calls `f` and catches a panic.
///
/// # Errors
///
/// Returns the payload of the panic.
#[inline]
pub fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Payload> {
    catch_unwind(AssertUnwindSafe(f))
}

/// Resumes a caught panic, unless the thread unwinds already: a second panic would abort the process, and the first one
/// is the cause.
#[inline]
pub fn resume(panicked: Option<Payload>) {
    if let Some(payload) = panicked {
        resume_or_drop(payload);
    }
}

#[cold]
fn resume_or_drop(payload: Payload) {
    if std::thread::panicking() {
        message_of(payload);
    } else {
        resume_unwind(payload);
    }
}

/// Drops `value` and returns the panic of the drop, if any.
pub(crate) fn drop_caught<T>(value: T) -> Option<Payload> {
    catch(|| drop(value)).err()
}

/// Calls `f` with every value, also after a panic of an earlier call; returns the first panic. A further panic is ignored.
pub fn catch_each<T>(values: impl IntoIterator<Item = T>, mut f: impl FnMut(T)) -> Option<Payload> {
    values
        .into_iter()
        .filter_map(|value| catch(|| f(value)).err())
        .fold(None, |first, later| first_of(first, Some(later)))
}

/// Returns the first of two panics. The second one is ignored, also if its payload panics in its drop.
pub(crate) fn first_of(first: Option<Payload>, second: Option<Payload>) -> Option<Payload> {
    match (first, second) {
        (Some(first), Some(second)) => {
            message_of(second);
            Some(first)
        }
        (first, second) => first.or(second),
    }
}

/// Calls two functions that drop values of the user, the second one also if the first one panics.
///
/// # Panics
///
/// Panics with the first panic, unless the thread unwinds already: a further panic is ignored.
#[inline]
pub(crate) fn drop_in_order(first: impl FnOnce(), second: impl FnOnce()) {
    struct Second<F: FnOnce()>(Option<F>);

    impl<F: FnOnce()> Drop for Second<F> {
        #[inline]
        fn drop(&mut self) {
            let Some(drop_second) = self.0.take() else { return };
            if std::thread::panicking() {
                call_quietly(drop_second);
            } else {
                drop_second();
            }
        }
    }

    let second = Second(Some(second));
    if std::thread::panicking() {
        call_quietly(first);
    } else {
        first();
    }
    drop(second);
}

#[cold]
fn call_quietly(f: impl FnOnce()) {
    if let Err(payload) = catch(f) {
        message_of(payload);
    }
}

/// Drops `value`; a panic of the drop is ignored.
///
/// For a value whose panic has no reader left.
pub(crate) fn drop_quietly<T>(value: T) {
    if let Some(payload) = drop_caught(value) {
        message_of(payload);
    }
}

/// Returns the message of a panic and drops its payload.
///
/// The payload may panic in its drop, and the payload of the second panic may panic, too: the second payload is
/// leaked, since the chain has no end.
pub(crate) fn message_of(payload: Payload) -> String {
    let message = payload
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned());
    if let Some(again) = drop_caught(payload) {
        std::mem::forget(again);
    }
    message.unwrap_or_else(|| "(a panic without a message)".to_owned())
}

/// Polls a future, and drops a completed or panicked future in the same call, so that a panic of the drop masks no
/// error.
///
/// A future that returned an error completes with the error, and `also` gets the panic of the drop. A future that
/// returned a value and panics in its drop counts as panicked: the payload is returned as `Err`.
#[inline]
pub(crate) fn poll_then_drop<F, T, E>(
    future: Pin<&mut Option<F>>,
    cx: &mut Context<'_>,
    also: impl Fn(Payload),
) -> Result<Poll<Result<T, E>>, Payload>
where
    F: Future<Output = Result<T, E>>,
{
    start_then_poll(future, |_| (), cx, also)
}

/// Calls `start`, which stores a future, and then does the same as [`poll_then_drop`]. A panic of `start` counts as a panic
/// of the future.
#[inline]
pub(crate) fn start_then_poll<F, T, E>(
    mut future: Pin<&mut Option<F>>,
    start: impl FnOnce(Pin<&mut Option<F>>),
    cx: &mut Context<'_>,
    also: impl Fn(Payload),
) -> Result<Poll<Result<T, E>>, Payload>
where
    F: Future<Output = Result<T, E>>,
{
    let mut completed = None;
    // The start, the poll and the drop share a catch: a further catch would cost as much as an empty future.
    let polled = catch(|| {
        start(future.as_mut());
        let running = future.as_mut().as_pin_mut().expect("not polled after completion");
        completed = Some(ready!(running.poll(cx)));
        future.set(None);
        Poll::Ready(())
    });
    match (polled, completed) {
        (Ok(_), Some(result)) => Ok(Poll::Ready(result)),
        (Ok(_), None) => Ok(Poll::Pending),
        (Err(payload), completed) => panicked(future, completed, payload, also),
    }
}

#[cold]
fn panicked<F, T, E>(
    mut future: Pin<&mut Option<F>>,
    completed: Option<Result<T, E>>,
    payload: Payload,
    also: impl Fn(Payload),
) -> Result<Poll<Result<T, E>>, Payload> {
    if let Err(again) = catch(|| future.set(None)) {
        also(again);
    }
    match completed {
        Some(Err(error)) => {
            also(payload);
            Ok(Poll::Ready(Err(error)))
        }
        Some(Ok(value)) => {
            drop_caught(value).into_iter().for_each(also);
            Err(payload)
        }
        None => Err(payload),
    }
}
