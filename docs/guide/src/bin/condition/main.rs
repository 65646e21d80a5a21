//! A withdrawal waits until the balance is sufficient, and checks again after every deposit.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

const SECOND: Duration = Duration::from_millis(10);

#[derive(Default)]
struct Account {
    balance: Mutex<u32>,
    changed: Notify,
}

impl Account {
    fn deposit(&self, amount: u32) {
        let mut balance = self.balance.lock().unwrap_or_else(PoisonError::into_inner);
        *balance += amount;
        println!("deposit of {amount}: the balance is {balance}");
        self.changed.notify_waiters();
    }

    fn try_withdraw(&self, amount: u32) -> bool {
        let mut balance = self.balance.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(rest) = balance.checked_sub(amount) else { return false };
        *balance = rest;
        println!("withdrawal of {amount}: the balance is {balance}");
        true
    }

    async fn withdraw(&self, amount: u32) {
        loop {
            let changed = self.changed.notified(); // created first: no later change is missed
            if self.try_withdraw(amount) {
                return;
            }
            changed.await;
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let account = Account::default();
    let deposits = async {
        for _ in 0..3 {
            sleep(2 * SECOND).await;
            account.deposit(30);
        }
    };
    tokio::join!(account.withdraw(80), deposits);
    Ok(())
}
