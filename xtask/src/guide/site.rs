//! The site that the guide's web scrapers crawl: fifty linked pages on loopback, and a record of the visits.
//!
//! The pages are a tree, with three children of a page. A page links to its children, to the next child of its parent,
//! and to its parent. So a crawler finds each page first through its parent, and at the same depth in any order.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const PAGES: usize = 50;
const CHILDREN: usize = 3;

/// The largest number of concurrent requests of a crawler.
const AT_ONCE: usize = 5;

/// The duration of a request, long enough for the requests of one crawler to overlap.
const DELAY: Duration = Duration::from_millis(20);

/// A site that is served until its drop.
pub struct Site {
    /// The address of the first page, as in `http://127.0.0.1:40000/`.
    pub address: String,
    visits: Arc<Mutex<Visits>>,
    _server: Runtime,
}

#[derive(Clone)]
pub struct Visits {
    pages: [usize; PAGES],
    now: usize,
    most: usize,
}

impl Site {
    pub fn serve() -> Result<Self> {
        let visits = Arc::new(Mutex::new(Visits { pages: [0; PAGES], now: 0, most: 0 }));
        let server = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = server.block_on(TcpListener::bind("127.0.0.1:0"));
        let listener = listener.context("cannot serve the site on loopback")?;
        let address = format!("http://{}/", listener.local_addr()?);
        let app = Router::new()
            .route("/", get(|state| page(Path("0.html".to_owned()), state)))
            .route("/pages/{name}", get(page))
            .with_state(Arc::clone(&visits));
        // The runtime owns the task, and drops the task at its own drop.
        server.spawn(async move { axum::serve(listener, app).await });
        Ok(Self { address, visits, _server: server })
    }

    /// Returns the visits until now.
    pub fn visits(&self) -> Visits {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Visits {
    /// Checks that each page was requested once, with several concurrent requests but no more than allowed.
    pub fn check(&self) -> Result<()> {
        for (page, &times) in self.pages.iter().enumerate() {
            ensure!(times == 1, "page {page} of the site was asked for {times} times, not once");
        }
        let most = self.most;
        ensure!(most <= AT_ONCE, "it asked for {most} pages at once; {AT_ONCE} are allowed");
        ensure!(most > 1, "it asked for one page after another, never for two at once");
        Ok(())
    }
}

async fn page(
    Path(name): Path<String>,
    State(visits): State<Arc<Mutex<Visits>>>,
) -> Result<Html<String>, StatusCode> {
    let number = name.strip_suffix(".html").and_then(|number| number.parse::<usize>().ok());
    let number = number.filter(|&number| number < PAGES).ok_or(StatusCode::NOT_FOUND)?;
    let change = |change: fn(&mut Visits, usize)| {
        change(&mut visits.lock().unwrap_or_else(PoisonError::into_inner), number);
    };
    change(|visits, number| {
        visits.pages[number] += 1;
        visits.now += 1;
        visits.most = visits.most.max(visits.now);
    });
    tokio::time::sleep(DELAY).await;
    change(|visits, _| visits.now -= 1);
    Ok(Html(html(number)))
}

/// Returns a page with links that a crawler must resolve: relative addresses, an address with a fragment, and an
/// address of another site.
fn html(page: usize) -> String {
    let mut links = String::new();
    let mut link = |to: &str, text: &str| {
        let _ = writeln!(links, "<li><a href=\"{to}\">{text}</a></li>");
    };
    link("/", "Home");
    link("https://example.com/", "Elsewhere");
    if page > 0 {
        link(&format!("/pages/{page}.html#top"), "Here");
        let parent = (page - 1) / CHILDREN;
        if parent > 0 {
            link(&format!("{parent}.html"), "Up");
        }
        if !page.is_multiple_of(CHILDREN) && page + 1 < PAGES {
            link(&format!("{}.html", page + 1), "Next");
        }
    }
    for child in (1..=CHILDREN).map(|nth| CHILDREN * page + nth).filter(|&child| child < PAGES) {
        link(&format!("/pages/{child}.html"), "Down");
    }
    format!(
        "<!doctype html>\n<title>Page {page}</title>\n<h1 id=\"top\">Page {page}</h1>\n<ul>\n{links}</ul>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crawler_fetches_each_page_once_and_five_at_a_time() {
        let visits = |pages: [usize; PAGES], most| Visits { pages, now: 0, most }.check();
        let mut twice = [1; PAGES];
        twice[7] = 2;
        assert!(visits([1; PAGES], 5).is_ok());
        let said = visits(twice, 5).unwrap_err().to_string();
        assert_eq!(said, "page 7 of the site was asked for 2 times, not once");
        let said = visits([1; PAGES], 6).unwrap_err().to_string();
        assert_eq!(said, "it asked for 6 pages at once; 5 are allowed");
        assert!(visits([1; PAGES], 1).is_err());
    }
}
