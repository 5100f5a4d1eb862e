#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# weir packets in a lab: what it writes is what was sent, packet for packet, and what tcpdump saw
# of the same; its text is tcpdump's for the common shapes; sampling is at random; the counting is
# exact whatever becomes of the copies; nothing of it is left, also after SIGKILL.
# tests/packets.sh BUILD_DIR, as root.
# shellcheck disable=SC2317 # cases are called by name
set -u

# shellcheck source=tests/lab_lib.sh
. "$(dirname "$0")/lab_lib.sh"
export TZ=UTC

after_case()
{
	lab_down
	! mountpoint -q "$TMP/small" || umount -l "$TMP/small"
}

lab()
{
	need jq tcpdump tshark ethtool python3
	quiet_lab off
}

# FILE PATTERN: until a line of the file matches.
wait_for()
{
	local _

	for _ in {1..150}; do
		grep -qs -- "$2" "$1" && return
		sleep 0.1
	done
	fail "no '$2' in: $(cat "$1")"
}

# NAME ARGUMENT...: weir packets in the background, its output in $TMP/NAME.out and .err.
start()
{
	local name=$1

	shift
	rm -f "$TMP/$name.out" "$TMP/$name.err"
	nsenter --net="/run/netns/$NAME-host" -- "$WEIR" packets -i "$IF" "$@" \
		>"$TMP/$name.out" 2>"$TMP/$name.err" &
	PID=$!
	wait_for "$TMP/$name.err" 'weir: .* packets'
}

# NAME PID: Ctrl-C, and it ended well. LAST is what it said at the end.
stop()
{
	local status=0

	kill -INT "$2"
	wait "$2" || status=$?
	cat "$TMP/$1.err"
	same "exit code of weir packets" "$status" 0
	LAST=$(grep -E 'eligible' "$TMP/$1.err")
}

# NUMBER-NAME: of the line at the end, "shown", "eligible", "dropped" and so on.
said()
{
	case $1 in
	shown) sed -nE 's/.*weir: ([0-9]+) packets (shown|written).*/\1/p' <<<"$LAST" ;;
	eligible) sed -nE 's/.* of ([0-9]+) eligible.*/\1/p' <<<"$LAST" ;;
	chosen) sed -nE 's/.* ([0-9]+) chosen.*/\1/p' <<<"$LAST" ;;
	dropped) sed -nE 's/.* ([0-9]+) dropped.*/\1/p' <<<"$LAST" ;;
	esac
}

received()
{
	host ip -j -s link show "$IF" | jq '.[0].stats64 | .rx.packets + .tx.packets'
}

seen()
{
	good weir show totals -j -i "$IF" >"$TMP/shown"
	same "balanced" "$(jq .ledger.balanced "$TMP/out")" true
	SEEN=$(jq .ledger.seen "$TMP/out")
}

packets_of()
{
	python3 "$HERE/pcap.py" "$@" || fail "a file is damaged: $*"
}

# FILE...: length and bytes of each packet, in an order that is theirs alone.
content()
{
	packets_of "$@" | cut -d' ' -f2- | sort
}

start_tcpdump()
{
	rm -f "$TMP/all.pcap" "$TMP/tcpdump"
	nsenter --net="/run/netns/$NAME-host" -- tcpdump -i "$IF" -U -w "$TMP/all.pcap" -B 65536 \
		-s 0 -Z root --immediate-mode >"$TMP/tcpdump" 2>&1 &
	TCPDUMP=$!
	wait_for "$TMP/tcpdump" 'listening on'
}

# Once it has read all there is.
stop_tcpdump()
{
	local size=-1 _

	for _ in {1..50}; do
		[[ $(stat -c %s "$TMP/all.pcap") != "$size" ]] || break
		size=$(stat -c %s "$TMP/all.pcap")
		sleep 0.3
	done
	kill -INT "$TCPDUMP"
	wait "$TCPDUMP"
	cat "$TMP/tcpdump"
	grep -q '^0 packets dropped by kernel' "$TMP/tcpdump" ||
		fail "tcpdump lost packets: $(<"$TMP/tcpdump")"
	same "packets tcpdump wrote" "$(sed -n 's/ packets* captured//p' "$TMP/tcpdump")" \
		"$(sed -n 's/ packets* received by filter//p' "$TMP/tcpdump")"
}

