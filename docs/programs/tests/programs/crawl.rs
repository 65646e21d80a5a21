//! The program `crawl` on a web of 25 hosts.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rustix::process::Signal;
use tempfile::TempDir;
use towpath_programs::web::{Answer, Behaviour, Web, urls};

use crate::program::{Program, Versions, within};

const CRAWL: Versions = Versions {
    towpath: env!("CARGO_BIN_EXE_crawl"),
    plain: env!("CARGO_BIN_EXE_crawl-plain"),
    go: "crawl",
};

/// Every answer at once.
const ALL: usize = 1_000_000;

/// A folder with the addresses, the web, and the results.
struct Crawl {
    web: Web,
    urls: Vec<String>,
    folder: TempDir,
}

impl Crawl {
    async fn new(hosts: usize, pages: usize, behaviour: Behaviour) -> Self {
        let (folder, urls) = (TempDir::new().unwrap(), urls(hosts, pages));
        fs::write(folder.path().join("urls.txt"), urls.join("\n")).unwrap();
        Self { web: Web::start(behaviour).await.unwrap(), urls, folder }
    }

    fn start(&self, path: &Path, settings: &[&str]) -> Program {
        let (urls, out) = (self.folder.path().join("urls.txt"), self.out());
        let files = [urls.to_str().unwrap(), out.to_str().unwrap()];
        let args = settings.iter().copied().chain(files);
        Program::start(path, args, &[("http_proxy", &self.web.proxy())])
    }

