//! A running service and its answers.

use crate::programs::{clean_command, program};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a test waits for an event before it fails.
pub(crate) const EVENT_TIMEOUT: Duration = Duration::from_secs(120);

/// A service that runs in a folder of its own on a free port, killed on drop.
#[derive(Debug)]
pub struct Api {
    child: Child,
    folder: PathBuf,
    url: String,
}

/// An answer of the service.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; bytes that are not UTF-8 are replaced.
    pub body: String,
}

impl Answered {
    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("not JSON: {error}: {}", self.body))
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

impl Api {
    /// Starts the service in `folder` with further `args` and waits until it listens.
    ///
    /// # Panics
    /// If it does not listen; its standard error is shown.
    pub fn start(folder: &Path, args: &[&str]) -> Self {
        Self::start_with(folder, args, &[])
    }

    /// The same, with environment variables.
    ///
    /// # Panics
    /// As [`Api::start`].
    pub fn start_with(folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
        Self::start_on(0, folder, args, env)
    }

    /// The same, on that port.
    ///
    /// # Panics
    /// As [`Api::start`].
    pub fn start_on(port: u16, folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
        Self::start_program("api", port, folder, args, env)
    }

    /// The same, with another program that takes `--port` and prints where it listens.
    ///
    /// # Panics
    /// As [`Api::start`].
    pub fn start_program(name: &str, port: u16, folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
        let log = std::fs::File::create(folder.join("api.stderr")).expect("the folder can be written to");
        let mut child = clean_command(program(name), folder)
            .args(["--port", &port.to_string()])
            .args(args)
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let mut first = String::new();
        let stdout = child.stdout.take().expect("standard output is piped");
        BufReader::new(stdout).read_line(&mut first).expect("standard output can be read");
        let Some(url) = first.trim().strip_prefix("listening on ") else {
            let ended = child.wait();
            let stderr = std::fs::read_to_string(folder.join("api.stderr")).unwrap_or_default();
            panic!("{name} did not listen ({ended:?}): {first}{stderr}");
        };
        Api { url: url.to_owned(), child, folder: folder.to_owned() }
    }

    /// The URL of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The port.
    ///
    /// # Panics
    /// If the address has none.
    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("an address ends with a port")
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The path of the prediction log.
    pub fn log(&self) -> PathBuf {
        self.folder.join("outputs/predictions_log.csv")
    }

    /// The standard error of the service so far.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(self.folder.join("api.stderr")).unwrap_or_default()
    }

    /// The rows of the prediction log, without its header.
    ///
    /// # Panics
    /// If there is no log.
    pub fn rows(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.log()).expect("there is a prediction log");
        text.lines().skip(1).map(str::to_owned).collect()
    }

    /// `GET path`
    pub fn get(&self, path: &str) -> Answered {
        self.request("GET", path, &[], "")
    }

    /// `POST path` with a body declared as JSON.
    pub fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Answered {
        self.request("POST", path, &[("content-type", "application/json")], body)
    }

    /// The JSON counters of `/metrics`.
    pub fn counters(&self) -> Value {
        self.get("/metrics").json()
    }

    /// The Prometheus samples of `/metrics` by name with labels.
    ///
    /// # Panics
    /// If a line is not a sample.
    pub fn figures(&self) -> BTreeMap<String, f64> {
        let text = self.request("GET", "/metrics", &[("accept", "text/plain;version=0.0.4")], "").body;
        let figure = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| figure(line).unwrap_or_else(|| panic!("not a sample: {line}"))).collect()
    }

    /// A value of `/proc/PID/status`, such as `VmHWM` in kB.
    ///
    /// # Panics
    /// If there is none of that name.
    pub fn proc_status(&self, name: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.id())).expect("the process is there");
        let line = text.lines().find(|line| line.starts_with(name)).expect("the figure is there");
        line.split_whitespace().nth(1).and_then(|figure| figure.parse().ok()).expect("the figure is a number")
    }

    /// Sends a request.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answered {
        let body = body.as_ref();
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(EVENT_TIMEOUT))
            .build()
            .into();
        let mut request = ureq::http::Request::builder().method(method).uri(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = if body.is_empty() && method != "POST" {
            agent.run(request.body(()).expect("a request"))
        } else {
            agent.run(request.body(body).expect("a request"))
        };
        let mut answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let header = |(name, value): (&ureq::http::HeaderName, &ureq::http::HeaderValue)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let headers = answer.headers().iter().map(header).collect();
        let mut body = Vec::new();
        answer.body_mut().as_reader().read_to_end(&mut body).expect("a body");
        let body = String::from_utf8_lossy(&body).into_owned();
        Answered { status: answer.status().as_u16(), headers, body }
    }

    /// Sends SIGTERM and waits until the service has ended.
    ///
    /// # Panics
    /// If it does not stop.
    pub fn terminate(self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Waits until the service has ended.
    ///
    /// # Panics
    /// If it does not.
    pub fn wait(mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the process can be waited for") {
                return status;
            }
            assert!(started.elapsed() < EVENT_TIMEOUT, "api does not stop:\n{}", self.stderr());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Lets the files of the process grow to `bytes` and no further; `None` = without limit.
    ///
    /// # Panics
    /// If the system refuses.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let pid = i32::try_from(self.id()).ok().and_then(Pid::from_raw).expect("a process id");
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(pid), Resource::Fsize, limit).expect("the limit of a child can be set");
    }

    /// The size of the prediction log in bytes; 0 if there is none.
    pub fn log_len(&self) -> u64 {
        std::fs::metadata(self.log()).map_or(0, |log| log.len())
    }

    /// Sends the process a signal.
    ///
    /// # Panics
    /// If that is not possible.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status();
        assert!(sent.expect("kill runs").success(), "kill -{name} failed");
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        // It may have ended already; an error here would hide why a test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
