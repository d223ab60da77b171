use clap::Parser;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  evaluate --data my-turbine.csv --label fault --timestamp taken_at --model models/mine.json --outputs outputs/mine
  evaluate --data fleet.csv --label fault --timestamp taken_at --turbine turbine --train normal.csv";

/// Evaluates a model on a labelled recording: replays it turbine by turbine through the model's detector and monitor, as
/// the service does, and compares its alarms with the labels and with four baselines.
#[derive(Debug, Clone, Parser)]
#[command(name = "evaluate", version, after_help = EXAMPLES)]
pub struct Args {
    /// The labelled recording: a CSV with a header, one reading a row. The model's features are read from the columns of
    /// the same names
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,

    /// The column that is 1 or true during a fault and 0 or false in normal running
    #[arg(long, value_name = "COLUMN", value_parser = column)]
    pub label: String,

    /// The column that says when a reading was taken: RFC 3339, or a date and time in UTC
    #[arg(long, value_name = "COLUMN", value_parser = column)]
    pub timestamp: String,

    /// The column that names the turbine; each turbine is replayed by itself [default: all rows are of one turbine]
    #[arg(long, value_name = "COLUMN", value_parser = column)]
    pub turbine: Option<String>,

    /// A CSV of normal running with the same columns, to fit the baselines to. Rows labelled as faults are left out.
    /// Without the label column all rows are normal, without the turbine column all are of one turbine [default: none, and only "always on" is compared with]
    #[arg(long, value_name = "FILE")]
    pub train: Option<PathBuf>,

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

fn column(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("a column's name is empty; name a column of the CSV's header".to_owned()),
        name => Ok(name.to_owned()),
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
        let cases: [(&[&str], &[&str]); 4] = [
            (&["--data", "d.csv", "--timestamp", "t"], &["--label <COLUMN>"]),
            (&["--data", "d.csv", "--label", "fault"], &["--timestamp <COLUMN>"]),
            (&["--label", "fault", "--timestamp", "t"], &["--data <FILE>"]),
            (&["--data", "d.csv", "--label", " ", "--timestamp", "t"], &["--label", "empty"]),
        ];
        for (line, expected) in cases {
            let error = Args::try_parse_from(std::iter::once(&"evaluate").chain(line)).unwrap_err().to_string();
            assert!(expected.iter().all(|part| error.contains(part)), "{line:?}: {error}");
        }
    }
}
