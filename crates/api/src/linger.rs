//! Bodies that nobody reads to their end.

use crate::body::Readings;
use axum::body::HttpBody;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;

/// How long a refused client may go on sending.
const LINGER: Duration = Duration::from_secs(5);

/// A body whose rest is taken in and thrown away once nobody wants it.
///
/// A server that answers early and hangs up resets the connection under a client that is still sending, which then never
/// reads why it was refused.
pub struct Lingering<B: Readings> {
    /// Nothing once it has ended.
    body: Option<B>,
    /// Whether the client sends, or waits to be told that it may.
    sending: bool,
}

impl<B: Readings> Lingering<B> {
    /// The body of the request with these headers.
    pub fn new(body: B, headers: &HeaderMap) -> Self {
        Lingering { sending: !headers.contains_key(header::EXPECT), body: Some(body) }
    }
}

impl<B: Readings> HttpBody for Lingering<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.sending = true;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl<B: Readings> Drop for Lingering<B> {
    fn drop(&mut self) {
        if self.is_end_stream() || !self.sending {
            return;
        }
        if let (Some(mut body), Ok(runtime)) = (self.body.take(), Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(LINGER, async move { while let Some(Ok(_)) = body.frame().await {} }));
        }
    }
}
