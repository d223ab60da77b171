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
use intake::Progress;
use recording::Recording;
use replay::{Judged, Verdict};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use turbine_core::dataset::{Request, Table};
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
    let progress = Progress::new("evaluate");
    let table =
        open(&args.data, args.request(model.features()), &progress).with_context(|| flag("--data", &args.data))?;
    let shown = table.source().name();
    writeln!(out, "[evaluate] {}", intake::form(&table))?;
    let recording = Recording::read(table).with_context(|| flag("--data", &args.data))?;
    report::recording(out, &shown, &recording)?;
    report::model(out, args, &model, &recording)?;

    progress.stage("replaying");
    let judged = replay::replay(&model, &recording);
    let verdicts: Vec<Vec<Verdict>> =
        judged.iter().map(|turbine| turbine.iter().map(Judged::verdict).collect()).collect();
    let has_alarms = model.monitor().settings().alarm.is_some();
    let mut entries = vec![Entry::new("this model", &recording, &verdicts, has_alarms), Entry::always_on(&recording)];
    entries.extend(baselines(args, &model, &recording, &progress, out)?);

    progress.stage("drawing");
    let csv = args.outputs.join("evaluation.csv");
    fs::write(&csv, table::csv(&entries)?).with_context(|| format!("cannot write {}", csv.display()))?;
    let png = args.outputs.join("evaluation.png");
    let source = match &args.data[..] {
        [path] => path.file_name().map_or(shown.clone(), |name| name.to_string_lossy().into_owned()),
        _ => shown.clone(),
    };
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

/// A flag with its paths, for errors.
fn flag(name: &str, paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    format!("{name} {}", paths.join(" "))
}

fn open(paths: &[PathBuf], request: Request, progress: &Progress) -> anyhow::Result<Table> {
    progress.stage("opening the data");
    let source = intake::source(paths)?;
    let table = Table::open(source.clone(), request)?;
    let read = source.bytes_read();
    read.store(0, Ordering::Relaxed);
    progress.counted_stage(format!("reading {}", source.name()), read, source.size().unwrap_or(0));
    Ok(table)
}

/// The baselines that are fitted to --train; without it their lines are empty.
fn baselines(
    args: &Args,
    model: &Model,
    recording: &Recording,
    progress: &Progress,
    out: &mut impl Write,
) -> anyhow::Result<Vec<Entry>> {
    if args.train.is_empty() {
        report::no_baselines(out)?;
        return Ok(Baseline::ALL.map(|baseline| Entry::unavailable(baseline.name())).to_vec());
    }
    let flag = || flag("--train", &args.train);
    let mut request = args.request(model.features());
    // Which columns there are is known once it is open.
    let roleless = Request { label: None, turbine: None, timestamp: None, finds_times: false, ..request.clone() };
    let table = open(&args.train, roleless, progress).with_context(flag)?;
    for role in [&mut request.label, &mut request.turbine] {
        role.take_if(|name| !table.names().contains(name));
    }
    if request.label.is_none() {
        request.faults.clear();
    }
    let table = Table::open(table.source().clone(), request).with_context(flag)?;
    let train = Recording::read_normal(table).with_context(flag)?;
    progress.stage("fitting baselines");
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
