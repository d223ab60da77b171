//! Senders over NATS and over MQTT: readings are scored once and in order, and no acknowledged reading is lost.

use crate::park::{Outcome, Park, trained};
use crate::workers::Workers;
use crate::{assert_same, set_up, setup, stream};
use async_nats::jetstream::Context;
use e2e::{Api, Finished, NatsCluster, eventually, run};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;
use tokio::runtime::Runtime;

const PARK: Park = Park { turbines: 40, rounds: 150 };

const REPLAY: [&str; 7] = ["--timestamp", "timestamp", "--turbine", "turbine", "--label", "fault", "--quiet"];

/// A recording and how it is sent.
struct Sending {
    folder: PathBuf,
    flags: Vec<String>,
}

impl Sending {
    fn new(folder: &Path, recording: &str, name: &str, flags: &[&str]) -> Self {
        std::fs::write(folder.join(name), recording).unwrap();
        let flags = ["--replay", name].iter().chain(&REPLAY).chain(flags).map(|&flag| flag.to_owned()).collect();
        Sending { folder: folder.to_owned(), flags }
    }

    fn with(mut self, flags: Vec<String>) -> Self {
        self.flags.extend(flags);
        self
    }

    fn run(&self) -> Finished {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let sent = run("sender", &self.folder, &flags, &[]);
        eprintln!("{}", sent.stdout);
        sent
    }

    fn start(self) -> JoinHandle<Finished> {
        std::thread::spawn(move || self.run())
    }
}

/// The flags of a user that may read the records.
fn reader(cluster: &NatsCluster) -> Vec<String> {
    cluster.flags()[2..].to_vec()
}

/// The lines of a summary that say what was detected.
fn detected(sent: &Finished) -> Vec<&str> {
    let figures = ["labelled=", "events_labelled=", "alarms_raised="].map(|figure| format!("[sender] {figure}"));
    sent.stdout.lines().filter(|line| figures.iter().any(|figure| line.starts_with(figure))).collect()
}

#[test]
fn a_sender_over_nats_tells_the_same_as_over_http() {
    let Some(cluster) = NatsCluster::start(3) else { return };
    let (folder, model) = trained();
    set_up(&cluster, folder.path(), "8");
    let expected = PARK.undisturbed(&model);
    let recording = PARK.recording(0..PARK.turbines);
    let http = tempfile::tempdir().unwrap();
    let api = Api::start(http.path(), &["--model", model.to_str().unwrap()]);
    let url = format!("http://{}/predict", api.address());
    let over_http = Sending::new(folder.path(), &recording, "http.csv", &["--api-url", &url, "--interval", "0"]).run();

    let _workers = Workers::start(2, &cluster, &model, &[]);
    let to = ["--to", &cluster.nats(), "--interval", "0", "--concurrency", "100"];
    let over_nats = Sending::new(folder.path(), &recording, "nats.csv", &to).with(reader(&cluster)).run();
    let sent = format!("[sender] sent={} failed=0 unsent=0 skipped=0 retries=0 duplicates=0 ", PARK.readings());
    assert!(over_nats.stdout.contains(&sent) && over_nats.code == Some(0), "{}", over_nats.stderr);
    assert!(!over_nats.stdout.contains("acknowledged="), "each reading has a verdict");
    assert_eq!(detected(&over_http).len(), 3);
    assert_eq!(detected(&over_nats), detected(&over_http));
    let runtime = Runtime::new().unwrap();
    let jetstream = runtime.block_on(cluster.connect());
    assert_same(&runtime.block_on(stream::outcome(&jetstream, PARK.readings())), &expected);

    // Another run finds the features in the records, and the stream passes over the readings that it has.
    let again = ["--to", &cluster.nats(), "--interval", "0", "--count", "50"];
    let again = Sending::new(folder.path(), &recording, "again.csv", &again).with(reader(&cluster)).run();
    assert!(again.stdout.contains("model: version unknown, features a, b\n"), "{}", again.stdout);
    assert!(again.stdout.contains("sent=50 ") && again.stdout.contains(" duplicates=50 "), "{}", again.stdout);
}

#[test]
fn a_sender_over_mqtt_has_its_readings_scored_once_and_in_order() {
    let Some(cluster) = NatsCluster::start(3) else { return };
    let (folder, model) = trained();
    // A park that gets its first MQTT sensors later.
    set_up(&cluster, folder.path(), "8");
    let listener = format!("--mqtt={}", cluster.mqtt().split(',').next().unwrap());
    let made = "mq2in: made\nIN: takes the readings of MQTT sensors from now on\nOUT: is there, as asked for\n";
    assert_eq!(setup(&cluster, folder.path(), &["--partitions", "8", &listener]), made);
    let there = "mq2in: is there, as asked for\nIN: is there, as asked for\nOUT: is there, as asked for\n";
    assert_eq!(setup(&cluster, folder.path(), &["--partitions", "8", "--mqtt"]), there);

    let expected = PARK.undisturbed(&model);
    let _workers = Workers::start(2, &cluster, &model, &[]);
    let to = ["--to", &format!("mqtt://{}", cluster.mqtt()), "--interval", "0", "--concurrency", "100"];
    let recording = PARK.recording(0..PARK.turbines);
    let sent = Sending::new(folder.path(), &recording, "mqtt.csv", &to).with(cluster.sensor_flags()).run();
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    let readings = PARK.readings();
    let acknowledged = format!("[sender] acknowledged={readings} of the readings sent");
    assert!(sent.stdout.contains(&format!("[sender] sent={readings} ")) && sent.stdout.contains(&acknowledged));
    let runtime = Runtime::new().unwrap();
    let jetstream = runtime.block_on(cluster.connect());
    assert_same(&runtime.block_on(stream::outcome(&jetstream, readings)), &expected);

    let dotted = recording.replace(",WT-7,", ",WT.7,");
    let to = ["--to", &format!("mqtt://{}", cluster.mqtt())];
    let refused = Sending::new(folder.path(), &dotted, "dotted.csv", &to).with(cluster.sensor_flags()).run();
    assert!(refused.stderr.contains("the turbine \"WT.7\" cannot be sent to a cluster"), "{}", refused.stderr);
    assert!(!refused.stdout.contains("sent="), "before the first reading: {}", refused.stdout);
}

