//! A worker on a NATS JetStream cluster: `cargo run -p worker`.

use clap::Parser;
use service::logging;
use std::process::ExitCode;
use worker::config::Config;

fn main() -> ExitCode {
    let config = Config::parse();
    logging::init(config.log_format);
    match worker::execute(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
