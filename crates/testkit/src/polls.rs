//! All nine laws at every poll: a run is stopped, or fails, at every place in turn.
//!
//! A play is a small run of a few items, always the same. The runtime makes a single poll at a time. The check
//! repeats the play, and stops every repetition a poll later, or a moment later within a poll, until the run ends
//! before the stop. After every play, the check judges all nine laws. Every subject of the suite is checked.

mod judge;
mod play;
mod scene;
mod taking;

use towpath_pattern::OnFailure;

use crate::check::{Check, Law, Violation};
use crate::environment;
use crate::probe::{End, Form, Plan, SourceFault, Wait};
use crate::testable::{Testable, Tested};
use judge::judge;
use play::play;
use scene::{Choice, Place, Scene, Stop, scenes};

pub(crate) fn checks() -> Vec<Check> {
    vec![
        Check::sweep("stopped_between_any_two_polls", between_polls),
        Check::sweep("stopped_within_any_poll", in_mid_poll),
        Check::sweep("a_job_that_fails_at_any_poll", failing_jobs),
        Check::sweep("a_source_that_fails_at_any_poll", failing_sources),
    ]
}

/// Returns the number of different plays of a kind.
fn each(tested: &dyn Testable) -> usize {
    if tested.plays_many() { 12 } else { 1 }
}

async fn between_polls(tested: Tested) -> Vec<Violation> {
    let mut broken = Vec::new();
    for scene in scenes(&mut Choice::for_subject(&*tested), &Stop::ALL, each(&*tested)) {
        let mut polls = 0;
        while broken.is_empty() && plays(&*tested, &scene, Place::Poll(polls), &mut broken).await {
            polls += 1;
        }
    }
    broken
}

/// A run cannot be dropped within a poll of the run. After this number of moments without a stop, the run has ended.
const MOMENTS_LEFT_OUT: usize = 10;

async fn in_mid_poll(tested: Tested) -> Vec<Violation> {
    let mut broken = Vec::new();
    for scene in scenes(&mut Choice::for_subject(&*tested), &Stop::FROM_INSIDE, each(&*tested)) {
        let (mut moments, mut left_out) = (0, 0);
        while broken.is_empty() && left_out < MOMENTS_LEFT_OUT {
            let stopped = plays(&*tested, &scene, Place::Moment(moments), &mut broken).await;
            left_out = if stopped { 0 } else { left_out + 1 };
            moments += 1;
        }
    }
    broken
}

const POLICIES: [OnFailure; 2] = [OnFailure::Stop, OnFailure::Continue];

async fn failing_jobs(tested: Tested) -> Vec<Violation> {
    const ITEMS: usize = 6;
    let mut choice = Choice::for_subject(&*tested);
    let mut broken = Vec::new();
    for (index, polls) in (0..ITEMS).flat_map(|index| (0..4).map(move |polls| (index, polls))) {
        for end in [End::Fail, End::Panic, End::TimeOut] {
            for on_failure in POLICIES {
                let mut scene = choice.unstopped(on_failure);
                scene.plans = vec![Plan { wait: Wait::Polls(1), end: End::Succeed }; ITEMS];
                scene.plans[index] = Plan { wait: Wait::Polls(polls), end };
                if broken.is_empty() && choice.is_next() {
                    plays(&*tested, &scene, Place::End, &mut broken).await;
                }
            }
        }
    }
    broken
}

async fn failing_sources(tested: Tested) -> Vec<Violation> {
    let mut choice = Choice::for_subject(&*tested);
    let mut broken = Vec::new();
    for (at, panics) in (0..9).flat_map(|at| [(at, false), (at, true)]) {
        for form in [Form::Iterator, Form::Stream, Form::Halting, Form::Generator] {
            for on_failure in POLICIES {
                let scene = choice.unstopped(on_failure);
                let scene = Scene { form, fault: Some(SourceFault { at, panics }), ..scene };
                if broken.is_empty() && choice.is_next() {
                    plays(&*tested, &scene, Place::End, &mut broken).await;
                }
            }
        }
    }
    broken
}

/// Plays `scene`, and judges every law on the play and on a second run of the pattern. Returns whether the play was
/// stopped before the end.
async fn plays(tested: &dyn Testable, scene: &Scene, place: Place, broken: &mut Vec<Violation>) -> bool {
    let hung = |what| Violation { law: Law::Progress, what };
    let mut stopped = false;
    match play(tested, scene, place).await {
        Ok(witness) => {
            stopped = witness.stopped.is_some();
            broken.extend(judge(tested, scene, &witness));
            broken.extend(witness.runs_again(tested, scene).await.err().map(hung));
        }
        Err(what) => broken.push(hung(what)),
    }
    for violation in broken {
        violation.what = format!(
            "{} ({}, with {scene}{})",
            violation.what,
            place.describe(scene.stop),
            environment::seeded()
        );
    }
    stopped
}
