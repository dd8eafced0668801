//! Questions to the database that come while it answers others are asked together, in one go.
//!
//! A lone question is asked at once. While it is under way further ones of its tenant wait, and are asked together when it
//! is answered: under load many share what a statement costs apart from its rows, two round trips, a connection, a plan, a
//! transaction. They are asked after each of them came, so each is answered as if it had been asked alone.

use crate::api::error::ApiError;
use crate::database::Database;
use crate::values::id::TenantId;
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How many questions are asked together at most.
const MOST: usize = 32;

/// What is asked, and how.
pub trait Ask: Send + Sync + 'static {
    /// A question.
    type Question: Send;
    /// Its answer.
    type Answer: Send;

    /// Answers questions of one tenant, each by its place among them and as soon as it can.
    fn ask(
        connection: &mut PgConnection,
        tenant: TenantId,
        questions: Vec<Self::Question>,
        answer: impl FnMut(usize, Self::Answer) + Send,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
}

/// Gathers questions.
pub struct Coalescer<A: Ask>(Arc<Shared<A>>);

struct Shared<A: Ask> {
    database: Database,
    within: Duration,
    /// Who waits, of each tenant whose questions are being asked.
    tenants: Mutex<HashMap<TenantId, VecDeque<Waiting<A>>>>,
}

struct Waiting<A: Ask> {
    question: A::Question,
    reply: Reply<A>,
}

type Reply<A> = oneshot::Sender<Result<<A as Ask>::Answer, ApiError>>;

impl<A: Ask> Coalescer<A> {
    /// Nobody asks yet. What the database does not answer within this time is given up.
    pub fn new(database: Database, within: Duration) -> Self {
        Self(Arc::new(Shared { database, within, tenants: Mutex::default() }))
    }

    /// Asks.
    pub async fn ask(&self, tenant: TenantId, question: A::Question) -> Result<A::Answer, ApiError> {
        let (reply, answer) = oneshot::channel();
        let is_first = {
            let mut tenants = self.0.lock();
            let is_first = !tenants.contains_key(&tenant);
            tenants.entry(tenant).or_default().push_back(Waiting { question, reply });
            is_first
        };
        // Apart from who asks first: they may go away, and others' questions are asked with theirs.
        if is_first {
            tokio::spawn(Turn { shared: self.0.clone(), tenant, is_over: false }.take());
        }
        answer.await.map_err(ApiError::internal)?
    }
}

impl<A: Ask> fmt::Debug for Coalescer<A> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Coalescer").finish_non_exhaustive()
    }
}

impl<A: Ask> Shared<A> {
    /// Whoever panicked while it held the map left a map behind that is whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, VecDeque<Waiting<A>>>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves behind the connection that it asked on, unless it failed there.
    async fn answer(
        &self,
        connection: &mut Option<PoolConnection<Postgres>>,
        tenant: TenantId,
        waiting: Vec<Waiting<A>>,
    ) {
        let (questions, replies): (Vec<_>, Vec<_>) =
            waiting.into_iter().map(|it| (it.question, Some(it.reply))).unzip();
        let mut replies = Replies::<A>(replies);
        let kept = connection.take();
        let asked = async {
            let mut asked_on = match kept {
                Some(kept) => kept,
                None => self.database.tenant(tenant).await?,
            };
            A::ask(&mut asked_on, tenant, questions, |place, answer| replies.send(place, Ok(answer))).await?;
            *connection = Some(asked_on);
            Ok(())
        };
        if let Err(error) = timeout(self.within, asked).await.unwrap_or_else(|_| Err(ApiError::timed_out())) {
            for place in 0..replies.0.len() {
                replies.send(place, Err(error.clone()));
            }
        }
    }
}

/// Who is still to be answered.
struct Replies<A: Ask>(Vec<Option<Reply<A>>>);

impl<A: Ask> Replies<A> {
    /// Answers, once. Whoever has gone away meanwhile needs no answer.
    fn send(&mut self, place: usize, answer: Result<A::Answer, ApiError>) {
        if let Some(reply) = self.0.get_mut(place).and_then(Option::take) {
            reply.send(answer).ok();
        }
    }
}

/// Asks what a tenant's callers want to know until nobody waits any more.
struct Turn<A: Ask> {
    shared: Arc<Shared<A>>,
    tenant: TenantId,
    is_over: bool,
}

impl<A: Ask> Turn<A> {
    async fn take(mut self) {
        // Kept from question to question, as to hand it back costs a round trip; but not while others wait for one.
        let mut connection = None;
        while let Some(waiting) = self.next() {
            metrics::histogram!("bss_gathered_questions").record(u32::try_from(waiting.len()).unwrap_or(u32::MAX));
            self.shared.answer(&mut connection, self.tenant, waiting).await;
            connection = connection.filter(|_| self.shared.database.has_spare_connections());
        }
    }

    /// Who waits, or the end of the turn: both under one lock, so that nobody who comes between waits for ever.
    fn next(&mut self) -> Option<Vec<Waiting<A>>> {
        let mut tenants = self.shared.lock();
        let waiting = tenants.get_mut(&self.tenant)?;
        let mut together = Vec::with_capacity(waiting.len().min(MOST));
        while together.len() < MOST
            && let Some(one) = waiting.pop_front()
        {
            if !one.reply.is_closed() {
                together.push(one);
            }
        }
        if together.is_empty() {
            self.is_over = true;
            tenants.remove(&self.tenant);
            return None;
        }
        Some(together)
    }
}

