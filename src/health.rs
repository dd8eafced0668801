//! What this replica knows of its own health, for `/readyz` and the metrics: which tasks are down, and how late scheduled work
//! is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A handle on it; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    down: BTreeSet<&'static str>,
    lags: BTreeMap<&'static str, Duration>,
    /// Tasks that a test wants to see panic, each once.
    #[cfg(any(test, feature = "testing"))]
    doomed: Vec<&'static str>,
}

impl Health {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A task has stopped and waits to be started again.
    pub fn is_down(&self, task: &'static str) {
        self.lock().down.insert(task);
        metrics::gauge!("bss_task_down", "task" => task).set(1.0);
    }

    /// A task runs again.
    pub fn is_up(&self, task: &'static str) {
        if self.lock().down.remove(task) {
            metrics::gauge!("bss_task_down", "task" => task).set(0.0);
        }
    }

    /// The tasks that are down.
    pub fn down(&self) -> Vec<&'static str> {
        self.lock().down.iter().copied().collect()
    }

    /// For how long the oldest work of a source has been due.
    pub fn set_lag(&self, source: &'static str, lag: Duration) {
        metrics::gauge!("bss_due_lag_seconds", "source" => source).set(lag.as_secs_f64());
        self.lock().lags.insert(source, lag);
    }

    /// The lag of every source, in whole seconds.
    pub fn lags(&self) -> BTreeMap<&'static str, u64> {
        self.lock().lags.iter().map(|(source, lag)| (*source, lag.as_secs())).collect()
    }

    /// Makes a task panic at its next turn.
    #[cfg(any(test, feature = "testing"))]
    pub fn doom(&self, task: &'static str) {
        self.lock().doomed.push(task);
    }

    /// Where a task's turn begins: in a test that asked for it, a panic.
    pub fn turn(&self, task: &'static str) {
        #[cfg(any(test, feature = "testing"))]
        {
            let mut state = self.lock();
            if let Some(place) = state.doomed.iter().position(|doomed| *doomed == task) {
                state.doomed.remove(place);
                drop(state);
                panic!("a test has asked for it");
            }
        }
        #[cfg(not(any(test, feature = "testing")))]
        let _ = task;
    }
}
