#!/usr/bin/env python3
"""What open pages cost: throughput and p99 of POST /predict with and without readers of GET /events, in one run.

    benchmarks/events.py [READERS] [STALLED] [SECONDS_PER_RUN] [PAIRS]     needs wrk (Debian: apt-get install wrk)

Runs with and without readers alternate; each figure is the median. Of the readers, STALLED never read. 100 turbines send
one reading a second, so that each tick is of 100 turbines. Build first: cargo build --release -p api.
"""

import json
import os
import re
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

READERS, STALLED, SECONDS, PAIRS = (int(a) for a in (sys.argv[1:] + ["500", "50", "5", "3"][len(sys.argv) - 1 :])[:4])
TURBINES = 100
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WRK = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"temperature":25.1,"humidity":60.2,"sound_volume":0.51}'
"""


def start(folder):
    api = os.path.join(ROOT, "target/release/api")
    command = [api, "--port", "0"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    address = process.stdout.readline().strip().removeprefix("listening on http://")
    return process, address


def send_turbines(address, stop):
    """One reading a second of each turbine."""
    while not stop.wait(1):
        names = (f"WT-{i:03}" for i in range(TURBINES))
        shake = time.time() % 7 / 10
        readings = [
            {"turbine_id": name, "temperature": 25 + shake, "humidity": 60 + shake, "sound_volume": 0.5} for name in names
        ]
        body = json.dumps({"readings": readings}).encode()
        headers = {"Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(f"http://{address}/predict/batch", body, headers)).read()


def connect(address):
    host, port = address.split(":")
    reader = socket.create_connection((host, int(port)))
    reader.sendall(b"GET /events HTTP/1.1\r\nhost: x\r\n\r\n")
    return reader


def read_all(readers, stop, counts):
    """Reads whatever comes, as cheaply as possible."""
    selector = selectors.DefaultSelector()
    for reader in readers:
        reader.setblocking(False)
        selector.register(reader, selectors.EVENT_READ)
    while not stop.is_set():
        for key, _ in selector.select(0.5):
            counts["bytes"] += len(key.fileobj.recv(1 << 20))
        # Frames come once a second: all readers are served together.
        time.sleep(0.05)


def predict(address, script):
    command = ["wrk", "-t1", "-c8", f"-d{SECONDS}s", "--latency", "-s", script, f"http://{address}/predict"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
    return rate, float(value) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]


def resident(process):
    with open(f"/proc/{process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) / 1024


def kernel_memory(address):
    """MB of the service's sockets, by `ss -m` (wmem allocated and queued)."""
    port = address.split(":")[1]
    text = subprocess.run(["ss", "-tnm", f"sport = :{port}"], capture_output=True, text=True).stdout
    return sum(int(n) for n in re.findall(r"w(\d+)", text) + re.findall(r",t(\d+)", text)) / 1e6


def main():
    with tempfile.TemporaryDirectory() as folder:
        process, address = start(folder)
        script, stop = os.path.join(folder, "post.lua"), threading.Event()
        with open(script, "w") as file:
            file.write(WRK)
        threading.Thread(target=send_turbines, args=(address, stop), daemon=True).start()
        results = {False: [], True: []}
        predict(address, script)
        for _ in range(PAIRS):
            for with_readers in (False, True):
                stop_reading, counts = threading.Event(), {"bytes": 0}
                readers = [connect(address) for _ in range(READERS if with_readers else 0)]
                thread = threading.Thread(target=read_all, args=(readers[STALLED:], stop_reading, counts), daemon=True)
                thread.start()
                time.sleep(2)
                rate, p99 = predict(address, script)
                kernel = kernel_memory(address)
                results[with_readers].append((rate, p99, resident(process), kernel))
                print(
                    f"{len(readers):4} readers: {rate:8.0f} requests/s, p99 {p99:6.0f} us, "
                    f"{resident(process):5.1f} MB resident, {kernel:6.1f} MB in sockets, {counts['bytes'] / 1e6:.1f} MB read"
                )
                stop_reading.set()
                thread.join()
                for reader in readers:
                    reader.close()
                time.sleep(1)
        median = {key: [statistics.median(column) for column in zip(*rows)] for key, rows in results.items()}
        print(f"throughput {median[True][0] / median[False][0]:.2f}x, p99 {median[True][1] / median[False][1]:.2f}x of none")
        stop.set()
        process.terminate()
        print(f"exit code {process.wait()}")


main()
