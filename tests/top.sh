#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# weir top on a terminal of tmux, in a lab under known load: what it shows is compared with the
# kernel's own counters and with weir show, keys are pressed, and what it leaves of the terminal
# is what it found. tests/top.sh BUILD_DIR, as root.
# shellcheck disable=SC2016,SC2317 # jq has variables of its own; cases are called by name
set -u

# shellcheck source=tests/lab_lib.sh
. "$(dirname "$0")/lab_lib.sh"

pane() { tmux -L "$NAME" "$@"; }

after_case()
{
	pane kill-server
	lab_down
}

# ---- a lab with known traffic ----

lab()
{
	need tmux jq
	lab_up
}

# DPORT PACKETS_PER_SECOND SIZE [SECONDS]: datagrams at a steady rate, in the background.
send()
{
	nsenter --net="/run/netns/$NAME-peer" -- "$LOAD" udp "$PEER4" "$HOST4" "$1" \
		"$(($2 * ${4:-60}))" "$3" --rate "$2" >"$TMP/load.$1" 2>&1 &
}

# Three loads, the largest first.
three_loads()
{
	send 7001 3000 1000 "${1:-60}"
	send 7002 600 500 "${1:-60}"
	send 7003 100 200 "${1:-60}"
}

# ---- a terminal ----

# WIDTHxHEIGHT [ENVIRONMENT...] -- ARG...: weir top on a terminal, everything it writes kept.
top()
{
	local size=$1 environment=()

	shift
	while [[ $1 != -- ]]; do
		environment+=("$1")
		shift
	done
	shift
	: >"$TMP/raw"
	pane -f /dev/null new-session -d -x "${size%x*}" -y "${size#*x}" "sleep 0.3; stty -g >$TMP/before;
		nsenter --net=/run/netns/$NAME-host -- env LC_ALL=C.UTF-8 ${environment[*]} \
		$WEIR top -i $IF --interval 0.5 $* 2>$TMP/complaints; echo \"ended \$?\"; stty -g >$TMP/after; exec sleep 600"
	pane pipe-pane -o "cat >>$TMP/raw"
}

screen()
{
	pane capture-pane -p >"$TMP/screen"
	cat "$TMP/screen"
}

# REGEX [SECONDS]: waits until the screen shows it.
until_shown()
{
	local n

	for ((n = 0; n < ${2:-8} * 10; n++)); do
		screen | grep -Eq -- "$1" && return
		sleep 0.1
	done
	screen
	fail "the screen never showed: $1"
}

# REGEX: on the screen as it was read last.
shows()
{
	grep -Eq -- "$1" "$TMP/screen" || {
		cat "$TMP/screen"
		fail "the screen does not show: $1"
	}
}

press()
{
	pane send-keys "$@"
}

pid_of_top()
{
	local pid

	for pid in $(ip netns pids "$NAME-host"); do
		[[ $(readlink "/proc/$pid/exe") != "$WEIR" ]] || echo "$pid"
	done
}

# The rows of the table as it was read last, without what is around them.
rows()
{
	sed -n '/^\(HOST\|PEER\|PROTO\|SOURCE\|TARGET\| *FROM\) /,/^Ledger/{//!p}' "$TMP/screen"
}

# A number as shown, as one that can be compared.
number()
{
	awk -v n="$1" 'BEGIN { s = substr(n, length(n)); f = s == "k" ? 1e3 : s == "M" ? 1e6 : s == "G" ? 1e9 : 1;
		printf "%.0f\n", n * f }'
}

# WHAT A B PERCENT: A is B, give or take.
near()
{
	awk -v a="$2" -v b="$3" -v p="$4" 'BEGIN { d = a - b; exit !((d < 0 ? -d : d) <= b * p / 100) }' ||
		fail "$1: is $2, should be $3 within $4 %"
}

# ---- what it shows ----

# Received bytes as the wire has them: a native program makes veth count those behind Ethernet.
kernel_bytes()
{
	host ip -j -s link show "$IF" | jq '.[0].stats64.rx | .bytes + 14 * .packets'
}

