//! The worker on a cluster of three nodes, under kills: each reading is scored and stored once, in its turbine's order, and
//! the turbines' state and the alarms are those of one undisturbed service.
//!
//! `CLUSTER_ROUNDS` sets the readings of each turbine, 150 if it is not set; 1,000 are 200,000 readings.

#![allow(clippy::unwrap_used)]

mod park;
mod stream;
mod workers;

use async_nats::jetstream::Context;
use e2e::{NatsCluster, run};
use park::{Outcome, Park, trained};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;
use workers::{Blow, Workers};

fn park() -> Park {
    let rounds = std::env::var("CLUSTER_ROUNDS").unwrap_or_else(|_| "150".to_owned());
    let rounds = rounds.parse().unwrap_or_else(|_| panic!("CLUSTER_ROUNDS is a number, not {rounds:?}"));
    Park { turbines: 200, rounds }
}

fn set_up(cluster: &NatsCluster, folder: &Path, partitions: &str) {
    let flags = cluster.flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let args = [&["setup", "--replicas", "3", "--partitions", partitions], &flags[..]].concat();
    let done = run("worker", folder, &args, &[]);
    assert_eq!((done.code, &*done.stdout), (Some(0), "IN: made\nOUT: made\n"), "{}", done.stderr);
    let again = run("worker", folder, &args, &[]);
    assert_eq!(again.stdout, "IN: is there, as asked for\nOUT: is there, as asked for\n", "{}", again.stderr);
}

/// Publishes the readings in the background; the handle ends when all are acknowledged.
fn publish(runtime: &Runtime, jetstream: &Context, park: Park) -> (Arc<AtomicUsize>, tokio::task::JoinHandle<()>) {
    let done = Arc::new(AtomicUsize::new(0));
    let (jetstream, counted) = (jetstream.clone(), Arc::clone(&done));
    (done, runtime.spawn(async move { stream::publish(&jetstream, park, &counted).await }))
}

fn assert_same(found: &Outcome, expected: &Outcome) {
    for (turbine, rows) in &expected.rows {
        let found = found.rows.get(turbine);
        assert!(found == Some(rows), "the rows of {turbine} differ");
    }
    assert_eq!(found.rows.len(), expected.rows.len());
    for (turbine, state) in &expected.turbines {
        assert_eq!(found.turbines.get(turbine), Some(state), "the state of {turbine}");
    }
    assert!(!expected.alarms.is_empty());
    assert_eq!(found.alarms, expected.alarms);
}

/// Waits until a share of the readings is published.
fn wait_for(done: &AtomicUsize, rounds: usize) {
    e2e::eventually("readings to be published", || done.load(Ordering::Relaxed) >= rounds);
}

#[test]
fn kills_of_workers_and_leaders_change_nothing() {
    let Some(mut cluster) = NatsCluster::start(3) else { return };
    let (folder, model) = trained();
    let park = park();
    let expected = park.undisturbed(&model);
    set_up(&cluster, folder.path(), "16");
    let runtime = Runtime::new().unwrap();
    let jetstream = runtime.block_on(cluster.connect());
    let mut workers = Workers::start(3, &cluster, &model, &[]);
    let (done, published) = publish(&runtime, &jetstream, park);
    let blows = [
        Blow::Kill,
        Blow::Terminate,
        Blow::Suspend(3),
        Blow::Kill,
        Blow::Suspend(6),
        Blow::Kill,
        Blow::Terminate,
        Blow::Kill,
    ];
    for (i, blow) in blows.into_iter().enumerate() {
        wait_for(&done, park.rounds * (i + 1) / (blows.len() + 1));
        eprintln!("after {} rounds: {blow:?}", done.load(Ordering::Relaxed));
        if i % 3 == 1 {
            let stream = if i == 4 { "IN" } else { "OUT" };
            if let Some(leader) = runtime.block_on(cluster.leader_of(&jetstream, stream)) {
                eprintln!("and n{leader}, the leader of {stream}");
                cluster.kill_node(leader);
                workers.strike(blow);
                std::thread::sleep(Duration::from_secs(1));
                cluster.start_node(leader);
                cluster.wait_until_ready();
                continue;
            }
        }
        workers.strike(blow);
    }
    runtime.block_on(published).unwrap();
    let found = runtime.block_on(stream::outcome(&jetstream, park.readings()));
    assert_same(&found, &expected);
    eprintln!(
        "{} records; fences lost {}, interruptions {}",
        park.readings(),
        workers.sum("turbine_worker_fences_lost_total"),
        workers.sum("turbine_worker_interruptions_total"),
    );
    if std::env::var_os("CLUSTER_VERBOSE").is_some() {
        eprintln!("{}", workers.stderr());
    }
}
