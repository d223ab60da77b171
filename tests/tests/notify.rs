//! Notifications, end to end: told once, by webhook and by Alertmanager, whatever becomes of receiver and service.
//!
//! `NOTIFY_OUTAGE_SECONDS` sets how long the receiver is away, 6 s if it is not set.

#![allow(clippy::unwrap_used)]

use e2e::{Api, Notification, Receiver, Reply, eventually, folder_with_model, run};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// Readings of turbines, half a second apart; with a fault their temperature is 20 °C higher.
fn send<T: AsRef<str>>(api: &Api, turbines: &[T], numbers: std::ops::Range<i64>, fault: bool) {
    let start: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
    let reading = |turbine: &str, i: i64| {
        let wobble = (i * 7 % 5) as f64 / 10.0;
        json!({
            "turbine_id": turbine,
            "timestamp": (start + SignedDuration::from_millis(500 * i)).to_string(),
            "temperature": 24.8 + wobble + if fault { 20.0 } else { 0.0 },
            "humidity": 59.0 + wobble,
            "sound_volume": 0.5 + wobble / 100.0,
        })
    };
    let readings: Vec<Value> =
        numbers.flat_map(|i| turbines.iter().map(move |turbine| reading(turbine.as_ref(), i))).collect();
    for some in readings.chunks(5_000) {
        let answer = api.post("/predict/batch", json!({ "readings": some }).to_string());
        assert_eq!(answer.status, 200, "{:.300}", answer.body);
    }
}

/// Lets the turbines run normally for 20 readings from number `from` on, raises their alarms, and returns the next number.
fn raise<T: AsRef<str>>(api: &Api, turbines: &[T], from: i64) -> i64 {
    send(api, turbines, from..from + 20, false);
    send(api, turbines, from + 20..from + 40, true);
    from + 40
}

/// Clears the alarms of turbines, and returns the next number.
fn clear<T: AsRef<str>>(api: &Api, turbines: &[T], from: i64) -> i64 {
    send(api, turbines, from..from + 40, false);
    from + 40
}

fn webhook(receiver: &Receiver) -> String {
    format!("http://{}/hook", receiver.address())
}

fn health(api: &Api) -> Value {
    api.get("/health").json()
}

fn figure(api: &Api, name: &str, receiver: &Receiver) -> f64 {
    api.figures()[&format!("turbine_notifications_{name}{{receiver=\"{}\"}}", receiver.address())]
}

#[test]
fn an_alarm_is_told_once_raised_and_once_cleared_and_no_credential_is_shown() {
    let (folder, receiver) = (folder_with_model(), Receiver::start());
    let url =
        format!("http://operator:word-of-honour@{}/services/path-of-honour?key=key-of-honour", receiver.address());
    let args = ["--notify", &url, "--public-url", "https://turbines.example.com/north"];
    let api = Api::start(folder.path(), &args);
    let next = raise(&api, &["WT-1"], 0);
    eventually("the first message", || !receiver.all().is_empty());
    clear(&api, &["WT-1"], next);
    eventually("the second message", || receiver.all().len() >= 2);

    let [raised, cleared] = &receiver.all()[..] else { panic!("{:?}", receiver.all()) };
    assert_eq!(raised.path, "/services/path-of-honour?key=key-of-honour");
    assert_eq!(raised.header("authorization"), Some("Basic b3BlcmF0b3I6d29yZC1vZi1ob25vdXI="));
    assert_eq!(raised.header("content-type"), Some("application/json"));
    assert_ne!(raised.id(), cleared.id());
    let link = "https://turbines.example.com/north/#/turbines/WT-1";
    for (message, kind, begin) in [(raised, "raised", "Alarm: WT-1"), (cleared, "cleared", "Cleared: WT-1")] {
        let body = &message.body;
        assert_eq!((message.kind(), &body["count"], &body["link"]), (kind, &json!(1), &json!(link)), "{body}");
        assert_eq!(body["alarms"][0]["why"][0]["feature"], "temperature", "{body}");
        let text = body["text"].as_str().unwrap();
        assert!(text.starts_with(begin) && text.contains(": temperature 4") && text.ends_with(link), "{text}");
    }
    // As `GET /alarms` says it, with `feature`.
    let listed = api.get("/alarms").json()["alarms"][0].clone();
    let mut told = cleared.body["alarms"][0].clone();
    assert_eq!(told.as_object_mut().unwrap().remove("feature"), Some(json!("temperature")));
    let listed = told.as_object().unwrap().keys().map(|key| (key.clone(), listed[key].clone())).collect();
    assert_eq!(told, Value::Object(listed));
    eventually("both are counted", || figure(&api, "sent_total", &receiver) == 2.0);
    assert_eq!(health(&api)["status"], "healthy");

    // While the receiver is away, too, its trouble is told without them.
    receiver.set_away(true);
    raise(&api, &["WT-2"], 0);
    eventually("trouble", || health(&api)["status"] == "degraded");
    let shown =
        [health(&api).to_string(), api.stderr(), format!("{:?}", api.figures()), spools(folder.path())].join(" ");
    assert!(!shown.contains("of-honour") && shown.contains(receiver.address()), "{shown}");
    assert!(health(&api)["reasons"][0].as_str().unwrap().contains("are not delivered"), "{shown}");
    assert_eq!(api.get("/health/ready").status, 200, "readings are scored all the same");
}

