//! Flags and environment variables. The doc comments are the help text.

use anyhow::{Context, bail};
use clap::{Parser, ValueEnum};
use intake::{FormArgs, column, range};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use privileges::RunAsOwner;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use turbine_core::dataset::Request;
use turbine_core::detector::DetectorKind;
use turbine_core::feature::{FeatureSet, Range};
use turbine_core::forest::ForestParams;
use turbine_core::monitor::{AlarmTarget, DEFAULT_SPAN, MOST_SPAN, Sensitivity};
use turbine_core::threshold::{ThresholdMethod, check_contamination};
use turbine_core::time::read_alone;
use turbine_core::training::TrainingParams;

const DATA: &str = "Data";
const DETECTOR: &str = "Detector";
const ALARMS: &str = "Alarms";
const OUTPUT: &str = "Output";

const EXAMPLES: &str = "\
Examples:
  train
  train --data my-turbine.csv --label fault --model models/mine.json --outputs outputs/mine
  train --data exports/2025 --turbine unit --false-alarms-per-day 0.5 --model models/park.json
  train --from-log outputs --exclude-alarms --model models/candidate.json --outputs outputs/candidate
  train --import models/exported.json --data normal.csv --model models/mine.json";

/// Trains a detector on simulated readings or those of a plant's export, and draws its evaluation.
#[derive(Debug, Clone, Parser)]
#[command(name = "train", version, allow_negative_numbers = true, next_help_heading = DATA, after_help = EXAMPLES)]
pub struct Args {
    /// Recording to train on: CSV or Parquet [default: 9,800 simulated readings of the default turbine]
    ///
    /// Files, a folder, a pattern such as "2025-*.csv", or - for standard input; CSV in any dialect, compressed or not
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub data: Vec<PathBuf>,

    /// Prediction log to train on instead: a folder of outputs, or a file
    ///
    /// All turbines and rotated parts of the log, each row at its own time
    #[arg(long, value_name = "FOLDER", conflicts_with = "data")]
    pub from_log: Option<PathBuf>,

    /// Leave out logged rows during alarms, except alarms that were marked as false
    #[arg(long, hide_short_help = true, requires = "from_log")]
    pub exclude_alarms: bool,

    /// Leave out logged rows from this time on, such as 2026-05-01; without an offset, UTC
    #[arg(long, hide_short_help = true, requires = "from_log", value_name = "TIME", value_parser = time)]
    pub until: Option<Timestamp>,

    /// Feature columns, in order [default: every column of measurements]
    #[arg(long, value_name = "A,B,C", value_delimiter = ',', requires = "data", value_parser = column)]
    pub features: Option<Vec<String>>,

    /// Columns to leave out
    #[arg(long, value_name = "A,B,C", value_delimiter = ',', requires = "data", value_parser = column)]
    pub exclude: Vec<String>,

    /// Range that a sensor can report, such as temp=-40..150; may be repeated
    ///
    /// It is written into the model: rows outside are left out here and refused by the service
    #[arg(long, value_name = "COLUMN=MIN..MAX", value_parser = range, allow_hyphen_values = true)]
    pub range: Vec<(String, Range)>,

    /// Label column: 1, true, yes or fault for a fault, 0, false, no or OK for a normal reading; other words with --fault
    ///
    /// Rows labelled as faults are used for the evaluation only: the model is fitted to the others
    #[arg(long, value_name = "COLUMN", requires = "data", value_parser = column)]
    pub label: Option<String>,

    /// Column with the time of each reading [default: found by its content]
    ///
    /// With times, readings are smoothed and evaluated in their order. Without, the typical interval between readings is
    /// unknown: a silent turbine is not reported, and the rate of false alarms is not known. --exclude leaves a column of
    /// times out
    #[arg(long, value_name = "COLUMN", requires = "data", value_parser = column)]
    pub timestamp: Option<String>,

    /// Column that names the turbine of each reading [default: all rows are of one turbine]
    ///
    /// For the file of a fleet: one model learns from all of them, and the time of each goes by itself
    #[arg(long, value_name = "COLUMN", requires = "data", value_parser = column)]
    pub turbine: Option<String>,

