//! Address of a node's MQTT listener.

use std::fmt;
use std::str::FromStr;

/// Default port.
const PORT: u16 = 1883;

/// Host and port of a node's MQTT listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A name or an IP address; IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Why a text is not the address of a listener.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not HOST or HOST:PORT, such as n1:1883")]
pub struct AddressError(String);

impl Address {
    /// The listener of a host, on the default port.
    pub fn of_host(host: &str) -> Self {
        Address { host: host.trim_matches(['[', ']']).to_owned(), port: PORT }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = || AddressError(text.to_owned());
        // The brackets of an IPv6 address hold colons.
        let (host, port) = match text.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
            Some((host, port)) => (host, port.parse().map_err(|_| error())?),
            None => (text, PORT),
        };
        let is_bracketed = host.starts_with('[') && host.ends_with(']');
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') || (is_bracketed && c == ':');
        let name = host.trim_matches(['[', ']']);
        if name.is_empty() || !name.chars().all(is_host) {
            return Err(error());
        }
        Ok(Address { port, ..Address::of_host(host) })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Address { host, port } = self;
        if host.contains(':') { write!(f, "mqtt://[{host}]:{port}") } else { write!(f, "mqtt://{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_is_a_host_and_perhaps_a_port() {
        let cases = [
            ("n1", "mqtt://n1:1883"),
            ("n1.park:8883", "mqtt://n1.park:8883"),
            ("127.0.0.1:1884", "mqtt://127.0.0.1:1884"),
            ("[::1]", "mqtt://[::1]:1883"),
            ("[::1]:1884", "mqtt://[::1]:1884"),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", ":1883", "n1:", "n1:port", "n1:70000", "user@n1", "n1/path", "::1:x", "n 1"] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert_eq!(error, format!("{text:?} is not HOST or HOST:PORT, such as n1:1883"));
        }
    }
}
