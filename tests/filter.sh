#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Filters on a link of a lab: what weir counts behind one is what tcpdump counts with the same
# expression, of the same frames; a filter swapped under load loses none.
# tests/filter.sh BUILD_DIR, as root.
# shellcheck disable=SC2016,SC2317 # jq has variables of its own; cases are called by name
set -u

# shellcheck source=tests/lab_lib.sh
. "$(dirname "$0")/lab_lib.sh"
# shellcheck source=tests/measure_lib.sh
. "$HERE/measure_lib.sh"

lab()
{
	need jq tcpdump ethtool
	quiet_lab "${1:-off}"
}

balanced()
{
	same "balanced" "$(ask '$b.ledger.balanced')" true
	same "seen against filtered and counted" "$(ask '$b.ledger.seen')" \
		"$(ask '$b.ledger.filtered + $b.totals.packets')"
	same "bytes seen against filtered and counted" "$(ask '$b.ledger.bytes.seen')" \
		"$(ask '$b.ledger.bytes.filtered + $b.totals.bytes')"
}

# What weir has seen is what the interface has counted.
like_kernel()
{
	balanced
	same "packets seen against the kernel's" "$(ask 'grown(.ledger.seen)')" \
		"$(ask 'grown(.kernel.rx + .kernel.tx)')"
}

# ---- beside tcpdump ----

start_tcpdump()
{
	rm -f "$TMP/all.pcap"
	nsenter --net="/run/netns/$NAME-host" -- tcpdump -i "$IF" -U -w "$TMP/all.pcap" -B 65536 \
		-s 0 -Z root --immediate-mode >"$TMP/tcpdump" 2>&1 &
	TCPDUMP=$!
	for _ in {1..50}; do
		grep -q 'listening on' "$TMP/tcpdump" && return
		sleep 0.05
	done
	fail "tcpdump does not start: $(<"$TMP/tcpdump")"
}

stop_tcpdump()
{
	sleep 0.2
	kill -INT "$TCPDUMP"
	wait "$TCPDUMP"
	grep -q '^0 packets dropped by kernel' "$TMP/tcpdump" ||
		fail "tcpdump lost packets: $(<"$TMP/tcpdump")"
	same "packets tcpdump wrote" "$(sed -n 's/ packets* captured//p' "$TMP/tcpdump")" \
		"$(sed -n 's/ packets* received by filter//p' "$TMP/tcpdump")"
}

# EXPRESSION...: how many of the frames it saw match. (Not protochain: it never ends on some.)
by_tcpdump()
{
	timeout -s KILL 20 tcpdump -nn -r "$TMP/all.pcap" -w - "$@" 2>/dev/null |
		timeout -s KILL 20 tcpdump -nn -r - --count 2>/dev/null | sed -n 's/^\([0-9]*\) packets\{0,1\}$/\1/p'
}

# Generated frames in both directions, the same for tcpdump and weir.
beside_tcpdump()
{
	start_tcpdump
	measure before
	good peer "$REPLAY" "$PEER_IF" "$1" 1500
	good host "$REPLAY" "$IF" $(($1 + 100)) 1500
	measure after
	stop_tcpdump
	like_kernel
	same "frames tcpdump saw" "$(by_tcpdump)" "$(ask 'grown(.ledger.seen)')"
	(($(ask 'grown(.ledger.seen)') > 2000)) || fail "too few frames passed"
}

case_tcpdump()
{
	local expression series=10

	lab
	good weir attach -i "$IF" "${@:2}" arp
	while IFS= read -r expression; do
		good weir set-filter -i "$IF" "$expression"
		series=$((series + 1))
		beside_tcpdump "$series"
		same "packets counted by: $expression" "$(ask 'grown(.totals.packets)')" \
			"$(by_tcpdump "$expression")"
		(($(ask 'grown(.totals.packets)') > 0)) || fail "nothing matched $expression"
		same "filter in JSON" "$(ask '$b.filter')" "$expression"
	done <<<"$1"
}

