//! A temporary file that is removed however the work ends: a success, an error, and a deadline.

use std::path::PathBuf;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;
use towpath_resource::{Resource, Scope, resource_fn, with_in};

fn temporary_file(name: &'static str) -> impl Resource<State = PathBuf> {
    resource_fn(
        move || async move {
            let path = std::env::temp_dir().join(format!("towpath-{}-{name}", std::process::id()));
            let created = path.clone();
            spawn_blocking(move || std::fs::write(created, "draft")).await??;
            Ok(path)
        },
        |path: PathBuf, after| async move {
            println!("removed after {after:?}");
            Ok(spawn_blocking(move || std::fs::remove_file(path)).await??)
        },
    )
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let scope = Scope::new("drafts").with_timeout(Duration::from_millis(100));
    let read = with_in(&scope, temporary_file("read"), |path| async move {
        let path = path.clone();
        Ok(spawn_blocking(move || std::fs::read_to_string(path)).await??)
    });
    println!("read: {}", read.await?);

    let failed = with_in(&scope, temporary_file("fail"), |path| async move {
        anyhow::ensure!(!path.exists(), "no space left");
        Ok(())
    });
    println!("failed: {}", failed.await.unwrap_err());

    let late = with_in(&scope, temporary_file("late"), |_path| async move {
        sleep(Duration::from_secs(60)).await;
        Ok(())
    });
    println!("late: {}", late.await.unwrap_err());
    Ok(())
}
