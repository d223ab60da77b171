//! What may come before and after the model in service: the files in its folder, a shadow that scores the same readings, and
//! the rule by which a promoted model is taken back.

mod comparison;
mod folder;
mod rule;
mod shadow;
mod telemetry;

pub use comparison::Comparison;
pub use folder::{FileState, ListedModel, ModelSummary};
pub use rule::{Figure, RollbackRule};
pub use shadow::{ShadowRole, ShadowStatus};

pub(crate) use folder::{FolderStanding, ModelFolder};
pub(crate) use rule::Trial;
pub(crate) use shadow::{Beginning, Shadow, ShadowSlot};
pub(crate) use telemetry::LifecycleCounters;
