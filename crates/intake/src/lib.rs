//! What the programs that read recordings share: the flags that say how a file is written, the lines that say what was
//! read of it, and the progress of what takes long.

mod args;
mod progress;
mod report;
mod source;

pub use args::{FormArgs, column, range};
pub use progress::Progress;
pub use report::{columns, form, sentinels};
pub use source::{source, stream};
