//! What people do with alarms, end to end: two at once, `kill -9` right after the answer, a full disk, and refusals.
//!
//! `KILL_ROUNDS` sets the number of kills, 20 if it is not set.

#![allow(clippy::unwrap_used)]

use e2e::{Answered, Api, EventReader, eventually, folder_with_model};
use jiff::{SignedDuration, Timestamp};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// Gives turbine WT-1 a running alarm, and returns its id.
fn raise(api: &Api) -> String {
    let start: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
    let readings: Vec<Value> = (0..60)
        .map(|i| {
            let wobble = f64::from(i * 7 % 5) / 10.0;
            json!({
                "turbine_id": "WT-1",
                "timestamp": (start + SignedDuration::from_millis(500 * i64::from(i))).to_string(),
                "temperature": 24.8 + wobble + if i < 40 { 0.0 } else { 20.0 },
                "humidity": 59.0 + wobble,
                "sound_volume": 0.5 + wobble / 100.0,
            })
        })
        .collect();
    let answer = api.post("/predict/batch", json!({ "readings": readings }).to_string());
    assert_eq!(answer.status, 200, "{}", answer.body);
    alarm(api)["id"].as_str().unwrap().to_owned()
}

/// The one alarm.
fn alarm(api: &Api) -> Value {
    let listed = api.get("/alarms").json();
    let [alarm] = &listed["alarms"].as_array().unwrap()[..] else { panic!("{listed}") };
    alarm.clone()
}

fn act(api: &Api, id: &str, action: Value) -> Answered {
    api.post(&format!("/alarms/{id}/actions"), action.to_string())
}

/// Event, person and comment of each row of `alarms.csv` that says what somebody did.
fn actions(folder: &Path) -> Vec<[String; 3]> {
    let mut csv = csv::Reader::from_path(folder.join("outputs/alarms.csv")).unwrap();
    let cells = |row: csv::StringRecord| [1, 10, 12].map(|place: usize| row[place].to_owned());
    let rows: Vec<[String; 3]> = csv.records().map(|row| cells(row.unwrap())).collect();
    assert_eq!(rows[0][0], "raised", "the alarm comes first");
    rows.into_iter().filter(|[event, ..]| event != "raised" && event != "cleared").collect()
}

#[test]
fn what_was_done_is_answered_listed_told_and_kept() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let id = raise(&api);
    let untouched = alarm(&api);
    let mut events = EventReader::open(&api, "", "");
    assert_eq!(events.next_event().data["alarms"], json!([untouched]));

    let until = (Timestamp::now() + SignedDuration::from_hours(8)).to_string();
    let cases = [
        (json!({"action": "acknowledge", "by": "Ann", "comment": "on it"}), "acknowledged_by", json!("Ann")),
        (json!({"action": "snooze", "by": "Bob", "until": until}), "snoozed_until", json!(until)),
        (json!({"action": "false_alarm", "by": "Jörg, \"nights\""}), "false_alarm_by", json!("Jörg, \"nights\"")),
        (json!({"action": "not_false_alarm", "by": "Ann"}), "false_alarm_by", Value::Null),
        (json!({"action": "unacknowledge", "by": "Ann"}), "acknowledged_by", Value::Null),
    ];
    for (action, key, value) in cases {
        let answer = act(&api, &id, action);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let answered = answer.json();
        assert_eq!((&answered[key], &answered), (&value, &alarm(&api)));
        let told = events.find(|event| event.data["alarms"] != json!([]));
        assert_eq!(told.data["alarms"], json!([answered]), "the next tick that tells of an alarm");
    }
    // An id as a program may write it in a path.
    let encoded = id.replace('@', "%40").replace(':', "%3A");
    let commented = act(&api, &encoded, json!({"action": "comment", "by": "Bob", "comment": "oil, \"hot\""}));
    assert_eq!(commented.status, 200, "{}", commented.body);
    let comments = commented.json()["comments"].clone();
    let words: Vec<&str> = comments.as_array().unwrap().iter().map(|it| it["text"].as_str().unwrap()).collect();
    assert_eq!(words, ["on it", "oil, \"hot\""]);
    assert_eq!(api.get("/turbines/WT-1").json()["comments"], comments);
    assert_eq!(api.figures()["turbine_alarms_acknowledged"], 0.0);

    let before = alarm(&api);
    api.signal("KILL");
    api.wait();
    let api = Api::start(folder.path(), &[]);
    assert_eq!(alarm(&api), before);
    let events: Vec<String> = actions(folder.path()).into_iter().map(|[event, ..]| event).collect();
    let expected = ["acknowledged", "snoozed", "false_alarm", "not_false_alarm", "unacknowledged", "commented"];
    assert_eq!(events, expected);
}

