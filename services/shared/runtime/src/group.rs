//! Group commit: one writer takes everything that waits and commits it in one transaction.
//!
//! When idle it writes at once; under load the group grows by itself. A group that fails is run again in halves, so
//! that only the bad operation's caller gets the error. When nothing can be written at all, each of the group gets
//! the error at once: halves would only fail one after the other while the next callers wait.

use std::{collections::VecDeque, fmt::Display, future::Future};

use tokio::sync::{mpsc, oneshot};

use crate::{
    Stop, Tasks, metrics,
    trace::{self, Context, FutureExt},
};

const MOST_WAITING: usize = 1_024;
const MOST_IN_GROUP: usize = 128;

/// Commits operations together.
pub trait Commit: Send + Sync + 'static {
    /// What callers want.
    type Operation: Send + Sync + 'static;
    /// What they get.
    type Answer: Send + 'static;
    /// What they get otherwise.
    type Error: Failure;

    /// Commits all operations in one transaction and answers each, in their order.
    ///
    /// # Errors
    /// When nothing is known to be committed.
    fn commit(
        &self,
        operations: &[Self::Operation],
    ) -> impl Future<Output = Result<Answers<Self>, Self::Error>> + Send;
}

/// An answer or an error for each operation.
pub type Answers<C> = Vec<Result<<C as Commit>::Answer, <C as Commit>::Error>>;

/// Why a group could not be committed.
pub trait Failure: Clone + Display + From<Stopped> + Send + 'static {
    /// Whether it would have hit any other group as well, such as a database that is away.
    fn hits_all(&self) -> bool;
}

/// The writer has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

/// An operation, whom it belongs to, and who waits for it.
type Waiting<C> = (<C as Commit>::Operation, (Context, oneshot::Sender<Answered<C>>));

/// What a caller gets, and the span of the group that it was in.
type Answered<C> = (Result<<C as Commit>::Answer, <C as Commit>::Error>, Option<Context>);

/// The way to a writer.
#[derive(Debug)]
pub struct Writer<C: Commit>(mpsc::Sender<Waiting<C>>);

impl<C: Commit> Clone for Writer<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C: Commit> Writer<C> {
    /// Starts a writer, known by its name in metrics. From `stop` on it takes nothing new; what waits is still written.
    pub fn start(name: &'static str, commit: C, tasks: &Tasks, stop: Stop) -> Self {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        tasks.spawn(write(name, commit, receiver, stop));
        Self(sender)
    }

    /// Has an operation committed, together with those of others.
    ///
    /// # Errors
    /// When it is not known to be committed.
    pub async fn submit(&self, operation: C::Operation) -> Result<C::Answer, C::Error> {
        let (answer, answered) = oneshot::channel();
        self.0.send((operation, (Context::current(), answer))).await.map_err(|_gone| Stopped)?;
        let (answer, group) = answered.await.map_err(|_gone| Stopped)?;
        if let Some(group) = group {
            trace::link(&group);
        }
        answer
    }
}

async fn write<C: Commit>(
    name: &'static str,
    commit: C,
    mut receiver: mpsc::Receiver<Waiting<C>>,
    stop: Stop,
) {
    let mut waiting = Vec::with_capacity(MOST_IN_GROUP);
    loop {
        let received = tokio::select! {
            received = receiver.recv_many(&mut waiting, MOST_IN_GROUP) => received,
            () = stop.cancelled(), if !receiver.is_closed() => {
                receiver.close();
                continue;
            }
        };
        if received == 0 {
            return;
        }
        // Who has given up was told that nothing is known to be committed, and costs nothing more.
        waiting.retain(|(_, (_, caller))| !caller.is_closed());
        if waiting.is_empty() {
            continue;
        }
        let (operations, callers): (Vec<_>, Vec<_>) = waiting.drain(..).unzip();
        let (served, callers): (Vec<_>, Vec<_>) = callers.into_iter().unzip();
        let group = trace::shared("group commit", &served);
        let done =
            commit_all(name, &commit, &operations).with_context(group.clone().unwrap_or_default()).await;
        if let Some(group) = &group {
            trace::end(group);
        }
        for (caller, answer) in callers.into_iter().zip(done) {
            // A caller that has gone away reads what is stored when it asks again.
            let _ = caller.send((answer, group.clone()));
        }
    }
}

/// Commits all, or in halves what cannot be committed together. Answers are in the order of the operations.
async fn commit_all<C: Commit>(name: &'static str, commit: &C, operations: &[C::Operation]) -> Answers<C> {
    let mut answers = Vec::with_capacity(operations.len());
    let mut parts = VecDeque::from([operations]);
    while let Some(part) = parts.pop_front() {
        match commit.commit(part).await {
            Ok(done) => {
                metrics::group(name, part.len());
                answers.extend(done);
            }
            Err(error) if part.len() <= 1 || error.hits_all() => {
                answers.extend(part.iter().map(|_| Err(error.clone())));
            }
            Err(error) => {
                tracing::warn!(operations = part.len(), %error, "a group failed, again in halves");
                let (first, second) = part.split_at(part.len() / 2);
                parts.push_front(second);
                parts.push_front(first);
            }
        }
    }
    answers
}

#[cfg(test)]
mod tests {
    use std::{
        ops::Range,
        sync::{Arc, Mutex},
        time::Duration,
    };

    use tokio::{sync::Semaphore, time::timeout};

    use super::*;