case_talker()
{
	local before after rate shown started took

	lab
	three_loads
	sleep 1
	started=$(date +%s%N)
	top 80x24 -- -q
	until_shown "^$HOST4 +7001 $PEER4 +[0-9]+ udp" 20
	# 0.3 s of them before it starts, and tmux.
	# Beside others who want the CPUs it has its share of them.
	took=$((($(date +%s%N) - started) / 1000000))
	awk -v ms="$took" -v cpus="$(nproc)" '{ share = $1 / cpus; exit !(ms < 2500 * (share > 1 ? share : 1)) }' \
		/proc/loadavg || fail "it took $took ms to show who is talking"
	sleep 1
	before=$(kernel_bytes) started=$(date +%s%N)
	sleep 10
	after=$(kernel_bytes)
	rate=$(awk -v b="$((after - before))" -v ns="$(($(date +%s%N) - started))" 'BEGIN { printf "%.0f", b * 8e9 / ns }')
	screen
	same "the first row" "$(rows | head -1 | awk '{ print $1, $2, $3, $5 }')" "$HOST4 7001 $PEER4 udp"
	same "the second row" "$(rows | sed -n 2p | awk '{ print $2 }')" 7002
	# All that is received, and of it the talker's share: 3000 frames of 1042 bytes a second.
	shown=$(number "$(awk '/^received/ { print $3 }' "$TMP/screen")")
	near "received over 10 s, by the kernel's counters" "$shown" "$rate" 10
	shown=$(number "$(rows | head -1 | awk '{ print $7 }')")
	near "the talker's rate, by the kernel's counters" "$shown" \
		"$(awk -v r="$rate" 'BEGIN { print r * 3000 * 1042 / (3000 * 1042 + 600 * 542 + 100 * 242) }')" 10
	shows "^Ledger balanced"
	shows "^weir top  $IF  native"
	shows "ns/packet"
}

# What is on the screen is what weir show says, when the link is at rest.
case_like_show()
{
	lab
	good weir attach -i "$IF" -q
	three_loads 1
	top 150x40 -- -q
	sleep 2.5
	host ip link set "$IF" down
	sleep 1
	good weir show conversations -j -n 0 -i "$IF"
	cp "$TMP/out" "$TMP/shown"
	press M
	until_shown 'by BYTES'
	sleep 1
	screen
	same "packets of the first row" "$(rows | head -1 | awk '{ print $15 }')" \
		"$(jq '.conversations | max_by(.bytes) | .sent.packets + .received.packets' "$TMP/shown")"
	same "its port" "$(rows | head -1 | awk '{ print $2 }')" \
		"$(jq '.conversations | max_by(.bytes) | .host_port' "$TMP/shown")"
	same "rows" "$(sed -n 's/.*1-[0-9]* of \([0-9]*\)$/\1/p' "$TMP/screen")" \
		"$(jq '.conversations | length' "$TMP/shown")"
	same "packets seen" "$(sed -n 's/^Ledger balanced: \([0-9]*\) seen.*/\1/p' "$TMP/screen")" \
		"$(jq .ledger.seen "$TMP/shown")"
	press H
	until_shown '^HOST .*CONVS'
	good weir show hosts -j -n 0 -i "$IF"
	screen
	same "hosts" "$(sed -n 's/.*1-[0-9]* of \([0-9]*\)$/\1/p' "$TMP/screen")" \
		"$(jq '.hosts | length' "$TMP/out")"
	same "packets of the first host" "$(rows | head -1 | awk '{ print $11 }')" \
		"$(jq '[.hosts[] | .sent.packets + .received.packets] | max' "$TMP/out")"
}

case_views()
{
	lab
	three_loads
	nsenter --net="/run/netns/$NAME-peer" -- "$LOAD" sweep wsrc0 192.0.2.66 198.51.100.1 250 445 >/dev/null 2>&1 &
	top 120x30 -- -q
	until_shown "^HOST +PORT PEER +PORT PROTO"
	until_shown "$HOST4 +7001 "
	press H
	until_shown "^HOST +2s +10s"
	until_shown "^$PEER4 "
	press O
	until_shown "^PROTO +PORT SERVICE"
	until_shown "^tcp +445 microsoft-ds"
	press Y
	until_shown "^SOURCE .*SYN-ACK .*~TARGETS"
	until_shown "^192.0.2.66 "
	press Y
	until_shown "^TARGET +PORT .*~SOURCES"
	until_shown "^198.51.100.[0-9]+ +445"
	press Z
	until_shown "^ +FROM +TO .*PACKETS"
	until_shown "^ +1024 +2047 +[23].[0-9]+k"
	press C
	until_shown "$HOST4 +7001 "
	press Tab
	until_shown "^HOST +2s +10s"
	press c p
	until_shown "^HOST +PEER +2s"
	until_shown "^$HOST4 +$PEER4 "
	press s
	until_shown "^PEER +2s"
	press s p u
	until_shown "^byte/s"
	press u
	until_shown "^packet/s"
	until_shown "$HOST4 +7001 $PEER4 +[0-9]+ udp .* [23].[0-9]+k"
	press h
	until_shown "any key goes back"
	press x
	until_shown "$HOST4 +7001 "
	press t
	until_shown "⇐ what it receives"
}

