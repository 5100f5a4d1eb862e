# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# What tests of `weir export` share: daemons on a lab's link.  To be sourced first.

# shellcheck source=tests/lab_lib.sh
. "$(dirname "$0")/lab_lib.sh"

# "lab down" ends what runs in the namespaces, the daemon too.
export_after_case()
{
	local pid

	for pid in $(ip netns pids "$NAME-host" 2>/dev/null); do
		kill -KILL "$pid"
	done
	lab_down
	rm -rf "${TMP:?}"/{out,log,ready}.*
	return 0
}
after_case() { export_after_case; }

lab()
{
	lab_up
	peer ping -q -c 1 -W 5 "$HOST4" >/dev/null || fail "the lab's link is dead"
}

# Waits till a command succeeds, $AWAIT seconds or 10.
await()
{
	local tries

	for ((tries = 0; tries < 10 * ${AWAIT:-10}; tries++)); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.1
	done
	fail "never happened: $*"
}

# PORT: whether somebody on the lab's host has it.
listens()
{
	[[ -n $(host ss -Hanutl "sport = :$1") ]]
}

# ---- the daemon ----

# NAME [OPTION...]: a daemon whose log is log.NAME, ready when it returns; its pid is $DAEMON.
daemon()
{
	local log=$TMP/log.$1 socket=$TMP/ready.$1 ready

	shift
	mkfifo "$socket.fifo"
	# What systemd would be.
	python3 - "$socket" >"$socket.fifo" <<-'END' &
		import socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind(sys.argv[1])
		s.settimeout(20)
		print(flush=True)
		print(s.recv(100).decode(), flush=True)
	END
	exec {ready}<"$socket.fifo"
	read -r -u "$ready" _
	NOTIFY_SOCKET=$socket "$LABS" host "$NAME" "$WEIR" export -i "$IF" "$@" >"$log.out" 2>"$log" &
	DAEMON=$!
	read -r -t 20 -u "$ready" STATE || fail "not ready in time: $(<"$log")"
	exec {ready}<&-
	rm -f "$socket" "$socket.fifo"
	same "what systemd was told" "$STATE" READY=1
}

# [PID]: ends it as systemd would; it has 5 s.
stop()
{
	local pid=${1:-$DAEMON} begun=$EPOCHREALTIME took code=0

	kill -TERM "$pid"
	wait "$pid" || code=$?
	took=$(awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { print int((b - a) * 1000) }')
	same "exit code of the daemon" "$code" 0
	((took < 5000)) || fail "took $took ms to stop"
}

# PORT COUNT [SIZE]: datagrams of SIZE bytes, 58 where not said, in frames 42 longer.
datagrams()
{
	peer "$LOAD" udp "$PEER4" "$HOST4" "$1" "$2" "${3:-58}" >/dev/null || fail "load failed"
}

# PORT SECONDS [RATE]: that many SYNs, each a flow of its own; SENT says how many.
syns()
{
	SENT=$(peer "$LOAD" sweep wsrc0 "$PEER4" 198.51.100.1 250 "$1" --seconds "$2" \
		--rate "${3:-4000}") || fail "load failed"
}

