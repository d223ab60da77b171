//! Flags and environment variables.

use crate::destination::Destination;
use crate::endpoints::Endpoints;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, ValueEnum, value_parser};
use cluster::LoginFlags;
use intake::FormArgs;
use reqwest::header::HeaderValue;
use std::fmt;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;
use turbine_core::dataset::Request;
use turbine_core::feature::FeatureSet;
use turbine_core::simulation;

/// Maximum number of readings per request.
const MAX_BATCH: u64 = 10_000;
const MAX_TURBINES: u64 = 10_000;
const MAX_CONCURRENCY: u64 = 1_000;
/// Maximum number of readings per NDJSON request without `--batch`.
const NDJSON_BATCH: usize = 1_000;

const SERVICE: &str = "Service";
const STREAM: &str = "Stream";
const SIMULATION: &str = "Simulated turbines";
const REPLAY: &str = "Recorded turbines";
const OUTPUT: &str = "Output";

const EXAMPLES: &str = "\
Examples:
  sender --count 20 --interval 0.1
  sender --count 5000 --interval 0 --turbines 5 --scenario drift --quiet
  sender --api-url http://localhost:5001/predict --replay my-turbine.csv --label fault --interval 0
  sender --to mqtt://n1,n2 --user sensor --password-file password.txt --turbines 5";

/// Streams simulated or recorded turbine readings to the API, prints a line for each, and a summary at the end.
///
/// Readings are due on a fixed schedule, reading i at start + i · interval, and latency counts from the due moment. Each
/// reading carries a turbine and a time, so that the service recognises a retried one and logs it once. Exit code: 0 if
/// every reading was answered or is kept in the spool, 1 if one was refused or stayed unsent.
#[derive(Debug, Clone, Parser)]
#[command(version, after_help = EXAMPLES)]
pub struct Config {
    /// URL of /predict; the API's other URLs are derived from it
    #[arg(long, env = "API_URL", help_heading = SERVICE, value_name = "URL", default_value = "http://localhost:5000/predict")]
    pub api_url: Endpoints,

    /// A NATS JetStream cluster instead, `nats://HOST[:PORT][,…]`, or its MQTT listeners, `mqtt://HOST[:PORT][,…]`
    #[arg(long, env = "SENDER_TO", help_heading = SERVICE, value_name = "ADDRESS", default_value = "", hide_default_value = true)]
    pub to: Destination,

    /// API key, if the service requires one
    #[arg(
        long,
        env = "API_KEY", help_heading = SERVICE,
        value_name = "KEY",
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    pub api_key: ApiKey,

    /// As whom to speak to a cluster.
    #[command(flatten)]
    pub login: LoginFlags,

    /// Number of readings to send; 0 = endless, or the whole file
    #[arg(long, env = "SENDER_COUNT", help_heading = STREAM, value_name = "N", default_value_t = 0)]
    pub count: u64,

    /// Seconds between readings; 0 = as fast as possible
    ///
    /// With --follow it is 0 unless given
    #[arg(long, env = "SENDER_INTERVAL_SEC", help_heading = STREAM, value_name = "SECONDS", default_value = "0.5", default_value_if("follow", "true", "0"), value_parser = interval, allow_negative_numbers = true)]
    pub interval: Duration,

    /// Seconds to wait for an answer before a request counts as failed
    #[arg(long, hide_short_help = true, env = "SENDER_TIMEOUT_SEC", help_heading = SERVICE, value_name = "SECONDS", default_value = "3", value_parser = timeout, allow_negative_numbers = true)]
    pub timeout: Duration,

    /// Retries of a request when the service is unreachable or overloaded; after them its readings count as unsent
    ///
    /// With --spool or --follow an unreachable service is tried without end
    #[arg(long, hide_short_help = true, env = "SENDER_RETRIES", help_heading = SERVICE, value_name = "N", default_value_t = 8)]
    pub retries: u32,

    /// Share of the simulated readings that are point anomalies; with --scenario, outside its events
    #[arg(long, env = "SENDER_ANOM_RATE", help_heading = SIMULATION, value_name = "RATE", default_value = "0.05", value_parser = rate, allow_negative_numbers = true)]
    pub anom_rate: f64,

    /// Distribution of the simulated readings
    #[arg(long, hide_short_help = true, env = "SENDER_PROFILE", help_heading = SIMULATION, value_enum, default_value_t = Profile::Stream)]
    pub profile: Profile,

    /// Events in the stream of each turbine, again and again with normal running between
    ///
    /// The summary says how many of them the service's alarms found
    #[arg(long, env = "SENDER_SCENARIO", help_heading = SIMULATION, value_enum)]
    pub scenario: Option<Scenario>,

