//! What comes before the first reading.

use crate::client::{Client, Retry};
use crate::config::Config;
use crate::error::SenderError;
use crate::lines::Lines;
use crate::model_info::ModelInfo;
use crate::source::{Fleet, Replay, Simulated, Source};
use std::io::Write;
use std::num::NonZeroU64;

/// Asks the service how it is and what its model reads, and opens the source. A simulation can begin without knowing the
/// model; a replay cannot, so it asks again as often as a delivery would be tried.
pub(super) async fn start<W: Write>(
    config: &Config,
    client: &Client,
    lines: &mut Lines<W>,
) -> Result<(Source, Option<ModelInfo>), SenderError> {
    lines.health(&client.endpoints().health, &client.health().await)?;
    lines.flush()?;
    let model = ask_for_model(config, client, lines).await?;
    if let Some(model) = &model {
        lines.model(model)?;
    }
    Ok((open(config, model.as_ref())?, model))
}

async fn ask_for_model<W: Write>(
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
            lines.note(format_args!("model: not known yet: {fault}"))?;
            return Ok(None);
        }
        let Some(retry) = Retry::after(&fault, &mut backoff) else {
            let url = client.endpoints().model_info.to_string();
            return Err(SenderError::NoModel { url, cause: fault.to_string() });
        };
        lines.note(format_args!("model: {retry}"))?;
        lines.flush()?;
        tokio::time::sleep(retry.pause).await;
    }
}

fn open(config: &Config, model: Option<&ModelInfo>) -> Result<Source, SenderError> {
    let fleet = config.turbines.and_then(NonZeroU64::new).map(Fleet::new);
    match (&config.replay, model) {
        (Some(path), Some(ModelInfo { features, .. })) => {
            let (label, timestamp) = (config.label.clone(), config.timestamp.clone());
            let replay = Replay::open(path, features.clone(), label, timestamp, fleet)?;
            Ok(Source::Replay(Box::new(replay)))
        }
        _ => {
            let simulated = Simulated::new(config.profile.into(), config.anom_rate, config.seed, fleet)?;
            Ok(Source::Simulated(simulated))
        }
    }
}
