//! Runs the shell blocks of the README in order in an empty folder.
//!
//! Three differences: `cargo run -p NAME` runs the program that is built already, ports are free ones, and `cargo test` and
//! `docker` are left out.

use e2e::{clean_command, program, repository};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A stand-in for cargo: runs the program named by `-p` with the arguments behind `--`.
const CARGO: &str = r#"#!/bin/sh
while [ $# -gt 0 ] && [ "$1" != "--" ]; do
    if [ "$1" = "-p" ]; then name=$2; fi
    shift
done
[ $# -gt 0 ] && shift
exec "$PROGRAMS/$name" "$@"
"#;

/// A service started by the README, killed on drop.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_readme_does_what_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin).expect("a folder");
    std::fs::write(bin.join("cargo"), CARGO).expect("a file");
    std::fs::set_permissions(bin.join("cargo"), PermissionsExt::from_mode(0o755)).expect("a program");
    let here = folder.path().join("clone");
    std::fs::create_dir(&here).expect("a folder");

    let readme = std::fs::read_to_string(repository().join("README.md")).expect("there is a README");
    let mut ports = Vec::new();
    let mut services = Vec::new();
    let mut ran = 0;
    let mut printed = String::new();
    for block in shell_blocks(&readme) {
        let mut text = block.clone();
        for (stated, actual) in &ports {
            text = text.replace(&format!(":{stated}"), &format!(":{actual}"));
        }
        match block.lines().next().unwrap_or_default() {
            "cargo test --workspace" => {}
            first if first.starts_with("docker ") || first.starts_with("git clone") => {}
            first if first.contains("-p api") => {
                let stated = if first.contains("--port 5001") { "5001" } else { "5000" };
                let (service, actual) = serve(&text.replace("--port 5001", ""), &bin, &here);
                services.push(service);
                ports.push((stated.to_owned(), actual));
            }
            _ => {
                let output = bash(&point_sender(&text, &ports), &bin, &here).output().expect("bash runs");
                let (stdout, stderr) =
                    (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
                assert!(output.status.success(), "{block}\n{}\n{stdout}\n{stderr}", output.status);
                printed += &stdout;
                ran += 1;
            }
        }
    }
    assert_eq!((services.len(), ran >= 5), (2, true), "the README has other blocks than this test expects");
    for picture in ["anomalies_over_time", "anomalies_over_time_from_log", "bubble_scatter_pred"] {
        for outputs in ["outputs", "outputs/mine"] {
            let path = here.join(outputs).join(format!("{picture}.png"));
            assert!(path.exists(), "{} was not drawn", path.display());
        }
    }
    // Three valid readings by curl, 20 and 5,000 by the sender; the fourth by curl is refused.
    assert_eq!(rows(&here.join("outputs/predictions_log.csv")), 3 + 20 + 5_000);
    assert_eq!(rows(&here.join("outputs/mine/predictions_log.csv")), 1_440);
    // One alarm, raised and cleared, that bearing_temp is behind.
    let alarms = std::fs::read_to_string(here.join("outputs/mine/alarms.csv")).expect("there are alarms");
    let alarms: Vec<&str> = alarms.lines().skip(1).collect();
    assert_eq!(alarms.len(), 2, "{alarms:#?}");
    assert!(alarms.iter().all(|alarm| alarm.contains("bearing_temp")), "{alarms:#?}");
    assert!(printed.contains("alarms_raised=1 alarms_false=0"), "{printed}");
    // The twenty readings at the pace of sensors have an anomaly among the first ten.
    let lines: Vec<&str> = printed.lines().filter(|line| line.starts_with("[200] anom=")).collect();
    assert_eq!((lines.len(), lines[..10].iter().any(|line| line.contains("anom=True"))), (20, true), "{lines:#?}");
}

/// The shell blocks of the README.
fn shell_blocks(readme: &str) -> Vec<String> {
    readme.split("\n```sh\n").skip(1).filter_map(|rest| Some(rest.split_once("\n```")?.0.to_owned())).collect()
}

/// Sets the sender's address: its default contains the port that is replaced.
fn point_sender(text: &str, ports: &[(String, String)]) -> String {
    match ports.first() {
        Some((_, port)) => format!("export API_URL=http://localhost:{port}/predict\n{text}"),
        None => text.to_owned(),
    }
}

fn bash(text: &str, bin: &Path, here: &Path) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let programs = program("api");
    let mut command = clean_command("bash", here);
    command
        .args(["-euo", "pipefail", "-c", text])
        .env("PATH", format!("{}:{path}", bin.display()))
        .env("PROGRAMS", programs.parent().expect("programs lie in a folder"))
        .stdin(Stdio::null());
    command
}

/// Starts the service of a block on a free port and waits until it listens.
fn serve(text: &str, bin: &Path, here: &Path) -> (Service, String) {
    let mut command = bash(&format!("exec {text}"), bin, here);
    let mut child = command.env("API_PORT", "0").stdout(Stdio::piped()).spawn().expect("bash runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    let service = Service(child);
    let port = line.trim().strip_prefix("listening on http://127.0.0.1:").expect("the promised line").to_owned();
    (service, port)
}

fn rows(log: &Path) -> usize {
    std::fs::read_to_string(log).expect("there is a log").lines().skip(1).count()
}
