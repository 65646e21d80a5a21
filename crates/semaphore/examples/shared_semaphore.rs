//! One semaphore for all users of a database: a run of two stages, and a single request at the same time.

use std::time::Duration;

use towpath_semaphore::{PatternExt, Semaphore, WithPermit};

/// A database with a limit of connections.
#[derive(Clone)]
struct Database {
    connections: Semaphore,
}

impl Database {
    /// Sends a query. The caller has a permit.
    async fn query(self, what: String) -> anyhow::Result<String> {
        let used = self.connections.total_permits() - self.connections.available_permits();
        println!("{what} ({used} of {} connections in use)", self.connections.total_permits());
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(what)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let connections = Semaphore::new(4);
    let database = Database { connections: connections.clone() };

    let users = database.clone();
    let load = WithPermit::new(&connections, move |id: u64| users.clone().query(format!("load user {id}")));
    let users = database.clone();
    let save =
        WithPermit::new(&connections, move |user: String| users.clone().query(format!("save: {user}")));

    // Two stages under one semaphore: no job holds a connection while it waits for the other stage.
    let import = load.named("load").then(save.named("save")).run(0..12);

    let permit = connections.acquire().await?;
    database.query("a single request".to_owned()).await?;
    drop(permit);

    let report = import.finish().await;
    println!("{report}");
    assert_eq!(report.last().succeeded, 12);
    assert_eq!(connections.available_permits(), 4);
    Ok(())
}
