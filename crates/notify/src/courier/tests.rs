#![allow(clippy::unwrap_used)]
use super::*;
use crate::message::Kind;
use crate::note::{Look, Seen};
use crate::samples::note;
use crate::standing::Counters;
use jiff::SignedDuration;
use pipeline::events::Event;
use prometheus::Registry;
use serde_json::Value;
use std::sync::Mutex;
use tempfile::TempDir;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Alarms that a test raises and clears.
struct Alarms {
    state: Mutex<(Vec<Note>, Vec<Note>)>,
    events: broadcast::Sender<Event>,
}

impl AlarmSource for Alarms {
    fn look(&self, is_known: &dyn Fn(&str) -> bool) -> Option<Look> {
        let (running, past) = &*self.state.lock().unwrap();
        let seen = |note: &Note| Seen { note: note.clone(), muted: false };
        let new = past.iter().rev().take_while(|note| !is_known(&note.id)).count();
        let cleared = past[past.len() - new..].iter().map(seen).collect();
        Some(Look { running: running.iter().map(seen).collect(), cleared })
    }

    fn news(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }
}

impl Alarms {
    /// Raises an alarm; `is_told`: and says so.
    fn raise(&self, turbine: &str, is_told: bool) {
        self.state.lock().unwrap().0.push(note(turbine, 0));
        self.tell(is_told);
    }

    fn clear(&self, turbine: &str) {
        let mut state = self.state.lock().unwrap();
        let place = state.0.iter().position(|note| note.turbine_id.as_deref() == Some(turbine)).unwrap();
        let note = state.0.remove(place);
        let cleared = note.raised + SignedDuration::from_secs(60);
        state.1.push(Note { cleared: Some(cleared), ..note });
        drop(state);
        self.tell(true);
    }

    /// What an event says does not matter.
    fn tell(&self, is_told: bool) {
        if is_told {
            let _ = self.events.send(Event::Model { version: "m0123456789ab".into() });
        }
    }
}

/// When something was sent, its id, and its body.
type Sent = (Instant, String, Value);

/// What was sent, and the outcomes of the next attempts; after those all are taken.
#[derive(Clone, Default)]
struct Wire(Arc<Mutex<(Vec<Sent>, VecDeque<Outcome>)>>);

impl Transport for Wire {
    async fn send(&self, id: String, body: Vec<u8>) -> Outcome {
        let hangs = {
            let (sent, outcomes) = &mut *self.0.lock().unwrap();
            sent.push((Instant::now(), id, serde_json::from_slice(&body).unwrap()));
            match outcomes.pop_front() {
                Some(Outcome::Failed { why, .. }) if why == "hangs" => true,
                Some(outcome) => return outcome,
                None => false,
            }
        };
        if hangs {
            pending::<()>().await;
        }
        Outcome::Taken
    }
}

/// A service with one receiver.
struct Place {
    folder: TempDir,
    alarms: Arc<Alarms>,
    wire: Wire,
    standing: Arc<Standing>,
    began: Instant,
    task: JoinHandle<()>,
}

impl Place {
    fn new(form: Form) -> Self {
        let alarms = Arc::new(Alarms { state: Mutex::default(), events: broadcast::channel(16).0 });
        let standing = Arc::new(Counters::new(&Registry::new()).standing("h"));
        let (folder, wire) = (tempfile::tempdir().unwrap(), Wire::default());
        let task = start(form, &folder, &alarms, &wire, &standing);
        Place { folder, alarms, wire, standing, began: Instant::now(), task }
    }

    /// Kills the service at this await, and starts it again.
    async fn restart(&mut self, form: Form) {
        self.task.abort();
        let _ = (&mut self.task).await;
        self.task = start(form, &self.folder, &self.alarms, &self.wire, &self.standing);
    }

    fn next_outcomes(&self, outcomes: impl IntoIterator<Item = Outcome>) {
        self.wire.0.lock().unwrap().1.extend(outcomes);
    }

