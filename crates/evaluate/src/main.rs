//! Evaluates a model on a labelled recording: `cargo run -p evaluate`.

use clap::Parser;
use evaluate::{Args, run};
use std::io::{ErrorKind, Write, stderr, stdout};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = Args::parse();
    // Written at the end, so that the files are complete also where the reader leaves early, as in `evaluate | head`.
    let mut text = Vec::new();
    let evaluated = run(&args, &mut text);
    let written = stdout().write_all(&text).or_else(|error| match error.kind() {
        ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    });
    match evaluated.and(written.map_err(anyhow::Error::from)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Ignored if standard error is closed too.
            let _ = writeln!(stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
