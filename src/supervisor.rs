//! Keeps a task running: one that panics is started again, after a pause that grows while it keeps failing.

use crate::health::Health;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

/// After the first failure.
const PAUSE_MIN: Duration = Duration::from_millis(500);
/// After many.
const PAUSE_MAX: Duration = Duration::from_mins(1);
/// A task that has run for this long after a start is up again.
const SETTLED: Duration = Duration::from_secs(1);

/// Something that happens by itself.
pub struct Task {
    /// Its name, in `/readyz`, the metrics and the log.
    pub name: &'static str,
    /// Starts it.
    pub start: Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>,
    /// What is done while it is down, for as long as the pause lasts.
    meanwhile: Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>,
}

impl Task {
    /// A task of this name.
    pub fn new<F: Future<Output = ()> + Send + 'static>(
        name: &'static str,
        start: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self {
        let meanwhile = || std::future::pending().boxed();
        Self { name, start: Box::new(move || start().boxed()), meanwhile: Box::new(meanwhile) }
    }

    /// The same task, with something to do while it is down.
    #[must_use]
    pub fn meanwhile<F: Future<Output = ()> + Send + 'static>(
        self,
        meanwhile: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self {
        Self { meanwhile: Box::new(move || meanwhile().boxed()), ..self }
    }

    /// Runs it until it ends by itself or the future is dropped.
    pub async fn supervise(self, health: Health) {
        let name = self.name;
        let mut pause = PAUSE_MIN;
        loop {
            let mut run = AssertUnwindSafe((self.start)()).catch_unwind();
            let ended = if let Ok(ended) = timeout(SETTLED, &mut run).await {
                ended
            } else {
                health.is_up(name);
                pause = PAUSE_MIN;
                run.await
            };
            let Err(panic) = ended else { return };
            health.is_down(name);
            metrics::counter!("bss_task_panics_total", "task" => name).increment(1);
            let (cause, pause_ms) = (in_words(panic.as_ref()), u64::try_from(pause.as_millis()).unwrap_or(u64::MAX));
            tracing::error!(task = name, cause, pause_ms, "a task has died; it is started again");
            let until = Instant::now() + pause;
            timeout_at(until, (self.meanwhile)()).await.ok();
            sleep_until(until).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

/// What a panic says.
pub fn in_words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panic: {}", text.unwrap_or("without a text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::time::sleep;

    #[tokio::test]
    async fn a_task_that_panics_is_named_and_started_again_after_growing_pauses() {
        let (health, starts) = (Health::default(), Arc::new(AtomicU32::new(0)));
        let counted = starts.clone();
        let task = Task::new("shaky", move || {
            let number = counted.fetch_add(1, Ordering::Relaxed);
            async move {
                assert!(number >= 2, "not yet");
                std::future::pending::<()>().await;
            }
        });
        let began = Instant::now();
        tokio::spawn(task.supervise(health.clone()));
        sleep(Duration::from_millis(100)).await;
        assert_eq!((starts.load(Ordering::Relaxed), health.down()), (1, vec!["shaky"]));
        while starts.load(Ordering::Relaxed) < 3 {
            sleep(Duration::from_millis(10)).await;
        }
        assert!(began.elapsed() >= PAUSE_MIN * 3, "the second pause is twice the first");
        while !health.down().is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
        assert!(began.elapsed() >= PAUSE_MIN * 3 + SETTLED, "it has run for a while");
    }
}