    /// How the data is written.
    #[command(flatten)]
    pub form: FormArgs,

    /// Detector [default: forest for the simulated turbine, forest+neighbours with --data]
    #[arg(long, help_heading = DETECTOR, value_enum)]
    pub detector: Option<DetectorArg>,

    /// How readily alarms are raised [default: quiet for the simulated turbine, balanced with --data]
    #[arg(long, help_heading = ALARMS, value_enum, conflicts_with = "false_alarms_per_day")]
    pub sensitivity: Option<SensitivityArg>,

    /// False alarms per day and turbine to set the alarm to, instead of --sensitivity
    ///
    /// Above 0; with --data it needs times
    #[arg(long, help_heading = ALARMS, value_name = "RATE", value_parser = rate)]
    pub false_alarms_per_day: Option<f64>,

    /// Number of readings over which surprisals are smoothed before an alarm is raised; 1 = no smoothing
    #[arg(long, help_heading = ALARMS, value_name = "SPAN", default_value_t = DEFAULT_SPAN, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_SPAN)))]
    pub smoothing: u32,

    /// Share of the training readings to flag, above 0 and at most 0.5
    #[arg(long, help_heading = DETECTOR, value_name = "SHARE", default_value_t = 0.05, value_parser = share)]
    pub contamination: f64,

    /// Number of trees
    #[arg(long, help_heading = DETECTOR, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub n_estimators: u32,

    /// Number of readings per tree
    #[arg(long, help_heading = DETECTOR, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(2..=i64::from(i32::MAX)))]
    pub sample_size: u32,

    /// Number of features per split, less one: 0 = classic isolation forest
    ///
    /// The number of features less one is a fully extended forest. Above 0 it needs --detector forest
    #[arg(long, hide_short_help = true, help_heading = DETECTOR, value_name = "N", default_value_t = 0)]
    pub extension_level: u32,

    /// How the threshold of a single reading is chosen
    #[arg(long, help_heading = DETECTOR, value_enum, default_value_t = ThresholdArg::Contamination)]
    pub threshold: ThresholdArg,

    /// Random seed: the same seed and data give the same model file
    #[arg(long, help_heading = DETECTOR, default_value_t = 42)]
    pub seed: u64,

    /// Number of threads, 0 = one per core; the model does not depend on it
    #[arg(long, hide_short_help = true, help_heading = DETECTOR, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1024))]
    pub threads: u16,

    /// Forest of scikit-learn's to calibrate by the normal readings of --data, instead of training
    ///
    /// The file is written by interop/export_sklearn.py. Calibrated, the model raises alarms; its scores and its threshold
    /// stay as they are. Use readings that the forest was not fitted to, else false alarms are more frequent than expected
    #[arg(long, help_heading = DETECTOR, value_name = "FILE", requires = "data", conflicts_with_all = TRAINING_ONLY)]
    pub import: Option<PathBuf>,

    /// Model file to write
    #[arg(long, help_heading = OUTPUT, env = "MODEL_PATH", value_name = "FILE", default_value = "models/turbine_iforest.json")]
    pub model: PathBuf,

    /// Folder for the table and the pictures; created if missing
    #[arg(long, help_heading = OUTPUT, env = "OUTPUTS_DIR", value_name = "FOLDER", default_value = "outputs")]
    pub outputs: PathBuf,

    /// The user to run as.
    #[command(flatten)]
    pub run_as: RunAsOwner,
}

/// The flags that an imported forest has no use for.
const TRAINING_ONLY: [&str; 10] = [
    "features",
    "range",
    "detector",
    "contamination",
    "n_estimators",
    "sample_size",
    "extension_level",
    "threshold",
    "seed",
    "threads",
];

/// What scores a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DetectorArg {
    /// Isolation forest; judges each reading by itself
    Forest,
    /// Classic isolation forest, and the distance to the nearest training readings; for sensors that move together
    #[value(name = "forest+neighbours")]
    ForestAndNeighbours,
}

/// How readily alarms are raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SensitivityArg {
    /// Finds most faults, with most false alarms
    Sensitive,
    /// Between the two
    Balanced,
    /// Fewest false alarms; small faults are missed
    Quiet,
}

