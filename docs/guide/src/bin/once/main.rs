//! Three requests need the settings. The first request loads them once; the others wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::sleep;
use towpath_pattern::Scope;

const SECOND: Duration = Duration::from_millis(10);

#[derive(Default)]
struct Settings {
    port: OnceCell<u16>,
}

impl Settings {
    async fn port(&self) -> u16 {
        let load = || async {
            println!("loading the settings");
            sleep(2 * SECOND).await;
            8080
        };
        *self.port.get_or_init(load).await
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings = Arc::new(Settings::default());
    let requests = Scope::new("requests");
    for name in ["A", "B", "C"] {
        let settings = Arc::clone(&settings);
        requests.spawn(name, async move {
            println!("request {name} uses port {}", settings.port().await);
            Ok(())
        });
    }
    requests.wait().await?;
    println!("once more: {}", settings.port().await);
    Ok(())
}
