//! Every flag and variable of the worker. A doc comment here is the help text.

use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand};
use cluster::ClusterFlags;
use cluster::mqtt::Address;
use jiff::Timestamp;
use pipeline::Missing;
use service::LogFormat;
use service::quantity::{byte_size, duration};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// The server takes 50 batches of a stream at a time, those of workers that died counting for ten seconds more.
const MOST_PARTITIONS: i64 = 32;

const EXAMPLES: &str = "\
Examples:
  worker setup --replicas 3 --partitions 16
  worker --nats nats://n1:4222,nats://n2:4222,nats://n3:4222 --user worker --password-file password.txt
  worker publish-model models/turbine_iforest.json
  worker export --out outputs/exported";

/// Scores the readings of a NATS JetStream cluster, beside any number of other workers.
#[derive(Debug, Clone, Parser)]
#[command(version, next_help_heading = "Worker", after_help = EXAMPLES)]
pub struct Config {
    /// What to do; without a command, run.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The cluster.
    #[command(flatten)]
    pub cluster: ClusterFlags,

    /// Scoring.
    #[command(flatten)]
    pub run: RunFlags,

    /// How the worker's own log lines look.
    #[arg(long, env = "LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t = LogFormat::Auto, global = true)]
    pub log_format: LogFormat,
}

/// How readings are scored.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Worker")]
pub struct RunFlags {
    /// Model file. All workers must be given the same one.
    #[arg(long, env = "MODEL_PATH", value_name = "FILE", default_value = "models/turbine_iforest.json")]
    pub model: PathBuf,

    /// Take the model that `worker publish-model` published, and each newer one, instead of --model.
    #[arg(long, env = "WORKER_MODEL_STORE", conflicts_with = "model")]
    pub model_store: bool,

    /// What becomes of a reading in which a value is missing or null, as with the API: refuse = it is rejected; carry = the
    /// turbine's last value stands in for it, or what is expected given the others.
    #[arg(long = "missing", env = "MISSING_VALUES", value_enum, default_value_t = Missing::Refuse)]
    pub missing: Missing,

    /// Threads that score [default: one a processor].
    #[arg(long, env = "WORKER_CONCURRENCY", value_name = "N")]
    pub concurrency: Option<NonZeroUsize>,

    /// Address to listen on for /health, /health/ready and /metrics; 0.0.0.0 for every interface.
    #[arg(long, env = "WORKER_HOST", value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: String,

    /// Port to listen on for them; 0 for any free one.
    #[arg(long, env = "WORKER_PORT", value_name = "PORT", default_value_t = 5001)]
    pub port: u16,

    /// Claims all partitions, also those of other workers: a test shows that the records are right all the same.
    #[arg(long, hide = true)]
    pub claim_all: bool,
}

/// What else the program does.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Make the streams of the cluster; of streams that are there, say what differs and change nothing.
    Setup(SetupFlags),
    /// Score readings until SIGTERM.
    Run,
    /// Publish a model: all workers with --model-store score with it from then on.
    PublishModel(PublishFlags),
    /// Write the records of the cluster as a prediction log that viz, train and evaluate read.
    Export(ExportFlags),
}

/// How the streams are made.
#[derive(Debug, Clone, Args)]
pub struct SetupFlags {
    /// Nodes that hold each message: 1, 3 or 5. With 3 any one node may fail.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=5))]
    pub replicas: u8,

    /// Partitions of the park: the most workers that can share the work. At most 32; it can never be changed.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=MOST_PARTITIONS))]
    pub partitions: u32,

    /// Longest time that a reading is kept; 0 = for ever.
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = duration)]
    pub in_max_age: Duration,

    /// Most bytes of readings; then further ones are refused until old ones expire; 0 = no limit.
    #[arg(long, value_name = "SIZE", default_value = "0", value_parser = byte_size)]
    pub in_max_bytes: ByteSize,

    /// Take the readings of MQTT sensors too, by a durable source. `HOST[:PORT]` is a node's MQTT listener [default: the nodes of
    /// --nats, port 1883].
    #[arg(long, value_name = "HOST[:PORT]", num_args = 0..=1, require_equals = true)]
    pub mqtt: Option<Option<Address>>,

    /// Time to retry while the cluster does not answer, for instance because its nodes are starting.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub wait: Duration,

    /// Keep the streams in memory: faster, and gone when all nodes stop.
    #[arg(long)]
    pub in_memory: bool,
}

/// The model to publish.
#[derive(Debug, Clone, Args)]
pub struct PublishFlags {
    /// Model file, of the features that the park was scored with.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Range and destination of an export.
#[derive(Debug, Clone, Args)]
pub struct ExportFlags {
    /// Folder for the log; there must be no prediction log in it yet.
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,

    /// Leave out readings before this time, such as 2026-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub from: Option<Timestamp>,

    /// Leave out readings from this time on.
    #[arg(long, value_name = "TIME")]
    pub to: Option<Timestamp>,
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
    fn a_user_needs_a_password_and_flags_may_follow_the_command() {
        let refused = Config::try_parse_from(["worker", "--user", "worker"]).unwrap_err().to_string();
        assert!(refused.contains("--password-file"), "{refused}");
        let config = Config::parse_from(["worker", "setup", "--replicas", "1", "--nats", "nats://a,nats://b:4223"]);
        assert_eq!(config.cluster.nats, ["nats://a", "nats://b:4223"]);
        assert!(matches!(config.command, Some(Command::Setup(SetupFlags { replicas: 1, partitions: 16, .. }))));
    }

    #[test]
    fn mqtt_may_name_a_listener() {
        let mqtt = |flags: &[&str]| match Config::parse_from([&["worker", "setup"], flags].concat()).command {
            Some(Command::Setup(SetupFlags { mqtt, .. })) => mqtt.map(|listener| listener.map(|a| a.to_string())),
            other => panic!("{other:?}"),
        };
        assert_eq!(mqtt(&[]), None);
        assert_eq!(mqtt(&["--mqtt", "--replicas", "1"]), Some(None));
        assert_eq!(mqtt(&["--mqtt=n2:1884"]), Some(Some("mqtt://n2:1884".to_owned())));
    }
}
