//! Values by keys: created for the first item with a key, shared by equal keys, and forgotten once the key is idle.
//!
//! The hash and the comparison of keys are user code, and so is the drop of a key. This code never runs under the lock.
//! A key is hashed before the lock. Under the lock, the table finds a slot with the same hash and takes a share in the
//! slot; the keys are compared after the unlock. If the keys differ, the share is dropped and the search continues with
//! the next slot, in the order of creation. A key gets a slot if all slots with the hash were compared. With 64 bits of
//! hash and random seeds, a second comparison is rare.
//!
//! A bucket of the map outlives its slots: the next key with the same hash changes the bucket, and not the map. The
//! vacant buckets are removed together, once their number exceeds the number of the other buckets and [`KEPT`].
//!
//! # Invariants
//!
//! 1. `shares` of a slot is the number of its [`Share`]s. A slot with shares is never removed.
//! 2. A slot without shares is removed, or is in `resting` once, and is removed by a later [`Table::enter`] after its moment.
//!    A slot in `resting` is removed only by the sweep.
//! 3. No key is hashed, compared or dropped under the lock. The lock of a value may be taken under the lock of the table, and
//!    not the other way around.
//! 4. `vacant` is the number of buckets without a slot.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::mem;
use std::sync::Arc;

use tokio::time::Instant;

use crate::sync::{Mutex, panic};

/// The largest number of resting slots that a call of [`Table::enter`] removes: more than a call adds, and few enough
/// for a short call.
const SWEPT: usize = 16;

/// The table keeps memory for this number of keys in any case.
const KEPT: usize = 1_024;

/// A value of a table.
pub(crate) trait Value {
    /// The data for a new value.
    type Seed;

    /// Creates the value for a key. Called under the lock.
    fn new(seed: &Self::Seed) -> Self;

    /// Returns the moment at which a value without shares may be forgotten, or `None` if the value may be forgotten
    /// now. Called under the lock.
    fn rests_until(&self) -> Option<Instant>;
}

pub(crate) struct Table<K, V: Value> {
    hasher: RandomState,
    slots: Mutex<Slots<K, V>>,
}

struct Slots<K, V: Value> {
    by_hash: HashMap<u64, Bucket<K, V>, BuildHasherDefault<Hashed>>,
    /// The number of buckets without a slot.
    vacant: usize,
    /// The slots that were without shares and may not be forgotten before a moment, the earliest first.
    resting: BinaryHeap<Reverse<Resting>>,
    seed: V::Seed,
    /// The number of slots created.
    created: u64,
    /// The number of slots removed.
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
    /// `None` in a vacant bucket.
    first: Option<Slot<K, V>>,
    /// In a box, because the list is nearly always empty.
    #[allow(clippy::box_collection, reason = "a bucket is small")]
    others: Option<Box<Vec<Slot<K, V>>>>,
}

struct Slot<K, V> {
    id: u64,
    key: Key<K>,
    value: V,
    shares: u32,
    /// Whether the slot is in `resting`.
    rests: bool,
}

/// The key of a slot; shared from the first comparison on, which is after the unlock.
enum Key<K> {
    Owned(K),
    Shared(Arc<K>),
    /// During the change of a key from owned to shared.
    Moving,
}

impl<K> Key<K> {
    fn share(&mut self) -> Arc<K> {
        let shared = match mem::replace(self, Self::Moving) {
            Self::Owned(key) => Arc::new(key),
            Self::Shared(key) => key,
            Self::Moving => unreachable!("a key is moved under the lock"),
        };
        *self = Self::Shared(Arc::clone(&shared));
        shared
    }
}

/// The result of a search for a key.
enum Found<K, R> {
    /// A new slot with the key, and the result of the visit.
    New(u64, R),
    /// A slot with the same hash, and its key.
    SameHash(u64, Arc<K>),
}

