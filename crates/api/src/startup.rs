//! From the configuration to a service that can be served.

use crate::auth::ApiKeys;
use crate::config::Config;
use crate::park;
use crate::state::App;
use anyhow::{Context, Result, anyhow};
use notify::{Notifications, NotifyConfig, Target};
use pipeline::fleet::FleetConfig;
use pipeline::{LogConfig, Pipeline, PipelineConfig, RollbackPolicy};
use prometheus::Registry;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use turbine_core::model::{Model, ModelError};
use turbine_core::simulation::{TRAINING_READINGS, training_set};
use turbine_core::training::{TrainingParams, train};

/// The file in the outputs folder that predictions are appended to.
const LOG_FILE: &str = "predictions_log.csv";

/// Loads the model, or takes or trains a first one if none is named and there is none yet, and opens the prediction log. A
/// model that cannot be used leaves a service that says so; a log that cannot be used does not.
///
/// # Errors
/// If the API keys or the log cannot be opened, a receiver of notifications cannot be set up, the named model does not exist,
/// or the first model cannot be loaded, trained or saved.
pub fn app(config: &Config) -> Result<Arc<App>> {
    raise_file_limit();
    let keys = ApiKeys::from_config(&config.keys)?;
    let notify_config = notify_config(config)?;
    let registry = Registry::new();
    let model = model(config)?.map_err(Arc::from);
    let pipeline_config = pipeline_config(config);
    let log = pipeline_config.log.path.display().to_string();
    let (pipeline, park) = match park::flags(config) {
        Some(flags) => {
            let (pipeline, park) = park::open(config, flags, pipeline_config, model, &registry)?;
            (pipeline, Some(park))
        }
        None => {
            let pipeline = Pipeline::open(pipeline_config, model, &registry);
            (pipeline.with_context(|| format!("cannot open the prediction log {log}"))?, None)
        }
    };
    let notifications = Notifications::start(notify_config, &pipeline, &registry).context("cannot notify of alarms")?;
    let app = App { notifications, ..App::new(pipeline, registry, keys, config.limits.clone()) };
    if let Some(park) = park {
        tokio::spawn(park.follow());
    }
    let (shutdown, notifications) = (app.shutdown.clone(), app.notifications.clone());
    tokio::spawn(async move {
        shutdown.begun().await;
        notifications.stop();
    });
    Ok(Arc::new(app))
}

/// Binds the address and says so in one line on standard output.
///
/// # Errors
/// If the address is taken or is none.
pub async fn listen(config: &Config) -> Result<TcpListener> {
    let (host, port) = (config.host.as_str(), config.port);
    let listener = TcpListener::bind((host, port)).await.with_context(|| {
        format!("cannot listen on {host}:{port}; choose another with --host/--port (--port 0 = any free one)")
    })?;
    let address = listener.local_addr()?;
    if !(address.ip().is_loopback() || config.keys.are_given()) {
        tracing::warn!(
            "anyone who can reach {address} can send readings and reload the model: set --api-key or --api-keys-file"
        );
    }
    println!("listening on http://{address}");
    Ok(listener)
}

/// The model, or why it cannot be used.
fn model(config: &Config) -> Result<Result<Model, String>> {
    let path = &config.model;
    match Model::load(path) {
        Ok(model) => {
            tracing::info!(model_version = %model.version(), "loaded the model {}", path.display());
            Ok(Ok(model))
        }
        // A model trained here would differ from that of the workers.
        Err(ModelError::Missing) if park::flags(config).is_some() => {
            let shown = path.display();
            let reason = format!("there is no model file {shown}; give this program that of the workers (--model)");
            tracing::error!("{reason}");
            Ok(Err(reason))
        }
        Err(ModelError::Missing) if config.model_is_default() => first_model(config).map(Ok),
        Err(ModelError::Missing) => Err(missing_model(path)),
        Err(error) => {
            let reason = format!("the model file {} cannot be used: {error}", path.display());
            tracing::error!("{reason}");
            Ok(Err(reason))
        }
    }
}

/// A typing error must not put the default model in the place of the one that was meant.
fn missing_model(path: &Path) -> anyhow::Error {
    let shown = path.display();
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut models: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".json"))
        .collect();
    models.sort();
    let others = if models.is_empty() { String::new() } else { format!(", which holds {}", models.join(", ")) };
    anyhow!(
        "there is no model file {shown} (--model/MODEL_PATH) in {}{others}; correct the path, train the model with `train \
         --data FILE --model {shown}`, or leave --model out to serve the default model",
        folder.display()
    )
}

