//! The lines printed while the stream runs.

use crate::client::{Answered, Retry, Verdict};
use crate::model_info::ModelInfo;
use crate::source::Outgoing;
use crate::summary::Report;
use std::fmt::{self, Display};
use std::io::{self, Write};
use turbine_core::prediction::Prediction;

/// Prints lines to `out`. The caller calls [`Lines::flush`] before it waits: lines appear at once on a terminal, and a
/// fast stream does not cost one write per line.
#[derive(Debug)]
pub struct Lines<W> {
    out: W,
    quiet: bool,
}

impl<W: Write> Lines<W> {
    /// `quiet` omits the lines of readings that are scored or acknowledged.
    pub fn new(out: W, quiet: bool) -> Self {
        Lines { out, quiet }
    }

    /// One line per reading.
    pub fn answered(&mut self, answered: &Answered) -> io::Result<()> {
        for (reading, answer) in answered.delivery.readings.iter().zip(&answered.answers) {
            if !(self.quiet && answer.verdict.is_accepted()) {
                write_line(&mut self.out, reading, &answer.verdict)?;
            }
        }
        Ok(())
    }

    /// A message of the sender.
    pub fn note(&mut self, message: impl Display) -> io::Result<()> {
        writeln!(self.out, "[sender] {message}")
    }

    /// The model in service.
    pub fn model(&mut self, model: &ModelInfo) -> io::Result<()> {
        let version = if model.version.is_empty() { "unknown" } else { &model.version };
        self.note(format_args!("model: version {version}, features {}", model.feature_list()))
    }

    /// The summary.
    pub fn report(&mut self, report: &Report) -> io::Result<()> {
        writeln!(self.out, "{report}")
    }

    /// Writes out the lines printed so far.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn write_line(out: &mut impl Write, reading: &Outgoing, verdict: &Verdict) -> io::Result<()> {
    let inputs = &reading.json;
    match verdict {
        Verdict::Scored { prediction: Prediction { anomaly_score, is_anomaly }, .. } => {
            let anom = if *is_anomaly { "True" } else { "False" };
            writeln!(out, "[200] anom={anom} score={anomaly_score:.4} inputs={inputs}")
        }
        Verdict::Acknowledged { .. } => writeln!(out, "[acknowledged] inputs={inputs}"),
        Verdict::Refused { status, error } => writeln!(out, "[{status}] error={error:?} inputs={inputs}"),
        Verdict::Unsent { error } => writeln!(out, "[unsent] error={error:?} inputs={inputs}"),
    }
}

impl Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Retry { cause, delay, attempt, attempts } = self;
        write!(f, "{cause}; attempt {attempt} of {attempts} in {:.2} s", delay.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::client::Answer;
    use crate::feed::Delivery;
    use std::time::{Duration, Instant};

    fn answered() -> Answered {
        let verdicts = [
            Verdict::Scored {
                prediction: Prediction { anomaly_score: 0.42484, is_anomaly: false },
                duplicate: false,
                in_alarm: Some(false),
            },
            Verdict::Scored {
                prediction: Prediction { anomaly_score: 0.7, is_anomaly: true },
                duplicate: true,
                in_alarm: None,
            },
            Verdict::Refused { status: 400, error: "a is missing".to_owned() },
            Verdict::Unsent { error: "cannot connect".to_owned() },
            Verdict::Acknowledged { place: Some(9), duplicate: false },
        ];
        let at = Instant::now();
        let reading = |i| Outgoing { json: format!(r#"{{"a":{i}.5}}"#), ..Outgoing::default() };
        Answered {
            delivery: Delivery { number: 0, first: 0, readings: (1..=5).map(reading).collect(), due: at },
            answers: verdicts.map(|verdict| Answer { verdict, at }).to_vec(),
        }
    }

    fn printed(quiet: bool, print: impl Fn(&mut Lines<&mut Vec<u8>>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        print(&mut Lines::new(&mut out, quiet)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_reading_has_the_line_of_the_contract() {
        let expected = "[200] anom=False score=0.4248 inputs={\"a\":1.5}\n\
                        [200] anom=True score=0.7000 inputs={\"a\":2.5}\n\
                        [400] error=\"a is missing\" inputs={\"a\":3.5}\n\
                        [unsent] error=\"cannot connect\" inputs={\"a\":4.5}\n\
                        [acknowledged] inputs={\"a\":5.5}\n";
        assert_eq!(printed(false, |lines| lines.answered(&answered())), expected);
    }

    #[test]
    fn quiet_omits_only_scored_readings() {
        let expected = "[400] error=\"a is missing\" inputs={\"a\":3.5}\n\
                        [unsent] error=\"cannot connect\" inputs={\"a\":4.5}\n";
        assert_eq!(printed(true, |lines| lines.answered(&answered())), expected);
    }

    #[test]
    fn a_retry_names_cause_attempt_and_delay() {
        let retry =
            Retry { cause: "503 busy".to_owned(), delay: Duration::from_millis(1_500), attempt: 2, attempts: 9 };
        assert_eq!(retry.to_string(), "503 busy; attempt 2 of 9 in 1.50 s");
    }
}
