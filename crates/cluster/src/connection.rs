//! The connection to a cluster.

use crate::complaints;
use crate::flags::{ClusterFlags, LoginFlags};
use anyhow::{Context as _, Result, bail};
use async_nats::jetstream::{self, context::ContextBuilder};
use async_nats::{Client, ConnectOptions, ServerAddr};
use std::time::Duration;

/// The longest time for a connection, or for one answer of the cluster.
pub const TIME_LIMIT: Duration = Duration::from_secs(3);

/// The oldest server that commits a batch with expected sequences as this program needs it.
const OLDEST_SERVER: (u32, u32) = (2, 14);

/// Messages that may wait for the cluster to take them.
const UNACKNOWLEDGED: usize = 20_000;

/// A connection, which is made again when it breaks.
#[derive(Clone)]
pub struct Cluster {
    /// The connection.
    pub client: Client,
    /// Its streams.
    pub jetstream: jetstream::Context,
}

impl Cluster {
    /// Connects to one of the nodes. The cluster lists its clients under the `name` of the program.
    ///
    /// # Errors
    /// If none answers, if the cluster refuses the user, or if its servers are too old; and for files that cannot be read.
    pub async fn connect(flags: &ClusterFlags, name: &str) -> Result<Self> {
        Cluster::connect_to(&flags.nats, "--nats", &flags.login, name).await
    }

    /// [`Cluster::connect`] with addresses from another `flag`, which errors name.
    ///
    /// # Errors
    /// As [`Cluster::connect`].
    pub async fn connect_to(urls: &[String], flag: &str, login: &LoginFlags, name: &str) -> Result<Self> {
        let nodes = nodes(urls, flag)?;
        let connected = options(login, name).await?.connect(nodes).await;
        let client = connected.with_context(|| {
            let urls = urls.join(", ");
            format!("cannot connect to {urls} ({flag}); check that a node runs there and takes this user")
        })?;
        let server = client.server_info();
        if !is_new_enough(&server.version) {
            let (major, minor) = OLDEST_SERVER;
            bail!(
                "the server {} is version {}; {major}.{minor} or newer is needed",
                server.server_name,
                server.version
            );
        }
        if !server.jetstream {
            bail!("the server {} has no JetStream; enable it in the server's configuration", server.server_name);
        }
        let jetstream =
            ContextBuilder::new().timeout(TIME_LIMIT).ack_timeout(TIME_LIMIT).max_ack_inflight(UNACKNOWLEDGED);
        Ok(Cluster { jetstream: jetstream.build(client.clone()), client })
    }

    /// Waits until what was published has left, for a moment at most.
    pub async fn flush(&self) {
        // Without a connection a flush never ends, and there is nothing that could be done.
        let _ = tokio::time::timeout(Duration::from_millis(200), self.client.flush()).await;
    }
}

fn nodes(urls: &[String], flag: &str) -> Result<Vec<ServerAddr>> {
    let parse = |url: &String| {
        let node: ServerAddr = url.parse().with_context(|| format!("{url:?} ({flag}) is not an address"))?;
        // The client ignores them, so that the cluster would refuse it without a hint.
        if node.has_user_pass() {
            bail!("{} ({flag}) holds a user; name it with --user and --password-file instead", node.host());
        }
        Ok(node)
    };
    urls.iter().map(parse).collect()
}

async fn options(login: &LoginFlags, name: &str) -> Result<ConnectOptions> {
    let mut options = ConnectOptions::new()
        .name(name)
        .connection_timeout(TIME_LIMIT)
        .ping_interval(Duration::from_secs(2))
        .reconnect_delay_callback(|_| Duration::from_millis(200));
    if let Some((user, password)) = login.user_and_password()? {
        options = options.user_and_password(user, password);
    }
    if let Some(file) = &login.creds {
        let read = options.credentials_file(file).await;
        options = read.with_context(|| format!("cannot use the credentials file {} (--creds)", file.display()))?;
    }
    if let Some(file) = &login.tls_ca {
        options = options.add_root_certificates(file.clone()).require_tls(true);
    }
    Ok(complaints::logged(options))
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u32>().ok());
    let (Some(Some(major)), Some(Some(minor))) = (numbers.next(), numbers.next()) else { return false };
    (major, minor) >= OLDEST_SERVER
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn old_servers_are_recognised() {
        for (version, expected) in [
            ("2.14.0", true),
            ("2.15.1", true),
            ("3.0.0-beta.1", true),
            ("2.9.10", false),
            ("2.13.9", false),
            ("", false),
        ] {
            assert_eq!(is_new_enough(version), expected, "{version}");
        }
    }

    #[test]
    fn a_user_in_an_address_is_refused() {
        let refused = nodes(&["nats://worker:w@n1:4222".to_owned()], "--nats").unwrap_err().to_string();
        assert_eq!(refused, "n1 (--nats) holds a user; name it with --user and --password-file instead");
        assert_eq!(nodes(&["nats://n1:4222".to_owned(), "n2".to_owned()], "--nats").unwrap().len(), 2);
    }
}
