//! The surroundings of the programs, to try the programs by hand.

use std::path::PathBuf;

use clap::Parser;
use tokio::signal::ctrl_c;
use towpath_programs::database::Database;
use towpath_programs::files;
use towpath_programs::web::{Answer, Web, urls};

#[derive(Parser)]
enum Args {
    /// Write 20,000 files
    Files {
        /// The folder
        folder: PathBuf,
    },
    /// Answer statements until Ctrl-C
    Database,
    /// Write 5,000 addresses of 25 hosts, and serve the hosts until Ctrl-C
    Web {
        /// The file for the addresses, one a line
        urls: PathBuf,
    },
}

/// Of a hundred attempts, two fail and one has no answer.
fn behaviour(url: &str, attempt: usize) -> Answer {
    let sum: usize = url.bytes().map(usize::from).sum();
    match (sum * 31 + attempt * 17) % 100 {
        0 | 1 => Answer::Status(503),
        2 => Answer::Silence,
        dice => Answer::Page(100 * dice),
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Args::parse() {
        Args::Database => {
            let database = Database::start().await?;
            database.answer(1_000_000);
            println!("{}", database.address());
            ctrl_c().await?;
            let log = database.log();
            println!("{} statements, at most {} at once", log.statements.len(), log.peak);
        }
        Args::Files { folder } => files::create(&folder, 20_000)?,
        Args::Web { urls: file } => {
            std::fs::write(file, urls(25, 200).join("\n"))?;
            let web = Web::start(behaviour).await?;
            web.answer(1_000_000);
            println!("http_proxy={}", web.proxy());
            ctrl_c().await?;
            let log = web.log();
            let of_a_host = log.hosts.values().map(|host| host.peak).max().unwrap_or(0);
            println!(
                "{} requests, at most {} at once, at most {of_a_host} to a host",
                log.arrivals.len(),
                log.peak
            );
        }
    }
    Ok(())
}
