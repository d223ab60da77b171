//! Flags and environment variables. The doc comments are the help text.

use super::bucket::Bucket;
use super::survey::Selection;
use anyhow::bail;
use clap::Parser;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use privileges::RunAsOwner;
use std::path::PathBuf;
use turbine_core::feature::FeatureSet;
use turbine_core::reading::TurbineId;
use turbine_core::time::{read_alone, read_epoch};

/// The default model file of training.
const DEFAULT_MODEL: &str = "models/turbine_iforest.json";

const EXAMPLES: &str = "\
Examples:
  viz
  viz --turbine WT-03 --from 2026-03-01T00:00:00Z --to 2026-03-08T00:00:00Z
  viz --outputs outputs/mine --model models/mine.json --features bearing_temp,vibration --bucket 1h";

const READ: &str = "What to read";
const DRAW: &str = "What to draw";

/// Draws the prediction log: how often each sensor is far from normal, the readings flagged as anomalies, the readings as
/// a bubble chart, and each turbine's smoothed surprisal and alarms over time
#[derive(Debug, Clone, Parser)]
#[command(name = "viz", version, after_help = EXAMPLES)]
pub struct Args {
    /// Prediction log; its rotated parts are read too [default: predictions_log.csv in --outputs]
    #[arg(long, help_heading = READ, value_name = "FILE")]
    pub log: Option<PathBuf>,

    /// Model whose training readings define normal, and whose alarm threshold is drawn if it scored the newest readings
    /// [default: models/turbine_iforest.json if it exists; without a model, the readings predicted normal define normal]
    #[arg(long, help_heading = READ, env = "MODEL_PATH", value_name = "FILE")]
    pub model: Option<PathBuf>,

    /// Folder for the pictures; created if missing
    #[arg(long, help_heading = DRAW, env = "OUTPUTS_DIR", value_name = "FOLDER", default_value = "outputs")]
    pub outputs: PathBuf,

    /// Turbines to draw [default: all]
    #[arg(long, help_heading = DRAW, value_name = "A,B", value_delimiter = ',', value_parser = turbine)]
    pub turbine: Vec<TurbineId>,

    /// Features to draw, in this order; the bubble chart has the first three [default: all]
    #[arg(long, help_heading = DRAW, value_name = "A,B,C", value_delimiter = ',')]
    pub features: Vec<String>,

    /// Draw readings from this time on, such as 2026-03-01 or 2026-03-01T12:00:00Z
    #[arg(long, help_heading = DRAW, value_name = "TIME", value_parser = time)]
    pub from: Option<Timestamp>,

    /// Draw readings before this time
    #[arg(long, help_heading = DRAW, value_name = "TIME", value_parser = time)]
    pub to: Option<Timestamp>,

    /// Width of a bucket, such as 30s, 5m, 1h or 1d [default: 5m, wider if the log is longer than a day]
    #[arg(long, help_heading = DRAW, value_name = "WIDTH")]
    pub bucket: Option<Bucket>,

    /// The user to run as.
    #[command(flatten)]
    pub run_as: RunAsOwner,
}

fn turbine(text: &str) -> Result<TurbineId, String> {
    text.trim().parse().map_err(|_| "a turbine is named by letters, digits, '.', '_' and '-'".to_owned())
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

    /// The readings to draw.
    pub(super) fn selection(&self) -> anyhow::Result<Selection> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            bail!("--from {from} is not before --to {to}; swap them");
        }
        Ok(Selection { from: self.from, to: self.to, turbines: self.turbine.clone() })
    }

    /// The places of the features to draw among those of the log.
    pub(super) fn shown(&self, features: &FeatureSet) -> anyhow::Result<Vec<usize>> {
        if self.features.is_empty() {
            return Ok((0..features.len()).collect());
        }
        let mut shown = Vec::new();
        for name in self.features.iter().map(|name| name.trim()) {
            let Some(place) = features.names().position(|known| known == name) else {
                let known: Vec<&str> = features.names().collect();
                bail!("--features names {name:?}, but the log has {}: name some of those", known.join(", "));
            };
            if !shown.contains(&place) {
                shown.push(place);
            }
        }
        Ok(shown)
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
    fn features_are_found_among_those_of_the_log() {
        let set = FeatureSet::from_names(["a", "b", "c"]).unwrap();
        let shown = |line: &[&str]| Args::try_parse_from(line).unwrap().shown(&set);
        assert_eq!(shown(&["viz"]).unwrap(), [0, 1, 2]);
        assert_eq!(shown(&["viz", "--features", "c, a,c"]).unwrap(), [2, 0]);
        let error = shown(&["viz", "--features", "a,d"]).unwrap_err().to_string();
        assert_eq!(error, "--features names \"d\", but the log has a, b, c: name some of those");
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
        let error = Args::try_parse_from(line).unwrap().selection().unwrap_err().to_string();
        assert!(error.contains("--from 2026-03-02T00:00:00Z") && error.contains("swap"), "{error}");
    }
}
