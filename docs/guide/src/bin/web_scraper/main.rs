//! Crawls a site: five consumers share a queue of pages, and send new links to the queue.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use html5gum::{Token, Tokenizer};
use reqwest::{Client, Url};
use towpath_producer_consumer::{PatternExt, ProducerConsumer, QueueTrySender};

const AT_ONCE: usize = 5;
const MOST_PAGES: usize = 1000;

/// Returns the links of a page to pages of the same site.
async fn links_of(client: &Client, page: &Url) -> anyhow::Result<Vec<Url>> {
    let response = client.get(page.clone()).send().await?.error_for_status()?;
    let html = response.text().await?;
    let mut links = Vec::new();
    for Ok(token) in Tokenizer::new(html.as_str()) {
        if let Token::StartTag(tag) = token
            && tag.name.as_slice() == b"a"
            && let Some(href) = tag.attributes.get(b"href".as_slice())
        {
            let mut link = page.join(std::str::from_utf8(href)?)?;
            link.set_fragment(None);
            if link.origin() == page.origin() {
                links.push(link);
            }
        }
    }
    Ok(links)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let start = std::env::args().nth(1).context("give the address of the site")?;
    let start = Url::parse(&start)?;
    let client = Client::new();
    let seen = Arc::new(Mutex::new(HashSet::from([start.clone()])));

    let visit = move |(page, level): (Url, u32), found: QueueTrySender<(Url, u32)>| {
        let (client, seen) = (client.clone(), Arc::clone(&seen));
        async move {
            let links = links_of(&client, &page).await?;
            for link in &links {
                let is_new =
                    seen.lock().unwrap_or_else(PoisonError::into_inner).insert(link.clone());
                if is_new {
                    found.try_send((link.clone(), level + 1))?;
                }
            }
            Ok((level, links.len()))
        }
    };
    let crawl = ProducerConsumer::items().consumers_that_send(AT_ONCE, visit).capacity(MOST_PAGES);
    let visited = crawl.run([(start, 0)]).collect().await?;

    println!("pages: {}", visited.len());
    println!("links: {}", visited.iter().map(|(_, links)| links).sum::<usize>());
    println!("deepest level: {}", visited.iter().map(|(level, _)| level).max().unwrap_or(&0));
    Ok(())
}
