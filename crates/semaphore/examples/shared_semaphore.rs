//! One semaphore for everything that uses a database: a run, another behind it, and a request beside them.

use std::time::Duration;

use towpath_semaphore::{PatternExt, Semaphore, WithPermit};

/// A database that may be asked so many things at once.
#[derive(Clone)]
struct Database {
    connections: Semaphore,
}

impl Database {
    /// Asks it; whoever does has a permit.
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

    // Two stages under one semaphore: none holds a connection while it waits for the other.
    let import = load.named("load").then(save.named("save")).run(0..12);

    let permit = connections.acquire().await?;
    database.query("a request beside the run".to_owned()).await?;
    drop(permit);

    let report = import.finish().await;
    println!("{report}");
    assert_eq!(report.last().succeeded, 12);
    assert_eq!(connections.available_permits(), 4);
    Ok(())
}
