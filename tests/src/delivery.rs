//! Clients that send readings with turbine and time again and again until each is answered.

use crate::api::{Answered, Api, EVENT_TIMEOUT};
use crate::load::{Verdict, outcomes};
use crate::log_file::LogFile;
use crate::raw::{Raw, post};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Pause before a request is sent again.
const PAUSE: Duration = Duration::from_millis(20);

/// A reading that names its turbine and its time.
#[derive(Debug, Clone, PartialEq)]
pub struct Stamped {
    /// Its turbine.
    pub turbine_id: String,
    /// Its time.
    pub timestamp: String,
    /// Its temperature in °C; the other values are always the same.
    pub temperature: f64,
}

impl Stamped {
    /// The `i`-th reading of a stream of `turbines` turbines that take turns, a second apart.
    pub fn nth(i: usize, turbines: usize) -> Self {
        let start: jiff::Timestamp = "2026-01-31T00:00:00Z".parse().expect("a time");
        let time = start + jiff::SignedDuration::from_secs(i64::try_from(i).expect("few readings"));
        Stamped {
            turbine_id: format!("WT-{:05}", i % turbines),
            timestamp: time.to_string(),
            // From 20 to 46 °C: normal and not.
            temperature: 20.0 + (i * 7 % 27) as f64,
        }
    }

    /// The reading as JSON.
    pub fn json(&self) -> String {
        let Stamped { turbine_id, timestamp, temperature } = self;
        format!(
            r#"{{"temperature":{temperature:?},"humidity":60.2,"sound_volume":0.51,"turbine_id":"{turbine_id}","timestamp":"{timestamp}"}}"#
        )
    }
}

/// How readings are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One in a request.
    Single,
    /// So many in one list.
    Batch(usize),
    /// So many in one request, one on a line.
    Lines(usize),
}

impl Form {
    /// How many readings a request has.
    fn readings(self) -> usize {
        match self {
            Form::Single => 1,
            Form::Batch(readings) | Form::Lines(readings) => readings,
        }
    }

    /// A request with these readings.
    pub fn request(self, readings: &[Stamped]) -> Vec<u8> {
        let readings: Vec<String> = readings.iter().map(Stamped::json).collect();
        match self {
            Form::Single => post("/predict", "application/json", &readings[0]),
            Form::Batch(_) => {
                post("/predict/batch", "application/json", format!("{{\"readings\":[{}]}}", readings.join(",")))
            }
            Form::Lines(_) => post("/predict/batch", "application/x-ndjson", readings.join("\n") + "\n"),
        }
    }
}

/// Where a service is to be found that may come back elsewhere.
#[derive(Debug)]
pub struct Address(Mutex<String>);

impl Address {
    /// That of a running service.
    pub fn of(api: &Api) -> Self {
        Address(Mutex::new(api.address().to_owned()))
    }

    /// From now on it is that of another.
    ///
    /// # Panics
    /// If a client panicked.
    pub fn change(&self, api: &Api) {
        api.address().clone_into(&mut self.0.lock().expect("no client panicked"));
    }

    fn connect(&self) -> std::io::Result<Raw> {
        let address = self.0.lock().expect("no client panicked").clone();
        Raw::try_connect_to(&address)
    }
}

/// How a delivery went.
#[derive(Debug, Default)]
pub struct Delivered {
    /// The final answer to each reading.
    pub verdicts: Vec<(Stamped, Verdict)>,
    /// Final answers that say `"duplicate": true`.
    pub duplicates: usize,
    /// Refusals that say that it is unknown whether the reading was logged.
    pub unknown: usize,
    /// Other refusals.
    pub refused: usize,
    /// Requests without an answer.
    pub unanswered: usize,
}

impl Delivered {
    fn add(&mut self, other: Delivered) {
        self.verdicts.extend(other.verdicts);
        self.duplicates += other.duplicates;
        self.unknown += other.unknown;
        self.refused += other.refused;
        self.unanswered += other.unanswered;
    }

