//! What the cluster says apart from answers, such as that the user lacks a permission: the request itself just times out.

use async_nats::{ConnectOptions, Event};
use std::sync::{Arc, Mutex, PoisonError};

/// Has each complaint logged that is not the same as the one before.
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
