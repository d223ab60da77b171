//! The service's own log lines, on standard error.

use clap::ValueEnum;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// Text for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Default log filter, overridden by `RUST_LOG`. Leaves out the NATS client's line for each attempt to connect: the
/// programs log changes of the connection themselves.
const LEVELS: &str = "info,async_nats=warn";

/// Sends log lines to standard error, from level INFO on or as `RUST_LOG` says.
pub fn init(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LEVELS));
    let terminal = std::io::stderr().is_terminal();
    // A line that cannot be written, for instance to a full disk, is lost. To complain of it on standard error would fail
    // as well, and end the request that wrote the line.
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    match format {
        LogFormat::Json => lines.json().flatten_event(true).init(),
        LogFormat::Auto if !terminal => lines.json().flatten_event(true).init(),
        LogFormat::Auto | LogFormat::Text => lines.with_ansi(terminal).with_target(false).init(),
    }
}
