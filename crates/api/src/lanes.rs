//! The threads that serve connections. Each has a runtime of its own, and a connection stays where it began.
//!
//! A runtime whose threads share their work wakes one of them for nearly every request, which costs as much as answering
//! it. The price is that a thread which is held up, by a disk that hangs for instance, holds up its own connections;
//! those that come meanwhile are served by the others. Work that takes long belongs on a blocking thread.

use anyhow::{Context, Result};
use std::future::{Future, poll_fn};
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Handle};
use tokio::sync::Notify;

/// How many connections one thread has before the next is asked. Up to here they gain more from sharing wake-ups and
/// writes to the log than they would from a processor more.
const FILL: usize = 4;

/// How long a thread may leave a connection waiting before any may take it.
const PATIENCE: Duration = Duration::from_millis(100);

/// With how many connections a thread stays awake for the next request. With more of them there mostly is one.
const FEW: usize = 2;

/// How long it does. To fall asleep and be woken takes about as long, and an answer less.
const AWAKE: Duration = Duration::from_micros(50);

/// The threads.
pub struct Lanes(Arc<[Lane]>);

struct Lane {
    runtime: Handle,
    traffic: Arc<Traffic>,
}

/// What goes on in a lane.
#[derive(Default)]
struct Traffic {
    /// Connections that it was given and that have not ended.
    open: AtomicUsize,
    /// How often one of them had something to do.
    steps: AtomicU64,
    awake: AtomicBool,
    wake: Notify,
}

/// A connection that is being served.
type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection to serve, until someone takes it.
type Offer = Arc<Mutex<Option<Box<dyn FnOnce() -> Serving + Send>>>>;

fn take(offer: &Offer) -> Option<Box<dyn FnOnce() -> Serving + Send>> {
    offer.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Lanes {
    /// Starts one thread a processor, and never one alone: one that is held up must leave another to answer.
    ///
    /// # Errors
    /// If the system has no thread to spare.
    pub fn start() -> Result<Self> {
        let threads = thread::available_parallelism().map_or(2, |processors| processors.get().max(2));
        Ok(Lanes((0..threads).map(Lane::start).collect::<Result<_>>()?))
    }

    /// Has a connection served.
    pub fn serve<S>(&self, stream: TcpStream, serve: impl FnOnce(tokio::net::TcpStream) -> S + Send + 'static)
    where
        S: Future<Output = ()> + Send + 'static,
    {
        let begin = move || -> Serving {
            match tokio::net::TcpStream::from_std(stream) {
                Ok(stream) => Box::pin(serve(stream)),
                Err(error) => Box::pin(async move { tracing::warn!("cannot serve a connection: {error}") }),
            }
        };
        let offer: Offer = Arc::new(Mutex::new(Some(Box::new(begin))));
        self.choose().offer(&offer);
        let lanes = Arc::clone(&self.0);
        tokio::spawn(async move {
            tokio::time::sleep(PATIENCE).await;
            if offer.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
                lanes.iter().for_each(|lane| lane.offer(&offer));
            }
        });
    }

    /// The first that is not full or, if all are, the one with the fewest connections.
    fn choose(&self) -> &Lane {
        let open = |lane: &&Lane| lane.traffic.open.load(Relaxed);
        let roomy = self.0.iter().find(|lane| open(lane) < FILL);
        roomy.or_else(|| self.0.iter().min_by_key(open)).expect("there are two lanes at least")
    }
}

impl Lane {
    fn start(number: usize) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
        let lane = Lane { runtime: runtime.handle().clone(), traffic: Arc::default() };
        let traffic = Arc::clone(&lane.traffic);
        let run = move || runtime.block_on(traffic.stay_awake());
        thread::Builder::new().name(format!("lane-{number}")).spawn(run).context("cannot start a thread")?;
        Ok(lane)
    }

    fn offer(&self, offer: &Offer) {
        let (offer, open) = (Arc::clone(offer), Open::new(&self.traffic));
        self.runtime.spawn(async move {
            if let Some(begin) = take(&offer) {
                drop(offer);
                let mut serving = begin();
                poll_fn(|cx| {
                    open.0.step();
                    serving.as_mut().poll(cx)
                })
                .await;
            }
        });
    }
}

/// A connection that is counted, also if serving it panics.
struct Open(Arc<Traffic>);

impl Open {
    fn new(traffic: &Arc<Traffic>) -> Self {
        traffic.open.fetch_add(1, Relaxed);
        Open(Arc::clone(traffic))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

impl Traffic {
    fn step(&self) {
        self.steps.fetch_add(1, Relaxed);
        if self.open.load(Relaxed) <= FEW && !self.awake.load(Relaxed) {
            self.wake.notify_one();
        }
    }

    /// Keeps the thread of this runtime awake for a moment after each step of few connections.
    async fn stay_awake(&self) {
        loop {
            self.wake.notified().await;
            self.awake.store(true, Relaxed);
            let (mut seen, mut since) = (self.steps.load(Relaxed), Instant::now());
            while since.elapsed() < AWAKE && self.open.load(Relaxed) <= FEW {
                // Whoever else needs the processor has it first.
                thread::yield_now();
                tokio::task::yield_now().await;
                let steps = self.steps.load(Relaxed);
                if steps != seen {
                    (seen, since) = (steps, Instant::now());
                }
            }
            self.awake.store(false, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::net::TcpListener;
    use std::sync::mpsc;

    struct Peers {
        lanes: Lanes,
        listener: TcpListener,
        /// Those that ask, kept so that their connections stay open.
        clients: Vec<TcpStream>,
    }

    impl Peers {
        fn new() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            Peers { lanes: Lanes::start().unwrap(), listener, clients: Vec::new() }
        }

        /// Has a connection served by `serve`.
        fn connect<S: Future<Output = ()> + Send + 'static>(&mut self, serve: impl FnOnce() -> S + Send + 'static) {
            self.clients.push(TcpStream::connect(self.listener.local_addr().unwrap()).unwrap());
            let stream = self.listener.accept().unwrap().0;
            stream.set_nonblocking(true).unwrap();
            self.lanes.serve(stream, |stream| async move {
                serve().await;
                drop(stream);
            });
        }
    }

    fn open(lanes: &Lanes) -> Vec<usize> {
        lanes.0.iter().map(|lane| lane.traffic.open.load(Relaxed)).collect()
    }

    #[tokio::test]
    async fn one_thread_is_filled_before_the_next() {
        let mut peers = Peers::new();
        let n = peers.lanes.0.len();
        for _ in 0..FILL + 3 {
            peers.connect(std::future::pending::<()>);
        }
        assert_eq!(open(&peers.lanes)[..2], [FILL, 3]);
        for _ in FILL + 3..FILL * n + n {
            peers.connect(std::future::pending::<()>);
        }
        assert_eq!(open(&peers.lanes), vec![FILL + 1; n]);
    }

    #[tokio::test]
    async fn a_thread_that_is_held_up_holds_up_no_new_connection() {
        let mut peers = Peers::new();
        let (release, held) = mpsc::channel::<()>();
        let (tell, served) = mpsc::channel();
        peers.connect(move || async move {
            let _ = held.recv();
        });
        for _ in 0..3 {
            let tell = tell.clone();
            peers.connect(|| async move { tell.send(thread::current().name().map(str::to_owned)).unwrap() });
        }
        let by = tokio::task::spawn_blocking(move || served.iter().take(3).collect::<Vec<_>>()).await.unwrap();
        assert!(by.iter().all(|name| name.as_deref() != Some("lane-0")), "{by:?}");
        release.send(()).unwrap();
        while open(&peers.lanes).iter().sum::<usize>() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
