//! The REST service: `cargo run -p api`.

use anyhow::{Context, Result};
use api::config::{Command, Config};
use api::{health_check, serve, signals, startup};
use clap::Parser;
use service::logging;
use std::process::ExitCode;
use std::thread::available_parallelism;

fn main() -> ExitCode {
    let config = Config::parse();
    logging::init(config.log_format);
    match execute(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(config: &Config) -> Result<()> {
    config.run_as.drop_privileges()?;
    if let Some(Command::Health) = config.command {
        return health_check::ask(config);
    }
    // At least two, so that a prediction log that stalls one of them leaves another to answer.
    let workers = available_parallelism().map_or(2, usize::from).max(2);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build();
    runtime.context("cannot start the runtime")?.block_on(async {
        let app = startup::app(config)?;
        let listener = startup::listen(config).await?;
        signals::listen(app.shutdown.clone(), app.pipeline.clone())?;
        app.pipeline.watch_model(config.watch_model.unwrap_or_default());
        serve::serve(listener, app).await
    })
}
