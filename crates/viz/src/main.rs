//! Draws the prediction log: `cargo run -p viz`.

use clap::Parser;
use viz::report::{Args, run};

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    args.run_as.drop_privileges()?;
    run(&args, &mut std::io::stdout().lock())
}
