//! What a follower is told, put together, is what the fleet is.

use crate::support::{MODEL, Place, stretch, submit};
use pipeline::alarms::Alarm;
use pipeline::events::Event;
use pipeline::{Changes, LogSync, Overview, Pipeline, TurbineToday};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The fleet as a follower has it in mind.
#[derive(Debug, PartialEq)]
struct InMind {
    turbines: BTreeMap<Option<String>, TurbineToday>,
    running: BTreeMap<String, Arc<Alarm>>,
}

impl InMind {
    fn of(overview: Overview) -> Self {
        InMind {
            turbines: overview.turbines.into_iter().map(|it| (it.status.turbine_id.clone(), it)).collect(),
            running: overview.alarms.into_iter().map(|alarm| (alarm.id.clone(), alarm)).collect(),
        }
    }

    fn apply(&mut self, changes: Changes) {
        assert!(!changes.incomplete);
        self.turbines.extend(changes.turbines.into_iter().map(|it| (it.status.turbine_id.clone(), it)));
        for alarm in changes.alarms {
            match alarm.cleared {
                None => self.running.insert(alarm.id.clone(), alarm),
                Some(_) => self.running.remove(&alarm.id),
            };
        }
    }
}

fn names(changes: &Changes) -> Vec<Option<&str>> {
    changes.turbines.iter().map(|it| it.status.turbine_id.as_deref()).collect()
}

async fn submit_all(pipeline: &Pipeline, readings: &[String]) {
    for batch in readings.chunks(7) {
        submit(pipeline, batch).await;
    }
}

#[tokio::test]
async fn what_a_follower_is_told_adds_up_to_the_fleet() {
    let place = Place::new(LogSync::Write);
    let pipeline = place.open();
    submit_all(&pipeline, &stretch(1, 0..400, false)).await;
    submit_all(&pipeline, &stretch(0, 0..40, false)).await;
    let mut follower = pipeline.follower();
    let mut in_mind = InMind::of(pipeline.overview());
    let (mut raised, mut peaked, mut cleared) = (0, 0, 0);
    // Turbine 1 has an alarm that rises over several looks and clears, 2 begins with one, 3 stays as it is.
    let steps = [
        (1, 400..420, false),
        (1, 420..432, true),
        (1, 432..444, true),
        (2, 0..100, true),
        (1, 444..456, true),
        (3, 0..20, false),
        (2, 100..300, false),
        (1, 456..700, false),
        (0, 40..44, false),
    ];
    for (turbine, seconds, off) in steps {
        submit_all(&pipeline, &stretch(turbine, seconds, off)).await;
        let changes = follower.changes();
        assert_eq!(changes.turbines.len(), 1, "only its own turbine changes: {:?}", names(&changes));
        for alarm in &changes.alarms {
            match (alarm.cleared, in_mind.running.contains_key(&alarm.id)) {
                (Some(_), _) => cleared += 1,
                (None, true) => peaked += 1,
                (None, false) => raised += 1,
            }
        }
        in_mind.apply(changes);
        assert_eq!(in_mind, InMind::of(pipeline.overview()));
        let again = follower.changes();
        assert!(again.turbines.is_empty() && again.alarms.is_empty(), "told twice: {again:?}");
    }
    assert!((raised, cleared) == (2, 2) && peaked >= 1, "{raised} raised, {peaked} peaked, {cleared} cleared");
}

#[tokio::test]
async fn another_model_leaves_a_follower_to_look_anew() {
    let place = Place::new(LogSync::Write);
    let pipeline = place.open();
    let mut follower = pipeline.follower();
    let mut params = turbine_core::training::TrainingParams::default();
    params.forest.n_estimators = 5;
    let readings = (0..400).map(|i| f64::from(i % 17)).collect();
    let features = turbine_core::feature::FeatureSet::from_names(["a", "b"]).unwrap();
    let dataset = turbine_core::dataset::Dataset::new(features, readings, None);
    let model = turbine_core::training::train(&dataset, &params).unwrap().model;
    assert_ne!(model.version(), MODEL.version());
    model.save(&place.config.model).unwrap();
    pipeline.reload().await.unwrap();
    let changes = follower.changes();
    assert!(
        changes.incomplete && matches!(&changes.events[..], [Event::Model { version }] if version == model.version())
    );
    assert!(!follower.changes().incomplete);
}
