//! Streams that were recreated, or that lack what a worker wrote.

use crate::park::{Park, trained};
use crate::trouble::says;
use crate::workers::Workers;
use crate::{set_up, stream};
use async_nats::jetstream::Context;
use e2e::{Api, NatsCluster, eventually};
use serde_json::json;
use tokio::runtime::Runtime;

/// Waits until the worker is ready and has this number of partitions.
fn works_on(worker: &Api, partitions: usize) {
    eventually("the worker to be ready", || {
        let ready = worker.get("/health/ready");
        ready.status == 200 && ready.json()["partitions"].as_array().unwrap().len() == partitions
    });
}

/// Deletes a stream and makes an empty one of the same configuration.
async fn empty(jetstream: &Context, name: &str) {
    let config = jetstream.get_stream(name).await.unwrap().cached_info().config.clone();
    jetstream.delete_stream(name).await.unwrap();
    jetstream.create_stream(config).await.unwrap();
}

#[test]
fn a_worker_notices_streams_that_are_made_anew() {
    let Some(cluster) = NatsCluster::start(3) else { return };
    let (folder, model) = trained();
    set_up(&cluster, folder.path(), "4");
    let runtime = Runtime::new().unwrap();
    let jetstream = runtime.block_on(cluster.connect());
    let workers = Workers::start(1, &cluster, &model, &[]);
    let worker = &workers.running[0].0;
    works_on(worker, 4);
    let park = Park { turbines: 20, rounds: 3 };
    runtime.block_on(async {
        stream::publish_all(&jetstream, park).await;
        stream::outcome(&jetstream, park.readings()).await;
    });

    // Readings are numbered from 1 again, and those numbers were scored.
    runtime.block_on(empty(&jetstream, "IN"));
    says(worker, "and IN ends at 0: it was made anew");
    runtime.block_on(async {
        let output = stream::output(&jetstream).await;
        output.purge().filter("ckpt.*").await.unwrap();
        stream::publish_all(&jetstream, park).await;
        while stream::count(&jetstream).await < 2 * park.readings() {
            tokio::task::yield_now().await;
        }
    });
    works_on(worker, 4);

    runtime.block_on(async {
        jetstream.delete_stream("IN").await.unwrap();
        jetstream.delete_stream("OUT").await.unwrap();
    });
    says(worker, "the cluster has no stream IN; make it with `worker setup`");
    set_up(&cluster, folder.path(), "8");
    works_on(worker, 8);
    runtime.block_on(async {
        stream::publish_all(&jetstream, park).await;
        stream::outcome(&jetstream, park.readings()).await;
    });
}

#[test]
fn records_behind_the_checkpoint_are_read_again() {
    let Some(cluster) = NatsCluster::start(3) else { return };
    let (folder, model) = trained();
    set_up(&cluster, folder.path(), "1");
    let runtime = Runtime::new().unwrap();
    let jetstream = runtime.block_on(cluster.connect());
    let mut workers = Workers::start(1, &cluster, &model, &[]);
    let park = Park { turbines: 5, rounds: 3 };
    runtime.block_on(stream::publish_all(&jetstream, park));
    runtime.block_on(stream::outcome(&jetstream, park.readings()));
    let (worker, _folder) = workers.running.remove(0);
    assert!(worker.terminate().success());

    // To the worker a node that lags looks the same: the checkpoint names a record that is not there.
    let newest = runtime.block_on(async {
        let output = stream::output(&jetstream).await;
        let mut newest = 0;
        for turbine in 0..park.turbines {
            let subject = format!("out.0.{}", Park::name(turbine));
            newest = newest.max(output.get_last_raw_message_by_subject(&subject).await.unwrap().sequence);
        }
        newest
    });
    let checkpoint = |newest_record: u64| {
        let checkpoint = json!({
            "input": park.readings(), "newest_record": newest_record, "features": ["a", "b"], "worker": "test",
        });
        let jetstream = &jetstream;
        runtime.block_on(async move {
            jetstream.publish("ckpt.0", checkpoint.to_string().into()).await.unwrap().await.unwrap()
        });
    };
    checkpoint(newest + 1_000);
    workers.add();
    let worker = &workers.running[0].0;
    says(
        worker,
        &format!("the newest record is at {newest} and the checkpoint says {}; a node may be behind", newest + 1_000),
    );
    checkpoint(newest);
    works_on(worker, 1);
    let more = Park { turbines: 5, rounds: 4 };
    runtime.block_on(stream::publish_all(&jetstream, more));
    runtime.block_on(stream::outcome(&jetstream, more.readings()));
}
