//! The start of a stream: health, model, source.

use crate::client::{Client, Retry};
use crate::config::Config;
use crate::error::SenderError;
use crate::lines::Lines;
use crate::model_info::ModelInfo;
use crate::outbox::{Memory, Outbox};
use crate::source::{Events, Fleet, Follow, Position, Replay, Simulated, Source};
use std::io::Write;
use tokio::sync::mpsc::UnboundedSender;

/// Requests health and model info, and opens the source. A simulation can start without knowing the model; a replay
/// cannot, so it retries as often as a delivery.
pub(super) async fn start<W: Write>(
    config: &Config,
    client: &Client,
    lines: &mut Lines<W>,
    notes: UnboundedSender<String>,
) -> Result<Started, SenderError> {
    // First, so that what cannot be used is said at once.
    if let (true, Some(path)) = (config.follow, &config.replay) {
        Follow::check(path)?;
    }
    let (memory, position) = Memory::open(config)?;
    if let Memory::Spool(spool) = &memory
        && spool.pending() > 0
    {
        let (readings, path) = (spool.pending(), spool.path().display());
        lines.note(format_args!("{readings} readings are kept in {path} and sent first"))?;
    }
    lines.health(&client.endpoints().health, &client.health().await)?;
    lines.flush()?;
    let model = request_model(config, client, lines).await?;
    if let Some(model) = &model {
        lines.model(model)?;
    }
    let (source, resumed) = open(config, model.as_ref(), position, notes)?;
    if let Source::Replay { rows, .. } = &source {
        lines.note(rows.form())?;
    }
    if resumed && let Some(replay) = &config.replay {
        let replay = replay.display();
        match (&memory, position) {
            (Memory::Bookmark(bookmark), Some(Position { readings, .. })) => lines.note(format_args!(
                "{replay}: going on behind reading {readings}; delete {} to begin with the first",
                bookmark.path().display()
            ))?,
            (_, Some(Position { readings, .. })) => {
                lines.note(format_args!("{replay}: going on behind reading {readings}"))?;
            }
            _ => {}
        }
    }
    let outbox = Outbox::new(config, source, memory);
    Ok(Started { outbox, model, resumed })
}

/// What a stream starts with.
pub(super) struct Started {
    pub(super) outbox: Outbox,
    pub(super) model: Option<ModelInfo>,
    /// Whether rows of the recording were left out, since an earlier run sent them.
    pub(super) resumed: bool,
}

async fn request_model<W: Write>(
    config: &Config,
    client: &Client,
    lines: &mut Lines<W>,
) -> Result<Option<ModelInfo>, SenderError> {
    let mut backoff = client.backoff(0);
    let mut said = false;
    loop {
        let fault = match client.model_info().await {
            Ok(model) => return Ok(Some(model)),
            Err(fault) => fault,
        };
        if config.replay.is_none() {
            lines.note(format_args!("model: unknown so far: {fault}"))?;
            return Ok(None);
        }
        let Some(retry) = Retry::after(&fault, &mut backoff, client.is_persistent()) else {
            let url = client.endpoints().model_info.to_string();
            return Err(SenderError::NoModel { url, cause: fault.to_string() });
        };
        match (client.is_persistent(), said) {
            (false, _) => lines.note(format_args!("model: {retry}"))?,
            (true, false) => lines.note(format_args!("model: {}; trying until the service answers", retry.cause))?,
            (true, true) => {}
        }
        said = true;
        lines.flush()?;
        tokio::time::sleep(retry.delay).await;
    }
}

/// The source, and whether it goes on where an earlier run was.
fn open(
    config: &Config,
    model: Option<&ModelInfo>,
    position: Option<Position>,
    notes: UnboundedSender<String>,
) -> Result<(Source, bool), SenderError> {
    let fleet = Fleet::new(config.turbines);
    match (&config.replay, model) {
        (Some(path), Some(ModelInfo { features, .. })) => {
            if config.follow {
                let follow = Follow::new(path, features.clone(), config.request(features), fleet, position, notes);
                let resumed = follow.is_resumed();
                return Ok((Source::Follow(Box::new(follow)), resumed));
            }
            let rows = Replay::open(path, config.request(features), fleet)?;
            Source::replay(rows, path, position)
        }
        _ => {
            let readings = (config.count > 0).then(|| config.count.div_ceil(config.turbines.get()));
            let events = config.scenario.map(|scenario| Events { scenario: scenario.into(), readings });
            let simulated = Simulated::new(config.profile.into(), config.anom_rate, events, config.seed, fleet)?;
            Ok((Source::Simulated(simulated), false))
        }
    }
}
