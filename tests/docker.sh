#!/usr/bin/env bash
# Tests the containers end to end, on a fresh copy of the project, as separate compose projects and on a free port, so that
# a running stack is not touched.
#
#   tests/docker.sh
#
# Needs curl and a running engine with compose v2. Run as root, it tests the containers as an ordinary user (nobody, through
# su) and again as root; run as an ordinary user, as that user.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/docker_helpers.sh
. "$root/tests/docker_helpers.sh"
ordinary=nobody
most_bytes_api=20000000
most_bytes_sender=10000000
most_mib_at_rest=20

# Independent of this shell's environment.
unset COMPOSE_FILE COMPOSE_PROFILES COMPOSE_PROJECT_NAME COMPOSE_ENV_FILES
# shellcheck disable=SC2046
unset $(grep -oE '[A-Z]+_[A-Z_]+' "$root/docker-compose.yml" | sort -u)
export API_BIND=127.0.0.1:0 SENDER_INTERVAL_SEC=0.05

work=$(mktemp -d "${TMPDIR:-/tmp}/turbine-docker.XXXXXX")
chmod 755 "$work"
engine=${DOCKER_HOST:-$(docker context inspect --format '{{.Endpoints.docker.Host}}')}
builder=$(awk '$1 == "FROM" {print $2; exit}' "$root/Dockerfile")
projects=() # entries "PROJECT PERSON"; the folder is $work/PROJECT
project='' person='' lonely=''

figure() { printf 'figure  %s\n' "$*"; }

# --- Projects and users --------------------------------------------------------------------------------------------------

# Starts a new project whose files belong to that user, as after a clone.
begin() {
    project=turbine-test-$$-$1 person=$2
    projects+=("$project $person")
    mkdir "$work/$project"
    tar -C "$root" -c --exclude=__pycache__ Cargo.toml Cargo.lock crates tests Dockerfile docker-compose.yml .dockerignore \
        models/.gitkeep outputs/.gitkeep | tar -C "$work/$project" -x
    chmod -R go-w "$work/$project"
    if [ "$person" != "$(id -un)" ]; then
        mkdir -p "$work/home"
        chown -R "$person:$(id -gn "$person")" "$work/$project" "$work/home"
    fi
    cd "$work/$project"
}

