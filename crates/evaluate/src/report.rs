//! What the program prints beside the table.

use crate::Args;
use crate::comparison::Entry;
use crate::recording::Recording;
use crate::table::duration;
use std::io::{self, Write};
use std::path::PathBuf;
use turbine_core::model::Model;
use turbine_core::monitor::SILENT_AFTER;
use viz::chart::count;

/// More events than this are not listed.
const MOST_EVENTS: usize = 10;

/// What is evaluated on.
pub fn recording(out: &mut impl Write, shown: &str, recording: &Recording) -> io::Result<()> {
    let turbines = match recording.turbines.len() {
        1 => String::new(),
        n => format!(" of {} turbines", count(n as u64)),
    };
    let (readings, faults) = (count(recording.len() as u64), count(recording.n_faults() as u64));
    writeln!(out, "[evaluate] data: {readings} readings{turbines} of {shown}, {faults} labelled as faults")?;
    left_out(out, recording)?;
    if recording.out_of_order > 0 {
        let rows = count(recording.out_of_order as u64);
        writeln!(out, "[evaluate] {rows} rows are older than a row before them; replayed in the order of time")?;
    }
    if recording.n_faults() == 0 {
        writeln!(
            out,
            "[evaluate] no reading is labelled as a fault, so there is nothing to find: only the false alarms mean something"
        )?;
    } else if recording.n_faults() == recording.len() {
        writeln!(out, "[evaluate] every reading is labelled as a fault, so false alarms are undefined")?;
    }
    Ok(())
}

fn left_out(out: &mut impl Write, recording: &Recording) -> io::Result<()> {
    let left_out = &recording.left_out;
    if left_out.total() > 0 {
        let rows = count(left_out.total());
        writeln!(out, "[evaluate] {rows} rows left out for an empty or unusable cell ({left_out})")?;
    }
    Ok(())
}

/// The model, its alarm, and what it cannot give.
pub fn model(out: &mut impl Write, args: &Args, model: &Model, recording: &Recording) -> io::Result<()> {
    let (shown, version, kind) = (args.model.display(), model.version(), model.detector().kind().name());
    let settings = model.monitor().settings();
    writeln!(out, "[evaluate] model: {shown}, version {version}, {kind}, {} features", model.features().len())?;
    match settings.alarm {
        _ if !model.detector().is_calibrated() => writeln!(
            out,
            "[evaluate] the model is not calibrated: no surprisal and no alarms. ROC AUC and average precision are of the score of each reading alone; train it anew for the rest"
        )?,
        None => writeln!(
            out,
            "[evaluate] the model has no alarm threshold: ROC AUC and average precision only; train it anew for the rest"
        )?,
        Some(alarm) => {
            let expected = match alarm.expected_per_day {
                Some(rate) => format!("{rate:.2} false alarms a day expected"),
                None => "false alarms to expect not known".to_owned(),
            };
            writeln!(
                out,
                "[evaluate] alarm: raised above {:.2} and cleared below {:.2} decades of surprisal, smoothed over {} readings ({}); {expected}",
                alarm.raise_above, alarm.clear_below, settings.smoothing_span, alarm.target
            )?;
        }
    }
    if let (Some(expected), Some(found)) = (settings.typical_interval, recording.typical_interval())
        && found > expected * f64::from(SILENT_AFTER)
    {
        writeln!(
            out,
            "[evaluate] readings are {found} s apart and the model expects one every {expected} s: each is taken for the first after a gap, and nothing is smoothed; train on readings as far apart as these"
        )?;
    }
    Ok(())
}

/// That there is nothing to fit baselines to.
pub fn no_baselines(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "[evaluate] baselines: only \"always on\"; the others are fitted to normal readings, name a recording of them with --train"
    )
}

/// What the baselines are fitted to, and how their alarms come about.
pub fn baselines(
    out: &mut impl Write,
    args: &Args,
    train: &Recording,
    normal: &Recording,
    model: &Model,
) -> io::Result<()> {
    let shown: Vec<String> = args.train.iter().map(|path| path.display().to_string()).collect();
    let shown = shown.join(" ");
    let settings = model.monitor().settings();
    writeln!(
        out,
        "[evaluate] baselines: fitted to {} normal readings of {shown}; {} labelled as faults are not used",
        count(normal.len() as u64),
        count(train.n_faults() as u64)
    )?;
    left_out(out, train)?;
    writeln!(
        out,
        "[evaluate] baselines: as for the model, held-out blocks turn a score into a surprisal, which is smoothed over {} readings and raises an alarm by the same rule ({})",
        settings.smoothing_span,
        settings.alarm.map(|alarm| alarm.target).unwrap_or_default()
    )?;
    let files = |paths: &[PathBuf]| paths.iter().map(|path| path.canonicalize().ok()).collect::<Vec<_>>();
    if files(&args.train) == files(&args.data) {
        writeln!(
            out,
            "[evaluate] --train is the recording itself: detectors that were fitted to its normal readings have too few false alarms here"
        )?;
    }
    Ok(())
}

/// The labelled events of one turbine and when the detector found them, unless there are many.
pub fn events(out: &mut impl Write, recording: &Recording, entry: &Entry) -> io::Result<()> {
    let few = entry.alarms().filter(|alarms| alarms.events.len() <= MOST_EVENTS && recording.turbines.len() == 1);
    let Some(alarms) = few else { return Ok(()) };
    for event in &alarms.events {
        let found = match (event.delay(), event.lead()) {
            (Some(delay), Some(lead)) => format!("alarm after {}, {} before its end", duration(delay), duration(lead)),
            _ => "missed".to_owned(),
        };
        writeln!(out, "[evaluate] event {} to {}: {found}", event.begin, event.end)?;
    }
    Ok(())
}

/// What the columns of the table mean.
pub fn legend(out: &mut impl Write, entries: &[Entry]) -> io::Result<()> {
    let days = entries.iter().find_map(|entry| entry.evaluation.as_ref()?.normal_days);
    let normal = days.map_or(String::new(), |days| format!(" of {days:.1} days of normal running"));
    writeln!(
        out,
        "[evaluate] delay: median time from the beginning of an event to the alarm; lead: from the alarm to the event's end; false alarms{normal}; F1: of the readings in alarm"
    )
}