    /// Random seed
    #[arg(long, env = "SENDER_SEED", help_heading = SIMULATION, default_value_t = 42)]
    pub seed: u64,

    /// Stream the rows of a CSV or Parquet file instead of simulating
    ///
    /// A file, a folder, a pattern such as "2025-*.csv", or - for standard input; CSV in any dialect, compressed or not. A
    /// column for each feature of the model is needed
    #[arg(long, env = "SENDER_REPLAY", help_heading = REPLAY, value_name = "FILE", conflicts_with_all = ["profile", "anom_rate", "scenario"])]
    pub replay: Option<PathBuf>,

    /// Column of the replayed file that labels faults: 1, true, yes or fault, other words with --fault
    ///
    /// Labelled rows without a normal one between are one event
    #[arg(long, env = "SENDER_LABEL", help_heading = REPLAY, value_name = "COLUMN", requires = "replay")]
    pub label: Option<String>,

    /// Column of the replayed file with the time of each reading [default: found by its content]
    ///
    /// Without such a column, readings carry the time at which they are sent
    #[arg(long, env = "SENDER_TIMESTAMP", help_heading = REPLAY, value_name = "COLUMN", requires = "replay")]
    pub timestamp: Option<String>,

    /// Go on with the rows that are appended to the replayed file, as `tail -F` does
    ///
    /// Also when it is rotated or truncated
    #[arg(long, env = "SENDER_FOLLOW", help_heading = REPLAY, requires_if("true", "replay"))]
    pub follow: bool,

    /// Keep readings in this file until they are answered
    ///
    /// They are sent in order when the service is back, also after a restart of the sender. Without it, a replay of one file
    /// remembers the row it reached, in .NAME.HOST-PORT.resume beside the file
    #[arg(long, env = "SENDER_SPOOL", help_heading = STREAM, value_name = "FILE")]
    pub spool: Option<PathBuf>,

    /// Column of the replayed file that names the turbine of each reading
    #[arg(long, help_heading = REPLAY, value_name = "COLUMN", requires = "replay", conflicts_with = "turbines")]
    pub turbine: Option<String>,

    /// Columns of the replayed file that are not looked at, such as one of times
    #[arg(long, hide_short_help = true, help_heading = REPLAY, value_name = "A,B,C", value_delimiter = ',', requires = "replay", value_parser = intake::column)]
    pub exclude: Vec<String>,

    /// How the replayed file is written.
    #[command(flatten)]
    pub form: FormArgs,

    /// Number of turbines, WT-01, WT-02 …, to which the readings belong in turn
    #[arg(long, env = "SENDER_TURBINES", help_heading = STREAM, value_name = "N", default_value = "1", value_parser = turbines)]
    pub turbines: NonZeroU64,

    /// Readings per request; it is sent when the last of them is due
    #[arg(long, hide_short_help = true, env = "SENDER_BATCH", help_heading = STREAM, value_name = "N", value_parser = value_parser!(u64).range(1..=MAX_BATCH))]
    pub batch: Option<u64>,

    /// Send newline-delimited JSON
    ///
    /// Without --batch, a request holds all readings that are due, at most 1,000
    #[arg(long, hide_short_help = true, env = "SENDER_NDJSON", help_heading = STREAM)]
    pub ndjson: bool,

    /// Maximum number of requests in flight [default: 1; with --to as many as turbines, up to 1,000]
    #[arg(long, hide_short_help = true, env = "SENDER_CONCURRENCY", help_heading = STREAM, value_name = "N", value_parser = value_parser!(u64).range(1..=MAX_CONCURRENCY))]
    pub concurrency: Option<u64>,

    /// Print no line for answered readings
    #[arg(long, short, env = "SENDER_QUIET", help_heading = OUTPUT)]
    pub quiet: bool,
}

/// The size of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliverySize {
    /// Maximum number of readings, at least 1.
    pub max: usize,
    /// Whether it waits until it is full or the stream has ended.
    pub wait: bool,
}

impl Config {
    /// The size of a request.
    pub fn delivery_size(&self) -> DeliverySize {
        match self.batch {
            Some(n) => DeliverySize { max: usize::try_from(n).unwrap_or(usize::MAX), wait: true },
            None => DeliverySize { max: if self.ndjson { NDJSON_BATCH } else { 1 }, wait: false },
        }
    }

    /// Maximum number of requests in flight.
    pub fn requests_in_flight(&self) -> usize {
        let turbines = if self.to.is_cluster() { self.turbines.get().min(MAX_CONCURRENCY) } else { 1 };
        usize::try_from(self.concurrency.unwrap_or(turbines)).unwrap_or(usize::MAX)
    }