readonly EXPRESSIONS='tcp
udp port 53
ip6
vlan
vlan and ip
mpls
(tcp port 443 or udp) and not vlan
host 10.0.0.1 and not host 10.0.0.2
tcp[tcpflags] & tcp-syn != 0
ip6 proto 6 and not vlan
ether[0] & 1 != 0 and greater 100'

# ---- data beyond what is linear ----

# The peer takes, the host sends: 0x5a all through, in page fragments.
send_payload()
{
	cat >"$TMP/sink.py" <<-'END'
		import socket
		s = socket.create_server(("192.0.2.2", 7001))
		print("listening", flush=True)
		c = s.accept()[0]
		while c.recv(1 << 20): pass
	END
	cat >"$TMP/source.py" <<-'END'
		import socket, tempfile
		f = tempfile.TemporaryFile()
		f.write(b"\x5a" * 3000000)
		f.flush()
		s = socket.create_connection(("192.0.2.2", 7001))
		s.sendfile(f)
		s.shutdown(socket.SHUT_WR)
		s.recv(1)
	END
	nsenter --net="/run/netns/$NAME-peer" -- python3 "$TMP/sink.py" >"$TMP/sink" 2>&1 &
	for _ in {1..50}; do
		grep -q listening "$TMP/sink" && break
		sleep 0.1
	done
	host python3 "$TMP/source.py" || fail "the host cannot send: $(<"$TMP/sink")"
}

# The first bytes of the payload: in page fragments, and in every segment, also of a super-packet.
case_fragments()
{
	local payload='tcp[((tcp[12] & 0xf0) >> 2):4] = 0x5a5a5a5a'

	lab
	good weir attach -i "$IF" "$payload"
	start_tcpdump
	measure before
	send_payload
	measure after
	stop_tcpdump
	like_kernel
	same "frames tcpdump saw" "$(by_tcpdump)" "$(ask 'grown(.ledger.seen)')"
	same "segments with the payload" "$(ask 'grown(.totals.packets)')" \
		"$(by_tcpdump "$payload")"
	(($(ask 'grown(.totals.packets)') > 1000)) || fail "too few segments passed"
}

tcp_out()
{
	host awk '/^Tcp:/ { if (n++) print $out + $again; else for (i = 2; i <= NF; i++) {
		if ($i == "OutSegs") out = i; if ($i == "RetransSegs") again = i } }' /proc/net/snmp
}

# A super-packet that is filtered counts as its segments, as one that is counted does.
case_gso()
{
	local tcp

	lab on
	good weir attach -i "$IF" udp
	measure before
	tcp=$(tcp_out)
	send_payload
	tcp=$(($(tcp_out) - tcp))
	measure after
	balanced
	(($(ask 'grown(.kernel.tx)') < tcp / 4)) || skip "the link made no super-packets"
	same "counted" "$(ask 'grown(.totals.packets)')" 0
	same "segments filtered" "$(ask 'grown(.ledger.filtered - .kernel.rx)')" "$tcp"
	# Each segment but the first of a super-packet repeats 66 bytes of headers. With a native
	# program, veth counts received bytes behind the Ethernet header.
	same "bytes filtered" "$(ask 'grown(.ledger.bytes.filtered)')" \
		"$(ask "grown(.kernel.rx_bytes + 14 * .kernel.rx + .kernel.tx_bytes) +
			($tcp - grown(.kernel.tx)) * 66")"
}

# ---- swapping ----

