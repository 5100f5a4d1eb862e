#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Which views a user may ask for, and how they come: of files, as no privilege is needed for these.
# tests/answers.sh BUILD_DIR
# shellcheck disable=SC2317 # cases are called by name
set -u

BUILD=$(realpath -- "${1:?usage: answers.sh BUILD_DIR}") || exit 1
HERE=$(dirname "$(realpath -- "$0")")
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
	[[ $ERR == "weir: read hosts needs a capture file"* ]] || fail "said: $ERR"
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
	refuses 2 "$WEIR" hosts
	[[ $ERR == *"hosts is a view: \`weir show hosts\`"* ]] || fail "said: $ERR"
	refuses 2 "$WEIR" hostz
	[[ $ERR == *"no command hostz"* ]] || fail "said: $ERR"
	refuses 2 "$WEIR" read hosts ports a.pcap
	[[ $ERR == *"one view at a time" ]] || fail "said: $ERR"
	refuses 1 "$WEIR" read a.pcap hosts
	[[ $ERR == *"a view goes before the files" ]] || fail "said: $ERR"
	refuses 1 "$WEIR" read hostz a.pcap
	[[ $ERR == "weir: hostz: "*"no view (totals, "* ]] || fail "said: $ERR"
	refuses 1 "$WEIR" read hostz.pcap a.pcap
	[[ $ERR != *view* ]] || fail "said: $ERR"
}

# ---- CSV ----

# VIEW: of one table, as wide as its heading, with as many rows as JSON has.
is_table()
{
	local rows

	good "$WEIR" read -j -n 0 "$1" a.pcap
	rows=$(jq "$2 | length" "$TMP/out")
	good "$WEIR" read --csv -n 0 "$1" a.pcap
	[[ ! $ERR ]] || fail "it said: $ERR"
	python3 - "$TMP/out" "$rows" <<-'END' || fail "no table: read --csv $1"
		import csv, sys
		heading, *rows = list(csv.reader(open(sys.argv[1])))
		assert len(rows) == int(sys.argv[2]) > 0, len(rows)
		for row in rows:
		    assert len(row) == len(heading) and row != heading, row
		    assert row[heading.index("packets" if "packets" in heading else heading[-1])].isdigit(), row
	END
}

case_csv()
{
	local view

	for view in flows hosts ports conversations sizes; do
		is_table "$view" ".$view"
	done
	is_table syn-sources .syn.sources
	is_table syn-targets .syn.targets
	is_table totals .totals.classes
	refuses 2 "$WEIR" read --csv syn a.pcap
	[[ $ERR == *syn-sources*syn-targets* ]] || fail "the line does not say which: $ERR"
	good "$WEIR" read --csv -n 0 flows a.pcap
	cp "$TMP/out" "$TMP/flows"
	good "$WEIR" read --csv -n 0 a.pcap
	cmp "$TMP/out" "$TMP/flows" || fail "without a view it is not the flows"
}

# A table of CSV has no place to say that it is not all; who said how many knows.
case_csv_cut()
{
	local how

	good "$WEIR" read --csv a.pcap
	one_line
	same "what it says" "$ERR" "weir: 20 of 300 rows, -n 0 for all"
	same "lines" "$(wc -l <"$TMP/out")" 21
	for how in '-n 20' '-n 0' -q; do
		# shellcheck disable=SC2086 # two words
		good "$WEIR" read --csv $how a.pcap
		[[ ! $ERR ]] || fail "with $how it said: $ERR"
	done
	good "$WEIR" read --csv sizes a.pcap
	[[ ! $ERR ]] || fail "it said: $ERR"
}

# PATH ROWS, of the answer in "$TMP/out": what it says of the rows it has and of those it has not is
# what all of them in "$TMP/all" come to.
says_what_is_cut()
{
	local all said

	all=$(jq -c "$1 | length" "$TMP/all")
	said=$(jq -c ".rows$1 | [.shown, .total]" "$TMP/out")
	same "rows of $1, of how many" "$said" "[$2,$all]"
	same "rows there of $1" "$(jq "$1 | length" "$TMP/out")" "$2"
	# A number that adds up, as it was left out, and in the rows shown: that of all rows.
	said=$(jq -cn --slurpfile some "$TMP/out" --slurpfile all "$TMP/all" '
		($some[0].rows'"$1"'.left_out) as $left | [$left | paths(numbers)] |
		map(. as $p | ($left | getpath($p)) + ([$some[0]'"$1"'[] | getpath($p)] | add)
			== ([$all[0]'"$1"'[] | getpath($p)] | add)) | [length > 0, all]')
	same "sums of $1" "$said" "[true,true]"
}

# A program cannot tell 20 rows that are all from 20 that are not.
case_json_cut()
{
	local view frames packets bytes said

	for view in flows hosts ports conversations sizes; do
		good "$WEIR" read "$view" -j -n 0 a.pcap
		cp "$TMP/out" "$TMP/all"
		same "left out of all $view" "$(jq -c "[.rows.$view.left_out | .. | numbers] | unique" "$TMP/out")" "[0]"
		good "$WEIR" read "$view" -j -n 3 a.pcap
		says_what_is_cut ".$view" 3
	done
	good "$WEIR" read -j -n 0 a.pcap
	cp "$TMP/out" "$TMP/all"
	good "$WEIR" read -j a.pcap
	[[ ! $ERR ]] || fail "it said: $ERR"
	for view in .flows .hosts .ports .syn.sources .syn.targets; do
		said=$(jq "[20, ($view | length)] | min" "$TMP/all")
		says_what_is_cut "$view" "$said"
	done
	# Keys that a heap is made by otherwise than by bytes.
	for view in sport packets first; do
		good "$WEIR" read flows -j -s "$view" -n 7 a.pcap
		says_what_is_cut .flows 7
	done
	# By another count: the capture's own records, of which some are ARP.
	good "$WEIR" read flows -j -n 2 a.pcap
	frames=$(python3 "$HERE/pcap.py" a.pcap | awk 'substr($3, 25, 4) != "0806" { n++; b += $2 } END { print n, b }')
	packets=$(jq '.rows.flows.left_out.packets + ([.flows[].packets] | add)' "$TMP/out")
	bytes=$(jq '.rows.flows.left_out.bytes + ([.flows[].bytes] | add)' "$TMP/out")
	same "packets and bytes of IP" "$packets $bytes" "$frames"
	good "$WEIR" read totals -j a.pcap
	same "rows of no table" "$(jq -c .rows "$TMP/out")" "{}"
}

# One of the two is an object with one member.
case_syn_alone()
{
	local role

	good "$WEIR" read -j -n 0 syn a.pcap
	cp "$TMP/out" "$TMP/both"
	for role in sources targets; do
		good "$WEIR" read -j -n 0 "syn-$role" a.pcap
		same "syn-$role" "$(jq -c .syn "$TMP/out")" "$(jq -c ".syn | {$role}" "$TMP/both")"
	done
}

cd "$TMP" && "$BUILD/pcapgen" 2000 300 >a.pcap && "$BUILD/pcapgen" 300 100 >b.pcap || exit 1
run_case "read takes a view" case_views
run_case "a file that is called like a view" case_like_a_file
run_case "a view in another place, or mistyped" case_misplaced
run_case "CSV is one table" case_csv
run_case "CSV that is not all says so" case_csv_cut
run_case "JSON says how much was cut off" case_json_cut
run_case "one side of SYN" case_syn_alone
exit 0