    const POISON: u32 = 1_013;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Broken {
        Poisoned,
        Away,
        Stopped,
    }

    impl Display for Broken {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{self:?}")
        }
    }

    impl From<Stopped> for Broken {
        fn from(_: Stopped) -> Self {
            Self::Stopped
        }
    }

    impl Failure for Broken {
        fn hits_all(&self) -> bool {
            *self == Self::Away
        }
    }

    /// Answers with the operation's double. Each commit waits for a permit; then it writes down its group.
    #[derive(Clone)]
    struct Doubling {
        permits: Arc<Semaphore>,
        committed: Arc<Mutex<Vec<Vec<u32>>>>,
        away: bool,
    }

    impl Doubling {
        fn new() -> Self {
            Self { permits: Arc::new(Semaphore::new(0)), committed: Arc::default(), away: false }
        }

        fn groups(&self) -> Vec<usize> {
            self.committed.lock().unwrap().iter().map(Vec::len).collect()
        }
    }

    impl Commit for Doubling {
        type Operation = u32;
        type Answer = u32;
        type Error = Broken;

        async fn commit(&self, operations: &[u32]) -> Result<Answers<Self>, Broken> {
            self.permits.acquire().await.unwrap().forget();
            if self.away {
                return Err(Broken::Away);
            }
            if operations.contains(&POISON) {
                return Err(Broken::Poisoned);
            }
            self.committed.lock().unwrap().push(operations.to_vec());
            Ok(operations.iter().map(|n| Ok(2 * n)).collect())
        }
    }

    /// Submits operations. The first is under way alone until all wait; then so many commits may be tried.
    async fn submit(doubling: &Doubling, operations: Range<u32>, permits: usize) -> Vec<Result<u32, Broken>> {
        let tasks = Tasks::new();
        let writer = Writer::start("doubling", doubling.clone(), &tasks, Stop::new());
        let (answers, mut received) = mpsc::channel(1_024);
        for operation in operations {
            let (writer, answers) = (writer.clone(), answers.clone());
            tasks.spawn(async move {
                answers.send((operation, writer.submit(operation).await)).await.unwrap();
            });
            // Until the task has submitted, so that the operations come in their order.
            tokio::task::yield_now().await;
        }
        drop((writer, answers));
        doubling.permits.add_permits(permits);
        let mut all = Vec::new();
        while let Some(answer) = received.recv().await {
            all.push(answer);
        }
        tasks.drained().await;
        all.sort_by_key(|(operation, _)| *operation);
        all.into_iter().map(|(_, answer)| answer).collect()
    }

    #[tokio::test]
    async fn what_waits_while_another_is_written_is_written_together() {
        let doubling = Doubling::new();
        let answers = submit(&doubling, 0..100, 2).await;
        assert_eq!(answers, (0..100).map(|n| Ok(2 * n)).collect::<Vec<_>>());
        assert_eq!(doubling.groups(), [1, 99]);
    }

    #[tokio::test]
    async fn a_writer_that_is_stopped_writes_what_waits_though_callers_stay() {
        let doubling = Doubling::new();
        let (tasks, stop) = (Tasks::new(), Stop::new());
        let writer = Writer::start("doubling", doubling.clone(), &tasks, stop.clone());
        let (answer, ()) = tokio::join!(writer.submit(1), async {
            tokio::task::yield_now().await;
            stop.cancel();
            doubling.permits.add_permits(1);
        });
        tasks.drained().await;
        assert_eq!(answer, Ok(2));
        assert_eq!(writer.submit(2).await, Err(Broken::Stopped));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_not_written() {
        let doubling = Doubling::new();
        let (tasks, stop) = (Tasks::new(), Stop::new());
        let writer = Writer::start("doubling", doubling.clone(), &tasks, stop.clone());
        // The first is under way, whoever waits; the second has not been begun.
        let given_up = |n| timeout(Duration::from_millis(20), writer.submit(n));
        assert!(given_up(1).await.is_err() && given_up(2).await.is_err());
        doubling.permits.add_permits(2);
        assert_eq!(writer.submit(3).await, Ok(6));
        assert_eq!(doubling.committed.lock().unwrap().concat(), [1, 3]);
        stop.cancel();
        tasks.drained().await;
    }

    #[tokio::test]
    async fn a_group_has_a_bound() {
        let doubling = Doubling::new();
        let answers = submit(&doubling, 0..300, 4).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(doubling.groups(), [1, 128, 128, 43]);
    }

    #[tokio::test]
    async fn only_the_poisoned_one_of_a_group_fails() {
        let doubling = Doubling::new();
        let answers = submit(&doubling, 1_000..1_100, 1_000).await;
        for (n, answer) in (1_000..).zip(answers) {
            assert_eq!(answer, if n == POISON { Err(Broken::Poisoned) } else { Ok(2 * n) });
        }
        let committed = doubling.committed.lock().unwrap().concat();
        assert_eq!(committed, (1_000..1_100).filter(|n| *n != POISON).collect::<Vec<_>>());
        // 99 fail, their second half does not.
        assert_eq!(doubling.groups().last(), Some(&50));
    }

    #[tokio::test]
    async fn when_nothing_can_be_written_all_hear_it_after_one_try() {
        let doubling = Doubling { away: true, ..Doubling::new() };
        // More tries than two would wait for ever.
        let answers = submit(&doubling, 0..100, 2).await;
        assert_eq!(answers, [Err(Broken::Away); 100]);
    }
}