# ---- files ----

# WHETHER FRAMES OPTION...: attached, or "held"; so many generated frames in each direction.
case_files()
{
	local n pid

	lab
	[[ $1 == held ]] || good weir attach -i "$IF" "${@:3}"
	start w -w "$TMP/weir.pcap" --ring 64
	pid=$PID
	start_tcpdump
	good peer "$REPLAY" "$PEER_IF" 5 "$2"
	good host "$REPLAY" "$IF" 6 "$2"
	stop_tcpdump
	stop w "$pid"
	n=$(packets_of "$TMP/weir.pcap" | wc -l)
	((n > $2)) || fail "only $n packets"
	content "$TMP/weir.pcap" >"$TMP/a" && content "$TMP/all.pcap" >"$TMP/b"
	cmp "$TMP/a" "$TMP/b" || fail "packets differ from what tcpdump saw: $(diff "$TMP/a" \
		"$TMP/b" | head -c 300)"
	same "packets said" "$(said shown),$(said eligible),$(said dropped)" "$n,$n,0"
	same "packets tcpdump reads" "$(tcpdump -nr "$TMP/weir.pcap" --count 2>/dev/null)" "$n packets"
	same "packets tshark reads" "$(tshark -n -r "$TMP/weir.pcap" -T fields -e frame.len | wc -l)" "$n"
	same "bytes tshark reads" "$(tshark -n -r "$TMP/weir.pcap" -T fields -e frame.len |
		awk '{ n += $1 } END { print n }')" "$(cut -d' ' -f1 "$TMP/a" | awk '{ n += $1 } END { print n }')"
	same "magic number" "$(head -c 4 "$TMP/weir.pcap" | od -An -tx4 --endian=little)" " a1b23c4d"
	packets_of "$TMP/weir.pcap" | awk '{ if ($1 < last) exit 1; last = $1 }' ||
		fail "times go backwards"
	same "times have nanoseconds" "$(packets_of "$TMP/weir.pcap" | cut -d' ' -f1 |
		grep -c '000$' | awk -v n="$n" '{ print ($1 < n / 20) }')" 1
}

# In one lab: a snap length; filters, behind one of the counting; a number; a pipe.
case_options()
{
	local expression _

	lab
	good weir attach -i "$IF" udp
	start w -w "$TMP/weir.pcap" --snaplen 60
	start_tcpdump
	good peer "$REPLAY" "$PEER_IF" 7 400
	stop_tcpdump
	stop w "$PID"
	content "$TMP/weir.pcap" >"$TMP/a"
	packets_of "$TMP/all.pcap" | cut -d' ' -f2- |
		awk '{ print $1, substr($2, 1, 120) }' | sort >"$TMP/b"
	cmp "$TMP/a" "$TMP/b" || fail "--snaplen: not the first 60 bytes of each"
	for expression in 'vlan and ip' 'inbound and ip6'; do
		start w -w "$TMP/weir.pcap" "$expression"
		good peer "$REPLAY" "$PEER_IF" 7 400
		sleep 0.1
		stop w "$PID"
		content "$TMP/weir.pcap" >"$TMP/a"
		tcpdump -nr "$TMP/all.pcap" -w - "${expression#inbound and }" >"$TMP/match.pcap" ||
			fail "tcpdump cannot read its file"
		content "$TMP/match.pcap" >"$TMP/b"
		cmp "$TMP/a" "$TMP/b" || fail "packets differ with the filter $expression"
		[[ -s $TMP/a ]] || fail "nothing matched $expression"
	done
	start w -c 7 -w "$TMP/weir.pcap"
	good peer "$LOAD" --rate 1000 udp "$PEER4" "$HOST4" 5001 100
	wait "$PID"
	same "exit code" $? 0
	same "packets of -c 7" "$(packets_of "$TMP/weir.pcap" | wc -l)" 7
	rm -f "$TMP/w.err"
	nsenter --net="/run/netns/$NAME-host" -- "$WEIR" packets -i "$IF" -w - icmp \
		2>"$TMP/w.err" | tshark -n -l -r - -c 3 >"$TMP/tshark" 2>&1 &
	wait_for "$TMP/w.err" 'writing packets'
	good peer ping -q -c 3 -i 0.2 "$HOST4"
	wait_for "$TMP/tshark" 'Echo (ping) reply'
	# A closed pipe is noticed when something is written to it.
	for _ in {1..50}; do
		[[ $(jobs -r) ]] || break
		good peer ping -q -c 1 "$HOST4"
		sleep 0.1
	done
	same "what still runs" "$(jobs -r)" ""
	same "packets of tshark" "$(grep -c 'Echo (ping)' "$TMP/tshark")" 3
	same "what was said when nobody read any more" "$(grep -vc 'writing packets' "$TMP/w.err")" 0
}