    /// Asserts that the log in `folder` holds every delivered reading once, as it was answered, and no other row.
    ///
    /// # Panics
    /// If it does not.
    pub fn assert_logged_once(&self, folder: &Path) {
        let rows = LogFile::rows_of_set(&folder.join("outputs/predictions_log.csv"));
        let mut logged = BTreeMap::new();
        for row in rows {
            let key = (row.turbine_id.clone(), row.timestamp.clone());
            if let Some(twice) = logged.insert(key, row) {
                panic!("logged twice: {twice:?}");
            }
        }
        for (reading, verdict) in &self.verdicts {
            let row = logged.remove(&(reading.turbine_id.clone(), reading.timestamp.clone()));
            let row = row.unwrap_or_else(|| panic!("answered and not logged: {reading:?}"));
            assert_eq!((&row.values[0], &Verdict::of_row(&row)), (&reading.temperature, verdict));
        }
        assert!(logged.is_empty(), "logged and never sent: {:?}", logged.into_values().next());
    }
}

/// Sends all readings from several clients at once, each request until all its readings are predicted. With `hang_up` every
/// other request is first sent by a client that closes its connection before the answer.
///
/// # Panics
/// If an answer is neither a prediction nor a 503, or a request is never answered.
pub fn deliver(address: &Address, form: Form, readings: &[Stamped], clients: usize, hang_up: bool) -> Delivered {
    let requests = Mutex::new(readings.chunks(form.readings()).enumerate());
    let next = || requests.lock().expect("no client panicked").next();
    std::thread::scope(|scope| {
        let client = || {
            let mut delivered = Delivered::default();
            let mut connection = None;
            while let Some((i, readings)) = next() {
                let request = form.request(readings);
                if hang_up && i % 2 == 0 {
                    send_and_hang_up(address, &request, i as u64);
                }
                send_until_answered(address, &mut connection, &request, readings, &mut delivered);
            }
            delivered
        };
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        let mut all = Delivered::default();
        clients.into_iter().for_each(|client| all.add(client.join().expect("a client does not panic")));
        all
    })
}

fn send_and_hang_up(address: &Address, request: &[u8], seed: u64) {
    // The service may be down, or refuse the request before its end.
    let Ok(mut raw) = address.connect() else { return };
    let _ = raw.try_send(request);
    let wait = ChaCha8Rng::seed_from_u64(seed).next_u32() % 200;
    std::thread::sleep(Duration::from_millis(u64::from(wait)));
}

fn send_until_answered(
    address: &Address,
    connection: &mut Option<Raw>,
    request: &[u8],
    readings: &[Stamped],
    delivered: &mut Delivered,
) {
    let started = Instant::now();
    loop {
        assert!(started.elapsed() < EVENT_TIMEOUT, "never predicted: {:?}", readings[0]);
        let Some(answer) = try_ask(address, connection, request) else {
            delivered.unanswered += 1;
            std::thread::sleep(PAUSE);
            continue;
        };
        assert!(matches!(answer.status, 200 | 503), "{}: {}", answer.status, answer.body);
        let outcomes = outcomes(&answer, readings.len());
        let refusals = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
        let (unknown, refused): (Vec<_>, Vec<_>) = refusals.partition(|refusal| refusal.error.contains("unknown"));
        if unknown.is_empty() && refused.is_empty() {
            let verdicts = outcomes.into_iter().flatten();
            delivered.verdicts.extend(readings.iter().cloned().zip(verdicts));
            delivered.duplicates += duplicates(&answer);
            return;
        }
        delivered.unknown += unknown.len();
        delivered.refused += refused.len();
        std::thread::sleep(PAUSE);
    }
}

/// `None` if the connection is refused or ends before the answer.
fn try_ask(address: &Address, connection: &mut Option<Raw>, request: &[u8]) -> Option<Answered> {
    let mut raw = match connection.take() {
        Some(raw) => raw,
        None => address.connect().ok()?,
    };
    raw.try_send(request).ok()?;
    let answer = raw.try_answer()?;
    if answer.header("connection") != Some("close") {
        *connection = Some(raw);
    }
    Some(answer)
}

/// How many predictions of an answer say that they are duplicates.
pub fn duplicates(answer: &Answered) -> usize {
    answer.body.matches("\"duplicate\":true").count()
}
