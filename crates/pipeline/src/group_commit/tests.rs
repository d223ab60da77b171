#![allow(clippy::unwrap_used)]

use super::*;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc;
use std::task::Poll;

/// Longer than anything here takes. Nothing is asserted about it.
const PATIENCE: Duration = Duration::from_secs(60);

const ONE: Weight = Weight { rows: 1, bytes: 10 };

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Fault(&'static str);

/// What a committer does with the next batches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Commits,
    Fails,
    Panics,
}

/// Commits numbers to a list.
struct Numbers {
    committed: Arc<Mutex<Vec<Vec<u32>>>>,
    mood: Arc<Mutex<Mood>>,
    begun: Arc<AtomicUsize>,
    /// Each commit waits for one message, if there is a channel.
    gate: Option<mpsc::Receiver<()>>,
}

impl Commit for Numbers {
    type Item = u32;
    type Receipt = u32;
    type Fault = Fault;

    fn commit(&mut self, items: Vec<u32>) -> Result<Vec<u32>, Fault> {
        self.begun.fetch_add(1, Relaxed);
        if let Some(gate) = &self.gate {
            gate.recv_timeout(PATIENCE).unwrap();
        }
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Commits => self.committed.lock().unwrap().push(items.clone()),
            Mood::Fails => return Err(Fault("the disk is full")),
            Mood::Panics => panic!("a defect"),
        }
        Ok(items.iter().map(|item| item * 10).collect())
    }

    fn maintain(&mut self) -> Result<(), Fault> {
        if *self.mood.lock().unwrap() == Mood::Fails { Err(Fault("the disk is full")) } else { Ok(()) }
    }

    fn close(&mut self) -> Result<(), Fault> {
        Ok(())
    }
}

struct Bench {
    commits: GroupCommit<Numbers>,
    committed: Arc<Mutex<Vec<Vec<u32>>>>,
    mood: Arc<Mutex<Mood>>,
    begun: Arc<AtomicUsize>,
    open: mpsc::Sender<()>,
}

impl GroupCommit<Numbers> {
    async fn submit(&self, item: u32, weight: Weight, limit: Duration) -> Result<u32, CommitError> {
        self.queue(item, weight)?.receipt(limit).await
    }
}

impl Bench {
    fn new(placement: Placement, gated: bool) -> Self {
        let (committed, mood, begun) = (Arc::default(), Arc::new(Mutex::new(Mood::Commits)), Arc::default());
        let (open, gate) = mpsc::channel();
        let numbers = Numbers {
            committed: Arc::clone(&committed),
            mood: Arc::clone(&mood),
            begun: Arc::clone(&begun),
            gate: gated.then_some(gate),
        };
        let config = GroupCommitConfig { placement, max_queue_bytes: 100, maintenance: Duration::from_millis(10) };
        Bench { commits: GroupCommit::new(numbers, config), committed, mood, begun, open }
    }

    fn spawn(&self, item: u32) -> tokio::task::JoinHandle<Result<u32, CommitError>> {
        let commits = self.commits.clone();
        tokio::spawn(async move { commits.submit(item, ONE, PATIENCE).await })
    }