/// The accounts of all receivers.
fn spools(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder.join("outputs")).unwrap().map(|entry| entry.unwrap().path());
    let spools = entries.filter(|path| path.to_string_lossy().contains("notifications."));
    spools.map(|path| format!("{} {}", path.display(), std::fs::read_to_string(&path).unwrap())).collect()
}

/// Asserts that each alarm was raised and, if it is to be, cleared, in this order and once.
#[track_caller]
fn assert_each_once(messages: &[Notification], expected: &[(&str, &[&str])]) {
    let mut kinds: HashMap<&str, Vec<&str>> = HashMap::new();
    for message in messages {
        message.turbines().into_iter().for_each(|turbine| kinds.entry(turbine).or_default().push(message.kind()));
    }
    let expected = expected.iter().map(|(turbine, kinds)| (*turbine, kinds.to_vec())).collect();
    assert_eq!(kinds, expected, "{messages:#?}");
}

#[test]
fn a_receiver_that_was_away_gets_each_message_once_and_in_order_although_the_service_was_killed() {
    let seconds = std::env::var("NOTIFY_OUTAGE_SECONDS").unwrap_or_else(|_| "6".to_owned());
    let outage = Duration::from_secs_f64(seconds.parse().unwrap());
    let (folder, receiver) = (folder_with_model(), Receiver::start());
    let url = webhook(&receiver);
    let args = ["--notify", &url];
    let api = Api::start(folder.path(), &args);
    receiver.set_away(true);
    let next = raise(&api, &["A", "B"], 0);
    eventually("an attempt", || receiver.attempts() > 0);
    eventually("a message waits", || figure(&api, "waiting", &receiver) == 1.0);
    clear(&api, &["A"], next);
    std::thread::sleep(outage / 2);
    raise(&api, &["C"], 0);
    // Before C can be told.
    api.signal("KILL");
    api.wait();
    let api = Api::start(folder.path(), &args);
    std::thread::sleep(outage / 2);
    raise(&api, &["D"], 0);
    eventually("all that is to be told waits", || {
        let kept = spools(folder.path());
        ["\"C\"", "\"D\"", "cleared"].iter().all(|word| kept.contains(word))
    });
    assert_eq!(receiver.all(), []);
    receiver.set_away(false);
    // The next attempt may be some minutes away.
    let began = Instant::now();
    while figure(&api, "waiting", &receiver) > 0.0 || receiver.all().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(400), "{:?}\n{}", health(&api), api.stderr());
        std::thread::sleep(Duration::from_millis(20));
    }
    eventually("all is well again", || health(&api)["status"] == "healthy");
    let messages = receiver.messages();
    assert_eq!(messages.len(), receiver.all().len(), "no message came twice");
    let both = ["raised", "cleared"];
    assert_each_once(&messages, &[("A", &both), ("B", &both[..1]), ("C", &both[..1]), ("D", &both[..1])]);
    let first = messages.first().unwrap();
    assert_eq!((first.kind(), first.turbines()), ("raised", vec!["A", "B"]), "{messages:#?}");
}

