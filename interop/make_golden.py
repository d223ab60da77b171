#!/usr/bin/env python3
"""Fit a scaler and an isolation forest with scikit-learn, export them, and write scikit-learn's results for readings.

    python3 interop/make_golden.py interop/golden --n-estimators 12 --max-samples 64 --readings 240
    python3 interop/make_golden.py TARGET_FOLDER

The folder then contains `model.json`, written by export_sklearn.py, and `expected.json`: readings with scikit-learn's
score and label. The tests use the committed folder if Python or scikit-learn is missing.
"""

import argparse
import json
import pathlib
import platform

import joblib
import numpy as np
import sklearn
from export_sklearn import export
from sklearn.ensemble import IsolationForest
from sklearn.preprocessing import StandardScaler

FEATURES = ["temperature", "humidity", "sound_volume"]


def simulate(n, seed):
    """Readings of a turbine, one in twenty anomalous: hot or cold, wet or dry, loud or quiet."""
    draw = np.random.default_rng(seed)
    is_anomaly = draw.random(n) < 0.05

    def column(normal, high, low):
        anomalous = np.where(draw.random(n) < 0.5, draw.normal(*high, n), draw.normal(*low, n))
        return np.where(is_anomaly, anomalous, draw.normal(*normal, n))

    columns = [
        column((25, 3), (45, 3), (10, 3)),
        column((60, 8), (90, 5), (20, 5)),
        column((0.5, 0.1), (1.2, 0.1), (0.1, 0.05)),
    ]
    return np.column_stack(columns)


def on_thresholds(model, scaler, n, seed):
    """Readings on thresholds, or as close to them as 64-bit floats allow."""
    draw = np.random.default_rng(seed)
    readings = simulate(n, seed)
    for reading in readings:
        tree = model.estimators_[draw.integers(len(model.estimators_))].tree_
        split = draw.choice(np.flatnonzero(tree.children_left >= 0))
        feature = tree.feature[split]
        # The threshold, or the point where rounding to 32 bits crosses it.
        threshold = np.float32(tree.threshold[split])
        beyond = np.nextafter(threshold, np.float32(draw.choice([-np.inf, np.inf])))
        scaled = draw.choice([tree.threshold[split], threshold, (float(threshold) + float(beyond)) / 2])
        value = scaled * scaler.scale_[feature] + scaler.mean_[feature]
        for _ in range(draw.integers(3)):
            value = np.nextafter(value, draw.choice([-np.inf, np.inf]))
        reading[feature] = value
    return readings


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--n-estimators", type=int, default=100)
    parser.add_argument("--max-samples", type=int, default=256)
    parser.add_argument("--readings", type=int, default=10_000)
    arguments = parser.parse_args()

    training = simulate(9_800, 42)
    scaler = StandardScaler().fit(training)
    model = IsolationForest(
        n_estimators=arguments.n_estimators, max_samples=arguments.max_samples, contamination=0.05, random_state=42
    ).fit(scaler.transform(training))
    # Training readings, one of which may score exactly the threshold; readings on splits; and other readings.
    half, rest = arguments.readings // 2, arguments.readings - arguments.readings // 2
    readings = np.vstack([training[:half], on_thresholds(model, scaler, rest - rest // 4, 1), simulate(rest // 4, 2)])
    scaled = scaler.transform(readings)

    arguments.folder.mkdir(parents=True, exist_ok=True)
    pickle = arguments.folder / "model.joblib"
    joblib.dump({"model": model, "scaler": scaler, "meta": {"feature_names": FEATURES}}, pickle)
    (arguments.folder / "model.json").write_text(export(joblib.load(pickle)), encoding="utf-8")
    pickle.unlink()
    expected = {
        "made_with": {
            "python": platform.python_version(),
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
        },
        "readings": readings.tolist(),
        "scores": (-model.score_samples(scaled)).tolist(),
        "is_anomaly": (model.predict(scaled) == -1).tolist(),
    }
    text = json.dumps(expected, separators=(",", ":"), allow_nan=False)
    (arguments.folder / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
