//! Flags and environment variables. The doc comments are the help text.

use super::bucket::Bucket;
use super::survey::Period;
use anyhow::bail;
use clap::Parser;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use privileges::RunAsOwner;
use std::path::PathBuf;
use turbine_core::time::{read_alone, read_epoch};

/// The default model file of training.
const DEFAULT_MODEL: &str = "models/turbine_iforest.json";

/// Draws the prediction log: anomalies over time per feature, predicted anomalies over time, the readings as a bubble
/// chart, and each turbine's smoothed surprisal and alarms over time.
#[derive(Debug, Clone, Parser)]
#[command(name = "viz", version)]
pub struct Args {
    /// Prediction log; its rotated parts are read too [default: predictions_log.csv in --outputs]
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,

    /// Folder for the pictures; created if missing
    #[arg(long, env = "OUTPUTS_DIR", value_name = "FOLDER", default_value = "outputs")]
    pub outputs: PathBuf,

    /// Model whose training readings define normal, and whose alarm threshold is drawn if it scored the newest readings. Without a model for the log's features, the logged readings predicted
    /// normal do [default: models/turbine_iforest.json if it exists]
    #[arg(long, env = "MODEL_PATH", value_name = "FILE")]
    pub model: Option<PathBuf>,

    /// Width of a bucket, such as 30s, 5m, 1h or 1d [default: 5m, wider if the log is longer than a day]
    #[arg(long, value_name = "WIDTH")]
    pub bucket: Option<Bucket>,

    /// Draw readings from this time on, such as 2026-03-01 or 2026-03-01T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub from: Option<Timestamp>,

    /// Draw readings before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub to: Option<Timestamp>,

    /// The user to run as.
    #[command(flatten)]
    pub run_as: RunAsOwner,
}

fn time(text: &str) -> Result<Timestamp, String> {
    let text = text.trim();
    let epoch = || text.parse().ok().and_then(read_epoch);
    read_alone(text, &TimeZone::UTC).or_else(epoch).ok_or_else(|| {
        "a time is written as 2026-03-01, 2026-03-01 12:00 (in UTC), 2026-03-01T12:00:00Z or 2026-03-01T13:00:00+01:00"
            .to_owned()
    })
}

impl Args {
    /// The path of the log.
    pub(super) fn log(&self) -> PathBuf {
        self.log.clone().unwrap_or_else(|| self.outputs.join("predictions_log.csv"))
    }

    pub(super) fn model_or_default(&self) -> PathBuf {
        self.model.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_MODEL))
    }

    pub(super) fn period(&self) -> anyhow::Result<Period> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            bail!("--from {from} is not before --to {to}; swap them");
        }
        Ok(Period { from: self.from, to: self.to })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_definition_is_valid() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_log_defaults_to_the_outputs_folder() {
        let log = |line: &[&str]| Args::try_parse_from(line).unwrap().log();
        assert_eq!(log(&["viz", "--outputs", "o"]), PathBuf::from("o/predictions_log.csv"));
        assert_eq!(log(&["viz", "--outputs", "o", "--log", "l.csv"]), PathBuf::from("l.csv"));
    }

    #[test]
    fn an_invalid_value_is_named_with_the_remedy() {
        // (arguments, parts of the error message)
        for (line, expected) in [
            (["viz", "--from", "yesterday"], ["yesterday", "2026-03-01T12:00:00Z"]),
            (["viz", "--bucket", "0"], ["'0'", "1 second"]),
            (["viz", "--bucket", "5 parsecs"], ["5 parsecs", "30s, 5m"]),
        ] {
            let error = Args::try_parse_from(line).unwrap_err().to_string();
            assert!(expected.iter().all(|part| error.contains(part)), "{error}");
        }
    }

    #[test]
    fn a_period_may_be_given_by_dates() {
        let args = Args::try_parse_from(["viz", "--from", "2025-03-28", "--to", "29.03.2025 12:00"]).unwrap();
        let [from, to] = [args.from, args.to].map(|time| time.unwrap().to_string());
        assert_eq!((from.as_str(), to.as_str()), ("2025-03-28T00:00:00Z", "2025-03-29T12:00:00Z"));
    }

    #[test]
    fn a_period_that_ends_before_its_start_is_refused() {
        let line = ["viz", "--from", "2026-03-02T00:00:00Z", "--to", "2026-03-01T00:00:00Z"];
        let error = Args::try_parse_from(line).unwrap().period().unwrap_err().to_string();
        assert!(error.contains("--from 2026-03-02T00:00:00Z") && error.contains("swap"), "{error}");
    }
}
