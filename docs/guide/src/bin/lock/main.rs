//! tokio's lock for a step with an await, the standard library's lock for a step without one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep;
use towpath_pattern::Scope;

const SECOND: Duration = Duration::from_millis(10);

struct Account {
    requests: Mutex<u32>,
    balance: tokio::sync::Mutex<u32>,
}

impl Account {
    async fn withdraw(&self, amount: u32) {
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner) += 1;

        let mut balance = self.balance.lock().await;
        let before = *balance;
        sleep(SECOND).await; // asks the bank
        *balance = before - amount;
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let account =
        Arc::new(Account { requests: Mutex::new(0), balance: tokio::sync::Mutex::new(100) });
    let group = Scope::new("withdrawals");
    for _ in 0..5 {
        let account = Arc::clone(&account);
        group.spawn("withdrawal", async move {
            account.withdraw(10).await;
            Ok(())
        });
    }
    group.wait().await?;
    println!("requests: {}", account.requests.lock().unwrap_or_else(PoisonError::into_inner));
    println!("balance: {}", account.balance.lock().await);
    Ok(())
}
