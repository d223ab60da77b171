//! A receiver of notifications on this machine.

use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How a receiver answers a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// With this status.
    Status(u16),
    /// With 429, asking for so many seconds.
    Later(u64),
    /// Not at all, while the connection stays open.
    Hang,
    /// The message is kept, and the connection closed without an answer.
    Lose,
}

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Path and query.
    pub path: String,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Value,
}

impl Notification {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// What tells a message from others.
    ///
    /// # Panics
    /// If it has none.
    pub fn id(&self) -> &str {
        self.header("idempotency-key").expect("a message has an Idempotency-Key")
    }

    /// `kind` of the body.
    pub fn kind(&self) -> &str {
        self.body["kind"].as_str().unwrap_or_default()
    }

    /// The turbines that it names.
    pub fn turbines(&self) -> Vec<&str> {
        let alarms = self.body["alarms"].as_array().map(Vec::as_slice).unwrap_or_default();
        alarms.iter().filter_map(|alarm| alarm["turbine_id"].as_str()).collect()
    }
}

#[derive(Debug, Default)]
struct State {
    is_away: bool,
    replies: VecDeque<Reply>,
    taken: Vec<Notification>,
    attempts: usize,
}

/// Takes what is posted to it, unless it is told otherwise. Ends with the test.
#[derive(Debug)]
pub struct Receiver {
    address: String,
    state: Arc<Mutex<State>>,
}

impl Receiver {
    /// A receiver on a free port.
    ///
    /// # Panics
    /// If there is none.
    pub fn start() -> Self {
        Self::serve(answer)
    }

    /// A receiver that speaks https and is called localhost, and its certificate, which no authority has signed.
    ///
    /// # Panics
    /// If there is no free port, or no certificate can be made.
    pub fn start_tls() -> (Self, String) {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has suites")
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key.into())
            .expect("the key is the certificate's");
        let config = Arc::new(config);
        let receiver = Self::serve(move |stream, state| {
            let connection = ServerConnection::new(Arc::clone(&config)).map_err(io::Error::other)?;
            answer(StreamOwned::new(connection, stream), state)
        });
        (receiver, certified.cert.pem())
    }

    fn serve(answer: impl Fn(TcpStream, &Mutex<State>) -> io::Result<()> + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, answer) = (Arc::clone(&shared), answer.clone());
                // A service that is killed breaks its connections: no event for the receiver.
                std::thread::spawn(move || answer(stream, &shared));
            }
        });
        Receiver { address, state }
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether it closes all connections at once, from now on.
    pub fn set_away(&self, is_away: bool) {
        lock(&self.state).is_away = is_away;
    }

    /// How it answers the next requests; those after them are taken.
    pub fn next_replies(&self, replies: impl IntoIterator<Item = Reply>) {
        lock(&self.state).replies.extend(replies);
    }

    /// How many connections were opened.
    pub fn attempts(&self) -> usize {
        lock(&self.state).attempts
    }

    /// What it has got, each message as often as it came.
    pub fn all(&self) -> Vec<Notification> {
        lock(&self.state).taken.clone()
    }

    /// What it has got, each message once.
    pub fn messages(&self) -> Vec<Notification> {
        let mut messages: Vec<Notification> = Vec::new();
        for notification in self.all() {
            match messages.iter().find(|other| other.id() == notification.id()) {
                Some(other) => assert_eq!(*other, notification, "another message with the same id"),
                None => messages.push(notification),
            }
        }
        messages
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer<S: Read + Write>(stream: S, state: &Mutex<State>) -> io::Result<()> {
    let is_away = {
        let mut state = lock(state);
        state.attempts += 1;
        state.is_away
    };
    if is_away {
        return Ok(());
    }
    let mut stream = BufReader::new(stream);
    let notification = read(&mut stream)?;
    let reply = lock(state).replies.pop_front().unwrap_or(Reply::Status(200));
    let (status, header) = match reply {
        Reply::Status(status) => (status, String::new()),
        Reply::Later(seconds) => (429, format!("retry-after: {seconds}\r\n")),
        Reply::Hang => loop {
            std::thread::sleep(Duration::from_secs(3_600));
        },
        Reply::Lose => {
            lock(state).taken.push(notification);
            return Ok(());
        }
    };
    if status < 300 {
        lock(state).taken.push(notification);
    }
    let head = format!("HTTP/1.1 {status} x\r\n{header}content-length: 2\r\nconnection: close\r\n\r\nok");
    stream.get_mut().write_all(head.as_bytes())?;
    stream.get_mut().flush()
}

fn read(stream: &mut impl BufRead) -> io::Result<Notification> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let path = lines[0].split(' ').nth(1).unwrap_or_default().to_owned();
    let header = |line: &String| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_ascii_lowercase(), value.to_owned()))
    };
    let mut notification =
        Notification { path, headers: lines.iter().skip(1).filter_map(header).collect(), body: Value::Null };
    let length = notification.header("content-length").and_then(|length| length.parse().ok()).unwrap_or_default();
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    notification.body = serde_json::from_slice(&body)?;
    Ok(notification)
}
