//! Every flag and variable of the service. A doc comment here is the help text.

use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand, ValueEnum};
use pipeline::{LogPolicy, LogSync};
use privileges::RunAsOwner;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;
use turbine_core::reading::MissingValues;

/// Where the model is if none is named.
const DEFAULT_MODEL: &str = "models/turbine_iforest.json";

/// Scores turbine readings over HTTP and logs every prediction.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub struct Config {
    /// What to do; without a command, serve.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Model file. The default one is trained if it does not exist; one that is named must exist.
    #[arg(long, env = "MODEL_PATH", default_value = DEFAULT_MODEL)]
    pub model: PathBuf,

    /// Look this often whether the model file has changed, and put it into service if so; without a value every 2 s,
    /// without the flag only on SIGHUP and POST /model/reload.
    #[arg(long, env = "WATCH_MODEL", value_name = "INTERVAL", num_args = 0..=1, default_missing_value = "2s", value_parser = duration)]
    pub watch_model: Option<Duration>,

    /// The model to begin with if the default model file does not exist, instead of training one.
    #[arg(long, env = "FIRST_MODEL")]
    pub first_model: Option<PathBuf>,

    /// Folder of the prediction log.
    #[arg(long, env = "OUTPUTS_DIR", default_value = "outputs")]
    pub outputs: PathBuf,

    /// Address to listen on; 0.0.0.0 for every interface.
    #[arg(long, env = "API_HOST", default_value = "127.0.0.1", global = true)]
    pub host: String,

    /// Port to listen on; 0 for any free one.
    #[arg(long, env = "API_PORT", default_value_t = 5000, global = true)]
    pub port: u16,

    /// How the service's own log lines look.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t = LogFormat::Auto, global = true)]
    pub log_format: LogFormat,

    /// As whom to run.
    #[command(flatten)]
    pub run_as: RunAsOwner,

    /// Who may call.
    #[command(flatten)]
    pub keys: Keys,

    /// The prediction log.
    #[command(flatten)]
    pub log: LogFlags,

    /// What becomes of a reading in which a value is missing or null: refuse = 400; carry = the turbine's last value stands
    /// in for it while that is younger than ten typical intervals of the model (ten readings if it knows none); then what is
    /// expected given the other values, and the sensor counts as missing.
    #[arg(long = "missing", env = "MISSING_VALUES", value_enum, default_value_t = Missing::Refuse)]
    pub missing: Missing,

    /// State kept of readings and turbines.
    #[command(flatten)]
    pub memory: Memory,

    /// Limits of one client, and of all.
    #[command(flatten)]
    pub limits: Limits,
}

impl Config {
    /// Whether the model is the one that is served if none is named.
    pub fn model_is_default(&self) -> bool {
        self.model == Path::new(DEFAULT_MODEL)
    }
}

/// What becomes of readings that lack values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Missing {
    /// They are refused.
    Refuse,
    /// The turbine's last values stand in for them.
    Carry,
}

impl From<Missing> for MissingValues {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Refuse => MissingValues::Refuse,
            Missing::Carry => MissingValues::Carry,
        }
    }
}

/// What else the program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Ask the service on this host and port whether it is ready; exit code 0 if it is, 1 if not.
    Health,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// Text for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Who may call.
#[derive(Debug, Clone, Args)]
pub struct Keys {
    /// If set, every endpoint but /health* wants `Authorization: Bearer KEY` or `X-API-Key: KEY`.
    #[arg(long, env = "API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,

    /// File with further keys, one a line; blank lines and lines that begin with # are skipped.
    #[arg(long, env = "API_KEYS_FILE")]
    pub api_keys_file: Option<PathBuf>,
}

impl Keys {
    /// Whether callers need a key.
    pub fn are_given(&self) -> bool {
        self.api_key.is_some() || self.api_keys_file.is_some()
    }
}

/// The prediction log.
#[derive(Debug, Clone, Args)]
pub struct LogFlags {
    /// What an answer promises: none = the row is on its way, written within 100 ms; write = the row survives the death
    /// of the process; fsync = the row survives power loss.
    #[arg(long, env = "LOG_SYNC", value_enum, default_value_t = LogSync::Write)]
    pub log_sync: LogSync,

    /// What happens to a prediction that cannot be logged: required = 503, best-effort = answered and counted.
    #[arg(long, env = "LOG_POLICY", value_enum, default_value_t = LogPolicy::Required)]
    pub log_policy: LogPolicy,

    /// Begin a new log file at this size, such as 512MiB; 0 = never.
    #[arg(long, env = "LOG_MAX_BYTES", default_value = "0", value_parser = byte_size)]
    pub log_max_bytes: ByteSize,

    /// Begin a new log file at this age, such as 24h or 30d; 0 = never.
    #[arg(long, env = "LOG_MAX_AGE", default_value = "0", value_parser = duration)]
    pub log_max_age: Duration,

