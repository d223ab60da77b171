//! Who may import whom (see ARCHITECTURE.md), held by reading manifests and sources.

#![allow(clippy::unwrap_used)]

mod modules;
mod packages;
mod source;

use e2e::repository;
use modules::Modules;
use packages::packages;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The longest that a source file may be, in lines.
const MAX_LINES: usize = 400;

/// The longest that a program's `main.rs` may be, in lines: it is a table of contents.
const MAX_LINES_OF_MAIN: usize = 40;

/// Every folder in `crates/`, and which of our packages it may depend on.
const CRATES: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("privileges", &[]),
    ("pipeline", &["turbine-core"]),
    ("service", &[]),
    ("api", &["cluster", "notify", "pipeline", "privileges", "service", "turbine-core"]),
    ("worker", &["cluster", "pipeline", "service", "turbine-core"]),
    ("cluster", &["turbine-core"]),
    ("intake", &["turbine-core"]),
    ("evaluate", &["intake", "turbine-core", "viz"]),
    ("sender", &["cluster", "intake", "tls", "turbine-core"]),
    ("tls", &[]),
    ("notify", &["pipeline", "tls", "turbine-core"]),
    ("train", &["intake", "privileges", "turbine-core", "viz"]),
    ("viz", &["privileges", "turbine-core"]),
];

/// Packages that bring readings in or answers out.
const TRANSPORTS: &[&str] = &[
    "async-nats",
    "axum",
    "http",
    "http-body",
    "http-body-util",
    "hyper",
    "hyper-util",
    "reqwest",
    "rumqttc",
    "socket2",
    "tower",
    "tower-http",
    "tower-layer",
    "tower-service",
    "tungstenite",
    "ureq",
    "utoipa",
    "utoipa-axum",
    "utoipa-swagger-ui",
];

/// Modules of the standard library and of tokio that open sockets.
const SOCKETS: &[&str] = &["std::net", "std::os::unix::net", "tokio::net"];

/// Rooms of the core that calculate with numbers and know none of its types.
const MATHEMATICS: &[&str] = &["crate::matrix", "crate::quantile"];

/// All Rust files below a folder.
///
/// # Panics
/// If there are none.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty(), "there are no sources in {}", folder.display());
    files
}

fn modules_of(package: &str) -> Modules {
    Modules::read(&repository().join("crates").join(package).join("src"))
}

/// Whether `path` is `prefix` or lies below it.
fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn is_below_any(path: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| is_below(path, prefix))
}

/// Asserts that a room of a crate, `""` for all of it, names nothing that is forbidden.
fn assert_names_none(package: &str, room: &str, is_forbidden: impl Fn(&str) -> bool) {
    let named = modules_of(package).named_outside(room);
    let forbidden: Vec<&String> = named.iter().filter(|path| is_forbidden(path)).collect();
    assert!(forbidden.is_empty(), "crates/{package}/src/{room} names {forbidden:?}");
}

/// Asserts that a room of the core names no other rooms than these.
fn assert_names_only(room: &str, allowed: &[&str]) {
    assert_names_none("core", room, |path| is_below(path, "crate") && !is_below_any(path, allowed));
}

/// Asserts that the manifest of a package in `crates/` names none of these.
fn assert_depends_on_none(folder: &str, forbidden: &[&str]) {
    let package = packages().into_iter().find(|package| package.folder == folder);
    let dependencies = package.unwrap_or_else(|| panic!("there is no crates/{folder}")).dependencies;
    let found: Vec<&&str> = forbidden.iter().filter(|name| dependencies.contains(**name)).collect();
    assert!(found.is_empty(), "crates/{folder} depends on {found:?}");
}

#[test]
fn every_crate_has_a_rule() {
    let folders: BTreeSet<String> = packages().into_iter().map(|package| package.folder).collect();
    let rules: BTreeSet<String> = CRATES.iter().map(|(folder, _)| (*folder).to_owned()).collect();
    assert_eq!(folders, rules, "folders in crates/ on the left, CRATES on the right");
}

