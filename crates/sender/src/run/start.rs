//! The start of a stream: health, model, source.

use crate::client::{Client, Fault, Known, Retry};
use crate::config::Config;
use crate::error::SenderError;
use crate::lines::Lines;
use crate::model_info::ModelInfo;
use crate::outbox::{Memory, Outbox};
use crate::retry::Backoff;
use crate::source::{Events, Fleet, Follow, Position, Replay, Simulated, Source};
use std::io::{self, Write};
use std::path::Path;
use tokio::sync::mpsc::UnboundedSender;
use turbine_core::feature::FeatureSet;

/// Connects, requests model info, and opens the source. A simulation can start without knowing the model; a replay
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
    greet(client, lines).await?;
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

/// Back-off between the attempts at the start, with the retries of a delivery.
struct Attempts<'a> {
    client: &'a Client,
    backoff: Backoff,
    said: bool,
}

impl<'a> Attempts<'a> {
    fn new(client: &'a Client) -> Self {
        Attempts { client, backoff: client.backoff(0), said: false }
    }

    /// Waits for the next attempt at `what`; false if none is left. An outage without a limit on retries is reported
    /// once.
    async fn wait<W: Write>(&mut self, what: &str, fault: &Fault, lines: &mut Lines<W>) -> io::Result<bool> {
        let is_persistent = self.client.is_persistent();
        let Some(retry) = Retry::after(fault, &mut self.backoff, is_persistent) else { return Ok(false) };
        match (is_persistent, self.said) {
            (false, _) => lines.note(format_args!("{what}: {retry}"))?,
            (true, false) => lines.note(format_args!("{what}: {}; trying until the service answers", retry.cause))?,
            (true, true) => {}
        }
        self.said = true;
        lines.flush()?;
        tokio::time::sleep(retry.delay).await;
        Ok(true)
    }
}

/// Connects, and prints the health of the service or cluster.
async fn greet<W: Write>(client: &Client, lines: &mut Lines<W>) -> Result<(), SenderError> {
    let mut attempts = Attempts::new(client);
    loop {
        let fault = match client.greet().await {
            Ok(greeting) => return Ok(lines.note(greeting)?),
            Err(fault) => fault,
        };
        if !attempts.wait("connection", &fault, lines).await? {
            return Err(SenderError::NotConnected(fault.to_string()));
        }
    }
}

async fn request_model<W: Write>(
    config: &Config,
    client: &Client,
    lines: &mut Lines<W>,
) -> Result<Option<ModelInfo>, SenderError> {
    let mut attempts = Attempts::new(client);
    loop {
        let fault = match client.model_info().await {
            Ok(Known::Model(model)) => return Ok(Some(model)),
            Ok(Known::Nothing(why)) => {
                lines.note(format_args!("model: unknown, {why}; {}", instead(config)))?;
                return Ok(None);
            }
            Err(fault) => fault,
        };
        if config.replay.is_none() {
            lines.note(format_args!("model: unknown so far: {fault}"))?;
            return Ok(None);
        }
        if !attempts.wait("model", &fault, lines).await? {
            return Err(SenderError::NoModel { url: client.place(), cause: fault.to_string() });
        }
    }
}

/// The features to send if the model is unknown.
fn instead(config: &Config) -> &'static str {
    match config.replay {
        Some(_) => "the columns of the recording are sent (--exclude leaves some out)",
        None => "the sensors of the simulated turbine are sent",
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
    match &config.replay {
        Some(path) => {
            let features = match model {
                Some(model) => model.features.clone(),
                None => Replay::columns(path, config.request(&FeatureSet::turbine()))?,
            };
            let request = config.request(&features);
            if config.follow {
                let follow = Follow::new(path, features, request, fleet, position, notes);
                let resumed = follow.is_resumed();
                return Ok((Source::Follow(Box::new(follow)), resumed));
            }
            // Standard input can be read only once; its ids are checked when the readings are sent.
            if config.to.is_cluster() && config.turbine.is_some() && path != Path::new("-") {
                Replay::check_turbines(path, request.clone(), fleet.clone())?;
            }
            let rows = Replay::open(path, request, fleet)?;
            Source::replay(rows, path, position)
        }
        None => {
            let readings = (config.count > 0).then(|| config.count.div_ceil(config.turbines.get()));
            let events = config.scenario.map(|scenario| Events { scenario: scenario.into(), readings });
            let simulated = Simulated::new(config.profile.into(), config.anom_rate, events, config.seed, fleet)?;
            Ok((Source::Simulated(simulated), false))
        }
    }
}
