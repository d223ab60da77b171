#!/usr/bin/env bash
# Tests docker-compose.cluster.yml end to end, as a compose project of its own and on a free port: the page lists the
# turbines, and the death of a node and of a worker loses no reading that was acknowledged.
#
#   tests/docker_cluster.sh
#
# Needs curl, python3 and a running engine with compose v2.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/docker_helpers.sh
. "$root/tests/docker_helpers.sh"
project=turbine-cluster-test-$$
turbines=5

# Independent of this shell's environment.
unset COMPOSE_FILE COMPOSE_PROFILES COMPOSE_PROJECT_NAME COMPOSE_ENV_FILES
# shellcheck disable=SC2046
unset $(grep -oE '[A-Z]+_[A-Z_]+' "$root/docker-compose.cluster.yml" | sort -u)
export API_BIND=127.0.0.1:0 SENDER_INTERVAL_SEC=0.02 SENDER_TURBINES=$turbines

work=$(mktemp -d "${TMPDIR:-/tmp}/turbine-docker.XXXXXX")
compose() { docker compose --file "$root/docker-compose.cluster.yml" --project-name "$project" "$@"; }
# container SERVICE: the first one of it.
container() { compose ps --all --quiet "$1" | head -1; }

ask() { curl --silent --show-error --fail --max-time 5 "http://$(compose port api 5000)$1" 2>/dev/null; }
# of_turbines EXPRESSION: of the list `turbines` that the service answers with.
of_turbines() { ask /turbines | python3 -c "import json, sys; turbines = json.load(sys.stdin)['turbines']; print($1)"; }
readings() { of_turbines 'sum(turbine["readings"] for turbine in turbines)' 2>/dev/null || echo 0; }
lists_turbines() { [ "$(of_turbines 'len(turbines)' 2>/dev/null)" = $turbines ]; }
has_readings() { [ "$(readings)" -ge "$1" ]; }
is_ready() { ask /health/ready >/dev/null; }

tidy() {
    local status=$?
    trap - EXIT INT TERM
    set +e
    if [ "$status" != 0 ]; then
        compose ps --all
        compose logs --timestamps --tail 40
    fi >&2
    compose down --volumes --rmi local --remove-orphans --timeout 5 >/dev/null 2>&1
    rm -rf "$work"
    if [ "$status" = 0 ]; then echo "all passed in $SECONDS s"; else echo "failed after $SECONDS s" >&2; fi
    exit "$status"
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

docker info >/dev/null 2>&1 || failed "no engine answers; start one first"
compose up --build --detach >"$work/up.log" 2>&1 || {
    tail -60 "$work/up.log" >&2
    failed "docker compose up"
}
eventually 60 "the page lists $turbines turbines" lists_turbines
[[ $(ask /) == *'<title>Turbines</title>'* ]] || failed "there is no page"
passed "docker compose up: the page lists $turbines turbines, whose readings came over MQTT"

docker kill "$(container n2)" "$(container worker)" >/dev/null
before=$(readings)
eventually 60 "readings go on without a node and a worker" has_readings $((before + 200))
eventually 30 "the page is up to date" is_ready
passed "after docker kill of a node and of a worker readings go on"

compose stop sender >/dev/null 2>&1
summary=$(docker logs "$(container sender)" 2>/dev/null | grep -m 1 'acknowledged=')
acknowledged=$(sed 's/.*acknowledged=\([0-9]*\).*/\1/' <<<"$summary")
eventually 30 "all $acknowledged acknowledged readings" has_readings "$acknowledged"
passed "none of $acknowledged acknowledged readings is lost: $(readings) are scored"

compose start n2 worker >/dev/null 2>&1
compose start sender >/dev/null 2>&1
eventually 60 "readings go on when all are back" has_readings $((acknowledged + 200))
passed "all go on when they are back"
