//! A crawler with its frontier on a disk: a job adds the links of its page, and the crawl ends when no page is left.
//! The second crawl goes on where the first was stopped.

use std::collections::{HashSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::sleep;
use towpath_fanout::{Fanout, Frontier, PatternExt, Run, Source, Storage, anyhow};

/// The pages to visit, in a log: a line `+page` for a page that was found, a line `-page` for a page that is done.
struct Log(Mutex<State>);

struct State {
    file: File,
    found: HashSet<String>,
    /// The pages that were found, are not done, and are in no job.
    waiting: VecDeque<String>,
}

impl Log {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let text = if path.exists() { fs::read_to_string(path)? } else { String::new() };
        let lines = |sign| text.lines().filter_map(move |line| line.strip_prefix(sign));
        let done: HashSet<_> = lines('-').collect();
        let found = lines('+').map(str::to_owned).collect();
        let waiting = lines('+').filter(|page| !done.contains(page)).map(str::to_owned).collect();
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(Mutex::new(State { file, found, waiting })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, page: &str) -> anyhow::Result<()> {
        Ok(writeln!(self.state().file, "-{page}")?)
    }
}

impl Storage for Log {
    type Item = String;

    // A short write may run on a thread of the runtime. A database has methods that wait.
    async fn add(&self, page: String) -> anyhow::Result<()> {
        let mut state = self.state();
        if state.found.insert(page.clone()) {
            writeln!(state.file, "+{page}")?;
            state.waiting.push_back(page);
        }
        Ok(())
    }

    async fn take(&self, max: usize) -> anyhow::Result<Vec<String>> {
        let mut state = self.state();
        let count = max.min(state.waiting.len());
        Ok(state.waiting.drain(..count).collect())
    }

    fn give_back(&self, page: String) -> anyhow::Result<()> {
        self.state().waiting.push_front(page);
        Ok(())
    }
}

/// The links of a small site.
fn links(page: &str) -> &'static [&'static str] {
    match page {
        "/" => &["/guide", "/blog", "/about"],
        "/guide" => &["/guide/queues", "/guide/runs", "/"],
        "/blog" => &["/blog/1", "/blog/2", "/guide"],
        "/blog/2" => &["/blog/1", "/about"],
        _ => &["/"],
    }
}

/// Crawls the pages of the log at `path`.
async fn crawl(path: &Path) -> anyhow::Result<Run<String>> {
    let (frontier, pages) = Source::frontier(Log::open(path)?);
    frontier.add("/".to_owned()).await?; // known already to the second crawl
    let visit = move |page: String| {
        let frontier: Frontier<Log> = frontier.clone();
        async move {
            sleep(Duration::from_millis(5)).await; // the download
            for link in links(&page) {
                frontier.add((*link).to_owned()).await?;
            }
            // From here on, the page is not visited again.
            frontier.storage().finish(&page)?;
            Ok(page)
        }
    };
    Ok(Fanout::new(3, visit).run(pages))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let path = std::env::temp_dir().join(format!("towpath-frontier-{}", std::process::id()));

    let mut first = crawl(&path).await?;
    let mut visited = Vec::new();
    while visited.len() < 3
        && let Some(page) = first.next().await
    {
        visited.push(page?);
    }
    first.cancel();
    first.finish().await; // the process could also have crashed here

    let done = fs::read_to_string(&path)?.lines().filter(|line| line.starts_with('-')).count();
    let rest = crawl(&path).await?.collect().await?;
    println!("visited {visited:?}, and after a stop {rest:?}");
    assert_eq!(done + rest.len(), 8, "no page is left out, and no finished page is visited again");
    assert!(rest.iter().all(|page| !visited.contains(page)));
    fs::remove_file(&path)?;
    Ok(())
}
