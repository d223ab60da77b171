//! Workers that take their model from the cluster: each newer one between two batches, and none that is damaged or has
//! other features.

use crate::gate::Gate;
use crate::park::{Park, trained, trained_anew};
use crate::trouble::{problems, says};
use crate::workers::Workers;
use crate::{set_up, stream};
use async_nats::jetstream::Context;
use e2e::{Api, Finished, MODEL_PATH, NatsCluster, eventually, run, train_other_features};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Runtime;

fn publish(cluster: &NatsCluster, file: &Path) -> Finished {
    let flags = cluster.flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let folder = tempfile::tempdir().unwrap();
    run("worker", folder.path(), &[&["publish-model", file.to_str().unwrap()], &flags[..]].concat(), &[])
}

/// Publishes bytes as a model without proving them.
async fn put(jetstream: &Context, mut bytes: &[u8]) {
    let store = jetstream.get_object_store("MODELS").await.unwrap();
    store.put("model", &mut bytes).await.unwrap();
}

fn version_of(file: &Path) -> String {
    let file: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    file["model_version"].as_str().unwrap().to_owned()
}

/// The version of the model that the worker says it scores with, if it is ready.
fn serves(worker: &Api) -> Option<String> {
    let ready = worker.get("/health/ready");
    (ready.status == 200).then(|| ready.json()["model_version"].as_str().unwrap().to_owned())
}

fn all_serve(workers: &Workers, version: &str) -> bool {
    workers.running.iter().all(|(worker, _)| serves(worker).as_deref() == Some(version))
}

/// Waits until all workers report a problem with the published model while the previous one stays in service.
fn all_refuse(workers: &Workers, problem: &str, going_on: &str) {
    for (worker, _) in &workers.running {
        eventually(problem, || problems(worker).contains(problem));
        assert_eq!(serves(worker).as_deref(), Some(going_on));
        assert!(problems(worker).contains(&format!("; the model {going_on} goes on")), "{}", problems(worker));
        assert_eq!(worker.get("/health").json()["status"], "degraded");
        assert!(worker.stderr().contains(&format!("the model {going_on} goes on")));
    }
}

/// Number of records of each model version; asserts one version per batch.
async fn versions(jetstream: &Context) -> BTreeMap<String, usize> {
    let (mut count, mut batch) = (BTreeMap::new(), BTreeMap::<String, usize>::new());
    let output = stream::output(jetstream).await;
    stream::read(&output, |subject, value| {
        if let Some(version) = value["record"]["model_version"].as_str() {
            *batch.entry(version.to_owned()).or_default() += 1;
        }
        if subject.starts_with("ckpt.") {
            assert!(batch.len() <= 1, "one batch was scored by {batch:?}");
            for (version, records) in std::mem::take(&mut batch) {
                *count.entry(version).or_default() += records;
            }
        }
    })
    .await;
    count
}

#[test]
fn workers_take_each_model_that_is_published_and_no_damaged_one() {
    let Some(cluster) = NatsCluster::start(3) else { return };
    let (folder, model) = trained();
    let (first, anew) = (version_of(&model), trained_anew(folder.path()));
    let second = version_of(&anew);
    set_up(&cluster, folder.path(), "4");
    let runtime = Runtime::new().unwrap();
    let jetstream = runtime.block_on(cluster.connect());

    let workers = Workers::start_with(2, &cluster, &["--model-store"]);
    workers.running.iter().for_each(|(worker, _)| {
        says(worker, "no model is published in the cluster; publish one with `worker publish-model FILE`");
    });
    let half = folder.path().join("half.json");
    let whole = std::fs::read(&model).unwrap();
    std::fs::write(&half, &whole[..whole.len() / 2]).unwrap();
    let refused = publish(&cluster, &half);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("was not published: it is not whole JSON"), "{}", refused.stderr);

    let published = publish(&cluster, &model);
    assert_eq!(
        published.stdout,
        format!("published the model {first} ({})\n", model.display()),
        "{}",
        published.stderr
    );
    eventually("all workers to serve the published model", || all_serve(&workers, &first));
    let park = Park { turbines: 20, rounds: 5 };
    runtime.block_on(stream::publish_all(&jetstream, park));
    runtime.block_on(stream::outcome(&jetstream, park.readings()));

    runtime.block_on(put(&jetstream, &whole[..whole.len() / 2]));
    all_refuse(&workers, "the published model cannot be used: it is not whole JSON", &first);
    let elsewhere = tempfile::tempdir().unwrap();
    train_other_features(elsewhere.path(), 3);
    let other = elsewhere.path().join(MODEL_PATH);
    let misfit = "the partition was scored with the features a, b, and the model has s0, s1, s2";
    let refused = publish(&cluster, &other);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains(misfit), "{}", refused.stderr);
    runtime.block_on(put(&jetstream, &std::fs::read(&other).unwrap()));
    all_refuse(&workers, misfit, &first);
    assert_eq!(workers.sum("turbine_model_reloads_refused_total"), 4.0);

    // Readings come all the time. Those of the first rounds are passed over: the stream has their ids.
    let gate = Arc::new(Gate::default());
    let sending =
        runtime.spawn(stream::publish(jetstream.clone(), Park { turbines: 20, rounds: usize::MAX }, Arc::clone(&gate)));
    assert_eq!(publish(&cluster, &anew).code, Some(0));
    eventually("all workers to serve the published model", || {
        gate.allow(gate.published() + 5);
        all_serve(&workers, &second)
    });
    assert_eq!(workers.sum("turbine_model_reloads_total"), 2.0);
    let rounds = gate.published() + 20;
    gate.allow(rounds);
    eventually("the last readings to be published", || gate.published() == rounds);
    sending.abort();
    let all = 20 * rounds;
    runtime.block_on(stream::outcome(&jetstream, all));
    let scored = runtime.block_on(versions(&jetstream));
    assert!(scored[&first] >= park.readings() && scored[&second] >= 20, "{scored:?}");
    assert_eq!(scored[&first] + scored[&second], all);
    assert_eq!(workers.sum("turbine_worker_interruptions_total"), 0.0);
}
