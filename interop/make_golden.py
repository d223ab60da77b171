#!/usr/bin/env python3
"""Fit a scaler and an isolation forest with scikit-learn, export them, and write scikit-learn's results for readings.

    python3 interop/make_golden.py interop/golden --n-estimators 12 --max-samples 64 --readings 240
    python3 interop/make_golden.py interop/golden/auto --case auto --n-estimators 12 --max-samples 64 --readings 240
    python3 interop/make_golden.py TARGET_FOLDER

The case says what is exported:
  scaled  a dictionary with a StandardScaler, and a forest with contamination 0.05 (the default),
  auto    a forest by itself with contamination "auto", whose trees see two of the three features each,
  default IsolationForest() as it comes, with names of features,
  minmax  a pipeline of a MinMaxScaler and IsolationForest(max_features=2),
  large   a pipeline of a RobustScaler and a forest of 500 trees, max_samples 4,096, max_features 0.7.

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
from export_sklearn import centre_and_scale, export, trees_of, unpack
from sklearn.ensemble import IsolationForest
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

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


def on_thresholds(model, centre, scale, n, seed):
    """Readings on thresholds, or as close to them as 64-bit floats allow."""
    draw = np.random.default_rng(seed)
    readings = simulate(n, seed)
    trees = list(trees_of(model))
    for reading in readings:
        tree, features = trees[draw.integers(len(trees))]
        split = draw.choice(np.flatnonzero(tree.children_left >= 0))
        feature = features[tree.feature[split]]
        # The threshold, or the point where rounding to 32 bits crosses it.
        threshold = np.float32(tree.threshold[split])
        beyond = np.nextafter(threshold, np.float32(draw.choice([-np.inf, np.inf])))
        scaled = draw.choice([tree.threshold[split], threshold, (float(threshold) + float(beyond)) / 2])
        value = scaled * scale[feature] + centre[feature]
        for _ in range(draw.integers(3)):
            value = np.nextafter(value, draw.choice([-np.inf, np.inf]))
        reading[feature] = value
    return readings


def fit(case, training, n_estimators, max_samples):
    """What is pickled in a case, and its feature names if the pickle has none."""
    size = {"n_estimators": n_estimators, "max_samples": max_samples, "random_state": 42}
    match case:
        case "scaled":
            scaler = StandardScaler().fit(training)
            model = IsolationForest(contamination=0.05, **size).fit(scaler.transform(training))
            return {"model": model, "scaler": scaler, "meta": {"feature_names": FEATURES}}, None
        case "auto":
            return IsolationForest(max_features=2, **size).fit(training), FEATURES
        case "default":
            forest = IsolationForest().fit(training)
            # As after a fit to a data frame, without the need for pandas.
            forest.feature_names_in_ = np.array(FEATURES, dtype=object)
            return forest, None
        case "minmax":
            forest = IsolationForest(max_features=2, random_state=42)
            return Pipeline([("scale", MinMaxScaler()), ("forest", forest)]).fit(training), FEATURES
        case "large":
            forest = IsolationForest(n_estimators=500, max_samples=4096, max_features=0.7, random_state=42)
            return Pipeline([("scale", RobustScaler()), ("forest", forest)]).fit(training), FEATURES


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--case", choices=["scaled", "auto", "default", "minmax", "large"], default="scaled")
    parser.add_argument("--n-estimators", type=int, default=100)
    parser.add_argument("--max-samples", type=int, default=256)
    parser.add_argument("--readings", type=int, default=10_000)
    arguments = parser.parse_args()

    training = simulate(9_800, 42)
    pickled, names = fit(arguments.case, training, arguments.n_estimators, arguments.max_samples)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    pickle = arguments.folder / "model.joblib"
    joblib.dump(pickled, pickle)
    (arguments.folder / "model.json").write_text(export(joblib.load(pickle), names), encoding="utf-8")
    pickle.unlink()

    # Training readings, one of which may score exactly the threshold; readings on splits; and other readings.
    model, scaler, _ = unpack(pickled)
    if isinstance(scaler, MinMaxScaler):
        centre, scale = -scaler.min_ / scaler.scale_, 1 / scaler.scale_
    else:
        centre, scale = centre_and_scale(scaler, len(FEATURES))
    half, rest = arguments.readings // 2, arguments.readings - arguments.readings // 2
    splits = on_thresholds(model, centre, scale, rest - rest // 4, 1)
    readings = np.vstack([training[:half], splits, simulate(rest // 4, 2)])
    if hasattr(model, "feature_names_in_"):
        del model.feature_names_in_
    # A pipeline scores as its user would have it score; a dictionary has its scaler beside it.
    judge, seen = (model, scaler.transform(readings)) if isinstance(pickled, dict) else (pickled, readings)
    expected = {
        "made_with": {
            "python": platform.python_version(),
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
        },
        "readings": readings.tolist(),
        "scores": (-judge.score_samples(seen)).tolist(),
        "is_anomaly": (judge.predict(seen) == -1).tolist(),
    }
    text = json.dumps(expected, separators=(",", ":"), allow_nan=False)
    (arguments.folder / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
