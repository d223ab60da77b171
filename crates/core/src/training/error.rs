//! Why a model could not be trained.

use super::{FEWEST_READINGS, MOST_INTEROP_DIFFERENCE};
use crate::forest::ForestError;
use crate::interop::InteropError;
use crate::model::ModelError;
use crate::monitor::{AlarmError, MonitorError};
use crate::threshold::ThresholdError;

/// Why a model could not be trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// Too little data.
    #[error("{0} usable readings are too few to train on; at least {FEWEST_READINGS} are needed")]
    TooFew(usize),
    /// A feature that never changes tells nothing.
    #[error(
        "feature {name:?} has no usable spread in the training readings (standard deviation {std}); leave it out with --features"
    )]
    Constant {
        /// The feature.
        name: String,
        /// Its standard deviation.
        std: f64,
    },
    /// The forest's parameters cannot be used.
    #[error(transparent)]
    Forest(#[from] ForestError),
    /// Forest and neighbours have a classic forest.
    #[error(
        "extension_level is {0}; with neighbours the forest is classic: 0. Leave it out, or choose the forest alone"
    )]
    ExtensionLevel(usize),
    /// A model that was trained here is calibrated by readings that it was not fitted to.
    #[error("the model was trained by this program, which calibrated it; train anew to fit it to other readings")]
    NotImported,
    /// The alarm cannot be set as asked for.
    #[error(transparent)]
    Alarm(#[from] AlarmError),
    /// The monitor cannot do as asked for.
    #[error(transparent)]
    Monitor(#[from] MonitorError),
    /// The threshold cannot be chosen.
    #[error(transparent)]
    Threshold(#[from] ThresholdError),
    /// The threshold needs labels that are not there.
    #[error("the F1-best threshold needs labels; name their column, or choose the threshold by contamination")]
    NoLabels,
    /// The reference implementation cannot be asked.
    #[error(transparent)]
    Interop(#[from] InteropError),
    /// The reference implementation scores otherwise.
    #[error(
        "our scores differ by {0:e} from extended-isolation-forest's for the same trees (at most {MOST_INTEROP_DIFFERENCE:e} is rounding); this is a defect, please report it"
    )]
    Disagreement(f64),
    /// The model does not stand its own proof.
    #[error(transparent)]
    Model(#[from] ModelError),
}
