//! From the configuration to what the program does.

use crate::CLIENT;
use crate::config::{Command, Config, RunFlags, SetupFlags};
use crate::export::export;
use crate::publish::publish_model;
use crate::setup::{self, Made};
use crate::source::Origin;
use crate::telemetry::Telemetry;
use crate::{probe, run};
use anyhow::{Context as _, Result};
use cluster::streams::StreamsError;
use cluster::{Cluster, ClusterFlags};
use service::{Shutdown, signals};
use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use turbine_core::model::Model;

/// Delay between attempts to create the streams.
const SETUP_RETRY: Duration = Duration::from_secs(1);

/// Does what the command says.
///
/// # Errors
/// With what is wrong and how to mend it.
pub fn execute(config: &Config) -> Result<()> {
    let processors = available_parallelism().map_or(2, usize::from);
    let threads = config.run.concurrency.map_or(processors, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    runtime.context("cannot start the runtime")?.block_on(async {
        match &config.command {
            None | Some(Command::Run) => work(&config.cluster, &config.run).await,
            Some(Command::Setup(flags)) => setup(&config.cluster, flags).await,
            Some(Command::PublishModel(flags)) => {
                let cluster = Cluster::connect(&config.cluster, CLIENT).await?;
                let version = publish_model(&cluster, &flags.file).await?;
                println!("published the model {version} ({})", flags.file.display());
                Ok(())
            }
            Some(Command::Export(flags)) => {
                let exported = export(&Cluster::connect(&config.cluster, CLIENT).await?, flags).await?;
                println!("wrote {} rows to {}", exported.rows, exported.log.display());
                Ok(())
            }
        }
    })
}

async fn setup(connection: &ClusterFlags, flags: &SetupFlags) -> Result<()> {
    let until = Instant::now() + flags.wait;
    loop {
        match try_setup(connection, flags).await {
            Err(error) if may_pass(&error) && Instant::now() + SETUP_RETRY < until => {
                tracing::info!("trying again: {error:#}");
                sleep(SETUP_RETRY).await;
            }
            done => return done,
        }
    }
}

/// True if the error may be transient, as while the cluster starts.
fn may_pass(error: &anyhow::Error) -> bool {
    error.downcast_ref::<StreamsError>().is_none_or(|error| matches!(error, StreamsError::Cluster { .. }))
}

async fn try_setup(connection: &ClusterFlags, flags: &SetupFlags) -> Result<()> {
    let cluster = Cluster::connect(connection, CLIENT).await?;
    for (name, made) in setup::setup(&cluster, connection, flags).await? {
        match made {
            Made::Now => println!("{name}: made"),
            Made::Before => println!("{name}: is there, as asked for"),
            Made::Extended => println!("{name}: takes the readings of MQTT sensors from now on"),
        }
    }
    Ok(())
}

async fn work(cluster: &ClusterFlags, flags: &RunFlags) -> Result<()> {
    let origin = if flags.model_store { Origin::Store } else { Origin::File(Arc::new(load(&flags.model)?)) };
    let (shutdown, telemetry) = (Shutdown::default(), Arc::new(Telemetry::new()));
    signals::listen(shutdown.clone(), || {
        tracing::warn!(
            "SIGHUP changes nothing: a worker takes another model with --model-store, or when it is started anew"
        )
    })?;
    let listener = probe::listen(&flags.host, flags.port).await?;
    let answers = tokio::spawn(probe::answer(listener, Arc::clone(&telemetry), shutdown.clone()));
    run::run(cluster, flags, origin, telemetry, shutdown).await?;
    // A connection that stays open must not hold up the end.
    answers.abort();
    Ok(())
}

fn load(path: &Path) -> Result<Model> {
    let model = Model::load(path).with_context(|| {
        format!("cannot use the model {} (--model); train one with `train`, or name another", path.display())
    })?;
    tracing::info!(model_version = %model.version(), "loaded the model {}", path.display());
    Ok(model)
}
