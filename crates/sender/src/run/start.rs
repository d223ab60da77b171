//! The start of a stream: health, model, source.

use crate::client::{Client, Retry};
use crate::config::Config;
use crate::error::SenderError;
use crate::lines::Lines;
use crate::model_info::ModelInfo;
use crate::source::{Events, Fleet, Replay, Simulated, Source};
use std::io::Write;

/// Requests health and model info, and opens the source. A simulation can start without knowing the model; a replay
/// cannot, so it retries as often as a delivery.
pub(super) async fn start<W: Write>(
    config: &Config,
    client: &Client,
    lines: &mut Lines<W>,
) -> Result<(Source, Option<ModelInfo>), SenderError> {
    lines.health(&client.endpoints().health, &client.health().await)?;
    lines.flush()?;
    let model = request_model(config, client, lines).await?;
    if let Some(model) = &model {
        lines.model(model)?;
    }
    let source = open(config, model.as_ref())?;
    if let Source::Replay(replay) = &source {
        lines.note(replay.form())?;
    }
    Ok((source, model))
}

async fn request_model<W: Write>(
    config: &Config,
    client: &Client,
    lines: &mut Lines<W>,
) -> Result<Option<ModelInfo>, SenderError> {
    let mut backoff = client.backoff(0);
    loop {
        let fault = match client.model_info().await {
            Ok(model) => return Ok(Some(model)),
            Err(fault) => fault,
        };
        if config.replay.is_none() {
            lines.note(format_args!("model: unknown so far: {fault}"))?;
            return Ok(None);
        }
        let Some(retry) = Retry::after(&fault, &mut backoff) else {
            let url = client.endpoints().model_info.to_string();
            return Err(SenderError::NoModel { url, cause: fault.to_string() });
        };
        lines.note(format_args!("model: {retry}"))?;
        lines.flush()?;
        tokio::time::sleep(retry.delay).await;
    }
}

fn open(config: &Config, model: Option<&ModelInfo>) -> Result<Source, SenderError> {
    let fleet = Fleet::new(config.turbines);
    match (&config.replay, model) {
        (Some(path), Some(ModelInfo { features, .. })) => {
            let replay = Replay::open(path, config.request(features), fleet)?;
            Ok(Source::Replay(Box::new(replay)))
        }
        _ => {
            let readings = (config.count > 0).then(|| config.count.div_ceil(config.turbines.get()));
            let events = config.scenario.map(|scenario| Events { scenario: scenario.into(), readings });
            let simulated = Simulated::new(config.profile.into(), config.anom_rate, events, config.seed, fleet)?;
            Ok(Source::Simulated(simulated))
        }
    }
}