    /// How many full log files to keep; 0 = all.
    #[arg(long, env = "LOG_KEEP", default_value_t = 0)]
    pub log_keep: usize,

    /// How many bytes of rows may wait for the disk before readings are refused.
    #[arg(long, env = "LOG_QUEUE_BYTES", default_value = "8MiB", value_parser = byte_size)]
    pub log_queue_bytes: ByteSize,
}

/// What is remembered of readings and turbines.
#[derive(Debug, Clone, Args)]
pub struct Memory {
    /// How many readings that name their turbine and their time are remembered, so that one that comes again is not logged
    /// again; 0 = none. 60 bytes each.
    #[arg(long, env = "DEDUPE_WINDOW", default_value_t = 262_144, value_parser = clap::value_parser!(u32).range(..=16_777_216))]
    pub dedupe_window: u32,

    /// How many turbines' state is kept; beyond that the one that was silent longest is forgotten.
    #[arg(long, env = "MAX_TURBINES", default_value = "10000")]
    pub max_turbines: NonZeroUsize,
}

/// Limits of one client, and of all.
#[derive(Debug, Clone, Args)]
pub struct Limits {
    /// Largest body, such as 1MiB; of newline-delimited JSON, the longest line.
    #[arg(long, env = "MAX_BODY_BYTES", default_value = "1MiB", value_parser = byte_size)]
    pub max_body_bytes: ByteSize,

    /// Longest time for the head of a request to arrive, for a connection to be idle, and for a client to take nothing of
    /// its answer.
    #[arg(long, env = "HEADER_TIMEOUT", default_value = "30s", value_parser = duration)]
    pub header_timeout: Duration,

    /// Longest time for a body to arrive; of newline-delimited JSON, for its next part.
    #[arg(long, env = "BODY_TIMEOUT", default_value = "10s", value_parser = duration)]
    pub body_timeout: Duration,

    /// Longest time from the arrived body to the answer; then 503. Below the sender's 3 s, so that the sender hears it.
    #[arg(long, env = "REQUEST_TIMEOUT", default_value = "2s", value_parser = duration)]
    pub request_timeout: Duration,

    /// Longest time for accepted requests to finish after SIGTERM or Ctrl-C.
    #[arg(long, env = "DRAIN_TIMEOUT", default_value = "10s", value_parser = duration)]
    pub drain_timeout: Duration,

    /// Most open connections; more wait to be accepted.
    #[arg(long, env = "MAX_CONNECTIONS", default_value = "16384")]
    pub max_connections: NonZeroUsize,

    /// Most requests in flight; more are answered 503.
    #[arg(long, env = "MAX_IN_FLIGHT", default_value = "4096")]
    pub max_in_flight: NonZeroU64,

    /// Most memory for the bodies of all requests and answers together; what does not fit is answered 503.
    #[arg(long, env = "MAX_MEMORY", default_value = "64MiB", value_parser = byte_size)]
    pub max_memory: ByteSize,
}

/// Reads a number of bytes: `1048576`, `1024KiB`, `1MiB`, `1GB`.
fn byte_size(text: &str) -> Result<ByteSize, String> {
    let remedy = |_| format!("{text:?} is not a size; write a number of bytes, or one with KiB, MiB or GiB");
    text.trim().parse().map_err(remedy)
}

/// Reads a length of time: `500ms`, `10s`, `15m`, `24h`, `30d`; a bare number is seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let seconds = text.trim().parse().map(Duration::from_secs);
    seconds
        .or_else(|_| humantime::parse_duration(text))
        .map_err(|_| format!("{text:?} is not a length of time; write a number with ms, s, m, h or d"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Config::command().debug_assert();
    }

    #[test]
    fn quantities_are_read_with_their_units() {
        for (text, bytes) in [("1MiB", 1 << 20), ("512", 512), ("0", 0), ("2 KiB", 2 << 10), ("8kib", 8 << 10)] {
            assert_eq!(byte_size(text), Ok(ByteSize(bytes)), "{text}");
        }
        for (text, milliseconds) in
            [("500ms", 500), ("10s", 10_000), ("10", 10_000), ("0", 0), ("24h", 86_400_000), ("30d", 30 * 86_400_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for bad in ["", "x", "-1", "1 fortnight", "18446744073709551616d"] {
            assert!(duration(bad).is_err() && byte_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_wrong_value_is_refused_with_the_flag_the_value_and_the_remedy() {
        let text = Config::try_parse_from(["api", "--log-max-age", "soon"]).unwrap_err().to_string();
        assert!(
            text.contains("--log-max-age") && text.contains("\"soon\"") && text.contains("ms, s, m, h or d"),
            "{text}"
        );
    }
}
