//! Ten requests over two connections, with a greeting before the first request of a connection and a goodbye after the last.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::sleep;
use towpath_resource::{JobOutcome, PatternExt, Resource, ResourceGuard, WithResource};

struct Server {
    connections: AtomicU32,
}

struct Connection {
    number: u32,
    requests: u32,
}

impl Resource for Server {
    type State = Connection;

    async fn acquire(&self) -> anyhow::Result<Connection> {
        let number = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        sleep(Duration::from_millis(20)).await;
        println!("connection {number}: hello");
        Ok(Connection { number, requests: 0 })
    }

    async fn release(&self, connection: Connection, after: JobOutcome) -> anyhow::Result<()> {
        sleep(Duration::from_millis(20)).await;
        println!(
            "connection {}: goodbye after {} requests ({after:?})",
            connection.number, connection.requests
        );
        Ok(())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = Server { connections: AtomicU32::new(0) };
    let get =
        WithResource::new(2, server, |(mut connection, page): (ResourceGuard<Connection>, u32)| async move {
            connection.requests += 1;
            sleep(Duration::from_millis(10)).await;
            Ok(page * 100)
        });
    let sizes = get.ordered().run(1..=10).collect().await?;
    println!("{sizes:?}");
    Ok(())
}