/// The model of a first run, so that it just works.
fn first_model(config: &Config) -> Result<Model> {
    match &config.first_model {
        Some(given) => taken_model(given, &config.model),
        None => trained_model(&config.model),
    }
}

/// Saves the model that was given for the first run.
fn taken_model(given: &Path, path: &Path) -> Result<Model> {
    let model =
        Model::load(given).with_context(|| format!("cannot use the model {} for a first run", given.display()))?;
    model.save(path).with_context(|| format!("cannot save the first model at {}", path.display()))?;
    tracing::info!(model_version = %model.version(), "no model at {}: took {}", path.display(), given.display());
    Ok(model)
}

/// Trains the default model and saves it.
fn trained_model(path: &Path) -> Result<Model> {
    tracing::info!("there is no model at {} yet: training the default one", path.display());
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let params = TrainingParams { threads, ..TrainingParams::default() };
    let dataset = training_set(TRAINING_READINGS, params.contamination, params.forest.seed);
    let model = train(&dataset, &params).context("cannot train the default model")?.model;
    model.save(path).with_context(|| format!("cannot save the default model at {}", path.display()))?;
    tracing::info!(model_version = %model.version(), "trained and saved the model {}", path.display());
    Ok(model)
}

/// What the flags say of the pipeline.
pub fn pipeline_config(config: &Config) -> PipelineConfig {
    let flags = &config.log;
    let log = LogConfig {
        path: config.outputs.join(LOG_FILE),
        sync: flags.log_sync,
        max_bytes: NonZeroU64::new(flags.log_max_bytes.0),
        max_age: Some(flags.log_max_age).filter(|age| !age.is_zero()),
        keep: NonZeroUsize::new(flags.log_keep),
    };
    PipelineConfig {
        model: config.model.clone(),
        log,
        log_policy: flags.log_policy,
        max_queue_bytes: usize::try_from(flags.log_queue_bytes.0).unwrap_or(usize::MAX),
        fleet: FleetConfig {
            max_turbines: config.memory.max_turbines,
            dedupe_window: config.memory.dedupe_window as usize,
            drift_window: config.memory.drift_window as usize,
        },
        missing_values: config.missing.into(),
        time_limit: config.limits.request_timeout,
        shadow: config.lifecycle.shadow.clone(),
        rollback: config
            .lifecycle
            .rollback_if
            .map(|rule| RollbackPolicy { rule, within: config.lifecycle.rollback_within }),
    }
}

/// What the flags say of notifications.
fn notify_config(config: &Config) -> Result<NotifyConfig> {
    let flags = &config.notify;
    // An empty variable names no receiver.
    let named = flags.receivers.iter().filter(|text| !text.trim().is_empty());
    let targets: Result<Vec<Target>, _> = named.map(|text| text.parse()).collect();
    Ok(NotifyConfig {
        targets: targets.context("--notify/NOTIFY")?,
        every: Some(flags.every).filter(|every| !every.is_zero()),
        link: flags.public_url.clone(),
        folder: config.outputs.clone(),
    })
}

/// Every connection needs a file descriptor, and many systems hand out 1,024 unless asked for more.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum || limit.maximum.is_none() {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!("cannot raise the limit of open files: {error}");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn a_first_run_takes_the_model_it_is_given_and_a_second_one_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let run = |given: &str| {
            let arguments = ["api", "--model", &path("models/own.json"), "--first-model", &path(given)];
            let config = Config::parse_from(arguments);
            let loaded = Model::load(&config.model).map_err(|_| ());
            loaded.or_else(|_| first_model(&config)).map(|model| model.version().to_owned())
        };
        let missing = format!("{:#}", run("given.json").unwrap_err());
        assert!(missing.contains("given.json for a first run"), "{missing}");

        let given = trained_model(Path::new(&path("given.json"))).unwrap();
        assert_eq!(run("given.json").unwrap(), *given.version());
        assert_eq!(std::fs::read(path("models/own.json")).unwrap(), std::fs::read(path("given.json")).unwrap());
        assert_eq!(run("not-there.json").unwrap(), *given.version());
    }
}