/// Method that chooses the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ThresholdArg {
    /// Flags the share --contamination of the training readings
    Contamination,
    /// Maximises F1 on the validation readings; needs labels
    BestF1,
}

impl Args {
    /// Refuses flags that contradict each other.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if self.extension_level > 0 && self.params().detector == DetectorKind::ForestAndNeighbours {
            bail!(
                "--extension-level {} does not go with --detector forest+neighbours, whose forest is classic: leave --extension-level out, or add --detector forest",
                self.extension_level
            );
        }
        if !self.range.is_empty() && !self.is_recorded() {
            bail!("--range needs recorded readings: name them with --data or --from-log");
        }
        Ok(())
    }

    /// Whether recorded data is trained on.
    pub(crate) fn is_recorded(&self) -> bool {
        !self.data.is_empty() || self.from_log.is_some()
    }

    /// What is wanted of the data, with these features or, without, those of the flags.
    pub(crate) fn request(&self, features: Option<FeatureSet>) -> anyhow::Result<Request> {
        let named = self.features.as_ref().map(|names| FeatureSet::from_names(names.iter().cloned())).transpose();
        Ok(Request {
            features: features.or(named.context("--features")?),
            exclude: self.exclude.clone(),
            ranges: self.range.clone(),
            label: self.label.clone(),
            timestamp: self.timestamp.clone(),
            turbine: self.turbine.clone(),
            ..self.form.request()
        })
    }

    pub(crate) fn params(&self) -> TrainingParams {
        let defaults = if self.is_recorded() { TrainingParams::recorded() } else { TrainingParams::default() };
        TrainingParams {
            detector: self.detector.map_or(defaults.detector, |detector| match detector {
                DetectorArg::Forest => DetectorKind::Forest,
                DetectorArg::ForestAndNeighbours => DetectorKind::ForestAndNeighbours,
            }),
            forest: ForestParams {
                n_estimators: self.n_estimators as usize,
                sample_size: self.sample_size as usize,
                extension_level: self.extension_level as usize,
                seed: self.seed,
            },
            contamination: self.contamination,
            threshold: match self.threshold {
                ThresholdArg::Contamination => ThresholdMethod::Contamination,
                ThresholdArg::BestF1 => ThresholdMethod::BestF1,
            },
            alarm: match (self.false_alarms_per_day, self.sensitivity) {
                (Some(rate), _) => AlarmTarget::FalseAlarmsPerDay(rate),
                (None, Some(sensitivity)) => AlarmTarget::Sensitivity(sensitivity.into()),
                (None, None) => defaults.alarm,
            },
            smoothing_span: self.smoothing,
            threads: NonZeroUsize::new(self.threads.into())
                .or_else(|| std::thread::available_parallelism().ok())
                .unwrap_or(NonZeroUsize::MIN),
            ..defaults
        }
    }
}

impl From<SensitivityArg> for Sensitivity {
    fn from(sensitivity: SensitivityArg) -> Self {
        match sensitivity {
            SensitivityArg::Sensitive => Sensitivity::Sensitive,
            SensitivityArg::Balanced => Sensitivity::Balanced,
            SensitivityArg::Quiet => Sensitivity::Quiet,
        }
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "a rate is a number such as 0.5".to_owned())?;
    if rate > 0.0 && rate.is_finite() { Ok(rate) } else { Err("it must be above 0 and finite".to_owned()) }
}

