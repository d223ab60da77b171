#![allow(clippy::unwrap_used)]

use super::*;
use crate::forest::ForestParams;
use crate::quantile::quantile;
use std::num::NonZeroUsize;

/// Twelve readings of four features, the second constant, as `rows` below in numpy.
fn readings() -> Vec<f64> {
    let reading = |i: i32| {
        [
            f64::from((i * 7) % 11) + 0.25 * f64::from(i),
            3.0,
            f64::from((i * 5) % 13) - 0.5 * f64::from(i),
            f64::from((i * i) % 7),
        ]
    };
    (0..12).flat_map(reading).collect()
}

/// Each reading smoothed over five, weights of the readings so far normalised.
fn smoothed(readings: &[f64]) -> Vec<f64> {
    let (mut sums, mut weight, mut smoothed) = ([0.0; 4], 0.0, Vec::new());
    for reading in readings.chunks_exact(4) {
        weight = weight * (1.0 - 2.0 / 6.0) + 1.0;
        for (sum, value) in sums.iter_mut().zip(reading) {
            *sum = *sum * (1.0 - 2.0 / 6.0) + value;
            smoothed.push(*sum / weight);
        }
    }
    smoothed
}

#[test]
fn distances_are_those_of_the_reference() {
    // x = [[(i*7)%11 + 0.25*i, 3, (i*5)%13 - 0.5*i, (i*i)%7] for i in range(12)]; s = ewma(x, 5); n = Neighbours(s, 0)
    // in numpy, C whitened by its eigenvectors; n(q) and n(s[:2]):
    let fitted = Neighbours::fit(&smoothed(&readings()), 4, 1).unwrap();
    assert_eq!((fitted.n_features(), fitted.n_reference()), (4, 12));
    for (reading, expected) in [
        ([5.0, 3.0, 4.0, 3.0], 1.186_517_799_387_251_8),
        // The constant feature is left out, whatever it reads now.
        ([2.0, 9.0, -1.0, 6.0], 6.223_802_313_811_552),
        ([30.0, 3.0, -20.0, 0.0], 12.887_350_792_451_59),
    ] {
        let distance = fitted.distance(&reading);
        assert!((distance - expected).abs() < 1e-12, "{reading:?}: {distance}, not {expected}");
    }
    let own = smoothed(&readings());
    assert!((fitted.distance(&own[..4]) - 1.033_301_926_264_846_4).abs() < 1e-12);
    assert!((fitted.distance(&own[4..8]) - 0.552_854_350_967_905_1).abs() < 1e-12);
}

#[test]
fn surprisals_are_those_of_the_reference() {
    // h = [0.3 + 0.01*((i*37)%40)**1.5 for i in range(40)]; s = calibrate(h) in numpy.
    let held_out: Vec<f64> = (0..40).map(|i| 0.3 + 0.01 * f64::from((i * 37) % 40).powf(1.5)).collect();
    let calibration = Calibration::fit(&held_out);
    for (score, expected) in [
        (0.0, 0.0),
        (0.3, 0.0),
        (0.5, 0.094_269_916_841_847_99),
        (1.0, 0.232_572_615_008_129_5),
        (2.0, 0.612_783_856_719_735_5),
        (2.379_565_131_676_379, 0.913_813_852_383_716_7),
        (2.5, 1.240_371_832_917_017),
        (2.8, 1.839_131_568_190_143_5),
        (5.0, 6.230_036_293_526_405),
    ] {
        let surprisal = calibration.surprisal(score);
        assert!((surprisal - expected).abs() < 1e-12, "{score}: {surprisal}, not {expected}");
    }
    assert_eq!(calibration.surprisal(1e300), MOST_SURPRISAL);
    assert!(calibration.surprisal(0.0).is_sign_positive());
}