# ---- text ----

# The common shapes, of a real stack: TCP, UDP, DNS questions, ICMP, ARP, IPv6, fragments.
traffic()
{
	host sysctl -qw "net.ipv6.conf.$IF.disable_ipv6=0"
	peer sysctl -qw "net.ipv6.conf.$PEER_IF.disable_ipv6=0"
	host ip -6 addr replace 2001:db8::1/64 dev "$IF" nodad
	peer ip -6 addr replace 2001:db8::2/64 dev "$PEER_IF" nodad
	cat >"$TMP/server.py" <<-'END'
		import socket, threading
		def echo(c):
		    while True:
		        b = c.recv(65536)
		        if not b: break
		        c.sendall(b)
		    c.close()
		s = socket.create_server(("::", 7001), family=socket.AF_INET6, dualstack_ipv6=True)
		print("listening", flush=True)
		while True:
		    threading.Thread(target=echo, args=(s.accept()[0],), daemon=True).start()
	END
	nsenter --net="/run/netns/$NAME-peer" -- python3 "$TMP/server.py" >"$TMP/server" 2>&1 &
	wait_for "$TMP/server" listening
	cat >"$TMP/client.py" <<-'END'
		import socket, struct
		def question(name, kind):
		    return struct.pack(">HHHHHH", 4660, 0x100, 1, 0, 0, 0) + b"".join(
		        bytes([len(l)]) + l for l in name.split(b".")) + b"\0" + struct.pack(">HH", kind, 1)
		for address in "192.0.2.2", "2001:db8::2":
		    s = socket.create_connection((address, 7001))
		    for size in 1, 1000, 30000:
		        s.sendall(b"x" * size)
		        while size: size -= len(s.recv(65536))
		    s.close()
		    u = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
		    for size in 0, 5, 1400:
		        u.sendto(b"y" * size, (address, 40002))
		    for kind in 1, 28, 12, 255:
		        u.sendto(question(b"www.example.com", kind), (address, 53))
	END
	good host python3 "$TMP/client.py"
	good host ping -q -c 2 -i 0.2 "$PEER4"
	good host ping -q -c 2 -i 0.2 "$PEER6"
	host ip neigh del "$PEER4" dev "$IF"
	good host ping -q -c 1 "$PEER4"
}

# What differs by design: nothing in these.
case_text()
{
	local shape

	lab
	good weir attach -i "$IF"
	start w -w "$TMP/weir.pcap"
	traffic
	sleep 0.3
	stop w "$PID"
	good "$WEIR" packets -r "$TMP/weir.pcap"
	tcpdump -nr "$TMP/weir.pcap" >"$TMP/b" 2>/dev/null
	cmp "$TMP/out" "$TMP/b" || fail "text differs from tcpdump's: $(diff "$TMP/out" "$TMP/b" |
		head -c 600)"
	for shape in 'Flags \[S\], seq [0-9]*, win [0-9]*, options \[mss' 'Flags \[P\.\], seq 1:2, ack 1' \
		'IP6 .* Flags' 'A? www.example.com' 'AAAA?' 'UDP, length 0' 'ICMP echo reply' \
		'udp port 40002 unreachable' 'ICMP6, echo request' 'unreachable port' 'who-has' 'is-at'; do
		grep -q -- "$shape" "$TMP/out" || fail "there was no $shape"
	done
}

