//! From the rows of a recording to readings.

use super::{Fleet, Outgoing, Phase, encode};
use crate::error::SenderError;
use jiff::Timestamp;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use turbine_core::dataset::{DatasetError, Request, Row};
use turbine_core::feature::FeatureSet;
use turbine_core::reading::{RawReading, TurbineId};

/// The longest id of a turbine.
const MOST_ID_CHARS: usize = 64;

/// A recording whose rows become readings.
#[derive(Debug)]
pub(super) struct Recorded {
    path: PathBuf,
    features: Option<FeatureSet>,
    turbines: Turbines,
}

/// Whose readings the rows are.
#[derive(Debug)]
enum Turbines {
    InTurn(Fleet),
    /// By a column.
    Named {
        by_name: HashMap<String, usize>,
        ids: Vec<TurbineId>,
    },
}

impl Recorded {
    /// The recording at `path`. Its readings belong to the turbines that a column names or, without one, to those of `fleet`
    /// in turn.
    pub(super) fn new(path: &Path, request: &Request, fleet: Fleet) -> Self {
        let turbines = match request.turbine {
            Some(_) => Turbines::Named { by_name: HashMap::new(), ids: Vec::new() },
            None => Turbines::InTurn(fleet),
        };
        Recorded { path: path.to_owned(), features: request.features.clone(), turbines }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The reading of a row of these features, with its own time or, if it has none, the time `due`. `names` are those of the
    /// turbines that rows refer to.
    ///
    /// # Errors
    /// If the turbine's name cannot be made an id.
    pub(super) fn reading(
        &mut self,
        features: &FeatureSet,
        row: Row,
        names: &[String],
        due: Timestamp,
    ) -> Result<Outgoing, SenderError> {
        let Row { values, label, timestamp, turbine } = row;
        let turbine = self.turbine(turbine, names)?;
        let turbine_id = match &self.turbines {
            Turbines::InTurn(fleet) => fleet.id(turbine),
            Turbines::Named { ids, .. } => &ids[turbine],
        };
        let time = timestamp.unwrap_or(due);
        let json = encode(&RawReading::from_values(features, &values).at(time).of_turbine(turbine_id));
        let phase = label.map(|is_fault| if is_fault { Phase::Event } else { Phase::Normal });
        Ok(Outgoing { json, values, is_anomaly: label, phase, turbine, time, position: None })
    }

    /// Passes over a row that is not to be sent, as if it had been.
    ///
    /// # Errors
    /// Those of [`Recorded::reading`].
    pub(super) fn pass_over(&mut self, row: &Row, names: &[String]) -> Result<(), SenderError> {
        self.turbine(row.turbine, names)?;
        Ok(())
    }

    /// The ids of the turbines so far.
    pub(super) fn ids(&self) -> &[TurbineId] {
        match &self.turbines {
            Turbines::InTurn(fleet) => fleet.ids(),
            Turbines::Named { ids, .. } => ids,
        }
    }

    /// The index of the next row's turbine.
    fn turbine(&mut self, turbine: Option<usize>, names: &[String]) -> Result<usize, SenderError> {
        let (by_name, ids) = match &mut self.turbines {
            Turbines::InTurn(fleet) => return Ok(fleet.next_turbine().0),
            Turbines::Named { by_name, ids } => (by_name, ids),
        };
        let name = &names[turbine.unwrap_or_default()];
        if let Some(&index) = by_name.get(name) {
            return Ok(index);
        }
        let Some(id) = id(name) else {
            return Err(SenderError::TurbineName { path: self.path.clone(), name: name.clone() });
        };
        if let Some(other) = ids.iter().position(|other| *other == id) {
            let other = by_name.iter().find(|(_, index)| **index == other).map(|(name, _)| name.clone());
            let names = [other.unwrap_or_default(), name.clone()];
            return Err(SenderError::TurbineTwice { path: self.path.clone(), names, id: id.to_string() });
        }
        by_name.insert(name.clone(), ids.len());
        ids.push(id);
        Ok(ids.len() - 1)
    }

    /// What is wrong with the recording.
    pub(super) fn error(&self, problem: DatasetError) -> SenderError {
        let features = self.features.iter().flat_map(FeatureSet::names).collect::<Vec<_>>().join(", ");
        SenderError::Replay { path: self.path.clone(), features, problem: Box::new(problem) }
    }
}

/// The id of the turbine with this name: what an id cannot contain becomes a dash. `None` if nothing is left.
fn id(name: &str) -> Option<TurbineId> {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
    let text: String = name.chars().map(safe).take(MOST_ID_CHARS).collect();
    text.trim_start_matches(['.', '_', '-']).parse().ok()
}
