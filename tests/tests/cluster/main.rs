//! The worker on a cluster of three nodes, under kills: each reading is scored and stored once, in its turbine's order, and
//! the turbines' state and the alarms are those of one undisturbed service.
//!
//! `CLUSTER_ROUNDS` sets the readings of each turbine, 150 if it is not set; 1,000 are 200,000 readings.

#![allow(clippy::unwrap_used)]

mod failover;
mod gate;
mod park;
mod sensors;
mod stream;
mod trouble;
mod workers;

use e2e::{NatsCluster, run};
use gate::Gate;
use park::{Outcome, Park, trained};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use workers::{Blow, Workers};

fn park() -> Park {
    let rounds = std::env::var("CLUSTER_ROUNDS").unwrap_or_else(|_| "150".to_owned());
    let rounds = rounds.parse().unwrap_or_else(|_| panic!("CLUSTER_ROUNDS is a number, not {rounds:?}"));
    Park { turbines: 200, rounds }
}

fn set_up(cluster: &NatsCluster, folder: &Path, partitions: &str) {
    assert_eq!(setup(cluster, folder, partitions, &[]), "IN: made\nOUT: made\n");
    let again = setup(cluster, folder, partitions, &[]);
    assert_eq!(again, "IN: is there, as asked for\nOUT: is there, as asked for\n");
}

/// What `worker setup` says.
fn setup(cluster: &NatsCluster, folder: &Path, partitions: &str, more: &[&str]) -> String {
    let flags = cluster.flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let args = [&["setup", "--replicas", "3", "--partitions", partitions], more, &flags[..]].concat();
    let done = run("worker", folder, &args, &[]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    done.stdout
}

/// What is done to the cluster, besides a blow to a worker.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Nodes {
    Spared,
    /// The node that leads this stream is killed, and started again a second later.
    LeaderKilled(&'static str),
    /// All nodes are killed, and started again a second later.
    AllKilled,
}

/// Deals the blows while readings are published, and compares with an undisturbed service.
fn endures(more: &[&str], blows: &[(Blow, Nodes)]) {
    let Some(mut cluster) = NatsCluster::start(3) else { return };
    let (folder, model) = trained();
    let park = park();
    let expected = park.undisturbed(&model);
    set_up(&cluster, folder.path(), "16");
    let runtime = Runtime::new().unwrap();
    let jetstream = runtime.block_on(cluster.connect());
    let mut workers = Workers::start(3, &cluster, &model, more);
    let gate = Arc::new(Gate::default());
    let published = runtime.spawn(stream::publish(jetstream.clone(), park, Arc::clone(&gate)));
    for (i, &(blow, nodes)) in blows.iter().enumerate() {
        let part = |i: usize| park.rounds * i / (blows.len() + 1);
        gate.allow(part(i + 1));
        e2e::eventually("readings to be published", || gate.published() >= (part(i) + part(i + 1)) / 2);
        eprintln!("after {} rounds: {blow:?}, nodes: {nodes:?}", gate.published());
        let killed: Vec<usize> = match nodes {
            Nodes::Spared => Vec::new(),
            Nodes::LeaderKilled(stream) => {
                runtime.block_on(cluster.leader_of(&jetstream, stream)).into_iter().collect()
            }
            Nodes::AllKilled => (0..cluster.len()).collect(),
        };
        killed.iter().for_each(|&node| cluster.kill_node(node));
        workers.strike(blow);
        if !killed.is_empty() {
            std::thread::sleep(Duration::from_secs(1));
            killed.iter().for_each(|&node| cluster.start_node(node));
            cluster.wait_until_ready();
        }
    }
    gate.allow(park.rounds);
    runtime.block_on(published).unwrap();
    let found = runtime.block_on(stream::outcome(&jetstream, park.readings()));
    eprintln!(
        "{} records; since the last blow: fences lost {}, interruptions {}",
        park.readings(),
        workers.sum("turbine_worker_fences_lost_total"),
        workers.sum("turbine_worker_interruptions_total"),
    );
    assert_same(&found, &expected);
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

#[test]
fn kills_of_workers_and_leaders_change_nothing() {
    let (spared, killed) = (Nodes::Spared, Nodes::LeaderKilled);
    endures(
        &[],
        &[
            (Blow::Kill, spared),
            (Blow::Terminate, killed("OUT")),
            (Blow::Suspend(3), spared),
            (Blow::Kill, spared),
            (Blow::Suspend(6), killed("IN")),
            (Blow::Kill, spared),
            (Blow::Terminate, spared),
            (Blow::Kill, killed("OUT")),
        ],
    );
}

#[test]
fn a_restart_of_all_nodes_changes_nothing() {
    endures(&[], &[(Blow::Kill, Nodes::AllKilled), (Blow::Suspend(3), Nodes::AllKilled)]);
}

#[test]
fn workers_that_claim_all_partitions_change_nothing() {
    endures(&["--claim-all"], &[(Blow::Kill, Nodes::Spared), (Blow::Suspend(3), Nodes::LeaderKilled("OUT"))]);
}
