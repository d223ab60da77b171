//! Flags. The doc comments are the help text.

use clap::Args;
use jiff::tz::TimeZone;
use turbine_core::dataset::{Decimal, Encoding, Request, Separator};
use turbine_core::feature::Range;
use turbine_core::time::{TimeFormat, zone};

const HEADING: &str = "Form of the data (detected; see docs/your-data.md)";

/// How a file is written, where it is not to be detected.
#[derive(Debug, Clone, Args)]
pub struct FormArgs {
    /// Sign between cells: comma, semicolon, tab or bar
    #[arg(long, hide_short_help = true, help_heading = HEADING, value_name = "SIGN")]
    pub separator: Option<Separator>,

    /// Sign before decimals: point or comma
    #[arg(long, hide_short_help = true, help_heading = HEADING, value_name = "SIGN")]
    pub decimal: Option<Decimal>,

    /// utf-8, windows-1252, utf-16le or utf-16be
    #[arg(long, hide_short_help = true, help_heading = HEADING, value_name = "NAME")]
    pub encoding: Option<Encoding>,

    /// yyyy-mm-dd, dd.mm.yyyy, mm/dd/yyyy, epoch-s, epoch-ms, epoch-us, or a pattern such as "%d.%m.%y %H:%M"
    #[arg(long, help_heading = HEADING, value_name = "FORMAT")]
    pub time_format: Option<TimeFormat>,

    /// Time zone of times without an offset, such as Europe/Berlin
    #[arg(long, help_heading = HEADING, value_name = "ZONE", default_value = "UTC", value_parser = time_zone)]
    pub timezone: TimeZone,

    /// Value of the label column that marks a fault; may be repeated [default: 1, true, yes, fault and the like]
    ///
    /// All other values are then normal
    #[arg(long, help_heading = HEADING, value_name = "VALUE", requires = "label", allow_negative_numbers = true)]
    pub fault: Vec<String>,

    /// Value that stands for a missing one, such as -9999; may be repeated
    #[arg(long, help_heading = HEADING, value_name = "VALUE", allow_negative_numbers = true)]
    pub missing_value: Vec<String>,
}

impl FormArgs {
    /// A request for a source of this form.
    pub fn request(&self) -> Request {
        Request {
            separator: self.separator,
            decimal: self.decimal,
            encoding: self.encoding,
            time_format: self.time_format.clone(),
            zone: self.timezone.clone(),
            faults: self.fault.clone(),
            missing: self.missing_value.clone(),
            finds_times: true,
            ..Request::default()
        }
    }
}

fn time_zone(text: &str) -> Result<TimeZone, String> {
    zone(text).ok_or_else(|| "there is no such zone; write it as Europe/Berlin, America/New_York or UTC".to_owned())
}

/// Parses the name of a column.
///
/// # Errors
/// If it is empty.
pub fn column(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("a column name is empty; list them as a,b,c".to_owned()),
        name => Ok(name.to_owned()),
    }
}

/// Parses the range of a column, such as `temp=-40..150`.
///
/// # Errors
/// If it has another form.
pub fn range(text: &str) -> Result<(String, Range), String> {
    let malformed = || format!("{text:?} is no range; write it as COLUMN=MIN..MAX, such as temp=-40..150");
    let (column, ends) = text.rsplit_once('=').ok_or_else(malformed)?;
    let (min, max) = ends.split_once("..").ok_or_else(malformed)?;
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| malformed());
    let range = Range { min: number(min)?, max: number(max)? };
    if range.min < range.max && range.min.is_finite() && range.max.is_finite() {
        Ok((self::column(column)?, range))
    } else {
        Err(format!("{text:?} is no range: the ends must be finite, the first below the second"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Program {
        #[arg(long)]
        label: Option<String>,
        #[command(flatten)]
        form: FormArgs,
    }

    fn parse(line: &[&str]) -> Result<Request, String> {
        let program = Program::try_parse_from(std::iter::once(&"program").chain(line));
        program.map(|program| program.form.request()).map_err(|error| error.to_string())
    }

    #[test]
    fn each_flag_is_a_part_of_the_request() {
        let line = [
            "--separator",
            ";",
            "--decimal",
            "comma",
            "--encoding",
            "cp1252",
            "--time-format",
            "dd.mm.yyyy",
            "--timezone",
            "Europe/Berlin",
            "--label",
            "l",
            "--fault",
            "2",
            "--fault",
            "-3",
            "--missing-value",
            "-9999",
        ];
        let request = parse(&line).unwrap();
        assert_eq!((request.separator, request.decimal), (Some(Separator::Semicolon), Some(Decimal::Comma)));
        assert_eq!((request.encoding, request.time_format), (Some(Encoding::Windows1252), Some(TimeFormat::DAY_FIRST)));
        assert_eq!(request.zone.iana_name(), Some("Europe/Berlin"));
        assert_eq!(
            (request.faults, request.missing),
            (vec!["2".to_owned(), "-3".to_owned()], vec!["-9999".to_owned()])
        );
        assert_eq!(parse(&[]).unwrap(), Request { finds_times: true, ..Request::default() });
    }

    #[test]
    fn an_invalid_value_is_named_with_the_remedy() {
        // (arguments, parts of the error message)
        let cases: [(&[&str], &[&str]); 6] = [
            (&["--separator", "blank"], &["--separator", "'blank'", "semicolon"]),
            (&["--decimal", "x"], &["--decimal", "point or comma"]),
            (&["--encoding", "ebcdic"], &["--encoding", "windows-1252"]),
            (&["--time-format", "soon"], &["--time-format", "dd.mm.yyyy"]),
            (&["--timezone", "Berlin"], &["--timezone", "Europe/Berlin"]),
            (&["--fault", "2"], &["--label"]),
        ];
        for (line, expected) in cases {
            let error = parse(line).unwrap_err();
            assert!(expected.iter().all(|part| error.contains(part)), "{line:?}: {error}");
        }
    }

    #[test]
    fn ranges_have_two_ends() {
        assert_eq!(range("temp=-40..150").unwrap(), ("temp".to_owned(), Range { min: -40.0, max: 150.0 }));
        assert_eq!(range("a=b=0..0.5").unwrap().0, "a=b");
        for bad in ["temp", "temp=5", "temp=5..1", "temp=NaN..1", "=1..2", "temp=0..inf"] {
            assert!(range(bad).is_err(), "{bad}");
        }
    }
}
