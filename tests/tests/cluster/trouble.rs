//! What is wrong is said, and heals.

use crate::park::{Park, trained};
use crate::workers::Workers;
use crate::{set_up, stream};
use e2e::{Api, NatsCluster, eventually, run, train_other_features};
use jiff::Timestamp;
use serde_json::json;
use std::path::Path;
use std::time::Instant;
use tokio::runtime::Runtime;

pub fn problems(worker: &Api) -> String {
    worker.get("/health").json()["problems"].to_string()
}

/// Waits until the worker is not ready and says why.
pub fn says(worker: &Api, problem: &str) {
    eventually(problem, || worker.get("/health/ready").status == 503 && problems(worker).contains(problem));
}

#[test]
fn what_is_missing_is_said_and_heals_when_it_comes() {
    let Some(cluster) = NatsCluster::start(3) else { return };
    let (folder, model) = trained();
    let model_flag = ["--model", model.to_str().unwrap()];
    let start = |flags: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let worker = Api::start_program("worker", 0, folder.path(), &[&model_flag, flags].concat(), &[]);
        (worker, folder)
    };
    let (nobody, _folder) = start(&["--nats", "nats://127.0.0.1:1"]);
    says(&nobody, "cannot connect to nats://127.0.0.1:1 (--nats)");
    std::fs::write(folder.path().join("wrong"), "x").unwrap();
    let flags = cluster.flags();
    let wrong = folder.path().join("wrong");
    let (stranger, _folder) =
        start(&["--nats", &flags[1], "--user", "worker", "--password-file", wrong.to_str().unwrap()]);
    says(&stranger, "authorization violation");

    let mut workers = Workers::start(1, &cluster, &model, &[]);
    says(&workers.running[0].0, "the cluster has no stream IN; make it with `worker setup`");
    set_up(&cluster, folder.path(), "4");
    eventually("the worker to be ready", || {
        let health = workers.running[0].0.get("/health/ready");
        health.status == 200 && health.json()["partitions"].as_array().unwrap().len() == 4
    });

    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let other = run("worker", folder.path(), &[&["setup", "--partitions", "8"], &flags[..]].concat(), &[]);
    assert_eq!(other.code, Some(1));
    assert!(
        other.stderr.contains("IN: the number of partitions, which cannot be changed, is 4, asked for was 8")
            && other.stderr.contains("nothing was changed"),
        "{}",
        other.stderr
    );

    let runtime = Runtime::new().unwrap();
    let jetstream = runtime.block_on(cluster.connect());
    let park = Park { turbines: 20, rounds: 1 };
    runtime.block_on(stream::publish_all(&jetstream, park));
    runtime.block_on(stream::outcome(&jetstream, park.readings()));
    let (worker, _folder) = workers.running.remove(0);
    assert!(worker.terminate().success());
    let elsewhere = tempfile::tempdir().unwrap();
    train_other_features(elsewhere.path(), 3);
    let other = Workers::start(1, &cluster, &elsewhere.path().join(e2e::MODEL_PATH), &[]);
    says(&other.running[0].0, "the partition was scored with the features a, b, and the model has s0, s1, s2");
    // It leaves all partitions to the workers that can score them.
    workers.add();
    eventually("the worker to be ready", || {
        let health = workers.running[0].0.get("/health/ready");
        health.status == 200 && health.json()["partitions"].as_array().unwrap().len() == 4
    });
    says(&other.running[0].0, "the partition was scored with the features a, b");
}

