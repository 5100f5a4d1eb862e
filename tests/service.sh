#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2317 # functions reached through run_case
#
# What the service weir@INTERFACE is allowed: the daemon runs with the unit's capabilities, gives up what
# reading does not need, goes on counting, and makes no system call that the unit's filter refuses.
set -uo pipefail
build=$(realpath "$1")
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh

readonly LAB=wsv$$ CAP_BPF=8000000000
DAEMON=''

after_case()
{
	local pids

	[[ -e /run/netns/$LAB ]] || return 0
	mapfile -t pids < <(ip netns pids "$LAB")
	((${#pids[@]} == 0)) || kill -KILL "${pids[@]}"
	ip netns del "$LAB"
}

begin()
{
	((EUID == 0)) || skip "namespaces need root"
	rm -rf "$TMP"/{rows,log,spool,trace}
	ip netns add "$LAB" &&
		ip -n "$LAB" link set lo up &&
		ip -n "$LAB" link add eth0 type veth peer name peer0 &&
		ip -n "$LAB" addr add 192.0.2.1/24 dev eth0 &&
		ip -n "$LAB" link set eth0 up &&
		ip -n "$LAB" link set peer0 up
	unit >"$TMP/unit"
}

# The unit as it is installed.
unit()
{
	sed "s|@SBINDIR@|$TMP|; s|@DATADIR@|$TMP|" 'tools/systemd/weir@.service'
}

# KEY: its values in the unit, as words.
unit_says()
{
	sed -n "s/^$1=//p" "$TMP/unit"
}

# COMMAND...: with the capabilities that the unit leaves, and in the namespace.
as_service()
{
	local caps

	caps=$(unit_says CapabilityBoundingSet | tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g')
	exec nsenter --net="/run/netns/$LAB" -- setpriv --bounding-set="-all,$caps" --no-new-privs "$@"
}

start() # [COMMAND...]: in front of weir
{
	as_service "$@" "$build/weir" export -i eth0 --memory 12 --active-timeout 1 --idle-timeout 1 \
		--drop-privileges --json "$TMP/rows" --clickhouse http://127.0.0.1:9/ \
		--clickhouse-spool "$TMP/spool" >"$TMP/log" 2>&1 &
	DAEMON=$!
}

# Seven datagrams to port 4000 from the other end.
send()
{
	nsenter --net="/run/netns/$LAB" -- python3 -c 'import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("peer0", 0))
for i in range(7): s.send(bytes.fromhex("ffffffffffff020000000001080045000020000000004011000ac0000209c00002010bb80fa0000c00004142434400000000"))'
}

# Each thread's capabilities, of any set, are as wanted.
threads_have()
{
	local sets

	sets=$(cat /proc/"$DAEMON"/task/*/status | sed -nE 's/^Cap(Prm|Eff|Inh|Amb):\t0*//p' | sort -u | paste -sd' ')
	echo "capability sets of all threads: '$sets'"
	[[ $sets == "$1" ]]
}

ended()
{
	[[ ! -e /proc/$1 || $(ps -o stat= -p "$1") == Z* ]]
}

capabilities()
{
	local threads

	begin
	same "capabilities of the unit" "$(unit_says CapabilityBoundingSet)" "CAP_BPF CAP_NET_ADMIN CAP_PERFMON"
	start
	until_true 60 threads_have " $CAP_BPF" || fail "$(threads_have "?") $(<"$TMP/log")"
	threads=$(find "/proc/$DAEMON/task" -mindepth 1 -maxdepth 1 | wc -l)
	((threads >= 4)) || fail "there are but $threads threads"
	same "no new privileges" "$(cat /proc/"$DAEMON"/task/*/status | sed -n 's/^NoNewPrivs:\t//p' | sort -u)" 1
	send
	until_true 60 grep -q '"dport":4000' "$TMP/rows" || fail "no rows after the drop: $(<"$TMP/log")"
	ip -n "$LAB" link del eth0
	until_true 60 grep -q 'given up the privileges' "$TMP/log" || fail "no line when the interface goes: $(<"$TMP/log")"
	CODE=0
	wait "$DAEMON" || CODE=$?
	same "exit code, for systemd to start it again" "$CODE" 1
}

# What the unit's SystemCallFilter allows, one a line; its lines are taken in order.
allowed()
{
	local line word names=()

	while read -r line; do
		names=()
		for word in ${line#\~}; do
			[[ $word != @* ]] || word=$(expand "$word")
			names+=("$word")
		done
		if [[ $line == ~* ]]; then
			sort -u "$TMP/allowed" | comm -23 - <(printf '%s\n' "${names[@]}" | sort -u) >"$TMP/fewer"
			mv "$TMP/fewer" "$TMP/allowed"
		else
			printf '%s\n' "${names[@]}" >>"$TMP/allowed"
		fi
	done < <(unit_says SystemCallFilter)
}

# @GROUP: its system calls, of the groups in it too.
expand()
{
	local word

	systemd-analyze syscall-filter "$1" | sed -n 's/^    \([@a-z_0-9-]*\)$/\1/p' | while read -r word; do
		if [[ $word == @* ]]; then expand "$word"; else echo "$word"; fi
	done
}

system_calls()
{
	local tracer

	need strace systemd-analyze
	begin
	: >"$TMP/allowed"
	expand @default >"$TMP/allowed"
	allowed
	(($(sort -u "$TMP/allowed" | wc -l) > 100)) || fail "the filter could not be read"
	start strace -f -qq -o "$TMP/trace"
	tracer=$DAEMON
	until_true 60 pgrep -P "$tracer" -x weir || fail "the daemon does not start: $(<"$TMP/log")"
	DAEMON=$(pgrep -P "$tracer" -x weir)
	until_true 60 threads_have " $CAP_BPF" || fail "does not get to work: $(<"$TMP/log")"
	send
	until_true 60 grep -q '"dport":4000' "$TMP/rows" || fail "no rows: $(<"$TMP/log")"
	kill -HUP "$DAEMON"
	sleep 1
	kill -TERM "$DAEMON"
	until_true 60 ended "$tracer" || fail "does not end: $(<"$TMP/log")"
	# From the exec on: what goes before is setpriv's and systemd's.
	sed -nE 's/^[0-9]+ +([a-z_0-9]+)\(.*/\1/p' "$TMP/trace" | sort -u >"$TMP/made"
	(($(wc -l <"$TMP/made") > 30)) || fail "the trace could not be read"
	same "system calls outside of the filter" "$(comm -23 "$TMP/made" <(sort -u "$TMP/allowed") | paste -sd' ')" ''
}

unit_is_valid()
{
	local level

	need systemd-analyze
	unit | sed 's/^Documentation=.*//' >"$TMP/weir@.service"
	cp "$build/weir" "$TMP/weir"
	CODE=0
	systemd-analyze verify "$TMP/weir@eth0.service" >"$TMP/verified" 2>&1 || CODE=$?
	[[ $CODE == 0 && ! -s $TMP/verified ]] || fail "$(<"$TMP/verified")"
	level=$(systemd-analyze security --offline=true "$TMP/weir@eth0.service" | sed -n 's/.*exposure level for .*: \([0-9.]*\) .*/\1/p')
	awk -v level="$level" 'BEGIN { exit !(level > 0 && level <= 3) }' || fail "exposure level $level"
	good "$build/weir" export -i lo --config tools/systemd/export.conf --check-config
}

run_case 'the unit is valid, and its settings are' unit_is_valid
run_case 'threads give up all but CAP_BPF once attached, and counting goes on' capabilities
run_case 'no system call outside of the filter of the unit' system_calls
exit 0