impl<K: Hash + Eq, V: Value> Table<K, V> {
    /// Returns a share in the value of `key`, and the result of `visit` with the value. The value is created for the first
    /// share. `visit` is called under the lock.
    ///
    /// # Panics
    ///
    /// Panics if the hash, the comparison or the drop of a key panics. The call then leaves no share behind.
    pub(crate) fn enter<R>(self: Arc<Self>, key: K, visit: impl Fn(&mut V) -> R) -> (Share<K, V>, R) {
        let hash = self.hasher.hash_one(&key);
        let mut key = Some(key);
        let mut compared = None;
        let mut slots = self.slots.lock();
        if !slots.resting.is_empty() {
            let forgotten = slots.sweep();
            drop(slots);
            panic::resume(panic::catch_each(forgotten, drop));
            slots = self.slots.lock();
        }
        loop {
            let found = slots.find_or_insert(hash, compared, &mut key, &visit);
            drop(slots);
            // The key of the slot is declared last, and so dropped before the share.
            let (share, same_hash) = match found {
                Found::New(id, visited) => return (Share { table: Some(self), hash, id }, visited),
                Found::SameHash(id, key) => (Share { table: Some(Arc::clone(&self)), hash, id }, key),
            };
            if Some(&*same_hash) == key.as_ref() {
                // The drop of the key may panic: the share is then dropped, and no visit is lost.
                drop(key);
                let visited = share.visit(visit);
                return (share, visited);
            }
            compared = Some(share.id);
            drop((same_hash, share));
            slots = self.slots.lock();
        }
    }
}

impl<K, V: Value> Table<K, V> {
    pub(crate) fn new(seed: V::Seed) -> Self {
        let (by_hash, resting) = (HashMap::default(), BinaryHeap::new());
        let slots = Slots { by_hash, vacant: 0, resting, seed, created: 0, removed: 0 };
        Self { hasher: RandomState::new(), slots: Mutex::new(slots) }
    }

