#![allow(clippy::unwrap_used)]

use super::*;

const MINUTE: i64 = 60;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(minutes * MINUTE).unwrap()
}

/// Smooths surprisals over three readings (α = 1/2), raises above 2, clears below 1; a reading a minute.
fn monitor() -> Monitor {
    let alarm =
        AlarmRule { target: AlarmTarget::default(), raise_above: 2.0, clear_below: 1.0, expected_per_day: None };
    Monitor::new(MonitorSettings {
        smoothing_span: 3,
        typical_interval: Some(60.0),
        alarm: Some(alarm),
        longest_unchanged: vec![2, 9],
    })
    .unwrap()
}

fn step(monitor: &Monitor, state: &mut TurbineState, timestamp: Timestamp, values: [f64; 2], surprisal: f64) -> Step {
    let arrival = monitor.arrive(state, timestamp, &values, &mut [0.0; 2]);
    monitor.settle(state, arrival, Some(surprisal))
}

#[test]
fn values_are_smoothed_over_five_readings() {
    // α = 1/3, so each reading weighs 2/3 of the next: 6; (6 · 2/3 + 1) / (2/3 + 1) = 5 / (5/3) = 3;
    // (6 · 4/9 + 1 · 2/3 + 4) / (4/9 + 2/3 + 1) = (22/3) / (19/9) = 66/19.
    let (monitor, mut state, mut smoothed) = (monitor(), TurbineState::default(), [0.0; 2]);
    for (minute, value, expected) in [(0, 6.0, 6.0), (1, 1.0, 3.0), (2, 4.0, 66.0 / 19.0)] {
        let _ = monitor.arrive(&mut state, at(minute), &[value, 7.0], &mut smoothed);
        assert!((smoothed[0] - expected).abs() < 1e-12 && (smoothed[1] - 7.0).abs() < 1e-12, "{smoothed:?}");
    }
    assert!(state.smoothed().zip(smoothed).all(|(kept, given)| kept == given));
}

