#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Which views a user may ask for, and how they come: of files, as no privilege is needed for these.
# tests/answers.sh BUILD_DIR
# shellcheck disable=SC2317 # cases are called by name
set -u

BUILD=$(realpath -- "${1:?usage: answers.sh BUILD_DIR}") || exit 1
HERE=$(dirname "$0")
# shellcheck source=tests/lib.sh
. "$HERE/lib.sh"
WEIR=$BUILD/weir

# ---- views ----

views_of()
{
	local view

	for view in flows hosts ports syn conversations sizes; do
		jq -e "has(\"$view\")" "$TMP/out" >/dev/null && printf '%s ' "$view"
	done
}

case_views()
{
	local view

	good "$WEIR" read -j -n 0 a.pcap
	same "views" "$(views_of)" "flows hosts ports syn "
	cp "$TMP/out" "$TMP/all"
	for view in flows hosts ports syn conversations sizes; do
		good "$WEIR" read "$view" -j -n 0 a.pcap
		[[ ! $ERR ]] || fail "it said: $ERR"
		same "views of read $view" "$(views_of)" "$view "
		jq -e ".$view | length" "$TMP/out" >/dev/null || fail "no rows"
		[[ $view == conversations || $view == sizes ]] ||
			same "rows of read $view" "$(jq -c ".$view" "$TMP/out")" "$(jq -c ".$view" "$TMP/all")"
	done
	good "$WEIR" read -j totals a.pcap b.pcap
	same "views of read totals" "$(views_of)" ""
	same "files" "$(jq -c .files "$TMP/out")" '["a.pcap","b.pcap"]'
	good "$WEIR" read hosts a.pcap -- udp
	[[ $OUT == *$'\nHosts '* && $OUT != *$'\nFlows'* && $OUT != *$'\nTotals'* ]] ||
		fail "not the hosts alone"
	good bash -c "'$WEIR' read ports -s port - <a.pcap"
	refuses 2 "$WEIR" read hosts -s sport a.pcap
}

# A file is one with a path of any kind; the name alone is the view, wherever that is said.
case_like_a_file()
{
	refuses 2 "$WEIR" read hosts
	[[ $ERR == *"hosts is a view"* && $ERR != *./hosts* ]] || fail "said: $ERR"
	mkdir hosts
	good "$WEIR" read -j hosts a.pcap
	[[ ! $ERR ]] || fail "a directory is no capture file: $ERR"
	rmdir hosts
	cp b.pcap hosts
	good "$WEIR" read -j ./hosts
	same "packets of ./hosts" "$(jq .totals.packets "$TMP/out")" 300
	good "$WEIR" read -j a.pcap ./hosts
	same "packets" "$(jq .totals.packets "$TMP/out")" 2300
	refuses 2 "$WEIR" read hosts
	[[ $ERR == *"is ./hosts" ]] || fail "the line does not say how: $ERR"
	good "$WEIR" read -j hosts a.pcap
	one_line
	[[ $ERR == *"hosts is the view"*"./hosts" ]] || fail "said: $ERR"
	same "packets of the view" "$(jq .totals.packets "$TMP/out")" 2000
	same "views" "$(views_of)" "hosts "
	good "$WEIR" read -q -j hosts a.pcap
	[[ ! $ERR ]] || fail "said: $ERR"
	rm hosts
}

case_misplaced()
{
	refuses 1 "$WEIR" read a.pcap hosts
	[[ $ERR == *"a view goes before the files" ]] || fail "said: $ERR"
	refuses 1 "$WEIR" read hostz a.pcap
	[[ $ERR == "weir: hostz: "*"no view (totals, "* ]] || fail "said: $ERR"
	refuses 1 "$WEIR" read hostz.pcap a.pcap
	[[ $ERR != *view* ]] || fail "said: $ERR"
}

cd "$TMP" && "$BUILD/pcapgen" 2000 300 >a.pcap && "$BUILD/pcapgen" 300 100 >b.pcap || exit 1
run_case "read takes a view" case_views
run_case "a file that is called like a view" case_like_a_file
run_case "a view in another place, or mistyped" case_misplaced
exit 0