first_port()
{
	screen >/dev/null
	rows | head -1 | awk '{ print $2 }'
}

case_steered()
{
	local before

	lab
	three_loads
	top 100x24 -- -q
	until_shown "$HOST4 +7003 "
	sleep 2
	same "first by rate" "$(first_port)" 7001
	# The smallest first, but for what is not of ours.
	press r
	sleep 1
	[[ $(first_port) != 7001 ]] || fail "r does not reverse"
	press r '>' '>'
	until_shown "by .*(BYTES|SENT|RECEIVED)"
	press F6 Home Down Enter
	until_shown "by HOST PORT"
	sleep 1
	same "first by port" "$(first_port)" 7003
	press 2
	sleep 1
	same "first by rate again" "$(first_port)" 7001
	# Where not all rates fit, what is sorted by is shown.
	pane resize-window -x 80
	press 1
	until_shown "^HOST .* 2s +2s +BYTES"
	press 3
	until_shown "^HOST .* 40s +40s +BYTES"
	press 2
	pane resize-window -x 100
	press /
	press -l 7002
	press Enter
	until_shown "^$HOST4 7002 .*$PEER4 "
	press Escape
	sleep 0.5
	press \\
	press -l "${IF:1}"
	press Enter
	until_shown "nothing matches"
	press \\ C-u
	press -l 7003
	press Enter
	until_shown "matching 7003 +1-1 of 1"
	same "the only row" "$(first_port)" 7003
	press \\ C-u Enter
	until_shown "1-[0-9]+ of ([3-9]|[1-9][0-9])"
	press P
	until_shown "PAUSED"
	screen | grep ^Ledger >"$TMP/paused"
	sleep 1.5
	screen | grep ^Ledger >"$TMP/still"
	same "the ledger while paused" "$(<"$TMP/still")" "$(<"$TMP/paused")"
	press P
	sleep 1.5
	screen | grep ^Ledger >"$TMP/still"
	[[ $(<"$TMP/still") != "$(<"$TMP/paused")" ]] || fail "it stands still after the pause"
	screen >/dev/null
	before=$(sed -n 's/.*: \([0-9]*\) seen.*/\1/p' "$TMP/screen")
	press o
	until_shown "  held"
	sleep 1
	screen >/dev/null
	(($(sed -n 's/.*: \([0-9]*\) seen.*/\1/p' "$TMP/screen") > before)) || fail "o stops counting"
}

# Sizes from tiny to huge, while it runs: the lines of the frame are where they belong.
# Whoever watches is told that there is nothing more to watch.
case_gone()
{
	lab
	three_loads
	good weir attach -q -i "$IF"
	top 80x24 -- -q
	until_shown "$HOST4 +7001 "
	good weir detach -q -i "$IF"
	until_shown "^$IF: the XDP program is no longer on the interface: it stands still"
	press q
	until_shown '^ended 0'
	pane kill-server
	good weir attach -q -i "$IF"
	weir top -i "$IF" -I 0.5 >"$TMP/out" 2>"$TMP/err" &
	sleep 1.5
	host ip link del "$IF"
	for _ in {1..50}; do
		grep -q 'the interface is gone' "$TMP/err" && break
		sleep 0.1
	done
	grep -q '^weir: .*the interface is gone' "$TMP/err" || fail "it does not say so: $(<"$TMP/err")"
}

# The help is longer than a small terminal, and shown whole all the same.
case_help()
{
	lab
	top 80x24 -- -q
	until_shown '^Ledger'
	press '?'
	until_shown "any key goes on, Esc back"
	screen | grep -o '^ [^ ].*' >"$TMP/pages"
	press Space
	until_shown "any key goes back"
	screen | grep -o '^ [^ ].*' >>"$TMP/pages"
	grep -q "quit" "$TMP/pages" || fail "it does not say how to quit"
	grep -q "the filter in the kernel" "$TMP/pages" || fail "it does not tell of f"
	press Space
	until_shown '^Ledger'
	press h
	until_shown "any key goes on"
	# On a larger terminal there are fewer pages than the one it was on.
	press Space
	until_shown "any key goes back"
	pane resize-window -x 200 -y 60
	until_shown "^weir top: who is talking"
	press Escape
	until_shown '^Ledger'
}

