use clap::Parser;
use intake::{FormArgs, column};
use std::path::PathBuf;
use turbine_core::dataset::Request;
use turbine_core::feature::FeatureSet;

const EXAMPLES: &str = "\
Examples:
  evaluate --data my-turbine.csv --label fault --timestamp taken_at --model models/mine.json --outputs outputs/mine
  evaluate --data fleet.csv --label fault --timestamp taken_at --turbine turbine --train normal.csv";

/// Evaluates a model on a labelled recording: replays it turbine by turbine through the model's detector and monitor, as
/// the service does, and compares its alarms with the labels and with four baselines.
#[derive(Debug, Clone, Parser)]
#[command(name = "evaluate", version, after_help = EXAMPLES)]
pub struct Args {
    /// The labelled recording: files, a folder, a pattern such as "2025-*.csv", or - for standard input; CSV in any dialect,
    /// compressed or not, or Parquet. The model's features are read from the columns of the same names
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    pub data: Vec<PathBuf>,

    /// The column that says which rows belong to a fault: 1, true, yes or fault; other words with --fault
    #[arg(long, value_name = "COLUMN", value_parser = column)]
    pub label: String,

    /// The column that says when a reading was taken [default: found by its content]
    #[arg(long, value_name = "COLUMN", value_parser = column)]
    pub timestamp: Option<String>,

    /// The column that names the turbine; each turbine is replayed by itself [default: all rows are of one turbine]
    #[arg(long, value_name = "COLUMN", value_parser = column)]
    pub turbine: Option<String>,

    /// How the data is written.
    #[command(flatten)]
    pub form: FormArgs,

    /// Normal running in the same form and columns, to fit the baselines to. Rows labelled as faults are left out.
    /// Without the label column all rows are normal, without the turbine column all are of one turbine [default: none, and only "always on" is compared with]
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub train: Vec<PathBuf>,

    /// The model file
    #[arg(long, env = "MODEL_PATH", value_name = "FILE", default_value = "models/turbine_iforest.json")]
    pub model: PathBuf,

    /// The folder for the table and the picture; created if it is missing
    #[arg(long, env = "OUTPUTS_DIR", value_name = "FOLDER", default_value = "outputs")]
    pub outputs: PathBuf,

    /// Writes a CSV with the model's score, surprisal, smoothed surprisal and alarm for each reading
    #[arg(long, value_name = "FILE")]
    pub readings: Option<PathBuf>,
}

impl Args {
    /// What is wanted of the recording.
    pub(crate) fn request(&self, features: &FeatureSet) -> Request {
        Request {
            features: Some(features.clone()),
            label: Some(self.label.clone()),
            timestamp: self.timestamp.clone(),
            turbine: self.turbine.clone(),
            ..self.form.request()
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn what_is_missing_or_empty_is_named() {
        // (arguments, what the error must say)
        let cases: [(&[&str], &[&str]); 3] = [
            (&["--data", "d.csv", "--timestamp", "t"], &["--label <COLUMN>"]),
            (&["--label", "fault", "--timestamp", "t"], &["--data <FILE>"]),
            (&["--data", "d.csv", "--label", " ", "--timestamp", "t"], &["--label", "empty"]),
        ];
        for (line, expected) in cases {
            let error = Args::try_parse_from(std::iter::once(&"evaluate").chain(line)).unwrap_err().to_string();
            assert!(expected.iter().all(|part| error.contains(part)), "{line:?}: {error}");
        }
    }
}
