//! Runs in sequence under a watchdog, with a check of the memory after every run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use super::choice::{self, On, Round};
use super::flat::Flat;
use super::particular::Particular;
use super::within::{AT_MOST, within};
use crate::testable::Tested;

/// A single run out of this number is work added by [`Soak::with`](super::Soak::with), if the soak has such work.
const PARTICULAR: u32 = 4;

/// The run that the watchdog watches.
struct Watched {
    number: u64,
    what: String,
}

/// The length of a course.
#[derive(Clone, Copy)]
pub(super) enum Until {
    Runs(u64),
    Seconds(f64),
    /// Repeats the first run for this number of seconds, at least once.
    AgainFor(f64),
}

pub(super) struct Course {
    pub(super) tested: Vec<Tested>,
    pub(super) particular: Vec<Particular>,
    pub(super) seed: u64,
    pub(super) heap: fn() -> usize,
    /// Prints a line of JSON before every run, and at the end.
    pub(super) prints: bool,
}

/// The number of completed runs and their items.
#[derive(Default)]
struct Done {
    runs: u64,
    items: u64,
}

/// The work of a run.
enum Chosen {
    Round(Round),
    Particular(Particular, On, u64),
}

impl Course {
    /// Plays the runs.
    ///
    /// # Errors
    ///
    /// At the first run with a broken law. The message has the law, the number and the choices of the run.
    pub(super) fn go(self, first: u64, until: Until) -> Result<(), String> {
        let start = Instant::now();
        let passed = |seconds: f64| start.elapsed().as_secs_f64() >= seconds;
        let runtimes = Runtimes::default();
        let watchdog = Watchdog::start(self.prints);
        let mut flat = Flat::new(self.heap);
        let mut done = Done::default();
        let outcome = loop {
            let (number, is_over) = match until {
                Until::Runs(runs) => (first + done.runs, done.runs >= runs),
                Until::Seconds(seconds) => (first + done.runs, passed(seconds)),
                Until::AgainFor(seconds) => (first, done.runs > 0 && passed(seconds)),
            };
            if is_over {
                break Ok(());
            }
            self.print(&done, number, &flat);
            let chosen = self.choose(number);
            let what = chosen.describe();
            watchdog.watch(Some(Watched { number, what: what.clone() }));
            let outcome = runtimes.make(chosen);
            watchdog.watch(None);
            let outcome = outcome.and_then(|items| flat.look(done.runs).map(|()| items));
            match outcome {
                Ok(items) => done.items += items,
                Err(problem) => break Err(self.failed(number, &problem, &what)),
            }
            done.runs += 1;
        };
        if outcome.is_ok() && self.prints {
            let (runs, items) = (done.runs, done.items);
            println!("{}", json!({ "over": true, "runs": runs, "items": items, "memory": flat.to_string() }));
        }
        outcome
    }

    fn choose(&self, number: u64) -> Chosen {
        let mut rng = choice::numbers(self.seed, number);
        let Self { tested, particular, .. } = self;
        if !particular.is_empty() && rng.u32(..PARTICULAR) == 0 {
            let particular = particular[rng.usize(..particular.len())].clone();
            return Chosen::Particular(particular, choice::on(&mut rng), rng.u64(..));
        }
        Chosen::Round(Round::choose(&mut rng, tested))
    }

    fn print(&self, done: &Done, number: u64, flat: &Flat) {
        if self.prints {
            let Done { runs, items } = done;
            println!(
                "{}",
                json!({ "run": number, "runs": runs, "items": items, "memory": flat.to_string() })
            );
        }
    }

    fn failed(&self, number: u64, problem: &str, what: &str) -> String {
        if self.prints {
            println!("{}", json!({ "failed": problem, "run": number, "what": what }));
        }
        format!("{problem} (run {number} of seed {}: {what})", self.seed)
    }
}

impl Chosen {
    fn describe(&self) -> String {
        match self {
            Self::Round(round) => round.to_string(),
            Self::Particular(particular, on, seed) => format!("{}, {on}, seed {seed}", particular.name),
        }
    }
}

/// The runtimes, kept for the whole course, so leaks add up.
#[derive(Default)]
struct Runtimes(std::cell::RefCell<Vec<(On, Runtime)>>);

impl Runtimes {
    /// Plays a run, and returns the number of items.
    fn make(&self, chosen: Chosen) -> Result<u64, String> {
        let on = match &chosen {
            Chosen::Round(round) => round.on,
            Chosen::Particular(_, on, _) => *on,
        };
        let mut runtimes = self.0.borrow_mut();
        let known = runtimes.iter().position(|(kind, _)| *kind == on);
        if known.is_none() {
            let runtime = on.build().map_err(|error| format!("no runtime with {on}: {error}"))?;
            runtimes.push((on, runtime));
        }
        let place = known.unwrap_or(runtimes.len() - 1);
        let runtime = &runtimes[place].1;
        let made = catch_unwind(AssertUnwindSafe(|| match chosen {
            Chosen::Round(round) => runtime.block_on(round.play()).map(|items| items as u64),
            Chosen::Particular(particular, _, seed) => runtime.block_on(async {
                let worked = within(&particular.name, tokio::spawn((particular.work)(seed))).await?;
                let worked = worked.map_err(|error| error.to_string());
                worked.and_then(|items| items.map_err(|error| format!("{error:#}")))
            }),
        }));
        made.unwrap_or_else(|_| {
            Err("no_silence: a panic left a run, and is not reported as a failure".to_owned())
        })
    }
}

impl On {
    fn build(self) -> std::io::Result<Runtime> {
        match self {
            Self::Paused => Builder::new_current_thread().enable_time().start_paused(true).build(),
            Self::OneThread => Builder::new_current_thread().enable_time().build(),
            Self::Workers(workers) => {
                Builder::new_multi_thread().worker_threads(workers).enable_time().build()
            }
        }
    }
}

/// Exits the process if a run hangs. A thread that hangs cannot be stopped alone.
struct Watchdog(mpsc::Sender<Option<Watched>>);

impl Watchdog {
    fn start(prints: bool) -> Self {
        let (watch, watched) = mpsc::channel::<Option<Watched>>();
        let watching = move || {
            let mut now: Option<Watched> = None;
            loop {
                // Longer than the limits within the run: the message of such a limit names the wait.
                let limit = if now.is_some() { AT_MOST * 2 } else { Duration::MAX };
                match (watched.recv_timeout(limit), now) {
                    (Ok(next), _) => now = next,
                    (Err(RecvTimeoutError::Timeout), Some(Watched { number, what })) => {
                        let problem = format!("hung: not over after {} s", limit.as_secs());
                        if prints {
                            println!("{}", json!({ "failed": problem, "run": number, "what": what }));
                        }
                        eprintln!("run {number} {problem} ({what})");
                        std::process::exit(1);
                    }
                    (Err(_), _) => return,
                }
            }
        };
        thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(watching)
            .expect("a thread for the watchdog");
        Self(watch)
    }

    fn watch(&self, run: Option<Watched>) {
        self.0.send(run).expect("the watchdog outlives the course");
    }
}
