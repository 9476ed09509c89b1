# Sourced by the tests here: a systemd of its own with the packaged units,
# clients inside, and what a test asks of them. Each test is called with
#   RELAUNCH HELLO CLIENT SOURCE FOREIGN
# and ends with 77 where no systemd can be booted.
# shellcheck shell=bash disable=SC2034
set -u
relaunch=$1 hello=$2 client=$3 source=$4 foreign=$5
skip() { echo "skipped: $1"; exit 77; }
[ "$(id -u)" = 0 ] || skip "takes root"
[ -x /lib/systemd/systemd ] || skip "no systemd here"
findmnt -n -t cgroup2 >/dev/null || skip "no cgroup2 here"
folder=$(mktemp -d)
boot=
clean_up() {
  if [ -n "$boot" ]; then kill "$boot"; wait "$boot"; fi
  rm -rf "$folder"
}
trap clean_up EXIT
mkdir "$folder/units"

unit=relaunch
fail() {
  echo "failed: $1"
  cat "$folder/log" "$folder"/*.out
  inside systemctl status -n0 "$unit"
  exit 1
}

# packaged NAME [SED]: the unit as it is packaged, but for where things are.
packaged() {
  sed -e "s|/usr/bin/relaunch|$relaunch|; s|/usr/bin/hello|$hello|" \
    -e "s|/etc/relaunch.ini|$folder/relaunch.ini|" -e "${2-}" \
    "$source/packaging/systemd/$1" >"$folder/units/$1"
}

# configure [LINE...]: hello below the supervisor, started from its artifact.
configure() {
  cat >"$folder/relaunch.ini" <<INI
name = shop
state-folder = $folder/state
run-folder = $folder/run
probation = 100ms
INI
  printf '%s\n' "$@" >>"$folder/relaunch.ini"
}
configure_hello() {
  configure "artifact = $hello" \
    "program = $hello --listen tcp://127.0.0.1:8080 --state-folder $folder/own" \
    "$@"
}

# Polled, since nobody tells; at least half a minute.
await() {
  for _ in $(seq 600); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.05
  done
  return 1
}

find_init() {
  local one
  for one in $(pgrep -f 'systemd --system --unit=test.target'); do
    if grep -qz "SYSTEMD_UNIT_PATH=$folder/units" "/proc/$one/environ"; then
      init=$one
    fi
  done
  [ -n "$init" ]
}
inside() { timeout 60 nsenter --all -t "$init" "$@"; }

boot_machine() {
  local target
  for target in sysinit basic shutdown test network multi-user sockets; do
    printf '[Unit]\nDefaultDependencies=no\n' >"$folder/units/$target.target"
  done
  "$source/tests/systemd/boot" "$folder" >"$folder/log" 2>&1 &
  boot=$!
  init=
  await find_init || skip "systemd did not boot: $(tail -n 1 "$folder/log")"
  await inside systemctl is-system-running || skip "systemd does not answer"
}

property() { inside systemctl show -P "$1" "$unit"; }
is() { [ "$(property "$1")" = "$2" ]; }
says() { property StatusText | grep -q "$1"; }
ask() { inside "$relaunch" "$1" --config "$folder/relaunch.ini" "${@:2}"; }
# Of the generation that serves. systemd hears of it a moment later.
serving_pid() { ask status --json | grep -o '"pid":[0-9]*' | head -n 1 | cut -d: -f2; }

# load NAME PORT fresh|kept: clients, until end_loads; each request is counted.
declare -A loads=() inputs=()
load() {
  local name=$1
  mkfifo "$folder/$name.in"
  timeout 120 nsenter --all -t "$init" "$client" load "$2" "$3" \
    <"$folder/$name.in" >"$folder/$name.out" 2>&1 &
  loads[$name]=$!
  exec {input}>"$folder/$name.in"
  inputs[${loads[$name]}]=$input
  await grep -q answered "$folder/$name.out" || fail "no answers for $name"
}
end_loads() {
  local name input
  for name in "${!loads[@]}"; do
    input=${inputs[${loads[$name]}]}
    exec {input}>&-
  done
  for name in "${!loads[@]}"; do
    wait "${loads[$name]}" || fail "a request failed: $name"
    tail -n +2 "$folder/$name.out" | head -n 3
  done
  loads=() inputs=()
}
