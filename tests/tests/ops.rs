//! What `ops/` gives to an operator's monitoring, tried with a real Prometheus. Where there is none, a test says `NOT RUN`; with
//! `E2E_PROMETHEUS=1` it fails.

#![allow(clippy::unwrap_used)]

use e2e::{ANOMALY, Api, NORMAL, Receiver, eventually, folder_with_model, not_run, repository};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

const NEEDED: &str = "E2E_PROMETHEUS";

/// A Prometheus that scrapes one service every second, ended on drop.
struct Prometheus {
    process: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Starts one with the configuration and the rules of `ops/`, and waits until it has scraped the service.
    fn start(api: &Api) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let configuration = std::fs::read_to_string(ops("prometheus.yml")).unwrap();
        let configuration = configuration.replace("localhost:5000", api.address()).replace("15s", "1s");
        std::fs::write(folder.path().join("prometheus.yml"), configuration).unwrap();
        std::fs::copy(ops("alerts.yml"), folder.path().join("alerts.yml")).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let process = Command::new("prometheus")
            .current_dir(folder.path())
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let prometheus = Prometheus { process, url: format!("http://{address}/api/v1"), _folder: folder };
        eventually("Prometheus has scraped the service", || prometheus.numbers("up == 1") == [1.0]);
        prometheus
    }

    /// The answer to a call of its interface; `None` while it is starting.
    fn get(&self, call: &str, query: &[(&str, &str)]) -> Option<Value> {
        let request = ureq::get(format!("{}/{call}", self.url)).query_pairs(query.iter().copied());
        request.call().ok()?.body_mut().read_json().ok()
    }

    /// The numbers of the series that a query returns now.
    fn numbers(&self, query: &str) -> Vec<f64> {
        let Some(answer) = self.get("query", &[("query", query)]) else { return Vec::new() };
        let series = answer["data"]["result"].as_array().unwrap_or_else(|| panic!("{query}: {answer}"));
        series.iter().map(|series| series["value"][1].as_str().unwrap().parse().unwrap()).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn ops(file: &str) -> PathBuf {
    repository().join("ops").join(file)
}

/// Whether Prometheus's programs are installed; says so if not.
fn is_installed() -> bool {
    let is_installed = Command::new("promtool").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !is_installed {
        assert!(std::env::var_os(NEEDED).is_none(), "{NEEDED} is set, and there is no promtool");
        not_run("the monitoring needs Prometheus (Debian: apt-get install prometheus)");
    }
    is_installed
}

/// Runs promtool with that standard input; panics with its words if it finds fault.
fn promtool(args: &[&str], file: Option<&Path>, input: &str) {
    let mut promtool = Command::new("promtool");
    promtool.args(args).args(file).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = promtool.spawn().unwrap();
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    assert!(output.status.success(), "promtool {args:?}: {said}");
}

/// The queries of the dashboard's panels, for any instance.
fn dashboard_queries() -> Vec<String> {
    fn collect(value: &Value, queries: &mut Vec<String>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, member)| match member {
                Value::String(query) if name == "expr" => queries.push(query.replace("$instance", ".*")),
                member => collect(member, queries),
            }),
            Value::Array(items) => items.iter().for_each(|item| collect(item, queries)),
            _ => {}
        }
    }
    let text = std::fs::read_to_string(ops("grafana/turbines.json")).unwrap();
    let mut queries = Vec::new();
    collect(&serde_json::from_str(&text).unwrap(), &mut queries);
    queries
}

/// The names of the metrics in a query that are the service's.
fn metrics(query: &str) -> BTreeSet<String> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("turbine_") || word.starts_with("process_")).map(str::to_owned).collect()
}

#[test]
fn prometheus_accepts_the_metrics_and_the_rules() {
    if !is_installed() {
        return;
    }
    promtool(&["check", "rules"], Some(&ops("alerts.yml")), "");
    promtool(&["test", "rules"], Some(&ops("alerts_test.yml")), "");
    promtool(&["check", "config"], Some(&ops("prometheus.yml")), "");
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    api.post("/predict", NORMAL);
    let metrics = api.request("GET", "/metrics", &[("accept", "text/plain")], "");
    promtool(&["check", "metrics"], None, &metrics.body);
}

#[test]
fn every_panel_shows_something_and_every_alert_asks_for_what_there_is() {
    if !is_installed() {
        return;
    }
    let folder = folder_with_model();
    // With fsync there are durations of it to show, and with a receiver counts of what it was told.
    let receiver = Receiver::start();
    let url = format!("http://{}/", receiver.address());
    let api = Api::start(folder.path(), &["--log-sync", "fsync", "--notify", &url]);
    let queries = dashboard_queries();
    assert!(queries.len() > 10, "{queries:?}");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Rates need readings between two scrapes.
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                for reading in [NORMAL, ANOMALY] {
                    api.post("/predict", reading);
                }
            }
        });
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let prometheus = Prometheus::start(&api);
            for query in &queries {
                eventually(query, || prometheus.numbers(query).iter().any(|number| number.is_finite()));
            }
            let rules = prometheus.get("rules", &[]).unwrap();
            let groups = rules["data"]["groups"].as_array().unwrap().iter();
            let rules: Vec<&Value> = groups.flat_map(|group| group["rules"].as_array().unwrap()).collect();
            assert!(!rules.is_empty());
            for rule in rules {
                let query = rule["query"].as_str().unwrap();
                for metric in metrics(query) {
                    assert!(!prometheus.numbers(&format!("count({metric})")).is_empty(), "{}: {metric}", rule["name"]);
                }
            }
        }));
        is_over.store(true, Ordering::Relaxed);
        checked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}
