# What the scripts of this folder share: step lines, logs, source packages.
# Sourced, never run; the caller has set -euo pipefail.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
logs=$root/build/logs
# Scripts that call each other count from the same start.
export RELAUNCH_STARTED_AT=${RELAUNCH_STARTED_AT:-${EPOCHREALTIME/[.,]/}}

if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then
  bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m' clear=$'\r\e[K'
else
  bold='' red='' green='' plain='' clear=''
fi

elapsed() {
  local now=${EPOCHREALTIME/[.,]/}
  local ms=$(((now - RELAUNCH_STARTED_AT) / 1000))
  printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100))
}

step() { printf '%s[%7s] %s%s\n' "$bold" "$(elapsed)" "$*" "$plain"; }
good() { printf '%s%s%s\n' "$green" "$*" "$plain"; }
fail() { printf '%s%s: %s%s\n' "$red" "${0##*/}" "$*" "$plain" >&2; }

# die CODE WORD...
die() {
  local code=$1
  shift
  fail "$*"
  exit "$code"
}

# Shows how far a build or a test run is: on a terminal in one line that is
# written over, else a line every 20 seconds.
show_progress() {
  local line last=$SECONDS
  while IFS= read -r line; do
    [[ $line =~ ^[[:space:]]*\[?[0-9]+/[0-9]+ ]] || continue
    if [ -n "$clear" ]; then
      printf '%s  %.76s' "$clear" "$line"
    elif ((SECONDS - last >= 20)); then
      last=$SECONDS
      printf '  %.76s\n' "$line"
    fi
  done
  printf '%s' "$clear"
}

# logged NAME COMMAND...: its output goes to build/logs/NAME.log; only when it
# fails is the end of that shown.
logged() {
  local name=$1 log=$logs/$1.log code=0
  shift
  mkdir -p "$logs"
  "$@" 2>&1 </dev/null | tee "$log" | show_progress || code=$?
  ((code == 0)) && return 0
  fail "$name failed (exit $code); the end of $log:"
  tail -n "${RELAUNCH_LOG_LINES:-60}" "$log" >&2
  return "$code"
}

# debian_source PACKAGE VERSION FOLDER: the upstream tarball of a source package
# of this system into FOLDER; apt checks hashes and signatures. The system's own
# archives become deb-src entries of a temporary folder: /etc/apt and
# /var/lib/apt stay as they are, and no host is named here. An empty VERSION
# takes the newest; so does one that has left the archive.
debian_source() {
  local package=$1 version=$2 folder=$3 apt file work
  work=$(mktemp -d)
  mkdir -p "$work"/{lists/partial,cache/archives/partial,parts} "$folder"
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] || continue
    awk 'BEGIN { RS = ""; ORS = "\n\n" }
         /(debian|ubuntu)-archive-keyring/ ||
           /URIs:[^\n]*\/(debian|debian-security|ubuntu)\/?([ \n]|$)/' "$file" |
      sed 's/^Types:.*/Types: deb-src/' >"$work/parts/${file##*/}"
  done
  { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null || true; } |
    sed -nE '/(debian|ubuntu)/s/^deb(-src)? /deb-src /p' >"$work/parts/lines.list"
  find "$work/parts" -empty -type f -delete
  apt=(apt-get -qq -o Dir::Etc::sourcelist=/dev/null
    -o Dir::Etc::sourceparts="$work/parts" -o Dir::State::lists="$work/lists"
    -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root
    -o Acquire::Languages=none -o Acquire::Retries=3)
  local code=0
  "${apt[@]}" update || code=$?
  if ((code == 0)); then
    (cd "$folder" &&
      { { [ -n "$version" ] &&
        "${apt[@]}" --download-only source "$package=$version"; } ||
        "${apt[@]}" --download-only source "$package"; }) || code=$?
  fi
  rm -rf "$work"
  return "$code"
}

# What one clone compiled, another one need not: paths in the cache are relative.
use_ccache() {
  export CCACHE_BASEDIR=${CCACHE_BASEDIR-$root}
  export CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR-1}
  export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER-ccache}
}
