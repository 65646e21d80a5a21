//! Values by keys: created for the first item with a key, shared by equal keys, and forgotten once the key is idle.
//!
//! The hash and the comparison of keys are user code, and so is the drop of a key. None of them runs under the lock. A key is
//! hashed before the lock. Under the lock, the table finds an entry with the same hash and takes a share in the entry; the keys
//! are compared after the unlock. If the keys differ, the share is dropped and the search continues with the entries that are
//! not compared yet. An entry is inserted if all entries with the hash were compared. With 64 bits of hash and random seeds, a
//! second comparison is rare.
//!
//! # Invariants
//!
//! 1. `shares` of a slot is the number of its [`Handle`]s. A slot with shares is never removed.
//! 2. A slot without shares is removed, or is in `resting` once, and is removed by a later [`Table::enter`] after its moment.
//!    A slot in `resting` is removed only by the sweep.
//! 3. No key is hashed, compared or dropped under the lock. The lock of a value may be taken under the lock of the table, and
//!    not the other way around.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::mem;
use std::ops::Deref;
use std::sync::Arc;

use tokio::time::Instant;

use crate::sync::{Mutex, panic};

/// The most resting slots that a call of [`Table::enter`] removes: more than a call adds, and few enough for a short call.
const SWEPT: usize = 16;

/// The table keeps memory for this number of keys in any case.
const KEPT: usize = 1_024;

/// A value of a table.
pub(crate) trait Value {
    /// What a new value is made from.
    type Seed;

    /// Creates the value for a key. Called under the lock.
    fn new(seed: &Self::Seed) -> Self;

    /// Returns the moment at which a value without shares may be forgotten, or `None` if it is now. Called under the lock.
    fn rests_until(&self) -> Option<Instant>;
}

pub(crate) struct Table<K, V: Value> {
    hasher: RandomState,
    slots: Mutex<Slots<K, V>>,
}

struct Slots<K, V: Value> {
    by_hash: HashMap<u64, Bucket<K, V>, BuildHasherDefault<Hashed>>,
    /// The slots that were without shares and may not be forgotten before a moment, the earliest first.
    resting: BinaryHeap<Reverse<Resting>>,
    seed: V::Seed,
    /// The number of entries created.
    created: u64,
    /// The number of entries forgotten.
    removed: u64,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Resting {
    until: Instant,
    hash: u64,
    id: u64,
}

/// The slots with the same hash. A second slot is rare.
struct Bucket<K, V> {
    first: Slot<K, V>,
    others: Vec<Slot<K, V>>,
}

struct Slot<K, V> {
    entry: Arc<Entry<K, V>>,
    shares: usize,
    /// Whether the slot is in `resting`.
    rests: bool,
}

struct Entry<K, V> {
    hash: u64,
    id: u64,
    key: K,
    value: V,
}

impl<K: Hash + Eq, V: Value> Table<K, V> {
    /// Returns a share in the value of `key`; the value is created for the first share.
    ///
    /// # Panics
    ///
    /// Panics if the hash, the comparison or the drop of a key panics. The call then leaves no share behind.
    pub(crate) fn enter(self: &Arc<Self>, key: K) -> Handle<K, V> {
        let hash = self.hasher.hash_one(&key);
        let mut key = Some(key);
        let mut unequal = Vec::new();
        loop {
            let mut slots = self.slots.lock();
            let forgotten = slots.sweep();
            let entry = slots.find_or_insert(hash, &unequal, &mut key);
            drop(slots);
            let handle = Handle { table: Arc::clone(self), entry: Some(entry) };
            let mut panicked = None;
            for entry in forgotten {
                panicked = panicked.or(panic::catch(|| drop(entry)).err());
            }
            panic::resume(panicked);
            if key.as_ref().is_none_or(|key| handle.entry().key == *key) {
                // The drop of the key may panic: the handle is then dropped, and not lost with the returned value.
                drop(key);
                return handle;
            }
            unequal.push(handle.entry().id);
        }
    }
}

impl<K, V: Value> Table<K, V> {
    pub(crate) fn new(seed: V::Seed) -> Self {
        let (by_hash, resting) = (HashMap::default(), BinaryHeap::new());
        let slots = Slots { by_hash, resting, seed, created: 0, removed: 0 };
        Self { hasher: RandomState::new(), slots: Mutex::new(slots) }
    }

    /// Changes the seed of later values, and calls `change` for each value under the lock.
    pub(crate) fn reseed(&self, seed: V::Seed, mut change: impl FnMut(&V)) {
        let mut slots = self.slots.lock();
        slots.seed = seed;
        for bucket in slots.by_hash.values() {
            bucket.iter().for_each(|slot| change(&slot.entry.value));
        }
    }

    /// Calls `read` with the seed, under the lock.
    pub(crate) fn with_seed<R>(&self, read: impl FnOnce(&V::Seed) -> R) -> R {
        read(&self.slots.lock().seed)
    }

