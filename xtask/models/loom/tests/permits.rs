//! The permits of a semaphore, in every order of their steps.

use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::thread;
use towpath_models_loom::semaphore::Semaphore;
use towpath_models_loom::{exhaustively, with_preemptions};

/// Acquires one permit and releases the permit.
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

#[test]
fn exhaustive_shrink_races_with_a_release_and_an_acquisition() {
    exhaustively(|| {
        let semaphore = Semaphore::new(2);
        let held = semaphore.try_acquire_owned().unwrap();
        let holder = thread::spawn(move || drop(held));
        let other = semaphore.clone();
        let other = thread::spawn(move || other.try_acquire_owned().is_ok());
        semaphore.resize(1);
        holder.join().unwrap();
        other.join().unwrap();
        assert_eq!((semaphore.available_permits(), semaphore.total_permits()), (1, 1));
    });
}

#[test]
fn exhaustive_release_pays_the_debt_before_a_waiter() {
    exhaustively(|| {
        let semaphore = Semaphore::new(3);
        let held = [semaphore.try_acquire_owned().unwrap(), semaphore.try_acquire_owned().unwrap()];
        let last = semaphore.try_acquire_owned().unwrap();
        semaphore.resize(1);
        let mut waiting = Box::pin(semaphore.acquire());
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let holders = held.map(|held| thread::spawn(move || drop(held)));
        for holder in holders {
            holder.join().unwrap();
        }
        let polled = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "a permit while the only one is taken");
        drop(last);
        drop(block_on(waiting).unwrap());
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn up_to_2_preemptions_waiter_gets_a_permit_of_a_growth_after_a_shrink() {
    with_preemptions(2, || {
        let semaphore = Semaphore::new(1);
        let held = semaphore.try_acquire_owned().unwrap();
        let others = [semaphore.clone(), semaphore.clone()];
        let [waits, resizes] = others;
        let waits = thread::spawn(move || visit(&waits));
        let resizes = thread::spawn(move || {
            resizes.resize(0);
            resizes.resize(1);
        });
        drop(held);
        resizes.join().unwrap();
        waits.join().unwrap();
        assert_eq!((semaphore.available_permits(), semaphore.total_permits()), (1, 1));
    });
}