#[test]
fn an_alarm_begins_peaks_and_ends() {
    // Smoothed over three: 0; (0/2 + 3)/1.5 = 2; (3/2 + 0/4 + 3)/1.75 = 2.571; then the weights are 15/8 and 31/16.
    let (monitor, mut state) = (monitor(), TurbineState::default());
    let steps = [0.0, 3.0, 3.0, 4.0, 0.0, 0.0].iter().zip(0..);
    let steps: Vec<Step> = steps
        .map(|(&surprisal, minute)| step(&monitor, &mut state, at(minute), [minute as f64; 2], surprisal))
        .collect();
    let smoothed: Vec<f64> = steps.iter().map(|step| step.smoothed_surprisal.unwrap()).collect();
    let expected = [0.0, 2.0, 4.5 / 1.75, 6.25 / 1.875, 3.125 / 1.9375, 1.5625 / 1.96875];
    assert!(smoothed.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{smoothed:?}");
    // 2 is not above 2; 0.79 is below 1.
    assert_eq!(steps.iter().map(|step| step.in_alarm).collect::<Vec<_>>(), [false, false, true, true, true, false]);
    let changes: Vec<Option<AlarmChange>> = steps.iter().map(|step| step.alarm).collect();
    let cleared = AlarmChange::Cleared(Alarm { raised: at(2), peak: smoothed[3], peaked: at(3) });
    let expected = [None, None, Some(AlarmChange::Raised), Some(AlarmChange::Peaked), None, Some(cleared)];
    assert_eq!(changes, expected);
    assert_eq!(state.alarm(), None);
}

/// raise_above, and the alarms of a stream that is smoothed already: `alarms(stream, held, factor)` in numpy, with
/// held = [((i*29)%50)/25 for i in range(50)].
#[test]
fn alarms_are_those_of_the_reference() {
    let held_out: Vec<f64> = (0..50).map(|i| f64::from((i * 29) % 50) / 25.0).collect();
    let stream = [0.5, 2.1, 2.3, 2.6, 1.9, 1.5, 1.4, 0.9, 2.0, 3.5, 1.6, 1.7, 0.2];
    for (sensitivity, threshold, expected) in [
        (Sensitivity::Sensitive, 1.9404, [0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0]),
        (Sensitivity::Balanced, 2.1805, [0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 0]),
        (Sensitivity::Quiet, 2.9008, [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]),
    ] {
        let rule = AlarmRule::fit(&held_out, AlarmTarget::Sensitivity(sensitivity), 1, Some(60.0)).unwrap();
        assert!((rule.raise_above - threshold).abs() < 1e-12, "{rule:?}");
        let settings = MonitorSettings { smoothing_span: 1, alarm: Some(rule), ..MonitorSettings::unknown() };
        let (monitor, mut state) = (Monitor::new(settings).unwrap(), TurbineState::default());
        let alarms = stream.iter().zip(0..).map(|(&surprisal, minute)| {
            i32::from(step(&monitor, &mut state, at(minute), [0.0; 2], surprisal).in_alarm)
        });
        assert_eq!(alarms.collect::<Vec<_>>(), expected, "{sensitivity:?}");
    }
}

#[test]
fn after_a_gap_smoothing_starts_afresh_and_an_alarm_is_judged_by_the_new_reading() {
    let (monitor, mut state) = (monitor(), TurbineState::default());
    assert!(step(&monitor, &mut state, at(0), [1.0; 2], 9.0).in_alarm);
    // Ten typical intervals are no gap yet: (9/2 + 0) / 1.5 = 3.
    let late = step(&monitor, &mut state, at(10), [2.0; 2], 0.0);
    assert!(!late.restarted && (late.smoothed_surprisal.unwrap() - 3.0).abs() < 1e-12, "{late:?}");
    let after = step(&monitor, &mut state, at(21), [5.0; 2], 1.5);
    assert_eq!((after.restarted, after.smoothed_surprisal, after.in_alarm), (true, Some(1.5), true));
    assert_eq!(state.smoothed().collect::<Vec<_>>(), [5.0, 5.0]);
    // The second since: (1.5/2 + 4.5) / 1.5 = 3.5.
    let second = step(&monitor, &mut state, at(22), [5.0; 2], 4.5);
    assert!((second.smoothed_surprisal.unwrap() - 3.5).abs() < 1e-12, "{second:?}");
    let later = step(&monitor, &mut state, at(40), [5.0; 2], 0.5);
    assert!(matches!(later.alarm, Some(AlarmChange::Cleared(Alarm { raised, .. })) if raised == at(0)));
}

#[test]
fn a_reading_that_is_not_newer_is_smoothed_but_changes_nothing() {
    let (monitor, mut state) = (monitor(), TurbineState::default());
    step(&monitor, &mut state, at(0), [6.0, 7.0], 1.0);
    step(&monitor, &mut state, at(5), [6.0, 7.0], 1.0);
    let before = state.clone();
    for minute in [5, 3, -100] {
        let mut smoothed = [0.0; 2];
        let arrival = monitor.arrive(&mut state, at(minute), &[1.0, 7.0], &mut smoothed);
        // As if it were the third: (6 · 4/9 + 6 · 2/3 + 1) / (19/9) = (23/3) / (19/9).
        assert!((smoothed[0] - 69.0 / 19.0).abs() < 1e-12, "{smoothed:?}");
        let step = monitor.settle(&mut state, arrival, Some(99.0));
        assert_eq!((step.stepped, step.smoothed_surprisal, step.in_alarm, step.alarm), (false, Some(1.0), false, None));
        assert_eq!(state, before);
    }
}

#[test]
fn a_sensor_is_stuck_after_three_times_the_longest_standstill_and_twenty_readings() {
    // Longest in training: 2 and 9, so 20 and 27 readings.
    let (monitor, mut state) = (monitor(), TurbineState::default());
    let mut stuck_at = [0, 0];
    for minute in 1..=40 {
        let step = step(&monitor, &mut state, at(minute), [1.0, 2.0], 0.0);
        step.newly_stuck.iter().for_each(|sensor| stuck_at[sensor] = minute);
    }
    assert_eq!(stuck_at, [20, 27]);
    assert_eq!(monitor.stuck(&state).iter().collect::<Vec<_>>(), [0, 1]);
    let moved = step(&monitor, &mut state, at(41), [1.0, 2.5], 0.0);
    assert_eq!(moved.released.iter().collect::<Vec<_>>(), [1]);
    assert!(moved.newly_stuck.is_empty());
    assert_eq!(monitor.stuck(&state).iter().collect::<Vec<_>>(), [0]);
}

#[test]
fn a_turbine_is_silent_after_ten_typical_intervals() {
    let (monitor, mut state) = (monitor(), TurbineState::default());
    assert!(!monitor.is_silent(&state, at(1_000)));
    step(&monitor, &mut state, at(3), [1.0; 2], 0.0);
    assert_eq!(monitor.silent_from(&state), Some(at(13)));
    assert!(!monitor.is_silent(&state, at(13)) && monitor.is_silent(&state, at(14)));
    let unknown = Monitor::new(MonitorSettings::unknown()).unwrap();
    assert!(!unknown.is_silent(&state, at(1_000_000)) && unknown.stuck(&state).is_empty());
}

/// The values of a reading at that minute that lacks the first of two sensors.
fn lacking(monitor: &Monitor, state: &TurbineState, minute: i64) -> ([f64; 2], Gaps) {
    let mut values = [f64::NAN, 7.0];
    let gaps = monitor.carry(state, at(minute), [0].into_iter().collect(), &mut values);
    (values, gaps)
}

fn step_with(monitor: &Monitor, state: &mut TurbineState, minute: i64, values: [f64; 2], gaps: Gaps) -> Step {
    let arrival = monitor.arrive_with_gaps(state, at(minute), &values, gaps, &mut [0.0; 2]);
    monitor.settle(state, arrival, Some(0.0))
}

#[test]
fn a_value_is_carried_while_it_is_younger_than_ten_typical_intervals() {
    let (monitor, mut state) = (monitor(), TurbineState::default());
    let first: SensorSet = [0].into_iter().collect();
    // Never measured: nothing can be carried.
    let (values, gaps) = lacking(&monitor, &state, 0);
    assert!(values[0].is_nan() && gaps == Gaps { missing: first, ..Gaps::default() });
    assert_eq!(step_with(&monitor, &mut state, 0, [3.0, 7.0], gaps).newly_missing, first);
    assert_eq!(state.missing(), first);
    let measured = step(&monitor, &mut state, at(1), [6.0, 7.0], 0.0);
    assert_eq!((measured.returned, state.missing().is_empty()), (first, true));
    for minute in 2..=10 {
        let (values, gaps) = lacking(&monitor, &state, minute);
        assert_eq!((values, gaps.carried), ([6.0, 7.0], first), "{minute}");
        let step = step_with(&monitor, &mut state, minute, values, gaps);
        assert!(step.newly_missing.is_empty() && state.missing().is_empty());
    }
    // Ten minutes old, and from now on missing: told once.
    for minute in 11..=13 {
        let (values, gaps) = lacking(&monitor, &state, minute);
        assert!(values[0].is_nan() && gaps.missing == first && gaps.carried.is_empty());
        let step = step_with(&monitor, &mut state, minute, [5.0, 7.0], gaps);
        assert_eq!((step.newly_missing.is_empty(), state.missing()), (minute != 11, first));
    }
    // The last measured value is known all the time.
    assert_eq!(state.values().collect::<Vec<_>>(), [6.0, 7.0]);
    // A reading that comes late may find a newer value, as long as that is not too far off.
    assert_eq!(lacking(&monitor, &state, -8).1.carried, first);
    assert_eq!(lacking(&monitor, &state, -9).1.missing, first);
}

#[test]
fn without_a_typical_interval_a_value_is_carried_for_ten_readings() {
    let (monitor, mut state) = (Monitor::new(MonitorSettings::unknown()).unwrap(), TurbineState::default());
    step(&monitor, &mut state, at(0), [6.0, 7.0], 0.0);
    for number in 1..=12 {
        let (values, gaps) = lacking(&monitor, &state, number * 1_000);
        assert_eq!(gaps.carried.is_empty(), number > 10, "{number}");
        step_with(
            &monitor,
            &mut state,
            number * 1_000,
            values.map(|value| if value.is_nan() { 5.0 } else { value }),
            gaps,
        );
    }
}

#[test]
fn a_carried_value_does_not_make_a_sensor_stuck() {
    let (monitor, mut state) = (monitor(), TurbineState::default());
    // The first sensor is stuck after 20 equal readings; of these every second one is carried.
    for minute in 0..38 {
        let (values, gaps) =
            if minute % 2 == 0 { ([6.0, 7.0], Gaps::default()) } else { lacking(&monitor, &state, minute) };
        step_with(&monitor, &mut state, minute, [values[0], minute as f64], gaps);
    }
    assert!(monitor.stuck(&state).is_empty());
    assert_eq!(step(&monitor, &mut state, at(38), [6.0, 0.0], 0.0).newly_stuck, [0].into_iter().collect());
}

#[test]
fn without_surprisals_there_is_no_alarm() {
    let (monitor, mut state) = (monitor(), TurbineState::default());
    assert!(step(&monitor, &mut state, at(0), [1.0; 2], 9.0).in_alarm);
    let arrival = monitor.arrive(&mut state, at(1), &[1.0; 2], &mut [0.0; 2]);
    let step = monitor.settle(&mut state, arrival, None);
    assert_eq!((step.smoothed_surprisal, step.in_alarm), (None, false));
    assert!(matches!(step.alarm, Some(AlarmChange::Cleared(_))));
}

#[test]
fn settings_out_of_range_are_refused_by_field() {
    let rule = |raise_above, clear_below| {
        Some(AlarmRule { target: AlarmTarget::default(), raise_above, clear_below, expected_per_day: Some(0.1) })
    };
    let unknown = MonitorSettings::unknown;
    let cases = [
        ("smoothing_span is 0", MonitorSettings { smoothing_span: 0, ..unknown() }),
        ("smoothing_span is 1001", MonitorSettings { smoothing_span: 1_001, ..unknown() }),
        ("typical_interval is 0 s", MonitorSettings { typical_interval: Some(0.0), ..unknown() }),
        ("typical_interval is NaN", MonitorSettings { typical_interval: Some(f64::NAN), ..unknown() }),
        ("alarm.raise_above is NaN", MonitorSettings { alarm: rule(f64::NAN, 1.0), ..unknown() }),
        (
            "alarm.target is -1",
            MonitorSettings {
                alarm: rule(2.0, 1.0).map(|rule| AlarmRule { target: AlarmTarget::FalseAlarmsPerDay(-1.0), ..rule }),
                ..unknown()
            },
        ),
        ("alarm.clear_below is 3", MonitorSettings { alarm: rule(2.0, 3.0), ..unknown() }),
    ];
    for (expected, settings) in cases {
        let text = Monitor::new(settings).unwrap_err().to_string();
        assert!(text.starts_with(expected), "expected {expected}, got {text}");
    }
}
