//! The prediction log: where records go, and its implementation in CSV files.

mod config;
mod csv_log;
mod disk;
mod fault;
mod file;
mod header;
mod lock;
mod recover;
mod telemetry;

#[cfg(test)]
mod tests;

pub use config::{LogConfig, LogPolicy, LogSync};
pub use csv_log::CsvLog;
pub(crate) use disk::{Disk, RealDisk, sync_folder, write_all};
pub use fault::LogFault;
pub(crate) use file::LogFile;
pub use telemetry::LogTelemetry;
pub use telemetry::registered;

use turbine_core::feature::FeatureSet;
use turbine_core::prediction::{LogPosition, PredictionRecord};

/// Where records go. One writer at a time has it.
pub trait RecordLog: Send + 'static {
    /// Appends records in their order, all or none, and returns when they are as safe as the log promises.
    ///
    /// # Errors
    /// If none of them is in the log. After a fault [`maintain`](Self::maintain) finds out when rows can be written again.
    fn append(&mut self, records: &[&PredictionRecord]) -> Result<(), LogFault>;

    /// Does what is due without a record: flushes, rotates, and after a fault tries whether rows could be written now.
    ///
    /// # Errors
    /// If they could not.
    fn maintain(&mut self) -> Result<(), LogFault>;

    /// Sets the log aside and begins a new one, for records of other features.
    ///
    /// # Errors
    /// If that is not possible; the log is then as it was.
    fn begin_anew(&mut self, features: &FeatureSet) -> Result<(), LogFault>;

    /// Where the next record will begin; `None` if that is unknown because of a fault.
    fn position(&self) -> Option<LogPosition>;

    /// Writes what is buffered and lets go of the files.
    ///
    /// # Errors
    /// If accepted records could not be written.
    fn close(&mut self) -> Result<(), LogFault>;
}
