//! Reads all rows once to find the columns that have a use.

use super::error::DatasetError;
use super::label::{Label, LabelWords};
use super::missing::MissingValues;
use super::number::number;
use super::profile::{Profile, Sentinel};
use super::table::{Table, index_of};
use crate::feature::{Feature, FeatureError, FeatureSet, MAX_FEATURES, RESERVED_NAMES, Range};
use csv::StringRecord;

/// Columns of a source and their use.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The columns to read, with their ranges.
    pub features: FeatureSet,
    /// The columns that are left out, though nobody asked for it.
    pub left_out: Vec<LeftOut>,
    /// Values of the columns to read that look like a sign for "no value".
    pub sentinels: Vec<Sentinel>,
}

/// A column that is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name.
    pub column: String,
    /// Why.
    pub why: String,
}

impl Table {
    /// Reads all rows to choose the features: those asked for or, if none were, every column that holds measurements.
    ///
    /// # Errors
    /// A [`DatasetError`] if the rows cannot be read, or no column or too many are left.
    pub fn choose(&mut self) -> Result<Choice, DatasetError> {
        let profiles = self.profile()?;
        let mut left_out = Vec::new();
        let features = match self.request().features.clone() {
            Some(features) => features,
            None => {
                let mut names: Vec<&String> = Vec::new();
                for (i, (name, profile)) in self.names().iter().zip(&profiles).enumerate() {
                    if self.has_role(name) {
                        continue;
                    }
                    match self.unusable(i, profile) {
                        Some(why) => left_out.push(LeftOut { column: name.clone(), why }),
                        None => names.push(name),
                    }
                }
                match names.len() {
                    0 => {
                        let reasons: Vec<String> =
                            left_out.iter().map(|LeftOut { column, why }| format!("{column}: {why}")).collect();
                        return Err(DatasetError::NoFeatures(reasons.join("; ")));
                    }
                    n if n > MAX_FEATURES => return Err(DatasetError::TooManyFeatures(n)),
                    _ => FeatureSet::from_names(names.into_iter().cloned())?,
                }
            }
        };
        let features = with_ranges(&features, &self.request().ranges)?;
        let of_features = |name: &str| features.names().any(|feature| feature == name);
        let columns = self.names().iter().zip(&profiles).filter(|(name, _)| of_features(name));
        let missing = MissingValues::new(&self.request().missing);
        let sentinels = columns.flat_map(|(name, profile)| profile.proposed(name));
        let sentinels = sentinels.filter(|sentinel| !missing.contains("", Some(sentinel.value))).collect();
        self.set_features(features.clone());
        Ok(Choice { features, left_out, sentinels })
    }

    fn unusable(&self, i: usize, profile: &Profile) -> Option<String> {
        let name = &self.names()[i];
        if self.request().exclude.contains(name) {
            return Some("--exclude".to_owned());
        }
        if RESERVED_NAMES.contains(&name.as_str()) {
            return Some("a column of the prediction log has this name".to_owned());
        }
        if self.names().iter().filter(|other| *other == name).count() > 1 {
            return Some("its name occurs twice in the header".to_owned());
        }
        if self.fits.is_time(i) {
            return Some("times".to_owned());
        }
        profile.unusable(name).or_else(|| match FeatureSet::from_names([name]) {
            Err(FeatureError::Name(_)) => {
                Some("its name is empty, longer than 64 characters, or begins with = + - @".to_owned())
            }
            _ => None,
        })
    }

    fn profile(&self) -> Result<Vec<Profile>, DatasetError> {
        let mut profiles = vec![Profile::default(); self.names().len()];
        let request = self.request();
        let place = |name: &Option<String>| name.as_ref().map(|name| index_of(name, self.names())).transpose();
        let (label, turbine) = (place(&request.label)?, place(&request.turbine)?);
        let mut words = LabelWords::new(&request.faults);
        let missing = MissingValues::new(&request.missing);
        let mut first_turbine: Option<String> = None;
        let mut parts = self.parts_again();
        let mut record = StringRecord::new();
        while parts.read(&mut record)? {
            let decimal = parts.current().1.and_then(|records| records.decimal);
            let places = parts.places();
            let cell = |i: usize| record.get(places[i]).unwrap_or_default().trim();
            let is_normal = label.is_none_or(|i| words.read(cell(i)) != Label::Fault);
            let in_order = turbine.is_none_or(|i| {
                let name = cell(i);
                first_turbine.get_or_insert_with(|| name.to_owned()) == name
            });
            for (i, profile) in profiles.iter_mut().enumerate() {
                let cell = cell(i);
                let value = number(cell, decimal);
                match value {
                    _ if cell.is_empty() || missing.contains(cell, value) => profile.add_empty(),
                    Some(value) => profile.add_number(cell, value, is_normal, in_order),
                    None if cell.eq_ignore_ascii_case("nan") || cell.eq_ignore_ascii_case("null") => {
                        profile.add_empty()
                    }
                    None => profile.add_text(cell),
                }
            }
        }
        Ok(profiles)
    }
}

fn with_ranges(features: &FeatureSet, ranges: &[(String, Range)]) -> Result<FeatureSet, DatasetError> {
    let names: Vec<String> = features.names().map(str::to_owned).collect();
    for (name, _) in ranges {
        index_of(name, &names)?;
    }
    let ranged = features.iter().map(|feature| {
        let range = ranges.iter().rev().find(|(name, _)| *name == feature.name).map(|(_, range)| *range);
        Feature { range: range.or(feature.range), ..feature.clone() }
    });
    Ok(FeatureSet::new(ranged.collect())?)
}
