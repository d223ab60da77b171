//! Full streams: refusals are reported, nothing is dropped, and scoring resumes when there is room.

use crate::park::{Park, trained};
use crate::trouble::says;
use crate::workers::Workers;
use crate::{set_up, set_up_with, stream};
use async_nats::jetstream::Context;
use e2e::{NatsCluster, eventually};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::time::sleep;

/// Publishes a reading of a turbine; the words of the cluster if it refuses it.
async fn publish(jetstream: &Context, turbine: usize, round: usize) -> Result<(), String> {
    let subject = format!("readings.{}", Park::name(turbine));
    let sent = jetstream.publish(subject, Park::reading(turbine, round).into()).await;
    sent.unwrap().await.map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn a_full_input_refuses_readings_until_old_ones_expire() {
    let Some(cluster) = NatsCluster::start(3) else { return };
    let (folder, model) = trained();
    set_up_with(&cluster, folder.path(), &["--partitions", "1", "--in-max-bytes", "64KiB", "--in-max-age", "10s"]);
    let runtime = Runtime::new().unwrap();
    let jetstream = runtime.block_on(cluster.connect());
    let _workers = Workers::start(1, &cluster, &model, &[]);
    runtime.block_on(async {
        let mut accepted = 0;
        let refusal = loop {
            match publish(&jetstream, 0, accepted).await {
                Ok(()) => accepted += 1,
                Err(refusal) => break refusal,
            }
        };
        assert!(refusal.contains("maximum bytes exceeded"), "{refusal}");
        assert!(accepted > 100, "{accepted}");
        // The sensor sends it again until it is accepted.
        while publish(&jetstream, 0, accepted).await.is_err() {
            sleep(Duration::from_millis(200)).await;
        }
        let found = stream::outcome(&jetstream, accepted + 1).await;
        assert_eq!(found.rows.values().map(Vec::len).sum::<usize>(), accepted + 1);
    });
}

#[test]
fn a_full_output_holds_up_scoring_until_there_is_room() {
    let Some(cluster) = NatsCluster::start(3) else { return };
    let (folder, model) = trained();
    set_up(&cluster, folder.path(), "2");
    let runtime = Runtime::new().unwrap();
    let jetstream = runtime.block_on(cluster.connect());
    let workers = Workers::start(1, &cluster, &model, &[]);
    let worker = &workers.running[0].0;
    let park = Park { turbines: 20, rounds: 20 };
    let limit = |max_bytes: i64| {
        runtime.block_on(async {
            let mut config = stream::output(&jetstream).await.cached_info().config.clone();
            config.max_bytes = max_bytes;
            jetstream.update_stream(config).await.unwrap();
        });
    };
    limit(64 << 10);
    runtime.block_on(stream::publish_all(&jetstream, park));
    says(worker, "the stream OUT is full");
    let stored = runtime.block_on(stream::count(&jetstream));
    assert!(stored < park.readings(), "{stored}");
    eventually("some attempts", || workers.sum("turbine_worker_interruptions_total") > 5.0);
    assert_eq!(worker.get("/health/ready").status, 503);
    // A small batch may still have found room: then it is told once more.
    let log = worker.stderr();
    let told = log.matches("is not scored: the stream OUT is full").count();
    let healed = log.matches("the partition is scored again").count();
    assert!((1..=2 + healed).contains(&told), "once a partition: {log}");
    limit(-1);
    let found = runtime.block_on(stream::outcome(&jetstream, park.readings()));
    assert_eq!(found.rows.len(), park.turbines);
    eventually("the worker to be ready", || worker.get("/health/ready").status == 200);
}
