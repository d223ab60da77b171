//! Differences between the requested and the existing configuration.

use cluster::streams::StreamsError;
use std::fmt::Debug;

/// Differences between the requested and the existing configuration.
#[derive(Debug, Default)]
pub(crate) struct Differences(Vec<String>);

impl Differences {
    /// Notes a field if the two differ.
    pub(crate) fn note(&mut self, field: &str, wanted: &dyn Debug, found: &dyn Debug) {
        let (wanted, found) = (format!("{wanted:?}"), format!("{found:?}"));
        if wanted != found {
            self.0.push(format!("{field} is {found}, asked for was {wanted}"));
        }
    }

    /// Succeeds if there are no differences.
    ///
    /// # Errors
    /// Lists all differences.
    pub(crate) fn none(self) -> Result<(), StreamsError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let remedy = "nothing was changed; ask for what is there, change it with the cluster's own tool, or delete the \
                      streams, with all readings and records, to begin anew";
        Err(StreamsError::Differs(format!("{}; {remedy}", self.0.join("; "))))
    }
}
