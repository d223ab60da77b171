//! Whether a connection is being answered or waited for, so that one whose client neither asks nor reads can be given up.
//!
//! hyper can do this too, with a timer for every request; here a connection has one for as long as it lasts.

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// Stands for "since" while it is not so.
const NOT: u64 = u64::MAX;

/// Up to how many bytes it costs less to copy the parts of an answer than to have the system gather them.
const SMALL: usize = 1024;

/// All connections of a service: how many of them have a part of an answer that their client does not take yet.
#[derive(Debug, Clone, Default)]
pub struct Connections(Arc<AtomicUsize>);

impl Connections {
    /// A connection that was accepted now.
    pub fn accepted(&self) -> Arc<Connection> {
        Arc::new(Connection {
            accepted: Instant::now(),
            asked_since: AtomicU64::new(0),
            held_up_since: AtomicU64::new(NOT),
            all: self.clone(),
        })
    }

    /// Whether an answer that was given waits for its client to take more of it.
    pub fn are_sending(&self) -> bool {
        self.0.load(Relaxed) > 0
    }
}

/// One connection of a client.
#[derive(Debug)]
pub struct Connection {
    accepted: Instant,
    // Both in milliseconds from then, or NOT.
    /// Since when the head of a request has been waited for.
    asked_since: AtomicU64,
    /// Since when the client has taken nothing of an answer that is to be sent to it.
    held_up_since: AtomicU64,
    all: Connections,
}

impl Connection {
    /// The head of a request has arrived. Its answer is given once what is returned is dropped.
    pub fn begin(self: &Arc<Self>) -> Answering {
        self.asked_since.store(NOT, Relaxed);
        Answering(Arc::clone(self))
    }

    /// Done once the client has been waited for as long as `limit`, to ask or to take an answer.
    pub async fn neglected(&self, limit: Duration) {
        loop {
            let left = match self.waited() {
                None => limit,
                Some(waited) if waited < limit => limit - waited,
                Some(_) => return,
            };
            tokio::time::sleep(left).await;
        }
    }

    /// How long the client has been waited for; nothing while a request is answered.
    fn waited(&self) -> Option<Duration> {
        let since = [&self.held_up_since, &self.asked_since].map(|since| since.load(Relaxed));
        let since = since.into_iter().find(|&since| since != NOT)?;
        Some(self.accepted.elapsed().saturating_sub(Duration::from_millis(since)))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.accepted.elapsed().as_millis()).unwrap_or(NOT - 1)
    }

    /// The answer is given, if not sent.
    fn answered(&self) {
        self.asked_since.store(self.now(), Relaxed);
    }

    /// Some of an answer was sent.
    fn progressed(&self) {
        if self.held_up_since.load(Relaxed) != NOT {
            self.held_up_since.store(self.now(), Relaxed);
        }
    }

    /// No more of an answer can be sent yet.
    fn held_up(&self) {
        if self.held_up_since.load(Relaxed) == NOT {
            self.held_up_since.store(self.now(), Relaxed);
            self.all.0.fetch_add(1, Relaxed);
        }
    }

    /// All of it was sent, or never will be.
    fn sent(&self) {
        if self.held_up_since.load(Relaxed) != NOT {
            self.held_up_since.store(NOT, Relaxed);
            self.all.0.fetch_sub(1, Relaxed);
            if self.asked_since.load(Relaxed) != NOT {
                self.answered();
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.sent();
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub struct Answering(Arc<Connection>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answered();
    }
}

/// The stream of a connection, which tells it how far answers have got.
pub struct Stream {
    io: TokioIo<TcpStream>,
    connection: Arc<Connection>,
}

impl Stream {
    /// The stream of that connection.
    pub fn new(stream: TcpStream, connection: Arc<Connection>) -> Self {
        Stream { io: TokioIo::new(stream), connection }
    }

    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.connection.held_up(),
            Poll::Ready(Ok(_)) => self.connection.progressed(),
            Poll::Ready(Err(_)) => {}
        }
        written
    }
}

impl Read for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length: usize = bytes.iter().map(|part| part.len()).sum();
        if length > SMALL {
            let written = Pin::new(&mut self.io).poll_write_vectored(cx, bytes);
            return self.wrote(written);
        }
        let mut joined = [0; SMALL];
        let mut rest = &mut joined[..];
        for part in bytes {
            rest = {
                let (place, rest) = rest.split_at_mut(part.len());
                place.copy_from_slice(part);
                rest
            };
        }
        self.poll_write(cx, &joined[..length])
    }

    /// hyper asks for this once it has nothing left to write.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        if flushed.is_ready() {
            self.connection.sent();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    const LIMIT: Duration = Duration::from_millis(50);
    const LONGER: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn a_connection_is_neglected_unless_a_request_is_answered() {
        let connection = Connections::default().accepted();
        let answering = connection.begin();
        assert!(timeout(LONGER, connection.neglected(LIMIT)).await.is_err());
        assert!(timeout(LIMIT, connection.neglected(Duration::ZERO)).await.is_err());
        drop(answering);
        connection.neglected(LIMIT).await;
        assert!(connection.waited().is_some_and(|waited| waited >= LIMIT));
    }

    #[tokio::test]
    async fn an_answer_is_being_sent_until_all_of_it_is_or_the_connection_ends() {
        let connections = Connections::default();
        let connection = connections.accepted();
        for given in [false, true] {
            let answering = connection.begin();
            connection.held_up();
            connection.held_up();
            assert!(connections.are_sending());
            if given {
                drop(answering);
                tokio::time::sleep(LONGER).await;
                connection.progressed();
            }
            assert!(connection.waited().is_some_and(|waited| waited < LONGER));
            connection.neglected(LIMIT).await;
            connection.sent();
            assert!(!connections.are_sending());
            assert!(connection.waited().is_none_or(|waited| given && waited < LIMIT));
        }
        connection.held_up();
        drop(connection);
        assert!(!connections.are_sending());
    }
}
