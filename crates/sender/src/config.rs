//! Flags and environment variables.

use crate::endpoints::Endpoints;
use clap::{Parser, ValueEnum, value_parser};
use reqwest::header::HeaderValue;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use turbine_core::simulation;

/// The most readings a request may carry.
const MOST_IN_A_BATCH: u64 = 10_000;
/// How many readings an NDJSON request carries at most, if nothing else is asked for.
const NDJSON_BATCH: usize = 1_000;

/// Streams simulated or recorded turbine readings at the API, prints a line for each, and sums up at the end.
///
/// Readings are due on a fixed schedule, reading i at start + i · interval; latency counts from the moment a reading is
/// due. Exits with 0 if every reading was answered, with 1 if one was refused or stayed unsent.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub struct Config {
    /// Where readings are posted; the API's other addresses are derived from it
    #[arg(long, env = "API_URL", value_name = "URL", default_value = "http://localhost:5000/predict")]
    pub api_url: Endpoints,

    /// The key the API asks for
    #[arg(
        long,
        env = "API_KEY",
        value_name = "KEY",
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    pub api_key: ApiKey,

    /// How many readings to send; 0 = endless, or the whole file
    #[arg(long, env = "SENDER_COUNT", value_name = "N", default_value_t = 0)]
    pub count: u64,

    /// Seconds from one reading to the next; 0 = as fast as it goes
    #[arg(long, env = "SENDER_INTERVAL_SEC", value_name = "SECONDS", default_value = "0.5", value_parser = interval, allow_negative_numbers = true)]
    pub interval: Duration,

    /// Seconds until a request without an answer is given up
    #[arg(long, env = "SENDER_TIMEOUT_SEC", value_name = "SECONDS", default_value = "3", value_parser = timeout, allow_negative_numbers = true)]
    pub timeout: Duration,

    /// How often a request is tried again when the service is away or overloaded; then its readings count as unsent
    #[arg(long, env = "SENDER_RETRIES", value_name = "N", default_value_t = 8)]
    pub retries: u32,

    /// Share of the simulated readings that are anomalies
    #[arg(long, env = "SENDER_ANOM_RATE", value_name = "RATE", default_value = "0.05", value_parser = rate, allow_negative_numbers = true)]
    pub anom_rate: f64,

    /// What the simulated readings look like
    #[arg(long, env = "SENDER_PROFILE", value_enum, default_value_t = Profile::Stream)]
    pub profile: Profile,

    /// Seed of everything random
    #[arg(long, env = "SENDER_SEED", default_value_t = 42)]
    pub seed: u64,

    /// Stream the rows of a CSV instead of simulating; the columns are those of the model's features
    #[arg(long, env = "SENDER_REPLAY", value_name = "FILE", conflicts_with_all = ["profile", "anom_rate"])]
    pub replay: Option<PathBuf>,

    /// The replayed file's column that says 1 or true for an anomaly
    #[arg(long, env = "SENDER_LABEL", value_name = "COLUMN", requires = "replay")]
    pub label: Option<String>,

    /// The replayed file's column that says when a reading was taken
    #[arg(long, env = "SENDER_TIMESTAMP", value_name = "COLUMN", requires = "replay")]
    pub timestamp: Option<String>,

    /// Send as this many turbines in turn, WT-01, WT-02 …; replayed rows are dealt out to them one by one
    #[arg(long, env = "SENDER_TURBINES", value_name = "N", value_parser = value_parser!(u64).range(1..=10_000))]
    pub turbines: Option<u64>,

    /// Readings a request; it is sent when the last of them is due
    #[arg(long, env = "SENDER_BATCH", value_name = "N", value_parser = value_parser!(u64).range(1..=MOST_IN_A_BATCH))]
    pub batch: Option<u64>,

    /// Send as NDJSON; without --batch, whatever is due goes into one request, at most 1,000 readings
    #[arg(long, env = "SENDER_NDJSON")]
    pub ndjson: bool,

    /// Requests under way at once
    #[arg(long, env = "SENDER_CONCURRENCY", value_name = "N", default_value_t = 1, value_parser = value_parser!(u64).range(1..=1_000))]
    pub concurrency: u64,

    /// Print no line for a reading that was answered
    #[arg(long, short, env = "SENDER_QUIET")]
    pub quiet: bool,
}

/// How many readings a delivery takes, and whether it waits for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliverySize {
    /// At most this many, at least 1.
    pub most: usize,
    /// Whether it waits until there are that many or no more to come.
    pub wait: bool,
}

impl Config {
    /// What a request carries.
    pub fn delivery_size(&self) -> DeliverySize {
        match self.batch {
            Some(n) => DeliverySize { most: usize::try_from(n).unwrap_or(usize::MAX), wait: true },
            None => DeliverySize { most: if self.ndjson { NDJSON_BATCH } else { 1 }, wait: false },
        }
    }

    /// Whether the stream has no end of its own.
    pub fn is_endless(&self) -> bool {
        self.count == 0 && self.replay.is_none()
    }
}

/// Which readings are simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// A turbine a little more humid and louder than the one the default model was trained on
    Stream,
    /// Exactly the turbine the default model was trained on
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

/// The key the API asks for, or none; never shown.
#[derive(Clone, PartialEq)]
pub struct ApiKey(Option<HeaderValue>);

impl ApiKey {
    /// What goes into the `Authorization` header.
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
            .ok_or("a key consists of printable ASCII characters without blanks")?;
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
    text.trim().parse().map_err(|_| "it is no number".to_owned())
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

fn rate(text: &str) -> Result<f64, String> {
    let rate = number(text)?;
    if (0.0..=1.0).contains(&rate) { Ok(rate) } else { Err("it must be 0 to 1".to_owned()) }
}

#[cfg(test)]
mod tests;
