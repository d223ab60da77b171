#!/usr/bin/env bash
# Compares the service with a minimal axum service (crates/api/examples/bare.rs) in one run: throughput and p99 at 1, 8,
# 64 and 256 connections with the prediction log in `write` mode; and measures readings per second with newline-delimited JSON.
#
#   benchmarks/http.sh [SECONDS_PER_RUN] [PAIRS]     needs wrk and curl (Debian: apt-get install wrk curl)
#
# Each figure is the median of several pairs of runs; only the ratios are comparable between machines.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-5} pairs=${2:-3}
for tool in wrk curl; do
    command -v "$tool" >/dev/null || { echo "$tool is missing; install it first" >&2; exit 2; }
done

[ -n "${NO_BUILD:-}" ] || cargo build --release --quiet -p api --bin api --example bare
target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT

# start NAME COMMAND...: starts a service and writes its URL to $work/NAME.url
start() {
    local name=$1
    shift
    (cd "$work" && exec "$@" >"$work/$name.out" 2>"$work/$name.err") &
    pids+=($!)
    for _ in $(seq 100); do
        grep -q '^listening on ' "$work/$name.out" 2>/dev/null && break
        sleep 0.1
    done
    sed -n 's/^listening on //p' "$work/$name.out" >"$work/$name.url"
    [ -s "$work/$name.url" ] || { cat "$work/$name.err" >&2; exit 1; }
}
start api "$target/release/api" --port 0
start bare "$target/release/examples/bare"

cat >"$work/post.lua" <<'LUA'
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"temperature":25.1,"humidity":60.2,"sound_volume":0.51}'
function done(summary, latency)
    local failed = summary.errors.connect + summary.errors.read + summary.errors.write
        + summary.errors.status + summary.errors.timeout
    io.write(string.format("RESULT %.1f %.1f %d\n",
        summary.requests / (summary.duration / 1e6), latency:percentile(99), failed))
end
LUA

# measure NAME CONNECTIONS: "requests/s p99/µs failed"
measure() {
    local threads=$(($2 < 2 ? 1 : 2))
    wrk -t "$threads" -c "$2" -d "${seconds}s" -s "$work/post.lua" "$(cat "$work/$1.url")/predict" |
        sed -n 's/^RESULT //p'
}
median() { sort -g | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

measure api 8 >/dev/null
measure bare 8 >/dev/null
printf '%-12s %14s %14s %11s %10s %10s %10s %7s\n' connections 'api req/s' 'bare req/s' 'throughput' 'api p99' 'bare p99' 'p99 ratio' failed
for connections in 1 8 64 256; do
    : >"$work/pairs"
    for _ in $(seq "$pairs"); do
        echo "$(measure api "$connections") $(measure bare "$connections")" >>"$work/pairs"
    done
    column() { awk "{ print $1 }" "$work/pairs" | median; }
    printf '%-12s %14.0f %14.0f %10.2fx %7.0f µs %7.0f µs %9.2fx %7d\n' "$connections" \
        "$(column '$1')" "$(column '$4')" "$(column '$1 / $4')" "$(column '$2')" "$(column '$5')" \
        "$(column '$2 / $5')" "$(awk '{ n += $3 + $6 } END { print n }' "$work/pairs")"
done

readings=1000000
awk -v n=$readings 'BEGIN { srand(1); for (i = 0; i < n; i++)
    printf "{\"temperature\":%.3f,\"humidity\":%.3f,\"sound_volume\":%.3f}\n", 20 + 10 * rand(), 50 + 20 * rand(), 0.3 + 0.4 * rand() }' \
    >"$work/readings.ndjson"
for _ in $(seq "$pairs"); do
    curl -sS -o "$work/answers" -w '%{time_total}\n' -X POST -H 'content-type: application/x-ndjson' \
        -T "$work/readings.ndjson" "$(cat "$work/api.url")/predict/batch" | awk -v n=$readings '{ print n / $1 }'
done | median | awk '{ printf "\nnewline-delimited JSON: %.0f readings/s in one request of 1,000,000\n", $1 }'
answered=$(grep -c anomaly_score "$work/answers")
[ "$answered" -eq "$readings" ] || { echo "$answered of $readings readings were answered" >&2; exit 1; }
