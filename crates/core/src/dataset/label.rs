//! Labels in words.

/// Words for normal running, in small letters.
const NORMAL: [&str; 14] =
    ["0", "false", "f", "no", "n", "ok", "okay", "normal", "good", "healthy", "none", "no fault", "nein", "gut"];
/// Words for faults, in small letters.
const FAULT: [&str; 20] = [
    "1",
    "true",
    "t",
    "yes",
    "y",
    "fault",
    "faulty",
    "failure",
    "failed",
    "fail",
    "anomaly",
    "anomalous",
    "abnormal",
    "error",
    "alarm",
    "bad",
    "defect",
    "ja",
    "störung",
    "fehler",
];

/// What a cell of the label column says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    Normal,
    Fault,
    /// The cell is empty.
    Missing,
    Unknown,
}

/// Tells faults from normal running: by the values that mark faults or, without them, by the usual words.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct LabelWords {
    faults: Vec<String>,
    found: Vec<bool>,
}

impl LabelWords {
    pub(super) fn new(faults: &[String]) -> Self {
        LabelWords {
            faults: faults.iter().map(|word| word.trim().to_lowercase()).collect(),
            found: vec![false; faults.len()],
        }
    }

    pub(super) fn read(&mut self, cell: &str) -> Label {
        if cell.is_empty() {
            return Label::Missing;
        }
        if self.faults.is_empty() {
            return usual(cell);
        }
        let word = cell.to_lowercase();
        let number = word.parse::<f64>().ok();
        let is_it = |fault: &String| *fault == word || number.is_some_and(|number| fault.parse() == Ok(number));
        match self.faults.iter().position(is_it) {
            Some(i) => {
                self.found[i] = true;
                Label::Fault
            }
            None => Label::Normal,
        }
    }

    /// A value that marks faults and was not found so far.
    pub(super) fn not_found(&self) -> Option<&str> {
        self.faults.iter().zip(&self.found).find(|(_, found)| !**found).map(|(fault, _)| fault.as_str())
    }
}

/// What a cell says by the usual words.
pub(super) fn usual(cell: &str) -> Label {
    match cell {
        "" => return Label::Missing,
        "0" => return Label::Normal,
        "1" => return Label::Fault,
        _ => {}
    }
    let word = cell.to_lowercase();
    match word.parse::<f64>() {
        Ok(0.0) => return Label::Normal,
        Ok(1.0) => return Label::Fault,
        Ok(number) if number.is_nan() => return Label::Missing,
        _ => {}
    }
    if NORMAL.contains(&word.as_str()) {
        Label::Normal
    } else if FAULT.contains(&word.as_str()) {
        Label::Fault
    } else {
        Label::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_words_are_known() {
        for (cells, expected) in [
            (&["0", "0.0", "OK", "false", "No", "normal", "-0"][..], Label::Normal),
            (&["1", "1.0", "Fault", "TRUE", "yes", "Störung"], Label::Fault),
            (&["", "NaN"], Label::Missing),
            (&["2", "run", "-1"], Label::Unknown),
        ] {
            for cell in cells {
                assert_eq!(LabelWords::new(&[]).read(cell), expected, "{cell}");
            }
        }
    }

    #[test]
    fn named_faults_leave_all_else_normal() {
        let mut words = LabelWords::new(&["Stop ".to_owned(), "12".to_owned()]);
        let read: Vec<Label> = ["run", "stop", "12.0", "1", ""].into_iter().map(|cell| words.read(cell)).collect();
        assert_eq!(read, [Label::Normal, Label::Fault, Label::Fault, Label::Normal, Label::Missing]);
        assert_eq!(words.not_found(), None);
        assert_eq!(LabelWords::new(&["stop".to_owned()]).not_found(), Some("stop"));
    }
}
