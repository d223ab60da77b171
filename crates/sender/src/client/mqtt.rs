//! A cluster over MQTT: a reading counts as acknowledged with its PUBACK; results are not available.

use super::answer::{Fault, Verdict};
use crate::config::Config;
use crate::source::Outgoing;
use cluster::LoginFlags;
use cluster::mqtt::{Address, Connection, MqttError, topic};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// The connection; reconnects to the listeners in turn.
#[derive(Debug)]
pub(super) struct Mqtt {
    listeners: Vec<Address>,
    login: LoginFlags,
    timeout: Duration,
    /// MQTT client id, unique within the cluster.
    id: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    connection: Option<Arc<Connection>>,
    /// Index of the listener to try next.
    next: usize,
}

impl From<MqttError> for Fault {
    fn from(error: MqttError) -> Self {
        match &error {
            MqttError::User { .. } | MqttError::Message(_) => Fault::permanent(error.to_string()),
            MqttError::Unreachable { .. } | MqttError::Lost(_) => Fault::transient(error.to_string()),
        }
    }
}

impl Mqtt {
    /// Without an open connection.
    pub(super) fn new(listeners: Vec<Address>, config: &Config) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let id = format!("sender-{}-{now:x}", std::process::id());
        let (login, timeout) = (config.login.clone(), config.timeout);
        Mqtt { listeners, login, timeout, id, state: Mutex::default() }
    }

    /// The listeners.
    pub(super) fn place(&self) -> String {
        self.listeners.iter().map(Address::to_string).collect::<Vec<_>>().join(",")
    }

    /// Connects.
    pub(super) async fn greet(&self) -> Result<String, Fault> {
        self.connection().await?;
        let place = self.place();
        Ok(format!(
            "connected to {place}; a reading counts when it is acknowledged, and verdicts are in the stream OUT"
        ))
    }

    /// Publishes a reading and waits for its PUBACK.
    pub(super) async fn attempt(&self, reading: &Outgoing) -> Result<Verdict, Fault> {
        let turbine = match reading.token() {
            Ok(turbine) => turbine,
            Err(error) => return Ok(Verdict::Refused { status: 400, error }),
        };
        let connection = self.connection().await?;
        let published = timeout(self.timeout, connection.publish(topic(&turbine), reading.json.clone().into_bytes()));
        let seconds = self.timeout.as_secs_f64();
        published.await.unwrap_or_else(|_| Err(MqttError::Lost(format!("no PUBACK within {seconds} s"))))?;
        Ok(Verdict::Acknowledged { place: None, duplicate: false })
    }

    async fn connection(&self) -> Result<Arc<Connection>, Fault> {
        let mut state = self.state.lock().await;
        if let Some(connection) = state.connection.as_ref().filter(|connection| connection.lost().is_none()) {
            return Ok(Arc::clone(connection));
        }
        let listener = &self.listeners[state.next % self.listeners.len()];
        state.next += 1;
        state.connection = None;
        let user = self.login.user_and_password().map_err(|error| Fault::permanent(format!("{error:#}")))?;
        let connection = Arc::new(Connection::open(listener, user, &self.id).await?);
        state.connection = Some(Arc::clone(&connection));
        Ok(connection)
    }
}
