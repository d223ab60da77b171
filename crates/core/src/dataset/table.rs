//! A source whose form is known: what it was detected as, and its records.

use super::error::DatasetError;
use super::records::{Form, Records};
use super::request::Request;
use super::source::{Part, Source};
use super::times::{TimeColumn, TimeFits};
use crate::feature::FeatureSet;
use crate::time::Times;
use csv::StringRecord;
use jiff::Timestamp;
use std::collections::{HashMap, VecDeque};

/// Files with the same columns, opened and ready to be read.
pub struct Table {
    source: Source,
    request: Request,
    names: Vec<String>,
    form: Vec<String>,
    /// The form of the first part, and how many lines it has before the header.
    settled: Form,
    head_lines: usize,
    time: Option<TimeColumn>,
    pub(super) fits: TimeFits,
    /// The records of a single part, which may be a stream and not be opened again.
    opened: Option<Records>,
}

impl Table {
    /// Opens all parts, detects their form, and finds the column of times. Parts are put in the order of their first times
    /// or, without times, of their names.
    ///
    /// # Errors
    /// A [`DatasetError`] if a part cannot be read or has other columns than the first, a column that is named is
    /// missing, occurs twice or has two roles, or times cannot be told apart.
    pub fn open(source: Source, request: Request) -> Result<Self, DatasetError> {
        let known = Form { separator: request.separator, decimal: request.decimal, encoding: request.encoding };
        let mut opened: Vec<Records> = Vec::new();
        let (mut names, mut form, mut fits) = (Vec::new(), Vec::new(), TimeFits::new(0));
        let (mut settled, mut head_lines) = (known, 0);
        for part in &source.parts {
            let records = Records::open(part, known, source.bytes_read())?;
            if opened.is_empty() {
                (names, form) = (records.header.clone(), records.form.clone());
                (settled, head_lines) = (records.settled, records.head_lines);
                check_roles(&request, &names)?;
                fits = TimeFits::new(names.len());
            }
            let places = places(&names, &source.parts[0], &records, part)?;
            records.sample.iter().for_each(|record| fits.add(record, &places));
            // Of many parts, thousands would exhaust the system's files.
            opened.push(if source.parts.len() > 1 && part.is_repeatable() { records.close() } else { records });
        }
        if source.parts.len() > 1 {
            form.insert(0, format!("{} parts", source.parts.len()));
        }
        let mut table = Table { source, request, names, form, settled, head_lines, time: None, fits, opened: None };
        table.find_times(known)?;
        table.sort_parts(&opened);
        table.opened = opened.pop().filter(|_| table.source.parts.len() == 1);
        Ok(table)
    }

    /// The names of the columns, in the order of the first part.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What was asked for.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// What was asked for, with what was detected where nothing was said: for further rows of the same file.
    pub fn settled(&self) -> Request {
        let Form { separator, decimal, encoding } = self.settled;
        let (timestamp, time_format) = match &self.time {
            Some(time) => (Some(time.name.clone()), Some(time.format.clone())),
            None => (None, self.request.time_format.clone()),
        };
        Request { separator, decimal, encoding, timestamp, time_format, finds_times: false, ..self.request.clone() }
    }

    /// How many lines lie before the header of the first part.
    pub fn head_lines(&self) -> usize {
        self.head_lines
    }

    /// The source.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The column of times, if there is one.
    pub fn time(&self) -> Option<&TimeColumn> {
        self.time.as_ref()
    }

    /// What the source was detected as, in one line: `semicolon, decimal comma, Windows-1252, times dd.mm.yyyy in
    /// Europe/Berlin from column "Zeit"`.
    pub fn form(&self) -> String {
        let times = match &self.time {
            None => "no times".to_owned(),
            Some(TimeColumn { name, clock, format, has_offsets }) => {
                let zone = match self.request.zone.iana_name() {
                    _ if *has_offsets || format.is_epoch() => String::new(),
                    Some(name) => format!(" in {name}"),
                    None => " in UTC".to_owned(),
                };
                match clock {
                    Some(clock) => format!("times {format}{zone} from columns {name:?} and {clock:?}"),
                    None => format!("times {format}{zone} from column {name:?}"),
                }
            }
        };
        format!("{}, {times}", self.form.join(", "))
    }

