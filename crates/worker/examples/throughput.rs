//! How fast a worker scores, beside a plain copy of the readings from the stream `IN` to another stream.
//!
//! ```text
//! cargo run --release -p worker --example throughput -- --model FILE --data FILE.csv [--readings N] [--turbines N]
//!     --nats URL[,URL…] --user NAME --password-file FILE
//! ```
//!
//! The streams must have been made by `worker setup` and be empty. The rows of the data file, whose columns are the model's
//! features, are published as readings. The copy runs before and after the scoring.

use anyhow::{Context as _, Result, ensure};
use async_nats::jetstream::stream::Config;
use clap::Parser;
use cluster::streams::{self, Streams};
use cluster::subject;
use cluster::{Cluster, ClusterFlags};
use futures_util::future::{join_all, try_join_all};
use pipeline::Partition;
use pipeline::counters::Counters;
use pipeline::events::Events;
use prometheus::Registry;
use service::Shutdown;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use turbine_core::model::Model;
use turbine_core::reading::MissingValues;
use worker::batch;
use worker::follow::{Desk, follow};
use worker::input;
use worker::restore::restore;
use worker::telemetry::Telemetry;

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    cluster: ClusterFlags,
    #[arg(long)]
    model: PathBuf,
    #[arg(long)]
    data: PathBuf,
    #[arg(long, default_value_t = 200_000)]
    readings: usize,
    #[arg(long, default_value_t = 200)]
    turbines: usize,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let model = Arc::new(Model::load(&args.model).context("the model")?);
    let cluster = Cluster::connect(&args.cluster, "throughput").await?;
    let streams = streams::find(&cluster).await?;
    let readings = readings(&args)?;
    let bytes: usize = readings.iter().map(|(_, reading)| reading.len()).sum();
    println!("{} readings of {} turbines, {} bytes each", readings.len(), args.turbines, bytes / readings.len());
    let count = readings.len();

    let began = Instant::now();
    publish(&cluster, readings).await?;
    show("published", count, began.elapsed());
    let before = copy(&cluster, &streams, "COPY1", count).await?;
    let scored = score(&cluster, &streams, &model, count).await?;
    let after = copy(&cluster, &streams, "COPY2", count).await?;
    let ratio = 2.0 * scored / (before + after);
    println!("scored at {ratio:.2} times the rate of the copies");

    let began = Instant::now();
    let mut turbines = 0;
    for number in 0..streams.partitions {
        let mut partition = Partition::new(Arc::new(Counters::new(&Registry::new())), Events::default());
        // Just after a stream was deleted the servers may not answer.
        while restore(&streams, number, &mut partition, model.features()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        turbines += partition.len();
    }
    println!("restored {turbines} turbines in {:.3} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// Prints and gives a rate in messages a second.
fn show(what: &str, count: usize, took: Duration) -> f64 {
    let rate = count as f64 / took.as_secs_f64();
    println!("{what}: {:.1} thousand a second", rate / 1_000.0);
    rate
}

/// The turbine and the JSON text of each reading.
fn readings(args: &Args) -> Result<Vec<(String, String)>> {
    let text = std::fs::read_to_string(&args.data).context("the data file")?;
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().context("the data file is empty")?.split(',').collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    ensure!(!rows.is_empty(), "the data file has no rows");
    let reading = |i: usize| {
        let (turbine, round) = (i % args.turbines, i / args.turbines);
        let row = &rows[(round + 37 * turbine) % rows.len()];
        let values: Vec<String> = names.iter().zip(row).map(|(name, value)| format!("{name:?}:{value}")).collect();
        let time = jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_mins(10 * round as i64);
        (format!("WT-{turbine}"), format!("{{\"timestamp\":\"{time}\",{}}}", values.join(",")))
    };
    Ok((0..args.readings).map(reading).collect())
}

async fn publish(cluster: &Cluster, readings: Vec<(String, String)>) -> Result<()> {
    let mut readings = readings.into_iter().peekable();
    while readings.peek().is_some() {
        let mut sent = Vec::new();
        for (turbine, reading) in readings.by_ref().take(1_000) {
            sent.push(cluster.jetstream.publish(format!("readings.{turbine}"), reading.into()).await?);
        }
        try_join_all(sent.into_iter().map(IntoFuture::into_future)).await?;
    }
    Ok(())
}

/// Copies the readings by atomic batches, all partitions at once; gives the rate.
async fn copy(cluster: &Cluster, streams: &Streams, name: &str, count: usize) -> Result<f64> {
    let output = &streams.output.cached_info().config;
    let token = name.to_lowercase();
    let config = Config {
        name: name.to_owned(),
        subjects: vec![format!("{token}.>")],
        num_replicas: output.num_replicas,
        storage: output.storage,
        allow_atomic_publish: true,
        ..Config::default()
    };
    cluster.jetstream.create_stream(config).await?;
    let began = Instant::now();
    let copied = (0..streams.partitions).map(|number| copy_partition(cluster, streams, &token, number));
    let copied: usize = try_join_all(copied).await?.into_iter().sum();
    ensure!(copied == count, "{copied} of {count} were copied");
    let rate = show(&format!("copied to {name}"), count, began.elapsed());
    cluster.jetstream.delete_stream(name).await?;
    Ok(rate)
}

async fn copy_partition(cluster: &Cluster, streams: &Streams, token: &str, number: u32) -> Result<usize> {
    let mut inputs = input::after(0, &streams.input, number).await?;
    let (mut copied, mut fence) = (0, 0);
    while inputs.pending > 0 {
        let chunk = inputs.next().await?;
        let message = |turbine: &str, payload: &[u8]| (format!("{token}.{number}.{turbine}"), payload.to_vec());
        let of = |input: &worker::input::Input| {
            message(subject::turbine(&input.message.subject).unwrap_or_default(), &input.message.payload)
        };
        copied += chunk.len();
        let id = format!("{token}-{number}-{copied}");
        let last = (format!("{token}.ckpt.{number}"), b"{}".to_vec());
        fence = batch::publish(cluster, &id, chunk.iter().map(of).collect(), last, fence).await?;
    }
    Ok(copied)
}

/// Scores the readings, all partitions at once; gives the rate.
async fn score(cluster: &Cluster, streams: &Streams, model: &Arc<Model>, count: usize) -> Result<f64> {
    let telemetry = Arc::new(Telemetry::new());
    telemetry.set_problem(None);
    let desk = Desk {
        cluster: cluster.clone(),
        streams: streams.clone(),
        model: Arc::clone(model),
        missing: MissingValues::Refuse,
        worker: "throughput".into(),
        telemetry: Arc::clone(&telemetry),
    };
    let stop = Shutdown::default();
    let began = Instant::now();
    let partitions = (0..streams.partitions).map(|number| tokio::spawn(follow(desk.clone(), number, stop.clone())));
    let partitions: Vec<_> = partitions.collect();
    while telemetry.counters.predictions.get() < count as u64 {
        ensure!(began.elapsed() < Duration::from_secs(300), "the scoring takes too long");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let rate = show("scored", count, began.elapsed());
    stop.begin();
    join_all(partitions).await;
    let health = telemetry.health();
    ensure!(health.problems.is_empty(), "{:?}", health.problems);
    Ok(rate)
}