    /// Checks combinations of flags.
    ///
    /// # Errors
    /// If they contradict each other; [`clap::Error::exit`] says so as for any flag.
    pub fn check(&self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let is_said = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let contradiction = match &self.to {
            Destination::Api => None,
            _ if self.ndjson => Some("--to sends one reading a message; leave out --ndjson"),
            _ if self.batch.is_some() => Some("--to sends one reading a message; leave out --batch"),
            // In a container the variables of both may be set.
            _ if is_said("to") && is_said("api_url") => Some("--to and --api-url name two destinations; leave one out"),
            Destination::Mqtt(_) if self.login.creds.is_some() || self.login.tls_ca.is_some() => {
                Some("--creds and --tls-ca are for nats://; over mqtt:// log in with --user and --password-file")
            }
            _ => None,
        };
        match contradiction {
            Some(problem) => Err(Config::command().error(ErrorKind::ArgumentConflict, problem)),
            None => Ok(()),
        }
    }

    /// Reads the command line and the environment, and exits with a message if they cannot be used.
    pub fn read() -> Self {
        let matches = Config::command().get_matches();
        let config = Config::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        config.check(&matches).unwrap_or_else(|error| error.exit());
        config
    }

    /// Whether an unreachable service is tried without end: nothing is lost meanwhile.
    pub fn waits_for_service(&self) -> bool {
        self.spool.is_some() || self.follow
    }

    /// What is wanted of the file to replay.
    pub fn request(&self, features: &FeatureSet) -> Request {
        Request {
            features: Some(features.clone()),
            exclude: self.exclude.clone(),
            label: self.label.clone(),
            timestamp: self.timestamp.clone(),
            turbine: self.turbine.clone(),
            ..self.form.request()
        }
    }

    /// Whether the stream runs until it is stopped.
    pub fn is_endless(&self) -> bool {
        self.count == 0 && (self.replay.is_none() || self.follow)
    }
}

/// The distribution of the simulated readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// A turbine slightly more humid and louder than in the default model's training data
    Stream,
    /// The turbine of the default model's training data
    Training,
}

impl From<Profile> for simulation::Profile {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Stream => simulation::Profile::Stream,
            Profile::Training => simulation::Profile::Training,
        }
    }
}

/// What happens to the simulated turbines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// A few readings are far out
    Spike,
    /// One sensor slowly leaves its normal range and comes back
    Drift,
    /// One sensor repeats its last value
    Stuck,
    /// One sensor's noise grows
    Noise,
    /// No readings for a while
    Dropout,
    /// A normal daily cycle and no fault: any alarm is false
    Daily,
}

impl From<Scenario> for simulation::Scenario {
    fn from(scenario: Scenario) -> Self {
        match scenario {
            Scenario::Spike => simulation::Scenario::Spike,
            Scenario::Drift => simulation::Scenario::Drift,
            Scenario::Stuck => simulation::Scenario::Stuck,
            Scenario::Noise => simulation::Scenario::Noise,
            Scenario::Dropout => simulation::Scenario::Dropout,
            Scenario::Daily => simulation::Scenario::Daily,
        }
    }
}

/// The API key, or none; never printed.
#[derive(Clone, PartialEq)]
pub struct ApiKey(Option<HeaderValue>);

impl ApiKey {
    /// The value of the `Authorization` header.
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.0.as_ref()
    }
}

impl std::str::FromStr for ApiKey {
    type Err = &'static str;

    fn from_str(key: &str) -> Result<Self, Self::Err> {
        let key = key.trim();
        if key.is_empty() {
            return Ok(ApiKey(None));
        }
        let mut value = HeaderValue::try_from(format!("Bearer {key}"))
            .ok()
            .filter(|_| key.chars().all(|c| c.is_ascii_graphic()))
            .ok_or("a key must consist of printable ASCII characters without spaces")?;
        value.set_sensitive(true);
        Ok(ApiKey(Some(value)))
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "ApiKey(set)" } else { "ApiKey(none)" })
    }
}

fn number(text: &str) -> Result<f64, String> {
    text.trim().parse().map_err(|_| "it is not a number".to_owned())
}

fn interval(text: &str) -> Result<Duration, String> {
    let seconds = number(text)?;
    if (0.0..=86_400.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("it must be 0 to 86400 seconds".to_owned())
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    let seconds = number(text)?;
    if (0.001..=3_600.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("it must be 0.001 to 3600 seconds".to_owned())
    }
}

fn turbines(text: &str) -> Result<NonZeroU64, String> {
    let turbines = text.trim().parse().ok().filter(|turbines: &NonZeroU64| turbines.get() <= MAX_TURBINES);
    turbines.ok_or_else(|| format!("it must be 1 to {MAX_TURBINES}"))
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = number(text)?;
    if (0.0..=1.0).contains(&rate) { Ok(rate) } else { Err("it must be 0 to 1".to_owned()) }
}

#[cfg(test)]
mod tests;
