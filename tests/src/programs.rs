//! The programs, built once a test run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies in the repository")
}

/// The path of one of our programs, as it is in the working tree now or, if `E2E_PROGRAMS` names a folder, as it lies
/// there: what is shipped can be tested as it is.
///
/// # Panics
/// If the workspace cannot be built.
pub fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        if let Some(folder) = std::env::var_os("E2E_PROGRAMS") {
            return folder.into();
        }
        let mut build = Command::new(env!("CARGO"));
        build.current_dir(repository()).args(["build", "--workspace", "--bins", "--quiet"]);
        let this = std::env::current_exe().expect("a test knows its own path");
        // target/PROFILE/deps/test-name
        let folder = this.ancestors().nth(2).expect("a test lies in the target folder").to_owned();
        if folder.ends_with("release") {
            build.arg("--release");
        }
        let target = folder.parent().expect("a profile lies in the target folder");
        let built = build.arg("--target-dir").arg(target).status().expect("cargo runs");
        assert!(built.success(), "the workspace does not build");
        folder
    });
    folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// What a program left behind.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// Runs a program to its end, in `folder`, with none of our variables set but `env`.
///
/// # Panics
/// If it cannot be started.
pub fn run(name: &str, folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Finished {
    let output = clean(Command::new(program(name)), folder)
        .args(args)
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A command in `folder` that does not see what the environment of the tests happens to say to our programs.
pub(crate) fn clean(mut command: Command, folder: &Path) -> Command {
    command.current_dir(folder);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().into_owned();
        if ["API_", "LOG_", "SENDER_", "MODEL_", "OUTPUTS_", "TRAIN_", "MAX_"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
        {
            command.env_remove(name);
        }
    }
    command.env_remove("RUST_LOG");
    command
}
