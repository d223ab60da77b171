//! A fake API that can misbehave like a service or a network, and the real sender as a child process.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses a part")]

use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request for predictions.
pub struct Request {
    /// Its number among all such requests, from 0.
    pub number: usize,
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
    pub readings: Vec<Value>,
}

impl Request {
    pub fn is_ndjson(&self) -> bool {
        self.headers["content-type"] == "application/x-ndjson"
    }
}

/// The answer to such a request.
pub enum Reply {
    /// Scores: a hundredth of the feature `a`, or 0.4 without it; anomalous above 0.5.
    Scores,
    /// This status, these headers and this body.
    Status(u16, &'static str, Value),
    /// One NDJSON line per reading; `None` scores it.
    Lines(Vec<Option<Value>>),
    /// The scores of this many readings, then the connection is closed.
    BreakAfter(usize),
    /// No answer until the client closes the connection.
    Silence,
}

type Behaviour = dyn Fn(&Request) -> Reply + Send + Sync;

pub struct FakeApi {
    pub address: SocketAddr,
    /// The readings that were scored, in order.
    pub scored: Arc<Mutex<Vec<Value>>>,
    /// The requests for predictions.
    pub requests: Arc<Mutex<Vec<Arc<Request>>>>,
    /// The answer to `/drift`; without one it is 404.
    pub drift: Arc<Mutex<Option<Value>>>,
}

impl FakeApi {
    /// Listens on a free port; `model` is the answer to `/model/info`.
    pub fn start(model: Value, behaviour: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        FakeApi::on(TcpListener::bind("127.0.0.1:0").unwrap(), model, behaviour)
    }

    pub fn on(
        listener: TcpListener,
        model: Value,
        behaviour: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let api = FakeApi { address, scored: Arc::default(), requests: Arc::default(), drift: Arc::default() };
        let (scored, requests, drift) = (Arc::clone(&api.scored), Arc::clone(&api.requests), Arc::clone(&api.drift));
        let behaviour: Arc<Behaviour> = Arc::new(behaviour);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (scored, requests) = (Arc::clone(&scored), Arc::clone(&requests));
                let (behaviour, model, drift) = (Arc::clone(&behaviour), model.clone(), Arc::clone(&drift));
                // Ends when the client closes the connection.
                thread::spawn(move || serve(stream.unwrap(), &scored, &requests, &*behaviour, &model, &drift));
            }
        });
        api
    }

    /// A service that scores every reading.
    pub fn healthy(model: Value) -> Self {
        FakeApi::start(model, |_| Reply::Scores)
    }

    /// The values of `key` in the readings that were scored, sorted.
    pub fn scored(&self, key: &str) -> Vec<f64> {
        let mut values: Vec<f64> =
            self.scored.lock().unwrap().iter().map(|reading| reading[key].as_f64().unwrap()).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    pub fn requests(&self) -> Vec<Arc<Request>> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: TcpStream,
    scored: &Mutex<Vec<Value>>,
    requests: &Mutex<Vec<Arc<Request>>>,
    behaviour: &Behaviour,
    model: &Value,
    drift: &Mutex<Option<Value>>,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut first = String::new();
        reader.read_line(&mut first).ok()?;
        let path = first.split(' ').nth(1)?.to_owned();
        let headers: HashMap<String, String> = reader
            .by_ref()
            .lines()
            .map_while(|line| line.ok().filter(|line| !line.is_empty()))
            .filter_map(|line| line.split_once(": ").map(|(key, value)| (key.to_lowercase(), value.to_owned())))
            .collect();
        let mut body = vec![0; headers.get("content-length").map_or(0, |length| length.parse().unwrap())];
        reader.read_exact(&mut body).ok()?;
        match path.as_str() {
            "/health" => answer(&mut stream, 200, "", &json!({"status": "healthy", "model_loaded": true}).to_string())?,
            "/model/info" => answer(&mut stream, 200, "", &model.to_string())?,
            "/drift" => match &*drift.lock().unwrap() {
                Some(drift) => answer(&mut stream, 200, "", &drift.to_string())?,
                None => answer(&mut stream, 404, "", &json!({"error": "no such path: /drift"}).to_string())?,
            },
            _ => {
                let ndjson = headers["content-type"] == "application/x-ndjson";
                let readings = readings(&path, ndjson, &body);
                let request = {
                    let mut requests = requests.lock().unwrap();
                    let request = Arc::new(Request { number: requests.len(), path, headers, body, readings });
                    requests.push(Arc::clone(&request));
                    request
                };
                let reply = behaviour(&request);
                reply_with(&mut stream, reply, &request, scored)?;
            }
        }
    }
}

fn readings(path: &str, ndjson: bool, body: &[u8]) -> Vec<Value> {
    if ndjson {
        let lines = body.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        return lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
    }
    let body: Value = serde_json::from_slice(body).unwrap();
    if path == "/predict" { vec![body] } else { body["readings"].as_array().unwrap().clone() }
}