impl<A: Ask> Drop for Turn<A> {
    fn drop(&mut self) {
        // It panicked: who waits is refused, and whoever comes next is the first again.
        if !self.is_over {
            self.shared.lock().remove(&self.tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::PgPool;
    use sqlx::postgres::PgPoolOptions;
    use tokio::task::JoinSet;
    use uuid::Uuid;

    /// Answers with the tenant, the number and how many were asked together, after so many milliseconds as the highest number.
    struct Echo;

    const FAILS: i32 = -1;
    const PANICS: i32 = -2;

    impl Ask for Echo {
        type Question = i32;
        type Answer = (TenantId, i32, usize);

        async fn ask(
            connection: &mut PgConnection,
            tenant: TenantId,
            numbers: Vec<i32>,
            mut answer: impl FnMut(usize, Self::Answer) + Send,
        ) -> sqlx::Result<()> {
            assert!(!numbers.contains(&PANICS), "as it was asked to");
            let milliseconds = numbers.iter().copied().max();
            sqlx::query("select pg_sleep($1 / 1000.0)").bind(milliseconds).execute(connection).await?;
            for (place, number) in numbers.iter().enumerate() {
                if *number == FAILS {
                    return Err(sqlx::Error::RowNotFound);
                }
                answer(place, (tenant, *number, numbers.len()));
            }
            Ok(())
        }
    }

    fn coalescer(pool: PgPool) -> Arc<Coalescer<Echo>> {
        Arc::new(Coalescer::new(Database::from_pool(pool), Duration::from_secs(2)))
    }

    fn tenant(number: u128) -> TenantId {
        TenantId(Uuid::from_u128(number))
    }

    fn idle(coalescer: &Coalescer<Echo>) -> bool {
        coalescer.0.lock().is_empty()
    }

    #[sqlx::test(migrations = false)]
    async fn each_gets_its_own_answer_and_few_statements_answer_many(pool: PgPool) {
        let coalescer = coalescer(pool);
        let mut asked = JoinSet::new();
        for number in 0..200 {
            let (coalescer, tenant) = (coalescer.clone(), tenant(u128::from(number % 3 == 0)));
            asked.spawn(async move { (tenant, number, coalescer.ask(tenant, number).await) });
        }
        let mut together = Vec::new();
        while let Some(done) = asked.join_next().await {
            let (tenant, number, answer) = done.expect("it ends");
            let answer = answer.expect("it is answered");
            assert_eq!((answer.0, answer.1), (tenant, number));
            together.push(answer.2);
        }
        assert!(together.len() == 200 && together.iter().all(|asked| (1..=MOST).contains(asked)), "{together:?}");
        assert!(together.contains(&MOST), "with so many waiting some statement is full: {together:?}");
        while !idle(&coalescer) {
            tokio::task::yield_now().await;
        }
    }

    #[sqlx::test(migrations = false)]
    async fn whoever_goes_away_or_fails_or_panics_keeps_nobody_from_asking(pool: PgPool) {
        let coalescer = coalescer(pool);
        let ask = |number: i32| {
            let coalescer = coalescer.clone();
            tokio::spawn(async move { coalescer.ask(tenant(1), number).await })
        };
        for _ in 0..2 {
            for fails in [PANICS, FAILS] {
                assert_eq!(ask(fails).await.expect("it ends").expect_err("it fails").code, "CBC.0999");
            }
            assert_eq!(ask(1).await.expect("it ends").expect("it is answered"), (tenant(1), 1, 1));
        }
        let slow = ask(2_600).await.expect("it ends").expect_err("it takes too long");
        assert_eq!(slow.status, axum::http::StatusCode::GATEWAY_TIMEOUT);
        // One is under way, one waits and goes away, and one waits behind it.
        let under_way = ask(500);
        let waiting = async |count| {
            while coalescer.0.lock().get(&tenant(1)).map(VecDeque::len) != Some(count) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        waiting(0).await;
        let (gone, last) = (ask(FAILS), ask(7));
        waiting(2).await;
        gone.abort();
        assert_eq!(last.await.expect("it ends").expect("it is answered"), (tenant(1), 7, 1));
        under_way.await.expect("it ends").expect("it is answered");
        // What was answered before the others failed stays answered.
        let under_way = ask(500);
        waiting(0).await;
        let before = ask(7);
        waiting(1).await;
        let fails = ask(FAILS);
        waiting(2).await;
        let after = ask(8);
        waiting(3).await;
        assert_eq!(before.await.expect("it ends").expect("it is answered"), (tenant(1), 7, 3));
        fails.await.expect("it ends").expect_err("it fails");
        after.await.expect("it ends").expect_err("it failed with the other");
        under_way.await.expect("it ends").expect("it is answered");
    }

    #[sqlx::test(migrations = false)]
    async fn a_tenant_that_asks_without_end_keeps_nobody_from_the_only_connection(pool: PgPool) {
        let only = PgPoolOptions::new().max_connections(1).acquire_timeout(Duration::from_secs(2));
        let coalescer = coalescer(only.connect_with((*pool.connect_options()).clone()).await.expect("it connects"));
        let mut without_end = JoinSet::new();
        // Two by turns: while one is answered the other already waits.
        for _ in 0..2 {
            let asking = coalescer.clone();
            without_end.spawn(async move {
                loop {
                    asking.ask(tenant(1), 5).await.expect("it is answered");
                }
            });
            while coalescer.0.lock().get(&tenant(1)).map(VecDeque::len) != Some(0) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        for _ in 0..5 {
            assert_eq!(coalescer.ask(tenant(2), 0).await.expect("it is answered").0, tenant(2));
        }
        assert!(without_end.try_join_next().is_none(), "none of them has failed");
    }
}
