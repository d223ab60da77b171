//! One connection of a sensor to a node, by MQTT 3.1.1.

use super::address::Address;
use super::unacknowledged::Unacknowledged;
use crate::TIME_LIMIT;
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, MqttOptions, Outgoing, Packet, PubAck, QoS,
    StateError,
};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// Interval of MQTT pings; the connection counts as lost if a ping is unanswered when the next is due.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Number of packet ids before they repeat; larger than the number of messages that are ever unacknowledged.
const PACKET_IDS: u16 = 20_000;

/// The largest payload that a server takes, in bytes.
const MOST_BYTES: usize = 1 << 20;

/// A connection. It does not reconnect: the caller opens another one, so that no message is sent again unless the
/// caller does so.
#[derive(Debug)]
pub struct Connection {
    client: AsyncClient,
    messages: Arc<Mutex<Unacknowledged>>,
}

/// Error of a connection or of a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MqttError {
    /// No MQTT server answers at the address.
    #[error("cannot connect to {address}: {problem}; check that a node listens for MQTT there (mqtt {{ listen }})")]
    Unreachable {
        /// The listener.
        address: String,
        /// What happened.
        problem: String,
    },
    /// The server refuses the user.
    #[error("{address} refuses this user; check --user and --password-file")]
    User {
        /// The listener.
        address: String,
    },
    /// The connection was lost.
    #[error("connection lost: {0}")]
    Lost(String),
    /// The message cannot be sent.
    #[error("the message cannot be sent: {0}")]
    Message(String),
}

impl Connection {
    /// Connects and waits until the server has accepted the user. `id` must be unique within the cluster.
    ///
    /// # Errors
    /// [`MqttError::Unreachable`] or [`MqttError::User`].
    pub async fn open(address: &Address, user: Option<(String, String)>, id: &str) -> Result<Self, MqttError> {
        let mut options = MqttOptions::new(id, &address.host, address.port);
        options.set_keep_alive(KEEP_ALIVE).set_inflight(PACKET_IDS).set_max_packet_size(MOST_BYTES, MOST_BYTES);
        if let Some((user, password)) = user {
            options.set_credentials(user, password);
        }
        let (client, mut event_loop) = AsyncClient::new(options, usize::from(PACKET_IDS));
        let unreachable = |problem| MqttError::Unreachable { address: address.to_string(), problem };
        let accepted = timeout(TIME_LIMIT, event_loop.poll()).await;
        match accepted.unwrap_or(Err(ConnectionError::NetworkTimeout)) {
            Ok(_) => {}
            Err(ConnectionError::ConnectionRefused(
                ConnectReturnCode::NotAuthorized | ConnectReturnCode::BadUserNamePassword,
            )) => return Err(MqttError::User { address: address.to_string() }),
            Err(error) => return Err(unreachable(problem(&error))),
        }
        let messages = Arc::default();
        tokio::spawn(run(event_loop, Arc::clone(&messages)));
        Ok(Connection { client, messages })
    }

    /// Publishes with QoS 1, and waits for the PUBACK. Messages are sent in the order of the calls.
    ///
    /// # Errors
    /// If the connection is lost before the PUBACK: the message may be stored or not.
    pub async fn publish(&self, topic: String, payload: Vec<u8>) -> Result<(), MqttError> {
        let acknowledgement = {
            let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(problem) = messages.lost() {
                return Err(MqttError::Lost(problem.to_owned()));
            }
            let sent = self.client.try_publish(topic, QoS::AtLeastOnce, false, payload);
            sent.map_err(|error| MqttError::Message(error.to_string()))?;
            messages.queue()
        };
        let lost = || self.lost().unwrap_or_default();
        acknowledgement.await.map_err(|_| MqttError::Lost(lost()))
    }

    /// Reason why the connection was lost; `None` while it is open.
    pub fn lost(&self) -> Option<String> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).lost().map(str::to_owned)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Best effort: the server also detects a closed connection.
        let _ = self.client.try_disconnect();
    }
}

/// Sends and receives until the connection is lost.
async fn run(mut event_loop: EventLoop, messages: Arc<Mutex<Unacknowledged>>) {
    let lock = || messages.lock().unwrap_or_else(PoisonError::into_inner);
    let lost = loop {
        match event_loop.poll().await {
            Ok(Event::Outgoing(Outgoing::Publish(id))) => lock().sent(id),
            Ok(Event::Incoming(Packet::PubAck(PubAck { pkid }))) => lock().acknowledge(pkid),
            Ok(_) => {}
            Err(error) => break problem(&error),
        }
    };
    lock().lose(lost);
}

/// The cause, without the wrapping errors.
fn problem(error: &ConnectionError) -> String {
    match error {
        ConnectionError::Io(error) => error.to_string(),
        ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => {
            format!("no answer within {} s", TIME_LIMIT.as_secs())
        }
        ConnectionError::NotConnAck(_) | ConnectionError::MqttState(StateError::Deserialization(_)) => {
            "what answers does not speak MQTT".to_owned()
        }
        ConnectionError::MqttState(error) => error.to_string(),
        error => error.to_string(),
    }
}
