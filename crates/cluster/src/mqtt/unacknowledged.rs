//! The messages of a connection that have no PUBACK yet.

use std::collections::{HashMap, VecDeque};
use tokio::sync::oneshot;

/// Resolves with the PUBACK of a message, or with an error once the connection is lost.
pub(super) type Acknowledgement = oneshot::Receiver<()>;

/// Unsent messages in order, and sent ones by packet id, which `rumqttc` reports when it sends a message.
#[derive(Debug, Default)]
pub(super) struct Unacknowledged {
    queued: VecDeque<oneshot::Sender<()>>,
    sent: HashMap<u16, oneshot::Sender<()>>,
    lost: Option<String>,
}

impl Unacknowledged {
    /// Adds a message to the end of the queue.
    pub(super) fn queue(&mut self) -> Acknowledgement {
        let (sender, receiver) = oneshot::channel();
        self.queued.push_back(sender);
        receiver
    }

    /// Notes that the oldest queued message was sent with this id.
    pub(super) fn sent(&mut self, id: u16) {
        if let Some(message) = self.queued.pop_front() {
            self.sent.insert(id, message);
        }
    }

    /// Notes the PUBACK of the message with this id.
    pub(super) fn acknowledge(&mut self, id: u16) {
        if let Some(message) = self.sent.remove(&id) {
            // Fails if the publisher no longer waits.
            let _ = message.send(());
        }
    }

    /// Notes that the connection was lost, which fails all waiting messages.
    pub(super) fn lose(&mut self, problem: String) {
        self.lost = Some(problem);
        self.queued.clear();
        self.sent.clear();
    }

    /// Reason why the connection was lost.
    pub(super) fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_gets_its_own_acknowledgement_in_any_order() {
        let mut messages = Unacknowledged::default();
        let (mut first, mut second, mut third) = (messages.queue(), messages.queue(), messages.queue());
        messages.sent(7);
        messages.sent(8);
        messages.acknowledge(8);
        assert!(first.try_recv().is_err() && third.try_recv().is_err());
        assert_eq!(second.try_recv(), Ok(()));
        messages.acknowledge(9);
        messages.acknowledge(7);
        assert_eq!(first.try_recv(), Ok(()));
        messages.lose("gone".to_owned());
        assert_eq!(third.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        assert_eq!(messages.lost(), Some("gone"));
    }
}