    /// Returns the number of remembered keys.
    pub(crate) fn len(&self) -> usize {
        let slots = self.slots.lock();
        usize::try_from(slots.created - slots.removed).unwrap_or(usize::MAX)
    }
}

impl<K, V: Value> Slots<K, V> {
    /// Takes a share in an entry with the hash that is not among the `unequal`, or in a new entry for the key.
    fn find_or_insert(&mut self, hash: u64, unequal: &[u64], key: &mut Option<K>) -> Arc<Entry<K, V>> {
        let mut slots = self.by_hash.get_mut(&hash).into_iter().flat_map(Bucket::iter_mut);
        if let Some(slot) = slots.find(|slot| !unequal.contains(&slot.entry.id)) {
            slot.shares += 1;
            return Arc::clone(&slot.entry);
        }
        drop(slots);
        let key = key.take().expect("the key is inserted once");
        let (id, value) = (self.created, V::new(&self.seed));
        self.created += 1;
        let entry = Arc::new(Entry { hash, id, key, value });
        let slot = Slot { entry: Arc::clone(&entry), shares: 1, rests: false };
        match self.by_hash.get_mut(&hash) {
            Some(bucket) => bucket.others.push(slot),
            None => {
                self.by_hash.insert(hash, Bucket { first: slot, others: Vec::new() });
            }
        }
        entry
    }

    /// Drops a share, and returns the entry if it is forgotten.
    fn leave(&mut self, hash: u64, id: u64) -> Option<Arc<Entry<K, V>>> {
        let slot = self.by_hash.get_mut(&hash)?.find(id)?;
        slot.shares -= 1;
        if slot.shares > 0 || slot.rests {
            return None;
        }
        let Some(until) = slot.entry.value.rests_until() else { return self.remove(hash, id) };
        slot.rests = true;
        self.resting.push(Reverse(Resting { until, hash, id }));
        None
    }

    /// Forgets resting entries whose moment has come, and returns the entries.
    fn sweep(&mut self) -> Vec<Arc<Entry<K, V>>> {
        let mut forgotten = Vec::new();
        if self.resting.is_empty() {
            return forgotten;
        }
        let now = Instant::now();
        for _ in 0..SWEPT {
            if self.resting.peek().is_none_or(|Reverse(first)| first.until > now) {
                break;
            }
            let Some(Reverse(Resting { hash, id, .. })) = self.resting.pop() else { break };
            let Some(slot) = self.by_hash.get_mut(&hash).and_then(|bucket| bucket.find(id)) else { continue };
            slot.rests = false;
            if slot.shares > 0 {
                continue;
            }
            match slot.entry.value.rests_until().filter(|until| *until > now) {
                Some(until) => {
                    slot.rests = true;
                    self.resting.push(Reverse(Resting { until, hash, id }));
                }
                None => forgotten.extend(self.remove(hash, id)),
            }
        }
        if self.resting.capacity() > KEPT.max(4 * self.resting.len()) {
            self.resting.shrink_to(KEPT.max(2 * self.resting.len()));
        }
        forgotten
    }

    fn remove(&mut self, hash: u64, id: u64) -> Option<Arc<Entry<K, V>>> {
        let bucket = self.by_hash.get_mut(&hash)?;
        self.removed += 1;
        let slot = if let Some(at) = bucket.others.iter().position(|slot| slot.entry.id == id) {
            bucket.others.swap_remove(at)
        } else if let Some(other) = bucket.others.pop() {
            mem::replace(&mut bucket.first, other)
        } else {
            self.by_hash.remove(&hash)?.first
        };
        if self.by_hash.capacity() > KEPT.max(4 * self.by_hash.len()) {
            self.by_hash.shrink_to(KEPT.max(2 * self.by_hash.len()));
        }
        Some(slot.entry)
    }
}

impl<K, V> Bucket<K, V> {
    fn iter(&self) -> impl Iterator<Item = &Slot<K, V>> {
        std::iter::once(&self.first).chain(&self.others)
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot<K, V>> {
        std::iter::once(&mut self.first).chain(&mut self.others)
    }

    fn find(&mut self, id: u64) -> Option<&mut Slot<K, V>> {
        self.iter_mut().find(|slot| slot.entry.id == id)
    }
}

/// A share in the value of a key.
pub(crate) struct Handle<K, V: Value> {
    table: Arc<Table<K, V>>,
    /// `None` only during the drop.
    entry: Option<Arc<Entry<K, V>>>,
}

impl<K, V: Value> Handle<K, V> {
    fn entry(&self) -> &Entry<K, V> {
        self.entry.as_deref().expect("taken by the drop alone")
    }
}

impl<K, V: Value> Deref for Handle<K, V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.entry().value
    }
}

impl<K, V: Value> Drop for Handle<K, V> {
    fn drop(&mut self) {
        let Some(entry) = self.entry.take() else { return };
        let forgotten = self.table.slots.lock().leave(entry.hash, entry.id);
        // The key is dropped after the unlock, with the last of the two. A panic of the drop during a panic would abort.
        panic::resume(panic::catch(|| drop((forgotten, entry))).err());
    }
}

/// A hash as it is: the keys of the map are hashes already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("the keys of the map are of type u64");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
