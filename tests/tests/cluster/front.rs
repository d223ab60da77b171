//! The service in front of a cluster: it shows the same as a service that scores all readings itself, and hands
//! readings in.

use crate::park::{Park, trained, trained_with};
use crate::workers::Workers;
use crate::{set_up, stream};
use async_nats::jetstream::Context;
use e2e::{Answered, Api, NatsCluster, eventually, train_other_features};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const PARK: Park = Park { turbines: 20, rounds: 150 };

/// A service in front of the cluster, in a folder of its own.
fn front(cluster: &NatsCluster, model: &Path) -> (Api, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let flags = cluster.flags();
    let flags: Vec<&str> =
        ["--model", model.to_str().unwrap()].into_iter().chain(flags.iter().map(String::as_str)).collect();
    (Api::start(folder.path(), &flags), folder)
}

fn reasons(api: &Api) -> String {
    api.get("/health").json()["reasons"].to_string()
}

/// Waits until the service is not ready and gives the reason.
fn says(api: &Api, reason: &str) {
    eventually(reason, || api.get("/health/ready").status == 503 && reasons(api).contains(reason));
}

fn is_ready(api: &Api) -> bool {
    api.get("/health/ready").status == 200
}

/// Asserts that it shows the same as a service that scored the readings itself.
fn assert_shows(front: &Api, alone: &Api) {
    let turbines = alone.get("/turbines").body;
    eventually("the same turbines", || front.get("/turbines").body == turbines);
    let alarms = alone.get("/alarms").json();
    assert!(alarms["alarms"].as_array().unwrap().len() > PARK.turbines, "{alarms}");
    assert_eq!(front.get("/alarms").json(), alarms);
    for turbine in (0..PARK.turbines).map(Park::name) {
        for path in [format!("/turbines/{turbine}"), format!("/alarms?turbine={turbine}&active=false")] {
            assert_eq!(front.get(&path).json(), alone.get(&path).json(), "{path}");
        }
        for range in ["", "?from=2026-01-01T00:00:00Z&points=20", "?from=2026-01-01T06:00:00Z&to=2026-01-01T09:00:00Z"]
        {
            let path = format!("/turbines/{turbine}/history{range}");
            let (shown, expected) = (front.get(&path).json(), alone.get(&path).json());
            assert!(!expected["buckets"].as_array().unwrap().is_empty(), "{path}");
            assert!(rounded(&shown) == rounded(&expected), "{path}: {shown}, expected {expected}");
        }
    }
}

/// Rounds numbers: sums in another order differ in their last digits.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(format!("{:.9}", number.as_f64().unwrap())),
        Value::Array(values) => values.iter().map(rounded).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), rounded(value))).collect(),
        other => other.clone(),
    }
}

#[test]
fn the_page_of_a_park_is_that_of_one_service() {
    let Some(mut cluster) = NatsCluster::start(3) else { return };
    let (folder, model) = trained();
    let (first, _first_folder) = front(&cluster, &model);
    says(&first, "the cluster has no stream IN; make it with `worker setup`");
    set_up(&cluster, folder.path(), "4");
    eventually("the service to be ready", || is_ready(&first));
    let mut workers = Workers::start(2, &cluster, &model, &[]);
    let runtime = Runtime::new().unwrap();
    let jetstream = runtime.block_on(cluster.connect());
    let alone_in = tempfile::tempdir().unwrap();
    let alone = PARK.feed(alone_in.path(), &model);

    let published = runtime.spawn(async move { stream::publish_all(&jetstream, PARK).await });
    eventually("records", || first.get("/turbines").json()["turbines"].as_array().unwrap().len() == PARK.turbines);
    drop(workers.running.remove(0));
    runtime.block_on(published).unwrap();
    assert_shows(&first, &alone);
    assert!(!first.log().exists(), "it writes no log");
    let (second, _second_folder) = front(&cluster, &model);
    assert_shows(&second, &alone);

    answers_readings(&first, &alone);
    refuses_what_is_not_its_own(&first);
    let waiting = reading("P-9", 1);
    workers.running.clear();
    let late = first.post("/predict", &waiting);
    assert_eq!(late.status, 504, "{}", late.body);
    assert!(late.body.contains("it will be scored"), "{}", late.body);
    workers.add();
    eventually("a worker to score the reading", || first.get("/turbines/P-9").status == 200);
    let again = first.post("/predict", &waiting);
    assert_eq!((again.status, &again.json()["duplicate"]), (200, &json!(true)), "{}", again.body);

    (0..cluster.len()).for_each(|node| cluster.kill_node(node));
    says(&first, "cannot be read");
    let refused = first.post("/predict", reading("P-9", 2));
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert_eq!(first.get("/turbines/P-9").json()["readings"], 1);
    (0..cluster.len()).for_each(|node| cluster.start_node(node));
    cluster.wait_until_ready();
    eventually("the service to be ready again", || is_ready(&first));
    eventually("a reading to be answered", || first.post("/predict", reading("P-9", 3)).status == 200);

    let elsewhere = tempfile::tempdir().unwrap();
    train_other_features(elsewhere.path(), 3);
    let (stranger, _stranger_folder) = front(&cluster, &elsewhere.path().join(e2e::MODEL_PATH));
    says(&stranger, "scored with the features a, b, and the model here has s0, s1, s2");
}