# What is shown live is what is shown of the file; a reader that leaves ends it quietly.
case_live_text()
{
	local text

	lab
	good weir attach -i "$IF"
	start w -w "$TMP/weir.pcap" icmp
	text=$PID
	start t icmp
	good peer ping -q -c 5 -i 0.05 "$HOST4"
	wait_for "$TMP/t.out" 'seq 5'
	sleep 0.1
	stop t "$PID"
	stop w "$text"
	good "$WEIR" packets -r "$TMP/weir.pcap"
	same "lines" "$(wc -l <"$TMP/out")" 10
	cut -d' ' -f2- "$TMP/out" >"$TMP/a" && cut -d' ' -f2- "$TMP/t.out" >"$TMP/b"
	cmp "$TMP/a" "$TMP/b" || fail "text differs: $(diff "$TMP/a" "$TMP/b" | head -c 300)"
	good "$WEIR" packets -r "$TMP/weir.pcap" icmp[0] == 8
	same "lines of the filter" "$(wc -l <"$TMP/out")" 5
	good bash -o pipefail -c "'$WEIR' packets -r '$TMP/weir.pcap' | head -n 1"
	same "what it says to a closed pipe" "$ERR" ""
}

# ---- sampling, a full ring, several at once ----

case_sample()
{
	local all=60000 n

	lab
	n=$(received)
	good weir attach -i "$IF"
	start w -w "$TMP/weir.pcap" --sample 20
	good peer "$LOAD" --rate 60000 udp "$PEER4" "$HOST4" 5001 "$all"
	sleep 0.2
	stop w "$PID"
	seen
	n=$(($(received) - n))
	same "eligible packets against the kernel's" "$(said eligible)" "$n"
	same "counted packets against the kernel's" "$SEEN" "$n"
	same "chosen" "$(said chosen)" "$(packets_of "$TMP/weir.pcap" | wc -l)"
	grep -q '1 in 20 at random' "$TMP/w.err" || fail "the rate is not told: $(<"$TMP/w.err")"
	awk -v k="$(said chosen)" -v n="$n" 'BEGIN { p = 1 / 20; s = sqrt(n * p * (1 - p));
		printf "%d of %d, %.2f sigma\n", k, n, (k - n * p) / s; d = k - n * p;
		exit !(d * d < 25 * s * s) }' || fail "$(said chosen) of $n chosen by 1 in 20"
}

# A reader that does not read: the copy loses, the counting does not; and it is told.
case_full_ring()
{
	local n pid

	lab
	n=$(received)
	[[ $1 != attached ]] || good weir attach -i "$IF"
	start w -w "$TMP/weir.pcap" --ring 1
	pid=$PID
	kill -STOP "$pid"
	good peer "$LOAD" --rate 100000 udp "$PEER4" "$HOST4" 5001 100000
	sleep 0.2
	n=$(($(received) - n))
	kill -CONT "$pid"
	sleep 0.3
	stop w "$pid"
	same "eligible packets against the kernel's" "$(said eligible)" "$n"
	(($(said dropped) > 1000)) || fail "nothing was dropped: $LAST"
	same "kept and dropped" "$(($(said shown) + $(said dropped)))" "$n"
	same "packets in the file" "$(packets_of "$TMP/weir.pcap" | wc -l)" "$(said shown)"
	grep -q "counted all the same: $n packets.*, balanced" "$TMP/w.err" ||
		fail "the counting lost some of $n: $(<"$TMP/w.err")"
}

