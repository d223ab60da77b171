//! Draws the prediction log: `cargo run -p viz`.

use clap::Parser;
use std::io::{Write, stderr, stdout};
use std::process::ExitCode;
use turbine_core::closed_pipe::UntilClosed;
use viz::report::{Args, run};

fn main() -> ExitCode {
    let args = Args::parse();
    let drop_privileges = args.run_as.drop_privileges().map_err(anyhow::Error::from);
    match drop_privileges.and_then(|()| run(&args, &mut UntilClosed::new(stdout().lock()))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Ignored if standard error is closed too.
            let _ = writeln!(stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