#[test]
fn a_message_whose_answer_was_lost_comes_again_with_its_id_also_after_a_kill() {
    let (folder, receiver) = (folder_with_model(), Receiver::start());
    let url = webhook(&receiver);
    let args = ["--notify", &url];
    let api = Api::start(folder.path(), &args);
    receiver.next_replies([Reply::Lose, Reply::Lose]);
    raise(&api, &["A"], 0);
    eventually("the message", || !receiver.all().is_empty());
    api.signal("KILL");
    api.wait();
    let api = Api::start(folder.path(), &args);
    eventually("the message again, and taken", || {
        receiver.all().len() >= 3 && figure(&api, "waiting", &receiver) == 0.0
    });
    assert_each_once(&receiver.messages(), &[("A", &["raised"])]);
    assert_eq!(api.terminate().code(), Some(0));
    let api = Api::start(folder.path(), &args);
    raise(&api, &["B"], 0);
    eventually("another message", || receiver.messages().len() == 2);
    assert_each_once(&receiver.messages(), &[("A", &["raised"]), ("B", &["raised"])]);
}

#[test]
fn a_thousand_alarms_at_once_are_a_handful_of_messages() {
    let (folder, receiver) = (folder_with_model(), Receiver::start());
    let api = Api::start(folder.path(), &["--notify", &webhook(&receiver)]);
    let turbines: Vec<String> = (0..1_000).map(|i| format!("T{i:03}")).collect();
    let told = |kind: &str| -> u64 {
        let messages = receiver.messages();
        let of_kind = messages.iter().filter(|message| message.kind() == kind);
        of_kind.map(|message| message.body["count"].as_u64().unwrap()).sum()
    };
    let next = raise(&api, &turbines, 0);
    assert_eq!(api.figures()["turbine_alarms_active"], 1_000.0);
    eventually("all are told to be raised", || told("raised") == 1_000);
    clear(&api, &turbines, next);
    eventually("all are told to be cleared", || told("cleared") == 1_000);
    let messages = receiver.all();
    assert!(messages.len() <= 12, "{} messages", messages.len());
    let largest = messages.iter().max_by_key(|message| message.body["count"].as_u64()).unwrap();
    let text = largest.body["text"].as_str().unwrap();
    assert!(largest.turbines().len() == 10 && text.contains(" more") && text.len() < 600, "{text}");
}

#[test]
fn a_receiver_that_refuses_or_hangs_holds_up_nobody() {
    let folder = folder_with_model();
    let [busy, strict, hanging, good] = [(); 4].map(|()| Receiver::start());
    busy.next_replies([Reply::Status(500), Reply::Later(1), Reply::Status(503)]);
    strict.next_replies([Reply::Status(401)]);
    hanging.next_replies([Reply::Hang; 100]);
    let urls = [&busy, &strict, &hanging, &good].map(webhook).join(",");
    let api = Api::start_with(folder.path(), &[], &[("NOTIFY", &urls)]);
    raise(&api, &["A"], 0);
    eventually("the good one is told", || good.all().len() == 1);
    eventually("the hanging one has the connection", || hanging.attempts() == 1);
    eventually("the busy one is told in the end", || busy.all().len() == 1);
    assert_eq!(figure(&api, "failed_total", &busy), 3.0);
    assert_eq!(busy.attempts(), 4);
    eventually("the strict one's message is dropped", || figure(&api, "dropped_total", &strict) == 1.0);
    let reasons = health(&api)["reasons"].to_string();
    assert!(reasons.contains(strict.address()) && reasons.contains("it answered 401 (ok)"), "{reasons}");
    let refusals = api.stderr().lines().filter(|line| line.contains("refused and dropped")).count();
    assert_eq!(refusals, 1, "{}", api.stderr());
    eventually("no answer within ten seconds", || figure(&api, "failed_total", &hanging) >= 1.0);
    assert!(health(&api)["reasons"].to_string().contains("no answer within 10 s"), "{}", health(&api));
    // The next message is taken: the trouble is over.
    raise(&api, &["B"], 0);
    eventually("the strict one is told", || strict.all().len() == 1);
    assert_eq!(strict.all()[0].turbines(), ["B"]);
    assert!(!health(&api)["reasons"].to_string().contains(strict.address()), "{}", health(&api));
    // With a request in flight to the hanging one, or soon.
    assert_eq!(api.terminate().code(), Some(0));
}