    pub(super) fn set_features(&mut self, features: FeatureSet) {
        self.request.features = Some(features);
    }

    /// Whether a column has a role other than that of a feature.
    pub(super) fn has_role(&self, name: &str) -> bool {
        let is_time = self.time.as_ref().is_some_and(|time| time.name == name || time.clock.as_deref() == Some(name));
        is_time || [&self.request.label, &self.request.turbine].into_iter().any(|role| role.as_deref() == Some(name))
    }

    /// The parts in order, each opened when it is its turn.
    pub(super) fn parts(self) -> Parts {
        Parts::new(&self.source, &self.request, self.names, self.opened)
    }

    /// The same, without giving the table up.
    pub(super) fn parts_again(&self) -> Parts {
        Parts::new(&self.source, &self.request, self.names.clone(), None)
    }

    fn find_times(&mut self, known: Form) -> Result<(), DatasetError> {
        let named = match &self.request.timestamp {
            Some(name) => Some(index_of(name, &self.names)?),
            None if self.request.finds_times => None,
            None => return Ok(()),
        };
        let found = self.time_column(named);
        self.time = match found {
            // The first rows cannot tell day from month: others may.
            Err(DatasetError::AmbiguousTimes { column, .. }) if self.source.is_repeatable() => {
                let i = index_of(&column, &self.names)?;
                let mut parts = Parts { known, ..self.parts_again() };
                let mut record = StringRecord::new();
                while self.fits.is_ambiguous(i) && parts.read(&mut record)? {
                    self.fits.add(&record, parts.places());
                }
                self.time_column(Some(i))?
            }
            found => found?,
        };
        Ok(())
    }

    fn time_column(&self, named: Option<usize>) -> Result<Option<TimeColumn>, DatasetError> {
        let is_free = |name: &str| {
            let request = &self.request;
            let is_feature = request.features.as_ref().is_some_and(|features| features.names().any(|it| it == name));
            !is_feature && !request.exclude.iter().any(|it| it == name) && !self.has_role(name)
        };
        let format = self.request.time_format.as_ref();
        match named {
            Some(i) => self.fits.column(&self.names, i, is_free, format).map(Some),
            None => self.fits.find(&self.names, is_free, format),
        }
    }

    fn sort_parts(&mut self, opened: &[Records]) {
        let Some(time) = &self.time else { return };
        let first = |records: &Records| -> Option<Timestamp> {
            let mut cells = TimeCells::new(time, &records.header, &self.request)?;
            records.sample.iter().find_map(|record| cells.read(record))
        };
        let mut parts: Vec<(Option<Timestamp>, Part)> =
            opened.iter().map(first).zip(self.source.parts.drain(..)).collect();
        parts.sort_by_key(|(time, _)| *time);
        self.source.parts = parts.into_iter().map(|(_, part)| part).collect();
    }
}

/// Reads the times of one part.
pub(super) struct TimeCells {
    date: usize,
    clock: Option<usize>,
    times: Times,
    text: String,
}

impl TimeCells {
    /// `None` if the columns are not there.
    pub(super) fn new(time: &TimeColumn, header: &[String], request: &Request) -> Option<Self> {
        let place = |name: &String| header.iter().position(|column| column == name);
        let clock = match &time.clock {
            Some(clock) => Some(place(clock)?),
            None => None,
        };
        let times = Times::new(time.format.clone(), request.zone.clone());
        Some(TimeCells { date: place(&time.name)?, clock, times, text: String::new() })
    }

    pub(super) fn read(&mut self, record: &StringRecord) -> Option<Timestamp> {
        let cell = |place: usize| record.get(place).unwrap_or_default().trim();
        let Some(clock) = self.clock else { return self.times.read(cell(self.date)) };
        self.text.clear();
        self.text.extend([cell(self.date), " ", cell(clock)]);
        self.times.read(&self.text)
    }
}

