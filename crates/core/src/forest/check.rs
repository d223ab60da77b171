//! Checks a stored forest completely, so that scoring needs no checks.

use super::{
    ForestData, ForestError,
    data::{Child, TreeData},
    leaves::PathLengths,
};

/// A path this many times the average scores 2⁻¹⁰⁰⁰; the score of a longer one could round to 0.
const MAX_RELATIVE_PATH_LENGTH: f64 = 1000.0;

fn damaged(field: impl Into<String>, problem: impl Into<String>) -> ForestError {
    ForestError::Damaged { field: field.into(), problem: problem.into() }
}

pub(super) fn check(data: &ForestData) -> Result<(), ForestError> {
    if !(1..=usize::from(u16::MAX)).contains(&data.n_features) {
        return Err(damaged("n_features", format!("is {}, but must be from 1 to {}", data.n_features, u16::MAX)));
    }
    if data.sample_size < 2 {
        return Err(damaged("sample_size", format!("is {}, but must be at least 2", data.sample_size)));
    }
    if data.extension_level >= data.n_features {
        return Err(damaged(
            "extension_level",
            format!("is {}, but must be less than the {} features", data.extension_level, data.n_features),
        ));
    }
    if data.trees.is_empty() {
        return Err(damaged("trees", "is empty"));
    }
    let lengths = PathLengths::new(data.path_length);
    let normaliser = data.path_length.average(data.sample_size);
    for (index, tree) in data.trees.iter().enumerate() {
        TreeCheck { index, tree, data, lengths: &lengths }.run(normaliser)?;
    }
    Ok(())
}

struct TreeCheck<'a> {
    index: usize,
    tree: &'a TreeData,
    data: &'a ForestData,
    lengths: &'a PathLengths,
}

impl TreeCheck<'_> {
    fn run(&self, normaliser: f64) -> Result<(), ForestError> {
        self.array_lengths()?;
        self.features()?;
        for (name, values) in
            [("threshold", &self.tree.threshold), ("normal", &self.tree.normal), ("intercept", &self.tree.intercept)]
        {
            if let Some(i) = values.iter().position(|value| !value.is_finite()) {
                return Err(self.damaged(format!("{name}[{i}]"), format!("is {}, not finite", values[i])));
            }
        }
        self.children()?;
        let longest = self.lengths.of(self.tree).into_iter().fold(0.0, f64::max);
        if longest <= normaliser * MAX_RELATIVE_PATH_LENGTH {
            Ok(())
        } else {
            Err(damaged(
                format!("trees[{}]", self.index),
                format!("has a path of length {longest}, too long for sample_size {}", self.data.sample_size),
            ))
        }
    }

    fn damaged(&self, field: String, problem: impl Into<String>) -> ForestError {
        damaged(format!("trees[{}].{field}", self.index), problem)
    }

    fn array_lengths(&self) -> Result<(), ForestError> {
        let splits = self.tree.n_splits();
        if splits >= i32::MAX as usize {
            return Err(self.damaged("left".into(), format!("has {splits} entries, more than 32-bit indices allow")));
        }
        let entries = splits * (self.data.extension_level + 1);
        let (classic, extended) = match self.data.extension_level {
            0 => (entries, 0),
            _ => (0, entries),
        };
        for (name, length, expected) in [
            ("right", self.tree.right.len(), splits),
            ("feature", self.tree.feature.len(), entries),
            ("threshold", self.tree.threshold.len(), classic),
            ("normal", self.tree.normal.len(), extended),
            ("intercept", self.tree.intercept.len(), extended),
            ("n_samples", self.tree.n_samples.len(), splits + 1),
        ] {
            if length != expected {
                return Err(self.damaged(
                    name.into(),
                    format!(
                        "has {length} entries, but {splits} splits at extension_level {} need {expected}",
                        self.data.extension_level
                    ),
                ));
            }
        }
        Ok(())
    }

    fn features(&self) -> Result<(), ForestError> {
        let width = self.data.extension_level + 1;
        for (i, &feature) in self.tree.feature.iter().enumerate() {
            if usize::from(feature) >= self.data.n_features {
                return Err(self.damaged(
                    format!("feature[{i}]"),
                    format!("is {feature}, but there are {} features", self.data.n_features),
                ));
            }
            if i % width > 0 && self.tree.feature[i - 1] >= feature {
                return Err(self.damaged(
                    format!("feature[{i}]"),
                    format!("is {feature} after {}, but the features of a split must ascend", self.tree.feature[i - 1]),
                ));
            }
        }
        Ok(())
    }

    /// Checks that every leaf and every split but the root is the child of exactly one earlier split, so that every path
    /// ends at a leaf.
    fn children(&self) -> Result<(), ForestError> {
        let splits = self.tree.n_splits();
        let mut split_seen = vec![false; splits];
        let mut leaf_seen = vec![false; splits + 1];
        for parent in 0..splits {
            for (side, child) in [("left", self.tree.left[parent]), ("right", self.tree.right[parent])] {
                let field = || format!("{side}[{parent}]");
                let seen = match Child::decode(child) {
                    Child::Split(split) if split > parent => split_seen.get_mut(split),
                    Child::Split(_) => {
                        let problem = format!("is {child}, but a split comes after its parent");
                        return Err(self.damaged(field(), problem));
                    }
                    Child::Leaf(leaf) => leaf_seen.get_mut(leaf),
                };
                match seen {
                    None => {
                        let problem = format!("is {child}, but there are {splits} splits and {} leaves", splits + 1);
                        return Err(self.damaged(field(), problem));
                    }
                    Some(true) => {
                        let problem = format!("is {child}, which is also the child of another split");
                        return Err(self.damaged(field(), problem));
                    }
                    Some(seen) => *seen = true,
                }
            }
        }
        // The 2 · splits children are distinct and there are splits − 1 splits and splits + 1 leaves: none is unreachable.
        Ok(())
    }
}
