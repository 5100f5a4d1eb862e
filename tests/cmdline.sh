#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What commands on a live interface make of options and of who reads their answer.
# tests/cmdline.sh BUILD_DIR, as root.
# shellcheck disable=SC2317 # cases are called by name
set -u

# shellcheck source=tests/lab_lib.sh
. "$(dirname "$0")/lab_lib.sh"

# ---- a reader that leaves ----

case_closed_pipe()
{
	local words
	local -a way

	lab_up
	good weir attach -q -i "$IF"
	good peer ping -q -i 0.01 -c 5 "$HOST4"
	for words in status 'status -j' show 'show -j' 'show --csv flows' 'top -d 0.3' 'top -j -d 0.3' \
		'top --csv -d 0.3' set-filter\ icmp detach attach; do
		read -r -a way <<<"$words"
		leaves_with_reader "$LABS" host "$NAME" "$WEIR" "${way[0]}" -i "$IF" "${way[@]:1}"
	done
}

# ---- options without effect ----

# OPTIONS COMMAND...: its one line tells of all of these and no other.
tells_unused()
{
	good weir "${@:2}"
	same "lines of ${*:2}" "$(grep -c 'no effect' "$TMP/err")" 1
	same "what ${*:2} tells of" "$(sed -nE 's/.*: (--.*) (has|have) no effect$/\1/p' "$TMP/err")" "$1"
}

case_unused_options()
{
	lab_up
	good weir show -i "$IF" -d 0.2 --memory 16 -q
	[[ ! $ERR ]] || fail "where they have an effect, it said: $ERR"
	good weir attach -q -i "$IF"
	tells_unused --duration show -i "$IF" -d 1
	one_line
	tells_unused "--duration, --mode, --memory, --flows" \
		show -i "$IF" -d 1 --mode skb --memory 16 --flows 1000
	tells_unused "--mode, --memory" top -i "$IF" -d 0.2 --mode skb --memory 16
	tells_unused --mode packets -i "$IF" -d 0.2 --mode native
	good weir show -q -i "$IF" -d 1
	[[ ! $ERR ]] || fail "with -q it said: $ERR"
	good weir show -i "$IF"
	[[ ! $ERR ]] || fail "without options it said: $ERR"
	# Where another interface is watched for so long, it has.
	host ip link add v1 type veth peer name v2
	host ip link set v1 up
	good weir show -i "$IF" -i v1 -d 0.2
	[[ $ERR != *"no effect"* ]] || fail "it said: $ERR"
}

# ---- what is in an answer ----

case_csv_quoted()
{
	lab_up
	host ip link add 'v,"1' type veth peer name v2 || skip "no such name"
	host ip link set 'v,"1' up || fail "the link does not come up"
	good weir show --csv totals -d 0.2 -i "$IF" -i 'v,"1'
	python3 - "$TMP/out" <<-'END' || fail "not CSV: $OUT"
		import csv, sys
		rows = list(csv.reader(open(sys.argv[1])))
		assert {len(row) for row in rows} == {4}, rows
		assert {row[0] for row in rows[1:]} == {"wtap0", 'v,"1'}, rows
	END
}

# All intervals are one table, and the time says which row is of which.
case_csv_top()
{
	local view

	lab_up
	good weir attach -q -i "$IF"
	good peer ping -q -i 0.01 -c 5 "$HOST4"
	for view in hosts totals; do
		good weir top "$view" --csv --interval 0.2 -d 0.7 -n 0 -i "$IF"
		python3 - "$TMP/out" "$view" <<-'END' || fail "no table of $view: $OUT"
			import csv, sys
			heading, *rows = list(csv.reader(open(sys.argv[1])))
			assert heading[:2] == ["time", {"hosts": "addr", "totals": "class"}[sys.argv[2]]], heading
			assert {len(row) for row in rows} == {len(heading)}, rows
			times = [row[0] for row in rows]
			assert times == sorted(times) and 3 <= len(set(times)) <= 5, times
			assert all(time.endswith("Z") for time in times)
			assert len({row[1] for row in rows}) < len(rows), rows
		END
	done
}

run_case "a closed pipe is no failure" case_closed_pipe
run_case "options without effect are told of" case_unused_options
run_case "CSV of top is one table" case_csv_top
run_case "CSV quotes what has to be" case_csv_quoted
exit 0
