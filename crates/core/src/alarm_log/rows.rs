//! The rows of a file of alarms.

use super::row::{AlarmFormat, AlarmRow};
use std::io::{self, BufRead};

/// A file of alarms that is being read, row by row. What is no row is passed over.
#[derive(Debug)]
pub struct AlarmRows<R> {
    reader: R,
    format: AlarmFormat,
    line: Vec<u8>,
    end: u64,
    whole: u64,
}

/// What a file begins with.
#[derive(Debug)]
pub enum Opened<R> {
    /// With the header of a file of alarms.
    Rows(AlarmRows<R>),
    /// With a part of that header, or with nothing.
    Unfinished,
    /// With something else.
    Foreign,
}

impl<R: BufRead> AlarmRows<R> {
    /// Reads the first line.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn open(mut reader: R) -> io::Result<Opened<R>> {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line)?;
        for format in [AlarmFormat::WithActions, AlarmFormat::WithoutActions] {
            let header = format.header();
            if line == header {
                let whole = header.len() as u64;
                return Ok(Opened::Rows(AlarmRows { reader, format, line, end: whole, whole }));
            }
            if header.starts_with(&line) {
                return Ok(Opened::Unfinished);
            }
        }
        Ok(Opened::Foreign)
    }

    /// Which columns the file has.
    pub fn format(&self) -> AlarmFormat {
        self.format
    }

    /// Where the last whole row that was read ends, in bytes from the beginning of the file.
    pub fn whole(&self) -> u64 {
        self.whole
    }

    /// How much was read, in bytes from the beginning of the file.
    pub fn end(&self) -> u64 {
        self.end
    }
}

impl<R: BufRead> Iterator for AlarmRows<R> {
    type Item = io::Result<AlarmRow>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.line.clear();
            match self.reader.read_until(b'\n', &mut self.line) {
                Err(error) => return Some(Err(error)),
                Ok(0) => return None,
                Ok(length) => self.end += length as u64,
            }
            let row = if self.line.ends_with(b"\n") { AlarmRow::parse(&self.line, self.format) } else { None };
            if let Some(row) = row {
                self.whole = self.end;
                return Some(Ok(row));
            }
        }
    }
}
