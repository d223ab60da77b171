//! Connection flags that the programs of a cluster share. The doc comments of flags are their help texts.

use anyhow::{Context as _, Result};
use clap::Args;
use std::path::PathBuf;

/// Addresses of a cluster, and the login.
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

    /// The login.
    #[command(flatten)]
    pub login: LoginFlags,
}

/// Login at a cluster.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Cluster")]
pub struct LoginFlags {
    /// User to log in as, with --password-file.
    #[arg(
        long,
        hide_short_help = true,
        env = "NATS_USER",
        value_name = "NAME",
        requires = "password_file",
        conflicts_with = "creds",
        global = true
    )]
    pub user: Option<String>,

    /// File that holds the user's password.
    #[arg(
        long,
        hide_short_help = true,
        env = "NATS_PASSWORD_FILE",
        value_name = "FILE",
        requires = "user",
        global = true
    )]
    pub password_file: Option<PathBuf>,

    /// Credentials file of a user (JWT and key), instead of --user.
    #[arg(long, hide_short_help = true, env = "NATS_CREDS", value_name = "FILE", global = true)]
    pub creds: Option<PathBuf>,

    /// File with the certificates that sign the cluster's (PEM); the connection then uses TLS.
    #[arg(long, hide_short_help = true, env = "NATS_TLS_CA", value_name = "FILE", global = true)]
    pub tls_ca: Option<PathBuf>,
}

impl LoginFlags {
    /// The user and the password, if there are any.
    ///
    /// # Errors
    /// If the file of the password cannot be read.
    pub fn user_and_password(&self) -> Result<Option<(String, String)>> {
        let (Some(user), Some(file)) = (&self.user, &self.password_file) else { return Ok(None) };
        let password = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the password file {} (--password-file)", file.display()))?;
        Ok(Some((user.clone(), password.trim_end_matches(['\r', '\n']).to_owned())))
    }
}