#[test]
fn crates_depend_only_on_those_that_they_may_know() {
    let packages = packages();
    let is_ours = |name: &&String| *name == "e2e" || packages.iter().any(|package| package.name == **name);
    for package in &packages {
        let rule = CRATES.iter().find(|(folder, _)| *folder == package.folder);
        let (folder, allowed) = rule.unwrap_or_else(|| panic!("crates/{} has no rule", package.folder));
        let ours = package.dependencies.iter().filter(is_ours);
        let refused: Vec<&String> = ours.filter(|name| !allowed.contains(&name.as_str())).collect();
        assert!(refused.is_empty(), "crates/{folder} depends on {refused:?}");
    }
}

#[test]
fn the_core_has_no_transport_no_clock_no_environment_and_no_chance_of_its_own() {
    assert_depends_on_none("core", TRANSPORTS);
    assert_depends_on_none("core", &["tokio"]);
    let forbidden = [
        "std::env",
        "std::time::SystemTime",
        "std::time::Instant",
        "SystemTime::now",
        "Instant::now",
        "jiff::Timestamp::now",
        "jiff::Zoned::now",
        "Timestamp::now",
        "Zoned::now",
        "rand::rng",
        "rand::random",
        "rand::thread_rng",
        "rand::rngs::ThreadRng",
        "rand::rngs::StdRng",
        "StdRng::from_os_rng",
    ];
    assert_names_none("core", "", |path| is_below_any(path, &forbidden) || is_below_any(path, SOCKETS));
}

#[test]
fn the_pipeline_names_no_transport() {
    assert_depends_on_none("pipeline", TRANSPORTS);
    assert_names_none("pipeline", "", |path| is_below_any(path, SOCKETS));
}

#[test]
fn the_forest_sees_rows_of_numbers_only() {
    assert_names_only("forest", &["crate::forest"]);
}

#[test]
fn the_detector_knows_the_forest_only() {
    let rooms = ["crate::detector", "crate::forest", "crate::scaler", "crate::feature::MAX_FEATURES"];
    assert_names_only("detector", &[&rooms, MATHEMATICS].concat());
}

#[test]
fn the_monitor_sees_scores_times_and_values_only() {
    let rooms = ["crate::monitor", "crate::prediction", "crate::reading", "crate::feature", "crate::sensors"];
    assert_names_only("monitor", &[&rooms, MATHEMATICS].concat());
}

#[test]
fn drift_sees_values_only() {
    assert_names_only("drift", &["crate::drift", "crate::sensors::SensorSet"]);
}

#[test]
fn the_mathematics_sees_numbers_only() {
    for room in ["matrix", "quantile"] {
        assert_names_only(room, MATHEMATICS);
    }
}

#[test]
fn the_evaluation_sees_scores_and_labels_only() {
    assert_names_only("evaluation", &["crate::evaluation"]);
}

#[test]
fn the_routes_name_neither_csv_nor_files() {
    let forbidden = ["csv", "std::fs", "tokio::fs", "std::path", "std::os"];
    assert_names_none("api", "routes", |path| is_below_any(path, &forbidden));
}

#[test]
fn no_crate_has_a_circle_of_imports() {
    let circles = packages().into_iter().flat_map(|package| {
        let circles = modules_of(&package.folder).circles();
        circles.into_iter().map(move |circle| format!("crates/{}: {circle}", package.folder))
    });
    let circles: Vec<String> = circles.collect();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn no_source_is_too_long() {
    for path in ["crates", "tests"].into_iter().flat_map(|folder| files_below(&repository().join(folder))) {
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        let limit = if path.ends_with("src/main.rs") { MAX_LINES_OF_MAIN } else { MAX_LINES };
        assert!(lines <= limit, "{} has {lines} lines (limit {limit})", path.display());
    }
}

#[test]
fn a_path_lies_below_whole_segments() {
    assert!(is_below("std::fs::File", "std::fs") && is_below("csv", "csv") && !is_below("csv_rows::x", "csv"));
}
