//! A turbine's state is a fold over the rows of the prediction log: after a restart it is what it was, whatever came, in
//! whatever order, scored by whichever model.

#![allow(clippy::unwrap_used)]

use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::LazyLock;
use turbine_core::dataset::Dataset;
use turbine_core::detector::DetectorKind;
use turbine_core::feature::FeatureSet;
use turbine_core::model::{Judgement, Model, Observation};
use turbine_core::monitor::{AlarmTarget, LoggedStep, MonitorSettings, Sensitivity, TurbineState};
use turbine_core::reading::{MissingValues, RawReading};
use turbine_core::sensors::{Gaps, SensorSet};
use turbine_core::training::{TrainingParams, train};

const INTERVAL: i64 = 600;
const N: usize = 3;

/// Three models of the same features and the same time between readings: forest and neighbours, the forest alone with
/// another span and sensitivity, and one that knows no surprisals.
static MODELS: LazyLock<[Model; 3]> = LazyLock::new(|| {
    let wave = |i: i64, period: f64| (i as f64 / period).sin();
    let noise = |i: i64| ((i * 7_919) % 1_009) as f64 / 1_009.0;
    let readings = (0..600)
        .flat_map(|i| [wave(i, 20.0), wave(i, 20.0) * 2.0 + 0.1 * noise(i), 10.0 * noise(i * 3 + 1)])
        .collect::<Vec<f64>>();
    let times = (0..600).map(|i| Timestamp::from_second(i * INTERVAL).unwrap()).collect();
    let features = FeatureSet::from_names(["a", "b", "c"]).unwrap();
    let dataset = Dataset::new(features, readings, None).with_times(times);
    let mut params = TrainingParams { detector: DetectorKind::ForestAndNeighbours, ..TrainingParams::default() };
    params.forest.n_estimators = 10;
    let both = train(&dataset, &params).unwrap().model;
    let forest = TrainingParams {
        detector: DetectorKind::Forest,
        alarm: AlarmTarget::Sensitivity(Sensitivity::Sensitive),
        smoothing_span: 2,
        ..params
    };
    let forest = train(&dataset, &forest).unwrap().model;
    [uncalibrated(&forest), both, forest]
});

/// The model as an earlier release wrote it, but for the time between readings.
fn uncalibrated(model: &Model) -> Model {
    use serde_json::{Value, json};
    let mut file: Value = serde_json::from_str(&model.to_json()).unwrap();
    let body = &mut file["model"];
    body["calibration"] = Value::Null;
    body["expectation"] = Value::Null;
    body["monitor"]["alarm"] = Value::Null;
    for golden in body["golden"]["readings"].as_array_mut().unwrap() {
        golden.as_object_mut().unwrap().remove("detection");
    }
    let text = body.to_string();
    let digest = sha2_hex(&text);
    let file = json!({"format": "turbine-iforest", "format_version": 2, "model_version": format!("m{digest}")});
    let head = file.to_string();
    Model::from_json(&format!("{},\"model\":{text}}}", head.trim_end_matches('}'))).unwrap()
}

fn sha2_hex(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// One reading of a stream: seconds since the one before (also none, and back), values, the model in service, and the
/// sensors that sent nothing, a bit each.
type Sent = (i64, [f64; N], usize, u8);

fn reading() -> impl Strategy<Value = Sent> {
    let later = prop_oneof![
        12 => Just(INTERVAL),
        2 => 1..3 * INTERVAL,
        // Just before and just after what counts as a gap.
        1 => select(vec![10 * INTERVAL, 10 * INTERVAL + 1, 1_000_000]),
        1 => Just(0),
        1 => -5 * INTERVAL..0,
    ];
    let value = prop_oneof![
        6 => -1.0..1.0,
        // Runs of the same value, for stuck sensors.
        6 => Just(0.5),
        1 => -50.0..50.0,
        1 => select(vec![f64::MAX, f64::MIN, 0.0, -0.0, 1e-320, 123_456.789]),
    ];
    // Now and then a sensor, often the first for long enough to be missing, never all.
    let absent = prop_oneof![4 => Just(0), 3 => Just(0b001), 2 => 0..0b111_u8];
    (later, [value.clone(), value.clone(), value], 0..3_usize, absent)
}

/// A row of the log, as text, and back.
struct Row {
    timestamp: Timestamp,
    values: Vec<f64>,
    gaps: Gaps,
    surprisal: Option<f64>,
    smoothed_surprisal: Option<f64>,
    in_alarm: bool,
}

impl Row {
    fn written_and_read(timestamp: Timestamp, values: &[f64], gaps: Gaps, judgement: &Judgement) -> Self {
        let through = |number: f64| serde_json::to_string(&number).unwrap().parse::<f64>().unwrap();
        Row {
            timestamp: timestamp.to_string().parse().unwrap(),
            values: values.iter().copied().map(through).collect(),
            gaps,
            surprisal: judgement.surprisal.map(through),
            smoothed_surprisal: judgement.smoothed_surprisal.map(through),
            in_alarm: judgement.in_alarm,
        }
    }

    fn step(&self) -> LoggedStep<'_> {
        LoggedStep {
            timestamp: self.timestamp,
            values: &self.values,
            gaps: self.gaps,
            surprisal: self.surprisal,
            smoothed_surprisal: self.smoothed_surprisal,
            in_alarm: self.in_alarm,
        }
    }
}

