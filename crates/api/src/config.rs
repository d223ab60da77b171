//! Every flag and variable of the service. A doc comment here is the help text.

use bytesize::ByteSize;
use clap::builder::Resettable;
use clap::{Arg, Args, Parser, Subcommand};
use cluster::ClusterFlags;
use notify::Link;
use pipeline::lifecycle::RollbackRule;
use pipeline::{LogPolicy, LogSync, Missing};
use privileges::RunAsOwner;
use service::LogFormat;
use service::quantity::{byte_size, duration};
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the model is if none is named.
const DEFAULT_MODEL: &str = "models/turbine_iforest.json";

const EXAMPLES: &str = "\
Examples:
  api
  api --model models/mine.json --outputs outputs/mine --port 5001
  api --host 0.0.0.0 --api-keys-file keys.txt --log-sync fsync --log-max-bytes 512MiB --log-keep 20";

/// Scores turbine readings over HTTP and logs every prediction.
#[derive(Debug, Clone, Parser)]
#[command(version, next_help_heading = "Service", after_help = EXAMPLES)]
#[command(mut_arg("nats", in_front_of), mut_args(with_nats))]
pub struct Config {
    /// What to do; without a command, serve.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Model file. The default one is trained if it does not exist; one that is named must exist.
    #[arg(long, env = "MODEL_PATH", value_name = "FILE", default_value = DEFAULT_MODEL)]
    pub model: PathBuf,

    /// How often to look for a new model file and put it into service [without a value: 2s; without the flag: never].
    ///
    /// SIGHUP and POST /model/reload put a new model file into service in any case.
    #[arg(long, env = "WATCH_MODEL", value_name = "INTERVAL", num_args = 0..=1, default_missing_value = "2s", value_parser = duration)]
    pub watch_model: Option<Duration>,

    /// The model to begin with if the default model file does not exist, instead of training one.
    #[arg(long, hide_short_help = true, env = "FIRST_MODEL", value_name = "FILE")]
    pub first_model: Option<PathBuf>,

    /// A second model, and when a promoted one is taken back.
    #[command(flatten)]
    pub lifecycle: LifecycleFlags,

    /// Folder of the prediction log.
    #[arg(long, env = "OUTPUTS_DIR", value_name = "FOLDER", default_value = "outputs")]
    pub outputs: PathBuf,

    /// Address to listen on; 0.0.0.0 for every interface.
    #[arg(long, env = "API_HOST", value_name = "ADDRESS", default_value = "127.0.0.1", global = true)]
    pub host: String,

    /// Port to listen on; 0 for any free one.
    #[arg(long, env = "API_PORT", value_name = "PORT", default_value_t = 5000, global = true)]
    pub port: u16,

    /// How the service's own log lines look.
    #[arg(long, env = "LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t = LogFormat::Auto, global = true)]
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

    /// Whom to tell of alarms.
    #[command(flatten)]
    pub notify: NotifyFlags,

    /// State kept of readings and turbines.
    #[command(flatten)]
    pub memory: Memory,

    /// Limits of one client, and of all.
    #[command(flatten)]
    pub limits: Limits,

    /// The cluster in front of which it is.
    #[command(flatten)]
    pub cluster: ClusterFlags,
}

/// A service is in front of a cluster only if one is named.
fn in_front_of(nats: Arg) -> Arg {
    nats.default_value(Resettable::Reset)
        .help_heading("Service")
        .help("Be in front of this cluster: its nodes")
        .long_help(
            "Be in front of the cluster with these nodes, separated by commas.\n\nIts turbines are shown, and readings are \
             handed to its workers instead of being scored here.",
        )
}

/// The flags beside it are for those who use it.
fn with_nats(flag: Arg) -> Arg {
    let is_beside = ["user", "password_file", "creds", "tls_ca"].contains(&flag.get_id().as_str());
    if is_beside { flag.hide_short_help(true) } else { flag }
}

impl Config {
    /// Whether the model is the one that is served if none is named.
    pub fn model_is_default(&self) -> bool {
        self.model == Path::new(DEFAULT_MODEL)
    }
}

