//! Sets of sensors, by their place in the feature set, and what a reading lacks.

use crate::feature::FeatureSet;

/// Some of the features, by their place in the feature set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SensorSet(u64);

const _: () = assert!(crate::feature::MAX_FEATURES <= 64, "a sensor set has 64 places");

/// The features of a reading that were not measured. Other values stand in for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gaps {
    /// Those with the turbine's last value.
    pub carried: SensorSet,
    /// Those without a value for too long to carry the last one: the expected value stands in for them.
    pub missing: SensorSet,
}

/// Between the names of a cell of the prediction log.
const SEPARATOR: char = ';';

/// What a name in such a cell must not hold; it is written as `%` and two hexadecimal digits.
const ESCAPED: [char; 4] = [SEPARATOR, ',', '"', '%'];

impl SensorSet {
    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many there are.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether the feature at `place` is one of them.
    pub fn contains(self, place: usize) -> bool {
        place < 64 && self.0 >> place & 1 == 1
    }

    /// Their places, ascending.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..64).filter(move |&place| self.contains(place))
    }

    /// Their names, in the features' order.
    pub fn names(self, features: &FeatureSet) -> impl Iterator<Item = &str> {
        features.names().enumerate().filter(move |(place, _)| self.contains(*place)).map(|(_, name)| name)
    }

    /// Those of either set.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        SensorSet(self.0 | other.0)
    }

    /// Those that are not in the other set.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        SensorSet(self.0 & !other.0)
    }

    pub(crate) fn insert(&mut self, place: usize) {
        self.0 |= 1 << place;
    }

    /// Appends the names as one cell of the prediction log, which needs no quotes.
    pub(crate) fn append_to(self, row: &mut Vec<u8>, features: &FeatureSet) {
        for (i, name) in self.names(features).enumerate() {
            let separator = (i > 0).then_some(SEPARATOR);
            row.extend(separator.into_iter().map(|separator| separator as u8));
            for c in name.chars() {
                if ESCAPED.contains(&c) {
                    row.extend_from_slice(format!("%{:02X}", u32::from(c)).as_bytes());
                } else {
                    row.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
        }
    }

    /// The features that such a cell names; `None` if it names another.
    pub(crate) fn parse(cell: &str, features: &FeatureSet) -> Option<Self> {
        if cell.is_empty() {
            return Some(SensorSet::default());
        }
        cell.split(SEPARATOR).map(|name| place(name, features)).collect()
    }
}

/// Where the feature of an escaped name stands.
fn place(escaped: &str, features: &FeatureSet) -> Option<usize> {
    let position = |name: &str| features.names().position(|other| other == name);
    if !escaped.contains('%') {
        return position(escaped);
    }
    let mut name = String::new();
    let mut parts = escaped.split('%');
    name.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let code = u32::from_str_radix(part.get(..2)?, 16).ok()?;
        name.push(char::from_u32(code)?);
        name.push_str(&part[2..]);
    }
    position(&name)
}

impl FromIterator<usize> for SensorSet {
    fn from_iter<I: IntoIterator<Item = usize>>(places: I) -> Self {
        let mut set = SensorSet::default();
        places.into_iter().for_each(|place| set.insert(place));
        set
    }
}

impl Gaps {
    /// Whether every feature was measured.
    pub fn is_empty(self) -> bool {
        self.all().is_empty()
    }

    /// The features that were not measured.
    pub fn all(self) -> SensorSet {
        self.carried.union(self.missing)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_cell_reads_back_whatever_the_names_are() {
        let features =
            FeatureSet::from_names(["power", "speed, avg", "a;b", "load %", "x%3By", "\"q\"", "%25"]).unwrap();
        let written = |set: SensorSet| {
            let mut cell = Vec::new();
            set.append_to(&mut cell, &features);
            String::from_utf8(cell).unwrap()
        };
        assert_eq!(written([0, 2].into_iter().collect()), "power;a%3Bb");
        for bits in 0..1_u64 << 7 {
            let set: SensorSet = (0..7).filter(|place| bits >> place & 1 == 1).collect();
            let cell = written(set);
            assert!(!cell.contains([',', '"']), "{cell}");
            assert_eq!(SensorSet::parse(&cell, &features), Some(set), "{cell}");
        }
        for foreign in ["other", "power;", ";", "power;other"] {
            assert_eq!(SensorSet::parse(foreign, &features), None, "{foreign}");
        }
    }

    #[test]
    fn sets_are_joined_and_taken_apart() {
        let (low, high): (SensorSet, SensorSet) = ((0..3).collect(), (2..5).collect());
        assert_eq!(low.union(high), (0..5).collect());
        assert_eq!((low.without(high).len(), low.without(high).contains(2)), (2, false));
        let gaps = Gaps { carried: low, missing: SensorSet::default() };
        assert!(!gaps.is_empty() && gaps.all() == low && Gaps::default().is_empty());
    }
}