#[test]
fn no_acknowledged_reading_of_mqtt_sensors_is_lost_with_the_leader() {
    let Some(mut cluster) = NatsCluster::start(3) else { return };
    let (folder, model) = trained();
    let listener = format!("--mqtt={}", cluster.mqtt().split(',').next().unwrap());
    let made = setup(&cluster, folder.path(), &["--partitions", "16", &listener]);
    assert_eq!(made, "mq2in: made\nIN: made\nOUT: made\n");
    let park = Park { turbines: 90, rounds: 100 };
    let expected = park.undisturbed(&model);
    let _workers = Workers::start(2, &cluster, &model, &[]);
    let runtime = Runtime::new().unwrap();
    let jetstream = runtime.block_on(cluster.connect());

    let over_mqtt = 60..park.turbines;
    let sending = |turbines: std::ops::Range<usize>, name: &str, to: &str, interval: &str| {
        let flags = ["--to", to, "--interval", interval, "--concurrency", "100", "--retries", "40"];
        Sending::new(folder.path(), &park.recording(turbines), name, &flags)
    };
    // Both take about ten seconds undisturbed.
    let nats = sending(0..60, "nats.csv", &cluster.nats(), "0.0015").with(reader(&cluster)).start();
    let mqtt = format!("mqtt://{}", cluster.mqtt());
    let mqtt = sending(over_mqtt.clone(), "mqtt.csv", &mqtt, "0.003").with(cluster.sensor_flags()).start();
    for part in [0.2, 0.5] {
        eventually("readings in the stream", || {
            runtime.block_on(inputs(&jetstream)).is_some_and(|count| count as f64 >= part * park.readings() as f64)
        });
        let leader = runtime.block_on(cluster.leader_of(&jetstream, "IN")).expect("the stream has a leader");
        eprintln!("killing n{leader}, the leader of IN, after {:?} readings", runtime.block_on(inputs(&jetstream)));
        cluster.kill_node(leader);
        sleep(Duration::from_secs(2));
        cluster.start_node(leader);
        cluster.wait_until_ready();
    }
    let (nats, mqtt) = (nats.join().unwrap(), mqtt.join().unwrap());
    for sent in [&nats, &mqtt] {
        assert!(sent.stdout.contains(" failed=0 unsent=0 ") && sent.code == Some(0), "{}", sent.stderr);
    }
    eventually("the messages of MQTT sensors to be in the stream IN", || {
        runtime.block_on(waiting(&jetstream)) == Some(0)
    });
    let records = runtime.block_on(inputs(&jetstream)).unwrap();
    let found = runtime.block_on(stream::outcome(&jetstream, records));
    eprintln!("{} readings, {} of them stored again", park.readings(), records - park.readings());
    assert_none_lost(&found, &expected, |turbine| over_mqtt.clone().any(|i| Park::name(i) == turbine));
}

/// Over MQTT a retry may be scored twice; all other readings are scored exactly once.
fn assert_none_lost(found: &Outcome, expected: &Outcome, is_over_mqtt: impl Fn(&str) -> bool) {
    assert_eq!(found.rows.len(), expected.rows.len());
    for (turbine, rows) in &expected.rows {
        let found = &found.rows[turbine];
        if !is_over_mqtt(turbine) {
            assert!(found == rows, "the rows of {turbine} differ");
            continue;
        }
        // timestamp, a, b: what was sent.
        let sent = |row: &String| row.splitn(4, ',').take(3).collect::<Vec<_>>().join(",");
        let (came, wanted): (BTreeSet<String>, Vec<String>) =
            (found.iter().map(sent).collect(), rows.iter().map(sent).collect());
        let lost: Vec<&String> = wanted.iter().filter(|reading| !came.contains(*reading)).collect();
        assert!(lost.is_empty(), "{turbine}: {} readings were acknowledged and lost: {lost:?}", lost.len());
        assert_eq!(came.len(), wanted.len(), "{turbine}");
    }
}

/// The number of readings in the stream.
async fn inputs(jetstream: &Context) -> Option<usize> {
    let stream = tokio::time::timeout(Duration::from_secs(3), jetstream.get_stream("IN")).await.ok()?.ok()?;
    usize::try_from(stream.cached_info().state.messages).ok()
}

/// The number of messages of MQTT sensors that the stream does not have yet.
async fn waiting(jetstream: &Context) -> Option<u64> {
    let look = async {
        let info = jetstream.get_stream("$MQTT_msgs").await.ok()?.consumer_info("mq2in").await.ok()?;
        Some(info.num_pending + info.num_ack_pending as u64)
    };
    tokio::time::timeout(Duration::from_secs(3), look).await.ok()?
}
