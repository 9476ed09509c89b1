# What the scripts of this folder share: a server that is ended on every way
# out. Sourced, never run; the caller has set -euo pipefail.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${RELAUNCH_BUILD:-$root/build/release}
server=$build/bench/bench_server
work=$(mktemp -d)
chmod 700 "$work"
outputs=()

finish() {
  local output pid
  for output in "${outputs[@]}"; do
    while read -r pid; do
      [[ $(readlink "/proc/$pid/exe") != *bench_server* ]] || kill "$pid"
    done < <(sed -n 's/^started pid=//p' "$output")
  done
  wait
  rm -rf "$work"
}
trap finish EXIT

need() {
  command -v "$1" >/dev/null || {
    echo "${0##*/}: no $1 here: run ci/setup, or install the package $1" >&2
    exit 69
  }
}

# start_server MODE SETTING...: sets $port and $pid.
start_server() {
  local output=$work/output${#outputs[@]}
  outputs+=("$output")
  "$server" "$@" >"$output" &
  pid=$!
  # It says so in the end, or it has ended.
  until grep -q '^accepting' "$output"; do
    kill -0 "$pid" || exit 70
    read -rt 0.01 <> <(:) || true
  done
  # shellcheck disable=SC2034  # the caller's
  port=$(sed -n 's/^listening tcp:.*://p' "$output")
}

# median: of the numbers on standard input, with the smallest and the largest.
median() {
  sort -n | awk '{ x[NR] = $1 }
    END { printf "%.0f (%.0f to %.0f)", x[int((NR + 1) / 2)], x[1], x[NR] }'
}
