//! Destinations of readings.

use crate::endpoints::Endpoints;
use cluster::mqtt::{Address, AddressError};
use std::str::FromStr;

const NATS: &str = "nats://";
const MQTT: &str = "mqtt://";
const NATS_PORT: u16 = 4222;

/// Destination of readings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// The API, over HTTP.
    Api,
    /// The nodes of a NATS JetStream cluster.
    Nats(Vec<String>),
    /// The MQTT listeners of such a cluster.
    Mqtt(Vec<Address>),
}

/// Error of an invalid destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// The scheme is unsupported or missing.
    #[error("unsupported address {0}; use nats://HOST[:PORT] or mqtt://HOST[:PORT], and --api-url for http")]
    Scheme(String),
    /// An address contains a user name.
    #[error("{0} holds a user; name it with --user and --password-file instead")]
    User(String),
    /// An address is invalid or missing.
    #[error(transparent)]
    Address(#[from] AddressError),
}

impl Destination {
    /// True for a cluster, where each message has one reading.
    pub fn is_cluster(&self) -> bool {
        *self != Destination::Api
    }

    /// Host, port and URL of the first address; for the API those of `api`. `None` without an address.
    pub fn first(&self, api: &Endpoints) -> Option<(String, u16, String)> {
        match self {
            Destination::Api => {
                let url = &api.predict;
                Some((url.host_str()?.to_owned(), url.port_or_known_default()?, url.to_string()))
            }
            Destination::Nats(urls) => {
                let url = urls.first()?;
                let node: async_nats::ServerAddr = url.parse().ok()?;
                Some((node.host().to_owned(), node.port(), url.clone()))
            }
            Destination::Mqtt(listeners) => {
                let listener = listeners.first()?;
                Some((listener.host.clone(), listener.port, listener.to_string()))
            }
        }
    }
}

impl FromStr for Destination {
    type Err = DestinationError;

    /// Empty means the API, as from an unset variable of a container.
    fn from_str(text: &str) -> Result<Self, DestinationError> {
        let text = text.trim();
        let addresses = |scheme: &str| -> Result<Vec<Address>, DestinationError> {
            let parse = |part: &str| {
                // Further addresses may repeat the scheme.
                let part = part.trim();
                let part = part.strip_prefix(scheme).unwrap_or(part).trim_end_matches('/');
                if part.contains('@') {
                    return Err(DestinationError::User(part.to_owned()));
                }
                Ok(part.parse()?)
            };
            text.split(',').map(parse).collect()
        };
        if text.is_empty() {
            Ok(Destination::Api)
        } else if text.starts_with(MQTT) {
            Ok(Destination::Mqtt(addresses(MQTT)?))
        } else if text.starts_with(NATS) {
            let has_port = |part: &str| part.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
            let parts = text.split(',').map(|part| has_port(part.trim().trim_end_matches('/')));
            let url = |(Address { host, port }, has_port): (Address, bool)| {
                let port = if has_port { port } else { NATS_PORT };
                if host.contains(':') { format!("{NATS}[{host}]:{port}") } else { format!("{NATS}{host}:{port}") }
            };
            Ok(Destination::Nats(addresses(NATS)?.into_iter().zip(parts).map(url).collect()))
        } else {
            Err(DestinationError::Scheme(text.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_destination_is_a_list_of_addresses() {
        let parse = |text: &str| text.parse::<Destination>().unwrap();
        assert_eq!(parse(" "), Destination::Api);
        let nats = |urls: &[&str]| Destination::Nats(urls.iter().map(|&url| url.to_owned()).collect());
        assert_eq!(parse("nats://n1"), nats(&["nats://n1:4222"]));
        assert_eq!(
            parse("nats://n1:4223,n2, nats://[::1]:4222/"),
            nats(&["nats://n1:4223", "nats://n2:4222", "nats://[::1]:4222"])
        );
        let mqtt = |host: &str, port| Address { host: host.to_owned(), port };
        assert_eq!(parse("mqtt://n1,n2:1884"), Destination::Mqtt(vec![mqtt("n1", 1883), mqtt("n2", 1884)]));
    }

    #[test]
    fn other_texts_are_refused_with_the_remedy() {
        let cases = [
            (
                "http://n1",
                "unsupported address http://n1; use nats://HOST[:PORT] or mqtt://HOST[:PORT], and --api-url for http",
            ),
            (
                "n1:4222",
                "unsupported address n1:4222; use nats://HOST[:PORT] or mqtt://HOST[:PORT], and --api-url for http",
            ),
            ("nats://a:b@n1", "a:b@n1 holds a user; name it with --user and --password-file instead"),
            ("mqtt://n1:port", "\"n1:port\" is not HOST or HOST:PORT, such as n1:1883"),
            ("nats://", "\"\" is not HOST or HOST:PORT, such as n1:1883"),
        ];
        for (text, message) in cases {
            assert_eq!(text.parse::<Destination>().unwrap_err().to_string(), message, "{text}");
        }
    }

    #[test]
    fn the_first_address_names_the_other_side() {
        let api = Endpoints::new("http://localhost:5000/predict").unwrap();
        let first = |text: &str| text.parse::<Destination>().unwrap().first(&api).unwrap();
        let expected = |host: &str, port, url: &str| (host.to_owned(), port, url.to_owned());
        assert_eq!(first(""), expected("localhost", 5000, "http://localhost:5000/predict"));
        assert_eq!(first("nats://n1,n2"), expected("n1", 4222, "nats://n1:4222"));
        assert_eq!(first("mqtt://n1:1884"), expected("n1", 1884, "mqtt://n1:1884"));
    }
}
