#!/bin/sh
# Tests the service against its own OpenAPI description with schemathesis: generated requests, valid and invalid, with all
# checks.
#
#   tests/schemathesis.sh [further arguments of `schemathesis run`, such as --max-examples 1000]
#
# Needs python3 with venv; schemathesis is installed from PyPI into target/schemathesis. API_BIN names a built service;
# without it the service is built.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
venv=$root/target/schemathesis
if [ ! -x "$venv/bin/schemathesis" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet 'schemathesis==4.*'
fi
if [ -z "${API_BIN:-}" ]; then
    cargo build --quiet --locked --manifest-path "$root/Cargo.toml" --package api
    API_BIN=$root/target/debug/api
fi

API_BIN=$(realpath "$API_BIN")

folder=$(mktemp -d)
cd "$folder"
"$API_BIN" --port 0 >stdout 2>stderr &
api=$!
trap 'kill "$api" 2>/dev/null || true; wait "$api" 2>/dev/null || true; rm -rf "$folder"' EXIT INT TERM

# The first start trains the model.
tries=0
until url=$(sed -n 's/^listening on //p' "$folder/stdout") && [ -n "$url" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 600 ] || ! kill -0 "$api" 2>/dev/null; then
        echo "the service did not start:" >&2
        cat "$folder/stderr" >&2
        exit 1
    fi
    sleep 0.1
done

# A batch with too many readings may also exceed the largest body, so 413 is allowed.
cat >schemathesis.toml <<'END'
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "5xx"]

# A schema cannot say which model files there are, and a model that is in service already is no shadow.
[[operations]]
include-path = "/model/promote"
checks.positive_data_acceptance.expected-statuses = ["2xx", "409", "422", "5xx"]

[[operations]]
include-path = "/model/shadow"
checks.positive_data_acceptance.expected-statuses = ["2xx", "409", "422", "5xx"]

[[operations]]
include-path = "/turbines/{id}/history"
# A schema cannot say that `from` is not later than `to`.
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404", "5xx"]

[[operations]]
include-path = "/alarms/{id}/actions"
# A schema cannot say that `until` goes with a snooze and lies in the future, and no alarm has a made-up id.
checks.positive_data_acceptance.expected-statuses = ["2xx", "404", "422", "5xx"]
END
# The stream of events has no end, so each request for it would take as long as the longest request may.
status=0
"$venv/bin/schemathesis" run "$url/openapi.json" --exclude-path /events --checks all --phases examples,coverage,fuzzing,stateful \
    --generation-deterministic --no-color "$@" || status=$?

# The service must still be ready afterwards.
"$API_BIN" health --host 127.0.0.1 --port "${url##*:}" || status=1
if grep -q '"level":"ERROR"' "$folder/stderr"; then
    echo "the service logged errors:" >&2
    grep '"level":"ERROR"' "$folder/stderr" >&2
    status=1
fi
exit "$status"