#[test]
fn of_two_people_at_once_the_last_one_wins_and_both_are_in_the_file() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let id = raise(&api);
    std::thread::scope(|scope| {
        for by in ["Ann", "Bob"] {
            let (api, id) = (&api, &id);
            scope.spawn(move || {
                for _ in 0..50 {
                    let answer = act(api, id, json!({"action": "acknowledge", "by": by}));
                    assert_eq!((answer.status, &answer.json()["acknowledged_by"]), (200, &json!(by)));
                }
            });
        }
    });
    let rows = actions(folder.path());
    let of = |by: &str| rows.iter().filter(|row| row[1] == by).count();
    assert_eq!((of("Ann"), of("Bob"), rows.len()), (50, 50, 100));
    assert_eq!(alarm(&api)["acknowledged_by"], rows[99][1]);
}

fn rounds() -> u32 {
    let rounds = std::env::var("KILL_ROUNDS").unwrap_or_else(|_| "20".to_owned());
    rounds.parse().unwrap_or_else(|_| panic!("KILL_ROUNDS is a number, not {rounds:?}"))
}

/// Does something numbered with the alarm until the service is gone; returns the numbers that were answered, and the last
/// one that was not.
fn act_until_gone(api: &Api, id: &str, numbers: std::ops::RangeFrom<u32>) -> (Vec<u32>, u32) {
    let mut answered = Vec::new();
    for number in numbers {
        let action = ["acknowledge", "false_alarm", "unacknowledge", "comment"][number as usize % 4];
        let body = json!({"action": action, "by": format!("P{}", number % 3), "comment": number.to_string()});
        let url = api.url(&format!("/alarms/{id}/actions"));
        match ureq::post(&url).send(body.to_string()) {
            Ok(answer) => assert_eq!(answer.status(), 200),
            Err(ureq::Error::StatusCode(status)) => panic!("{status}"),
            Err(_) => return (answered, number),
        }
        answered.push(number);
    }
    unreachable!("the numbers have no end")
}

fn survives_being_killed(sync: &str, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let folder = folder_with_model();
    let args = ["--log-sync", sync];
    let api = Api::start(folder.path(), &args);
    let id = raise(&api);
    // The alarm is in the log for certain.
    assert_eq!(api.terminate().code(), Some(0));
    let (mut answered, mut next, mut unsure) = (Vec::new(), 0, 0);
    for round in 0..rounds() {
        let api = Api::start(folder.path(), &args);
        let life = Duration::from_micros(u64::from(rng.next_u32() % 60_000));
        let (more, last) = std::thread::scope(|scope| {
            let people = scope.spawn(|| act_until_gone(&api, &id, next..));
            std::thread::sleep(life);
            // Now and then a stop in good order, so that the next start has a snapshot to go on from.
            api.signal(if round % 5 == 4 { "TERM" } else { "KILL" });
            people.join().unwrap()
        });
        api.wait();
        answered.extend(more);
        next = last + 1;
        let rows = actions(folder.path());
        let numbers: Vec<u32> = rows.iter().filter_map(|row| row[2].parse().ok()).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "each once, in order: {numbers:?}");
        let missing: Vec<&u32> = answered.iter().filter(|number| !numbers.contains(number)).collect();
        assert!(missing.is_empty(), "round {round}: {missing:?} were answered and are lost");
        unsure = numbers.len() - answered.len();
        assert!(unsure <= round as usize + 1, "more than one a round was not answered and is there");
        if rng.next_u32().is_multiple_of(3) {
            std::fs::remove_file(folder.path().join("outputs/turbines.snapshot")).ok();
        }
    }
    let api = Api::start(folder.path(), &args);
    let rows = actions(folder.path());
    let (mut acknowledged, mut marked) = (Value::Null, Value::Null);
    for [event, by, _] in &rows {
        match event.as_str() {
            "acknowledged" => acknowledged = json!(by),
            "unacknowledged" => acknowledged = Value::Null,
            "false_alarm" => marked = json!(by),
            _ => {}
        }
    }
    let alarm = alarm(&api);
    assert_eq!((&alarm["acknowledged_by"], &alarm["false_alarm_by"]), (&acknowledged, &marked), "{alarm}");
    let comments: Vec<&str> =
        alarm["comments"].as_array().unwrap().iter().map(|it| it["text"].as_str().unwrap()).collect();
    let newest = &rows[rows.len().saturating_sub(50)..];
    assert!(comments.iter().eq(newest.iter().map(|row| &row[2])), "{comments:?}");
    eprintln!("{sync}: {} rounds, {} actions answered, {unsure} more in the file", rounds(), answered.len());
    assert!(answered.len() > rounds() as usize, "{} answers in {} rounds show nothing", answered.len(), rounds());
}

#[test]
fn actions_survive_kill_with_write() {
    survives_being_killed("write", 5);
}

#[test]
fn actions_survive_kill_with_none() {
    survives_being_killed("none", 6);
}