# Two taps and a filter that is swapped meanwhile: each has its own packets.
case_two()
{
	local one two load n _

	lab
	good weir attach -i "$IF"
	n=$(received)
	start a -w "$TMP/a.pcap" --ring 64
	one=$PID
	start b -w "$TMP/b.pcap" --ring 64 udp port 5001
	two=$PID
	"$LABS" peer "$NAME" "$LOAD" --rate 20000 udp "$PEER4" "$HOST4" 5001 60000 >"$TMP/load" 2>&1 &
	load=$!
	for _ in {1..4}; do
		good weir set-filter -q -i "$IF" tcp
		start c -c 10 -d 5 -w "$TMP/c.pcap"
		wait "$PID"
		good weir set-filter -q -i "$IF" --none
	done
	wait "$load"
	same "datagrams sent" "$(<"$TMP/load")" 60000
	sleep 0.2
	stop b "$two"
	same "packets of the second" "$(said shown)" 60000
	stop a "$one"
	n=$(($(received) - n))
	same "packets of the first" "$(said shown)" "$n"
	seen
	same "seen" "$SEEN" "$n"
}

# With no more than the three capabilities, in front of another tap and a filter, and gone again.
case_capabilities()
{
	local few=bpf,net_admin,perfmon one

	need setpriv
	lab
	good weir attach -i "$IF" icmp
	start a -w "$TMP/a.pcap"
	one=$PID
	start b -w "$TMP/b.pcap"
	stop a "$one"
	one=$PID
	try host setpriv --bounding-set "-all,+${few//,/,+}" "$WEIR" packets -i "$IF" -d 0.5 icmp
	same "exit code: $ERR" "$CODE" 0
	good weir status -i "$IF"
	[[ $OUT == *"taps       1 of 4 open"* ]] || fail "status does not tell of the one that is left: $OUT"
	good host setpriv --bounding-set "-all,+${few//,/,+}" "$WEIR" set-filter -q -i "$IF" udp
	good peer ping -q -c 3 -i 0.1 "$HOST4"
	sleep 0.1
	stop b "$one"
	same "packets" "$(said shown)" 6
	seen
	same "filtered" "$(jq .ledger.filtered "$TMP/out")" 6
}

# ---- what is left behind ----

# MAP...: of these that with a tap's counters.
counters_of()
{
	local id

	for id; do
		[[ $(bpftool -j map show id "$id" | jq -r .name) != tap_cpus ]] || echo "$id"
	done
}

copied()
{
	bpftool -j map dump id "$1" | jq '[.. | .copied? // empty] | add'
}

case_killed()
{
	local load before base ids counters

	need bpftool
	lab
	base=$(received)
	good weir attach -i "$IF"
	"$LABS" peer "$NAME" "$LOAD" --rate 5000 udp "$PEER4" "$HOST4" 5001 200000 >"$TMP/load" 2>&1 &
	load=$!
	start w -w "$TMP/weir.pcap" "${@:1}"
	sleep 0.2
	ids=$(held_ids "$PID" prog)
	# shellcheck disable=SC2046 # numbers
	counters=$(counters_of $(held_ids "$PID" map))
	kill -KILL "$PID"
	wait "$PID" 2>/dev/null
	same "its pins" "$(find /sys/fs/bpf/weir -name 'tap*' | wc -l)" 1
	sleep 2.1
	before=$(copied "$counters")
	sleep 0.5
	same "packets copied when the lease was over" "$(copied "$counters")" "$before"
	((before > 100)) || fail "it never copied any"
	good weir status -i "$IF"
	[[ $ERR == *"removed 1 tap that a killed weir left"* ]] || fail "it is not told: $ERR"
	[[ $OUT == *balanced* ]] || fail "not balanced: $OUT"
	# shellcheck disable=SC2086 # numbers
	freed prog 4 $ids
	same "its pins" "$(find /sys/fs/bpf/weir -name 'tap*' | wc -l)" 0
	good weir status -i "$IF"
	same "said the next time" "$ERR" ""
	kill "$load"
	wait "$load" 2>/dev/null
	sleep 0.2
	seen
	same "seen" "$SEEN" "$(($(received) - base))"
}