/// What else the program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Ask the service on this host and port whether it is ready; exit code 0 if it is, 1 if not.
    Health,
}

/// Who may call.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Access")]
pub struct Keys {
    /// Key that every request must show, except those to /health* and for the page itself.
    ///
    /// It is shown as `Authorization: Bearer KEY` or `X-API-Key: KEY`.
    #[arg(long, env = "API_KEY", value_name = "KEY", hide_env_values = true)]
    pub api_key: Option<String>,

    /// File with further keys, one a line.
    ///
    /// Blank lines and lines that begin with # are skipped.
    #[arg(long, env = "API_KEYS_FILE", value_name = "FILE")]
    pub api_keys_file: Option<PathBuf>,
}

impl Keys {
    /// Whether callers need a key.
    pub fn are_given(&self) -> bool {
        self.api_key.is_some() || self.api_keys_file.is_some()
    }
}

/// A second model, and when a promoted one is taken back.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Service")]
pub struct LifecycleFlags {
    /// A model that scores the same readings, for comparison.
    ///
    /// It answers none, and must read the same features. GET /models, /metrics and the page compare it with the model in service;
    /// POST /model/promote puts it into service.
    #[arg(long, env = "SHADOW_MODEL", value_name = "FILE")]
    pub shadow: Option<PathBuf>,

    /// When a promoted model is taken back by itself, such as "alarm_rate > 5x" [default: never].
    ///
    /// The model before goes on scoring the same readings. alarm_rate = the promoted one raised three alarms or more, and
    /// more than so many times as many; anomaly_rate = 50 anomalies or more, and more than so many times as many.
    #[arg(long, hide_short_help = true, env = "ROLLBACK_IF", value_name = "RULE")]
    pub rollback_if: Option<RollbackRule>,

    /// For how long after a promotion --rollback-if holds.
    #[arg(long, hide_short_help = true, env = "ROLLBACK_WITHIN", value_name = "TIME", default_value = "1h", value_parser = duration)]
    pub rollback_within: Duration,
}

/// The prediction log.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Prediction log")]
pub struct LogFlags {
    /// What the row of an answered prediction survives.
    ///
    /// none = it is written within 100 ms of the answer and may be lost; write = it survives the death of the process;
    /// fsync = it survives power loss.
    #[arg(long, env = "LOG_SYNC", value_name = "PROMISE", value_enum, default_value_t = LogSync::Write)]
    pub log_sync: LogSync,

    /// What happens to a prediction that cannot be logged.
    ///
    /// required = it is refused with 503; best-effort = it is answered, and counted as not logged.
    #[arg(long, env = "LOG_POLICY", value_name = "POLICY", value_enum, default_value_t = LogPolicy::Required)]
    pub log_policy: LogPolicy,

    /// Begin a new log file at this size, such as 512MiB; 0 = never.
    #[arg(long, env = "LOG_MAX_BYTES", value_name = "SIZE", default_value = "0", value_parser = byte_size)]
    pub log_max_bytes: ByteSize,

    /// Begin a new log file at this age, such as 24h or 30d; 0 = never.
    #[arg(long, env = "LOG_MAX_AGE", value_name = "TIME", default_value = "0", value_parser = duration)]
    pub log_max_age: Duration,

    /// How many full log files to keep; 0 = all.
    #[arg(long, env = "LOG_KEEP", value_name = "N", default_value_t = 0)]
    pub log_keep: usize,

    /// Most bytes of rows that may wait for the disk; more readings are refused.
    #[arg(long, hide_short_help = true, env = "LOG_QUEUE_BYTES", value_name = "SIZE", default_value = "8MiB", value_parser = byte_size)]
    pub log_queue_bytes: ByteSize,
}

/// Whom to tell of alarms.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Notifications")]
pub struct NotifyFlags {
    /// Receiver of alarms: https://... or alertmanager+http://HOST:9093.
    ///
    /// May be repeated; the variable separates several with commas. Webhooks get JSON with a text, Alertmanagers alerts, by
    /// http or https. A user, a password, a path or a query in the URL are never shown.
    #[arg(long = "notify", env = "NOTIFY", value_name = "URL", value_delimiter = ',', hide_env_values = true)]
    pub receivers: Vec<String>,

