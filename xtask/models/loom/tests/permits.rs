//! The permits of a semaphore, in every order of their steps.

use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::thread;
use towpath_models_loom::semaphore::Semaphore;
use towpath_models_loom::{exhaustively, with_preemptions};

/// Takes one permit, in turn, and puts it back.
fn visit(semaphore: &Semaphore) {
    drop(block_on(semaphore.acquire()).unwrap());
}

#[test]
fn exhaustive_two_share_one_permit() {
    exhaustively(|| {
        let semaphore = Semaphore::new(1);
        let other = semaphore.clone();
        let other = thread::spawn(move || visit(&other));
        visit(&semaphore);
        other.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn up_to_2_preemptions_three_share_one_permit() {
    with_preemptions(2, || {
        let semaphore = Semaphore::new(1);
        let others = [semaphore.clone(), semaphore.clone()].map(|other| thread::spawn(move || visit(&other)));
        visit(&semaphore);
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn exhaustive_cancelled_waiter_leaves_the_permit_to_a_newcomer() {
    exhaustively(|| {
        let semaphore = Semaphore::new(1);
        let held = semaphore.try_acquire_owned().unwrap();
        let mut given_up = Box::pin(semaphore.acquire());
        assert!(given_up.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let holder = thread::spawn(move || drop(held));
        drop(given_up);
        visit(&semaphore);
        holder.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn up_to_2_preemptions_cancelled_waiter_passes_the_permit_on() {
    with_preemptions(2, || {
        let semaphore = Semaphore::new(1);
        let held = semaphore.try_acquire_owned().unwrap();
        let mut given_up = Box::pin(semaphore.acquire());
        assert!(given_up.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let next = semaphore.clone();
        let next = thread::spawn(move || visit(&next));
        let holder = thread::spawn(move || drop(held));
        drop(given_up);
        next.join().unwrap();
        holder.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn exhaustive_waiter_with_a_new_waker_is_woken_by_it() {
    exhaustively(|| {
        let semaphore = Semaphore::new(1);
        let held = semaphore.try_acquire_owned().unwrap();
        let holder = thread::spawn(move || drop(held));
        let mut acquire = Box::pin(semaphore.acquire());
        match acquire.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => drop(block_on(acquire).unwrap()),
            Poll::Ready(permit) => drop(permit.unwrap()),
        }
        holder.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}