case_killed_held()
{
	local ids

	need bpftool
	lab
	start w -w "$TMP/weir.pcap"
	ids=$(held_ids "$PID" prog)
	kill -KILL "$PID"
	wait "$PID" 2>/dev/null
	# shellcheck disable=SC2086 # numbers
	freed prog 6 $ids
	same "XDP programs" "$(host ip -j link show "$IF" | jq '.[0].xdp // empty')" ""
}

# Detached while it looks: it says so, and ends.
case_detached()
{
	local status=0

	lab
	good weir attach -i "$IF"
	start w -w "$TMP/weir.pcap"
	good weir detach -i "$IF"
	wait "$PID" || status=$?
	same "exit code" "$status" 1
	grep -q 'weir was detached' "$TMP/w.err" || fail "it does not say so: $(<"$TMP/w.err")"
}

# ---- rotation ----

case_rotation()
{
	local f

	lab
	good weir attach -i "$IF"
	start w -w "$TMP/all.pcap" udp port 5001
	good peer "$LOAD" --rate 10000 udp "$PEER4" "$HOST4" 5001 30000
	sleep 0.1
	stop w "$PID"
	mkdir "$TMP/r"
	echo precious >"$TMP/r/size-00002.pcap"
	good "$WEIR" packets -r "$TMP/all.pcap" -w "$TMP/r/size.pcap" --rotate-size 1
	same "what was there" "$(<"$TMP/r/size-00002.pcap")" precious
	rm "$TMP/r/size-00002.pcap"
	[[ -e $TMP/r/size-00003.pcap && ! -e $TMP/r/size.pcap ]] || fail "$(ls "$TMP/r")"
	for f in "$TMP"/r/size-*; do
		(($(stat -c %s "$f") <= 1000000)) || fail "$f is larger than a million bytes"
	done
	packets_of "$TMP/all.pcap" >"$TMP/a" && packets_of "$TMP"/r/size-* >"$TMP/b"
	cmp "$TMP/a" "$TMP/b" || fail "the files of a rotation by size are not the whole"
	good "$WEIR" packets -r "$TMP/all.pcap" -w "$TMP/r/time-%S.pcap" -G 1
	(($(find "$TMP/r" -name 'time-*' | wc -l) >= 3)) || fail "$(ls "$TMP/r")"
	packets_of "$TMP"/r/time-* | sort >"$TMP/b"
	sort "$TMP/a" | cmp - "$TMP/b" || fail "the files of a rotation by time are not the whole"
	for f in "$TMP"/r/time-*; do
		packets_of "$f" | awk 'NR == 1 { first = $1 } END { exit $1 - first > 1e9 }' ||
			fail "$f is longer than a second"
	done
	good "$WEIR" packets -r "$TMP/all.pcap" -w "$TMP/r/again.pcap"
	good "$WEIR" packets -r "$TMP/all.pcap" -w "$TMP/r/again.pcap" udp
	same "a file without rotation" "$(packets_of "$TMP/r/again.pcap" | wc -l)" 30000
	# Live, by the clock: the last files of a second each.
	start w -w "$TMP/r/live.pcap" --rotate-seconds 0.5 udp port 5001
	good peer "$LOAD" --rate 4000 udp "$PEER4" "$HOST4" 5001 6000
	sleep 0.1
	stop w "$PID"
	same "packets of the live rotation" "$(packets_of "$TMP"/r/live-* | wc -l)" 6000
	(($(find "$TMP/r" -name 'live-*' | wc -l) >= 3)) || fail "$(ls "$TMP/r")"
}

# ---- links without an Ethernet header ----

case_tun()
{
	lab
	tun
	good weir attach -i wtun0 --mode skb
	IF=wtun0 start w -w "$TMP/weir.pcap" udp
	good host "$LOAD" --rate 20000 udp 198.51.100.1 198.51.100.9 5001 300
	sleep 0.1
	stop w "$PID"
	same "link type" "$(od -An -tu4 -j20 -N4 "$TMP/weir.pcap" | tr -d ' ')" 101
	same "packets" "$(said shown)" 300
	same "tshark's" "$(tshark -n -r "$TMP/weir.pcap" -Y 'udp.dstport == 5001' 2>/dev/null | wc -l)" 300
	good "$WEIR" packets -r "$TMP/weir.pcap" -c 1
	[[ $OUT == *"IP 198.51.100.1."*" > 198.51.100.9.5001: UDP, length "* ]] || fail "$OUT"
}