    /// The second, id, kind and number of alarms of each message that was sent.
    fn sent(&self) -> Vec<(u64, String, Kind, u64)> {
        let sent = &self.wire.0.lock().unwrap().0;
        let fields = |(at, id, body): &Sent| {
            let kind = serde_json::from_value(body["kind"].clone()).unwrap();
            (at.duration_since(self.began).as_secs(), id.clone(), kind, body["count"].as_u64().unwrap())
        };
        sent.iter().map(fields).collect()
    }

    fn times(&self) -> Vec<u64> {
        self.sent().into_iter().map(|(second, ..)| second).collect()
    }
}

fn start(form: Form, folder: &TempDir, alarms: &Arc<Alarms>, wire: &Wire, standing: &Arc<Standing>) -> JoinHandle<()> {
    let spool = Spool::new(folder.path(), "h.0");
    let account = spool.load().unwrap().unwrap_or_else(|| Account::new("p".to_owned()));
    let courier = Courier::new(Parts {
        source: Arc::clone(alarms),
        transport: wire.clone(),
        spool,
        account,
        form,
        composition: Composition { named: 10, splits: form == Form::Alertmanager, every: None },
        sender: Arc::new(Sender { host: "h".to_owned(), link: None }),
        standing: Arc::clone(standing),
        seed: 1,
    });
    tokio::spawn(courier.run())
}

fn failed(why: &str, retry_after: Option<u64>) -> Outcome {
    Outcome::Failed { why: why.to_owned(), retry_after: retry_after.map(Duration::from_secs) }
}