    /// Remind of an alarm this often while it is running, such as 4h; 0 = never.
    #[arg(long = "notify-every", hide_short_help = true, env = "NOTIFY_EVERY", value_name = "TIME", default_value = "0", value_parser = duration)]
    pub every: Duration,

    /// Where people reach the page, such as `https://turbines.example.com`; notifications link to it.
    #[arg(long, hide_short_help = true, env = "PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<Link>,
}

/// What is remembered of readings and turbines.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Turbines")]
pub struct Memory {
    /// How many readings are remembered to recognise a repeated one; 0 = none.
    ///
    /// Only readings that name their turbine and their time are remembered, at 115 bytes each. A repeated one is answered as
    /// before and not logged again.
    #[arg(long, hide_short_help = true, env = "DEDUPE_WINDOW", value_name = "N", default_value_t = 262_144, value_parser = clap::value_parser!(u32).range(..=16_777_216))]
    pub dedupe_window: u32,

    /// Most turbines whose state is kept; the longest silent is forgotten first.
    #[arg(long, hide_short_help = true, env = "MAX_TURBINES", value_name = "N", default_value = "10000")]
    pub max_turbines: NonZeroUsize,

    /// Newest readings, of all turbines together, that are compared with the training for drift.
    ///
    /// They should span what is normal in that time: for many turbines, or few readings a day, set it higher. A value takes
    /// two bytes.
    #[arg(long, hide_short_help = true, env = "DRIFT_WINDOW", value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1_000..=20_000))]
    pub drift_window: u32,
}

/// Limits of one client, and of all.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Largest body, such as 1MiB; of newline-delimited JSON, the longest line.
    #[arg(long, env = "MAX_BODY_BYTES", value_name = "SIZE", default_value = "1MiB", value_parser = byte_size)]
    pub max_body_bytes: ByteSize,

    /// Longest time that a connection may stand still.
    ///
    /// It applies to a connection without a request, to the head of a request until it has arrived, and to an answer of
    /// which the client takes nothing. The connection is then closed.
    #[arg(long, hide_short_help = true, env = "HEADER_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub header_timeout: Duration,

    /// Longest time for a body to arrive; of newline-delimited JSON, for its next part.
    #[arg(long, hide_short_help = true, env = "BODY_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub body_timeout: Duration,

    /// Longest time from the arrived body to the answer; then 503.
    ///
    /// The default is below the sender's 3 s, so that the sender receives the answer.
    #[arg(long, hide_short_help = true, env = "REQUEST_TIMEOUT", value_name = "TIME", default_value = "2s", value_parser = duration)]
    pub request_timeout: Duration,

    /// Longest time for accepted requests to finish after SIGTERM or Ctrl-C.
    #[arg(long, hide_short_help = true, env = "DRAIN_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub drain_timeout: Duration,

    /// Most open connections; more wait to be accepted.
    #[arg(long, hide_short_help = true, env = "MAX_CONNECTIONS", value_name = "N", default_value = "16384")]
    pub max_connections: NonZeroUsize,

    /// Most requests in flight; more are answered 503.
    #[arg(long, hide_short_help = true, env = "MAX_IN_FLIGHT", value_name = "N", default_value = "4096")]
    pub max_in_flight: NonZeroU64,

    /// Most event streams (GET /events) at once; more are answered 503.
    #[arg(long, hide_short_help = true, env = "MAX_EVENT_READERS", value_name = "N", default_value = "512")]
    pub max_event_readers: NonZeroUsize,

    /// Most memory for the bodies of all requests and answers together; more is answered 503.
    #[arg(long, env = "MAX_MEMORY", value_name = "SIZE", default_value = "64MiB", value_parser = byte_size)]
    pub max_memory: ByteSize,
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
    fn a_wrong_value_is_refused_with_the_flag_the_value_and_the_remedy() {
        let text = Config::try_parse_from(["api", "--log-max-age", "soon"]).unwrap_err().to_string();
        assert!(
            text.contains("--log-max-age") && text.contains("\"soon\"") && text.contains("ms, s, m, h or d"),
            "{text}"
        );
    }
}