#[test]
fn surprisals_by_hand() {
    // Nine scores 1 … 9 and 19: the 90 % quantile lies at place 0.9 · 9 = 8.1, 9 + 0.1 · 10 = 10, so nine are below the
    // tail, and the mean excess is 9.
    let held_out: Vec<f64> = (1..=9).map(f64::from).chain([19.0]).collect();
    let calibration = Calibration::fit(&held_out);
    // Seven of ten are at least 4, and (7 + 1) / 11 is counted.
    assert!((calibration.surprisal(4.0) - -(8.0_f64 / 11.0).log10()).abs() < 1e-15);
    // One of ten is at least 9.5: (1 + 1) / 11.
    assert!((calibration.surprisal(9.5) - -(2.0_f64 / 11.0).log10()).abs() < 1e-15);
    // 1 + (19 − 10) / 9 / ln 10.
    assert!((calibration.surprisal(19.0) - (1.0 + 1.0 / 10.0_f64.ln())).abs() < 1e-12);
}

#[test]
fn many_scores_are_thinned_out_and_say_nearly_the_same() {
    let held_out: Vec<f64> = (0..10_000).map(|i| f64::from((i * 7_919) % 10_007)).collect();
    let mut sorted = held_out.clone();
    sorted.sort_by(f64::total_cmp);
    let calibration = Calibration::fit(&held_out);
    let mut before = 0.0;
    for i in 0..=900 {
        let score = quantile(&sorted, f64::from(i) / 1_000.0);
        let at_least = sorted.iter().filter(|&&other| other >= score).count() as f64;
        let exact = -((at_least + 1.0) / 10_001.0).log10();
        let surprisal = calibration.surprisal(score);
        // A rank is off by 9,000 / 1,024 = 9 at most, of 1,000 scores that are higher at the end.
        assert!((surprisal - exact).abs() < 0.004, "{score}: {surprisal}, not {exact}");
        assert!(surprisal >= before, "falls at {score}");
        before = surprisal;
    }
}

#[test]
fn scores_that_are_all_alike_still_calibrate() {
    for held_out in [vec![2.0; 20], [vec![1.0; 10], vec![2.0; 10]].concat(), vec![0.0]] {
        let calibration = Calibration::fit(&held_out).checked().unwrap();
        assert!(calibration.surprisal(2.0) <= 1.0 || held_out[0] == 0.0);
        assert!(calibration.surprisal(3.0) > 1.0);
    }
}

#[test]
fn reference_readings_are_drawn_by_seed() {
    let readings: Vec<f64> = (0..2_000).map(|i| f64::from((i * 7_919) % 1_009)).collect();
    let of = |seed| Neighbours::fit(&readings, 2, seed).unwrap();
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
    assert_eq!(of(1).n_reference(), N_REFERENCE);
    assert_eq!(Neighbours::fit(&[3.0, 3.0, 3.0], 1, 1), None);
}

#[test]
fn written_neighbours_are_refused_by_field() {
    let data = Neighbours::fit(&smoothed(&readings()), 4, 1).unwrap().data().clone();
    type Edit = fn(&mut NeighboursData);
    let cases: [(&str, Edit); 8] = [
        ("mean must be 1 to 64", |data| data.mean[0] = f64::NAN),
        ("std must be 4", |data| data.std[0] = -1.0),
        ("std must be 4", |data| data.std.truncate(3)),
        ("std is 0 everywhere", |data| data.std.fill(0.0)),
        ("whitening must be 6 numbers", |data| data.whitening[0] = 8.0),
        ("whitening must be above 0 on its diagonal", |data| data.whitening[2] = -0.5),
        ("reference must be", |data| data.reference[3] = f64::INFINITY),
        ("reference must be", |data| data.reference.truncate(5)),
    ];
    for (expected, edit) in cases {
        let mut data = data.clone();
        edit(&mut data);
        let text = Neighbours::try_from(data).unwrap_err().to_string();
        assert!(text.starts_with(expected), "expected {expected}, got {text}");
    }
    assert!(Neighbours::try_from(data).is_ok());
}

#[test]
fn any_finite_reading_has_a_finite_distance() {
    let fitted = Neighbours::fit(&smoothed(&readings()), 4, 1).unwrap();
    for extreme in [f64::MAX, f64::MIN, 1e300, -1e200] {
        assert!(fitted.distance(&[extreme, 0.0, -extreme, extreme]).is_finite(), "{extreme}");
    }
}

