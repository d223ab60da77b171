//! The program `evaluate`: replays a labelled recording through a model's detector and monitor, and compares its alarms
//! with the labels and with four baselines, as a table and as a picture.
//!
//! The comparison is fair in that all detectors are fitted to normal running only, judge one reading after the other, and
//! share smoothing and alarm: a score becomes a surprisal by the scores of held-out blocks of the training readings, the
//! surprisal is smoothed over the model's span, and the alarm's threshold aims at what the model's aims at. What is not
//! shared is the model's own smoothing of the values for its neighbours.

mod args;
mod baseline;
mod comparison;
mod picture;
mod readings;
mod recording;
mod replay;
mod report;
mod table;

pub use args::Args;

use anyhow::{Context, bail};
use baseline::Baseline;
use comparison::Entry;
use recording::{Layout, Recording};
use replay::{Judged, Verdict};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use turbine_core::model::Model;
use turbine_core::training::FEWEST_READINGS;

/// Evaluates according to `args`, writes the table and the picture, and prints the results to `out`.
///
/// # Errors
/// If the model or the data cannot be used (with the remedy), or a file cannot be read or written.
pub fn run(args: &Args, out: &mut impl Write) -> anyhow::Result<()> {
    let model = Model::load(&args.model).with_context(|| format!("--model {}", args.model.display()))?;
    fs::create_dir_all(&args.outputs)
        .with_context(|| format!("cannot create the folder {}; name another with --outputs", args.outputs.display()))?;
    let layout = Layout {
        features: model.features(),
        label: Some(&args.label),
        timestamp: &args.timestamp,
        turbine: args.turbine.as_deref(),
    };
    let shown = args.data.display().to_string();
    let recording = Recording::load(&args.data, layout).with_context(|| format!("--data {shown}"))?;
    report::recording(out, &shown, &recording)?;
    report::model(out, args, &model, &recording)?;

    let judged = replay::replay(&model, &recording);
    let verdicts: Vec<Vec<Verdict>> =
        judged.iter().map(|turbine| turbine.iter().map(Judged::verdict).collect()).collect();
    let has_alarms = model.monitor().settings().alarm.is_some();
    let mut entries = vec![Entry::new("this model", &recording, &verdicts, has_alarms), Entry::always_on(&recording)];
    entries.extend(baselines(args, &model, layout, &recording, out)?);

    let csv = args.outputs.join("evaluation.csv");
    fs::write(&csv, table::csv(&entries)?).with_context(|| format!("cannot write {}", csv.display()))?;
    let png = args.outputs.join("evaluation.png");
    let source = args.data.file_name().map_or(shown.clone(), |name| name.to_string_lossy().into_owned());
    let drawing =
        picture::Drawing { source: &source, recording: &recording, judged: &judged, model: &model, entries: &entries };
    picture::draw(drawing, &png)?;
    if let Some(path) = &args.readings {
        let cannot = || format!("cannot write --readings {}", path.display());
        let file = BufWriter::new(File::create(path).with_context(cannot)?);
        readings::write(&recording, &judged, file).with_context(cannot)?;
    }

    writeln!(out, "{}", table::terminal(&entries))?;
    report::events(out, &recording, &entries[0])?;
    report::legend(out, &entries)?;
    for path in [&csv, &png].into_iter().chain(&args.readings) {
        writeln!(out, "[evaluate] wrote {}", path.display())?;
    }
    Ok(())
}

/// The baselines that are fitted to --train; without it their lines are empty.
fn baselines(
    args: &Args,
    model: &Model,
    layout: Layout<'_>,
    recording: &Recording,
    out: &mut impl Write,
) -> anyhow::Result<Vec<Entry>> {
    let Some(path) = &args.train else {
        report::no_baselines(out)?;
        return Ok(Baseline::ALL.map(|baseline| Entry::unavailable(baseline.name())).to_vec());
    };
    let flag = || format!("--train {}", path.display());
    let mut layout = layout;
    for column in [&mut layout.label, &mut layout.turbine] {
        if let Some(name) = column
            && !Recording::has_column(path, name).with_context(flag)?
        {
            *column = None;
        }
    }
    let train = Recording::load(path, layout).with_context(flag)?;
    let normal = train.normal();
    if normal.len() < FEWEST_READINGS {
        let n = normal.len();
        bail!("{}: {n} normal readings; baselines need at least {FEWEST_READINGS}, name a longer recording", flag());
    }
    report::baselines(out, args, &train, &normal, model)?;
    let settings = model.monitor().settings();
    let target = settings.alarm.map(|alarm| alarm.target).unwrap_or_default();
    let mut entries = Vec::new();
    for baseline in Baseline::ALL {
        let fitted = baseline.fit(&normal, settings, target).with_context(flag)?;
        if let Some(error) = fitted.no_alarm {
            writeln!(out, "[evaluate] {}: no alarms: {error}", baseline.name())?;
        }
        entries.push(Entry::new(baseline.name(), recording, &fitted.replay(recording), fitted.alarm().is_some()));
    }
    Ok(entries)
}
