//! One semaphore for all users of a database: a run of two stages, and a single request at the same time.

use std::time::Duration;

use towpath_semaphore::{PatternExt, Semaphore, WithPermit, with_state};

/// A database with a limit of connections.
#[derive(Clone)]
struct Database {
    connections: Semaphore,
}

impl Database {
    /// Sends a query. The caller has a permit.
    async fn query(&self, what: String) -> anyhow::Result<String> {
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

    let load = async |database: &Database, id: u64| database.query(format!("load user {id}")).await;
    let load = WithPermit::new(4, &connections, with_state(database.clone(), load));
    let save = async |database: &Database, user: String| database.query(format!("save: {user}")).await;
    let save = WithPermit::new(4, &connections, with_state(database.clone(), save));

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
