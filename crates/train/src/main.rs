//! Trains a model and draws how well it does: `cargo run -p train`.

use clap::Parser;
use train::{Args, run};

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    args.run_as.drop_privileges()?;
    run(&args, &mut std::io::stdout().lock())
}