fn reply_with(stream: &mut TcpStream, reply: Reply, request: &Request, scored: &Mutex<Vec<Value>>) -> Option<()> {
    let readings = &request.readings;
    let take = |readings: &[Value]| scored.lock().unwrap().extend_from_slice(readings);
    match reply {
        Reply::Scores => {
            take(readings);
            let scores: Vec<Value> = readings.iter().map(score).collect();
            let body = if request.is_ndjson() {
                lines(&scores)
            } else if request.path == "/predict" {
                scores[0].to_string()
            } else {
                json!({"predictions": scores}).to_string()
            };
            answer(stream, 200, "", &body)
        }
        Reply::Status(status, headers, body) => answer(stream, status, headers, &body.to_string()),
        Reply::Lines(given) => {
            let line = |(reading, given): (&Value, Option<Value>)| {
                given.unwrap_or_else(|| {
                    take(std::slice::from_ref(reading));
                    score(reading)
                })
            };
            let given: Vec<Value> = readings.iter().zip(given).map(line).collect();
            answer(stream, 200, "", &lines(&given))
        }
        Reply::BreakAfter(n) => {
            take(&readings[..n]);
            let body = lines(&readings[..n].iter().map(score).collect::<Vec<_>>());
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len() + 1);
            stream.write_all((head + &body).as_bytes()).ok()?;
            stream.shutdown(Shutdown::Both).ok()?;
            None
        }
        Reply::Silence => {
            let _ = stream.read(&mut [0]);
            None
        }
    }
}

fn score(reading: &Value) -> Value {
    let score = reading["a"].as_f64().map_or(0.4, |a| a / 100.0);
    json!({"timestamp": "2026-01-01T00:00:00Z", "is_anomaly": score > 0.5, "anomaly_score": score, "threshold": 0.5})
}

fn lines(values: &[Value]) -> String {
    values.iter().map(|value| value.to_string() + "\n").collect()
}

fn answer(stream: &mut TcpStream, status: u16, headers: &str, body: &str) -> Option<()> {
    let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n", body.len());
    stream.write_all((head + body).as_bytes()).ok()
}

/// A model of the default turbine.
pub fn turbine_model() -> Value {
    let feature = |name: &str| json!({"name": name, "unit": "", "range": null, "mean": 0.0, "std": 1.0});
    let names = ["temperature", "humidity", "sound_volume"];
    json!({"feature_names": names, "features": names.map(feature), "model_version": "0123456789ab"})
}

/// An answer to `/drift`: sound volume and humidity drift.
pub fn two_drift() -> Value {
    let feature =
        |name: &str, psi: f64, drifting: bool| json!({"feature": name, "psi": psi, "ks": 0.2, "drifting": drifting});
    let features =
        [feature("temperature", 0.02, false), feature("humidity", 0.36, true), feature("sound_volume", 0.91, true)];
    json!({"readings": 1000, "features": features, "anomaly_rate": 0.07, "expected_rate": 0.05})
}

/// A model of the features `a` and `b`.
pub fn ab_model() -> Value {
    json!({"feature_names": ["a", "b"]})
}

/// The sender's command against `address`, with an empty environment.
pub fn sender(address: SocketAddr, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sender"));
    command.env_clear().env("RUST_BACKTRACE", "1").env("API_URL", format!("http://{address}/predict")).args(flags);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The result of a finished sender.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn of(address: SocketAddr, flags: &[&str]) -> Self {
        sender(address, flags).output().unwrap().into()
    }

    /// The lines of standard output that begin with `start`.
    pub fn lines(&self, start: &str) -> Vec<&str> {
        self.stdout.lines().filter(|line| line.starts_with(start)).collect()
    }

    /// Asserts the counts of the summary's first line and the exit code.
    #[track_caller]
    pub fn assert_counts(&self, sent: u64, failed: u64, unsent: u64, skipped: u64, retries: u64) {
        let expected =
            format!("[sender] sent={sent} failed={failed} unsent={unsent} skipped={skipped} retries={retries} ");
        assert_eq!(self.lines(&expected).len(), 1, "{expected}\n{}\n{}", self.stdout, self.stderr);
        assert_eq!(self.code, Some(i32::from(failed + unsent > 0)), "{}\n{}", self.stdout, self.stderr);
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// A running sender.
pub struct Running {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    seen: String,
}

impl Running {
    pub fn start(address: SocketAddr, flags: &[&str]) -> Self {
        let mut child = sender(address, flags).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Running { child, stdout, seen: String::new() }
    }

    /// Reads on until `n` further lines contain `text`.
    pub fn wait_for(&mut self, text: &str, n: usize) {
        let mut found = 0;
        while found < n {
            let mut line = String::new();
            assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "ended without {text:?}:\n{}", self.seen);
            found += usize::from(line.contains(text));
            self.seen += &line;
        }
    }

    /// Sends a signal such as `INT`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status().unwrap();
        assert!(status.success());
    }

    /// Closes the pipe of standard output and waits for the sender to exit; its exit code and standard error.
    pub fn close_output(self) -> (Option<i32>, String) {
        drop(self.stdout);
        let output = self.child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    /// Waits for the sender to exit.
    pub fn end(mut self) -> Run {
        self.stdout.read_to_string(&mut self.seen).unwrap();
        let output = self.child.wait_with_output().unwrap();
        Run { stdout: self.seen, ..Run::from(output) }
    }
}
