//! Streams simulated or recorded turbine readings at the API: `cargo run -p sender`.

use clap::Parser;
use sender::{Config, run, shutdown_signal};
use std::io::BufWriter;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let config = Config::parse();
    let out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    match run(&config, out, shutdown_signal()).await {
        Ok(report) if report.is_complete() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
