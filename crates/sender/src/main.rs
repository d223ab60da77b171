//! Streams simulated or recorded turbine readings to the API: `cargo run -p sender`.

use sender::{Config, SenderError, run, shutdown_signal};
use std::io::{BufWriter, ErrorKind, Write};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let config = Config::read();
    let out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    match run(&config, out, shutdown_signal()).await {
        Ok(report) if report.is_complete() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        // The reader of the output wants no more of it: `sender | head`.
        Err(SenderError::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            // Ignored if standard error is closed too.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