# Runs a command as that user, with access to the engine.
as_person() {
    if [ "$person" = "$(id -un)" ]; then
        "$@"
        return
    fi
    local socket=${engine#unix://} command
    # A hard link to the socket, because its folder may be closed to other users.
    [ -S "$work/engine.sock" ] || ln "$socket" "$work/engine.sock"
    command=$(printf '%q ' env HOME="$work/home" DOCKER_HOST="unix://$work/engine.sock" "$@")
    su -s /bin/bash -g "$(id -gn "$person")" -G "$(stat -c %G "$socket")" -c "$command" "$person"
}

compose() { as_person docker compose --project-name "$project" "$@"; }
container() { compose ps --all --quiet "$1"; }
inspect() { docker inspect --format "$2" "$(container "$1")"; }

# --- Observations ----------------------------------------------------------------------------------------------------------

log=outputs/predictions_log.csv
rows() { tail -n +2 "$log" 2>/dev/null | wc -l | tr -d ' '; }
answers() { docker logs "$(container sender)" 2>/dev/null | grep -c '^\[200\] anom=' || true; }
more_answers_than() { [ "$(answers)" -gt "$1" ]; }
predict() {
    curl --silent --show-error --max-time 5 --header 'content-type: application/json' "$@" \
        --data '{"temperature":25.1,"humidity":60.2,"sound_volume":0.51}' "http://$(compose port api 5000)/predict"
}

# Checks that the log has one header followed by complete rows.
check_log() {
    [ "$(grep -c '^timestamp,temperature,humidity,sound_volume,is_anomaly,anomaly_score' "$log")" = 1 ] ||
        failed "$log has no header, or more than one"
    [ -z "$(tail -c 1 "$log")" ] || failed "the last line of $log is torn"
    local shapes
    shapes=$(awk -F, '{print NF}' "$log" | sort -u | wc -l)
    [ "$shapes" -eq 1 ] || failed "$log has lines of different numbers of columns"
}

check_owner() {
    local others
    others=$(find models outputs ! -user "$person")
    [ -z "$others" ] || failed "not $person's: $(echo "$others" | xargs ls -ld)"
    others=$(find . -perm -o+w ! -type l)
    [ -z "$others" ] || failed "world-writable: $others"
    passed "$(find models outputs -type f | wc -l | tr -d ' ') files in models and outputs are $person's, and none is world-writable"
}

# Checks the limits and privileges of the process, as reported by the kernel.
check_confined() {
    local service=$1 status
    [ "$(inspect "$service" '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}')" = \
        'true [ALL] [no-new-privileges:true]' ] || failed "$service is not confined as it should be"
    [ "$(inspect "$service" '{{and .HostConfig.Memory .HostConfig.PidsLimit}}')" != 0 ] || failed "$service has no limits"
    status=$(cat "/proc/$(inspect "$service" '{{.State.Pid}}')/status" 2>/dev/null || true)
    # An engine in a virtual machine has other process ids.
    [[ $status == "Name:"*"$service"* ]] ||
        status=$(docker run --rm --pid "container:$(container "$service")" --entrypoint cat "$builder" /proc/1/status)
    for set in CapInh CapPrm CapEff CapAmb; do
        grep -qE "^$set:\s+0+$" <<<"$status" || failed "$service has capabilities: $(echo "$status" | grep Cap)"
    done
    grep -qE '^NoNewPrivs:\s+1$' <<<"$status" || failed "$service may gain privileges"
    passed "$service: read-only, limited, no capabilities, no new privileges; $(echo "$status" | awk '$1 == "Uid:" {print "user", $2}')"
}

# --- The scenarios -----------------------------------------------------------------------------------------------------------

builds() {
    local image target
    compose --progress plain --profile tools build >"$work/build.log" 2>&1 || {
        tail -60 "$work/build.log" >&2
        failed "the images do not build"
    }
    passed "the images build"
    for target in api sender viz train; do
        image=$project-$target
        [[ $(docker image inspect --format '{{.Config.User}}' "$image") =~ ^[1-9][0-9]*: ]] ||
            failed "the image $target does not name an ordinary user by number"
        if docker run --rm --entrypoint /bin/sh "$image" -c true 2>/dev/null; then failed "$target has a shell"; fi
        figure "image $target: $(docker image inspect --format '{{.Size}}' "$image") bytes"
    done
    [ "$(docker image inspect --format '{{.Size}}' "$project-api")" -le $most_bytes_api ] || failed "api is too large"
    [ "$(docker image inspect --format '{{.Size}}' "$project-sender")" -le $most_bytes_sender ] || failed "sender is too large"
    passed "the images have an ordinary user and no shell; api and sender are small"
}

# The API on its own: with the model of its image, a read-only root file system and no mounts.
stands_alone() {
    lonely=$project-lonely
    docker run --detach --name "$lonely" --read-only --cap-drop ALL --security-opt no-new-privileges "$project-api" >/dev/null
    eventually 10 "the API alone becomes healthy" test_health "$lonely" healthy
    figure "api alone, from its start to healthy: $(seconds_to_healthy "$lonely") s"
    local memory
    memory=$(docker stats --no-stream --format '{{.MemUsage}}' "$lonely")
    figure "api alone, memory at rest: ${memory% /*}"
    echo "$memory" | awk -v most=$most_mib_at_rest \
        '{exit !(($1 ~ /MiB$/ && $1 + 0 <= most) || $1 ~ /[0-9](KiB|B)$/ && $1 !~ /MiB|GiB/)}' ||
        failed "api takes $memory at rest"
    docker cp "$lonely:/models/turbine_iforest.json" "$work/baked.json" >/dev/null 2>&1
    [[ $(docker logs "$lonely" 2>&1) == *'loaded the model'* ]] || failed "api alone did not use the model of its image"
    docker stop "$lonely" >/dev/null
    [ "$(docker inspect --format '{{.State.ExitCode}}' "$lonely")" = 0 ] || failed "api alone did not end with 0"
    docker rm --volumes "$lonely" >/dev/null
    lonely=
    passed "the API runs by itself, read-only, with the model of its image"
}
test_health() { [ "$(docker inspect --format '{{.State.Health.Status}}' "$1")" = "$2" ]; }
# From the start to the end of the first successful health check, by the engine's clock.
seconds_to_healthy() {
    docker inspect --format '{{.State.StartedAt}}{{range .State.Health.Log}}{{if eq .ExitCode 0}} {{json .End}}{{end}}{{end}}' "$1" |
        grep -oE '[0-9]{2}:[0-9]{2}:[0-9.]+' | head -2 |
        awk -F: '{now = $2 * 60 + $3} NR == 1 {start = now} END {took = now - start; printf "%.2f", took < 0 ? took + 3600 : took}'
}

comes_up() {
    compose up --build --detach --wait >"$work/up.log" 2>&1 || {
        tail -40 "$work/up.log" >&2
        failed "docker compose up"
    }
    test_health "$(container api)" healthy || failed "the API is not healthy after up"
    cmp models/turbine_iforest.json "$work/baked.json" || failed "the first model is not that of the image"
    figure "api with its folders, from its start to healthy: $(seconds_to_healthy "$(container api)") s"
    passed "docker compose up: the API is healthy, the sender runs"
}

predicts() {
    local answer
    answer=$(predict "$@")
    [[ $answer == *'"is_anomaly":false'* && $answer == *'"anomaly_score":0.'* ]] || failed "POST /predict answers $answer"
    asked=$((asked + 1))
    passed "POST /predict: $answer"
}

streams() {
    eventually 30 "the sender prints answers" more_answers_than 20
    passed "the sender streams: $(docker logs "$(container sender)" 2>/dev/null | grep -m 1 '^\[200\]')"
    [ "$(rows)" -ge $((20 + asked)) ] || failed "only $(rows) rows in $log"
    check_log
    passed "the rows are in $log on the host"
}

draws() {
    local picture said
    said=$(compose run --rm viz 2>&1) || failed "viz: $said"
    [[ $said == *'[viz] rows='* ]] || failed "viz says: $said"
    for picture in anomalies_over_time anomalies_over_time_from_log bubble_scatter_pred; do
        [ "$(head -c 4 outputs/$picture.png | tail -c 3)" = PNG ] || failed "outputs/$picture.png is no picture"
    done
    passed "viz draws its three pictures: $(echo "$said" | grep -o '\[viz\] rows=.*' | head -1)"
}

trains() {
    local said
    said=$(compose run --rm train --seed 7 2>&1) || failed "train: $said"
    [ -s outputs/metrics_table.csv ] || failed "train wrote no table"
    ! cmp -s models/turbine_iforest.json "$work/baked.json" || failed "train --seed 7 saved no new model"
    passed "train puts its model and its pictures on the host"
}

# After a clean end the log has a row for each answer printed by the sender or given to this script, and no other.
stops() {
    compose stop >/dev/null 2>&1
    local service
    for service in api sender; do
        [ "$(inspect $service '{{.State.ExitCode}} {{.State.OOMKilled}}')" = '0 false' ] ||
            failed "$service ended with $(inspect $service '{{.State.ExitCode}}') after SIGTERM"
    done
    check_log
    [ "$(rows)" -eq $(($(answers) + asked)) ] || failed "$(rows) rows, but $(answers) + $asked answers"
    passed "SIGTERM ends both with 0; the log has a row for each of the $(rows) answers"
}

survives_a_kill() {
    local before answered
    compose start >/dev/null 2>&1
    before=$(answers)
    eventually 30 "the sender goes on after a start" more_answers_than $((before + 20))
    docker kill --signal KILL "$(container api)" >/dev/null
    answered=$(($(answers) + asked))
    [ "$(inspect api '{{.State.ExitCode}}')" = 137 ] || failed "the API was not killed"
    [ "$(rows)" -ge "$answered" ] || failed "$answered answers, but $(rows) rows after the kill"
    compose start api >/dev/null 2>&1
    eventually 30 "the API is healthy after the kill" test_health "$(container api)" healthy
    before=$(answers)
    eventually 60 "the sender goes on after the kill" more_answers_than $((before + 20))
    compose stop >/dev/null 2>&1
    check_log
    [ "$(rows)" -ge $(($(answers) + asked)) ] || failed "$(answers) + $asked answers, but $(rows) rows after kill and restart"
    passed "after docker kill and a restart every row is there: $(rows) rows, $(($(answers) + asked)) answers"
}

keeps_dependencies() {
    echo "// $project $(date)" >>crates/api/src/main.rs
    compose --progress plain build api >"$work/rebuild.log" 2>&1 || {
        tail -60 "$work/rebuild.log" >&2
        failed "the API does not build after a change"
    }
    local ours others
    ours=$(sed -n 's/^name = "\(.*\)"$/\1/p' crates/*/Cargo.toml | paste -s -d '|' -)
    grep -qE 'Compiling api v' "$work/rebuild.log" || failed "a change in the API did not build it again"
    others=$(grep -E 'Compiling|Downloaded' "$work/rebuild.log" | grep -vE "Compiling ($ours) v" || true)
    [ -z "$others" ] || failed "a change in the API built dependencies again: $others"
    passed "a change in a source file builds our own code only"
}

refuses_a_bad_model() {
    echo 'no model' >models/turbine_iforest.json
    if compose up --detach >"$work/up.log" 2>&1; then failed "docker compose up succeeded without a usable model"; fi
    test_health "$(container api)" unhealthy || failed "the API is not unhealthy without a usable model"
    [ "$(inspect sender '{{.State.Status}}')" = created ] || failed "the sender is $(inspect sender '{{.State.Status}}')"
    [ "$(cat models/turbine_iforest.json)" = 'no model' ] || failed "the bad model was overwritten"
    passed "an unhealthy API keeps the sender from starting"
}

goes_down() {
    compose down --volumes >/dev/null 2>&1
    local left label="label=com.docker.compose.project=$project"
    left=$(docker ps --all --quiet --filter "$label"; docker network ls --quiet --filter "$label"; docker volume ls --quiet --filter "$label")
    [ -z "$left" ] || failed "docker compose down left $left"
    passed "docker compose down leaves no container, network or volume"
}

# --- Order and cleanup ---------------------------------------------------------------------------------------------------------

tidy() {
    local status=$? entry
    trap - EXIT INT TERM
    set +e
    cd "$work" || exit 1
    for entry in "${projects[@]+"${projects[@]}"}"; do
        read -r project person <<<"$entry"
        cd "$work/$project" || continue
        if [ "$status" != 0 ]; then
            echo "--- $project"
            compose ps --all
            compose logs --timestamps --tail 40
        fi >&2
        compose --profile tools down --volumes --rmi local --remove-orphans --timeout 5 >/dev/null 2>&1
    done
    if [ -n "$lonely" ]; then
        docker logs "$lonely" >&2
        docker rm --force --volumes "$lonely" >/dev/null 2>&1
    fi
    cd / && rm -rf "$work"
    if [ "$status" = 0 ]; then echo "all passed in $SECONDS s"; else echo "failed after $SECONDS s" >&2; fi
    exit "$status"
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

docker info >/dev/null 2>&1 || failed "no engine answers; start one first"
[ "$(id -u)" = 0 ] || ordinary=$(id -un)

asked=0
begin all "$ordinary"
echo "as $ordinary, user $(id -u "$ordinary")"
builds
stands_alone
comes_up
predicts
streams
check_confined api
check_confined sender
draws
stops
survives_a_kill
trains
check_owner
goes_down
keeps_dependencies

begin bad "$ordinary"
refuses_a_bad_model
goes_down

if [ "$(id -u)" = 0 ]; then
    asked=0
    begin root root
    echo "as root, with settings in .env"
    printf 'API_KEY=key-of-%s\nLOG_SYNC=fsync\n' "$project" >.env
    comes_up
    [[ $(predict) == *'"error"'* ]] || failed "an API with a key answers those without one"
    predicts --header "authorization: Bearer key-of-$project"
    streams
    check_confined api
    draws
    stops
    check_owner
    goes_down
fi