#[test]
fn an_alertmanager_gets_alerts_as_its_interface_asks() {
    let (folder, receiver) = (folder_with_model(), Receiver::start());
    let url = format!("alertmanager+http://{}/prefix/", receiver.address());
    let api = Api::start(folder.path(), &["--notify", &url, "--public-url", "http://localhost:5000"]);
    let next = raise(&api, &["WT-1", "WT-2"], 0);
    eventually("the alerts fire", || !receiver.all().is_empty());
    clear(&api, &["WT-2"], next);
    eventually("one is resolved", || receiver.all().iter().any(|request| request.body[0].get("endsAt").is_some()));
    let requests = receiver.all();
    requests.iter().for_each(assert_is_accepted);
    let firing = requests[0].body.as_array().unwrap();
    let labels = |turbine: &str| json!({"alertname": "TurbineInAlarm", "turbine_id": turbine, "feature": "temperature", "severity": "page"});
    assert_eq!(firing.iter().map(|alert| alert["labels"].clone()).collect::<Vec<_>>(), ["WT-1", "WT-2"].map(labels));
    let resolved = requests.last().unwrap().body.as_array().unwrap();
    assert_eq!((resolved.len(), &resolved[0]["labels"]), (1, &labels("WT-2")));
    assert_eq!(resolved[0]["startsAt"], firing[1]["startsAt"]);
}

/// The rules of Alertmanager's API v2: an alert has an alertname, labels and annotations are texts, times are RFC 3339 and
/// the end is not before the start, and there is nothing that it does not know.
fn assert_is_accepted(request: &Notification) {
    assert_eq!(
        (request.path.as_str(), request.header("content-type")),
        ("/prefix/api/v2/alerts", Some("application/json"))
    );
    for alert in request.body.as_array().unwrap() {
        let known = ["labels", "annotations", "startsAt", "endsAt", "generatorURL"];
        assert!(alert.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())), "{alert}");
        for texts in [&alert["labels"], &alert["annotations"]] {
            assert!(texts.as_object().unwrap().values().all(Value::is_string), "{alert}");
        }
        assert!(!alert["labels"]["alertname"].as_str().unwrap().is_empty(), "{alert}");
        let time = |key: &str| alert.get(key).map(|time| time.as_str().unwrap().parse::<Timestamp>().unwrap());
        let starts = time("startsAt").unwrap();
        assert!(starts <= Timestamp::now() && time("endsAt").is_none_or(|ends| ends >= starts), "{alert}");
        assert!(alert["generatorURL"].as_str().unwrap().starts_with("http://localhost:5000/#/turbines/WT-"), "{alert}");
    }
}

#[test]
fn an_https_receiver_is_told_if_its_certificate_is_trusted() {
    let folder = folder_with_model();
    let (receiver, certificate) = Receiver::start_tls();
    std::fs::write(folder.path().join("authority.pem"), certificate).unwrap();
    let (_, port) = receiver.address().split_once(':').unwrap();
    let url = format!("https://localhost:{port}/hook");
    let args = ["--notify", &url];
    let api = Api::start(folder.path(), &args);
    raise(&api, &["A"], 0);
    eventually("it is not trusted", || health(&api)["reasons"].to_string().contains("invalid peer certificate"));
    assert_eq!(api.terminate().code(), Some(0));
    let api = Api::start_with(folder.path(), &args, &[("SSL_CERT_FILE", "authority.pem")]);
    eventually("it is told", || receiver.all().len() == 1);
    assert_each_once(&receiver.messages(), &[("A", &["raised"])]);
    eventually("all is well", || health(&api)["status"] == "healthy");
}

