//! Our programs: built once per test process, run in a known environment.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The variables of the test process that a program inherits. All others are left out: many of our settings, proxies and
/// locales would change what a program does.
const INHERITED: [&str; 3] = ["PATH", "HOME", "TMPDIR"];

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies in the repository")
}

/// The path of one of our programs: built from the working tree with the profile of the tests or, if `E2E_PROGRAMS` names
/// a folder, taken from there.
///
/// # Panics
/// If the workspace cannot be built.
pub fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| match std::env::var_os("E2E_PROGRAMS") {
        Some(folder) => folder.into(),
        None => build(),
    });
    folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// Builds all programs beside this test, which lies in `TARGET_DIR[/TRIPLE]/PROFILE/deps`, and returns their folder.
fn build() -> PathBuf {
    let this = std::env::current_exe().expect("a test knows its own path");
    let folder = this.ancestors().nth(2).expect("a test lies in the target folder");
    let parent = folder.parent().expect("a profile lies in the target folder");
    let profile = match folder.file_name().and_then(OsStr::to_str) {
        Some("debug") => "dev",
        profile => profile.expect("a profile has a name"),
    };
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(repository()).args(["build", "--workspace", "--bins", "--locked", "--quiet"]);
    build.args(["--profile", profile]);
    // Cargo marks the target folder itself, not the folder of a triple in it.
    if parent.join("CACHEDIR.TAG").exists() {
        build.arg("--target-dir").arg(parent);
    } else {
        let target_dir = parent.parent().expect("a triple lies in the target folder");
        build.arg("--target-dir").arg(target_dir);
        build.arg("--target").arg(parent.file_name().expect("a triple has a name"));
    }
    assert!(build.status().expect("cargo runs").success(), "the workspace does not build");
    folder.to_owned()
}

/// What a program that ended left behind.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Runs one of our programs to its end, in `folder`, with no variables set but `env` and those of [`clean_command`].
///
/// # Panics
/// If it cannot be started.
pub fn run(name: &str, folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Finished {
    let output = clean_command(program(name), folder)
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

/// A command in `folder` whose environment holds `PATH`, `HOME` and `TMPDIR` and nothing else.
pub fn clean_command(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env_clear();
    command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_sees_no_variable_of_the_test_process() {
        let output = clean_command("env", Path::new("/")).env("API_PORT", "0").output().expect("env runs");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let names: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
        // Cargo sets CARGO_MANIFEST_DIR and more for every test.
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
        assert!(names.contains(&"API_PORT") && names.contains(&"PATH"), "{names:?}");
        assert!(names.iter().all(|name| *name == "API_PORT" || INHERITED.contains(name)), "{names:?}");
    }
}