#[test]
fn an_action_that_finds_no_room_is_refused_and_leaves_no_trace() {
    for sync in ["write", "fsync", "none"] {
        let folder = folder_with_model();
        let api = Api::start(folder.path(), &["--log-sync", sync]);
        let id = raise(&api);
        let file = folder.path().join("outputs/alarms.csv");
        let kept = act(&api, &id, json!({"action": "acknowledge", "by": "Ann"}));
        assert_eq!(kept.status, 200, "{}", kept.body);
        let (before, text) = (alarm(&api), std::fs::read_to_string(&file).unwrap());
        // The limit falls inside the row. The prediction log is written to no more.
        api.limit_files(Some(text.len() as u64 + 20));
        let refused = act(&api, &id, json!({"action": "unacknowledge", "by": "Bob"}));
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{sync}: {}", refused.body);
        let words = refused.json()["error"].as_str().unwrap().to_owned();
        assert!(words.contains("nothing was done") && words.contains("File too large"), "{words}");
        assert_eq!((alarm(&api), std::fs::read_to_string(&file).unwrap()), (before.clone(), text), "{sync}");
        api.limit_files(None);
        eventually("it is kept again", || act(&api, &id, json!({"action": "false_alarm", "by": "Cid"})).status == 200);
        assert_eq!(alarm(&api)["acknowledged_by"], "Ann");
        let people: Vec<String> = actions(folder.path()).into_iter().map(|[_, by, _]| by).collect();
        assert_eq!(people, ["Ann", "Cid"], "{sync}");
    }
}

#[test]
fn what_cannot_be_done_is_refused_by_name() {
    let folder = folder_with_model();
    let key = ("x-api-key", "secret-secret-secret");
    let open = Api::start(folder.path(), &[]);
    let id = raise(&open);
    assert_eq!(open.terminate().code(), Some(0));
    let api = Api::start(folder.path(), &["--api-key", key.1]);
    let path = format!("/alarms/{id}/actions");
    let action = json!({"action": "acknowledge", "by": "Ann"}).to_string();
    assert_eq!(api.post(&path, &action).status, 401);
    let post = |path: &str, body: &str| api.request("POST", path, &[key], body);
    for unknown in
        ["WT-2@2026-01-31T12:00:20Z", "WT-1@2026-01-31T12:00:00Z", "WT-1", "%20", "%2B@2026-01-31T12:00:00+00:00"]
    {
        let answer = post(&format!("/alarms/{unknown}/actions"), &action);
        assert!(answer.status == 404 && answer.body.contains("/alarms"), "{unknown}: {}", answer.body);
    }
    let past = (Timestamp::now() - SignedDuration::from_secs(60)).to_string();
    let far = (Timestamp::now() + SignedDuration::from_hours(31 * 24)).to_string();
    for (body, status, named) in [
        ("no JSON".to_owned(), 400, "JSON"),
        (json!({"action": "acknowledge"}).to_string(), 422, "`by`"),
        (json!({"action": "acknowledge", "by": " "}).to_string(), 422, "by: it is empty; give 1 to 64 characters"),
        (json!({"action": "acknowledge", "by": "A\nB"}).to_string(), 422, "by: it has the control character '\\n'"),
        (json!({"action": "acknowledge", "by": "x".repeat(65)}).to_string(), 422, "by: it has 65 characters"),
        (json!({"action": "explode", "by": "Ann"}).to_string(), 422, "action: unknown variant `explode`"),
        (json!({"action": "snooze", "by": "Ann"}).to_string(), 422, "until: "),
        (json!({"action": "snooze", "by": "Ann", "until": past}).to_string(), 422, &past),
        (json!({"action": "snooze", "by": "Ann", "until": far}).to_string(), 422, &far),
        (json!({"action": "comment", "by": "Ann"}).to_string(), 422, "comment: "),
        (json!({"action": "comment", "by": "Ann", "comment": "x".repeat(1_001)}).to_string(), 422, "1001 characters"),
    ] {
        let answer = post(&path, &body);
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(answer.status == status && error.contains(named), "{body}: {} {error}", answer.status);
    }
    let got = api.request("GET", &path, &[key], "");
    assert_eq!((got.status, got.header("allow")), (405, Some("POST")));
    assert_eq!(actions(folder.path()), [] as [[String; 3]; 0]);
    // As `curl -d` sends it.
    let form = [key, ("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(api.request("POST", &path, &form, &action).status, 200);
    let document = api.request("GET", "/openapi.json", &[key], "").json();
    let described = &document["paths"]["/alarms/{id}/actions"]["post"]["responses"];
    let statuses = ["200", "400", "401", "404", "408", "413", "415", "422", "500", "503"];
    assert!(statuses.iter().all(|status| described.get(status).is_some()), "{described}");
}