/// The records of all parts, one after the other.
pub(super) struct Parts {
    source: Source,
    waiting: VecDeque<Part>,
    known: Form,
    names: Vec<String>,
    current: Option<(Records, Vec<usize>)>,
    opened: Option<Records>,
    n_opened: usize,
}

impl Parts {
    fn new(source: &Source, request: &Request, names: Vec<String>, opened: Option<Records>) -> Self {
        let known = Form { separator: request.separator, decimal: request.decimal, encoding: request.encoding };
        let waiting = source.parts.iter().cloned().collect();
        Parts { source: source.clone(), waiting, known, names, current: None, opened, n_opened: 0 }
    }

    /// Reads the next record; false at the end of the last part.
    pub(super) fn read(&mut self, record: &mut StringRecord) -> Result<bool, DatasetError> {
        loop {
            if let Some((records, _)) = &mut self.current
                && records.read(record)?
            {
                return Ok(true);
            }
            let Some(part) = self.waiting.pop_front() else { return Ok(false) };
            let records = match self.opened.take() {
                Some(records) => records,
                None => Records::open(&part, self.known, self.source.bytes_read())?,
            };
            let places = places(&self.names, &self.source.parts[0], &records, &part)?;
            self.current = Some((records, places));
            self.n_opened += 1;
        }
    }

    /// Where each of the table's columns is in the current part.
    pub(super) fn places(&self) -> &[usize] {
        self.current.as_ref().map_or(&[], |(_, places)| places)
    }

    /// How many parts were opened, and the current one.
    pub(super) fn current(&self) -> (usize, Option<&Records>) {
        (self.n_opened, self.current.as_ref().map(|(records, _)| records))
    }
}

/// Where the columns `names` are in a part.
fn places(names: &[String], first: &Part, records: &Records, part: &Part) -> Result<Vec<usize>, DatasetError> {
    if records.header == names {
        return Ok((0..names.len()).collect());
    }
    let index: HashMap<&str, usize> = records.header.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
    let missing: Vec<String> = names.iter().filter(|name| !index.contains_key(name.as_str())).cloned().collect();
    let more: Vec<String> = records.header.iter().filter(|name| !names.contains(name)).cloned().collect();
    if missing.is_empty() && more.is_empty() {
        return Ok(names.iter().map(|name| index[name.as_str()]).collect());
    }
    Err(DatasetError::OtherColumns { part: part.name.clone(), first: first.name.clone(), missing, more })
}

fn check_roles(request: &Request, names: &[String]) -> Result<(), DatasetError> {
    let mut roles: Vec<(&str, &'static str)> = Vec::new();
    let singles =
        [(&request.label, "the label"), (&request.timestamp, "the timestamp"), (&request.turbine, "the turbine")];
    roles.extend(singles.into_iter().filter_map(|(name, role)| Some((name.as_deref()?, role))));
    roles.extend(request.features.iter().flat_map(|features| features.names()).map(|name| (name, "a feature")));
    roles.extend(request.exclude.iter().map(|name| (name.as_str(), "excluded")));
    for (i, &(name, role)) in roles.iter().enumerate() {
        index_of(name, names)?;
        if let Some((_, other)) = roles[..i].iter().find(|(earlier, _)| *earlier == name) {
            return Err(DatasetError::TwoRoles(name.to_owned(), role, other));
        }
    }
    Ok(())
}

/// The place of a column.
pub(super) fn index_of(name: &str, names: &[String]) -> Result<usize, DatasetError> {
    let mut indices = names.iter().enumerate().filter(|(_, column)| *column == name).map(|(index, _)| index);
    match (indices.next(), indices.next()) {
        (Some(index), None) => Ok(index),
        (Some(_), Some(_)) => Err(DatasetError::ColumnTwice(name.to_owned())),
        (None, _) => Err(DatasetError::NoColumn { column: name.to_owned(), columns: names.to_vec() }),
    }
}
