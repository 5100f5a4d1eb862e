#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2317 # functions reached through run_case
#
# On a veth that is given packets as fast as it takes them, some millions a second: the generator's
# count, the kernel's and weir's are the same, and make bench-live gets a turn of every program.
# tests/live.sh BUILD_DIR
set -u

BUILD=$(realpath -- "${1:?usage: ${0##*/} BUILD_DIR}") || exit 1
HERE=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib.sh
. "$HERE/lib.sh"

case_counts()
{
	((EUID == 0)) || skip "it needs root"
	(($(nproc) >= 2)) || skip "the generator and the receiver need a CPU each"
	try "$HERE/../tools/bench-live" --quick --json "$TMP/live.json" "$BUILD"
	[[ $ERR != *"threaded NAPI needs"* ]] || skip "there is no threaded NAPI here"
	((CODE == 0)) || fail "$ERR"
	same "checks that were exact" "$(jq -c '[.exact[] | select(.exact and .weir.seen > 100000 and
		.weir.seen == .kernel.packets) | .check] | length' "$TMP/live.json")" 4
	same "of them at the limit of what a veth takes" "$(jq '[.exact[] | select(.kernel.lost > 0)] |
		length > 0' "$TMP/live.json")" true
	same "programs that had a turn" "$(jq -r '[.drop[] | select(.pps > 100000 and .busy > 0) | .program] |
		join(" ")' "$TMP/live.json")" "empty header line weir stock"
}

run_case "of millions of packets a second all counts agree" case_counts
