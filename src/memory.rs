//! What was read from the database, kept until a change of it is announced.
//!
//! An announcement may come while what it is about is being read: too late for that reading, and before there is anything to
//! forget. So each key has a generation, which an announcement raises, and what is read is kept for the generation that the key
//! had before the reading began: [`Place`]. Whoever asks after the announcement looks in another place, and reads again.

use foldhash::quality::RandomState;
use moka::future::{Cache, CacheBuilder};
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bounds a memory, by age or by number.
pub type Bounds<K, V> = CacheBuilder<Place<K>, V, Cache<Place<K>, V>>;

/// The memory; a clone is one more handle on it.
#[derive(Clone)]
pub struct Memory<K, V> {
    known: Cache<Place<K>, V, RandomState>,
    generations: Arc<Generations>,
}

/// Where it is kept what is known of a key, until a change is announced. To be asked for before the database is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Place<K> {
    key: K,
    generation: u64,
}

impl<K, V> Memory<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// An empty memory.
    pub fn new(bound: impl FnOnce(Bounds<K, V>) -> Bounds<K, V>) -> Self {
        let known = bound(Cache::builder()).build_with_hasher(RandomState::default());
        Self { known, generations: Arc::new(Generations::new()) }
    }

    /// Where what is known of a key is at this moment.
    pub fn place(&self, key: K) -> Place<K> {
        Place { generation: self.generations.of(&key), key }
    }

    /// What is known there.
    pub async fn get(&self, place: &Place<K>) -> Option<V> {
        self.known.get(place).await
    }

    /// Keeps what was read after the place was asked for.
    pub async fn insert(&self, place: Place<K>, value: V) {
        self.known.insert(place, value).await;
    }

    /// What is known there, or what `reading` finds: one reading for all who ask meanwhile. An error is not kept.
    pub async fn get_or_read<E: Send + Sync + 'static>(
        &self,
        place: Place<K>,
        reading: impl Future<Output = Result<V, E>>,
    ) -> Result<V, Arc<E>> {
        // Boxed, since what is rarely read would otherwise be moved about with each look.
        Box::pin(self.known.try_get_with(place, reading)).await
    }

    /// Forgets what is known of a key, and what is being read of it.
    pub async fn forget(&self, key: K) {
        let place = self.place(key);
        self.generations.raise(&place.key);
        self.known.invalidate(&place).await;
    }

    /// Forgets everything, and what is being read.
    pub fn forget_all(&self) {
        self.generations.raise_all();
        self.known.invalidate_all();
    }
}

impl<K, V> fmt::Debug for Memory<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Memory").finish_non_exhaustive()
    }
}

/// How many announcements there were of each key. Keys of one hash share a number: then one is read again for another's sake.
struct Generations {
    hasher: RandomState,
    all: AtomicU64,
    by_hash: Box<[AtomicU64]>,
}

impl Generations {
    const HASHES: usize = 4096;

    fn new() -> Self {
        let by_hash = (0..Self::HASHES).map(|_| AtomicU64::default()).collect();
        Self { hasher: RandomState::default(), all: AtomicU64::default(), by_hash }
    }

    fn of_hash(&self, key: &impl Hash) -> &AtomicU64 {
        let place = usize::try_from(self.hasher.hash_one(key) % Self::HASHES as u64).unwrap_or(0);
        &self.by_hash[place]
    }

    /// Both only grow, so their sum is another one after each announcement.
    fn of(&self, key: &impl Hash) -> u64 {
        self.all.load(Ordering::Acquire) + self.of_hash(key).load(Ordering::Acquire)
    }

    fn raise(&self, key: &impl Hash) {
        self.of_hash(key).fetch_add(1, Ordering::AcqRel);
    }

    fn raise_all(&self) {
        self.all.fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use tokio::sync::oneshot;

    fn memory() -> Memory<u32, &'static str> {
        Memory::new(|bounds| bounds.max_capacity(10_000))
    }

    #[tokio::test]
    async fn what_was_read_before_a_change_is_not_kept_after_it() {
        let memory = memory();
        for announce_all in [false, true] {
            let place = memory.place(1);
            if announce_all {
                memory.forget_all();
            } else {
                memory.forget(1).await;
            }
            memory.insert(place, "as it was").await;
            assert_eq!(memory.get(&memory.place(1)).await, None);
            memory.insert(memory.place(1), "as it is").await;
            assert_eq!(memory.get(&memory.place(1)).await, Some("as it is"));
        }
    }

    #[tokio::test]
    async fn whoever_asks_after_a_change_does_not_wait_for_who_reads_what_was_before() {
        let memory = memory();
        let (finish, finished) = oneshot::channel();
        let (started, has_started) = oneshot::channel();
        let before = tokio::spawn({
            let memory = memory.clone();
            async move {
                let reading = async {
                    started.send(()).ok();
                    finished.await.ok();
                    Ok::<_, Infallible>("as it was")
                };
                memory.get_or_read(memory.place(1), reading).await
            }
        });
        has_started.await.expect("it reads");
        memory.forget(1).await;
        let after = memory.get_or_read(memory.place(1), async { Ok::<_, Infallible>("as it is") }).await;
        assert_eq!(after, Ok("as it is"));
        finish.send(()).expect("it still reads");
        assert_eq!(before.await.expect("it ends"), Ok("as it was"));
        let reads_again = async { Err::<&str, _>("it is read again") };
        assert_eq!(memory.get_or_read(memory.place(1), reads_again).await, Ok("as it is"));
    }

    #[tokio::test]
    async fn a_change_of_one_leaves_the_others() {
        let memory = memory();
        for key in 0..1_000 {
            memory.insert(memory.place(key), "kept").await;
        }
        memory.forget(1).await;
        let mut kept = 0;
        for key in 0..1_000 {
            kept += u32::from(memory.get(&memory.place(key)).await.is_some());
        }
        assert!((990..1_000).contains(&kept), "{kept}");
    }
}