# Every packet of half a million is in the ledger, whatever was swapped meanwhile.
case_swap()
{
	local load swaps=0 rate=100000 _

	lab
	good weir attach -i "$IF" "${@:1}"
	for _ in 1 2 3; do
		measure before
		"$LABS" peer "$NAME" "$LOAD" --rate "$rate" udp "$PEER4" "$HOST4" 5001 500000 \
			>"$TMP/load" 2>&1 &
		load=$!
		while kill -0 "$load" 2>/dev/null; do
			good weir set-filter -q -i "$IF" udp port 5001
			good weir set-filter -q -i "$IF" tcp port 443 and not net 10.0.0.0/8
			good weir set-filter -q -i "$IF" --none
			good weir set-filter -q -i "$IF" 'ip6 protochain 6 or greater 1000'
			swaps=$((swaps + 4))
		done
		wait "$load"
		same "datagrams sent" "$(<"$TMP/load")" 500000
		measure after
		like_kernel
		(($(ask 'grown(.kernel.rx_dropped)') == 0)) && break
		echo "the link dropped frames at $rate packets per second"
		rate=$((rate / 2))
	done
	same "packets seen" "$(ask 'grown(.ledger.seen) >= 500000')" true
	((swaps >= 12)) || fail "only $swaps swaps in the time"
	same "some filtered, some not" \
		"$(ask 'grown(.ledger.filtered) > 0 and grown(.totals.packets) > 0')" true
	echo "$swaps swaps"
}

# Traffic is there already: not one packet that should be filtered is counted.
case_first_packet()
{
	local load _

	lab
	"$LABS" peer "$NAME" "$LOAD" --rate 50000 udp "$PEER4" "$HOST4" 5001 2000000 \
		>"$TMP/load" 2>&1 &
	load=$!
	for _ in {1..50}; do
		(($(kernel | jq .rx) > 1000)) && break
		sleep 0.1
	done
	good weir attach -i "$IF" udp port 5002
	for _ in {1..50}; do
		good weir show totals -j -i "$IF"
		(($(jq .ledger.filtered "$TMP/out") > 10000)) && break
		sleep 0.1
	done
	kill "$load"
	wait "$load"
	measure after
	cp "$TMP/after" "$TMP/before"
	balanced
	same "counted" "$(ask '$b.totals.packets')" 0
	same "filtered" "$(ask '$b.ledger.filtered > 10000')" true
}

case_refused_stays()
{
	local before

	lab
	good weir attach -i "$IF" icmp
	good weir status -j -i "$IF"
	before=$(jq -c '[.filter, .xdp_filter_program, .tc_filter_program]' "$TMP/out")
	refuses 1 weir set-filter -i "$IF" tcp port
	[[ $ERR == *"libpcap: "* ]] || fail "not in libpcap's words: $ERR"
	refuses 1 weir set-filter -i "$IF" ifname eth0
	[[ $ERR == *"libpcap: "* ]] || fail "not in libpcap's words: $ERR"
	good weir status -j -i "$IF"
	same "the filter" "$(jq -c '[.filter, .xdp_filter_program, .tc_filter_program]' \
		"$TMP/out")" "$before"
	good weir status -i "$IF"
	[[ $OUT == *"filter"*"icmp (programs "* ]] || fail "status does not tell of it: $OUT"
	refuses 1 weir show -i "$IF" -d 1 udp
	[[ $ERR == *"set-filter"* ]] || fail "it does not say what to do: $ERR"
	good weir show -i "$IF" icmp
	good weir set-filter -i "$IF" --none
	good weir status -j -i "$IF"
	same "no filter" "$(jq -c '[.filter, .xdp_filter_program, .tc_filter_program]' \
		"$TMP/out")" '[null,0,0]'
	good weir detach -i "$IF"
	refuses 1 weir attach -i "$IF" tcp port
	[[ $ERR == *"libpcap: "* ]] || fail "not in libpcap's words: $ERR"
	[[ ! -e /sys/fs/bpf/weir ]] || fail "pins are left of what failed"
	refuses 1 weir set-filter -i "$IF" udp
}

# ---- what is left behind ----

# MAP...: ids of the programs in prog arrays, as bpftool names a map.
in_slots()
{
	bpftool -j map dump "$@" | jq -r '.[].value | select(type == "array") | reverse | map(.[2:]) |
		add' | while read -r hex; do echo $((16#$hex)); done
}

