//! One semaphore for everything that uses a database: a run, another behind it, and a request beside them.

use std::time::Duration;

use towpath_semaphore::{PatternExt, Semaphore, WithPermit, with_state};

/// A database that may be asked so many things at once.
#[derive(Clone)]
struct Database {
    connections: Semaphore,
}

impl Database {
    /// Asks it; whoever does has a permit.
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
    let load = WithPermit::new(&connections, with_state(database.clone(), load));
    let save = async |database: &Database, user: String| database.query(format!("save: {user}")).await;
    let save = WithPermit::new(&connections, with_state(database.clone(), save));

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
