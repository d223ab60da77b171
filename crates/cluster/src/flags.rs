//! Where the cluster is, as flags that its programs share. A doc comment here is the help text.

use clap::Args;
use std::path::PathBuf;

/// Where the cluster is, and as whom to speak to it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterFlags {
    /// Addresses of the cluster's nodes, separated by commas.
    #[arg(
        long,
        env = "NATS_URL",
        value_name = "URL",
        value_delimiter = ',',
        default_value = "nats://127.0.0.1:4222",
        global = true
    )]
    pub nats: Vec<String>,

    /// User to log in as, with --password-file.
    #[arg(
        long,
        env = "NATS_USER",
        value_name = "NAME",
        requires = "password_file",
        conflicts_with = "creds",
        global = true
    )]
    pub user: Option<String>,

    /// File that holds the user's password.
    #[arg(long, env = "NATS_PASSWORD_FILE", value_name = "FILE", requires = "user", global = true)]
    pub password_file: Option<PathBuf>,

    /// Credentials file of a user (JWT and key), instead of --user.
    #[arg(long, env = "NATS_CREDS", value_name = "FILE", global = true)]
    pub creds: Option<PathBuf>,

    /// File with the certificates that sign the cluster's (PEM); the connection then uses TLS.
    #[arg(long, env = "NATS_TLS_CA", value_name = "FILE", global = true)]
    pub tls_ca: Option<PathBuf>,
}
