//! Errors that the cluster reports outside replies, such as a missing permission: the request itself only times out.

use async_nats::{ConnectOptions, Event};
use std::sync::{Arc, Mutex, PoisonError};

/// Logs each error that differs from the previous one.
pub fn logged(options: ConnectOptions) -> ConnectOptions {
    let last = Arc::new(Mutex::new(String::new()));
    options.event_callback(move |event| {
        let last = Arc::clone(&last);
        async move {
            let is_complaint = matches!(event, Event::SlowConsumer(_) | Event::ServerError(_) | Event::ClientError(_));
            let text = event.to_string();
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            if is_complaint && *last != text {
                tracing::warn!("from the cluster: {text}");
                *last = text;
            }
        }
    })
}
