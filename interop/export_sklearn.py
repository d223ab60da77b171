#!/usr/bin/env python3
"""Export a fitted scikit-learn isolation forest to a model file for `api`.

    python3 interop/export_sklearn.py iforest.joblib models/turbine_iforest.json

The pickle (joblib's or Python's own) contains one of
  - a dictionary {"model": IsolationForest, "scaler": StandardScaler, "meta": {...}}, scaler and meta optional,
  - a Pipeline of a scaler and an IsolationForest,
  - a bare IsolationForest.
The scaler is a StandardScaler, a RobustScaler, a MaxAbsScaler or a MinMaxScaler without clip. With contamination "auto", scikit-learn's default, the
threshold is 0.5, as in scikit-learn. Forests of any size, max_samples and max_features are exported.
Loading a pickle runs the code in it: export only files you trust.

The model scores and labels exactly as scikit-learn does: with its path lengths, its threshold and its rounding of inputs
to 32 bits. Needs scikit-learn and joblib only.

As exported, the model knows no surprisals and raises no alarms. Calibrate it by normal readings that the forest was not
fitted to:

    cargo run --release -p train -- --import models/turbine_iforest.json --data normal.csv --timestamp time
"""

import argparse
import hashlib
import json
import os
import random
import sys

import joblib
import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

N_GOLDEN = 32
# Maximum difference between the scores of scikit-learn and ours, with a margin: their powers of two differ in rounding.
TOLERANCE = 1e-12

# Scalers that compute (x - centre) / scale, as we do, and one that computes x * scale + minimum.
SCALERS = (StandardScaler, RobustScaler, MaxAbsScaler, MinMaxScaler)

# Units and ranges of the default turbine's features.
KNOWN = {
    "temperature": ("°C", -50.0, 120.0),
    "humidity": ("%", 0.0, 100.0),
    "sound_volume": ("arb. units", 0.0, 200.0),
}


class ExportError(Exception):
    """Why the pickle cannot be exported."""


def unpack(pickled):
    """The forest, the scaler (or None) and the metadata in a pickle."""
    meta = {}
    if isinstance(pickled, dict):
        model, scaler, meta = pickled.get("model"), pickled.get("scaler"), pickled.get("meta") or {}
    elif isinstance(pickled, Pipeline):
        *scalers, model = [step for _, step in pickled.steps if step is not None and step != "passthrough"]
        if len(scalers) > 1:
            names = ", ".join(type(step).__name__ for step in scalers)
            raise ExportError(f"the pipeline has several steps before the forest ({names}); at most one scaler is exported")
        scaler = scalers[0] if scalers else None
    else:
        model, scaler = pickled, None
    if not isinstance(model, IsolationForest) or not hasattr(model, "estimators_"):
        raise ExportError(f"the model is not a fitted IsolationForest but a {type(model).__name__}")
    if scaler is not None and (not isinstance(scaler, SCALERS) or not hasattr(scaler, "n_features_in_")):
        known = ", ".join(scaler.__name__ for scaler in SCALERS)
        raise ExportError(f"the scaler is a {type(scaler).__name__}, not fitted or not one of: {known}")
    if isinstance(scaler, MinMaxScaler) and scaler.clip:
        raise ExportError("the MinMaxScaler has clip=True, which hides how far a value is outside; fit it without")
    return model, scaler, meta


def centre_and_scale(scaler, n):
    """What a scaler subtracts from each feature, and by what it divides; nothing if the thresholds are of raw values."""
    centre, scale = None, getattr(scaler, "scale_", None)
    if isinstance(scaler, MinMaxScaler):
        return np.zeros(n), np.ones(n)
    if isinstance(scaler, StandardScaler) and scaler.with_mean:
        centre = scaler.mean_
    elif isinstance(scaler, RobustScaler):
        centre = scaler.center_
    return (np.zeros(n) if centre is None else centre), (np.ones(n) if scale is None else scale)


def training_rows(scaler):
    """How many readings the mean and the standard deviation of each feature come from; 0 if they are not known."""
    known = isinstance(scaler, StandardScaler) and scaler.with_mean and scaler.with_std
    return int(np.max(scaler.n_samples_seen_)) if known else 0


