//! Drains the rest of a refused body, so that its client reads why. hyper reads from it once and then closes the
//! connection, which resets it while the client is still sending: `who_is_refused_early_may_finish_sending_and_reads_why`
//! fails without this.

use axum::body::{Body, HttpBody};
use axum::http::{Request, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;

/// How long a refused client may go on sending.
const LINGER: Duration = Duration::from_secs(5);

/// A request body that is drained when it is dropped before its end.
pub struct Lingering {
    /// `None` once it has ended.
    body: Option<Incoming>,
    /// Whether the client is sending; if not, it waits for a `100 Continue`.
    sending: bool,
}

impl Lingering {
    /// The request with such a body.
    pub fn wrap(request: Request<Incoming>) -> Request<Body> {
        let sending = !request.headers().contains_key(header::EXPECT);
        request.map(|body| Body::new(Lingering { sending, body: Some(body) }))
    }
}

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        // hyper sends the `100 Continue` when the body is first asked for.
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

impl Drop for Lingering {
    fn drop(&mut self) {
        if self.is_end_stream() || !self.sending {
            return;
        }
        if let (Some(mut body), Ok(runtime)) = (self.body.take(), Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(LINGER, async move { while let Some(Ok(_)) = body.frame().await {} }));
        }
    }
}
