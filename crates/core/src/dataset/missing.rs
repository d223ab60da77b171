//! Values that stand for a missing one.

use super::number::{Decimal, number};

/// Such values, as text and as number.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct MissingValues(Vec<(String, Option<f64>)>);

impl MissingValues {
    pub(super) fn new(values: &[String]) -> Self {
        // A flag is typed with a point, whatever the file has.
        let value = |text: &String| (text.trim().to_owned(), number(text.trim(), Some(Decimal::Point)));
        MissingValues(values.iter().map(value).collect())
    }

    /// Whether the cell, or the number in it, is one of them.
    pub(super) fn contains(&self, cell: &str, number: Option<f64>) -> bool {
        self.0.iter().any(|(text, value)| text == cell || (value.is_some() && *value == number))
    }
}