    fn committed(&self) -> Vec<Vec<u32>> {
        self.committed.lock().unwrap().clone()
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn every_item_is_committed_once_and_gets_its_own_receipt() {
    for placement in [Placement::Inline, Placement::Blocking] {
        let bench = Bench::new(placement, false);
        let tasks: Vec<_> = (0..32)
            .map(|task| {
                let commits = bench.commits.clone();
                tokio::spawn(async move {
                    for n in 0..200 {
                        let item = task * 1_000 + n;
                        // Refused while the queue is full, as 32 tasks can fill ten places.
                        while commits
                            .submit(item, ONE, PATIENCE)
                            .await
                            .map(|receipt| assert_eq!(receipt, item * 10))
                            .is_err()
                        {
                            tokio::task::yield_now().await;
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let mut committed = bench.committed().concat();
        // Each task's items stand in its order.
        for task in 0..32 {
            assert!(committed.iter().filter(|item| *item / 1_000 == task).is_sorted());
        }
        committed.sort_unstable();
        let all: Vec<u32> = (0..32).flat_map(|task| task * 1_000..task * 1_000 + 200).collect();
        assert_eq!(committed, all, "{placement:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_arrives_during_a_commit_is_the_next_batch() {
    let bench = Bench::new(Placement::Blocking, true);
    let first = bench.spawn(1);
    until("the first is being committed", || bench.begun.load(Relaxed) == 1).await;
    let rest: Vec<_> = (2..5).map(|item| bench.spawn(item)).collect();
    until("the others are queued", || bench.commits.status().rows == 4).await;
    bench.open.send(()).unwrap();
    bench.open.send(()).unwrap();
    assert_eq!(first.await.unwrap(), Ok(10));
    for (task, receipt) in rest.into_iter().zip([20, 30, 40]) {
        assert_eq!(task.await.unwrap(), Ok(receipt));
    }
    let committed = bench.committed();
    assert_eq!((committed.len(), &committed[0]), (2, &vec![1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_is_withdrawn_while_it_is_queued_and_unknown_while_it_is_committed() {
    let bench = Bench::new(Placement::Blocking, true);
    let limit = Duration::from_millis(50);
    let first = {
        let commits = bench.commits.clone();
        tokio::spawn(async move { commits.submit(1, ONE, limit).await })
    };
    until("the first is being committed", || bench.begun.load(Relaxed) == 1).await;
    assert_eq!(bench.commits.submit(2, ONE, limit).await, Err(CommitError::TimedOut(limit)));
    assert_eq!(first.await.unwrap(), Err(CommitError::Unknown(limit)));
    let third = bench.spawn(3);
    until("the third is queued", || bench.commits.status().rows == 2).await;
    bench.open.send(()).unwrap();
    bench.open.send(()).unwrap();
    assert_eq!(third.await.unwrap(), Ok(30));
    assert_eq!(bench.committed(), [[1], [3]]);
    assert_eq!(bench.commits.status(), QueueStatus { refusal: None, rows: 0 });
}

/// Polls a submission `polls` times and drops it: cancelled before its first await, at each of them, or never.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submission_cancelled_at_any_await_is_committed_whole_or_never_came() {
    for placement in [Placement::Inline, Placement::Blocking] {
        for polls in 0..6 {
            let bench = Bench::new(placement, false);
            // Others keep the writer busy, so that the submission has to wait now and then.
            let others: Vec<_> = (100..108).map(|item| bench.spawn(item)).collect();
            let mut receipt = None;
            {
                let mut submission = pin!(bench.commits.submit(1, ONE, PATIENCE));
                for _ in 0..polls {
                    receipt = poll_fn(|cx| Poll::Ready(submission.as_mut().poll(cx))).await.is_ready().then_some(());
                    if receipt.is_some() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
            // The writer is not lost, and no other task is left behind.
            for other in others {
                other.await.unwrap().unwrap();
            }
            assert_eq!(bench.commits.submit(2, ONE, PATIENCE).await, Ok(20));
            bench.commits.close().await.unwrap();
            let times = bench.committed().concat().iter().filter(|item| **item == 1).count();
            assert!(times <= 1 && (receipt.is_none() || times == 1), "{placement:?}, {polls} polls: {times} times");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_task_that_was_woken_to_commit_may_leave() {
    let bench = Bench::new(Placement::Blocking, true);
    let first = bench.spawn(1);
    until("the first is being committed", || bench.begun.load(Relaxed) == 1).await;
    let leaver = bench.spawn(2);
    until("the second is queued", || bench.commits.status().rows == 2).await;
    let stayer = bench.spawn(3);
    until("the third is queued", || bench.commits.status().rows == 3).await;
    leaver.abort();
    assert!(leaver.await.unwrap_err().is_cancelled());
    bench.open.send(()).unwrap();
    bench.open.send(()).unwrap();
    assert_eq!((first.await.unwrap(), stayer.await.unwrap()), (Ok(10), Ok(30)));
    assert_eq!(bench.committed(), [[1], [3]]);
}

#[tokio::test]
async fn a_fault_refuses_items_until_maintenance_succeeds() {
    let bench = Bench::new(Placement::Inline, false);
    *bench.mood.lock().unwrap() = Mood::Fails;
    let full = Err(CommitError::Unavailable("the disk is full".into()));
    assert_eq!(bench.commits.submit(1, ONE, PATIENCE).await, full);
    assert_eq!(bench.commits.submit(2, ONE, PATIENCE).await, full);
    *bench.mood.lock().unwrap() = Mood::Commits;
    until("it recovers", || bench.commits.status().refusal.is_none()).await;
    assert_eq!(bench.commits.submit(3, ONE, PATIENCE).await, Ok(30));
    assert_eq!(bench.committed(), [[3]]);
}

#[tokio::test]
async fn a_panic_rejects_its_batch_and_the_writer_lives() {
    for placement in [Placement::Inline, Placement::Blocking] {
        let bench = Bench::new(placement, false);
        *bench.mood.lock().unwrap() = Mood::Panics;
        let outcome = bench.spawn(1).await;
        // Inline, the panic is the task's own.
        let rejected = |error| matches!(error, CommitError::Unavailable(why) if why.contains("broken off"));
        assert!(outcome.map_or(placement == Placement::Inline, |outcome| rejected(outcome.unwrap_err())));
        *bench.mood.lock().unwrap() = Mood::Commits;
        assert_eq!(bench.commits.submit(2, ONE, PATIENCE).await, Ok(20));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exclusive_work_comes_after_what_is_queued_and_before_what_follows() {
    let bench = Bench::new(Placement::Blocking, true);
    let first = bench.spawn(1);
    until("the first is being committed", || bench.begun.load(Relaxed) == 1).await;
    let work = {
        let commits = bench.commits.clone();
        tokio::spawn(async move {
            commits
                .exclusively(|numbers| {
                    numbers.committed.lock().unwrap().push(vec![0]);
                    numbers.gate = None;
                    Ok("done")
                })
                .await
        })
    };
    bench.open.send(()).unwrap();
    assert_eq!(first.await.unwrap(), Ok(10));
    assert_eq!(work.await.unwrap(), Ok("done"));
    assert_eq!(bench.commits.submit(2, ONE, PATIENCE).await, Ok(20));
    assert_eq!(bench.committed(), [[1], [0], [2]]);
}

#[tokio::test]
async fn a_closed_one_refuses_items() {
    let bench = Bench::new(Placement::Inline, false);
    bench.commits.close().await.unwrap();
    assert_eq!(bench.commits.submit(1, ONE, PATIENCE).await, Err(CommitError::Closed));
    assert_eq!(bench.commits.exclusively(|_| Ok(())).await, Err(CommitError::Closed));
    bench.commits.close().await.unwrap();
}
