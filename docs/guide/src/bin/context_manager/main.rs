//! `with` for one job, `WithResource` for many jobs, and `Drop` for a release without an await.

use std::time::Duration;

use tokio::time::sleep;
use towpath_resource::{JobOutcome, PatternExt, Resource, ResourceGuard, WithResource, with};

const SECOND: Duration = Duration::from_millis(10);

struct Connection;

impl Connection {
    async fn do_work(&mut self, what: &str) {
        println!("{what}");
        sleep(2 * SECOND).await;
    }
}

struct Server;

impl Resource for Server {
    type State = Connection;

    async fn acquire(&self) -> anyhow::Result<Connection> {
        println!("Acquiring resource");
        sleep(SECOND).await;
        Ok(Connection)
    }

    async fn release(&self, _connection: Connection, _after: JobOutcome) -> anyhow::Result<()> {
        sleep(SECOND).await;
        println!("Releasing resource");
        Ok(())
    }
}

struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        println!("Closed");
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let work = |mut held: ResourceGuard<Connection>| async move {
        held.do_work("Working...").await;
        Ok(())
    };
    with(Server, work).await?;

    println!("Three jobs, one resource:");
    let jobs = WithResource::new(
        1,
        Server,
        |(mut held, job): (ResourceGuard<Connection>, u32)| async move {
            held.do_work(&format!("Job {job}")).await;
            Ok(())
        },
    );
    jobs.run(0..3).collect().await?;

    println!("Without an await:");
    println!("Opened");
    let _guard = Guard;
    println!("Inside");
    Ok(())
}
