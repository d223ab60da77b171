#![allow(clippy::unwrap_used)]
use super::*;
use prometheus::Registry;
use std::time::Instant;
use turbine_core::prediction::{Prediction, Watch};
use turbine_core::simulation::training_set;
use turbine_core::training::{TrainingParams, train};

fn model(seed: u64) -> Arc<Model> {
    Arc::new(train(&training_set(500, 0.05, seed), &TrainingParams::default()).unwrap().model)
}

fn slot(shadow: &Arc<Model>, against: &Arc<Model>) -> (ShadowSlot, LifecycleCounters) {
    let counters = LifecycleCounters::new(&Registry::new());
    let beginning = Beginning {
        model: Arc::clone(shadow),
        file: "b.json".into(),
        role: ShadowRole::Candidate,
        against: Arc::clone(against.version()),
        states: Vec::new(),
        max_turbines: NonZeroUsize::new(10).unwrap(),
    };
    let slot = ShadowSlot::default();
    slot.put(Some(Shadow::begin(beginning, counters.clone()).unwrap()), &counters);
    (slot, counters)
}

/// Two hundred rows of two turbines, by the model in service.
fn rows(served: &Model) -> Vec<PredictionRecord> {
    let readings = training_set(200, 0.2, 7);
    let mut states = [TurbineState::default(), TurbineState::default()];
    let rows = readings.readings().chunks_exact(3).enumerate().map(|(i, values)| {
        let timestamp = Timestamp::from_second(i as i64).unwrap();
        let mut score = [0.0];
        served.forest_scores(values, &mut score);
        let observation = Observation { timestamp, values, gaps: Gaps::default(), forest_score: score[0] };
        let judgement = served.step(&mut states[i % 2], &observation);
        PredictionRecord {
            timestamp,
            values: values.to_vec(),
            prediction: Prediction { ..judgement.prediction() },
            turbine_id: Some(format!("T{}", i % 2).parse().unwrap()),
            model_version: Arc::clone(served.version()),
            watch: Watch { in_alarm: judgement.in_alarm, ..Watch::default() },
            gaps: Gaps::default(),
        }
    });
    rows.collect()
}

fn wait_for(slot: &ShadowSlot, readings: u64) -> Comparison {
    let began = Instant::now();
    loop {
        let comparison = slot.get().unwrap().status().comparison;
        if comparison.readings >= readings {
            return comparison;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{comparison:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_shadow_says_what_it_would_have_said_in_service() {
    let (served, other) = (model(1), model(2));
    let (by_served, by_other) = (rows(&served), rows(&other));
    let (slot, _) = slot(&other, &served);
    for batch in by_served.chunks(7) {
        slot.take_in(&batch.iter().collect::<Vec<_>>());
    }
    let comparison = wait_for(&slot, 200);
    let anomalies = |rows: &[PredictionRecord]| rows.iter().filter(|row| row.prediction.is_anomaly).count() as u64;
    let alarms = |rows: &[PredictionRecord]| -> u64 {
        let of = |turbine: usize| {
            let states: Vec<bool> = rows.iter().skip(turbine).step_by(2).map(|row| row.watch.in_alarm).collect();
            u64::from(states[0]) + states.windows(2).filter(|pair| !pair[0] && pair[1]).count() as u64
        };
        of(0) + of(1)
    };
    let agreed = by_served.iter().zip(&by_other).filter(|(a, b)| a.prediction.is_anomaly == b.prediction.is_anomaly);
    assert_eq!(comparison.agreed, agreed.count() as u64);
    assert_eq!(comparison.service_anomalies, anomalies(&by_served));
    assert_eq!(comparison.shadow_anomalies, anomalies(&by_other));
    assert_eq!(comparison.service_alarms, alarms(&by_served));
    assert_eq!(comparison.shadow_alarms, alarms(&by_other));
    assert!(comparison.agreed < 200 && comparison.service_alarms > 0, "nothing is shown: {comparison:?}");
    let mean = |rows: &[PredictionRecord]| rows.iter().map(|row| row.prediction.anomaly_score).sum::<f64>() / 200.0;
    let difference = mean(&by_other) - mean(&by_served);
    assert!((comparison.mean_score_difference().unwrap() - difference).abs() < 1e-12);
}

#[test]
fn rows_of_another_model_are_not_compared_and_a_new_one_begins_anew() {
    let (served, other, third) = (model(1), model(2), model(3));
    let (slot, counters) = slot(&other, &served);
    let (first, second) = (rows(&served), rows(&third));
    slot.take_in(&first.iter().collect::<Vec<_>>());
    wait_for(&slot, 200);
    slot.serve(&third, &counters);
    assert_eq!(slot.get().unwrap().status().against, *third.version());
    // A request that began with the model before, and one of the new one.
    slot.take_in(&first[..1].iter().collect::<Vec<_>>());
    slot.take_in(&second[..3].iter().collect::<Vec<_>>());
    assert_eq!(wait_for(&slot, 3).readings, 3);
    slot.serve(&other, &counters);
    assert!(slot.get().is_none(), "it is in service");
}

#[test]
fn a_shadow_that_cannot_keep_up_leaves_rows_out() {
    let (served, other) = (model(1), model(2));
    let (slot, counters) = slot(&other, &served);
    let rows = rows(&served);
    let rows: Vec<&PredictionRecord> = rows.iter().collect();
    let shadow = slot.get().unwrap();
    shadow.shared.waiting.store(MAX_WAITING - 100 * (ROW + 3), Relaxed);
    slot.take_in(&rows[..101]);
    assert_eq!((shadow.status().dropped, counters.dropped.get()), (101, 101));
    slot.take_in(&rows[..100]);
    assert_eq!((wait_for(&slot, 100).readings, shadow.status().dropped), (100, 101));
}
