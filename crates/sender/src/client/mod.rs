//! Sends deliveries to the service or cluster and returns the answers.

mod answer;
mod attempt;
mod deliver;
mod http;
mod mqtt;
mod nats;
mod records;
mod turns;
mod wire;

pub use answer::{Answer, Fault, Verdict};
pub use deliver::{Answered, Retry};
pub use turns::Place;
pub use wire::WireFormat;

use crate::config::Config;
use crate::destination::Destination;
use crate::drift::Drift;
use crate::error::SenderError;
use crate::feed::Delivery;
use crate::model_info::ModelInfo;
use crate::source::Outgoing;
use answer::Attempt;
use http::Http;
use mqtt::Mqtt;
use nats::Nats;
use tokio::sync::OwnedSemaphorePermit;
use turns::Turns;

/// Sends deliveries over any transport.
#[derive(Debug)]
pub struct Client {
    transport: Transport,
    turns: Turns,
    retries: u32,
    /// Whether an unreachable service is tried without end.
    is_persistent: bool,
    seed: u64,
}

/// The transport.
#[derive(Debug)]
enum Transport {
    Http(Box<Http>),
    Nats(Box<Nats>),
    Mqtt(Box<Mqtt>),
}

/// Model information from the service or cluster.
#[derive(Debug, Clone, PartialEq)]
pub enum Known {
    /// Its features and version.
    Model(ModelInfo),
    /// There is none; the reason.
    Nothing(&'static str),
}

impl Client {
    /// A client without an open connection.
    ///
    /// # Errors
    /// [`SenderError::Client`] if the HTTP client cannot be built on this machine.
    pub fn new(config: &Config) -> Result<Self, SenderError> {
        let transport = match &config.to {
            Destination::Api => Transport::Http(Box::new(Http::new(config)?)),
            Destination::Nats(urls) => Transport::Nats(Box::new(Nats::new(urls.clone(), config))),
            Destination::Mqtt(listeners) => Transport::Mqtt(Box::new(Mqtt::new(listeners.clone(), config))),
        };
        Ok(Client {
            transport,
            turns: Turns::default(),
            retries: config.retries,
            is_persistent: config.waits_for_service(),
            seed: config.seed,
        })
    }

    /// The address of the service or cluster, for error messages.
    pub fn place(&self) -> String {
        match &self.transport {
            Transport::Http(http) => http.endpoints.model_info.to_string(),
            Transport::Nats(nats) => nats.urls().join(","),
            Transport::Mqtt(mqtt) => mqtt.place(),
        }
    }

    /// Connects, and returns the health of the service or cluster in one line. A service that does not answer yet is no
    /// error.
    ///
    /// # Errors
    /// A [`Fault`], which says whether a retry may succeed.
    pub async fn greet(&self) -> Result<String, Fault> {
        match &self.transport {
            Transport::Http(http) => Ok(http.greeting().await),
            Transport::Nats(nats) => nats.greet().await,
            Transport::Mqtt(mqtt) => mqtt.greet().await,
        }
    }

    /// Requests information on the model in service.
    ///
    /// # Errors
    /// A [`Fault`], which says whether a retry may succeed.
    pub async fn model_info(&self) -> Result<Known, Fault> {
        match &self.transport {
            Transport::Http(http) => http.model_info().await.map(Known::Model),
            Transport::Nats(nats) => nats.model_info().await,
            Transport::Mqtt(_) => Ok(Known::Nothing("over MQTT nothing is said of it")),
        }
    }

    /// Requests drift. `None` if there is none or no answer in time; drift is optional.
    pub async fn drift(&self) -> Option<Drift> {
        match &self.transport {
            Transport::Http(http) => http.drift().await,
            Transport::Nats(_) | Transport::Mqtt(_) => None,
        }
    }

    /// Queues a delivery. Deliveries of one turbine are sent in the order of the calls; over HTTP there is no order.
    pub fn queue(&self, delivery: &Delivery, slot: Option<OwnedSemaphorePermit>) -> Place {
        match &self.transport {
            Transport::Http(_) => Place::free(slot),
            Transport::Nats(_) | Transport::Mqtt(_) => self.turns.queue(delivery, slot),
        }
    }

    /// Sends readings once; `again` is true for a retry.
    async fn attempt(&self, readings: &[&Outgoing], again: bool) -> Attempt {
        match (&self.transport, readings) {
            (Transport::Http(http), _) => http.attempt(readings).await,
            (Transport::Nats(nats), [reading]) => Attempt::of_one(nats.attempt(reading, again).await),
            (Transport::Mqtt(mqtt), [reading]) => Attempt::of_one(mqtt.attempt(reading).await),
            (Transport::Nats(_) | Transport::Mqtt(_), readings) => {
                unreachable!("a message holds one reading, not {}", readings.len())
            }
        }
    }
}