case_resized()
{
	local size

	lab
	three_loads
	top 80x24 -- -q
	until_shown "$HOST4 +7001 "
	for size in 200x60 40x12 20x5 132x43 10x3 80x24; do
		pane resize-window -x "${size%x*}" -y "${size#*x}"
		sleep 0.7
		screen >/dev/null
		[[ $(pid_of_top) ]] || fail "gone at $size"
		same "lines at $size" "$(wc -l <"$TMP/screen")" "${size#*x}"
		same "the first line at $size" "$(head -1 "$TMP/screen" | cut -c1-8)" "weir top"
		same "the last line at $size" "$(tail -1 "$TMP/screen" | cut -c1-6)" "F1Help"
	done
	until_shown "$HOST4 +7001 "
	# No number is cut off: both rates stand there in full.
	pane resize-window -x 60 -y 15
	until_shown "^HOST +PORT PEER +PORT PROTO +10s +10s$"
	press j
	until_shown "^$HOST4 7001 .* udp  SENT$"
	# Narrower still, it is one rate of both, and who it is.
	pane resize-window -x 40 -y 15
	until_shown "^HOST +PORT PEER +PORT +10s$"
	until_shown "^weir top  $IF  native"
	pane resize-window -x 40 -y 24
	until_shown "^bit/s +2s +10s +40s +BYTES$"
	until_shown "^received( +[0-9.]+[kMG]?){4}$"
	until_shown "^sent( +[0-9.]+[kMG]?){4}$"
	until_shown "^$HOST4 +7001 $PEER4 +[0-9]+ +[0-9.]+M$"
}

# ---- what it leaves ----

terminal_restored()
{
	until_shown '^ended' 5
	until_shown .
	for _ in {1..20}; do
		[[ -s $TMP/after ]] && break
		sleep 0.1
	done
	same "the terminal's settings" "$(<"$TMP/after")" "$(<"$TMP/before")"
	same "the cursor" "$(pane display -p '#{cursor_flag}')" 1
	same "the alternate screen" "$(pane display -p '#{alternate_on}')" 0
}

# COMMAND...: after it, the terminal is as it was, and the totals are there if it was asked to end.
ends()
{
	top 80x40 -- -q
	until_shown '^Ledger'
	same "the alternate screen meanwhile" "$(pane display -p '#{alternate_on}')" 1
	same "the cursor meanwhile" "$(pane display -p '#{cursor_flag}')" 0
	"$@"
	terminal_restored
	screen
}

case_quit()
{
	lab
	ends press q
	shows '^Totals'
	shows '^Ledger: '
	shows '^ended 0'
}

kill_top()
{
	kill -s "$1" "$(pid_of_top)"
}

# SIGNAL STATUS
case_signal()
{
	lab
	ends kill_top "$1"
	shows "^ended $2"
	[[ $2 != 0 ]] || shows '^Totals'
}

case_stopped()
{
	lab
	pane -f /dev/null new-session -d -x 80 -y 24 "nsenter --net=/run/netns/$NAME-host -- bash --norc --noprofile -i"
	sleep 0.5
	press -l "PS1='> '; stty -g >$TMP/before; $WEIR top -i $IF -q"
	press Enter
	until_shown '^Ledger'
	press C-z
	until_shown 'Stopped'
	same "the cursor" "$(pane display -p '#{cursor_flag}')" 1
	press -l "stty -g >$TMP/after; jobs"
	press Enter
	sleep 0.5
	same "the terminal's settings" "$(<"$TMP/after")" "$(<"$TMP/before")"
	pane resize-window -x 100 -y 30
	press -l fg
	press Enter
	until_shown '^Ledger'
	sleep 0.5
	screen >/dev/null
	same "the last line" "$(sed -n 30p "$TMP/screen" | cut -c1-6)" F1Help
	press q
	until_shown '^Totals'
}

# ---- where it is shown ----

