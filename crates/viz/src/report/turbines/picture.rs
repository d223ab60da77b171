//! The picture of the turbines in time.

use super::MOST_PANELS;
use super::survey::Turbine;
use super::threshold::Threshold;
use super::trace::{Trace, seconds};
use crate::chart::{Axis, Band, ChartError, Line, Picture, Plot, Rule, count, style};
use crate::report::Drawing;
use crate::report::over_time::covered;
use jiff::Timestamp;
use std::path::Path;
use turbine_core::reading::TurbineId;

/// Smoothed surprisal over time, a panel a turbine.
pub fn over_time(drawing: &Drawing, path: &Path) -> Result<(), ChartError> {
    let Drawing { turbines: survey, traces, threshold, .. } = drawing;
    let Some(period) = drawing.survey.span() else { return Ok(()) };
    let highest = survey.highest(MOST_PANELS);
    let mut picture = Picture::new(title(highest.len(), survey.watched()));
    picture.note(covered(drawing));
    if highest.len() < survey.watched() {
        picture.note("--turbine A,B draws others.");
    }
    picture.note(
        "Surprisal: how rare a reading is in normal running, in decades (2 = one in a hundred, 3 = one in a thousand).",
    );
    match threshold {
        Threshold::Known { since: Some(_), .. } => {
            picture.note("The alarm threshold begins with the readings of the newest model.")
        }
        Threshold::Known { since: None, .. } => {}
        Threshold::Unknown(why) => picture.note(format!("No alarm threshold is drawn: {why}.")),
    }
    let raise_above = match threshold {
        Threshold::Known { raise_above, .. } => *raise_above,
        Threshold::Unknown(_) => 0.0,
    };
    let peak = highest.iter().filter_map(|(_, turbine)| turbine.peak).fold(raise_above, f64::max);
    let has_gaps = traces.iter().any(|trace| !trace.gaps().is_empty());
    let has_alarms = traces.iter().any(|trace| !trace.alarms().is_empty());
    let height = match highest.len() {
        1 => 380.0,
        2 | 3 => 220.0,
        _ => 185.0,
    };
    for (i, ((id, turbine), trace)) in highest.iter().zip(traces.iter()).enumerate() {
        let (is_first, is_last) = (i == 0, i + 1 == highest.len());
        let panel = Panel { id, turbine, trace, threshold, period, peak };
        let keys = Keys { line: is_first, gaps: is_first && has_gaps, alarms: is_first && has_alarms };
        let extra = if is_first { 18.0 } else { 0.0 } + if is_last { 18.0 } else { 0.0 };
        picture.row(height + extra, vec![(1.0, Box::new(panel.plot(keys, is_last)))]);
    }
    picture.save(path)
}

fn title(drawn: usize, all: usize) -> String {
    match all - drawn {
        0 if all == 1 => "Smoothed surprisal and alarms over time".to_owned(),
        0 => "Smoothed surprisal and alarms of each turbine over time".to_owned(),
        more => {
            let all = count((drawn + more) as u64);
            format!("Smoothed surprisal and alarms: the {drawn} turbines with the highest peaks of {all}")
        }
    }
}

/// Which entries a panel's legend has: the first panel has those of all.
#[derive(Debug, Clone, Copy)]
struct Keys {
    line: bool,
    gaps: bool,
    alarms: bool,
}

/// One turbine.
struct Panel<'a> {
    id: &'a Option<TurbineId>,
    turbine: &'a Turbine,
    trace: &'a Trace,
    threshold: &'a Threshold,
    period: (Timestamp, Timestamp),
    /// What the upright axis covers: the same for all turbines, so that they can be compared.
    peak: f64,
}

impl Panel<'_> {
    fn title(&self) -> String {
        let name = self.id.as_ref().map_or("no turbine named", TurbineId::as_str);
        let peak = self.turbine.peak.map_or_else(String::new, |peak| format!(" · peak {peak:.2}"));
        let alarms = match self.turbine.alarms {
            0 => "no alarm".to_owned(),
            1 => "1 alarm".to_owned(),
            n => format!("{} alarms", count(n)),
        };
        format!("{name}{peak} · {alarms}")
    }

    fn plot(&self, keys: Keys, is_last: bool) -> Plot<'static> {
        let (start, end) = (seconds(self.period.0), seconds(self.period.1));
        let time = Axis::time(if is_last { "time (UTC)" } else { "" }).covering(start, end);
        let decades = Axis::number("smoothed surprisal (decades)").covering(0.0, self.peak);
        let label = |is_shown: bool, text: &str| if is_shown { text.to_owned() } else { String::new() };
        let mut plot = Plot::new(self.title(), time, decades)
            .with(Band::new(label(keys.gaps, "no readings"), self.trace.gaps()).always_in_legend())
            .with(
                Band::new(label(keys.alarms, "alarm"), self.trace.alarms())
                    .colored(style::VERMILLION.with_alpha(0.38))
                    .always_in_legend(),
            )
            .with(Line::new(label(keys.line, "smoothed surprisal"), style::BLUE, self.trace.points()).width(1.2));
        if let Threshold::Known { raise_above, since } = *self.threshold {
            let name = label(keys.line, &format!("alarm threshold {raise_above:.2}"));
            plot.push(Rule::between(name, (since.unwrap_or(start), raise_above), (end, raise_above)));
        }
        plot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_says_how_many_turbines_are_not_drawn() {
        assert_eq!(title(3, 3), "Smoothed surprisal and alarms of each turbine over time");
        assert!(title(8, 1_020).contains("8 turbines with the highest peaks of 1,020"), "{}", title(8, 1_020));
    }
}