/// Payloads that are no readings, and what is said of them.
fn damaged(i: usize) -> (String, &'static str) {
    let reading = Park::reading(0, i);
    match i % 6 {
        0 => (reading[..reading.len() / 2].to_owned(), "the body is not JSON"),
        1 => ("[1, 2]".to_owned(), "a reading must be a JSON object"),
        2 => (json!({"a": 1}).to_string(), "b is missing"),
        3 => (json!({"a": "x", "b": null}).to_string(), "a must be a number"),
        4 => (r#"{"a": NaN, "b": 1}"#.to_owned(), "a must be a finite number"),
        _ => (Park::reading(7, i), "turbine_id is WT-7, and the reading was sent as one of WT-0"),
    }
}

#[test]
fn damaged_readings_are_rejected_with_their_faults_and_hold_up_nothing() {
    let Some(cluster) = NatsCluster::start(3) else { return };
    let (folder, model) = trained();
    set_up(&cluster, folder.path(), "1");
    let count: usize = std::env::var("CLUSTER_DAMAGED").map_or(6_000, |count| count.parse().unwrap());
    let runtime = Runtime::new().unwrap();
    let jetstream = runtime.block_on(cluster.connect());
    let workers = Workers::start(1, &cluster, &model, &[]);
    let park = Park { turbines: 10, rounds: 1 };
    let began = Instant::now();
    runtime.block_on(async {
        stream::send_all(&jetstream, (0..count).map(|i| ("WT-0".to_owned(), damaged(i).0))).await;
        stream::send_all(&jetstream, [("ö".to_owned(), Park::reading(1, 1))].into_iter()).await;
        stream::publish_all(&jetstream, park).await;
        stream::send_all(&jetstream, [("unsaid".to_owned(), json!({"a": 1, "b": 1}).to_string())].into_iter()).await;
    });
    let sent = began.elapsed();
    let found = runtime.block_on(stream::outcome(&jetstream, park.readings() + 1));
    let peak = workers.running[0].0.proc_status("VmHWM");
    eprintln!(
        "{count} damaged readings: sent in {sent:.1?}, read back after {:.1?}; worker: {peak} kB",
        began.elapsed()
    );
    assert_eq!(found.rows.len(), park.turbines + 1);
    // What a reading does not say of itself, its subject and the stream say.
    let row: Vec<&str> = found.rows["unsaid"][0].split(',').collect();
    let age = Timestamp::now().duration_since(row[0].parse().unwrap());
    assert!(age.as_secs() < 600, "{row:?}");
    assert_eq!(found.rejected.len(), count + 1);
    for (i, rejected) in found.rejected[..count].iter().enumerate() {
        let (payload, message) = damaged(i);
        assert_eq!(rejected["payload"], payload);
        assert!(rejected["message"].as_str().unwrap().contains(message), "{rejected}");
        assert_eq!(rejected["faults"].as_array().unwrap().is_empty(), ![2, 3, 4].contains(&(i % 6)), "{rejected}");
    }
    let message = found.rejected[count]["message"].as_str().unwrap();
    assert!(message.starts_with("the turbine \"ö\" of the subject "), "{message}");
    assert_eq!(workers.sum("turbine_worker_rejected_total"), (count + 1) as f64);
}

#[test]
fn an_export_is_a_prediction_log() {
    let Some(cluster) = NatsCluster::start(3) else { return };
    let (folder, model) = trained();
    set_up(&cluster, folder.path(), "4");
    let runtime = Runtime::new().unwrap();
    let jetstream = runtime.block_on(cluster.connect());
    let _workers = Workers::start(2, &cluster, &model, &[]);
    let park = Park { turbines: 10, rounds: 120 };
    runtime.block_on(stream::publish_all(&jetstream, park));
    runtime.block_on(stream::outcome(&jetstream, park.readings()));
    let flags = cluster.flags();
    let export = |folder: &Path, more: &[&str]| {
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        run("worker", folder, &[&["export", "--out", "outputs"], more, &flags[..]].concat(), &[])
    };
    let done = export(folder.path(), &[]);
    assert_eq!(done.stdout, "wrote 1200 rows to outputs/predictions_log.csv\n", "{}", done.stderr);
    let text = std::fs::read_to_string(folder.path().join("outputs/predictions_log.csv")).unwrap();
    let expected = park.undisturbed(&model);
    for (turbine, rows) in &expected.rows {
        let column = format!(",{turbine},");
        let exported: Vec<&str> = text.lines().filter(|row| row.contains(&column)).collect();
        assert!(exported == *rows, "{turbine}");
    }
    assert!(
        export(folder.path(), &[]).stderr.contains("there is a prediction log at outputs/predictions_log.csv already")
    );
    let part = tempfile::tempdir().unwrap();
    // Six readings an hour of each turbine.
    let done = export(part.path(), &["--from", "2026-01-01T01:00:00Z", "--to", "2026-01-01T02:00:00Z"]);
    assert_eq!(done.stdout, "wrote 60 rows to outputs/predictions_log.csv\n", "{}", done.stderr);
}