    async fn arrived(&self, requests: usize) {
        within(self.web.arrived(requests), "the crawl").await;
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn lines(&self, file: &str) -> Vec<String> {
        let text = fs::read_to_string(self.out().join(file)).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Returns the chunks of rows, in order.
    fn chunks(&self) -> Vec<Vec<String>> {
        let chunks = (0..).map(|number| format!("rows-{number:04}.csv"));
        chunks
            .take_while(|file| self.out().join(file).exists())
            .map(|file| self.lines(&file))
            .collect()
    }

    /// Returns the addresses in the rows.
    fn written(&self) -> BTreeSet<String> {
        let rows = self.chunks().into_iter().flatten();
        rows.map(|row| row.split_once(',').unwrap().0.to_owned()).collect()
    }

    fn failed(&self) -> BTreeSet<String> {
        let failed = self.lines("failed.txt").into_iter();
        failed.map(|line| line.split_once('\t').unwrap().0.to_owned()).collect()
    }

    /// Returns the addresses that have been requested.
    fn requested(&self) -> BTreeSet<String> {
        self.web.log().arrivals.into_iter().map(|(url, _)| url).collect()
    }
}

fn page(url: &str, _: usize) -> Answer {
    Answer::Page(url.len())
}

/// Every page is a row, and every file but the last has 100 rows.
#[tokio::test]
async fn crawl_of_250_pages_writes_chunks_of_100_rows() {
    for (version, path) in CRAWL.all() {
        let crawl = Crawl::new(25, 10, page).await;
        crawl.web.answer(ALL);
        let ended = crawl.start(&path, &["--per-second", "1000"]).end().await;
        assert_eq!(ended.output(), "250 rows, 0 failed, 0 not requested\n", "{version}");
        let chunks = crawl.chunks();
        assert!(chunks.iter().map(Vec::len).eq([100, 100, 50]), "{version}");
        let rows: BTreeSet<_> = chunks.into_iter().flatten().collect();
        let wanted = crawl.urls.iter().map(|url| format!("{url},{}", url.len()));
        assert_eq!(rows, wanted.collect(), "{version}");
    }
}

/// The web answers only after the limit is reached. The first addresses are of a single host, so the limit is reached by a
/// crawl that looks ahead to other hosts.
#[tokio::test]
async fn crawl_reaches_its_limits_and_keeps_them() {
    for (version, path) in CRAWL.all() {
        let crawl = Crawl::new(25, 40, page).await;
        let limits = ["--at-once", "20", "--to-a-host", "2", "--per-second", "1000"];
        let program = crawl.start(&path, &limits);
        crawl.arrived(20).await;
        crawl.web.answer(ALL);
        assert_eq!(
            program.end().await.output(),
            "1000 rows, 0 failed, 0 not requested\n",
            "{version}"
        );
        let log = crawl.web.log();
        assert_eq!(log.peak, 20, "{version}");
        assert_eq!(log.hosts.values().map(|host| host.peak).max(), Some(2), "{version}");
    }
}

/// The n-th request to a host cannot arrive earlier than the rate allows after the start of the program.
#[tokio::test]
async fn crawl_keeps_the_rate_of_every_host() {
    const PER_SECOND: u32 = 20;
    for (version, path) in CRAWL.all() {
        let crawl = Crawl::new(3, 12, page).await;
        crawl.web.answer(ALL);
        let begin = Instant::now();
        let ended = crawl.start(&path, &["--per-second", &PER_SECOND.to_string()]).end().await;
        assert_eq!(ended.output(), "36 rows, 0 failed, 0 not requested\n", "{version}");
        let arrivals = crawl.web.log().arrivals;
        for host in ["host0.test", "host1.test", "host2.test"] {
            let of_host = arrivals.iter().filter(|(url, _)| url.contains(host));
            for (nth, (url, arrival)) in of_host.enumerate() {
                let earliest =
                    begin + Duration::from_secs(nth.saturating_sub(1) as u64) / PER_SECOND;
                assert!(*arrival >= earliest, "{version}: {url}, request {nth} of its host");
            }
        }
    }
}

/// A slow server and an error of the server are tried again, three times at most. A missing page is not.
#[tokio::test]
async fn crawl_retries_transient_failures_three_times() {
    fn behaviour(url: &str, attempt: usize) -> Answer {
        match (url.rsplit('/').next().unwrap(), attempt) {
            ("0", 1..=2) | ("1", _) => Answer::Status(503),
            ("2", _) => Answer::Status(404),
            ("3", 1) | ("4", _) => Answer::Silence,
            _ => Answer::Page(7),
        }
    }
    async fn check(version: &str, path: &Path) {
        let crawl = Crawl::new(1, 6, behaviour).await;
        crawl.web.answer(ALL);
        let ended = crawl.start(path, &["--timeout", "2000"]).end().await;
        assert_eq!(ended.output(), "3 rows, 3 failed, 0 not requested\n", "{version}");
        let address = |page: &usize| format!("http://host0.test/{page}");
        assert_eq!(crawl.written(), [0, 3, 5].iter().map(address).collect(), "{version}");
        assert_eq!(crawl.failed(), [1, 2, 4].iter().map(address).collect(), "{version}");
        let arrivals = crawl.web.log().arrivals;
        let attempts =
            (0..6).map(|page| arrivals.iter().filter(|(url, _)| *url == address(&page)).count());
        assert!(attempts.eq([3, 4, 1, 2, 4, 1]), "{version}: {arrivals:?}");
    }
    let versions = CRAWL.all();
    join_all(versions.iter().map(|(version, path)| check(version, path))).await;
}

/// After Ctrl-C, the requested pages become rows, and all other addresses come back in order.
#[tokio::test]
async fn crawl_after_ctrl_c_returns_every_other_address() {
    for (version, path) in CRAWL.all() {
        let crawl = Crawl::new(25, 10, page).await;
        let mut program = crawl.start(&path, &["--at-once", "10", "--per-second", "1000"]);
        program.says("250 addresses").await; // and listens for Ctrl-C
        crawl.arrived(10).await;
        crawl.web.answer(105);
        crawl.arrived(115).await;
        program.signal(Signal::INT);
        program.says("draining").await;
        crawl.web.answer(ALL);
        let ended = program.end().await;

        let (written, rest) = (crawl.written(), crawl.lines("rest.txt"));
        assert_eq!(written, crawl.requested(), "{version}");
        assert!(!rest.is_empty(), "{version}");
        let wanted = format!("{} rows, 0 failed, {} not requested\n", written.len(), rest.len());
        assert_eq!(ended.output(), wanted, "{version}");
        let others: Vec<_> = crawl.urls.iter().filter(|url| !written.contains(*url)).collect();
        assert!(rest.iter().eq(others), "{version}: {rest:?}");
    }
}

/// The second Ctrl-C drops the requests, and the addresses without a request still come back.
#[tokio::test]
async fn crawl_after_a_second_ctrl_c_ends_at_once() {
    for (version, path) in CRAWL.all() {
        let crawl = Crawl::new(25, 10, page).await;
        let mut program = crawl.start(&path, &["--at-once", "10", "--per-second", "1000"]);
        program.says("250 addresses").await; // and listens for Ctrl-C
        crawl.arrived(10).await;
        program.signal(Signal::INT);
        program.says("draining").await;
        program.signal(Signal::INT);
        let ended = program.end().await;
        assert_eq!(ended.status.code(), Some(1), "{version}");
        assert!(ended.stderr.contains("cancel"), "{version}: {}", ended.stderr);
        assert!(crawl.failed().is_empty(), "{version}: {:?}", crawl.failed());
        let requested = crawl.requested();
        assert_eq!(requested.len(), 10, "{version}");
        let mut others = crawl.urls.clone();
        others.retain(|url| !requested.contains(url));
        assert_eq!(crawl.lines("rest.txt"), others, "{version}");
    }
}

/// A row that cannot be written ends the crawl with the reason.
#[tokio::test]
async fn crawl_without_space_for_rows_fails() {
    let crawl = Crawl::new(25, 10, page).await;
    let program = crawl.start(CRAWL.towpath.as_ref(), &["--at-once", "10", "--per-second", "1000"]);
    crawl.arrived(10).await;
    fs::create_dir(crawl.out().join("rows-0000.csv")).unwrap();
    crawl.web.answer(ALL);
    let ended = program.end().await;
    assert!(!ended.status.success());
    assert!(ended.stderr.contains("at stage `write` failed"), "{}", ended.stderr);
    assert!(ended.stderr.contains("Is a directory"), "{}", ended.stderr);
}