# ---- what goes wrong ----

case_wrong()
{
	lab
	printf '\x00' >"$TMP/nothing.pcap"
	refuses 1 "$WEIR" packets -r "$TMP/nothing.pcap"
	refuses 1 "$WEIR" packets -r "$TMP/missing.pcap"
	[[ $ERR == *missing.pcap*"No such file"* ]] || fail "$ERR"
	refuses 1 "$WEIR" packets -r /dev/null -w /dev/full
	refuses 2 "$WEIR" packets -r a -i b
	refuses 2 "$WEIR" packets -i "$IF" --rotate-size 1
	refuses 2 "$WEIR" packets -i "$IF" --sample 0
	refuses 2 "$WEIR" packets -i "$IF" --snaplen x
	refuses 1 weir packets -i nosuch0
	refuses 1 weir packets -i "$IF" tcp port
	[[ $ERR == *"libpcap: "* ]] || fail "not in libpcap's words: $ERR"
	refuses 1 weir packets -i "$IF" -w /nosuch/dir/x.pcap
	refuses 1 host setpriv --reuid 65534 --clear-groups "$WEIR" packets -i "$IF"
	[[ $ERR == *"run as root"* ]] || fail "it does not say what to do: $ERR"
	good weir attach -i "$IF"
	refuses 1 weir packets -i "$IF" tcp port
	[[ ! $(find /sys/fs/bpf/weir -name 'tap*') ]] || fail "a pin is left"
	refuses 1 host setpriv --reuid 65534 --clear-groups "$WEIR" packets -i "$IF"
	[[ $ERR == *"run as root"* ]] || fail "it does not say what to do: $ERR"
}

# A full disk: one line, what was written before is a file, and nothing is left in the kernel.
case_disk_full()
{
	local status=0

	lab
	mkdir "$TMP/small"
	mount -t tmpfs -o size=1m tmpfs "$TMP/small" || skip "no tmpfs"
	good weir attach -i "$IF"
	start w -w "$TMP/small/x.pcap"
	good peer "$LOAD" --rate 20000 udp "$PEER4" "$HOST4" 5001 40000
	wait "$PID" || status=$?
	cp "$TMP/small/x.pcap" "$TMP/x.pcap"
	umount "$TMP/small"
	same "exit code" "$status" 1
	same "lines that say so" "$(grep -c 'No space left' "$TMP/w.err")" 1
	(($(tcpdump -nr "$TMP/x.pcap" 2>/dev/null | wc -l) > 5000)) || fail "nothing can be read of it"
	[[ ! $(find /sys/fs/bpf/weir -name 'tap*') ]] || fail "a pin is left"
}

run_case "packets -w is what tcpdump saw, attached" case_files attached 1500
run_case "packets -w is what tcpdump saw, skb" case_files attached 300 --mode skb
run_case "packets -w is what tcpdump saw, not attached" case_files held 300
run_case "packets: snap length, filters, -c, a pipe" case_options
run_case "packets as text are tcpdump's" case_text
run_case "packets live are those of the file" case_live_text
run_case "packets --sample is at random" case_sample
run_case "a full ring costs copies, not counts" case_full_ring attached
run_case "a full ring costs copies, not counts, not attached" case_full_ring held
run_case "two at once, and filters swapped" case_two
run_case "with three capabilities" case_capabilities
run_case "killed: copying ends, the next command cleans up" case_killed
run_case "killed with a filter" case_killed udp port 5001
run_case "killed, not attached" case_killed_held
run_case "detached meanwhile" case_detached
run_case "packets in files of so many bytes or seconds" case_rotation
run_case "packets without Ethernet header" case_tun
run_case "packets refused" case_wrong
run_case "packets and a full disk" case_disk_full
exit 0