def feature_names(model, scaler, meta, given):
    n = model.n_features_in_
    names = given or meta.get("feature_names") or meta.get("features")
    for fitted in (scaler, model):
        if names is None and hasattr(fitted, "feature_names_in_"):
            names = fitted.feature_names_in_
    if names is None:
        raise ExportError(f"the pickle has no names for its {n} features; give them with --features a,b,c")
    names = [str(name) for name in names]
    if len(names) != n:
        raise ExportError(f"{len(names)} feature names for a forest of {n} features")
    return names


def feature(name):
    unit, low, high = KNOWN.get(name, ("", None, None))
    return {"name": name, "unit": unit, "range": None if low is None else {"min": low, "max": high}}


def double_threshold(threshold):
    """The largest double that is not above the threshold after rounding to 32 bits.

    scikit-learn rounds a reading to 32 bits before the comparison; we compare the double with this threshold.
    """
    single = np.float32(threshold)
    if np.float64(single) > threshold:
        single = np.nextafter(single, np.float32(-np.inf))
    above = np.nextafter(single, np.float32(np.inf))
    if np.isinf(above):
        return float(np.finfo(np.float64).max)
    # The exact middle of two singles rounds to the even one.
    middle = (np.float64(single) + np.float64(above)) / 2
    return float(middle if np.float32(middle) == single else np.nextafter(middle, -np.inf))


def raw_thresholds(thresholds, scale, minimum):
    """The largest doubles that are not above the thresholds after x * scale + minimum, rounded to 32 bits.

    Found by bisection, since the sum rounds differently near different values.
    """
    # Doubles in the order of their bits: the integers between two of them are the doubles between.
    low = np.full(len(thresholds), -0x7FEFFFFFFFFFFFFF)
    high = -low
    while np.any(low < high):
        # The mean, rounded up, without overflow.
        middle = (low | high) - ((low ^ high) >> 1)
        with np.errstate(over="ignore"):
            is_left = (double_of(middle) * scale + minimum).astype(np.float32).astype(np.float64) <= thresholds
        low, high = np.where(is_left, middle, low), np.where(is_left, high, middle - 1)
    return double_of(low).tolist()


def double_of(order):
    """The doubles at these places in the order of all doubles, in which 0 is at 0."""
    return np.copysign(np.abs(order).view(np.float64), order)


def thresholds_of(tree, splits, features, scaler):
    """The threshold of each split, for values as the service compares them."""
    thresholds = tree.threshold[splits]
    if not isinstance(scaler, MinMaxScaler):
        return [double_threshold(threshold) for threshold in thresholds]
    of = np.asarray(features)[tree.feature[splits]] if len(splits) else np.array([], dtype=int)
    return raw_thresholds(thresholds, scaler.scale_[of], scaler.min_[of])


def tree_data(tree, features, scaler):
    """One tree in our format; see `TreeData` in crates/core/src/forest/data.rs."""
    is_leaf = tree.children_left < 0
    # Splits and leaves are numbered separately, in the order of the nodes, where parents come first.
    number = np.where(is_leaf, -np.cumsum(is_leaf), np.cumsum(~is_leaf) - 1)
    splits = np.flatnonzero(~is_leaf)
    return {
        "feature": [int(features[i]) for i in tree.feature[splits]],
        "threshold": thresholds_of(tree, splits, features, scaler),
        "left": [int(i) for i in number[tree.children_left[splits]]],
        "right": [int(i) for i in number[tree.children_right[splits]]],
        "n_samples": [int(n) for n in tree.n_node_samples[is_leaf]],
    }


def trees_of(model):
    """Each tree with the forest's features that it was fitted to."""
    every = range(model.n_features_in_)
    for tree, features in zip(model.estimators_, model.estimators_features_):
        # A tree that sees all features sees them in their own order, whatever the order of this list.
        yield tree.tree_, every if len(features) == len(every) else features