/// The state from its written form.
fn restored(state: &TurbineState) -> TurbineState {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

fn judge(model: &Model, state: &mut TurbineState, timestamp: Timestamp, values: &[f64]) -> Judgement {
    judge_with_gaps(model, state, timestamp, values, Gaps::default())
}

fn judge_with_gaps(
    model: &Model,
    state: &mut TurbineState,
    timestamp: Timestamp,
    values: &[f64],
    gaps: Gaps,
) -> Judgement {
    let mut score = [0.0];
    model.forest_scores(values, &mut score);
    model.step(state, &Observation { timestamp, values, gaps, forest_score: score[0] })
}

/// The values of a reading that lacks some, filled for a turbine in that state.
fn filled(model: &Model, state: &TurbineState, timestamp: Timestamp, values: [f64; N], absent: u8) -> (Vec<f64>, Gaps) {
    let features = model.features();
    let sent = features.names().zip(values).enumerate().filter(|(i, _)| absent >> i & 1 == 0);
    let raw: RawReading = sent.map(|(_, (name, value))| (name.into(), value.into())).collect();
    let mut reading = raw.check_with(features, MissingValues::Carry).unwrap();
    let gaps = model.fill(state, timestamp, &mut reading);
    assert_eq!(gaps.all(), (0..N).filter(|i| absent >> i & 1 == 1).collect::<SensorSet>());
    (reading.values().to_vec(), gaps)
}

/// `longest`: readings that one model stays in service for.
fn check(stream: &[Sent], restart: usize, longest: usize) -> Result<(), TestCaseError> {
    let mut now = Timestamp::from_second(1_700_000_000).unwrap();
    let (mut state, mut rows) = (TurbineState::default(), Vec::new());
    let mut snapshot = None;
    for (i, &(later, values, _, absent)) in stream.iter().enumerate() {
        now += SignedDuration::from_secs(later);
        let model = &MODELS[stream[i / longest * longest].2];
        let before = state.clone();
        let (values, gaps) = filled(model, &state, now, values, absent);
        prop_assert!(values.iter().all(|value| value.is_finite()), "{:?}", values);
        let judgement = judge_with_gaps(model, &mut state, now, &values, gaps);
        prop_assert!(!judgement.step.stepped || state.missing() == gaps.missing);
        // What is out of order leaves the state alone, and everything that is said is finite.
        let newer = before.is_newer(now);
        prop_assert_eq!(judgement.step.stepped, newer);
        prop_assert!(newer || state == before);
        prop_assert!(judgement.anomaly_score.is_finite() && judgement.anomaly_score <= 1.0);
        prop_assert!(
            [judgement.surprisal, judgement.smoothed_surprisal].iter().flatten().all(|s| (0.0..=1e6).contains(s))
        );
        prop_assert_eq!(judgement.in_alarm, state.alarm().is_some());
        let row = Row::written_and_read(now, &values, gaps, &judgement);
        // A row says the same to the state that the reading found.
        let mut replayed = restored(&before);
        let step = model.monitor().replay(&mut replayed, &row.step());
        prop_assert_eq!(step, judgement.step);
        prop_assert_eq!(&replayed, &state);
        prop_assert_eq!(&restored(&state), &state);
        rows.push(row);
        if i == restart {
            snapshot = Some((restored(&state), rows.len()));
        }
    }
    // From the log's beginning, and from a snapshot on, by the last model alone.
    let last = MODELS[stream[(stream.len() - 1) / longest * longest].2].monitor();
    let fold = |mut from: TurbineState, rows: &[Row]| {
        for row in rows {
            last.replay(&mut from, &row.step());
        }
        from
    };
    prop_assert_eq!(&fold(TurbineState::default(), &rows), &state);
    if let Some((from, seen)) = snapshot {
        prop_assert_eq!(&fold(from, &rows[seen..]), &state);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_state_is_a_fold_over_the_log(
        stream in vec(reading(), 1..120),
        restart in 0..120_usize,
        longest in 1..80_usize,
    ) {
        check(&stream, restart, longest)?;
    }
}

#[test]
fn the_streams_have_what_matters_in_them() {
    let mut state = TurbineState::default();
    let (mut alarms, mut stuck, mut restarts) = (0, 0, 0);
    for i in 0..200 {
        let value = if i % 50 < 25 { 0.5 } else { 40.0 + f64::from(i) };
        let timestamp = Timestamp::from_second(i64::from(i) * INTERVAL + i64::from(i / 100) * 100_000).unwrap();
        let judgement = judge(&MODELS[1], &mut state, timestamp, &[value, value, 5.0]);
        alarms += usize::from(judgement.alarm().is_some());
        stuck += usize::from(!judgement.step.newly_stuck.is_empty());
        restarts += usize::from(judgement.step.restarted);
    }
    assert!(alarms > 4 && stuck > 1 && restarts == 2, "{alarms} {stuck} {restarts}");
    assert_ne!(MODELS[0].monitor().settings(), &MonitorSettings::unknown());
    assert!(!MODELS[0].detector().is_calibrated());
}

#[test]
fn a_recording_is_judged_as_its_readings_one_by_one() {
    let values: Vec<f64> = (0..300).flat_map(|i| [(f64::from(i) / 9.0).sin(), f64::from(i % 7), 3.0]).collect();
    let times: Vec<Timestamp> = (0..300).map(|i| Timestamp::from_second(i * INTERVAL).unwrap()).collect();
    for model in &*MODELS {
        let mut state = TurbineState::default();
        let one_by_one: Vec<Judgement> =
            values.chunks_exact(N).zip(&times).map(|(row, &time)| judge(model, &mut state, time, row)).collect();
        assert_eq!(model.judge(&values, &times), one_by_one);
    }
}

#[test]
fn a_state_is_small() {
    let mut state = TurbineState::default();
    judge(&MODELS[1], &mut state, Timestamp::UNIX_EPOCH, &[0.0; N]);
    // 24 bytes a feature beside the fixed part, and 48 for each without a value; with ten features far below 4 KiB.
    let sensors = 10 * 24;
    assert!(size_of::<TurbineState>() + sensors <= 512, "{}", size_of::<TurbineState>());
}