#[test]
fn reminders_come_while_an_alarm_runs_and_only_if_asked_for() {
    let folder = folder_with_model();
    let [reminded, left] = [(); 2].map(|()| Receiver::start());
    let start = |receiver: &Receiver, args: &[&str]| {
        let url = webhook(receiver);
        Api::start(folder.path(), &[&["--notify", &url], args].concat())
    };
    let api = start(&reminded, &["--notify-every", "1s"]);
    let next = raise(&api, &["A"], 0);
    eventually("two reminders", || reminded.all().len() >= 3);
    clear(&api, &["A"], next);
    eventually("the end", || reminded.all().last().is_some_and(|message| message.kind() == "cleared"));
    let messages = reminded.all();
    let kinds: Vec<&str> = messages.iter().map(Notification::kind).collect();
    assert_eq!((kinds[0], kinds.iter().filter(|kind| **kind == "reminder").count()), ("raised", kinds.len() - 2));
    assert_eq!(api.terminate().code(), Some(0));

    // Another receiver is told what is running when it is named first, and nothing that is past.
    let api = start(&left, &[]);
    raise(&api, &["B"], 0);
    eventually("the message", || !left.all().is_empty());
    assert_each_once(&left.messages(), &[("B", &["raised"])]);
    assert!(api.stderr().contains("is of a receiver that is no longer named"), "{}", api.stderr());
}

#[test]
fn an_alarm_that_somebody_acknowledged_is_not_reminded_of_and_its_end_is_told() {
    let (folder, receiver) = (folder_with_model(), Receiver::start());
    let api = Api::start(folder.path(), &["--notify", &webhook(&receiver), "--notify-every", "1s"]);
    let next = raise(&api, &["A", "B"], 0);
    eventually("both are told", || !receiver.all().is_empty());
    let alarms = api.get("/alarms?turbine=A").json();
    let id = alarms["alarms"][0]["id"].as_str().unwrap();
    let answer = api.post(&format!("/alarms/{id}/actions"), json!({"action": "acknowledge", "by": "Ann"}).to_string());
    assert_eq!(answer.status, 200, "{}", answer.body);
    // One reminder may have been on its way.
    let told = receiver.all().len() + 1;
    eventually("reminders of the other", || receiver.all().len() >= told + 3);
    let later = receiver.all().split_off(told);
    assert!(later.iter().all(|message| message.kind() == "reminder" && message.turbines() == ["B"]), "{later:?}");
    clear(&api, &["A", "B"], next);
    let is_end_of_a = |message: &Notification| message.kind() == "cleared" && message.turbines().contains(&"A");
    eventually("the end of both", || receiver.all().iter().any(is_end_of_a));
}

#[test]
fn what_names_no_receiver_is_refused_at_the_start_with_its_value_and_the_remedy() {
    let folder = folder_with_model();
    for (args, said) in [
        (
            &["--notify", "ftp://me:word@example.com/secret"][..],
            "--notify/NOTIFY: \"ftp://example.com…\" begins with no scheme of a receiver; write http://",
        ),
        (&["--notify", "example.com/secret"], "--notify/NOTIFY: \"example.com…\" begins with no scheme"),
        (&["--notify", "http://:80/secret"], "--notify/NOTIFY: \"http://:80…\" is not a URL (empty host)"),
        (&["--notify", "http://h/a", "--notify", "http://h/a"], "the receiver at h is named twice"),
        (&["--public-url", "example.com"], "\"example.com\" is not the address of a page; write one such as https://"),
        (&["--notify-every", "often"], "\"often\" is not a length of time"),
    ] {
        let finished = run("api", folder.path(), &[&["--port", "0"], args].concat(), &[]);
        assert!(finished.code.is_some_and(|code| code != 0), "{args:?}");
        assert!(finished.stderr.contains(said) && !finished.stderr.contains("secret"), "{args:?}: {}", finished.stderr);
    }
}
