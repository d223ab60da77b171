//! What is printed while the stream runs.

use crate::client::{Answered, Retry, Verdict};
use crate::model_info::{Health, ModelInfo};
use crate::source::Outgoing;
use crate::summary::Report;
use std::fmt::{self, Display};
use std::io::{self, Write};
use turbine_core::prediction::Prediction;

/// Prints to `out`, a line each. Whoever drives it calls [`Lines::flush`] before waiting, so that a person sees each line
/// at once and a long file does not cost a write a line.
#[derive(Debug)]
pub struct Lines<W> {
    out: W,
    quiet: bool,
}

impl<W: Write> Lines<W> {
    /// `quiet` leaves out the lines of readings that were answered.
    pub fn new(out: W, quiet: bool) -> Self {
        Lines { out, quiet }
    }

    /// What became of each reading.
    pub fn answered(&mut self, answered: &Answered) -> io::Result<()> {
        for (reading, answer) in answered.delivery.readings.iter().zip(&answered.answers) {
            if !(self.quiet && matches!(answer.verdict, Verdict::Scored { .. })) {
                write_line(&mut self.out, reading, &answer.verdict)?;
            }
        }
        Ok(())
    }

    /// A message of the sender itself.
    pub fn note(&mut self, message: impl Display) -> io::Result<()> {
        writeln!(self.out, "[sender] {message}")
    }

    /// The service's state at the start.
    pub fn health(&mut self, url: impl Display, health: &Result<Health, String>) -> io::Result<()> {
        match health {
            Ok(Health { status, reasons }) if reasons.is_empty() => self.note(format_args!("health: {status} ({url})")),
            Ok(Health { status, reasons }) => {
                self.note(format_args!("health: {status}: {} ({url})", reasons.join("; ")))
            }
            Err(cause) => self.note(format_args!("health: unreachable: {cause} ({url})")),
        }
    }

    /// The model that is served.
    pub fn model(&mut self, model: &ModelInfo) -> io::Result<()> {
        let version = if model.version.is_empty() { "unknown" } else { &model.version };
        self.note(format_args!("model: version {version}, reads {}", model.feature_list()))
    }

    /// The summary.
    pub fn report(&mut self, report: &Report) -> io::Result<()> {
        writeln!(self.out, "{report}")
    }

    /// Hands on what was printed so far.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn write_line(out: &mut impl Write, reading: &Outgoing, verdict: &Verdict) -> io::Result<()> {
    let inputs = &reading.json;
    match verdict {
        Verdict::Scored { prediction: Prediction { anomaly_score, is_anomaly } } => {
            let anom = if *is_anomaly { "True" } else { "False" };
            writeln!(out, "[200] anom={anom} score={anomaly_score:.4} inputs={inputs}")
        }
        Verdict::Refused { status, error } => writeln!(out, "[{status}] error={error:?} inputs={inputs}"),
        Verdict::Unsent { error } => writeln!(out, "[unsent] error={error:?} inputs={inputs}"),
    }
}

impl Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Retry { cause, pause, attempt, attempts } = self;
        write!(f, "{cause}; attempt {attempt} of {attempts} in {:.2} s", pause.as_secs_f64())
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
            Verdict::Scored { prediction: Prediction { anomaly_score: 0.42484, is_anomaly: false } },
            Verdict::Scored { prediction: Prediction { anomaly_score: 0.7, is_anomaly: true } },
            Verdict::Refused { status: 400, error: "a is missing".to_owned() },
            Verdict::Unsent { error: "cannot connect".to_owned() },
        ];
        let at = Instant::now();
        let reading = |i| Outgoing { json: format!(r#"{{"a":{i}.5}}"#), values: vec![], is_anomaly: None };
        Answered {
            delivery: Delivery { number: 0, readings: (1..=4).map(reading).collect(), due: at },
            answers: verdicts.map(|verdict| Answer { verdict, at }).to_vec(),
        }
    }

    fn printed(quiet: bool, print: impl Fn(&mut Lines<&mut Vec<u8>>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        print(&mut Lines::new(&mut out, quiet)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_a_reading_as_the_contract_has_it() {
        let expected = "[200] anom=False score=0.4248 inputs={\"a\":1.5}\n\
                        [200] anom=True score=0.7000 inputs={\"a\":2.5}\n\
                        [400] error=\"a is missing\" inputs={\"a\":3.5}\n\
                        [unsent] error=\"cannot connect\" inputs={\"a\":4.5}\n";
        assert_eq!(printed(false, |lines| lines.answered(&answered())), expected);
    }

    #[test]
    fn quiet_leaves_out_only_what_went_well() {
        let expected = "[400] error=\"a is missing\" inputs={\"a\":3.5}\n\
                        [unsent] error=\"cannot connect\" inputs={\"a\":4.5}\n";
        assert_eq!(printed(true, |lines| lines.answered(&answered())), expected);
    }

    #[test]
    fn health_says_why() {
        let healthy = Ok(Health { status: "healthy".to_owned(), reasons: vec![] });
        let degraded =
            Ok(Health { status: "degraded".to_owned(), reasons: vec!["no model".into(), "disk full".into()] });
        let cases = [
            (healthy, "[sender] health: healthy (http://x/health)\n"),
            (degraded, "[sender] health: degraded: no model; disk full (http://x/health)\n"),
            (Err("refused".to_owned()), "[sender] health: unreachable: refused (http://x/health)\n"),
        ];
        for (health, expected) in cases {
            assert_eq!(printed(true, |lines| lines.health("http://x/health", &health)), expected);
        }
    }

    #[test]
    fn a_retry_is_announced() {
        let retry =
            Retry { cause: "503 busy".to_owned(), pause: Duration::from_millis(1_500), attempt: 2, attempts: 9 };
        assert_eq!(retry.to_string(), "503 busy; attempt 2 of 9 in 1.50 s");
    }
}