    /// Changes the seed of later values, and calls `change` for each value under the lock.
    pub(crate) fn reseed(&self, seed: V::Seed, mut change: impl FnMut(&V)) {
        let mut slots = self.slots.lock();
        slots.seed = seed;
        for bucket in slots.by_hash.values() {
            bucket
                .first
                .iter()
                .chain(bucket.others.iter().flat_map(|others| others.iter()))
                .for_each(|slot| change(&slot.value));
        }
        slots.reschedule();
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
    /// Takes a share in the first slot with the hash that was created after the slot `compared`, or in a new slot for the key.
    fn find_or_insert<R>(
        &mut self,
        hash: u64,
        compared: Option<u64>,
        key: &mut Option<K>,
        visit: impl FnOnce(&mut V) -> R,
    ) -> Found<K, R> {
        let mut bucket = self.by_hash.get_mut(&hash);
        let slot = bucket.as_mut().and_then(|bucket| bucket.find_after(compared));
        if let Some(slot) = slot {
            slot.shares += 1;
            return Found::SameHash(slot.id, slot.key.share());
        }
        let (id, mut value) = (self.created, V::new(&self.seed));
        self.created += 1;
        let visited = visit(&mut value);
        let key = Key::Owned(key.take().expect("the key is inserted once"));
        let slot = Slot { id, key, value, shares: 1, rests: false };
        match bucket {
            Some(Bucket { first: Some(_), others }) => others.get_or_insert_default().push(slot),
            Some(Bucket { first, .. }) => {
                *first = Some(slot);
                self.vacant -= 1;
            }
            None => {
                self.by_hash.insert(hash, Bucket { first: Some(slot), others: None });
            }
        }
        Found::New(id, visited)
    }

    /// Drops a share, after a call of `visit`, and returns the slot if it is forgotten.
    fn leave<R>(&mut self, hash: u64, id: u64, visit: impl FnOnce(&mut V) -> R) -> (R, Option<Slot<K, V>>) {
        let bucket = self.by_hash.get_mut(&hash).expect("a slot with shares is in the table");
        let slot = bucket.find(id).expect("a slot with shares is in the table");
        let visited = visit(&mut slot.value);
        slot.shares -= 1;
        if slot.shares > 0 || slot.rests {
            return (visited, None);
        }
        let Some(until) = slot.value.rests_until() else {
            let removed = bucket.remove(id);
            self.vacant += usize::from(bucket.first.is_none());
            self.count_removed();
            return (visited, removed);
        };
        slot.rests = true;
        self.resting.push(Reverse(Resting { until, hash, id }));
        (visited, None)
    }

    /// Looks up the moments of all resting slots again.
    fn reschedule(&mut self) {
        let mut resting = mem::take(&mut self.resting).into_vec();
        let now = Instant::now();
        for Reverse(Resting { until, hash, id }) in &mut resting {
            let slot = self.by_hash.get_mut(hash).and_then(|bucket| bucket.find(*id));
            *until = slot.and_then(|slot| slot.value.rests_until()).unwrap_or(now);
        }
        self.resting = resting.into();
    }

    /// Removes resting slots whose moment has come, and returns the slots.
    fn sweep(&mut self) -> Vec<Slot<K, V>> {
        let mut forgotten = Vec::new();
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
            match slot.value.rests_until().filter(|until| *until > now) {
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

    fn remove(&mut self, hash: u64, id: u64) -> Option<Slot<K, V>> {
        let bucket = self.by_hash.get_mut(&hash)?;
        let removed = bucket.remove(id);
        self.vacant += usize::from(bucket.first.is_none());
        self.count_removed();
        removed
    }

    fn count_removed(&mut self) {
        self.removed += 1;
        if self.vacant > KEPT.max(self.by_hash.len() / 2) {
            self.remove_vacant();
        }
    }

    #[cold]
    fn remove_vacant(&mut self) {
        let occupied = self.by_hash.len() - self.vacant;
        let kept = KEPT.max(occupied + occupied / 2);
        let by_hash = HashMap::with_capacity_and_hasher(kept, BuildHasherDefault::default());
        // A removal from the map leaves a tombstone, and a map with many tombstones grows.
        let all = mem::replace(&mut self.by_hash, by_hash);
        self.by_hash.extend(all.into_iter().filter(|(_, bucket)| bucket.first.is_some()));
        self.vacant = 0;
    }
}

impl<K, V> Bucket<K, V> {
    fn remove(&mut self, id: u64) -> Option<Slot<K, V>> {
        let Some(others) = &mut self.others else { return self.first.take() };
        if let Some(at) = others.iter().position(|slot| slot.id == id) {
            return Some(others.swap_remove(at));
        }
        mem::replace(&mut self.first, others.pop())
    }

    #[inline]
    fn find(&mut self, id: u64) -> Option<&mut Slot<K, V>> {
        match &mut self.first {
            Some(first) if first.id == id => Some(first),
            _ => self.others.as_mut()?.iter_mut().find(|slot| slot.id == id),
        }
    }

    /// Returns the first slot that was created after the slot `id`, or the first of all slots.
    #[inline]
    fn find_after(&mut self, id: Option<u64>) -> Option<&mut Slot<K, V>> {
        let is_later = |slot: &&mut Slot<K, V>| id.is_none_or(|id| slot.id > id);
        let first = self.first.as_mut().filter(is_later);
        let Some(others) = &mut self.others else { return first };
        first.into_iter().chain(others.iter_mut().filter(is_later)).min_by_key(|slot| slot.id)
    }
}

/// A share in the value of a key.
pub(crate) struct Share<K, V: Value> {
    /// `None` once dropped.
    table: Option<Arc<Table<K, V>>>,
    hash: u64,
    id: u64,
}

impl<K, V: Value> Share<K, V> {
    /// Calls `visit` with the value, under the lock.
    pub(crate) fn visit<R>(&self, visit: impl FnOnce(&mut V) -> R) -> R {
        let mut slots = self.table.as_ref().expect("not dropped").slots.lock();
        let bucket = slots.by_hash.get_mut(&self.hash).expect("a slot with shares is in the table");
        visit(&mut bucket.find(self.id).expect("a slot with shares is in the table").value)
    }

    /// Calls `visit` with the value, and drops the share, both under the same lock. Returns `None` for a dropped share.
    pub(crate) fn leave<R>(&mut self, visit: impl FnOnce(&mut V) -> R) -> Option<(R, Forgotten<K, V>)> {
        let table = self.table.take()?;
        let (visited, slot) = table.slots.lock().leave(self.hash, self.id, visit);
        Some((visited, Forgotten(slot)))
    }
}

impl<K, V: Value> Drop for Share<K, V> {
    fn drop(&mut self) {
        if let Some(((), forgotten)) = self.leave(|_| ()) {
            panic::resume(forgotten.drop_caught());
        }
    }
}

/// The slot that a dropped share leaves without shares, if any. The key is dropped after the unlock.
#[must_use = "the drop of the key may panic"]
pub(crate) struct Forgotten<K, V>(Option<Slot<K, V>>);

impl<K, V> Forgotten<K, V> {
    /// Drops the key; returns the panic of the drop. A panic of the drop during a panic would abort.
    pub(crate) fn drop_caught(self) -> Option<panic::Payload> {
        let slot = self.0?;
        panic::catch(|| drop(slot)).err()
    }
}

/// Passes a hash through, because the keys of the map are hashes already.
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