case_no_terminal()
{
	lab
	three_loads
	good weir top -i "$IF" -I 0.5 -d 2.2
	(($(grep -c '^HOST ' "$TMP/out") >= 3)) || fail "fewer than three frames"
	grep -Eq "^$HOST4 +7001 $PEER4 +[0-9]+ udp" "$TMP/out" || fail "the talker is not in a frame"
	[[ $OUT == *Totals*Ledger* ]] || fail "no totals at the end"
	! grep -q $'\033' "$TMP/out" || fail "escape sequences, and no terminal"
	good weir top hosts -i "$IF" -I 0.3 -d 0.7 -n 2 -s sent.rate_2s
	grep -q '^HOST .*CONVS' "$TMP/out" || fail "no hosts"
	good weir top -i "$IF" -I 0.3 -d 0.5 -j
	same "JSON" "$(head -c 10 "$TMP/out")" '{"schema":'
	refuses 2 weir top nonsense -i "$IF"
	refuses 2 weir top hosts -i "$IF" -s nonsense
}

colours()
{
	grep -aoE $'\033\\[[0-9;]*m' "$TMP/raw" | grep -cE '[[;](3[0-7]|4[0-7]|9[0-7]|10[0-7]|38|48)(;[0-9;]*)?m'
}

case_no_color()
{
	lab
	three_loads
	top 80x24 NO_COLOR=1 -- -q
	until_shown "$HOST4 +7001 "
	press j H O Z C
	sleep 1
	same "colours with NO_COLOR" "$(colours)" 0
	pane kill-server
	sleep 0.5
	top 80x24 -- -q
	until_shown "$HOST4 +7001 "
	(($(colours))) || fail "no colours without NO_COLOR: the test sees none"
}

case_ascii()
{
	lab
	three_loads
	top 80x24 LC_ALL=C -- -q
	until_shown "$HOST4 +7001 "
	press j H O Y Z C t t p s
	sleep 2
	same "bytes that are not ASCII" "$(LC_ALL=C tr -d '\000-\177' <"$TMP/raw" | wc -c)" 0
	screen | grep -q '<<<' || fail "no bars"
	pane kill-server
	sleep 0.5
	top 80x24 -- -q
	until_shown "$HOST4 +7001 "
	(($(LC_ALL=C tr -d '\000-\177' <"$TMP/raw" | wc -c))) || fail "only ASCII in UTF-8, too"
}

case_terminals()
{
	local term

	lab
	three_loads
	for term in xterm linux screen vt100; do
		top 80x24 "TERM=$term" -- -q
		until_shown "$HOST4 +7001 "
		press q
		until_shown '^ended 0'
		pane kill-server
		sleep 0.3
	done
	for term in dumb no-such-terminal; do
		top 200x50 "TERM=$term" -- -q
		until_shown "$HOST4 +7001 "
		sleep 1
		! grep -q $'\033' "$TMP/raw" || fail "escape sequences to TERM=$term"
		pane kill-server
		sleep 0.3
	done
}

# A name out of the network must not drive the terminal: this one would, were it not cleaned.
case_names()
{
	lab
	printf '%s good.example\n%s evil\033]0;owned\007\033[31mred\n' "$HOST4" "$PEER4" >"$TMP/hosts"
	mount --bind "$TMP/hosts" /etc/hosts || fail "no /etc/hosts of our own"
	three_loads
	top 100x24 -- -q
	until_shown "$HOST4 +7001 "
	press n
	until_shown "^good.example +7001 evil" 10
	press /
	press -l good
	press Enter
	until_shown "^good.example 7001"
	press q
	until_shown '^ended 0'
	umount /etc/hosts
	! grep -aqE 'owned.*'$'\007' "$TMP/raw" || fail "the title was set by a name"
	! grep -aqF $'\033[31mred' "$TMP/raw" || fail "a name chose its colour"
}

run_case "top shows who talks, at the kernel's rate" case_talker
run_case "top shows what weir show says" case_like_show
run_case "top shows each view" case_views
run_case "top is steered by keys" case_steered
run_case "top is resized" case_resized
run_case "top shows its help on pages" case_help
run_case "top when it is detached, or the interface goes" case_gone
run_case "top quits, the terminal is as it was" case_quit
run_case "top ends on SIGTERM, the terminal is as it was" case_signal TERM 0
run_case "top ends on SIGINT, the terminal is as it was" case_signal INT 0
run_case "top ends on SIGHUP, the terminal is as it was" case_signal HUP 0
run_case "top crashes, the terminal is as it was" case_signal SEGV 139
run_case "top is stopped and goes on" case_stopped
run_case "top without a terminal" case_no_terminal
run_case "top honours NO_COLOR" case_no_color
run_case "top in an ASCII locale" case_ascii
run_case "top on other terminals" case_terminals
run_case "top shows names, and they are harmless" case_names
exit 0
