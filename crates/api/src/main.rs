//! The REST service: `cargo run -p api`.

use anyhow::{Context, Result};
use api::config::{Command, Config};
use api::lanes::Lanes;
use api::{health_check, logging, serve, startup};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let config = Config::parse();
    logging::init(config.log_format);
    match obey(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn obey(config: &Config) -> Result<()> {
    config.run_as.drop_privileges()?;
    match &config.command {
        Some(Command::Health) => health_check::ask(config),
        None => run(config),
    }
}

fn run(config: &Config) -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(async {
        let app = startup::app(config)?;
        let lanes = Lanes::start()?;
        let listener = startup::listen(config).await?;
        serve::serve(listener, &lanes, app, &config.limits, serve::shutdown_signal()?).await
    })
}