fn time(text: &str) -> Result<Timestamp, String> {
    read_alone(text, &TimeZone::UTC).ok_or_else(|| "write a time such as 2026-05-01 or 2026-05-01T12:00:00Z".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().map_err(|_| "a share is a number such as 0.05".to_owned())?;
    check_contamination(share).map_err(|error| error.to_string())?;
    Ok(share)
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
    fn defaults_are_the_default_training() {
        let params = |line: &[&str]| Args::try_parse_from(line).unwrap().params();
        assert_eq!(params(&["train", "--threads", "1"]), TrainingParams::default());
        assert_eq!(params(&["train", "--threads", "1", "--data", "d.csv"]), TrainingParams::recorded());
    }

    #[test]
    fn detector_and_alarm_follow_the_flags() {
        let params = |line: &[&str]| Args::try_parse_from([&["train"], line].concat()).unwrap().params();
        let (forest, both) = (DetectorKind::Forest, DetectorKind::ForestAndNeighbours);
        let quiet = AlarmTarget::Sensitivity(Sensitivity::Quiet);
        let balanced = AlarmTarget::Sensitivity(Sensitivity::Balanced);
        let sensitive = AlarmTarget::Sensitivity(Sensitivity::Sensitive);
        let cases: [(&[&str], _, _, u32); 7] = [
            (&[], forest, quiet, 5),
            (&["--detector", "forest+neighbours"], both, quiet, 5),
            (&["--sensitivity", "balanced", "--smoothing", "1"], forest, balanced, 1),
            (&["--data", "d.csv"], both, balanced, 5),
            (&["--data", "d.csv", "--detector", "forest", "--smoothing", "1000"], forest, balanced, 1_000),
            (&["--data", "d.csv", "--sensitivity", "sensitive"], both, sensitive, 5),
            (&["--false-alarms-per-day", "0.5"], forest, AlarmTarget::FalseAlarmsPerDay(0.5), 5),
        ];
        for (line, detector, alarm, smoothing_span) in cases {
            let found = params(line);
            assert_eq!(
                (found.detector, found.alarm, found.smoothing_span),
                (detector, alarm, smoothing_span),
                "{line:?}"
            );
        }
    }

    #[test]
    fn features_are_a_list_of_columns() {
        let args = Args::try_parse_from(["train", "--data", "d.csv", "--features", "a, b ,c"]).unwrap();
        assert_eq!(args.features.unwrap(), ["a", "b", "c"]);
    }

    #[test]
    fn an_invalid_value_is_named_with_the_remedy() {
        // (arguments, parts of the error message)
        let cases: [(&[&str], &[&str]); 20] = [
            (&["--from-log", "outputs", "--data", "d.csv"], &["--from-log", "--data", "cannot be used with"]),
            (&["--exclude-alarms"], &["--from-log"]),
            (&["--from-log", "outputs", "--until", "soon"], &["--until", "soon", "such as 2026-05-01"]),
            (&["--contamination", "0.7"], &["--contamination", "0.7", "at most 0.5"]),
            (&["--contamination", "NaN"], &["--contamination", "NaN", "above 0"]),
            (&["--contamination", "five"], &["five", "such as 0.05"]),
            (&["--n-estimators", "0"], &["--n-estimators", "'0'", "1..=100000"]),
            (&["--sample-size", "1"], &["--sample-size", "'1'", "2..="]),
            (&["--threshold", "median"], &["median", "contamination, best-f1"]),
            (&["--features", "a"], &["--data"]),
            (&["--data", "d.csv", "--features", "a,,b"], &["--features", "empty"]),
            (&["--seed", "-1"], &["--seed", "-1"]),
            (&["--detector", "neighbours"], &["neighbours", "forest, forest+neighbours"]),
            (&["--sensitivity", "loud"], &["loud", "sensitive, balanced, quiet"]),
            (&["--false-alarms-per-day", "0"], &["--false-alarms-per-day", "'0'", "above 0"]),
            (&["--false-alarms-per-day", "NaN"], &["--false-alarms-per-day", "NaN", "above 0"]),
            (
                &["--false-alarms-per-day", "1", "--sensitivity", "quiet"],
                &["--false-alarms-per-day", "--sensitivity", "cannot be used with"],
            ),
            (&["--smoothing", "0"], &["--smoothing", "'0'", "1..=1000"]),
            (&["--import", "m.json"], &["--data"]),
            (&["--import", "m.json", "--data", "d.csv", "--detector", "forest"], &["--import", "--detector"]),
        ];
        for (line, expected) in cases {
            let error = Args::try_parse_from(std::iter::once(&"train").chain(line)).unwrap_err().to_string();
            assert!(expected.iter().all(|part| error.contains(part)), "{line:?}: {error}");
        }
    }
}