fn rows(readings: &[f64]) -> Rows<'_> {
    Rows { readings, smoothed: readings, n_features: 2 }
}

/// A hundred readings near the diagonal; one is later taken off it.
fn diagonal() -> Vec<f64> {
    (0..100).flat_map(|i| [f64::from(i % 50), f64::from(i % 50) + f64::from((i * 37) % 11) / 10.0]).collect()
}

#[test]
fn the_larger_surprisal_counts_and_says_whose_it_is() {
    let readings = diagonal();
    let forest = ForestParams::default();
    let params = FitParams { kind: DetectorKind::ForestAndNeighbours, forest: &forest, threads: NonZeroUsize::MIN };
    let held_out = hold_out(rows(&readings), params).unwrap();
    assert_eq!((held_out.forest_scores.len(), held_out.distances.len()), (100, 100));
    let detector = fit(rows(&readings), params, Some(&held_out)).unwrap();
    // Each value by itself is usual, both together are not: no cut along an axis sees it.
    let values = [10.0, 40.0];
    let forest_score = detector.forest_score(&values);
    let Detection { anomaly_score, surprisal, part } = detector.detect(forest_score, &values);
    let surprisal = surprisal.unwrap();
    let by_forest = detector.forest_calibration().unwrap().surprisal(forest_score);
    assert_eq!(part, Part::Neighbours);
    assert!(surprisal > 3.0 && surprisal > by_forest, "{surprisal} {by_forest}");
    assert_eq!(anomaly_score, surprisal / (1.0 + surprisal));
    // Where the smoothed values are usual, the forest has the word.
    let usual = [25.0, 25.5];
    let Detection { part, surprisal, .. } = detector.detect(0.9, &usual);
    assert_eq!((part, surprisal), (Part::Forest, Some(detector.forest_calibration().unwrap().surprisal(0.9))));
    // The threshold is measured on scores of the same kind.
    let scores = held_out.anomaly_scores(&detector);
    assert!(scores.iter().all(|score| (0.0..1.0).contains(score)));
}

#[test]
fn held_out_blocks_are_scored_by_the_others() {
    // A feature that stands still in three of the four blocks: it is left out where it does, and is there where not.
    let readings: Vec<f64> =
        (0..100).flat_map(|i| [f64::from((i * 37) % 101), if i < 25 { f64::from(i) } else { 7.0 }]).collect();
    let forest = ForestParams::default();
    let params = FitParams { kind: DetectorKind::ForestAndNeighbours, forest: &forest, threads: NonZeroUsize::MIN };
    let held_out = hold_out(rows(&readings), params).unwrap();
    let others = Rows { readings: &readings[50..], smoothed: &readings[50..], n_features: 2 };
    let scaler = StandardScaler::fit_where_spread(others.readings, 2).unwrap();
    let alone = crate::forest::Forest::fit(&scaler.transform(others.readings), 2, &forest, NonZeroUsize::MIN).unwrap();
    assert_eq!(held_out.forest_scores[3], alone.score(&scaler.transform(&readings[6..8])));
    assert_eq!(held_out.distances[3], Neighbours::fit(others.smoothed, 2, 42).unwrap().distance(&readings[6..8]));
    let chosen: Vec<bool> = (0..100).map(|i| i % 2 == 0).collect();
    assert_eq!(held_out.select(&chosen).distances[1], held_out.distances[2]);
}

#[test]
fn the_forest_alone_is_the_forest() {
    let readings = diagonal();
    let forest = ForestParams::default();
    let params = FitParams { kind: DetectorKind::Forest, forest: &forest, threads: NonZeroUsize::MIN };
    let detector = fit(rows(&readings), params, None).unwrap();
    let found = detector.detect(0.7, &[]);
    assert_eq!(found, Detection { anomaly_score: 0.7, surprisal: None, part: Part::Forest });
    let mut scores = vec![0.0; 100];
    detector.forest_scores(&readings, &mut scores);
    let scaled = detector.scaler().transform(&readings);
    assert!(
        scores.iter().zip(scaled.chunks_exact(2)).all(|(score, row)| *score == detector.isolation_forest().score(row))
    );
}
