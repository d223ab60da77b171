//! What a long-running program needs, whatever it serves.

pub mod logging;
pub mod quantity;
pub mod signals;

mod shutdown;

pub use logging::LogFormat;
pub use shutdown::Shutdown;
