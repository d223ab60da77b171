#![allow(clippy::unwrap_used)]

use super::*;

/// Readings of standard deviation 1 in both features: 1, 1 and −1, −1 four times each, 1, −1 and −1, 1 once each.
fn readings() -> Vec<f64> {
    let pairs = [([1.0, 1.0], 4), ([-1.0, -1.0], 4), ([1.0, -1.0], 1), ([-1.0, 1.0], 1)];
    pairs.into_iter().flat_map(|(pair, times)| [pair].repeat(times)).flatten().collect()
}

fn expectation() -> (Expectation, StandardScaler) {
    let scaler = StandardScaler::fit(&readings(), 2).unwrap();
    (Expectation::fit(&readings(), &scaler).unwrap(), scaler)
}

#[test]
fn expected_values_by_hand() {
    // Covariance with 9 below the line: 10/9 and (8 − 2)/9 = 6/9; C = [0.98 · 10/9 + 0.02, 0.98 · 6/9].
    // The conditional mean of one given the other is C_xy / C_yy · y = (5.88/9) / (9.98/9) · y = 0.589178 · y, and the
    // residual variance C_xx − C_xy² / C_yy = 1.108889 − 0.653333² / 1.108889 = 0.723958.
    let (expectation, scaler) = expectation();
    let expected = expectation.expected(&[0.5, 2.0], &scaler);
    assert!((expected[0] - 2.0 * 5.88 / 9.98).abs() < 1e-12 && (expected[1] - 0.5 * 5.88 / 9.98).abs() < 1e-12);
    let residual: f64 = 9.98 / 9.0 - (5.88_f64 / 9.0).powi(2) / (9.98 / 9.0);
    assert!(expectation.residual_std(&scaler).iter().all(|std| (std - residual.sqrt()).abs() < 1e-12));
}

#[test]
fn shares_are_the_drops_and_add_up_to_one() {
    let (expectation, scaler) = expectation();
    let (values, smoothed) = ([4.0, 0.0], [2.0, 0.0]);
    // Both are looked at, and both are put at what is expected: 0.589178 · 0 = 0 and 0.589178 · 4 = 2.356713.
    let surprisal = |scene: Scene<'_>| scene.values[0] + scene.smoothed[0] + 0.1 * (4.0 - scene.values[1]).abs();
    let why = expectation.explain(Scene { values: &values, smoothed: &smoothed }, &scaler, surprisal);
    // Whole: 4 + 2 + 0.4. Without the first: 0 + 0 + 0.4, a drop of 6; without the second: 0.1 · (4 − 2.356713) instead of
    // 0.4, a drop of 0.2356713.
    let second = 0.4 * 5.88 / 9.98;
    assert_eq!((why[0].feature, why[1].feature, why[0].value), (0, 1, 4.0));
    assert!((why[0].share - 6.0 / (6.0 + second)).abs() < 1e-12, "{why:?}");
    assert!((why[0].share + why[1].share - 1.0).abs() < 1e-12);
    assert!((why[1].expected - 4.0 * 5.88 / 9.98).abs() < 1e-12);
}

#[test]
fn where_nothing_drops_the_residuals_decide() {
    let (expectation, scaler) = expectation();
    let scene = Scene { values: &[0.1, 3.0], smoothed: &[0.1, 3.0] };
    let mut asked = 0;
    let why = expectation.explain(scene, &scaler, |_| {
        asked += 1;
        1.0
    });
    assert_eq!(asked, 3);
    assert_eq!(why[0].feature, 1);
    assert!((why.iter().map(|one| one.share).sum::<f64>() - 1.0).abs() < 1e-12);
    // The mean reading is as expected in all: even shares.
    let mean = Scene { values: scaler.mean(), smoothed: scaler.mean() };
    assert!(expectation.explain(mean, &scaler, |_| 1.0).iter().all(|one| one.share == 0.5));
}

#[test]
fn a_constant_feature_is_expected_at_its_mean() {
    let readings: Vec<f64> = (0..20).flat_map(|i| [f64::from(i), 7.0]).collect();
    let scaler = StandardScaler::fit_where_spread(&readings, 2).unwrap();
    let expectation = Expectation::fit(&readings, &scaler).unwrap();
    assert_eq!(expectation.check(2), Ok(()));
    assert!((expectation.expected(&[3.0, 99.0], &scaler)[1] - 7.0).abs() < 1e-9);
}

#[test]
fn a_written_one_is_refused_by_what_is_wrong() {
    let (expectation, _) = expectation();
    let with = |i: usize, entry: f64| {
        let mut precision = expectation.precision.clone();
        precision[i] = entry;
        Expectation { precision }.check(2)
    };
    assert_eq!(expectation.check(2), Ok(()));
    assert!(expectation.check(3).unwrap_err().contains("4 entries; 3 features need 9"));
    assert!(with(1, f64::NAN).unwrap_err().contains("numbers of at most 50"));
    assert!(with(1, 51.0).unwrap_err().contains("numbers of at most 50"));
    assert!(with(3, 0.0).unwrap_err().contains("on its diagonal"));
}

#[test]
fn missing_values_are_what_is_expected_given_the_others() {
    let (expectation, scaler) = expectation();
    let mut values = [f64::NAN, 2.0];
    assert!(expectation.fill([0].into_iter().collect(), &mut values, &scaler));
    assert!((values[0] - 2.0 * 5.88 / 9.98).abs() < 1e-12 && values[1] == 2.0, "{values:?}");
    // Of three sensors that move together two are missing: each is as expected given the other two.
    let readings: Vec<f64> =
        (0..50).flat_map(|i| [f64::from(i), f64::from(i * 2 + i % 5), f64::from(100 - i + i % 3)]).collect();
    let scaler = StandardScaler::fit(&readings, 3).unwrap();
    let expectation = Expectation::fit(&readings, &scaler).unwrap();
    let mut values = [40.0, f64::NAN, f64::NAN];
    assert!(expectation.fill([1, 2].into_iter().collect(), &mut values, &scaler));
    let expected = expectation.expected(&values, &scaler);
    assert!(
        (values[1] - expected[1]).abs() < 1e-9 && (values[2] - expected[2]).abs() < 1e-9,
        "{values:?} {expected:?}"
    );
    assert!((values[1] - 82.0).abs() < 3.0 && (values[2] - 61.0).abs() < 3.0, "{values:?}");
    // All missing: the means.
    let mut values = [f64::NAN; 3];
    assert!(expectation.fill((0..3).collect(), &mut values, &scaler));
    assert!(values.iter().zip(scaler.mean()).all(|(value, mean)| (value - mean).abs() < 1e-9), "{values:?}");
}