def splits_of(model, n):
    """Mean and spread of the splits of each feature: where the forest tells readings apart."""
    at = [[] for _ in range(n)]
    for tree, features in trees_of(model):
        for split in np.flatnonzero(tree.children_left >= 0):
            at[features[tree.feature[split]]].append(tree.threshold[split])
    centre = np.array([np.mean(values) if values else 0.0 for values in at])
    return centre, np.array([np.std(values) or 1.0 if values else 1.0 for values in at])


def golden_readings(model, scaler, threshold):
    """Readings at increasing distances from the middle of the splits, with scikit-learn's scores."""
    draw = random.Random(0)
    middle, spread = splits_of(model, model.n_features_in_)
    scaled = np.array([[m + s * draw.gauss(0, 1) * (i / 8) for m, s in zip(middle, spread)] for i in range(N_GOLDEN)])
    values = scaled if scaler is None else scaler.inverse_transform(scaled)
    scores = -model.score_samples(scaled if scaler is None else scaler.transform(values))
    return {
        "tolerance": TOLERANCE,
        "readings": [
            {"values": row, "anomaly_score": float(score), "is_anomaly": bool(score > threshold)}
            for row, score in zip(values.tolist(), scores)
        ],
    }


def export(pickled, names=None, contamination=None):
    """The text of the model file for an unpickled object."""
    model, scaler, meta = unpack(pickled)
    names = feature_names(model, scaler, meta, names)
    # With names of their own, they warn of every plain array.
    for fitted in (model, scaler):
        if hasattr(fitted, "feature_names_in_"):
            del fitted.feature_names_in_
    n = len(names)
    centre, scale = centre_and_scale(scaler, n)
    contamination = contamination or model.contamination
    is_auto = contamination == "auto"
    # A reading that scores exactly the threshold is normal, even if our score differs in its last bits.
    threshold = float(-model.offset_) * (1 + 1e-13)
    trees = [tree_data(tree, features, scaler) for tree, features in trees_of(model)]
    seed = model.random_state if isinstance(model.random_state, (int, np.integer)) else None
    body = {
        "features": [feature(name) for name in names],
        "params": {
            "contamination": None if is_auto else float(contamination),
            "threshold_method": "auto" if is_auto else "contamination",
            "n_estimators": len(trees),
            "sample_size": int(model.max_samples_),
            "extension_level": 0,
            "random_state": None if seed is None or seed < 0 else int(seed),
        },
        "scaler": {"mean": [float(m) for m in centre], "std": [float(s) for s in scale]},
        "threshold": threshold,
        "training": {
            "rows": training_rows(scaler),
            "features": [
                {"name": name, "mean": float(m), "std": float(s), "quantiles": []}
                for name, m, s in zip(names, centre, scale)
            ],
            "evaluation": None,
            "interop_difference": None,
        },
        "golden": golden_readings(model, scaler, threshold),
        "forest": {
            "n_features": n,
            "sample_size": int(model.max_samples_),
            "extension_level": 0,
            "path_length": "scikit-learn",
            "trees": trees,
        },
    }
    text = json.dumps(body, separators=(",", ":"), allow_nan=False)
    version = "m" + hashlib.sha256(text.encode()).hexdigest()[:12]
    return f'{{"format":"turbine-iforest","format_version":1,"model_version":"{version}","model":{text}}}\n'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pickle", help="the fitted model, written by joblib.dump or pickle.dump")
    parser.add_argument("model", help="the model file to write")
    parser.add_argument("--features", help="feature names in order, if the pickle has none: a,b,c")
    parser.add_argument("--contamination", type=float, help="share of readings to state in the file, if the model has 'auto'; its threshold stays")
    arguments = parser.parse_args()
    try:
        names = arguments.features.split(",") if arguments.features else None
        text = export(joblib.load(arguments.pickle), names, arguments.contamination)
    except ExportError as error:
        sys.exit(f"{arguments.pickle}: {error}")
    temporary = f"{arguments.model}.{os.getpid()}.tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, arguments.model)
    print(f"wrote {arguments.model}")


if __name__ == "__main__":
    main()
