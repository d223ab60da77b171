# Functions of the tests of the containers; sourced by them.

passed() { printf 'ok      %s\n' "$*"; }
failed() {
    printf 'FAILED  %s\n' "$*" >&2
    exit 1
}

# eventually SECONDS DESCRIPTION COMMAND...: waits until the command succeeds.
eventually() {
    local seconds=$1 what=$2 end
    shift 2
    end=$((SECONDS + seconds))
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || failed "$what, not within $seconds s"
        sleep 0.2
    done
}