async fn seconds(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn what_happens_within_two_seconds_is_one_message() {
    let place = Place::new(Form::Webhook);
    seconds(1).await;
    for i in 0..100 {
        place.alarms.raise(&format!("T{i}"), true);
        sleep(Duration::from_millis(15)).await;
    }
    seconds(5).await;
    let sent = place.sent();
    assert!(matches!(&sent[..], [(3, _, Kind::Raised, 100)]), "{sent:?}");
    // A minute later nothing has followed, so the next is a first one again.
    seconds(60).await;
    place.alarms.clear("T5");
    seconds(3).await;
    let sent = place.sent();
    assert!(matches!(&sent[1..], [(69, _, Kind::Cleared, 1)]), "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_alarms_is_some_messages() {
    let place = Place::new(Form::Webhook);
    for i in 0..600 {
        place.alarms.raise(&format!("T{i}"), true);
        seconds(1).await;
    }
    seconds(60).await;
    let sent = place.sent();
    assert_eq!(sent.iter().map(|(.., count)| count).sum::<u64>(), 600);
    assert!(sent.len() <= 25, "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn an_alarm_whose_event_was_missed_is_found_by_the_clock() {
    let place = Place::new(Form::Webhook);
    seconds(1).await;
    place.alarms.raise("A", false);
    seconds(10).await;
    assert_eq!(place.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_away_gets_each_message_once_and_in_order() {
    let place = Place::new(Form::Webhook);
    place.next_outcomes((0..9).map(|_| failed("cannot connect", None)));
    seconds(1).await;
    place.alarms.raise("A", true);
    // Away for more than ten minutes, while B and C come and go.
    for turbine in ["B", "C"] {
        seconds(100).await;
        place.alarms.raise(turbine, true);
        seconds(100).await;
        place.alarms.clear(turbine);
    }
    assert!(place.standing.problems()[0].contains("cannot connect"), "{:?}", place.standing.problems());
    seconds(1_500).await;
    let sent = place.sent();
    let (attempts, rest) = sent.split_at(10);
    assert!(
        attempts.iter().all(|(_, id, ..)| *id == attempts[0].1),
        "the same message until it is taken: {attempts:?}"
    );
    let kinds: Vec<(Kind, u64)> = rest.iter().map(|(_, _, kind, count)| (*kind, *count)).collect();
    let (raised, cleared) = ((Kind::Raised, 1), (Kind::Cleared, 1));
    assert_eq!(kinds, [raised, cleared, raised, cleared]);
    assert_eq!(place.standing.problems(), [""; 0]);
    // Each delay is about twice the one before.
    let times = place.times();
    assert!(times[1] - times[0] <= 2 && times[9] - times[0] > 600, "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_is_asked_again_when_it_says_and_not_at_all_if_it_refuses() {
    let place = Place::new(Form::Webhook);
    place.next_outcomes([failed("it answered 429", Some(100)), Outcome::Refused { why: "it answered 404".to_owned() }]);
    seconds(1).await;
    place.alarms.raise("A", true);
    seconds(200).await;
    assert_eq!(place.times(), [3, 103]);
    assert!(place.standing.problems()[0].contains("it answered 404"), "{:?}", place.standing.problems());
    place.alarms.raise("B", true);
    seconds(3).await;
    let sent = place.sent();
    assert_eq!((sent.len(), sent[2].3), (3, 1), "A is dropped, B is sent: {sent:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_if_the_service_dies_at_any_moment() {
    // Every half second from before the alarm until after it was told.
    for half_seconds in 0..12 {
        let mut place = Place::new(Form::Webhook);
        seconds(1).await;
        place.alarms.raise("A", true);
        sleep(Duration::from_millis(500 * half_seconds)).await;
        place.restart(Form::Webhook).await;
        seconds(60).await;
        place.alarms.clear("A");
        seconds(1).await;
        place.restart(Form::Webhook).await;
        seconds(60).await;
        let kinds: Vec<Kind> = place.sent().into_iter().map(|(_, _, kind, _)| kind).collect();
        assert_eq!(kinds, [Kind::Raised, Kind::Cleared], "killed after {half_seconds} half seconds");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_answer_was_lost_comes_again_with_its_id() {
    let mut place = Place::new(Form::Webhook);
    place.next_outcomes([failed("hangs", None)]);
    seconds(1).await;
    place.alarms.raise("A", true);
    seconds(5).await;
    let kept = std::fs::read_to_string(place.folder.path().join("notifications.h.0.json")).unwrap();
    assert!(kept.contains("\"attempted\":true"), "that it was sent is kept before it is: {kept}");
    // More is found while the receiver hangs, and goes into the next message.
    place.alarms.raise("B", true);
    seconds(5).await;
    place.restart(Form::Webhook).await;
    seconds(5).await;
    let sent = place.sent();
    assert_eq!(sent.len(), 3, "{sent:?}");
    assert_eq!((&sent[0].1, sent[0].3), (&sent[1].1, sent[1].3));
    assert_ne!(sent[1].1, sent[2].1);
}

#[tokio::test(start_paused = true)]
async fn an_alertmanager_hears_of_running_alarms_every_minute_until_they_are_cleared() {
    let place = Place::new(Form::Alertmanager);
    seconds(1).await;
    for i in 0..12 {
        place.alarms.raise(&format!("T{i}"), true);
    }
    seconds(300).await;
    let bodies = |place: &Place| -> Vec<(u64, usize, usize)> {
        let sent = &place.wire.0.lock().unwrap().0;
        let sizes = |(at, _, body): &Sent| {
            let alerts = body.as_array().unwrap();
            let ended = alerts.iter().filter(|alert| alert.get("endsAt").is_some()).count();
            (at.duration_since(place.began).as_secs(), alerts.len(), ended)
        };
        sent.iter().map(sizes).collect()
    };
    // Split by the ten that a message of this test takes.
    let expected = [(3, 10, 0), (3, 2, 0), (63, 12, 0), (123, 12, 0), (183, 12, 0), (243, 12, 0)];
    assert_eq!(bodies(&place), expected);
    (0..12).for_each(|i| place.alarms.clear(&format!("T{i}")));
    seconds(300).await;
    let after = bodies(&place).split_off(expected.len());
    assert_eq!(after.iter().map(|(_, alerts, ended)| (*alerts, *ended)).collect::<Vec<_>>(), [(10, 10), (2, 2)]);
}