/// A reading of a turbine, some minutes after others.
fn reading(turbine: &str, minute: usize) -> String {
    let text = Park::reading(0, 7 + minute);
    text.replace("WT-0", turbine)
}

fn without(answer: &Answered, key: &str) -> Value {
    let mut answer = answer.json();
    answer.as_object_mut().unwrap().remove(key);
    answer
}

/// Readings that are handed in are answered as by a service that scores itself.
fn answers_readings(front: &Api, alone: &Api) {
    for minute in 0..5 {
        let path = "/predict?explain=true";
        let (answer, expected) = (front.post(path, reading("P-1", minute)), alone.post(path, reading("P-1", minute)));
        assert_eq!((answer.status, answer.json()), (200, expected.json()));
        assert!(answer.header("x-request-id").is_some());
    }
    let again = front.post("/predict", reading("P-1", 4));
    assert_eq!(again.json()["duplicate"], true);
    let expected = front.post("/predict", reading("P-1", 4));
    assert_eq!(without(&again, "duplicate"), without(&expected, "duplicate"));
    let now = front.post("/predict", r#"{"turbine_id": "P-5", "a": 1, "b": 1}"#);
    assert_eq!(now.status, 200, "{}", now.body);

    let batch = |turbines: &[&str]| {
        let readings: Vec<String> = (0..40).map(|i| reading(turbines[i % turbines.len()], i)).collect();
        format!("{{\"readings\":[{}]}}", readings.join(","))
    };
    let body = batch(&["P-2", "P-3", "P-4"]);
    let (answer, expected) = (front.post("/predict/batch", &body), alone.post("/predict/batch", &body));
    assert_eq!((answer.status, answer.json()), (200, expected.json()));

    for (body, expected) in [
        (r#"{"a": 1, "b": 1}"#, "turbine_id is missing"),
        (r#"{"turbine_id": "P.1", "a": 1, "b": 1}"#, "must not contain a '.' in a cluster, got \"P.1\""),
        (r#"{"turbine_id": "P-1", "a": "x", "b": 1}"#, "a must be a number"),
        // These workers refuse readings with missing values.
        (r#"{"turbine_id": "P-1", "a": 1}"#, "b is missing"),
    ] {
        let refused = front.post("/predict", body);
        assert_eq!(refused.status, 400, "{body}: {}", refused.body);
        assert!(refused.json()["error"].as_str().unwrap().contains(expected), "{}", refused.body);
    }
    let fault = json!([{"field": "b", "problem": "is missing", "value": null}]);
    assert_eq!(front.post("/predict", r#"{"turbine_id": "P-1", "a": 1}"#).json()["faults"], fault);

    let readings = [reading("P-2", 50), r#"{"turbine_id": "P-2", "a": 1}"#.to_owned(), reading("P-3", 50)];
    let partly = front.post("/predict/batch", format!("{{\"readings\":[{}]}}", readings.join(",")));
    assert_eq!(partly.status, 400, "{}", partly.body);
    let text = "2 of 3 readings are scored; of the others the first: reading 1: b is missing";
    assert_eq!(partly.json()["error"], text);
    let lines = [reading("P-2", 51), r#"{"turbine_id": "P-2", "a": 1}"#.to_owned(), reading("P-3", 51)].join("\n");
    let each = front.request("POST", "/predict/batch", &[("content-type", "application/x-ndjson")], lines);
    let each: Vec<Value> = each.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let turbines: Vec<&Value> = each.iter().map(|answer| &answer["turbine_id"]).collect();
    assert_eq!(turbines, [&json!("P-2"), &Value::Null, &json!("P-3")]);
    assert_eq!(each[1]["faults"], fault);
}

/// Requests that only a service that scores can serve.
fn refuses_what_is_not_its_own(front: &Api) {
    let alarm = front.get("/alarms?limit=1").json()["alarms"][0]["id"].as_str().unwrap().to_owned();
    let act = front.post(&format!("/alarms/{alarm}/actions"), r#"{"action": "acknowledge", "by": "Ann"}"#);
    assert_eq!(act.status, 501, "{}", act.body);
    for path in ["/model/promote", "/model/rollback", "/model/shadow"] {
        let refused = front.post(path, r#"{"file": "other.json"}"#);
        assert_eq!(refused.status, 501, "{path}: {}", refused.body);
        assert!(refused.body.contains("scored by the workers of the cluster"), "{}", refused.body);
    }
    assert_eq!(front.post("/model/reload", "").json()["changed"], false);
    let metrics = front.figures();
    assert_eq!(metrics["turbine_log_accepting"], 1.0);
}

/// How often each turbine sends. It counts as silent after ten times that.
const INTERVAL: Duration = Duration::from_millis(500);
const TURBINES: usize = 12;

/// Sends a reading of every turbine each interval, until told to stop.
async fn send(jetstream: Context, stop: Arc<AtomicBool>, rounds: Arc<AtomicUsize>) {
    let mut ticks = tokio::time::interval(INTERVAL);
    while !stop.load(Relaxed) {
        ticks.tick().await;
        let timestamp = Timestamp::now().to_string();
        let reading = |turbine: usize| {
            let reading = json!({"turbine_id": Park::name(turbine), "timestamp": timestamp, "a": 0.5, "b": 0.6});
            (Park::name(turbine), reading.to_string())
        };
        stream::send_all(&jetstream, (0..TURBINES).map(reading)).await;
        rounds.fetch_add(1, Relaxed);
    }
}

/// How many turbines are shown as silent, and the readings of each.
fn shown(api: &Api) -> (usize, Vec<u64>) {
    let turbines = api.get("/turbines").json()["turbines"].as_array().unwrap().clone();
    let silent = turbines.iter().filter(|turbine| turbine["silent"] == true).count();
    (silent, turbines.iter().map(|turbine| turbine["readings"].as_u64().unwrap()).collect())
}

#[test]
fn a_turbine_whose_readings_wait_is_not_silent() {
    let Some(cluster) = NatsCluster::start(3) else { return };
    let (folder, model) = trained_with(SignedDuration::try_from(INTERVAL).unwrap());
    set_up(&cluster, folder.path(), "4");
    let mut workers = Workers::start(2, &cluster, &model, &[]);
    let (api, _folder) = front(&cluster, &model);
    let runtime = Runtime::new().unwrap();
    let jetstream = runtime.block_on(cluster.connect());
    let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let sending = runtime.spawn(send(jetstream, Arc::clone(&stop), Arc::clone(&rounds)));
    eventually("readings of all turbines", || shown(&api).1.len() == TURBINES);

    // The worker dies and its partitions have no owner for longer than the time after which a turbine counts as silent.
    drop(workers.running.remove(0));
    let other = &workers.running[0].0;
    other.signal("STOP");
    let (still_since, before) = (Instant::now(), shown(&api).1);
    while still_since.elapsed() < 14 * INTERVAL {
        assert_eq!(shown(&api).0, 0, "silent after {:?}", still_since.elapsed());
        std::thread::sleep(INTERVAL / 2);
    }
    let waited = shown(&api).1;
    let came = waited.iter().zip(&before).map(|(now, before)| now - before).max().unwrap();
    assert!(came < 5, "no worker scores: {before:?}, {waited:?}");
    other.signal("CONT");
    eventually("the readings that waited", || {
        let (silent, readings) = shown(&api);
        assert_eq!(silent, 0);
        readings.iter().all(|&readings| readings as usize + 4 >= rounds.load(Relaxed))
    });

    stop.store(true, Relaxed);
    runtime.block_on(sending).unwrap();
    let all = vec![rounds.load(Relaxed) as u64; TURBINES];
    eventually("all turbines to be silent", || shown(&api) == (TURBINES, all.clone()));
    let (again, _again_folder) = front(&cluster, &model);
    eventually("all turbines to be silent after a restart", || shown(&again) == (TURBINES, all.clone()));
}
