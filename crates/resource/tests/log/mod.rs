//! A resource with a log of its acquisitions and releases.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep;
use towpath_resource::{JobOutcome, Resource};

/// The time of a release.
pub const RELEASE: Duration = Duration::from_millis(100);

/// Logs acquisitions and releases. Clones share the log.
#[derive(Clone, Debug, Default)]
pub struct Logged {
    log: Arc<Mutex<Log>>,
    /// The end of every release.
    pub releases: Releases,
}

#[derive(Clone, Copy, Debug, Default)]
pub enum Releases {
    #[default]
    Succeed,
    Fail,
    Panic,
    /// The releases never end.
    Hang,
}

#[derive(Debug, Default)]
struct Log {
    made: usize,
    alive: usize,
    most_alive: usize,
    releases: Vec<(usize, JobOutcome)>,
}

/// A resource with its number.
#[derive(Debug)]
pub struct State {
    pub number: usize,
    log: Arc<Mutex<Log>>,
}

impl Drop for State {
    fn drop(&mut self) {
        let mut log = self.log.lock().unwrap();
        log.alive -= 1;
    }
}

impl Logged {
    pub fn with_releases_that(releases: Releases) -> Self {
        Self { releases, ..Self::default() }
    }

    /// Returns the number of acquired resources, and the maximum at the same time.
    pub fn made(&self) -> (usize, usize) {
        let log = self.log.lock().unwrap();
        (log.made, log.most_alive)
    }

    pub fn alive(&self) -> usize {
        self.log.lock().unwrap().alive
    }

    /// Returns the numbers of the released resources, with the outcomes of the last jobs.
    pub fn released(&self) -> Vec<(usize, JobOutcome)> {
        let mut releases = self.log.lock().unwrap().releases.clone();
        releases.sort_by_key(|release| release.0);
        releases
    }
}

impl Resource for Logged {
    type State = State;

    async fn acquire(&self) -> anyhow::Result<State> {
        sleep(Duration::from_millis(10)).await;
        let mut log = self.log.lock().unwrap();
        let number = log.made;
        log.made += 1;
        log.alive += 1;
        log.most_alive = log.most_alive.max(log.alive);
        Ok(State { number, log: Arc::clone(&self.log) })
    }

    async fn release(&self, state: State, after: JobOutcome) -> anyhow::Result<()> {
        sleep(RELEASE).await;
        self.log.lock().unwrap().releases.push((state.number, after));
        match self.releases {
            Releases::Succeed => Ok(()),
            Releases::Fail => anyhow::bail!("release {} failed", state.number),
            Releases::Panic => panic!("release {} broke", state.number),
            Releases::Hang => std::future::pending().await,
        }
    }
}