case_detach()
{
	local ids pins

	need bpftool
	lab
	good weir attach -i "$IF" tcp
	pins=$(echo /sys/fs/bpf/weir/v*/*)
	ids=$(in_slots pinned "$pins/xdp_slots" && in_slots pinned "$pins/tc_slots")
	good weir set-filter -i "$IF" udp
	good weir status -j -i "$IF"
	ids+=" $(jq -r '.xdp_program, .tc_program, .xdp_filter_program, .tc_filter_program' "$TMP/out")"
	good weir detach -i "$IF"
	# shellcheck disable=SC2086 # numbers
	freed prog 8 $ids
	[[ ! -e /sys/fs/bpf/weir ]] || fail "pins are left"
}

# Held by a command: what it counts, and that nothing stays when it is killed.
case_held()
{
	local load pid ids id _

	need bpftool
	lab
	"$LABS" peer "$NAME" "$LOAD" --rate 20000 udp "$PEER4" "$HOST4" 5001 2000000 \
		>"$TMP/load" 2>&1 &
	load=$!
	good weir show flows -j -n 0 -i "$IF" -d 1 udp dst port 5001
	same "flows of another kind" "$(jq '[.flows[] | select(.dport != 5001)] | length' \
		"$TMP/out")" 0
	same "flows of this" "$(jq '[.flows[] | select(.dport == 5001)] | length' "$TMP/out")" 1
	same "balanced" "$(jq .ledger.balanced "$TMP/out")" true
	nsenter --net="/run/netns/$NAME-host" -- "$WEIR" top -i "$IF" -I 0.2 icmp >"$TMP/top" 2>&1 &
	pid=$!
	for _ in {1..50}; do
		grep -q 'Ledger.*filtered' "$TMP/top" && break
		sleep 0.1
	done
	grep -q 'Ledger.*filtered' "$TMP/top" || fail "top does not tell: $(<"$TMP/top")"
	ids=$(held_ids "$pid" prog)
	for id in $(held_ids "$pid" map); do
		[[ $(bpftool -j map show id "$id" | jq -r .type) != prog_array ]] ||
			ids+=" $(in_slots id "$id")"
	done
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	kill "$load"
	# shellcheck disable=SC2086 # numbers
	freed prog 8 $ids
}

# ---- no Ethernet header ----

case_tun()
{
	lab
	tun
	refuses 1 weir attach -i wtun0 --mode skb ether host 02:00:00:00:00:01
	[[ $ERR == *"libpcap: "* ]] || fail "not in libpcap's words: $ERR"
	good weir attach -i wtun0 --mode skb udp dst port 5001 and dst net 198.51.100.0/24
	measure before wtun0
	good host "$LOAD" --rate 20000 udp 198.51.100.1 198.51.100.9 5001 3000
	good host "$LOAD" --rate 20000 udp 198.51.100.1 198.51.100.9 5002 2000
	measure after wtun0
	balanced
	same "counted" "$(ask 'grown(.totals.packets)')" 3000
	same "filtered" "$(ask 'grown(.ledger.filtered) >= 2000')" true
	same "the kernel's" "$(ask 'grown(.ledger.seen)')" "$(ask 'grown(.kernel.rx + .kernel.tx)')"
}

run_case "a filter counts what tcpdump counts, native" case_tcpdump "$EXPRESSIONS"
run_case "a filter counts what tcpdump counts, skb" case_tcpdump "tcp
vlan and ip
ip6 or arp" --mode skb
run_case "a filter sees page fragments" case_fragments
run_case "filtered super-packets count as their segments" case_gso
run_case "set-filter under load loses nothing" case_swap
run_case "set-filter under load loses nothing, skb" case_swap --mode skb
run_case "attach with a filter counts nothing else" case_first_packet
run_case "a refused filter leaves the old one" case_refused_stays
run_case "detach frees the filter's programs" case_detach
run_case "show and top with a filter" case_held
run_case "a filter without Ethernet header" case_tun
exit 0
