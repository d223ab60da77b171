use super::bucket::Bucket;
use super::survey::Period;
use anyhow::bail;
use clap::Parser;
use jiff::Timestamp;
use privileges::RunAsOwner;
use std::path::PathBuf;

/// Where training saves its model unless told otherwise.
const DEFAULT_MODEL: &str = "models/turbine_iforest.json";

/// Draws the prediction log: anomalies over time for each feature, predicted anomalies over time, and the readings as
/// bubbles.
#[derive(Debug, Clone, Parser)]
#[command(name = "viz", version)]
pub struct Args {
    /// The prediction log; its rotated parts beside it are read too [default: predictions_log.csv in --outputs]
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,

    /// Where the pictures go; made if it is not there
    #[arg(long, env = "OUTPUTS_DIR", value_name = "FOLDER", default_value = "outputs")]
    pub outputs: PathBuf,

    /// The model whose training readings say what is normal. Without one for the log's features, normal are the logged
    /// readings that were predicted normal [default: models/turbine_iforest.json if it is there]
    #[arg(long, env = "MODEL_PATH", value_name = "FILE")]
    pub model: Option<PathBuf>,

    /// Width of a bucket, such as 30s, 5m, 1h or 1d [default: 5m, wider where the log is longer than a day]
    #[arg(long, value_name = "TIME")]
    pub bucket: Option<Bucket>,

    /// Draws readings from this instant on, such as 2026-03-01T12:00:00Z
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub from: Option<Timestamp>,

    /// Draws readings before this instant
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub to: Option<Timestamp>,

    /// As whom to run.
    #[command(flatten)]
    pub run_as: RunAsOwner,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "an instant is written as 2026-03-01T12:00:00Z or 2026-03-01T13:00:00+01:00".to_owned())
}

impl Args {
    /// The log to read.
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
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_log_lies_in_the_outputs_unless_named() {
        let log = |line: &[&str]| Args::try_parse_from(line).unwrap().log();
        assert_eq!(log(&["viz", "--outputs", "o"]), PathBuf::from("o/predictions_log.csv"));
        assert_eq!(log(&["viz", "--outputs", "o", "--log", "l.csv"]), PathBuf::from("l.csv"));
    }

    #[test]
    fn a_bad_value_is_named_with_its_remedy() {
        // (arguments, what the error must say)
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
    fn a_period_that_ends_before_it_begins_is_refused() {
        let line = ["viz", "--from", "2026-03-02T00:00:00Z", "--to", "2026-03-01T00:00:00Z"];
        let error = Args::try_parse_from(line).unwrap().period().unwrap_err().to_string();
        assert!(error.contains("--from 2026-03-02T00:00:00Z") && error.contains("swap"), "{error}");
    }
}
