//! Items that record their drops.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};

/// The number of the hostile item in a case without a hostile item.
pub const NONE_PANICS: u32 = u32::MAX;

/// All items of a case, with the number of drops of each item.
#[derive(Clone, Default)]
pub struct Items(Arc<Mutex<Vec<u32>>>);

/// An item of a case.
pub struct Item {
    pub number: u32,
    all: Items,
    hostile: u32,
}

impl Items {
    fn drops<R>(&self, see: impl FnOnce(&mut Vec<u32>) -> R) -> R {
        see(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Creates the next item. The drop of the item with the number `hostile` panics.
    pub fn make(&self, hostile: u32) -> Item {
        let number = self.drops(|drops| {
            drops.push(0);
            drops.len() - 1
        });
        Item { number: u32::try_from(number).expect("few items"), all: self.clone(), hostile }
    }

    /// Returns the number of dropped items.
    pub fn dropped(&self) -> usize {
        self.drops(|drops| drops.iter().filter(|times| **times > 0).count())
    }

    /// Returns the number of items that are not dropped.
    pub fn alive(&self) -> usize {
        self.drops(|drops| drops.iter().filter(|times| **times == 0).count())
    }

    pub fn each_was_dropped_once(&self) -> Result<()> {
        let wrong =
            self.drops(|drops| drops.iter().position(|times| *times != 1).map(|item| (item, drops[item])));
        ensure!(
            wrong.is_none(),
            "item {} was dropped {} times",
            wrong.unwrap_or_default().0,
            wrong.unwrap_or_default().1
        );
        Ok(())
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        self.all.drops(|drops| drops[self.number as usize] += 1);
        if self.number == self.hostile && !std::thread::panicking() {
            std::panic::resume_unwind(Box::new("an item that panics"));
        }
    }
}
