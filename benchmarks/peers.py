#!/usr/bin/env python3
"""Compare our forest with other isolation forests, on one core, in one run.

    python3 -m venv benchmarks/.venv
    benchmarks/.venv/bin/pip install -r benchmarks/requirements.txt
    benchmarks/.venv/bin/python benchmarks/peers.py            # a table
    benchmarks/.venv/bin/python benchmarks/peers.py --json     # one line per engine and shape

Every engine trains on the same readings and scores them, in a batch and one at a time. The engines take turns in each
round, so that other load on the machine affects all of them; medians are reported. tl2cgen needs a C compiler. tl2cgen
and ONNX Runtime score scikit-learn's forest and do not train; of the Python engines only isotree has extended forests.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
import onnxruntime
import tl2cgen
import treelite
from isotree import IsolationForest as IsotreeForest
from skl2onnx import to_onnx
from sklearn.ensemble import IsolationForest

ROOT = pathlib.Path(__file__).resolve().parent.parent
OURS = "turbine-iforest"
N_READINGS = 9_800
SAMPLE_SIZE = 256


def readings(n_features):
    """Standardised readings, one in twenty an outlier; with 3 features, those of the simulated turbine."""
    draw = np.random.default_rng(42)
    is_anomaly = draw.random(N_READINGS) < 0.05
    turbine = [((25, 3), (45, 3), (10, 3)), ((60, 8), (90, 5), (20, 5)), ((0.5, 0.1), (1.2, 0.1), (0.1, 0.05))]
    columns = []
    for i in range(n_features):
        normal, high, low = turbine[i % 3]
        is_high = draw.random(N_READINGS) < 0.5
        anomalous = np.where(is_high, draw.normal(*high, N_READINGS), draw.normal(*low, N_READINGS))
        columns.append(np.where(is_anomaly, anomalous, draw.normal(*normal, N_READINGS)))
    values = np.column_stack(columns)
    return np.ascontiguousarray((values - values.mean(0)) / values.std(0))


def seconds(call):
    """Median duration of a call, over 0.1 s and at least three calls, as in benches/peers.rs."""
    begin = time.perf_counter()
    durations = []
    while len(durations) < 3 or time.perf_counter() - begin < 0.1:
        start = time.perf_counter()
        call()
        durations.append(time.perf_counter() - start)
    return statistics.median(durations)


class Peer:
    """An engine: `fit` trains (None if it cannot), `batch` and `single` score."""

    fit = None

    def round(self, values):
        rows = [values[i : i + 1] for i in range(self.n_single)]

        def each():
            for row in rows:
                self.single(row)

        return {
            "batch_ns": seconds(lambda: self.batch(values)) / len(values) * 1e9,
            "single_ns": seconds(each) / len(rows) * 1e9,
            "train_ms": None if self.fit is None else seconds(lambda: self.fit(values)) * 1e3,
        }


class ScikitLearn(Peer):
    name, n_single = "scikit-learn", 20

    def __init__(self, values, n_estimators, _):
        self.model = IsolationForest(n_estimators=n_estimators, max_samples=SAMPLE_SIZE, random_state=42, n_jobs=1)
        self.fit(values)
        self.batch = self.single = self.model.score_samples

    def fit(self, values):
        self.model.fit(values)


class Isotree(Peer):
    name, n_single = "isotree", 200

    def __init__(self, values, n_estimators, extension_level):
        # Plain splits as in the papers: not guided, without penalty, without scaling in each node.
        self.model = IsotreeForest(
            ntrees=n_estimators,
            sample_size=SAMPLE_SIZE,
            ndim=extension_level + 1,
            prob_pick_avg_gain=0,
            prob_pick_pooled_gain=0,
            penalize_range=False,
            standardize_data=False,
            missing_action="fail",
            nthreads=1,
            random_seed=42,
        )
        # Column-major, or each fit would copy the readings.
        self.by_column = np.asfortranarray(values)
        self.fit(values)
        self.batch = self.single = self.model.predict

    def fit(self, _):
        self.model.fit(self.by_column)


@contextlib.contextmanager
def stdout_to_stderr():
    """Redirect the output of native code, to keep it out of the results."""
    sys.stdout.flush()
    stdout = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)


class Tl2cgen(Peer):
    name, n_single = "tl2cgen", 200

    def __init__(self, values, n_estimators, folder):
        model = treelite.sklearn.import_model(ScikitLearn(values, n_estimators, 0).model)
        library = folder / f"forest-{values.shape[1]}-{n_estimators}.so"
        with stdout_to_stderr():
            tl2cgen.export_lib(model, toolchain="gcc", libpath=library, params={"parallel_comp": 8})
        self.predictor = tl2cgen.Predictor(library, nthread=1)
        self.matrix = tl2cgen.DMatrix(values, dtype="float64")

    def batch(self, _):
        self.predictor.predict(self.matrix)

    def single(self, row):
        self.predictor.predict(tl2cgen.DMatrix(row, dtype="float64"))


class OnnxRuntime(Peer):
    name, n_single = "ONNX Runtime", 200

    def __init__(self, values, n_estimators, _):
        model = ScikitLearn(values, n_estimators, 0).model
        onnx = to_onnx(model, values[:1].astype(np.float32), target_opset={"": 15, "ai.onnx.ml": 3})
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(onnx.SerializeToString(), options, ["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.values = values.astype(np.float32)

    def batch(self, _):
        self.session.run(["scores"], {self.input: self.values})

    def single(self, row):
        self.session.run(["scores"], {self.input: row.astype(np.float32)})


def build():
    """Compile our benchmark binary and return its path."""
    command = ["cargo", "build", "--release", "-p", "turbine-core", "--bench", "peers", "--message-format=json"]
    built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    messages = (json.loads(line) for line in built.stdout.splitlines())
    return next(m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == "peers")


def compare(binary, shape, rounds, folder):
    """Yield one result per engine."""
    n_features, n_estimators, extension_level = shape
    values = readings(n_features)
    file = folder / f"readings-{n_features}.f64"
    values.astype("<f8").tofile(file)
    peers = [Isotree(values, n_estimators, extension_level)]
    if extension_level == 0:
        peers.append(ScikitLearn(values, n_estimators, 0))
        peers.append(Tl2cgen(values, n_estimators, folder))
        peers.append(OnnxRuntime(values, n_estimators, 0))
    measured = {}
    for _ in range(rounds):
        command = [binary, *map(str, (n_features, n_estimators, extension_level)), str(file)]
        ours = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
        for line in map(json.loads, ours.splitlines()):
            measured.setdefault(line["engine"], []).append(line)
        for peer in peers:
            measured.setdefault(peer.name, []).append(peer.round(values))
    for engine, results in measured.items():
        median = {
            key: None if results[0][key] is None else round(statistics.median(result[key] for result in results), 4)
            for key in ("batch_ns", "single_ns", "train_ms")
        }
        shape = {"features": n_features, "trees": n_estimators, "extension_level": extension_level}
        yield {"engine": engine, **shape, **median}


def print_table(results):
    ours = next(result for result in results if result["engine"] == OURS)
    print(f"\n### {ours['features']} features, {ours['trees']} trees × {SAMPLE_SIZE}, level {ours['extension_level']}\n")
    print("| engine | batch, ns per reading | × ours | one reading, ns | × ours | training, ms | × ours |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for result in sorted(results, key=lambda result: result["batch_ns"]):
        cells = [result["engine"]]
        for key, digits in (("batch_ns", 0), ("single_ns", 0), ("train_ms", 2)):
            known = result[key] is not None
            cells += [f"{result[key]:,.{digits}f}", f"{result[key] / ours[key]:.1f}"] if known else ["–", "–"]
        print("| " + " | ".join(cells) + " |")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one line of JSON per engine and shape instead of tables")
    parser.add_argument("--rounds", type=int, default=5, help="number of rounds (5)")
    parser.add_argument("--shape", action="append", metavar="FEATURES,TREES,LEVEL", help="only this shape; repeatable")
    parser.add_argument("--core", type=int, help="processor core to run on (the last)")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    shapes = [(3, 100, 0), (10, 100, 0), (30, 100, 0), (3, 300, 0), (10, 300, 0), (3, 100, 2), (10, 100, 9)]
    if arguments.shape:
        shapes = [tuple(map(int, shape.split(","))) for shape in arguments.shape]
    binary = build()
    if hasattr(os, "sched_setaffinity"):
        core = max(os.sched_getaffinity(0)) if arguments.core is None else arguments.core
        os.sched_setaffinity(0, {core})
    with tempfile.TemporaryDirectory() as folder:
        for shape in shapes:
            results = list(compare(binary, shape, arguments.rounds, pathlib.Path(folder)))
            if arguments.json:
                for result in results:
                    print(json.dumps(result), flush=True)
            else:
                print_table(results)


if __name__ == "__main__":
    main()
