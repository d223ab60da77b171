//! How long partitions stand still when workers come and go. The figures are printed; that each turbine goes on is asserted.

use crate::park::{Park, trained};
use crate::set_up;
use crate::workers::Workers;
use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use e2e::{NatsCluster, eventually};
use futures_util::StreamExt;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const TURBINES: usize = 64;
const PERIOD: Duration = Duration::from_millis(50);

/// The times at which records came, by partition.
type Arrivals = Arc<Mutex<BTreeMap<String, Vec<Instant>>>>;

/// Sends a reading of every turbine each period, until told to stop.
async fn send(jetstream: Context, stop: Arc<AtomicBool>) {
    let mut ticks = tokio::time::interval(PERIOD);
    for round in 0.. {
        ticks.tick().await;
        if stop.load(Relaxed) {
            return;
        }
        for turbine in 0..TURBINES {
            let subject = format!("readings.{}", Park::name(turbine));
            let _ = jetstream.client().publish(subject, Park::reading(turbine, round).into()).await;
        }
    }
}

async fn note(jetstream: Context, arrivals: Arrivals) {
    let config = pull::Config {
        deliver_policy: DeliverPolicy::New,
        ack_policy: AckPolicy::None,
        filter_subject: "out.>".to_owned(),
        memory_storage: true,
        num_replicas: 1,
        ..pull::Config::default()
    };
    let consumer = jetstream.get_stream("OUT").await.unwrap().create_consumer(config).await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    while let Some(Ok(message)) = messages.next().await {
        let partition = message.subject.split('.').nth(1).unwrap().to_owned();
        arrivals.lock().unwrap().entry(partition).or_default().push(Instant::now());
    }
}

/// The longest time since `began` that a partition had no record.
fn longest_gap(arrivals: &Arrivals, began: Instant) -> Duration {
    let gaps = |times: &Vec<Instant>| {
        let times = times.iter().copied().filter(|time| *time >= began);
        let times: Vec<Instant> = [began].into_iter().chain(times).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    };
    arrivals.lock().unwrap().values().map(gaps).max().unwrap()
}

/// Waits until each partition has records again, some seconds after `began`.
fn wait(arrivals: &Arrivals, began: Instant) {
    eventually("records of every partition", || {
        let is_back = |times: &Vec<Instant>| times.last().is_some_and(|last| *last > began + Duration::from_secs(4));
        arrivals.lock().unwrap().values().all(is_back)
    });
}

#[test]
fn every_partition_goes_on() {
    let Some(cluster) = NatsCluster::start(3) else { return };
    let (folder, model) = trained();
    set_up(&cluster, folder.path(), "16");
    let runtime = Runtime::new().unwrap();
    let jetstream = runtime.block_on(cluster.connect());
    let mut workers = Workers::start(3, &cluster, &model, &[]);
    let (arrivals, stop) = (Arrivals::default(), Arc::new(AtomicBool::new(false)));
    runtime.spawn(note(jetstream.clone(), Arc::clone(&arrivals)));
    let sending = runtime.spawn(send(jetstream, Arc::clone(&stop)));
    eventually("records of all partitions", || arrivals.lock().unwrap().len() == 16);
    wait(&arrivals, Instant::now() - Duration::from_secs(2));

    let began = Instant::now();
    drop(workers.running.remove(0));
    wait(&arrivals, began);
    eprintln!("worker killed: {:.2?}", longest_gap(&arrivals, began));

    let began = Instant::now();
    workers.add();
    let newest = &workers.running.last().unwrap().0;
    eventually("the new worker to take its share", || {
        newest.get("/health").json()["partitions"].as_array().is_some_and(|partitions| partitions.len() >= 5)
    });
    eprintln!("worker added: has its share after {:.2?}", began.elapsed());
    wait(&arrivals, began);
    eprintln!("worker added: {:.2?}", longest_gap(&arrivals, began));

    let began = Instant::now();
    let (worker, _folder) = workers.running.remove(0);
    assert!(worker.terminate().success());
    let ended = began.elapsed();
    wait(&arrivals, began);
    eprintln!("SIGTERM: ended after {ended:.2?}; {:.2?}", longest_gap(&arrivals, began));
    stop.store(true, Relaxed);
    runtime.block_on(sending).unwrap();
}
